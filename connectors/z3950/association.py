"""A Z39.50 origin on asyncio: one association with the target that a profile describes.

Absent on purpose: pooling (``pool``), retries and the choice among targets. After a ``TargetError`` or a
``ProtocolViolation`` the connection is gone, because what it would say next cannot be known; make a new one.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Self, TypeVar

from connectors.z3950 import charneg, oid
from connectors.z3950.apdu import (
    Apdu,
    Credentials,
    ElementSetNames,
    InitRequest,
    InitResponse,
    Option,
    PresentRequest,
    PresentResponse,
    SearchRequest,
    SearchResponse,
)
from connectors.z3950.apdu_services import ExtendedServicesRequest, ExtendedServicesResponse, OperationStatus
from connectors.z3950.apdu_sets import (
    DeleteFunction,
    DeleteResultSetRequest,
    DeleteResultSetResponse,
    DeleteStatus,
    ScanRequest,
    ScanResponse,
    SortRequest,
    SortResponse,
    SortStatus,
)
from connectors.z3950.ber import Limits
from connectors.z3950.chunk import Chunk
from connectors.z3950.errors import InitRefused, OutOfTurn, TargetClosed, TargetDiagnostic
from connectors.z3950.link import Link
from connectors.z3950.profile import Profile
from connectors.z3950.query import Query, Term, encode_query, encode_start_point
from connectors.z3950.reply import Record, ScanEntry, entries_of, records_of, refusal_of, skipped
from connectors.z3950.sort import SortKey, encode_sort

_OPTIONS = frozenset({
    Option.SEARCH, Option.PRESENT, Option.DELETE_RESULT_SET, Option.SCAN, Option.SORT, Option.EXTENDED_SERVICES,
    Option.NAMED_RESULT_SETS,
})  # fmt: skip
_VERSIONS = frozenset({0, 1, 2})
_LARGE_SET = 1 << 30
DEFAULT_SET = "default"

_Response = TypeVar("_Response", bound=Apdu)


class Association:
    """One association. Operations are served one after another; each must end within the profile's deadline."""

    def __init__(
        self, profile: Profile, credentials: Credentials | None = None, limits: Limits | None = None
    ) -> None:
        self.profile = profile
        self.charset = profile.query_charset
        """What terms are written in: the profile's charset, or the one that was negotiated."""
        self.offered: frozenset[int] = frozenset()
        """The options that the target agreed to."""
        self.implementation = ""
        """What the target calls its software."""
        self.is_charset_negotiated = False
        self._credentials = credentials
        self._limits = limits or Limits()
        self._turn = asyncio.Lock()
        self._link: Link | None = None
        self._hits: dict[str, int] = {}
        self._chunk = Chunk(profile.chunk_records, profile.chunk_records_max, profile.message_bytes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.profile})"

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def is_open(self) -> bool:
        """Whether the target can be asked."""
        return self._link is not None and self._link.is_open

    async def connect(self) -> InitResponse:
        """Open the association and return what the target offers.

        Raises:
            TargetUnreachable, InitRefused, TargetSilent, TargetClosed, ProtocolViolation: as their names say.
        """
        if self._link is not None:
            raise OutOfTurn(f"{self} is connected already")
        profile = self.profile
        address, seconds = (profile.host, profile.port), profile.deadline_seconds
        self._link = await Link.connect(repr(self), address, self.charset, self._limits, seconds)
        response = await self._ask(self._init_request(), InitResponse, self._deadline())
        if not response.result:
            self._link.abort()
            raise InitRefused(f"{self} refused the association; check the credentials")
        self.offered = response.options
        self.implementation = f"{response.implementation_name or ''} {response.implementation_version or ''}".strip()
        negotiated = charneg.selected(response.other_information) if self.profile.negotiates else None
        self.charset, self.is_charset_negotiated = negotiated or self.charset, negotiated is not None
        self._chunk.message_bytes = min(profile.message_bytes, max(1, response.preferred_message_size))
        return response

    async def search(self, query: Query, *, result_set: str = DEFAULT_SET) -> int:
        """Build the result set of ``query`` and return its number of hits.

        Raises:
            TargetDiagnostic: the target could not search; the association goes on.
            MalformedQuery: a term cannot be written in the target's query charset.
            TargetSilent, TargetClosed, ProtocolViolation: the association is over.
        """
        hits, _ = await self.find(query, 0, result_set=result_set)
        return hits

    async def find(
        self, query: Query, count: int, syntax: str | None = None, *, result_set: str = DEFAULT_SET
    ) -> tuple[int, list[Record]]:
        """Search as ``search`` does, and ask for the first ``count`` records in the same breath.

        Which of them come is the target's choice: none, where it does not do that or could not present them.
        """
        syntax = syntax or self._syntax
        request = SearchRequest(
            small_set_upper_bound=count,
            large_set_lower_bound=_LARGE_SET if count else 1,
            medium_set_present_number=count,
            result_set_name=result_set,
            database_names=(self.profile.database,),
            small_set_element_set_names=self._element_sets if count else None,
            medium_set_element_set_names=self._element_sets if count else None,
            preferred_record_syntax=syntax,
            query=encode_query(query, self.charset),
        )
        self._hits.pop(result_set, None)
        response = await self._ask(request, SearchResponse, self._deadline())
        if not response.search_status:
            raise refusal_of(response.non_surrogate_diagnostic, response.multiple_diagnostics, self.charset)
        hits = self._hits[result_set] = max(0, response.result_count)
        return hits, records_of(response.records, self.charset)[:count]

    async def present(
        self, start: int, count: int, syntax: str | None = None, *, result_set: str = DEFAULT_SET
    ) -> list[Record]:
        """Return up to ``count`` records of a result set from place ``start``, counted from 1.

        Fewer come where the result set ends. Where the target fails after some records have come, they are returned
        with a last ``Record`` whose diagnostic says why it ends there.

        Raises:
            TargetDiagnostic: not even the first record could be had; the association goes on.
            TargetSilent, TargetClosed, ProtocolViolation: the association is over.
        """
        records: list[Record] = []
        try:
            async for part in self.stream(start, count, syntax, result_set=result_set):
                records += part
        except TargetDiagnostic as diagnostic:
            if not records:
                raise
            records.append(Record("", b"", diagnostic=diagnostic))
        return records

    async def stream(
        self, start: int, count: int, syntax: str | None = None, *, result_set: str = DEFAULT_SET
    ) -> AsyncGenerator[list[Record], None]:
        """Yield the records that ``present`` would return as they come, part by part.

        A target that delivers less than asked for is asked again, from where it stopped and for as many as it gave;
        one that refuses several at once is asked for half.

        Raises:
            TargetDiagnostic: the next record cannot be had; the association goes on.
            TargetSilent, TargetClosed, ProtocolViolation: the association is over.
        """
        place, end = start, min(start + count, self._hits.get(result_set, 0) + 1)
        deadline = self._deadline()
        while place < end:
            asked = min(self._chunk.records, end - place)
            request = self._present_request(result_set, place, asked, syntax)
            response = await self._ask(request, PresentResponse, deadline)
            part = records_of(response.records, self.charset)
            if part:
                self._chunk.delivered(asked, len(part), sum(len(record.data) for record in part))
                part += skipped(place + len(part), min(response.next_result_set_position, end))
                yield part[: end - place]
                place += len(part)
            elif asked > 1:
                self._chunk.refused(asked)
            else:
                raise refusal_of(response.non_surrogate_diagnostic, response.multiple_diagnostics, self.charset)

    async def scan(self, start: Term, count: int, *, place: int = 1) -> list[ScanEntry]:
        """Return up to ``count`` terms of the index that ``start`` names, with ``start`` at ``place``, counted from 1.

        Raises:
            TargetDiagnostic: the target could not scan; the association goes on.
            MalformedQuery, TargetSilent, TargetClosed, ProtocolViolation: as for ``search``.
        """
        request = ScanRequest(
            database_names=(self.profile.database,),
            attribute_set=oid.BIB1_ATTRIBUTES,
            start_point=encode_start_point(start, self.charset),
            number_of_terms_requested=count,
            preferred_position_in_response=place,
        )
        response = await self._ask(request, ScanResponse, self._deadline())
        return entries_of(response, self.charset)

    async def sort(self, keys: Sequence[SortKey], *, result_set: str = DEFAULT_SET, into: str = DEFAULT_SET) -> None:
        """Put the records of ``result_set`` into the order of ``keys``, as the result set ``into``.

        Raises:
            TargetDiagnostic: the target could not sort; the association goes on, the result set's order is unknown.
        """
        request = SortRequest(
            input_result_set_names=(result_set,), sorted_result_set_name=into, sort_sequence=encode_sort(keys)
        )
        response = await self._ask(request, SortResponse, self._deadline())
        if response.sort_status == SortStatus.FAILURE:
            raise refusal_of(None, response.diagnostics, self.charset)
        self._hits[into] = self._hits.get(result_set, 0)

    async def delete(self, *result_sets: str) -> bool:
        """Drop result sets, all of them if none is named; return whether the target has."""
        request = DeleteResultSetRequest(
            delete_function=DeleteFunction.LIST if result_sets else DeleteFunction.ALL,
            result_set_list=result_sets or None,
        )
        response = await self._ask(request, DeleteResultSetResponse, self._deadline())
        self._hits = {name: hits for name, hits in self._hits.items() if result_sets and name not in result_sets}
        return response.delete_operation_status == DeleteStatus.SUCCESS

    async def extended_service(self, request: ExtendedServicesRequest) -> ExtendedServicesResponse:
        """Ask for an extended service, such as an ItemOrder, and return what became of it.

        Raises:
            TargetDiagnostic: the target declined; the association goes on.
        """
        response = await self._ask(request, ExtendedServicesResponse, self._deadline())
        if response.operation_status == OperationStatus.FAILURE:
            raise refusal_of(None, response.diagnostics, self.charset)
        return response

    async def close(self) -> None:
        """End the association politely, without waiting for the target's farewell."""
        self.hang_up()

    def hang_up(self) -> None:
        """Do what ``close`` does, where nothing can be awaited."""
        if self._link is not None:
            self._link.close()

    @property
    def _syntax(self) -> str:
        return self.profile.syntax_oids[0]

    @property
    def _element_sets(self) -> ElementSetNames | None:
        return ElementSetNames(generic=self.profile.element_set) if self.profile.element_set else None

    def _init_request(self) -> InitRequest:
        profile = self.profile
        proposal = (charneg.propose([profile.query_charset]),) if profile.negotiates else None
        return InitRequest(
            protocol_version=_VERSIONS,
            options=_OPTIONS | {Option.NEGOTIATION} if proposal else _OPTIONS,
            preferred_message_size=profile.message_bytes,
            exceptional_record_size=profile.record_bytes,
            id_authentication=self._credentials,
            implementation_name="Delta lending Z39.50 origin",
            other_information=proposal,
        )

    def _present_request(self, result_set: str, start: int, count: int, syntax: str | None) -> PresentRequest:
        return PresentRequest(
            result_set_id=result_set,
            result_set_start_point=start,
            number_of_records_requested=count,
            element_set_names=self._element_sets,
            preferred_record_syntax=syntax or self._syntax,
        )

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self.profile.deadline_seconds

    async def _ask(self, request: Apdu, expected: type[_Response], deadline: float) -> _Response:
        if self._link is None:
            raise TargetClosed(f"{self} is not connected")
        async with self._turn:
            return await self._link.ask(request, expected, deadline)
