"""``delta-connector doctor``: the right profile for every dialect, and an end whatever the peer does."""

import asyncio
import contextlib
import json
import socket
import threading
import time
import tomllib
from dataclasses import replace

import anyio
import pytest
from anyio.abc import SocketAttribute

from connectors.cli import main
from connectors.sip2.line import Address, Credentials
from connectors.sip2.probe import QUESTIONS
from connectors.sip2.profile import Checksum, Login, Profile, Terminator
from connectors.sip2.server import serve
from connectors.sip2.tls import client_context, server_context
from connectors.tools import doctor_visit, sip2_wire
from connectors.tools.doctor import examine, to_json, to_text
from connectors.tools.doctor_visit import Case
from examples.alliance.stock import stock_of
from tests.connectors.sip2.certificates import Authority
from tests.connectors.sip2.scripted import STATUS, scripted
from tests.connectors.sip2.test_pysip2 import peer
from tests.connectors.sip2.test_tls import shelf
from tests.examples.desk import BY_SLUG, LIBRARIES, SEED, HandClock, open_ils, readers

BASE = BY_SLUG["yangpu"]
ITEM = b"1803000120260101    120000ABx|AJy|\r"

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


def case_of(library, port, **changes):
    reader = readers(library)[0]
    case = Case(Address("127.0.0.1", port), library.sip2.timezone, library.credentials, reader.card, reader.pin,
                stock_of(BY_SLUG[library.slug], LIBRARIES, SEED)[0].items[0].barcode)
    return replace(case, **changes)


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def codes(findings):
    return {finding.code for finding in findings}


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


