"""A Z39.50 origin on asyncio: one association with one target.

    async with Z3950Client("z3950.example.org", 210, "uacn_bib", query_charset="gb18030") as client:
        hits = await client.search(pqf.parse("@attr 1=4 三体"))
        records = await client.present(1, min(hits, 10))

Absent on purpose: pooling, retries and the choice among targets. After a ``TargetError`` or a ``ProtocolViolation`` the
connection is gone, because what it would say next cannot be known; make a new client.
"""

import asyncio
import codecs
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from connectors.z3950 import oid
from connectors.z3950.apdu import (
    Apdu,
    Close,
    CloseReason,
    Credentials,
    InitRequest,
    InitResponse,
    Option,
    PresentRequest,
    PresentResponse,
    SearchRequest,
    SearchResponse,
)
from connectors.z3950.asn1 import reread
from connectors.z3950.ber import Limits
from connectors.z3950.errors import (
    DiagnosticError,
    InitRefused,
    OutOfTurn,
    TargetClosed,
    TargetDiagnostic,
    TargetSilent,
    TargetUnreachable,
)
from connectors.z3950.query import Query, encode_query
from connectors.z3950.record import Diagnostic, External, NamePlusRecord, from_external
from connectors.z3950.session import OriginSession

_READ_BYTES = 64 * 1024
_MESSAGE_BYTES = 1024 * 1024
_RECORD_BYTES = 16 * 1024 * 1024
_OPTIONS = frozenset({Option.SEARCH, Option.PRESENT, Option.DELETE_RESULT_SET, Option.NAMED_RESULT_SETS})
_VERSIONS = frozenset({0, 1, 2})
_UNSPECIFIED_ERROR = 100
_TEXT_CHARACTERS_MAX = 500
"""How much of a target's explanation we repeat."""

_Response = TypeVar("_Response", bound=Apdu)


@dataclass(frozen=True, slots=True)
class Record:
    """One place of a result set: octets in a syntax, or the diagnostic that the target put in their place."""

    syntax: str
    """OID of the syntax as the target named it, which need not be the one asked for."""
    data: bytes
    database: str | None = None
    diagnostic: TargetDiagnostic | None = None


