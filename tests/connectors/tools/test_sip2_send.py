"""``sip2 send``: one request in the ILS's dialect, its answer in the shape of ``parse``, and no write unasked."""

import asyncio
import io
import json
import sys

import anyio
import pytest
from anyio.abc import SocketAttribute

from connectors.cli import main
from connectors.sip2.messages import REQUESTS, WRITES
from connectors.sip2.profile import Profile
from connectors.sip2.server import serve
from connectors.sip2.tls import server_context
from connectors.tools.sip2_send import EFFECTS
from connectors.tools.sip2_shapes import MASK
from examples.alliance.stock import stock_of
from tests.connectors.sip2.certificates import Authority
from tests.connectors.sip2.scripted import CLOSE, STATUS, greets, scripted
from tests.connectors.sip2.test_pysip2 import peer
from tests.connectors.sip2.test_tls import shelf
from tests.examples.desk import BY_SLUG, LIBRARIES, SEED, HandClock, open_ils, readers

DATE = "20260302    120000"
ITEM = f"17{DATE}AO|ABB001|"
STATUS_REQUEST = "9900802.00"


def send(port, message, *options):
    return asyncio.to_thread(main, ["sip2", "send", f"127.0.0.1:{port}", message, *options])


def printed(capsys):
    said = capsys.readouterr()
    return [json.loads(line) for line in said.out.splitlines()], said.err


DIALECTS = ("yangpu", "pudong", "xuhui", "jiading", "baoshan", "suzhou", "kunshan", "changzhou", "zhejiang", "qingpu")


@pytest.mark.parametrize("slug", DIALECTS)
async def test_it_asks_and_answers_in_every_dialect(slug, tmp_path, capsys):
    library = BY_SLUG[slug]
    book = stock_of(library, LIBRARIES, SEED)[0]
    profile = tmp_path / "p.toml"
    profile.write_text(library.sip2.to_toml(), "utf-8")
    login = library.credentials
    options = ["--profile", str(profile), *(["--login", f"{login.user}:{login.password}"] if login else [])]
    request = f"17{DATE}AO{library.sip2.institution}|AB{book.items[0].barcode}|"
    async with open_ils(library, tmp_path, HandClock()) as ils:
        assert await send(ils.ports.sip2, request, *options) == 0
    (answer,), err = printed(capsys)
    assert list(answer) == ["message", "name", "fixed", "fields", "sequence", "checksum", "problems"]
    assert (answer["message"], dict(answer["fields"])["AB"]) == ("18", book.items[0].barcode)
    assert (answer["problems"], err) == ([], "")
    assert answer["checksum"] == ("absent" if library.sip2.checksum.name == "NONE" else "ok")


async def test_without_a_profile_the_usual_charsets_are_tried_and_no_reader_is_named(tmp_path, capsys):
    library = BY_SLUG["baoshan"]
    reader = readers(library)[0]
    request = f"63019{DATE}Y         AO{library.sip2.institution}|AA{reader.card}|AD{reader.pin}|"
    async with open_ils(library, tmp_path, HandClock()) as ils:
        login = f"{library.credentials.user}:{library.credentials.password}"
        assert await send(ils.ports.sip2, request, "--login", login) == 0
        assert await send(ils.ports.sip2, STATUS_REQUEST, "--login", login) == 0
    (patron, status), err = printed(capsys)
    assert dict(patron["fields"])["AE"] == MASK
    assert dict(status["fields"])["AM"] == library.name_zh
    for secret in (reader.name, reader.pin, library.credentials.password):
        assert secret not in json.dumps([patron, status], ensure_ascii=False) + err


async def test_a_server_built_on_pysip2(capsys):
    server = peer(error_detection="required")
    async with await server.listen("127.0.0.1", 0) as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, server._handle_connection)
        port = listener.extra(SocketAttribute.local_port)
        assert await send(port, ITEM, "--login", "kiosk:s3cret") == 0
        assert await send(port, ITEM, "--login", "kiosk:wrong") == 1
        tasks.cancel_scope.cancel()
    (answer,), err = printed(capsys)
    assert (answer["message"], answer["checksum"]) == ("18", "ok")
    assert "the login was refused" in err
    assert "wrong" not in err


async def test_sequence_and_checksum_are_the_profiles_whatever_was_typed(tmp_path):
    profile = tmp_path / "p.toml"
    profile.write_text('checksum = "none"\nterminator = "CRLF"\nlogin = "none"\n')
    async with scripted(lambda frame: STATUS) as ils:
        await send(ils.port, STATUS_REQUEST)
        await send(ils.port, "9900802.00AY7AZ0000\r\n")
        await send(ils.port, STATUS_REQUEST, "--profile", str(profile))
        await send(ils.port, "97")
    assert ils.frames == [b"9900802.00AY0AZFCA1", b"9900802.00AY0AZFCA1", b"9900802.00", b"97AZFEF5"]