@contextlib.asynccontextmanager
async def listening(peer):
    """Serve ``peer``, with every connection closed in the end; yield the port."""

    async def served(reader, writer):
        try:
            await peer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(served, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def prompting(login, password, welcome=b"Login OK.  Initiating SIP\r\n", pause=0.05):
    """Return a server that logs in by these prompts, then speaks SIP2."""

    async def served(reader, writer):
        writer.write(b"Welcome\r\n")
        await asyncio.sleep(pause)
        writer.write(login)
        for wanted, said in {b"kiosk": password, b"s3cret": welcome}.items():
            if (await reader.readline()).strip() != wanted:
                writer.write(b"\r\nLogin incorrect\r\n" + login)
                return
            writer.write(said)
        while frame := (await reader.readuntil(b"\r")).strip():
            writer.write({b"99": STATUS, b"17": ITEM}.get(frame[:2], b"96\r"))

    return served


@pytest.mark.parametrize(("password", "usable", "code"), [
    ("s3cret", True, "checksum_absent"), ("wrong", False, "login_refused"), (None, False, "login_needed")])
async def test_a_login_by_prompts(password, usable, code):
    async with listening(prompting(b"login: ", b"password: ")) as port:
        credentials = Credentials("kiosk", password) if password else None
        case = Case(Address("127.0.0.1", port), "Asia/Shanghai", credentials)
        diagnosis, findings = await examine(case, HandClock())
    assert diagnosis.is_usable == usable
    assert code in codes(findings)
    if usable:
        assert (diagnosis.profile.login, diagnosis.profile.institution) == (Login.TELNET, "YP")


PROMPTS = {
    "other words": prompting(b"Enter user name: ", b"Enter Password : "),
    "Chinese": prompting("用户名：".encode(), "密码：".encode()),
    "Chinese in GBK": prompting("请输入账号:".encode("gbk"), "请输入口令：".encode("gbk")),
    "negotiation": prompting(b"\xff\xfb\x01\xff\xfb\x03Login> \xff\xfd\x18", b"PIN:"),
    "no greeting": prompting(b"login: ", b"password: ", b""),
    "late": prompting(b"login: ", b"password: ", pause=0.6),
}


@pytest.mark.parametrize("server", PROMPTS.values(), ids=PROMPTS)
async def test_prompts_in_other_words(server, monkeypatch):
    monkeypatch.setattr(doctor_visit, "ANSWER_SECONDS", 1.0)
    async with listening(server) as port:
        case = Case(Address("127.0.0.1", port), "Asia/Shanghai", Credentials("kiosk", "s3cret"))
        diagnosis, _ = await examine(case, HandClock())
    assert (diagnosis.profile.login, diagnosis.is_usable) == (Login.TELNET, True)


async def mute(reader, writer):
    await reader.read()


async def babble(reader, writer):
    while True:
        writer.write(b"x" * 4096)
        await writer.drain()
        await asyncio.sleep(0)


async def drip(reader, writer):
    while True:
        writer.write(b"9")
        await writer.drain()
        await asyncio.sleep(0.05)


async def garbage(reader, writer):
    while await reader.readuntil(b"\r"):
        writer.write(bytes(range(128, 256)) + b"\rHTTP/1.1 400 Bad Request\r\n\r\n")


async def resend(reader, writer):
    while await reader.readuntil(b"\r"):
        writer.write(b"96AZFEF6\r")


async def close(reader, writer):
    await reader.read(1)


async def mute_after_hello(reader, writer):
    while frame := await reader.readuntil(b"\r"):
        if frame.strip()[:2] in (b"99", b"93"):
            writer.write(STATUS if frame.strip()[:2] == b"99" else b"941\r")


async def after_97(reader, writer):
    last = b""
    while frame := (await reader.readuntil(b"\r")).strip():
        if frame.startswith(b"97"):
            writer.write({b"99": STATUS, b"17": ITEM}.get(last[:2], b"96\r"))
        last = frame


async def other_answers(reader, writer):
    answers = {b"99": ITEM, b"17": STATUS, b"93": b"36Y20260101    120000AO|AA|\r"}
    while frame := (await reader.readuntil(b"\r")).strip():
        writer.write(answers.get(frame[:2], b"941\r"))


async def endless_values(reader, writer):
    while await reader.readuntil(b"\r"):
        writer.write(STATUS[:-1] + "\xc4\xe3|a|".encode("latin-1") * (1 << 18) + b"\r")
        await writer.drain()


HOSTILE = {mute: "silent", babble: "endless", drip: "endless", garbage: "not_sip2", resend: "only_resend",
           close: "closed", mute_after_hello: "nothing_readable", after_97: "silent", other_answers: "not_sip2",
           endless_values: "endless"}


@pytest.mark.parametrize(("peer", "code"), HOSTILE.items(), ids=lambda each: getattr(each, "__name__", each))
async def test_it_ends_soon_and_says_why_whatever_the_peer_does(peer, code, monkeypatch):
    monkeypatch.setattr(doctor_visit, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(doctor_visit, "BANNER_SECONDS", 0.02)
    async with listening(peer) as port:
        started = time.monotonic()
        diagnosis, findings = await examine(Case(Address("127.0.0.1", port), "Asia/Shanghai"), HandClock())
        # Each question has its bound, and questions are counted: with the real bounds this is under 22 s.
        assert time.monotonic() - started < 5
    assert code in codes(findings)
    assert (diagnosis.observed.is_reachable, diagnosis.is_usable) == (True, False)


async def test_checksums_that_are_none_are_told():
    async with scripted(lambda frame: {b"99": STATUS, b"93": b"941\r", b"17": ITEM}.get(frame[:2], b"96\r")[:-1]
                        + b"AY1AZ999999\r") as ils:
        diagnosis, findings = await examine(Case(Address("127.0.0.1", ils.port), "Asia/Shanghai"), HandClock())
    assert diagnosis.is_usable
    assert "checksum_unexplained" in codes(findings)


async def test_answers_that_are_long_from_end_to_end_cost_little_time(tmp_path):
    long = b"\xc4\xe3|a|" * 20_000 + b"\r"
    answers = {b"99": STATUS[:-1] + long, b"17": ITEM[:-1] + long, b"93": b"941\r"}
    async with scripted(lambda frame: answers.get(frame[:2], b"96\r")) as ils:
        started = time.monotonic()
        await examine(Case(Address("127.0.0.1", ils.port), "Asia/Shanghai", Credentials("u", "p")), HandClock())
        assert time.monotonic() - started < 10


async def over_tls(authority, case, host="127.0.0.1", client_ca_file=None):
    """Examine an ILS behind TLS whose certificate is ``host``'s."""
    tls = server_context(*authority.issue(host), client_ca_file=client_ca_file)
    async with serve("127.0.0.1", 0, Profile(), shelf, tls=tls) as server:
        return await examine(case(server.port), HandClock())


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def tls_case(**options):
    """Return a maker of cases: ``server_name`` and whatever ``client_context`` takes."""
    name = options.pop("server_name", None)
    return lambda port: Case(Address("127.0.0.1", port, client_context(**options), name), "Asia/Shanghai",
                             Credentials("k", "p"), shows_certificate="certificate" in options)


async def test_an_ils_behind_tls(authority):
    diagnosis, findings = await over_tls(authority, tls_case(ca_file=authority.file))
    assert diagnosis.is_usable
    assert "error" not in {finding.severity for finding in findings}


async def test_what_is_wrong_with_tls_is_named(authority):
    trusting = tls_case(ca_file=authority.file)
    for case, host, client_ca_file, code in (
        (tls_case(), "127.0.0.1", None, "certificate_untrusted"),
        (trusting, "ils.example.org", None, "certificate_of_another_name"),
        (trusting, "127.0.0.1", authority.file, "client_certificate_wanted"),
        (lambda port: Case(Address("127.0.0.1", port), "Asia/Shanghai"), "127.0.0.1", None, "tls_wanted"),
    ):
        diagnosis, findings = await over_tls(authority, case, host, client_ca_file)
        assert [finding.code for finding in findings] == [code]
        assert (diagnosis.observed.is_reachable, diagnosis.is_usable) == (True, False)
    named = tls_case(ca_file=authority.file, server_name="ils.example.org")
    assert (await over_tls(authority, named, "ils.example.org"))[0].is_usable
    certificate, key = authority.issue("kiosk.example.org")
    own = tls_case(ca_file=authority.file, certificate=certificate, key=key)
    assert (await over_tls(authority, own, client_ca_file=authority.file))[0].is_usable


async def blurt(reader, writer):
    await reader.read(1)
    writer.write(b"96AZFEF6\r")
    await reader.read()


@pytest.mark.parametrize(("peer", "code"), [(blurt, "tls_not_spoken"), (close, "tls_failed")])
async def test_tls_where_none_is_spoken(peer, code):
    async with listening(peer) as port:
        diagnosis, findings = await examine(tls_case()(port), HandClock())
    assert (codes(findings), diagnosis.observed.is_reachable) == ({code}, True)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "..", "a" * 300])