class Z3950Client:
    """One association. Operations are served one after another; each must end within ``deadline_seconds``."""

    def __init__(
        self,
        host: str,
        port: int,
        database: str,
        query_charset: str = "utf-8",
        *,
        credentials: Credentials | None = None,
        preferred_syntax: str = oid.USMARC,
        deadline_seconds: float = 10.0,
        chunk_records: int = 20,
        limits: Limits | None = None,
    ) -> None:
        self._host, self._port = host, port
        self._database = database
        self._query_charset = codecs.lookup(query_charset).name
        self._credentials = credentials
        self._preferred_syntax = preferred_syntax
        self._deadline_seconds = deadline_seconds
        self._chunk_records = chunk_records
        self._session = OriginSession(limits or Limits())
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._hits = 0

    def __repr__(self) -> str:
        return f"Z3950Client({self._host}:{self._port}/{self._database})"

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> InitResponse:
        """Open the association and return what the target offers.

        Raises:
            TargetUnreachable, InitRefused, TargetSilent, TargetClosed, ProtocolViolation: as their names say.
        """
        await self._open_connection()
        request = InitRequest(
            protocol_version=_VERSIONS,
            options=_OPTIONS,
            preferred_message_size=_MESSAGE_BYTES,
            exceptional_record_size=_RECORD_BYTES,
            id_authentication=self._credentials,
            implementation_name="Delta lending Z39.50 origin",
        )
        async with self._operation("Init"):
            response = await self._ask(request, InitResponse)
            if not response.result:
                raise InitRefused(f"{self} refused the association; check the credentials")
        return response

    async def search(self, query: Query) -> int:
        """Build the result set of ``query`` and return its number of hits.

        Raises:
            TargetDiagnostic: the target could not search; the association goes on.
            MalformedQuery: a term cannot be written in the target's query charset.
            TargetSilent, TargetClosed, ProtocolViolation: the association is over.
        """
        request = SearchRequest(
            database_names=(self._database,),
            query=encode_query(query, self._query_charset),
            preferred_record_syntax=self._preferred_syntax,
        )
        async with self._operation("Search"):
            self._hits = 0
            response = await self._ask(request, SearchResponse)
            if not response.search_status:
                raise self._diagnosed(response)
            self._hits = max(0, response.result_count)
            return self._hits

    async def present(self, start: int, count: int, syntax: str | None = None) -> list[Record]:
        """Return up to ``count`` records of the last search from place ``start``, counted from 1.

        Fewer come where the result set ends. A target that delivers less than asked for is asked again, from where it
        stopped and for as many as it gave; one that refuses several at once is asked for half. Where it fails after
        some records have come, they are returned with a last ``Record`` whose diagnostic says why it ends there.

        Raises:
            TargetDiagnostic: not even the first record could be had; the association goes on.
            TargetSilent, TargetClosed, ProtocolViolation: the association is over.
        """
        wanted = min(count, self._hits - start + 1)
        records: list[Record] = []
        chunk = self._chunk_records
        async with self._operation("Present"):
            while len(records) < wanted:
                asked = min(chunk, wanted - len(records))
                response = await self._present_once(start + len(records), asked, syntax)
                records += map(self._record, response.records or ())
                if response.records:
                    chunk = max(1, min(chunk, len(response.records)))
                elif asked > 1:
                    chunk = asked // 2
                elif records:
                    return [*records, Record("", b"", diagnostic=self._diagnosed(response))]
                else:
                    raise self._diagnosed(response)
        return records[: max(0, wanted)]

    async def close(self) -> None:
        """End the association politely, without waiting for the target's farewell."""
        if self._streams is not None:
            self._streams[1].write(self._session.close(CloseReason.FINISHED))
            self._drop()

    async def _present_once(self, start: int, count: int, syntax: str | None) -> PresentResponse:
        return await self._ask(
            PresentRequest(
                result_set_start_point=start,
                number_of_records_requested=count,
                preferred_record_syntax=syntax or self._preferred_syntax,
            ),
            PresentResponse,
        )

    async def _open_connection(self) -> None:
        if self._streams is not None:
            raise OutOfTurn(f"{self} is connected already")
        try:
            async with asyncio.timeout(self._deadline_seconds):
                self._streams = await asyncio.open_connection(self._host, self._port)
        except TimeoutError:
            raise TargetUnreachable(f"{self}: no connection within {self._deadline_seconds:g} s") from None
        except (OSError, UnicodeError) as error:
            raise TargetUnreachable(f"{self}: {error}") from error

    @asynccontextmanager
    async def _operation(self, name: str) -> AsyncIterator[None]:
        """Hold the association for one operation; drop it where the operation leaves it in an unknown state."""
        async with self._turn:
            try:
                async with asyncio.timeout(self._deadline_seconds):
                    yield
            except DiagnosticError:
                raise
            except TimeoutError:
                self._drop()
                raise TargetSilent(f"{self}: no answer to {name} within {self._deadline_seconds:g} s") from None
            except OSError as error:
                self._drop()
                raise TargetClosed(f"{self}: {error}") from error
            except BaseException:
                self._drop()
                raise

    async def _ask(self, request: Apdu, expected: type[_Response]) -> _Response:
        """Send ``request`` and return its response."""
        if self._streams is None:
            raise TargetClosed(f"{self} is not connected")
        reader, writer = self._streams
        writer.write(self._session.request(request))
        await writer.drain()
        while (response := self._session.next()) is None:
            data = await reader.read(_READ_BYTES)
            if not data:
                raise TargetClosed(f"{self} hung up")
            self._session.feed(data)
        if isinstance(response, Close):
            reason = f"reason {response.close_reason} {self._readable(response.diagnostic_information or '')}"
            raise TargetClosed(f"{self} closed the association, {reason.rstrip()}")
        assert isinstance(response, expected), "the session pairs responses with requests"
        return response

    def _record(self, entry: NamePlusRecord) -> Record:
        if isinstance(entry.record, Diagnostic):
            return Record("", b"", entry.name, self._target_diagnostic(entry.record))
        return Record(entry.record.direct_reference or "", from_external(entry.record), entry.name)

    def _diagnosed(self, response: SearchResponse | PresentResponse) -> TargetDiagnostic:
        """Return the diagnostic of a failed response, the first of several."""
        several = response.multiple_diagnostics or (None,)
        return self._target_diagnostic(response.non_surrogate_diagnostic or several[0])

    def _target_diagnostic(self, diagnostic: Diagnostic | External | None) -> TargetDiagnostic:
        if isinstance(diagnostic, Diagnostic):
            return TargetDiagnostic(diagnostic.condition, self._readable(diagnostic.text))
        return TargetDiagnostic(_UNSPECIFIED_ERROR, "the target gave no diagnostic that we can read")

    def _readable(self, text: str) -> str:
        return reread(text[:_TEXT_CHARACTERS_MAX], self._query_charset)

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
