"""Which kiosk a connection is: by its port, its subnet, and where tables still share those, its login (CN) or CP.

A dialect must be known before the first byte is read, so a connection is met by a ``Doorman`` that reads no more than
that first message and hands the line, with what came, to the server of the kiosk it has found. Many machines ask for
the status (99) before they log in: that is answered for the default kiosk, and the login after it decides. A line that
goes on without a login is the default kiosk's: the first table that fits and asks for no user or location.
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
from connectors.sip2.profile import Login, Terminator
from connectors.sip2.server import LineState, ServerLine, Sip2Server, has_room
from connectors.sip2.session import AcsSession

log = logging.getLogger(__name__)

LOGIN_BYTES_MAX = 4096
LOGIN_SECONDS_MAX = 60.0
STATUSES_MAX = 8
"""How often a line may ask for the status before it is taken for one that does not log in."""
WAITING_MAX = 256
"""Connections of one port that have not said who they are."""
_FIRST_FRAME = re.compile(rb"[\r\n\0 ]*([^\r\n]+)[\r\n]")

Address = IPv4Address | IPv6Address


def admitted(kiosks: Sequence[Kiosk], address: Address) -> tuple[Kiosk, ...]:
    """Return the kiosks that a connection from ``address`` may be."""
    return tuple(kiosk for kiosk in kiosks if kiosk.subnet is None or address in kiosk.subnet)


def default_of(kiosks: Sequence[Kiosk]) -> Kiosk:
    """Return the kiosk of a line that does not say who it is: the first that asks for no name, else the first."""
    return next((kiosk for kiosk in kiosks if not (kiosk.user or kiosk.profile.location)), kiosks[0])


def is_decided(kiosks: Sequence[Kiosk]) -> bool:
    """Whether the first of several kiosks is taken without hearing a login: a telnet one waits for our prompt."""
    first = kiosks[0]
    return len(kiosks) == 1 or first.profile.login is Login.TELNET or not (first.user or first.profile.location)


def choose(kiosks: Sequence[Kiosk], frame: bytes) -> Kiosk:
    """Return the first kiosk in whose own dialect ``frame`` is its login, else the one of lines that have none."""
    return next((kiosk for kiosk in kiosks if _is_login_of(kiosk, frame)), default_of(kiosks))


def _is_login_of(kiosk: Kiosk, frame: bytes) -> bool:
    try:
        login = Codec(kiosk.profile).decode(frame)
    except FormatError:
        return False
    return (login.id == "93" and kiosk.user in ("", login.get("CN") or "")
            and kiosk.profile.location in ("", login.get("CP") or ""))


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
        self._received = b""
        self._statuses = 0
        self._answering: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look where it comes from; go where that is enough."""
        self._transport = cast("asyncio.Transport", transport)
        address = _address_of(transport)
        self.address = str(address)
        self._kiosks = admitted(self._door.kiosks, address)
        waiting = [doorman.address for doorman in self._door.waiting]
        if not self._kiosks or not has_room(self.address, waiting, WAITING_MAX):
            log.warning("%s: refused, %s", address, "too many have not logged in" if self._kiosks else "no kiosk's net")
            self._transport.abort()
        elif is_decided(self._kiosks):
            self._hand_over(self._kiosks[0])
        else:
            self._door.waiting.add(self)
            self._timer = asyncio.get_running_loop().call_later(LOGIN_SECONDS_MAX, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Read the first message."""
        self._received += data
        if self._answering is None:
            self._look()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget it."""
        self._leave()

    def end(self) -> None:
        """Close a connection that has not said who it is."""
        self._leave()
        self._transport.abort()

    def _look(self) -> None:
        """Hand the line over by its first message; a status (99) is answered, and the next one looked at."""
        frame = _FIRST_FRAME.match(self._received)
        if frame is None and len(self._received) <= LOGIN_BYTES_MAX:
            return
        default = default_of(self._kiosks)
        if frame is None or self._statuses >= STATUSES_MAX or not _is_status(default, frame[1]):
            self._hand_over(choose(self._kiosks, frame[1] if frame else b""))
            return
        self._statuses += 1
        self._received = self._received[frame.end() :]
        self._transport.pause_reading()
        self._answering = asyncio.get_running_loop().create_task(self._answer(frame[1], self._door.server_of(default)))

    async def _answer(self, frame: bytes, server: Sip2Server) -> None:
        """Say how the library stands, to whoever asks before it logs in."""
        session = AcsSession(server.profile)
        session.feed(frame + Terminator.CRLF.value)
        session.advance()
        try:
            if session.request is not None:
                session.answer(await server.handler(session.request, LineState(self.address, self.address)))
        except Exception:
            log.exception("%s: the status cannot be told", self.address)
            self.end()
            return
        self._answering = None
        if not self._transport.is_closing():
            self._transport.write(session.data_to_send())
            self._transport.resume_reading()
            self._look()

    def _give_up(self) -> None:
        """A line that only ever asks for the status is one that does not log in."""
        if self._statuses and self._answering is None:
            self._hand_over(default_of(self._kiosks))
        else:
            self.end()

    def _hand_over(self, kiosk: Kiosk) -> None:
        self._leave()
        line = ServerLine(self._door.server_of(kiosk))
        self._transport.set_protocol(line)
        line.connection_made(self._transport)
        if self._received:
            line.data_received(self._received)

    def _leave(self) -> None:
        self._door.waiting.discard(self)
        if self._timer is not None:
            self._timer.cancel()


def _is_status(kiosk: Kiosk, frame: bytes) -> bool:
    try:
        return Codec(kiosk.profile).decode(frame).id == "99"
    except FormatError:
        return False


def _address_of(transport: asyncio.BaseTransport) -> Address:
    address = ip_address(transport.get_extra_info("peername")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
