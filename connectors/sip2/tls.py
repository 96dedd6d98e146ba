"""TLS for lines that leave the house. Peers are always verified; TLS 1.2 is the least.

Deliberately absent: a way to trust any certificate. A self-signed one is trusted by naming it as ``ca_file``; one that
bears another name than the host's, by ``Sip2Client(server_name=…)``.
"""

import ssl
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

# X509_V_ERR_…: of the peer's certificate. Whatever is not here is a chain that ends in nobody we trust.
_CERTIFICATE_NOT_YET_VALID, _CERTIFICATE_EXPIRED = 9, 10
_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH = 62, 64


class TlsTrouble(StrEnum):
    """Why no TLS connection came about."""

    UNTRUSTED = "certificate_untrusted"
    OTHER_NAME = "certificate_of_another_name"
    EXPIRED = "certificate_expired"
    NOT_YET_VALID = "certificate_not_yet_valid"
    OURS_WANTED = "client_certificate_wanted"
    OURS_REFUSED = "client_certificate_refused"
    WANTED = "tls_wanted"
    NOT_SPOKEN = "tls_not_spoken"
    TOO_OLD = "tls_too_old"
    FAILED = "tls_failed"


#: The certificate of the peer is at fault: so it does speak TLS.
CERTIFICATE_TROUBLES = frozenset(
    {TlsTrouble.UNTRUSTED, TlsTrouble.OTHER_NAME, TlsTrouble.EXPIRED, TlsTrouble.NOT_YET_VALID}
)

#: Chinese, then English: what is wrong and what to do.
TROUBLES: Mapping[TlsTrouble, tuple[str, str]] = {
    TlsTrouble.UNTRUSTED: ("对方的证书不受信任，请用 --ca 给出签发它的证书",
                           "nobody we trust vouches for the peer's certificate: name its issuer by --ca FILE"),
    TlsTrouble.OTHER_NAME: ("对方的证书不是这个主机名的，请用 --server-name 给出证书上的名称",
                            "the certificate bears another name than the host's: give that name by --server-name"),
    TlsTrouble.EXPIRED: ("对方的证书已过期", "the peer's certificate has expired"),
    TlsTrouble.NOT_YET_VALID: ("对方的证书尚未生效，请核对两边的时钟",
                               "the peer's certificate is not valid yet: check the clocks"),
    TlsTrouble.OURS_WANTED: ("握手后对方即断开，可能要求客户端证书，请用 --cert 和 --key 给出",
                             "the peer hangs up after the handshake: it may want our certificate (--cert, --key)"),
    TlsTrouble.OURS_REFUSED: ("对方不接受我方的证书", "the peer does not accept our certificate"),
    TlsTrouble.WANTED: ("该端口要求 TLS，请加 --tls", "this port wants TLS: add --tls"),
    TlsTrouble.NOT_SPOKEN: ("该端口不是 TLS，请去掉 --tls 再试", "no TLS is spoken on this port: try without --tls"),
    TlsTrouble.TOO_OLD: ("对方只有早于 TLS 1.2 的版本", "the peer has only versions older than TLS 1.2"),
    TlsTrouble.FAILED: ("TLS 握手失败", "the TLS handshake failed"),
}  # fmt: skip

_BY_VERIFY_CODE = {
    _CERTIFICATE_NOT_YET_VALID: TlsTrouble.NOT_YET_VALID,
    _CERTIFICATE_EXPIRED: TlsTrouble.EXPIRED,
    _HOSTNAME_MISMATCH: TlsTrouble.OTHER_NAME,
    _IP_ADDRESS_MISMATCH: TlsTrouble.OTHER_NAME,
}
# Words of OpenSSL's reasons, the first that fits. An ALERT is what the peer says of us.
_BY_REASON = {
    "CERTIFICATE_REQUIRED": TlsTrouble.OURS_WANTED,
    "ALERT_HANDSHAKE_FAILURE": TlsTrouble.OURS_WANTED,
    "ALERT_UNKNOWN_CA": TlsTrouble.OURS_REFUSED,
    "CERTIFICATE": TlsTrouble.OURS_REFUSED,
    "WRONG_VERSION_NUMBER": TlsTrouble.NOT_SPOKEN,
    "RECORD_LAYER_FAILURE": TlsTrouble.NOT_SPOKEN,
    "PACKET_LENGTH_TOO_LONG": TlsTrouble.NOT_SPOKEN,
    "PROTOCOL": TlsTrouble.TOO_OLD,
}


class TlsFailed(ConnectionError):
    """No TLS connection; the text says why and what to do, ``trouble`` names it for programs."""

    def __init__(self, trouble: TlsTrouble) -> None:
        super().__init__(" ".join(TROUBLES[trouble]))
        self.trouble = trouble


def trouble_of(error: BaseException | None) -> TlsTrouble | None:
    """Name what OpenSSL complains of; None where the error is none of TLS.

    >>> trouble_of(ConnectionRefusedError()) is None
    True
    """
    if isinstance(error, TlsFailed):
        return error.trouble
    if isinstance(error, ssl.SSLCertVerificationError):
        return _BY_VERIFY_CODE.get(error.verify_code, TlsTrouble.UNTRUSTED)
    if not isinstance(error, ssl.SSLError):
        return None
    reason = error.reason or ""
    return next((trouble for word, trouble in _BY_REASON.items() if word in reason), TlsTrouble.FAILED)


def explained(error: BaseException) -> str:
    """Return an error of a connection in words, those of ``TROUBLES`` where it is one of TLS."""
    trouble = trouble_of(error)
    return str(error) if trouble is None else str(TlsFailed(trouble))


def client_context(
    *, ca_file: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Return the context of the asking end: trusts ``ca_file``, else the system; may show a certificate of its own.

    Raises:
        OSError, ssl.SSLError: a file cannot be read or holds no certificate; a key that is encrypted cannot be read.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca_file)
    if certificate is not None:
        # An empty passphrase, so that OpenSSL asks nobody at a terminal for one.
        context.load_cert_chain(certificate, key, password="")
    return _modern(context)


def server_context(certificate: Path, key: Path, *, client_ca_file: Path | None = None) -> ssl.SSLContext:
    """Return the context of the answering end. With ``client_ca_file``, a kiosk must show a certificate from there.

    Raises:
        OSError, ssl.SSLError: a file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca_file)
    context.load_cert_chain(certificate, key)
    if client_ca_file is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return _modern(context)


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
