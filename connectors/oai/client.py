"""An OAI-PMH harvester on aiohttp: one repository, one request after another.

    async with OaiClient("https://ils.example.org/oai") as client:
        identity = await client.identify()
        page = await client.list_records(await client.marc_prefix())

A repository that is busy (429, 503) says when to come again, and is believed up to a limit; one that fails or is away
is tried again with growing pauses. Deliberately absent: what a list means and where it was cut (`agent.harvest`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from yarl import URL

from connectors.oai.errors import OaiMalformed, OaiUnreachable
from connectors.oai.pages import Identity, Page, marc_prefix, read_identity, read_page

ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""A page of a thousand long records in MARCXML has about 10 MiB."""
ANSWER_SECONDS_MAX = 120.0
TRIES = 5
PAUSE_SECONDS = 2.0
RETRY_AFTER_SECONDS_MAX = 600.0
_OK, _BUSY, _FAILS = 200, frozenset({429, 503}), 500


class _TryAgain(Exception):
    """This try gave nothing; the next may, after so many seconds, where the repository says how many."""

    def __init__(self, why: str, seconds: float | None = None) -> None:
        super().__init__(why)
        self.seconds = seconds


class OaiClient:
    """Asks one repository."""

    def __init__(self, url: str, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
                 clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._url = URL(url)
        self._sleep = sleep
        self._clock = clock
        self._http: ClientSession | None = None

    def __repr__(self) -> str:
        return f"OaiClient({self._url.with_user(None).with_query(None)})"

    async def __aenter__(self) -> Self:
        self._http = ClientSession(timeout=ClientTimeout(total=ANSWER_SECONDS_MAX),
                                   headers={"User-Agent": "delta-connector", "Accept": "text/xml, application/xml"})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def identify(self) -> Identity:
        """Ask what the repository is.

        Raises:
            OaiError: by name.
        """
        return read_identity(await self._ask(verb="Identify"))

    async def marc_prefix(self) -> str:
        """Ask under which prefix there is MARC.

        Raises:
            OaiError: by name.
        """
        return marc_prefix(await self._ask(verb="ListMetadataFormats"))

    async def list_records(self, prefix: str, *, since: str = "", set_: str = "", token: str = "") -> Page:
        """Ask for a page of records: the first one of those changed since a datestamp, or the one a token names.

        Raises:
            OaiError: by name.
        """
        if token:
            return read_page(await self._ask(verb="ListRecords", resumptionToken=token))
        wish = {"metadataPrefix": prefix, "from": since, "set": set_}
        return read_page(await self._ask(verb="ListRecords", **{name: text for name, text in wish.items() if text}))

    async def _ask(self, **query: str) -> bytes:
        pause, why = PAUSE_SECONDS, ""
        for number in range(TRIES):
            try:
                return await self._ask_once(query)
            except _TryAgain as error:
                why, seconds = str(error), error.seconds
            except (ClientError, OSError, TimeoutError) as error:
                why, seconds = f"no answer ({type(error).__name__})", None
            if number + 1 < TRIES:
                await self._sleep(pause if seconds is None else seconds)
                pause *= 2
        raise OaiUnreachable(f"{self}: {query['verb']} tried {TRIES} times: {why}")

    async def _ask_once(self, query: dict[str, str]) -> bytes:
        assert self._http is not None, "use it in async with"
        async with self._http.get(self._url.update_query(query)) as answer:
            if answer.status in _BUSY:
                raise _TryAgain(f"busy ({answer.status})", self._retry_after(answer))
            if answer.status >= _FAILS:
                raise _TryAgain(f"answered {answer.status}")
            if answer.status != _OK:
                raise OaiUnreachable(f"{self} answered {answer.status}; check the address")
            return await _body(answer)

    def _retry_after(self, answer: ClientResponse) -> float | None:
        """Return how long to wait: seconds, or until a date (RFC 9110, 10.2.3)."""
        text = answer.headers.get("Retry-After", "").strip()
        try:
            seconds = float(int(text)) if text.isdigit() else self._until(parsedate_to_datetime(text))
        except ValueError:
            return None
        if seconds > RETRY_AFTER_SECONDS_MAX:
            raise OaiUnreachable(f"{self} is busy for {seconds:.0f} s more; harvest it later")
        return max(seconds, 0.0)

    def _until(self, moment: datetime) -> float:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - self._clock().timestamp()


async def _body(answer: ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise OaiMalformed(f"an answer has more than {ANSWER_BYTES_MAX} bytes: let the pages be shorter")
    return bytes(body)
