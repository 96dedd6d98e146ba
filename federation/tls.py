"""The gateway's own TLS: TLS 1.2 at least, and a renewed certificate counts without a restart."""

import asyncio
import logging
import ssl

from federation.config import TlsSettings
from trust.settings import SettingsRefused

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0


class ServerTls:
    """A listener's ``context`` with the certificate and key that lie in two files now.

    Raises:
        SettingsRefused: at the start. Later, what cannot be used is told, and what was in use before stays.
    """

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._seen = _state(settings)
        self.context = _context(settings)

    async def run(self) -> None:
        """Look for renewed files again and again until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> bool:
        """Take up files that were renewed; return whether they were. Each state is judged once."""
        state = _state(self._settings)
        if state == self._seen:
            return False
        self._seen = state
        try:
            _context(self._settings)  # a key that does not fit would take the present one out of use
            self.context.load_cert_chain(self._settings.certificate, self._settings.key, password="")
        except (SettingsRefused, OSError) as error:
            log.warning("the certificate in use stays: %s", error)
            return False
        log.info("the certificate in %s is in use", self._settings.certificate)
        return True


def _context(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for name, path in (("certificate", settings.certificate), ("key", settings.key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise SettingsRefused(f"[tls] {name}: {path} cannot be read: {error.strerror}") from None
    try:
        # An empty passphrase, so that OpenSSL asks nobody at a terminal for one.
        context.load_cert_chain(settings.certificate, settings.key, password="")
    except ssl.SSLError as error:
        raise SettingsRefused(_refusal(settings, error)) from None
    return context


def _refusal(settings: TlsSettings, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"[tls] key: {settings.key} is not the key of the certificate in {settings.certificate}"
    return (f"[tls] certificate, key: {settings.certificate} and {settings.key} are no certificate and key in PEM, or "
            f"the key has a passphrase ({error.reason or 'unreadable'})")


def _state(settings: TlsSettings) -> tuple[tuple[int, int], ...]:
    """Return what changes when a file is put down anew: when it was written, and its size; nothing where it is away."""
    found = []
    for path in (settings.certificate, settings.key):
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((status.st_mtime_ns, status.st_size))
    return tuple(found)
