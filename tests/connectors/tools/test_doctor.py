"""``delta-connector doctor``: the right profile for every dialect, and what the command prints and writes."""

import asyncio
import json
import socket
import tomllib
from dataclasses import replace

import anyio
import pytest
from anyio.abc import SocketAttribute

from connectors.cli import main
from connectors.sip2.line import Address, Credentials
from connectors.sip2.probe import QUESTIONS
from connectors.sip2.profile import Checksum, Login, Profile, Terminator
from connectors.tools.doctor import examine, to_json, to_text
from connectors.tools.doctor_visit import Case
from tests.connectors.sip2.scripted import STATUS, scripted
from tests.connectors.sip2.test_pysip2 import peer
from tests.connectors.tools.visits import BASE, ITEM, case_of, codes
from tests.examples.desk import BY_SLUG, HandClock, open_ils, readers

VARIED = ("yangpu", "shanghai", "pudong", "xuhui", "jiading", "baoshan", "suzhou", "kunshan", "changzhou", "zhenjiang",
          "zhejiang", "qingpu")
FURTHER = {
    "big5": {"charset": "big5"},
    "big5-code-points-lf": {"charset": "big5", "checksum": Checksum.CODE_POINTS, "terminator": Terminator.LF},
    "ascii": {"charset": "ascii", "login": Login.NONE},
    "no-institution": {"institution": "", "charset": "gbk"},
    "no-institution-no-login": {"institution": "", "login": Login.NONE, "terminator": Terminator.CRLF},
    "gb18030-crlf-utf16": {"charset": "gb18030", "checksum": Checksum.CODE_POINTS_WITHOUT_TRAILER,
                           "terminator": Terminator.CRLF},
    "cp850-lf-code-points": {"charset": "cp850", "checksum": Checksum.CODE_POINTS, "terminator": Terminator.LF},
    "cp850-utf16": {"charset": "cp850", "checksum": Checksum.CODE_POINTS_WITHOUT_TRAILER, "login": Login.NONE},
    "utf-8-none-lf": {"checksum": Checksum.NONE, "terminator": Terminator.LF, "login": Login.NONE},
    "caret": {"delimiter": "^", "charset": "gbk"},
}
DIALECTS = {slug: BY_SLUG[slug] for slug in VARIED} | {
    name: replace(BASE, sip2=replace(BASE.sip2, **changes)) for name, changes in FURTHER.items()}


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("library", DIALECTS.values(), ids=DIALECTS.keys())
async def test_the_profile_is_right_field_by_field(library, tmp_path):
    clock = HandClock()
    async with open_ils(library, tmp_path, clock) as ils:
        diagnosis, findings = await examine(case_of(library, ils.ports.sip2), clock)
    # The place of a terminal is the library's own choice: no ILS tells it.
    assert replace(diagnosis.profile, location=library.sip2.location) == library.sip2
    assert (diagnosis.is_usable, diagnosis.clock_skew_seconds) == (True, 0)
    assert diagnosis.supported == ("09", "11", "15", "17", "23", "29", "35", "37", "63", "93", "97", "99")
    assert "error" not in {finding.severity for finding in findings}


@pytest.mark.parametrize("slug", ["yangpu", "pudong", "kunshan", "changzhou"])
async def test_without_a_reader_or_a_copy_the_charset_is_told_by_what_is_echoed(slug, tmp_path):
    library, clock = BY_SLUG[slug], HandClock()
    async with open_ils(library, tmp_path, clock) as ils:
        case = Case(Address("127.0.0.1", ils.ports.sip2), "Asia/Shanghai", library.credentials)
        diagnosis, findings = await examine(case, clock)
    assert replace(diagnosis.profile, location=library.sip2.location) == library.sip2
    assert ("charset_unproven" in codes(findings)) == (slug == "kunshan")


async def test_no_message_that_changes_anything_is_ever_sent(tmp_path):
    answers = {b"99": STATUS, b"93": b"941\r", b"17": ITEM}
    async with scripted(lambda frame: answers.get(frame[:2], b"96AZFEF6\r")) as heard:
        await examine(Case(Address("127.0.0.1", heard.port), "Asia/Shanghai", Credentials("u", "p")), HandClock())
    assert {"99", "93", "17", "63", "23", "35", "97"} == set(heard.ids()) == QUESTIONS


@pytest.mark.parametrize("login_required", [True, False])
async def test_a_server_built_on_pysip2(login_required, tmp_path):
    server = peer(error_detection="required")
    server.login_required = login_required
    async with await server.listen("127.0.0.1", 0) as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, server._handle_connection)
        port = listener.extra(SocketAttribute.local_port)
        case = Case(Address("127.0.0.1", port), "Asia/Shanghai", Credentials("kiosk", "s3cret"), "P1", "1", "B1")
        diagnosis, findings = await examine(case, HandClock())
        tasks.cancel_scope.cancel()
    # It refuses a blank date, which shows on a 17, and so a blank no-block due date too.
    assert diagnosis.profile == Profile(charset="utf-8", institution="YP", send_nb_due_date=True,
                                        login=Login.SIP if login_required else Login.NONE)
    assert diagnosis.is_usable
    assert "blank_date_refused" in codes(findings)


