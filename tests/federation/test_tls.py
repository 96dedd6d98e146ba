"""The gateway under TLS, over real handshakes: who is let in, and what happens when its certificate is renewed."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from examples.alliance.ground import Ground, lay_ground
from federation.app import run_gateway, system_clock
from federation.config import Settings, TlsSettings
from federation.tls import ServerTls
from tests.alliance import LIBRARIES
from tests.connectors.sip2.certificates import Authority
from trust.settings import SettingsRefused

HOST = "127.0.0.1"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def settings(authority: Authority) -> TlsSettings:
    certificate, key = authority.issue(HOST)
    return TlsSettings(certificate=certificate, key=key)


async def shown(port: int, authority: Authority, **versions: ssl.TLSVersion) -> str:
    """Return the number of the certificate that is shown on a port."""
    context = ssl.create_default_context(cafile=authority.file)
    for name, version in versions.items():
        setattr(context, name, version)
    _, writer = await asyncio.open_connection(HOST, port, ssl=context)
    number = writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]
    writer.close()
    await writer.wait_closed()
    return str(number)


# renewal


async def test_a_renewed_certificate_counts_for_the_next_connection_and_the_listener_stays(
        authority: Authority, settings: TlsSettings) -> None:
    tls = ServerTls(settings)
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), HOST, 0, ssl=tls.context) as server:
        port = server.sockets[0].getsockname()[1]
        first = await shown(port, authority)
        assert not tls.look()
        authority.issue(HOST)
        assert await shown(port, authority) == first
        assert tls.look()
        assert await shown(port, authority) != first


async def test_a_renewal_that_is_half_done_leaves_the_present_certificate_in_use(
        authority: Authority, settings: TlsSettings, caplog: pytest.LogCaptureFixture) -> None:
    tls = ServerTls(settings)
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), HOST, 0, ssl=tls.context) as server:
        port = server.sockets[0].getsockname()[1]
        first, key = await shown(port, authority), settings.key.read_bytes()
        authority.issue(HOST)
        renewed = settings.key.read_bytes()
        settings.key.write_bytes(key)
        assert not tls.look()
        assert not tls.look()
        assert caplog.text.count("the certificate in use stays") == 1, "each state is told once"
        settings.key.unlink()
        assert not tls.look()
        assert await shown(port, authority) == first
        settings.key.write_bytes(renewed)
        assert tls.look()
        assert await shown(port, authority) != first


# what cannot be used


def no_certificate(settings: TlsSettings) -> None:
    settings.certificate.unlink()


def no_key(settings: TlsSettings) -> None:
    settings.key.unlink()


def no_pem(settings: TlsSettings) -> None:
    settings.certificate.write_text("certificate")


def another_key(settings: TlsSettings) -> None:
    _, other = Authority(settings.key.parent, "other").issue("gateway.example.org")
    settings.key.write_bytes(other.read_bytes())


def with_a_passphrase(settings: TlsSettings) -> None:
    key = serialization.load_pem_private_key(settings.key.read_bytes(), None)
    settings.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.BestAvailableEncryption(b"271828")))


@pytest.mark.parametrize(("spoils", "told"), [
    (no_certificate, r"\[tls\] certificate: .*127\.0\.0\.1\.pem cannot be read: No such file"),
    (no_key, r"\[tls\] key: .*127\.0\.0\.1\.key cannot be read: No such file"),
    (no_pem, "are no certificate and key in PEM"), (another_key, "is not the key of the certificate in"),
    (with_a_passphrase, "the key has a passphrase")])
def test_files_that_cannot_be_used_are_named(settings: TlsSettings, spoils: Callable[[TlsSettings], None],
                                             told: str) -> None:
    spoils(settings)
    with pytest.raises(SettingsRefused, match=told):
        ServerTls(settings)


# the whole gateway


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    laid = lay_ground(tmp_path, LIBRARIES[:1], system_clock(), 0)
    with laid.gateway_settings.open("a") as file:
        file.write(f'[tls]\ncertificate = "../{HOST}.pem"\nkey = "../{HOST}.key"\n')
    return laid


async def test_a_gateway_with_a_certificate_speaks_tls_of_this_decade_only(ground: Ground, authority: Authority,
                                                                           settings: TlsSettings) -> None:
    async with run_gateway(Settings.load(ground.gateway_settings)) as running:
        assert await shown(running.port, authority)
        assert await shown(running.port, authority, maximum_version=ssl.TLSVersion.TLSv1_2)
        with pytest.warns(DeprecationWarning, match="TLSv1_1"), pytest.raises(ssl.SSLError):
            await shown(running.port, authority, minimum_version=ssl.TLSVersion.TLSv1_1,
                        maximum_version=ssl.TLSVersion.TLSv1_1)
        reader, writer = await asyncio.open_connection(HOST, running.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")
        assert not await reader.read(), "nothing is answered in the clear"
        writer.close()


async def test_a_gateway_whose_certificate_is_missing_does_not_start(ground: Ground) -> None:
    with pytest.raises(SettingsRefused, match=r"\[tls\] certificate"):
        async with run_gateway(Settings.load(ground.gateway_settings)):
            pass
