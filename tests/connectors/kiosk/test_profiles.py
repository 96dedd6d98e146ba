"""Which kiosk a connection is, decided before its dialect must be known; and that no stranger costs much."""

import asyncio
import ssl
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from connectors.kiosk import KioskSettings, serve_kiosks
from connectors.kiosk import profiles as doors
from connectors.kiosk.config import Kiosk
from connectors.kiosk.profiles import admitted, choose, is_decided
from connectors.sip2.client import Credentials, Sip2Client
from connectors.sip2.errors import LineError
from connectors.sip2.messages import build
from connectors.sip2.profile import Checksum, Login, Profile
from tests.connectors.kiosk.city import DATE
from trust.settings import SettingsRefused

LOOPBACK = "127.0.0.0/8"
STATUS = build("99", status_code="0", max_print_width="080", protocol_version="2.00")


def kiosk(**values):
    return Kiosk.model_validate({"port": 0, "place": "1F", **values})


def test_a_subnet_admits_its_own():
    near, far = kiosk(subnet="10.3.0.0/16"), kiosk(subnet="2001:db8::/32")
    assert admitted((near, far), ip_address("10.3.4.5")) == (near,)
    assert admitted((near, far), ip_address("2001:db8::7")) == (far,)
    assert admitted((near, far), ip_address("192.168.0.1")) == ()


def test_the_first_table_that_fits_the_login_is_taken():
    by_user, by_place, rest = kiosk(user="locker"), kiosk(location="hall"), kiosk()
    kiosks = (by_user, by_place, rest)
    assert not is_decided(kiosks)
    assert is_decided((rest, by_user))
    assert is_decided((kiosk(user="k", password="p", login="telnet"), rest))
    assert choose(kiosks, b"9300CNlocker|COx|CPhall|") is by_user
    assert choose(kiosks, b"9300CNother|COx|CPhall|") is by_place
    assert choose(kiosks, b"9300CNother|COx|CPcellar|") is rest
    assert choose((by_user, by_place), b"9300CNother|COx|") is by_user
    assert choose(kiosks, f"17{DATE}AO|AB1|".encode()) is rest
    assert choose(kiosks, b"") is rest
    assert choose((by_user, by_place), b"") is by_user


def test_a_login_is_read_in_each_kiosks_own_dialect():
    gbk, utf8 = kiosk(charset="gbk", location="大厅"), kiosk(location="大厅")
    login = "9300CNk|COp|CP大厅|"
    assert choose((gbk, utf8), login.encode()) is utf8
    assert choose((utf8, gbk), login.encode("gbk")) is gbk


@asynccontextmanager
async def door(member, *tables):
    """Serve these tables at one port of the home library."""
    settings = KioskSettings.read([{"port": 0, "place": "1F", **table} for table in tables])
    async with serve_kiosks(member.connector, settings) as kiosks:
        yield kiosks.ports[0]


def machine(port, login=None, **profile):
    profile = Profile(**({"login": Login.SIP if login else Login.NONE} | profile))
    return Sip2Client("127.0.0.1", port, profile, login, deadline_seconds=3)


async def bin_of(client):
    """The staff's bin of whatever kiosk the connector takes this machine for."""
    request = build("09", no_block=False, transaction_date=DATE, return_date=DATE, AO="", AB="和珅传")
    async with client:
        return (await client.request(request)).get("CL")


async def test_by_login_and_by_location_each_in_its_own_dialect(member):
    tables = ({"user": "locker", "password": "s3cret", "login": "sip", "charset": "gbk", "checksum": "code_points",
               "staff_bin": "L"},
              {"location": "大厅", "charset": "utf-8", "staff_bin": "H"},
              {"charset": "gb18030", "staff_bin": "R"})
    async with door(member, *tables) as port:
        locker = Credentials("locker", "s3cret")
        assert await bin_of(machine(port, locker, charset="gbk", checksum=Checksum.CODE_POINTS)) == "L"
        assert await bin_of(machine(port, Credentials("any", "any"), location="大厅")) == "H"
        assert await bin_of(machine(port, Credentials("any", "any"), charset="gb18030")) == "R"
        with pytest.raises(LineError):
            await bin_of(machine(port, Credentials("locker", "wrong")))


async def test_by_subnet(member):
    async with door(member, {"subnet": "10.0.0.0/8", "staff_bin": "X"}, {"subnet": LOOPBACK, "staff_bin": "N"}) as port:
        assert await bin_of(machine(port)) == "N"
    async with door(member, {"subnet": "10.0.0.0/8"}) as port:
        with pytest.raises(LineError):
            await bin_of(machine(port))


LOCKER = {"user": "locker", "password": "s3cret", "login": "sip", "charset": "gbk", "staff_bin": "L"}
RETURN = f"09N{DATE}{DATE}AP|AO|AB{{}}|AC|\r"
LOG_IN, STATUS_ASKED = "9300CNlocker|COs3cret|\r", "9900802.00\r"