async def test_a_host_that_is_none(host):
    diagnosis, findings = await examine(Case(Address(host, 6001), "Asia/Shanghai"), HandClock())
    assert (codes(findings), diagnosis.observed.is_reachable) == ({"host_unknown"}, False)


async def test_a_resolver_that_never_answers_holds_nobody_up(monkeypatch):
    woken = threading.Event()
    monkeypatch.setattr(sip2_wire.socket, "getaddrinfo", lambda *arguments, **options: woken.wait(30) and [])
    monkeypatch.setattr(sip2_wire, "_CONNECT_SECONDS", 0.2)
    started = time.monotonic()
    command = ["doctor", "--sip2", "ils.example.org:6001", "--json"]
    assert await asyncio.to_thread(main, command) == 1
    assert time.monotonic() - started < 5
    woken.set()


async def test_the_whole_visit_has_a_bound_of_its_own(monkeypatch):
    monkeypatch.setattr(doctor_visit, "VISIT_SECONDS", 0.3)
    async with listening(mute) as port:
        started = time.monotonic()
        _, findings = await examine(Case(Address("127.0.0.1", port), "Asia/Shanghai"), HandClock())
        assert time.monotonic() - started < 2
    assert "out_of_time" in codes(findings)
    assert doctor_visit.VISIT_SECONDS < 30


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

