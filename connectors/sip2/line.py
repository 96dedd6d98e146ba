"""One TCP connection to an ILS: an ``ScSession`` above an asyncio transport, with deadlines."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

from connectors.sip2.errors import LineDown, LineError, LoginRefused, NoAnswer
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import Login, Profile
from connectors.sip2.session import Report, ScSession

# After the deadline: how much longer, as a share of it, the answer to 97 may take.
_GRACE = 1 / 3


@dataclass(frozen=True)
class Credentials:
    """What 93 logs in with (CN, CO)."""

    user: str
    password: str = field(repr=False)


class Line(asyncio.Protocol):
    """A line that is logged in, carries one request at a time, and knows when it can't be trusted any more."""

    def __init__(self, profile: Profile, report: Report) -> None:
        self._profile = profile
        self._session = ScSession(profile, report)
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[Message] | None = None
        self._is_open = False
        #: When the last exchange ended, in the loop's time.
        self.used_at = self._loop.time()
        #: The 98 that the ACS sent when the line was opened.
        self.acs_status: Message | None = None

    @classmethod
    async def open(
        cls, host: str, port: int, profile: Profile, credentials: Credentials | None, report: Report, seconds: float
    ) -> "Line":
        """Connect, log in, and ask for the ACS's status, all within ``seconds``.

        Raises:
            LineDown, LoginRefused: a server that accepts and stays mute has no line free, and counts as down.
        """
        line = None
        try:
            async with asyncio.timeout(seconds):
                loop = asyncio.get_running_loop()
                _, line = await loop.create_connection(lambda: cls(profile, report), host, port)
                await line._begin(credentials, seconds)
        except (OSError, TimeoutError, NoAnswer) as error:
            raise LineDown(f"{host}:{port}: no line ({error or 'no answer in time'})") from None
        finally:
            if line is not None and line.acs_status is None:
                line.close()
        return line

    async def _begin(self, credentials: Credentials | None, seconds: float) -> None:
        if self._profile.login is Login.SIP:
            user = credentials or Credentials("", "")
            login = build(
                "93",
                uid_algorithm="0",
                pwd_algorithm="0",  # noqa: S106 - 0 says that the password is not encrypted
                CN=user.user,
                CO=user.password,
                CP=self._profile.location or None,
            )
            answer = await self.exchange(login, seconds)
            if answer.flag("ok") is not True:
                raise LoginRefused(f"the ACS refused the login of user {user.user!r}")
        # Always on a new line: servers keep the protocol version per connection.
        hello = build("99", status_code="0", max_print_width="080", protocol_version="2.00")
        status = await self.exchange(hello, seconds)
        if status.flag("on_line_status") is False:
            raise LineDown("the ACS says that it is off-line (98)")
        self.acs_status = status

    @property
    def is_usable(self) -> bool:
        """Open, in step, and with no answer outstanding."""
        return self._is_open and self._session.is_in_step and self._session.is_idle

    async def exchange(self, message: Message, deadline_seconds: float) -> Message:
        """Send ``message`` and return its answer. Once overdue, ask again by 97, and give up a little later.

        Raises:
            RequestRefused, NoAnswer, InDoubt, BuildError: see ``errors``.
        """
        self._session.request(message)
        waiter: asyncio.Future[Message] = self._loop.create_future()
        self._waiter = waiter
        self._flush()
        try:
            await asyncio.wait((waiter,), timeout=deadline_seconds)
            if not waiter.done():
                self._session.ask_again()
                self._flush()
                await asyncio.wait((waiter,), timeout=deadline_seconds * _GRACE)
            if not waiter.done():
                raise self._session.abandon(f"no answer within {deadline_seconds:g} s, nor to a 97")
            return waiter.result()
        finally:
            self._waiter = None
            self.used_at = self._loop.time()

    def close(self) -> None:
        """Let the connection go."""
        self._is_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._is_open = True

    def data_received(self, data: bytes) -> None:
        """Hand the bytes to the session, and its answer or error to whoever waits."""
        try:
            answer = self._session.receive(data)
        except LineError as error:
            self._settle(error)
        else:
            if answer is not None:
                self._settle(answer)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The outstanding request, if any, may have happened."""
        self._is_open = False
        if not self._session.is_idle:
            self._settle(self._session.abandon(f"the connection broke ({exc or 'closed by the ACS'})"))

    def _settle(self, outcome: Message | LineError) -> None:
        if self._waiter is None or self._waiter.done():
            return
        if isinstance(outcome, Message):
            self._waiter.set_result(outcome)
        else:
            self._waiter.set_exception(outcome)

    def _flush(self) -> None:
        data = self._session.data_to_send()
        if data and self._is_open:
            self._transport.write(data)
