"""The answering end on TCP: one ``AcsSession`` per connection above an asyncio transport.

A handler answers requests; framing, checksums, repeats, 96 and 97 are the session's. Bounds: one request of a line is
worked on at a time and reading stops meanwhile; a line is cut off that reads its answers too slowly, that never ends
a frame, says nothing, never logs in, gives three wrong passwords, or is idle. A telnet login reaches the handler as 93.
Deliberately absent: who may log in and what a request does, both the handler's.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from types import TracebackType
from typing import Any, Self, cast

from connectors.sip2.counters import Counters, Report, no_report
from connectors.sip2.dates import encode_date
from connectors.sip2.errors import BuildError
from connectors.sip2.framing import FRAME_BYTES_MAX
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import CHARSETS, Login, Profile
from connectors.sip2.refusal import refusal
from connectors.sip2.session import AcsSession
from connectors.sip2.telnet import ASK_LOGIN, STRIKES_MAX, WELCOME, WRONG, Gate

_LOGGER = logging.getLogger(__name__)

# SC status may precede the login: some kiosks ask it first to see whether anybody is there.
_BEFORE_LOGIN = frozenset({"93", "99"})


@dataclass
class LineState:
    """One kiosk's connection, as its handler sees it. ``notes`` is the handler's own, for the life of the line."""

    peer: str
    address: str = ""
    logged_in: bool = False
    user: str = ""
    location: str = ""
    notes: dict[str, Any] = field(default_factory=dict)


# Frames of one line after which the others have their turn, where handlers never wait.
_TURNS_MAX = 64

# Requests have a few hundred bytes; a thousand idle lines have 4 MB of these.
_READ_BYTES = 4096

Handler = Callable[[Message, LineState], Awaitable[Message]]


@dataclass(frozen=True)
class Limits:
    """What one line may cost. Times in seconds."""

    idle_seconds: float = 900.0
    login_seconds: float = 60.0
    frame_seconds: float = 60.0
    write_seconds: float = 30.0
    lines_max: int = 2000
    frame_bytes_max: int = FRAME_BYTES_MAX


class Sip2Server:
    """A SIP2 server on one port, in one dialect, answering with ``handler``.

    ``clock`` dates our own refusals; ``report`` hears every tolerance used, as ``counters`` does. ``tls`` comes from
    ``tls.server_context``.
    """

    def __init__(
        self,
        host: str,
        port: int,
        profile: Profile,
        handler: Handler,
        *,
        limits: Limits | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        report: Report = no_report,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.profile = profile
        self.handler = handler
        self.limits = limits or Limits()
        self.clock = clock
        #: What was tolerated, and how long handlers took.
        self.counters = Counters(report)
        self._tls = tls
        self.lines: set[ServerLine] = set()
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. With port 0, ``port`` is the one that was free."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: ServerLine(self), self.host, self.port, ssl=self._tls)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, end every line, and wait for the handlers that were at work."""
        if self._listener is not None:
            self._listener.close()
        tasks = [task for line in tuple(self.lines) if (task := line.end()) is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._listener is not None:
            await self._listener.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class ServerLine(asyncio.BufferedProtocol):
    """One connection. A task lives only while a request is worked on, so that an idle line costs little.

    It reads into a small buffer of its own: a plain protocol is given 256 KiB of fresh memory for each read, which as
    the heap happens to lie costs more than all the rest.
    """

    def __init__(self, server: Sip2Server) -> None:
        self._server = server
        self._session = AcsSession(server.profile, server.counters.count, server.limits.frame_bytes_max)
        self._loop = asyncio.get_running_loop()
        self._gate = Gate() if server.profile.login is Login.TELNET else None
        self._strikes = 0
        self._state = LineState("")
        self._buffer = bytearray(_READ_BYTES)
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._heard_at = self._loop.time()
        self._has_spoken = False
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def address(self) -> str:
        """Where the line comes from, without the port."""
        return self._state.address

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the line, or close it where there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        self._state.peer, self._state.address = str(name), str(name[0])
        if not has_room(self.address, [line.address for line in self._server.lines], self._server.limits.lines_max):
            _LOGGER.warning("%s: refused, %d lines are open", self._state.peer, len(self._server.lines))
            self._transport.abort()
            return
        self._server.lines.add(self)
        self._watch()
        if self._gate is not None:
            self._transport.write(ASK_LOGIN)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the line. A request that is worked on ends by itself: the ILS must not be cut in half."""
        _LOGGER.debug("%s: closed (%s)", self._state.peer, exc or "end of file")
        self._server.lines.discard(self)
        self._writable.set()
        for timer in self._timers.values():
            timer.cancel()

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Return where to read into."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        self.data_received(bytes(self._buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Work on what came; while a request is worked on, only take it in and stop reading."""
        if self._gate is not None:
            self._knock(self._gate, data)
            return
        if not self._session.is_mid_frame:
            self._heard_at = self._loop.time()
        self._session.feed(data)
        if self._task is None:
            self._task = self._loop.create_task(self._work())
        else:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The kiosk does not read: cut it off after a while."""
        self._writable.clear()
        self._timers["write"] = self._loop.call_later(self._server.limits.write_seconds, self._transport.abort)

    def resume_writing(self) -> None:
        """The kiosk reads again."""
        self._timers["write"].cancel()
        self._writable.set()

    def end(self) -> asyncio.Task[None] | None:
        """Close the connection; return the task at work, if any, cancelled."""
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()
        return self._task

    async def _work(self) -> None:
        try:
            for turn in count(1):
                if self._transport.is_closing() or not self._session.advance():
                    break
                self._heard_at, self._has_spoken = self._loop.time(), True
                if turn % _TURNS_MAX == 0:
                    await asyncio.sleep(0)
                if self._session.request is not None:
                    await self._answer(self._session.request)
                self._transport.write(self._session.data_to_send())
                if not self._writable.is_set():
                    await self._writable.wait()
                if self._strikes >= STRIKES_MAX:
                    self._transport.close()
        finally:
            self._task = None
            self._transport.resume_reading()

    async def _answer(self, request: Message) -> None:
        if self._server.profile.login is Login.SIP and not (self._state.logged_in or request.id in _BEFORE_LOGIN):
            return self._refuse(request, "login required")
        began_at = self._loop.time()
        try:
            answer = await self._server.handler(request, self._state)
            self._session.answer(answer)
        except Exception:
            _LOGGER.exception("%s: the handler of message %s failed", self._state.peer, request.id)
            return self._refuse(request, "system error")
        self._server.counters.took(request.id, self._loop.time() - began_at)
        if answer.id == "94":
            self._log_in(request, answer)
        return None

    def _log_in(self, request: Message, answer: Message) -> None:
        self._state.logged_in = answer.flag("ok") is True
        self._state.user = request.get("CN") or ""
        self._state.location = request.get("CP") or ""
        self._strikes = 0 if self._state.logged_in else self._strikes + 1

    def _knock(self, gate: Gate, data: bytes) -> None:
        """Take what came before SIP2 begins; a whole name and password are a 93 to the handler."""
        try:
            said, credentials = gate.feed(data)
        except ValueError:
            self._transport.close()
            return
        self._transport.write(said)
        if credentials is not None and self._task is None:
            self._transport.pause_reading()
            user, password = (text.decode(CHARSETS[self._server.profile.charset][0], "replace") for text in credentials)
            login = build("93", uid_algorithm="0", pwd_algorithm="0", CN=user, CO=password)  # noqa: S106 - not encrypted
            self._task = self._loop.create_task(self._open_gate(gate, login))

    async def _open_gate(self, gate: Gate, login: Message) -> None:
        try:
            self._log_in(login, await self._server.handler(login, self._state))
        except Exception:
            _LOGGER.exception("%s: the handler of a telnet login failed", self._state.peer)
            self._strikes += 1
        finally:
            self._task = None
            self._transport.resume_reading()
        if self._state.logged_in:
            self._gate = None
            self._transport.write(WELCOME)
            self.data_received(gate.rest())
        elif self._strikes < STRIKES_MAX:
            self._transport.write(WRONG + ASK_LOGIN)
            self._knock(gate, b"")
        else:
            self._transport.write(WRONG)
            self._transport.close()

    def _refuse(self, request: Message, text: str) -> None:
        moment = encode_date(self._server.clock(), self._server.profile.zone)
        try:
            self._session.answer(refusal(request, text, moment))
        except BuildError:
            # The request holds an identifier that this dialect cannot even repeat.
            self._session.answer(build("96"))

    def _watch(self) -> None:
        """Close the line once it has used up our patience; one timer per line, not one per message."""
        limits = self._server.limits
        patience = limits.idle_seconds
        is_stranger = self._server.profile.login is not Login.NONE and not self._state.logged_in
        if is_stranger or not self._has_spoken:
            patience = min(patience, limits.login_seconds)
        if self._session.is_mid_frame:
            patience = min(patience, limits.frame_seconds)
        left = self._heard_at + patience - self._loop.time()
        if left <= 0 and self._task is None:
            self._transport.close()
            return
        self._timers["watch"] = self._loop.call_later(min(max(left, 0.1), limits.frame_seconds), self._watch)


def has_room(address: str, taken: Sequence[str], most: int) -> bool:
    """Whether one more line from ``address`` may be open: the last quarter is for those that have none yet."""
    return len(taken) < most - most // 4 or (len(taken) < most and address not in taken)


# Reads well where a server is entered: ``async with serve(host, port, profile, handler) as server``.
serve = Sip2Server
