import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from connectors.sip2.client import Credentials, Sip2Client
from connectors.sip2.errors import LineDown
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import Profile
from connectors.sip2.server import LineState, Sip2Server, serve
from connectors.sip2.tls import (
    CERTIFICATE_TROUBLES,
    TROUBLES,
    TlsTrouble,
    client_context,
    explained,
    server_context,
    trouble_of,
)
from tests.connectors.sip2.certificates import Authority

DATE = "20260101    120000"
ITEM = build("17", transaction_date=DATE, AB="B1")


async def shelf(request: Message, line: LineState) -> Message:
    if request.id == "93":
        return build("94", ok=True)
    if request.id == "99":
        return build("98", on_line_status=True, BX="Y" * 16)
    return build("18", circulation_status="03", transaction_date=DATE, AB=request.get("AB"), AJ="和珅传")


def secure(tls: ssl.SSLContext) -> Sip2Server:
    return serve("127.0.0.1", 0, Profile(), shelf, tls=tls)


def client(server: Sip2Server, tls: ssl.SSLContext, server_name: str | None = None) -> Sip2Client:
    return Sip2Client(
        "127.0.0.1", server.port, Profile(), Credentials("k", "p"), tls=tls, server_name=server_name, deadline_seconds=5
    )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_a_line_over_tls(authority: Authority) -> None:
    certificate, key = authority.issue("127.0.0.1")
    tls = client_context(ca_file=authority.file)
    async with secure(server_context(certificate, key)) as server, client(server, tls) as ils:
        assert (await ils.request(ITEM)).get("AJ") == "和珅传"


async def test_a_certificate_that_nobody_vouches_for_is_refused(authority: Authority) -> None:
    certificate, key = authority.issue("127.0.0.1")
    async with secure(server_context(certificate, key)) as server, client(server, client_context()) as ils:
        with pytest.raises(LineDown, match="nobody we trust vouches for"):
            await ils.request(ITEM)


async def test_a_certificate_of_another_name_is_refused_unless_that_name_is_expected(authority: Authority) -> None:
    certificate, key = authority.issue("ils.example.org")
    tls = client_context(ca_file=authority.file)
    async with secure(server_context(certificate, key)) as server:
        async with client(server, tls) as ils:
            with pytest.raises(LineDown, match="bears another name"):
                await ils.request(ITEM)
        async with client(server, tls, "ils.example.org") as ils:
            assert (await ils.request(ITEM)).id == "18"


async def test_a_server_may_ask_for_the_clients_certificate(authority: Authority) -> None:
    certificate, key = authority.issue("127.0.0.1")
    own, own_key = authority.issue("kiosk.example.org")
    async with secure(server_context(certificate, key, client_ca_file=authority.file)) as server:
        async with client(server, client_context(ca_file=authority.file)) as ils:
            with pytest.raises(LineDown):
                await ils.request(ITEM)
        shown = client_context(ca_file=authority.file, certificate=own, key=own_key)
        async with client(server, shown) as ils:
            assert (await ils.request(ITEM)).id == "18"


async def test_plain_text_to_a_tls_port_is_down_by_name(authority: Authority) -> None:
    certificate, key = authority.issue("127.0.0.1")
    async with (
        secure(server_context(certificate, key)) as server,
        Sip2Client("127.0.0.1", server.port, Profile(), deadline_seconds=1) as ils,
    ):
        with pytest.raises(LineDown):
            await ils.request(ITEM)


def test_old_protocol_versions_are_not_spoken(authority: Authority) -> None:
    for context in (client_context(), server_context(*authority.issue("127.0.0.1"))):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert client_context().verify_mode is ssl.CERT_REQUIRED
    assert client_context().check_hostname


@pytest.mark.parametrize(("reason", "trouble"), [
    ("TLSV13_ALERT_CERTIFICATE_REQUIRED", TlsTrouble.OURS_WANTED),
    ("SSLV3_ALERT_HANDSHAKE_FAILURE", TlsTrouble.OURS_WANTED), ("TLSV1_ALERT_UNKNOWN_CA", TlsTrouble.OURS_REFUSED),
    ("SSLV3_ALERT_BAD_CERTIFICATE", TlsTrouble.OURS_REFUSED), ("WRONG_VERSION_NUMBER", TlsTrouble.NOT_SPOKEN),
    ("UNSUPPORTED_PROTOCOL", TlsTrouble.TOO_OLD), ("TLSV1_ALERT_PROTOCOL_VERSION", TlsTrouble.TOO_OLD),
    ("SOMETHING_NEW", TlsTrouble.FAILED), (None, TlsTrouble.FAILED),
])  # fmt: skip
def test_what_openssl_complains_of_has_a_name(reason: str | None, trouble: TlsTrouble) -> None:
    error = ssl.SSLError(1, "text")
    error.reason = reason  # type: ignore[assignment]
    assert trouble_of(error) is trouble


@pytest.mark.parametrize(("code", "trouble"), [
    (9, TlsTrouble.NOT_YET_VALID), (10, TlsTrouble.EXPIRED), (18, TlsTrouble.UNTRUSTED), (20, TlsTrouble.UNTRUSTED),
    (62, TlsTrouble.OTHER_NAME), (64, TlsTrouble.OTHER_NAME),
])  # fmt: skip
def test_what_is_wrong_with_a_certificate_has_a_name(code: int, trouble: TlsTrouble) -> None:
    error = ssl.SSLCertVerificationError(1, "text")
    error.verify_code = code
    assert trouble_of(error) is trouble
    assert explained(error) == " ".join(TROUBLES[trouble])


def test_other_errors_stay_what_they_are() -> None:
    assert trouble_of(ConnectionRefusedError()) is trouble_of(None) is None
    assert explained(ConnectionRefusedError(111, "refused")) == "[Errno 111] refused"
    assert set(TROUBLES) == set(TlsTrouble) >= CERTIFICATE_TROUBLES


def test_a_key_with_a_passphrase_asks_nobody_at_a_terminal(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("127.0.0.1")
    secret = load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"phrase")))
    with pytest.raises(OSError, match="SSL"):
        client_context(certificate=certificate, key=key)
