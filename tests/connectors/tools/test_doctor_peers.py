"""``delta-connector doctor`` at peers that prompt, stay silent, babble, or stand behind TLS: it ends and says why."""

import asyncio
import threading
import time

import pytest

from connectors.cli import main
from connectors.sip2.line import Address, Credentials
from connectors.sip2.profile import Login, Profile
from connectors.sip2.server import serve
from connectors.sip2.tls import client_context, server_context
from connectors.tools import doctor_visit, sip2_wire
from connectors.tools.doctor import examine
from connectors.tools.doctor_visit import Case
from tests.connectors.sip2.certificates import Authority
from tests.connectors.sip2.scripted import STATUS, scripted
from tests.connectors.sip2.test_tls import shelf
from tests.connectors.tools.visits import ITEM, codes, listening
from tests.examples.desk import HandClock


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
