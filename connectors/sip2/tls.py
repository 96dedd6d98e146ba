"""TLS for lines that leave the house. Peers are always verified; TLS 1.2 is the least.

Deliberately absent: a way to trust any certificate. A self-signed one is trusted by naming it as ``ca_file``; one that
bears another name than the host's, by ``Sip2Client(server_name=…)``.
"""

import ssl
from pathlib import Path


def client_context(
    *, ca_file: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Return the context of the asking end: trusts ``ca_file``, else the system; may show a certificate of its own.

    Raises:
        OSError, ssl.SSLError: a file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca_file)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
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
