"""The asking end: a pool of lines to one ILS, opened when needed and never more than ``max_lines``.

A read without an answer is asked once more on a fresh line. A write is never repeated: ``InDoubt`` says that the
ILS may have acted, and the caller settles it by asking (17, 63). The last free line is kept for writes. Idle lines
say 99 before the server loses patience. A breaker stands before an ILS that is down: it costs nobody a deadline.
"""

import asyncio
import random as randomness
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from connectors.breaker import Breaker, BreakerState
from connectors.sip2.counters import Counters, Report, no_report
from connectors.sip2.dialect import Dialect, LearnedDialect, OnLearned, forget
from connectors.sip2.errors import LineDown, LineError, LoginRefused, NoAnswer, RequestRefused
from connectors.sip2.line import SC_STATUS, Address, Credentials, Line
from connectors.sip2.messages import WRITES, Message
from connectors.sip2.profile import Profile

__all__ = ["ClientStatus", "Credentials", "Sip2Client"]

_LOGIN_SECONDS_MAX = 10.0
# Heartbeats hold a line open no longer than this after its last use: many ILS sell licences by the connection.
_IDLE_SECONDS_MAX = 1800.0


@dataclass(frozen=True)
class ClientStatus:
    """Where a client stands. ``retry_in_seconds`` is 0 unless the breaker is open."""

    breaker: BreakerState
    retry_in_seconds: float
    busy_lines: int
    idle_lines: int
    learned: LearnedDialect | None


class Sip2Client:
    """Asks one ILS in its own dialect.

    ``random`` (0 to 1) spreads the reconnects of many clients; ``report`` hears every tolerance used, as ``counters``
    does. ``tls`` comes from ``tls.client_context``. ``on_learned`` is told what to give back as ``learned`` next time.
    """

    def __init__(
        self,
        host: str,
        port: int,
        profile: Profile,
        credentials: Credentials | None = None,
        *,
        max_lines: int = 2,
        deadline_seconds: float = 15.0,
        random: Callable[[], float] = randomness.random,
        report: Report = no_report,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        learned: LearnedDialect | None = None,
        on_learned: OnLearned = forget,
    ) -> None:
        self.profile = profile
        #: What was tolerated, failed and took how long.
        self.counters = Counters(report)
        self._address = Address(host, port, tls, server_name)
        self._credentials = credentials
        self._deadline_seconds = deadline_seconds
        self._dialect = Dialect(profile, learned, on_learned)
        self._breaker = Breaker(random)
        self._slots = asyncio.Semaphore(max_lines)
        self._read_slots = asyncio.Semaphore(max(1, max_lines - 1))
        self._idle: list[Line] = []
        self._busy_lines = 0
        self._keeper: asyncio.Task[None] | None = None
        self._is_closed = False
        #: The newest 98: what the ACS says of itself.
        self.acs_status: Message | None = None

    async def request(self, message: Message) -> Message:
        """Send ``message`` on a free line and return its answer.

        Raises:
            LineDown, LoginRefused, RequestRefused: the ILS did nothing.
            NoAnswer, InDoubt: it may have; ``InDoubt`` for a write.
            BuildError: the message cannot be sent in this dialect.
        """
        if message.id in self.profile.unsupported:
            raise RequestRefused(f"message {message.id}: this ILS never answers it (profile, unsupported)")
        try:
            return await self._exchange(message)
        except NoAnswer:
            if message.id in WRITES:
                raise
        self._drop_idle()
        return await self._exchange(message)

    def status(self) -> ClientStatus:
        """Return where this client stands now."""
        wait_seconds = 0.0
        if self._breaker.state is BreakerState.OPEN:
            wait_seconds = max(0.0, self._breaker.retry_at - asyncio.get_running_loop().time())
        return ClientStatus(
            self._breaker.state, wait_seconds, self._busy_lines, len(self._idle), self._dialect.learned
        )

    async def close(self) -> None:
        """Let all idle lines go. Lines in use go when their exchange ends."""
        self._is_closed = True
        self._drop_idle()
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _exchange(self, message: Message) -> Message:
        loop = asyncio.get_running_loop()
        try:
            async with self._line(is_write=message.id in WRITES) as line:
                began_at = loop.time()
                answer = await line.exchange(message, self._deadline_seconds)
                line.used_at = loop.time()
        except LineError as error:
            self.counters.count(message.id, type(error).__name__)
            if isinstance(error, NoAnswer):
                self._breaker.was_silent(loop.time())
            elif isinstance(error, RequestRefused):
                self._breaker.answered()
            raise
        self._breaker.answered()
        self.counters.took(message.id, line.used_at - began_at)
        return answer

    @asynccontextmanager
    async def _line(self, *, is_write: bool) -> AsyncIterator[Line]:
        turns = (self._slots,) if is_write else (self._read_slots, self._slots)
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._deadline_seconds):
                    for turn in turns:
                        await stack.enter_async_context(turn)
            except TimeoutError:
                raise LineDown(f"{self._address}: all lines are busy") from None
            line = self._take_idle() or await self._open()
            self._busy_lines += 1
            try:
                yield line
            finally:
                self._busy_lines -= 1
                self._put_back(line)

    def _take_idle(self) -> Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.is_usable:
                return line
            line.close()
        return None

    def _put_back(self, line: Line) -> None:
        if self._is_closed or not line.is_usable or not self.profile.heartbeat_seconds:
            line.close()
            return
        self._idle.append(line)
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_alive())

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _open(self) -> Line:
        if self._is_closed:
            raise LineDown(f"{self._address}: this client is closed")
        loop = asyncio.get_running_loop()
        if not self._breaker.may_try(loop.time()):
            raise LineDown(f"{self._address} was down; next try in {self.status().retry_in_seconds:.1f} s")
        seconds = min(self._deadline_seconds, _LOGIN_SECONDS_MAX)
        try:
            line = await Line.open(
                self._address, self.profile, self._credentials, self.counters.count, self._dialect, seconds
            )
        except (LineDown, LoginRefused, RequestRefused):
            self._breaker.failed(loop.time())
            self._drop_idle()
            raise
        finally:
            self._breaker.gave_up()
        self._breaker.opened_line()
        self.acs_status = line.acs_status
        return line

    async def _keep_alive(self) -> None:
        """Say 99 on lines that were silent for a heartbeat, while there are idle lines."""
        loop = asyncio.get_running_loop()
        heartbeat_seconds = self.profile.heartbeat_seconds
        while self._idle:
            oldest = min(self._idle, key=lambda line: line.spoke_at)
            await asyncio.sleep(max(0.0, oldest.spoke_at + heartbeat_seconds - loop.time()))
            async with self._slots:
                if oldest in self._idle and loop.time() >= oldest.spoke_at + heartbeat_seconds:
                    self._idle.remove(oldest)
                    await self._beat(oldest)
        self._keeper = None

    async def _beat(self, line: Line) -> None:
        loop = asyncio.get_running_loop()
        if not line.is_usable or loop.time() - line.used_at > _IDLE_SECONDS_MAX:
            line.close()
            return
        try:
            self.acs_status = await line.exchange(SC_STATUS, min(self._deadline_seconds, _LOGIN_SECONDS_MAX))
        except LineError as error:
            self.counters.count(SC_STATUS.id, type(error).__name__)
        else:
            self._breaker.answered()
        finally:
            self._put_back(line)
