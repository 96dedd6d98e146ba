"""An SRU server as we ask it: searchRetrieve, explain and scan over HTTP, in version 1.2 or 2.0.

A query is a CQL tree or text that was one; terms travel in the charset that the server reads. Every call ends by its
deadline, and an answer is read up to a limit. Deliberately absent: POST and SOAP, which no server asks for any more.
"""

from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout, InvalidURL
from yarl import URL

from connectors.sru.errors import NotSru, SruRefused, SruSilent, SruUnreachable, UnwritableQuery
from connectors.sru.messages import (
    RECORDS_MAX,
    Explanation,
    Packing,
    ScanAnswer,
    ScanRequest,
    SearchAnswer,
    SearchRequest,
    Version,
)
from connectors.sru.reading import ANSWER_BYTES_MAX, read_explain, read_scan, read_search

DEADLINE_SECONDS = 10.0
REDIRECTS_MAX = 3
_PACKING: Mapping[Version, str] = {Version.V1_2: "recordPacking", Version.V2_0: "recordXMLEscaping"}


class SruClient:
    """One server, by the base URL of its database; use it as an async context manager.

    Every method raises ``SruUnreachable``, ``SruSilent``, ``SruRefused``, ``NotSru`` or ``UnwritableQuery``; what the
    server itself complains of stands in the answer's ``diagnostics``.
    """

    def __init__(self, url: str, *, version: Version = Version.V1_2, charset: str = "utf-8",
                 deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._url = url
        self._version = version
        self._charset = charset
        self._timeout = ClientTimeout(total=deadline_seconds)
        self._http: ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = ClientSession(timeout=self._timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def search(self, request: SearchRequest) -> SearchAnswer:
        """Return what a searchRetrieve found."""
        return read_search(await self._ask("searchRetrieve", {
            "query": request.query,
            "startRecord": str(request.start),
            "maximumRecords": str(min(request.maximum, RECORDS_MAX)),
            "recordSchema": request.schema,
            _PACKING[self._version]: "" if request.packing is Packing.XML else request.packing.value,
        }))

    async def scan(self, request: ScanRequest) -> ScanAnswer:
        """Return a part of an index."""
        return read_scan(await self._ask("scan", {
            "scanClause": request.clause,
            "responsePosition": str(request.position),
            "maximumTerms": str(request.maximum),
        }))

    async def explain(self) -> Explanation:
        """Return what the server says of itself."""
        return read_explain(await self._ask("explain", {}))

    async def _ask(self, operation: str, parameters: Mapping[str, str]) -> bytes:
        assert self._http is not None, "enter the client first"
        address = self._address(operation, parameters)
        try:
            async with self._http.get(address, max_redirects=REDIRECTS_MAX) as answer:
                body = await _bounded(answer.content.iter_any())
                if answer.status in (401, 403):
                    raise SruRefused(f"{self._url} lets us not in (HTTP {answer.status})")
                if answer.status >= 400 and not body.lstrip().startswith(b"<"):
                    raise SruUnreachable(f"{self._url} answered HTTP {answer.status}")
                return body
        except TimeoutError:
            raise SruSilent(f"{self._url}: no whole answer within {self._timeout.total:g} s") from None
        except InvalidURL:
            raise SruUnreachable(f"{self._url} is no address of a server") from None
        except (ClientError, OSError, ValueError) as error:
            raise SruUnreachable(f"{self._url}: {type(error).__name__}") from None

    def _address(self, operation: str, parameters: Mapping[str, str]) -> URL:
        """Return the address with its parameters; 2.0 knows an operation by its parameters, 1.2 by its name."""
        wanted = {name: value for name, value in parameters.items() if value}
        if self._version is Version.V1_2 or operation == "explain":
            wanted = {"version": self._version.value, "operation": operation, **wanted}
        try:
            query = urlencode(wanted, encoding=self._charset, errors="strict")
        except UnicodeEncodeError as error:
            raise UnwritableQuery(f"the query cannot be written in {self._charset}: {error.reason}") from None
        return URL(f"{self._url}{'&' if '?' in self._url else '?'}{query}", encoded=True)


async def _bounded(chunks: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise NotSru(f"more than {ANSWER_BYTES_MAX} bytes; ask for fewer records")
    return bytes(body)
