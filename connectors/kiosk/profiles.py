"""Which kiosk a connection is: by its port, its subnet, and where tables still share those, its login (CN) or CP.

A dialect must be known before the first byte is read, so a connection is met by a ``Doorman`` that reads no more than
that first message and hands the line, with what came, to the server of the kiosk it has found. A line that begins with
something else than a login is the first kiosk's that fits.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import cast

from connectors.kiosk.config import Kiosk
from connectors.sip2.codec import Codec
from connectors.sip2.errors import FormatError
from connectors.sip2.profile import Login
from connectors.sip2.server import ServerLine, Sip2Server

log = logging.getLogger(__name__)

LOGIN_BYTES_MAX = 4096
LOGIN_SECONDS_MAX = 60.0
WAITING_MAX = 256
"""Connections of one port that have not said who they are."""
_FIRST_FRAME = re.compile(rb"[\r\n\0 ]*([^\r\n]+)[\r\n]")

Address = IPv4Address | IPv6Address


def admitted(kiosks: Sequence[Kiosk], address: Address) -> tuple[Kiosk, ...]:
    """Return the kiosks that a connection from ``address`` may be."""
    return tuple(kiosk for kiosk in kiosks if kiosk.subnet is None or address in kiosk.subnet)


def is_decided(kiosks: Sequence[Kiosk]) -> bool:
    """Whether the first of several kiosks is taken without hearing a login: a telnet one waits for our prompt."""
    first = kiosks[0]
    return len(kiosks) == 1 or first.login is Login.TELNET or not (first.user or first.location)


def choose(kiosks: Sequence[Kiosk], frame: bytes) -> Kiosk:
    """Return the first kiosk in whose own dialect ``frame`` is its login, else the first: it will refuse what comes."""
    return next((kiosk for kiosk in kiosks if _is_login_of(kiosk, frame)), kiosks[0])


def _is_login_of(kiosk: Kiosk, frame: bytes) -> bool:
    try:
        login = Codec(kiosk.profile).decode(frame)
    except FormatError:
        return False
    return (login.id == "93" and kiosk.user in ("", login.get("CN") or "")
            and kiosk.location in ("", login.get("CP") or ""))


class Door:
    """One port: its kiosks in the file's order, and the server of each."""

    def __init__(self, kiosks: Sequence[Kiosk], server_of: Callable[[Kiosk], Sip2Server]) -> None:
        self.kiosks = tuple(kiosks)
        self.servers = [server_of(kiosk) for kiosk in self.kiosks]
        self.waiting: set[Doorman] = set()

    def server_of(self, kiosk: Kiosk) -> Sip2Server:
        """Return the server that speaks a kiosk's dialect."""
        return self.servers[self.kiosks.index(kiosk)]

    async def close(self) -> None:
        """End every line, and wait for the requests at work."""
        for doorman in tuple(self.waiting):
            doorman.end()
        await asyncio.gather(*(server.close() for server in self.servers))


class Doorman(asyncio.Protocol):
    """Meets one connection."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._received = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look where it comes from; go where that is enough."""
        self._transport = cast("asyncio.Transport", transport)
        address = _address_of(transport)
        self._kiosks = admitted(self._door.kiosks, address)
        if not self._kiosks or len(self._door.waiting) >= WAITING_MAX:
            log.warning("%s: refused, %s", address, "too many have not logged in" if self._kiosks else "no kiosk's net")
            self._transport.abort()
        elif is_decided(self._kiosks):
            self._hand_over(self._kiosks[0])
        else:
            self._door.waiting.add(self)
            self._timer = asyncio.get_running_loop().call_later(LOGIN_SECONDS_MAX, self.end)

    def data_received(self, data: bytes) -> None:
        """Read the first message."""
        self._received += data
        frame = _FIRST_FRAME.match(self._received)
        if frame is None and len(self._received) <= LOGIN_BYTES_MAX:
            return
        self._hand_over(choose(self._kiosks, frame[1] if frame else b""))

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget it."""
        self._leave()

    def end(self) -> None:
        """Close a connection that has not said who it is."""
        self._leave()
        self._transport.abort()

    def _hand_over(self, kiosk: Kiosk) -> None:
        self._leave()
        line = ServerLine(self._door.server_of(kiosk))
        self._transport.set_protocol(line)
        line.connection_made(self._transport)
        if self._received:
            line.data_received(bytes(self._received))

    def _leave(self) -> None:
        self._door.waiting.discard(self)
        if self._timer is not None:
            self._timer.cancel()


def _address_of(transport: asyncio.BaseTransport) -> Address:
    address = ip_address(transport.get_extra_info("peername")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
