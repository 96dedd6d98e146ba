"""``delta-connector z3950 search`` against real targets, and against those that misbehave."""

import argparse
import asyncio
import codecs
import json
import socket
import subprocess
import time

import pytest

from connectors.cli import main
from connectors.tools.z3950 import address_of, read_query
from connectors.tools.z3950_answer import record_json
from connectors.z3950 import oid, pqf
from connectors.z3950.apdu import (
    Close,
    InitRequest,
    InitResponse,
    PresentRequest,
    PresentResponse,
    SearchRequest,
    SearchResponse,
)
from connectors.z3950.ber import Limits
from connectors.z3950.errors import MalformedQuery
from connectors.z3950.profile import Profile
from connectors.z3950.record import NamePlusRecord, to_external
from connectors.z3950.reply import Record
from connectors.z3950.session import TargetSession
from examples.alliance.stock import stock_of
from examples.alliance.town import free_port
from tests.connectors.z3950.peers import scripted_target
from tests.connectors.z3950.programs import running_zebra
from tests.examples.desk import BY_SLUG, LIBRARIES, SEED, HandClock, open_ils
from tests.peers import require_program


@pytest.fixture(scope="module")
def ztest():
    program = require_program("yaz-ztest")
    port = free_port()
    with subprocess.Popen([program, "-v", "none", f"tcp:127.0.0.1:{port}"]) as process:
        try:
            _wait_for(port)
            yield f"127.0.0.1:{port}/Default"
        finally:
            process.kill()


def _wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