class RawLine:
    """A connection that says whatever it likes."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def say(self, text, charset="utf-8"):
        self.writer.write(text.encode(charset))
        return await self.hear(charset)

    async def hear(self, charset="utf-8"):
        return (await asyncio.wait_for(self.reader.readuntil(b"\r"), 2)).decode(charset)


@asynccontextmanager
async def raw(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield RawLine(reader, writer)
    finally:
        writer.close()


@pytest.mark.parametrize("asked", [1, 3])
async def test_a_machine_that_asks_for_the_status_first_is_still_known_by_its_login(member, asked):
    """The status is answered for the default kiosk; the login then decides the dialect, however often it was asked."""
    async with door(member, LOCKER, {"staff_bin": "R"}) as port, raw(port) as line:
        for _ in range(asked):
            assert (await line.say(STATUS_ASKED)).startswith("98YYYYYY")
        assert await line.say(LOG_IN) == "941\r"
        assert "CLL|" in await line.say(RETURN.format("和珅传"), "gbk")


@pytest.mark.parametrize("piece_bytes", [1, 7, 1000])
async def test_status_login_and_return_may_come_in_any_pieces(member, piece_bytes):
    whole = f"\r\n{STATUS_ASKED}{LOG_IN}\n{RETURN.format('和珅传')}".encode("gbk")
    async with door(member, LOCKER, {"staff_bin": "R"}) as port, raw(port) as line:
        for start in range(0, len(whole), piece_bytes):
            line.writer.write(whole[start:start + piece_bytes])
            await asyncio.sleep(0)
        answers = [await line.hear("gbk") for _ in range(3)]
    assert [answer[:2] for answer in answers] == ["98", "94", "10"]
    assert "CLL|" in answers[2]


@pytest.mark.parametrize("first", ["", STATUS_ASKED])
async def test_a_machine_that_never_logs_in_is_the_default_kiosk(member, first):
    async with door(member, LOCKER, {"staff_bin": "R"}) as port, raw(port) as line:
        if first:
            assert (await line.say(first)).startswith("98")
        assert "CLR|" in await line.say(RETURN.format("x"))


async def test_where_every_kiosk_has_a_name_it_must_be_said(member):
    async with door(member, LOCKER, {"location": "大厅"}) as port, raw(port) as line:
        assert (await line.say(STATUS_ASKED, "gbk")).startswith("98")
        assert "login required" in await line.say(RETURN.format("x"), "gbk")
        assert await line.say(LOG_IN) == "941\r"


async def test_a_line_that_only_asks_for_the_status_stays_and_is_the_default_kiosks(member, monkeypatch):
    monkeypatch.setattr(doors, "LOGIN_SECONDS_MAX", 0.2)
    async with door(member, LOCKER, {"staff_bin": "R"}) as port, raw(port) as often, raw(port) as once:
        for _ in range(doors.STATUSES_MAX + 3):
            assert (await often.say(STATUS_ASKED)).startswith("98")
        assert (await once.say(STATUS_ASKED)).startswith("98")
        await asyncio.sleep(0.4)
        assert (await once.say(STATUS_ASKED)).startswith("98")
        assert "CLR|" in await once.say(RETURN.format("x"))


async def test_a_first_message_byte_by_byte_or_without_end(member):
    async with door(member, {"user": "locker", "password": "s3cret", "login": "sip"}, {"staff_bin": "R"}) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in b"\r\n9300CNlocker|COs3cret|\r":
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert await asyncio.wait_for(reader.readuntil(b"\r"), 2) == b"941\r"
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x" * 5000 + b"\r")
        assert (await asyncio.wait_for(reader.readuntil(b"\r"), 2)).startswith(b"96")
        writer.close()


async def test_strangers_that_say_nothing_are_few_and_do_not_stay(member, monkeypatch):
    monkeypatch.setattr(doors, "WAITING_MAX", 3)
    monkeypatch.setattr(doors, "LOGIN_SECONDS_MAX", 0.3)
    async with door(member, {"user": "locker", "password": "s3cret", "login": "sip"}, {}) as port:
        lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        ended = [asyncio.create_task(_ends(reader)) for reader, _ in lines]
        await asyncio.wait_for(asyncio.gather(*ended), 5)
        for _, writer in lines:
            writer.close()
        assert await bin_of(machine(port, Credentials("locker", "s3cret"))) is None


async def _ends(reader):
    with suppress(ConnectionError):
        assert await reader.read(1) == b""


def certificate(folder):
    """A self-signed certificate for the loopback and its key, as files."""
    key, now = ed25519.Ed25519PrivateKey.generate(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    signed = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
              .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
              .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
              .sign(key, None))
    paths = folder / "kiosk.pem", folder / "kiosk.key"
    paths[0].write_bytes(signed.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return dict(zip(("certificate", "private_key"), map(str, paths), strict=True))


async def test_tls_and_a_login_behind_it(member, tmp_path):
    files = certificate(tmp_path)
    async with door(member, {"user": "k", "password": "p", "login": "sip", **files}, files) as port:
        context = ssl.create_default_context(cafile=files["certificate"])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        writer.write(b"9300CNk|COp|\r")
        assert await asyncio.wait_for(reader.readuntil(b"\r"), 2) == b"941\r"
        writer.write(f"17{DATE}AO|AB{member.own_barcode()}|\r".encode())
        assert (await asyncio.wait_for(reader.readuntil(b"\r"), 2)).startswith(b"1803")
        writer.close()
        await writer.wait_closed()


async def test_a_certificate_that_cannot_be_used_is_named(member, tmp_path):
    (tmp_path / "bad.pem").write_text("no certificate")
    bad = {"certificate": str(tmp_path / "bad.pem"), "private_key": str(tmp_path / "bad.pem")}
    with pytest.raises(SettingsRefused, match=r"bad\.pem"):
        async with door(member, bad):
            pass


async def test_a_library_without_kiosks_serves_none(member):
    async with serve_kiosks(member.connector, KioskSettings()) as kiosks:
        assert kiosks.ports == ()