async def test_the_message_may_come_by_standard_input_where_no_list_of_processes_shows_it(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{STATUS_REQUEST}\r\n".encode())))
    async with scripted(greets(lambda frame: b"")) as ils:
        assert await send(ils.port, "-") == 0
    assert printed(capsys)[0][0]["message"] == "98"


def test_every_write_says_what_it_would_do():
    assert set(EFFECTS) == WRITES < REQUESTS


@pytest.mark.parametrize("message_id", sorted(WRITES))
async def test_a_write_is_refused_and_explained_unless_it_is_allowed(message_id, capsys):
    request = message_id + "Y" * 80
    async with scripted(greets(lambda frame: b"1")) as ils:
        assert await send(ils.port, request[:80]) == 2
        assert ils.lines == 0
    out, err = printed(capsys)
    assert out == []
    assert "--write" in err
    assert EFFECTS[message_id][1] in err


async def test_a_write_that_is_allowed_is_sent_once_and_in_doubt_says_what_to_do(capsys):
    checkin = f"09N{DATE}{DATE}APx|AO|ABB1|AC|"
    async with scripted(lambda frame: CLOSE) as ils:
        assert await send(ils.port, checkin, "--write") == 1
    assert ils.ids() == ["09"]
    (said,), _ = printed(capsys)
    assert (list(said), said["error"]) == (["error", "detail", "offset"], "line_closed")
    assert "ask by 17 or 63" in said["detail"]


SAID = {
    "silence": (lambda frame: None, "no_answer"), "the end": (lambda frame: CLOSE, "line_closed"),
    "no terminator": (lambda frame: b"98YYY", "no_terminator"),
    "garbage": (lambda frame: b"hello\r", "unknown_message"), "a part": (lambda frame: b"98YYY\r", "truncated_message"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "code"), SAID.values(), ids=SAID)
async def test_what_is_no_answer_is_named(script, code, capsys):
    async with scripted(script) as ils:
        assert await send(ils.port, STATUS_REQUEST, "--timeout", "0.3") == 1
    (said,), _ = printed(capsys)
    assert (list(said), said["error"], said["offset"]) == (["error", "detail", "offset"], code, 0)


async def test_an_answer_of_another_kind_is_shown_and_is_no_success(capsys):
    async with scripted(lambda frame: b"96AZFEF6\r") as ils:
        assert await send(ils.port, STATUS_REQUEST) == 1
    assert printed(capsys)[0][0]["message"] == "96"


@pytest.mark.parametrize("message", ["", "hello", "17", f"18030001{DATE}ABx|", f"17{DATE}!!|ABx|", "XS00",
                                     f"17{DATE}AOx|y z|", f"17{DATE}AB\x1b|", "\udce9"])
def test_what_is_no_request_is_wrong_use(message, capsys):
    assert main(["sip2", "send", "127.0.0.1:1", message]) in (1, 2)
    assert main(["sip2", "send", "127.0.0.1:1", message, "--write"]) in (1, 2)
    assert "Traceback" not in capsys.readouterr().err


async def test_a_login_by_prompts_needs_the_login(tmp_path, capsys):
    profile = tmp_path / "p.toml"
    profile.write_text('login = "telnet"\n')
    assert await send(1, STATUS_REQUEST, "--profile", str(profile)) == 2
    assert "--login" in printed(capsys)[1]


def serve_shelf(tls):
    return serve("127.0.0.1", 0, Profile(), shelf, tls=tls)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


async def test_over_tls(authority, capsys):
    certificate, key = authority.issue("127.0.0.1")
    async with serve_shelf(server_context(certificate, key)) as server:
        assert await send(server.port, ITEM, "--login", "k:p", "--tls", "--ca", str(authority.file)) == 0
        assert await send(server.port, ITEM, "--login", "k:p", "--tls") == 1
        assert await send(server.port, ITEM) == 1
    out, err = printed(capsys)
    assert (out[0]["message"], out[1]["error"]) == ("18", "line_closed")
    assert "name its issuer by --ca" in err


async def test_over_tls_with_names_and_certificates_of_both_sides(authority, capsys):
    certificate, key = authority.issue("ils.example.org")
    own, own_key = authority.issue("kiosk.example.org")
    tls = ["--tls", "--ca", str(authority.file)]
    named = [*tls, "--server-name", "ils.example.org"]
    async with serve_shelf(server_context(certificate, key, client_ca_file=authority.file)) as server:
        assert await send(server.port, ITEM, *tls) == 1
        assert "give that name by --server-name" in printed(capsys)[1]
        assert await send(server.port, ITEM, *named) == 1
        assert await send(server.port, ITEM, *named, "--cert", str(own), "--key", str(own_key)) == 0


async def test_tls_where_none_is_spoken(capsys):
    async with scripted(lambda frame: STATUS) as ils:
        assert await send(ils.port, STATUS_REQUEST, "--tls", "--timeout", "1") == 1
    assert printed(capsys)[1].startswith("delta-connector: 127.0.0.1:")


@pytest.mark.parametrize(("options", "code"), [
    (["--ca", "x"], 2), (["--tls", "--key", "x"], 2), (["--tls", "--ca", "/nowhere"], 1),
    (["--tls", "--ca", __file__], 1), (["--tls", "--cert", __file__], 1),
])  # fmt: skip
def test_tls_options_that_cannot_be(options, code, capsys):
    assert main(["sip2", "send", "127.0.0.1:1", STATUS_REQUEST, *options]) == code
    err = capsys.readouterr().err
    assert err.startswith("delta-connector: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("options", [["--timeout", "0"], ["--timeout", "nan"], ["--timeout", "x"], ["--login", ":p"],
                                     ["--charset", "klingon"]])
def test_wrong_use(options):
    with pytest.raises(SystemExit) as ended:
        main(["sip2", "send", "127.0.0.1:1", STATUS_REQUEST, *options])
    assert ended.value.code == 2