async def test_a_wrong_login_is_told_and_nothing_is_asked_after_it(tmp_path):
    clock = HandClock()
    async with open_ils(BASE, tmp_path, clock) as ils:
        diagnosis, findings = await examine(
            case_of(BASE, ils.ports.sip2, credentials=Credentials("delta", "wrong")), clock)
        assert (diagnosis.profile.login, diagnosis.is_usable) == (Login.SIP, False)
        assert "login_refused" in codes(findings)
        diagnosis, findings = await examine(case_of(BASE, ils.ports.sip2, credentials=None), clock)
        assert (diagnosis.profile.login, diagnosis.is_usable) == (Login.SIP, False)
        assert "login_needed" in codes(findings)


async def test_a_reader_a_pin_and_a_copy_that_the_ils_does_not_know(tmp_path):
    clock = HandClock()
    async with open_ils(BASE, tmp_path, clock) as ils:
        _, findings = await examine(case_of(BASE, ils.ports.sip2, patron_id="0", item_id="0"), clock)
        assert {"patron_unknown", "item_unknown"} <= codes(findings)
        _, findings = await examine(case_of(BASE, ils.ports.sip2, pin="wrong"), clock)
        assert "pin_refused" in codes(findings)


@pytest.mark.parametrize(("zone", "skew", "code"), [
    ("Asia/Tokyo", -3600, "timezone_suspected"), ("UTC", 8 * 3600, "timezone_suspected"), ("Asia/Shanghai", 0, None)])
async def test_times_without_a_zone_are_the_librarys_own(zone, skew, code, tmp_path):
    clock = HandClock()
    async with open_ils(BASE, tmp_path, clock) as ils:
        diagnosis, findings = await examine(case_of(BASE, ils.ports.sip2, timezone=zone), clock)
    assert (diagnosis.clock_skew_seconds, diagnosis.profile.timezone) == (skew, zone)
    assert code is None or code in codes(findings)


KEYS = ["reachable", "login", "charset", "terminator", "checksum", "supported", "clock_skew_seconds", "findings",
        "profile"]


def test_an_address_where_nobody_listens(free_port, capsys, tmp_path):
    target = tmp_path / "p.toml"
    assert main(["doctor", "--sip2", f"127.0.0.1:{free_port}", "--json", "--write", str(target)]) == 1
    printed = capsys.readouterr()
    said = json.loads(printed.out)
    assert list(said) == KEYS
    assert (said["reachable"], said["profile"], said["findings"][0]["code"]) == (False, {}, "unreachable")
    assert not target.exists()
    assert "not written" in printed.err


async def test_the_command_prints_one_object_and_writes_the_profile(tmp_path, capsys):
    library, target = BY_SLUG["baoshan"], tmp_path / "profile.toml"
    reader = readers(library)[0]
    async with open_ils(library, tmp_path, HandClock()) as ils:
        command = ["doctor", "--sip2", f"127.0.0.1:{ils.ports.sip2}", "--login", f"delta:{library.slug}-sample",
                   "--patron", f"{reader.card}:{reader.pin}", "--json", "--write", str(target)]
        assert await asyncio.to_thread(main, command) == 0
    printed = capsys.readouterr()
    said = json.loads(printed.out)
    assert list(said) == KEYS
    assert (said["reachable"], said["login"], said["charset"], said["terminator"], said["checksum"]) == (
        True, "sip", "gbk", "CRLF", "bytes")
    assert set(said["findings"][0]) == {"severity", "code", "text"}
    text = target.read_text("utf-8")
    assert "# info charset_by_text: " in text
    assert Profile.from_toml(text) == Profile.from_table(said["profile"])
    assert tomllib.loads(text)["institution"] == library.agency_id
    for secret in (reader.pin, reader.name, f"{library.slug}-sample"):
        assert secret not in printed.out + printed.err + text


async def test_the_text_for_people(tmp_path):
    clock = HandClock()
    async with open_ils(BASE, tmp_path, clock) as ils:
        diagnosis, findings = await examine(case_of(BASE, ils.ports.sip2), clock)
    text = to_text(diagnosis, findings)
    assert text.startswith("可以使用 usable\n")
    assert "charset_by_text" in text
    assert json.dumps(to_json(diagnosis, findings))


@pytest.mark.parametrize("options", [
    [], ["--sip2", "nowhere"], ["--sip2", "h:0"], ["--sip2", "h:1", "--timezone", "Mars/Olympus"],
    ["--sip2", "h:1", "--login", ":secret"], ["--sip2", "h:1", "--patron", ":1234"]])
def test_wrong_use(options, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *options])
    assert ended.value.code == 2
    assert "secret" not in capsys.readouterr().err