def search(capsys, *arguments):
    code = main(["z3950", "search", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


async def searched(capsys, *arguments):
    return await asyncio.to_thread(search, capsys, *arguments)


def test_a_real_target_answers_in_the_stated_shape(ztest, capsys):
    code, answer = search(capsys, ztest, "@attr 1=4 computer", "-n", "3")
    assert (code, answer["state"], len(answer["records"]), answer["diagnostics"]) == (0, "ok", 3, [])
    assert set(answer) == {"state", "hits", "records", "diagnostics", "seconds"}
    record = answer["records"][0]
    assert (set(record), record["syntax"], record["charset"]) == ({"syntax", "charset", "marc"}, "usmarc", "utf-8")
    assert set(record["marc"]) == {"leader", "fields"}


def test_more_than_one_part_is_fetched(ztest, capsys):
    code, answer = search(capsys, ztest, "computer", "-n", "23")
    assert (code, answer["state"], len(answer["records"])) == (0, "ok", answer["hits"])


@pytest.mark.parametrize(("syntax", "is_marc"), [("xml", True), ("opac", True), ("sutrs", False), (oid.USMARC, True)])
def test_a_syntax_can_be_named(ztest, capsys, syntax, is_marc):
    _, answer = search(capsys, ztest, "computer", "-n", "1", "--syntax", syntax)
    (record,) = answer["records"]
    assert (record["marc"] is not None) is is_marc
    assert is_marc or "SUTRS" in record["text"]


def test_none_may_be_asked_for(ztest, capsys):
    code, answer = search(capsys, ztest, "computer", "-n", "0")
    assert (code, answer["state"], answer["records"]) == (0, "ok", [])
    assert answer["hits"] > 0


def test_a_diagnostic_is_a_failure_with_its_code(ztest, capsys):
    code, answer = search(capsys, ztest.replace("Default", "elsewhere"), "computer")
    assert (code, answer["state"], answer["diagnostics"][0]["code"]) == (1, "failed", 109)


def a_title(library):
    titles = (bib.title for bib in stock_of(library, LIBRARIES, SEED))
    return next(title for title in titles if not title.isascii() and " " not in title)


@pytest.mark.parametrize("slug", ["yangpu", "shanghai", "suzhou"])
async def test_a_sample_library_is_searched_in_its_own_charset_and_format(tmp_path, capsys, slug):
    library = BY_SLUG[slug]
    title = a_title(library)
    async with open_ils(library, tmp_path, HandClock()) as ils:
        address = f"127.0.0.1:{ils.ports.z3950}/default"
        charset = library.z3950.query_charset
        code, answer = await searched(capsys, address, title, "--charset", charset, "-n", "1")
        assert (code, answer["state"]) == (0, "ok")
        assert title in json.dumps(answer["records"][0]["marc"], ensure_ascii=False)
        code, answer = await searched(capsys, address, "没有这本书", "--charset", charset)
        assert (code, answer["state"], answer["hits"]) == (1, "unconfirmed", 0)
        code, answer = await searched(capsys, address, "nobody-wrote-this")
        assert (code, answer["state"]) == (0, "empty")


async def test_the_answer_for_people_names_title_and_state(tmp_path, capsys):
    async with open_ils(BY_SLUG["yangpu"], tmp_path, HandClock()) as ils:
        address = f"127.0.0.1:{ils.ports.z3950}/default"
        title = a_title(BY_SLUG["yangpu"])
        assert await asyncio.to_thread(main, ["z3950", "search", address, title]) == 0
    printed = capsys.readouterr().out
    assert title[:20] in printed
    assert printed.startswith("ok: 完成")
    assert "题名 Title" in printed
    assert "unimarc" in printed


async def test_a_mute_target_has_timed_out_in_time(capsys):
    async def mute(reader, _writer):
        await reader.read()

    async with scripted_target(mute) as port:
        started = time.monotonic()
        code, answer = await searched(capsys, f"127.0.0.1:{port}/Default", "x", "--timeout", "0.3")
    assert (code, answer["state"], answer["diagnostics"][0]["code"]) == (1, "timed_out", "target_silent")
    assert time.monotonic() - started < 2


def played(*, admit=True, parts=0):
    """Return a script: a target that admits or not, finds ten records, delivers ``parts`` Presents, and falls mute."""
    async def script(reader, writer):
        session = TargetSession(Limits())
        left = parts
        while data := await reader.read(65536):
            session.feed(data)
            while (request := session.next()) is not None:
                if isinstance(request, PresentRequest):
                    left -= 1
                if left >= 0 and not isinstance(request, Close):
                    writer.write(session.answer(request, _reply(request, admit)))

    return script


def _reply(request, admit):
    if isinstance(request, InitRequest):
        return InitResponse(protocol_version=request.protocol_version, options=request.options,
                            preferred_message_size=1 << 20, exceptional_record_size=1 << 20, result=admit)
    if isinstance(request, SearchRequest):
        return SearchResponse(result_count=10, number_of_records_returned=0, next_result_set_position=1,
                              search_status=True)
    count = request.number_of_records_requested
    record = NamePlusRecord(record=to_external(oid.SUTRS, b"text"))
    return PresentResponse(number_of_records_returned=count, present_status=0, records=(record,) * count,
                           next_result_set_position=request.result_set_start_point + count)


async def test_a_refused_init_is_refused(capsys):
    async with scripted_target(played(admit=False)) as port:
        code, answer = await searched(capsys, f"127.0.0.1:{port}/Default", "x")
    assert (code, answer["state"], answer["diagnostics"][0]["code"]) == (1, "refused", "init_refused")


async def test_a_target_that_finds_and_then_falls_mute_has_timed_out(capsys):
    async with scripted_target(played()) as port:
        code, answer = await searched(capsys, f"127.0.0.1:{port}/Default", "x", "--timeout", "0.3")
    assert (code, answer["state"], answer["hits"]) == (1, "timed_out", 10)


async def test_what_came_before_a_target_fell_mute_is_a_partial_answer(capsys):
    async with scripted_target(played(parts=1)) as port:
        code, answer = await searched(capsys, f"127.0.0.1:{port}/Default", "x", "--timeout", "0.3")
    assert (code, answer["state"], len(answer["records"])) == (0, "partial", 5)
    assert answer["diagnostics"][0]["code"] == "target_silent"


def test_nobody_listens(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        code, answer = search(capsys, f"127.0.0.1:{taken.getsockname()[1]}/Default", "x")
    assert (code, answer["state"], answer["diagnostics"][0]["code"]) == (1, "failed", "target_unreachable")


def test_a_record_that_is_no_marc_shows_what_came():
    assert record_json(Record(oid.USMARC, b"\xff no marc"), None)["marc"] is None
    assert record_json(Record(oid.SUTRS, "题名".encode("gb18030")), "gb18030")["text"] == "题名"
    assert record_json(Record(oid.OPAC, b"\x30\x80"), None) == {"syntax": "opac", "charset": None, "marc": None,
                                                                "text": None}
    assert record_json(Record("1.2.3", b"?"), None)["syntax"] == "1.2.3"


def test_a_query_is_pqf_or_plain_words():
    assert read_query("@attr 1=4 三体") == pqf.parse("@attr 1=4 三体")
    assert pqf.to_pqf(read_query("三体 刘慈欣")) == "@and @attr 1=1016 三体 @attr 1=1016 刘慈欣"
    with pytest.raises(MalformedQuery):
        read_query("  ")


@pytest.mark.parametrize("text", ["", "host", "host:210", "host:210/", "host:0/db", "host:70000/db", "a b:210/db",
                                  "host:x/db"])
def test_an_address_is_host_port_and_database(text):
    with pytest.raises(argparse.ArgumentTypeError, match="HOST:PORT/DB"):
        address_of(text)
    assert str(address_of("z3950.example.org:9999/uacn_bib")) == "z3950.example.org:9999/uacn_bib"


@pytest.mark.parametrize("options", [["@and x"], [" "], ["三体", "--charset", "ascii"], ["三体", "--charset", "marc8"]])
def test_a_query_that_cannot_be_asked_is_wrong_use(ztest, capsys, options):
    assert main(["z3950", "search", ztest, *options]) == 2
    assert capsys.readouterr().err.startswith("delta-connector: the query: ")


@pytest.mark.parametrize("options", [["-n", "-1"], ["-n", "x"], ["--timeout", "0"], ["--timeout", "nan"],
                                     ["--syntax", "paper"], ["--charset", "klingon"]])
def test_options_that_cannot_be_are_wrong_use(capsys, options):
    with pytest.raises(SystemExit) as ended:
        main(["z3950", "search", "127.0.0.1:1/db", "x", *options])
    assert ended.value.code == 2




async def test_a_scan_shows_the_terms_of_an_index(tmp_path, capsys):
    async with running_zebra(tmp_path) as port:
        address = f"127.0.0.1:{port}/Default"
        assert await asyncio.to_thread(main, ["z3950", "scan", address, "@attr 1=4 computer", "-n", "2", "--json"]) == 0
        terms = json.loads(capsys.readouterr().out)["terms"]
        assert await asyncio.to_thread(main, ["z3950", "scan", address, "computer", "-n", "2"]) == 0
        assert "computer" in capsys.readouterr().out
        assert await asyncio.to_thread(main, ["z3950", "scan", address, "@attr 1=9999 x"]) == 1
        assert await asyncio.to_thread(main, ["z3950", "scan", address, "@and a b"]) == 2
    assert terms[0]["term"] == "computer"
    assert terms[0]["occurrences"] > 0


async def test_a_scan_of_a_mute_target_ends_in_time(capsys):
    async def mute(reader, _writer):
        await reader.read()

    async with scripted_target(mute) as port:
        command = ["z3950", "scan", f"127.0.0.1:{port}/Default", "x", "--timeout", "0.3"]
        assert await asyncio.to_thread(main, command) == 1
    assert "target_silent" in capsys.readouterr().err


async def test_the_doctor_writes_a_profile_that_can_be_used(tmp_path, capsys):
    written = tmp_path / "zebra.toml"
    async with running_zebra(tmp_path) as port:
        command = ["doctor", "--z3950", f"127.0.0.1:{port}/Default", "--json", "--write", str(written)]
        assert await asyncio.to_thread(main, command) == 0
    report = json.loads(capsys.readouterr().out)
    profile = Profile.from_toml(written.read_text("utf-8"))
    assert report["usable"]
    assert {each["name"] for each in report["findings"]} >= {"init", "use 4", "syntax usmarc", "scan", "record usmarc"}
    assert (profile.database, profile.syntaxes[0]) == ("Default", "usmarc")
    assert report["profile"]["uses"] == sorted(profile.uses)


@pytest.mark.parametrize("slug", ["yangpu", "shanghai"])
async def test_the_doctor_proves_the_charset_of_a_sample_library(tmp_path, capsys, slug):
    library = BY_SLUG[slug]
    async with open_ils(library, tmp_path, HandClock()) as ils:
        target = f"127.0.0.1:{ils.ports.z3950}/default"
        command = ["doctor", "--z3950", target, "--canary", a_title(library), "--json"]
        assert await asyncio.to_thread(main, command) == 0
    profile = json.loads(capsys.readouterr().out)["profile"]
    assert profile["is_charset_proved"]
    assert codecs.lookup(profile["query_charset"]) == codecs.lookup(library.z3950.query_charset)


def test_the_doctor_tells_that_nobody_listens(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert main(["doctor", "--z3950", f"127.0.0.1:{taken.getsockname()[1]}/Default"]) == 1
    assert "不能使用 not usable" in capsys.readouterr().out
