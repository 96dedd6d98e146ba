"""One TCP connection to an ILS: an ``ScSession`` above an asyncio transport, with deadlines."""

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import cast

from connectors.sip2.counters import Report
from connectors.sip2.dialect import Dialect
from connectors.sip2.errors import LineDown, LineError, LoginRefused, NoAnswer, Unencodable
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import CHARSETS, Login, Profile
from connectors.sip2.session import ScSession
from connectors.sip2.telnet import Prompt, PromptReader
from connectors.sip2.tls import explained

# After the deadline: how much longer, as a share of it, the answer to 97 may take.
_GRACE = 1 / 3
# After the password, how long a server may take to greet or to refuse, and how long it must then be quiet.
_GREETING_SECONDS_MAX = 2.0
_QUIET_SECONDS = 0.2

# Asked on every new line, since servers keep the protocol version per connection, and on idle ones to keep them.
SC_STATUS = build("99", status_code="0", max_print_width="080", protocol_version="2.00")


@dataclass(frozen=True)
class Credentials:
    """What a line logs in with: CN and CO of 93, or the answers to a telnet server's prompts."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Address:
    """Where an ILS listens. With ``tls``, its certificate must bear ``server_name``, else the host's name."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Line(asyncio.Protocol):
    """A line that is logged in, carries one request at a time, and knows when it can't be trusted any more."""

    def __init__(self, profile: Profile, report: Report, dialect: Dialect) -> None:
        self._profile = profile
        self._session = ScSession(profile, report, dialect)
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[Message] | None = None
        self._prompts: PromptReader | None = PromptReader() if profile.login is Login.TELNET else None
        self._text_came = asyncio.Event()
        self._is_open = False
        #: When the last exchange ended, and the last that was more than a heartbeat, in the loop's time.
        self.spoke_at = self.used_at = self._loop.time()
        #: The 98 that the ACS sent when the line was opened.
        self.acs_status: Message | None = None

    @classmethod
    async def open(
        cls,
        address: Address,
        profile: Profile,
        credentials: Credentials | None,
        report: Report,
        dialect: Dialect,
        seconds: float,
    ) -> "Line":
        """Connect, log in, and ask for the ACS's status, all within ``seconds``.

        Raises:
            LineDown, LoginRefused: a server that accepts and stays mute has no line free, and counts as down.
        """
        line = None
        try:
            async with asyncio.timeout(seconds):
                name = (address.server_name or address.host) if address.tls else None
                _, line = await asyncio.get_running_loop().create_connection(
                    lambda: cls(profile, report, dialect),
                    address.host,
                    address.port,
                    ssl=address.tls,
                    server_hostname=name,
                )
                await line._begin(credentials or Credentials("", ""), seconds)
        except (OSError, TimeoutError, NoAnswer) as error:
            raise LineDown(f"{address}: no line ({explained(error) or 'no answer in time'})") from None
        finally:
            if line is not None and line.acs_status is None:
                line.close()
        return line

    async def _begin(self, user: Credentials, seconds: float) -> None:
        if self._profile.login is Login.TELNET:
            await self._answer_prompts(user)
        elif self._profile.login is Login.SIP:
            await self._log_in(user, seconds)
        status = await self.exchange(SC_STATUS, seconds)
        if status.flag("on_line_status") is False:
            raise LineDown("the ACS says that it is off-line (98)")
        self.acs_status = status

    async def _log_in(self, user: Credentials, seconds: float) -> None:
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

    async def _answer_prompts(self, user: Credentials) -> None:
        """Answer ``login: `` and ``password: ``. Until we speak SIP2, all that the server says is banner."""
        prompts = self._prompts
        assert prompts is not None
        await self._prompted(prompts, Prompt.LOGIN)
        self._type("CN", user.user, prompts)
        await self._prompted(prompts, Prompt.PASSWORD)
        self._type("CO", user.password, prompts)
        try:
            async with asyncio.timeout(_GREETING_SECONDS_MAX):
                await self._text_came.wait()
        except TimeoutError:
            pass
        await asyncio.sleep(_QUIET_SECONDS)
        if prompts.prompt is not Prompt.NOTHING or not self._is_open:
            raise LoginRefused(f"the server refused the login of user {user.user!r}")
        self._prompts = None

    async def _prompted(self, prompts: PromptReader, wanted: Prompt) -> None:
        while prompts.prompt is not wanted:
            if not self._is_open:
                raise LineDown("the server closed the line before the login")
            self._text_came.clear()
            await self._text_came.wait()

    def _type(self, code: str, text: str, prompts: PromptReader) -> None:
        charset = CHARSETS[self._profile.charset][1]
        try:
            data = text.encode(charset)
        except UnicodeEncodeError:
            raise Unencodable("93", code, charset) from None
        if not text.isprintable():
            raise Unencodable("93", code, charset)
        prompts.answered()
        self._text_came.clear()
        self._transport.write(data + self._profile.terminator.value)

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
            self.spoke_at = self._loop.time()

    def close(self) -> None:
        """Let the connection go."""
        self._is_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._is_open = True

    def data_received(self, data: bytes) -> None:
        """Hand the bytes to the login, or to the session and its answer or error to whoever waits."""
        if self._prompts is not None:
            self._prompts.feed(data)
            self._text_came.set()
            return
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
        self._text_came.set()
        if not self._session.is_idle:
            why = explained(exc) if exc else "closed by the ACS"
            self._settle(self._session.abandon(f"the connection broke ({why})"))

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
