"""The asking end: a pool of lines to one ILS, opened when needed and never more than ``max_lines``.

A read without an answer is asked once more on a fresh line. A write is never repeated: ``InDoubt`` says that the
ILS may have acted, and the caller settles it by asking (17, 63). While the ILS is unreachable, requests fail at once
until a jittered pause is over, so that a dead ILS costs nobody a deadline.
"""

import asyncio
import random as randomness
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from connectors.sip2.errors import LineDown, LoginRefused, NoAnswer
from connectors.sip2.line import Credentials, Line
from connectors.sip2.messages import WRITES, Message
from connectors.sip2.profile import Profile
from connectors.sip2.session import Report, no_report

__all__ = ["Credentials", "Sip2Client"]

_LOGIN_SECONDS_MAX = 10.0
# A firewall forgets silent connections; a write on a forgotten one would end in doubt.
_IDLE_SECONDS_MAX = 240.0
_PAUSE_SECONDS_MIN, _PAUSE_SECONDS_MAX = 0.25, 30.0


class Sip2Client:
    """Asks one ILS in its own dialect.

    ``random`` (0 to 1) spreads the reconnects of many clients; ``report`` hears every tolerance used.
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
    ) -> None:
        self.profile = profile
        self._host = host
        self._port = port
        self._credentials = credentials
        self._deadline_seconds = deadline_seconds
        self._random = random
        self._report = report
        self._slots = asyncio.Semaphore(max_lines)
        self._idle: list[Line] = []
        self._failures = 0
        self._retry_at = 0.0
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
        try:
            return await self._exchange(message)
        except NoAnswer:
            if message.id in WRITES:
                raise
        self._drop_idle()
        return await self._exchange(message)

    async def close(self) -> None:
        """Let all idle lines go. Lines in use go when their exchange ends."""
        self._is_closed = True
        self._drop_idle()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _exchange(self, message: Message) -> Message:
        async with self._line() as line:
            return await line.exchange(message, self._deadline_seconds)

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[Line]:
        try:
            await asyncio.wait_for(self._slots.acquire(), self._deadline_seconds)
        except TimeoutError:
            raise LineDown(f"{self._host}:{self._port}: all lines are busy") from None
        try:
            line = self._take_idle() or await self._open()
            try:
                yield line
            finally:
                self._put_back(line)
        finally:
            self._slots.release()

    def _take_idle(self) -> Line | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            line = self._idle.pop()
            if line.is_usable and now - line.used_at < _IDLE_SECONDS_MAX:
                return line
            line.close()
        return None

    def _put_back(self, line: Line) -> None:
        if line.is_usable and not self._is_closed:
            self._idle.append(line)
        else:
            line.close()

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _open(self) -> Line:
        if self._is_closed:
            raise LineDown(f"{self._host}:{self._port}: this client is closed")
        loop = asyncio.get_running_loop()
        wait_seconds = self._retry_at - loop.time()
        if wait_seconds > 0:
            raise LineDown(f"{self._host}:{self._port} was down; next try in {wait_seconds:.1f} s")
        seconds = min(self._deadline_seconds, _LOGIN_SECONDS_MAX)
        try:
            line = await Line.open(self._host, self._port, self.profile, self._credentials, self._report, seconds)
        except (LineDown, LoginRefused):
            pause = min(_PAUSE_SECONDS_MIN * 2**self._failures, _PAUSE_SECONDS_MAX) * (0.5 + self._random())
            self._failures += 1
            self._retry_at = loop.time() + pause
            raise
        self._failures = 0
        self.acs_status = line.acs_status
        return line
