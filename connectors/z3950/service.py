"""How a target answers: the rules of search, present and delete over a backend that has the records.

One ``Service`` serves one association and holds its result sets. It does no I/O of its own: it awaits the backend.

Absent on purpose: Scan and Sort, which are not offered in Init and are answered by a diagnostic if asked for.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sized
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar

from connectors.z3950 import oid
from connectors.z3950.apdu import (
    Apdu,
    InitRequest,
    InitResponse,
    Option,
    PresentRequest,
    PresentResponse,
    PresentStatus,
    SearchRequest,
    SearchResponse,
)
from connectors.z3950.apdu_sets import (
    DeleteFunction,
    DeleteResultSetRequest,
    DeleteResultSetResponse,
    DeleteStatus,
    ListEntries,
    ScanRequest,
    ScanResponse,
    ScanStatus,
    SetStatus,
    SortRequest,
    SortResponse,
    SortStatus,
)
from connectors.z3950.errors import DiagnosticError, MalformedQuery, UnsupportedApdu
from connectors.z3950.query import Query, decode_query, substitute, terms
from connectors.z3950.record import Diagnostic, NamePlusRecord, bib1, to_external

_logger = logging.getLogger(__name__)

Found = TypeVar("Found", bound=Sized)


class Backend(Protocol[Found]):
    """What a target serves. Either method may raise ``DiagnosticError``, which is passed on to the origin."""

    async def search(self, database: str, query: Query) -> Found:
        """Return what ``query`` finds in ``database``; its length is the number of hits.

        Raises:
            DiagnosticError: 235 for an unknown database, 114 for an unsupported use attribute, and so on.
        """

    async def record(self, result_set: Found, index: int, syntax: str) -> bytes:
        """Return record ``index``, counted from 0, in the record syntax with the OID ``syntax``.

        Raises:
            DiagnosticError: 239 for an unsupported syntax, 14 for a record that cannot be had.
        """


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What a target offers and how much it lets one association take."""

    query_charset: str = "utf-8"
    default_syntax: str = oid.USMARC
    implementation_name: str = "Delta lending Z39.50 target"
    message_bytes_max: int = 1024 * 1024
    record_bytes_max: int = 4 * 1024 * 1024
    result_sets_max: int = 32
    """Named result sets an association may hold; each keeps what the backend returned."""
    query_terms_max: int = 200


@dataclass(frozen=True, slots=True)
class _ResultSet:
    database: str
    query: Query
    found: Any


_OFFERED = frozenset({Option.SEARCH, Option.PRESENT, Option.DELETE_RESULT_SET, Option.NAMED_RESULT_SETS})
_VERSIONS = frozenset({0, 1, 2})
_WHOLE_ANSWER_DIAGNOSTICS = frozenset({238, 239})
"""Diagnostics about the syntax asked for: they hold for every record, so they take the place of them all."""
_NO_RESULT_SET = 3
_OVERHEAD_BYTES = 128
"""What a record takes in a message beside its own octets: database name, syntax, tags and lengths."""


class Service:
    """One association's result sets, and the answer to each of its requests."""

    def __init__(self, backend: Backend[Any], options: ServiceOptions) -> None:
        self._backend = backend
        self._options = options
        self._message_bytes = options.message_bytes_max
        self._record_bytes = options.record_bytes_max
        self._sets: dict[str, _ResultSet] = {}
        self._handlers: Mapping[type[Apdu], Callable[[Any], Awaitable[Apdu]]] = {
            InitRequest: self._init,
            SearchRequest: self._search,
            PresentRequest: self._present,
            DeleteResultSetRequest: self._delete,
            ScanRequest: self._scan,
            SortRequest: self._sort,
        }

    async def answer(self, request: Apdu) -> Apdu:
        """Return the response to ``request``; raise ``UnsupportedApdu`` for one that has none."""
        handler = self._handlers.get(type(request))
        if handler is None:
            raise UnsupportedApdu(f"{type(request).__name__} is not served here")
        return await handler(request)

    async def _init(self, request: InitRequest) -> InitResponse:
        self._message_bytes = _agreed(request.preferred_message_size, self._options.message_bytes_max)
        self._record_bytes = max(
            self._message_bytes, _agreed(request.exceptional_record_size, self._options.record_bytes_max)
        )
        versions = request.protocol_version & _VERSIONS
        return InitResponse(
            protocol_version=versions,
            options=request.options & _OFFERED,
            preferred_message_size=self._message_bytes,
            exceptional_record_size=self._record_bytes,
            result=bool(versions),
            implementation_name=self._options.implementation_name,
        )

    async def _search(self, request: SearchRequest) -> SearchResponse:
        try:
            result_set = await self._find(request)
        except DiagnosticError as error:
            return _failed_search(bib1(error.code, error.text))
        except MalformedQuery as error:
            return _failed_search(bib1(108, str(error)))
        self._sets[request.result_set_name] = result_set
        hits = len(result_set.found)
        wanted = _piggyback(request, hits)
        present = await self._answer_present(result_set, 0, wanted, request.preferred_record_syntax)
        return SearchResponse(
            result_count=hits,
            number_of_records_returned=present.number_of_records_returned,
            next_result_set_position=present.next_result_set_position,
            search_status=True,
            present_status=present.present_status if wanted else None,
            records=present.records if wanted else None,
            non_surrogate_diagnostic=present.non_surrogate_diagnostic,
        )

    async def _find(self, request: SearchRequest) -> _ResultSet:
        name = request.result_set_name
        if len(request.database_names) != 1:
            raise DiagnosticError(111, "1")
        if name in self._sets and not request.replace_indicator:
            raise DiagnosticError(21, name)
        if name not in self._sets and len(self._sets) >= self._options.result_sets_max:
            raise DiagnosticError(112, str(self._options.result_sets_max))
        asked = decode_query(request.query, self._options.query_charset)
        query = substitute(asked, {held: result_set.query for held, result_set in self._sets.items()})
        if sum(1 for _ in islice(terms(query), self._options.query_terms_max + 1)) > self._options.query_terms_max:
            raise DiagnosticError(5, str(self._options.query_terms_max))
        database = request.database_names[0]
        return _ResultSet(database, query, await self._guarded(self._backend.search(database, query)))

    async def _present(self, request: PresentRequest) -> PresentResponse:
        result_set = self._sets.get(request.result_set_id)
        first, wanted = request.result_set_start_point, request.number_of_records_requested
        if result_set is None:
            return _failed_present(bib1(30, request.result_set_id))
        if request.additional_ranges:
            return _failed_present(bib1(243))
        if first < 1 or wanted < 0 or first - 1 + wanted > len(result_set.found):
            return _failed_present(bib1(13))
        return await self._answer_present(result_set, first - 1, wanted, request.preferred_record_syntax)

    async def _answer_present(
        self, result_set: _ResultSet, start: int, wanted: int, syntax: str | None
    ) -> PresentResponse:
        """Return as many of the ``wanted`` records from ``start``, counted from 0, as one message may carry."""
        try:
            records = await self._records(result_set, start, wanted, syntax or self._options.default_syntax)
        except DiagnosticError as error:
            return _failed_present(bib1(error.code, error.text), start + 1)
        end = start + len(records)
        return PresentResponse(
            number_of_records_returned=len(records),
            next_result_set_position=end + 1 if end < len(result_set.found) else 0,
            present_status=PresentStatus.SUCCESS if len(records) == wanted else PresentStatus.PARTIAL_MESSAGE_SIZE,
            records=records,
        )

    async def _records(
        self, result_set: _ResultSet, start: int, wanted: int, syntax: str
    ) -> tuple[NamePlusRecord, ...]:
        records: list[NamePlusRecord] = []
        room = self._message_bytes
        for index in range(start, start + wanted):
            record, size = await self._record(result_set, index, syntax, alone=wanted == 1)
            if records and size > room:
                break
            room -= size
            records.append(record)
        return tuple(records)

    async def _record(
        self, result_set: _ResultSet, index: int, syntax: str, *, alone: bool
    ) -> tuple[NamePlusRecord, int]:
        """Return a record, or the diagnostic in its place, and its size; one too large must be asked for alone."""
        try:
            data = await self._guarded(self._backend.record(result_set.found, index, syntax))
        except DiagnosticError as error:
            if error.code in _WHOLE_ANSWER_DIAGNOSTICS:
                raise
            return _missing(result_set, bib1(error.code, error.text))
        size = len(data) + _OVERHEAD_BYTES
        if size > (self._record_bytes if alone else self._message_bytes):
            condition = 17 if size > self._record_bytes else 16
            return _missing(result_set, bib1(condition, str(size)))
        return NamePlusRecord(name=result_set.database, record=to_external(syntax, data)), size

    async def _guarded(self, call: Awaitable[Any]) -> Any:
        """Await the backend; a fault of its own becomes diagnostic 2, and its details stay in our log."""
        try:
            return await call
        except DiagnosticError:
            raise
        except Exception:
            _logger.exception("the backend of a Z39.50 target failed")
            raise DiagnosticError(2) from None

    async def _delete(self, request: DeleteResultSetRequest) -> DeleteResultSetResponse:
        if request.delete_function == DeleteFunction.ALL:
            self._sets.clear()
            return DeleteResultSetResponse(delete_operation_status=DeleteStatus.SUCCESS)
        names = request.result_set_list or ()
        gone = [self._sets.pop(name, None) is not None for name in names]
        statuses = (DeleteStatus.SUCCESS if deleted else DeleteStatus.DID_NOT_EXIST for deleted in gone)
        return DeleteResultSetResponse(
            delete_operation_status=DeleteStatus.SUCCESS if all(gone) else DeleteStatus.NOT_ALL_DELETED,
            delete_list_statuses=tuple(map(SetStatus, names, statuses)),
        )

    async def _scan(self, _: ScanRequest) -> ScanResponse:
        return ScanResponse(
            scan_status=ScanStatus.FAILURE,
            number_of_entries_returned=0,
            entries=ListEntries(diagnostics=(bib1(3, "scan"),)),
        )

    async def _sort(self, _: SortRequest) -> SortResponse:
        return SortResponse(sort_status=SortStatus.FAILURE, diagnostics=(bib1(207, "sort"),))


def _agreed(proposed: int, ceiling: int) -> int:
    """Return the smaller of what the origin proposes and we allow; 0 and less is what some send for "no limit"."""
    return min(proposed, ceiling) if proposed > 0 else ceiling


def _piggyback(request: SearchRequest, hits: int) -> int:
    """Return how many records come with the search response (3.2.2.1.4)."""
    if hits <= request.small_set_upper_bound:
        return hits
    if hits >= request.large_set_lower_bound:
        return 0
    return max(0, min(hits, request.medium_set_present_number))


def _missing(result_set: _ResultSet, diagnostic: Diagnostic) -> tuple[NamePlusRecord, int]:
    return NamePlusRecord(name=result_set.database, record=diagnostic), _OVERHEAD_BYTES


def _failed_search(diagnostic: Diagnostic) -> SearchResponse:
    return SearchResponse(
        result_count=0,
        number_of_records_returned=0,
        next_result_set_position=0,
        search_status=False,
        result_set_status=_NO_RESULT_SET,
        non_surrogate_diagnostic=diagnostic,
    )


def _failed_present(diagnostic: Diagnostic, next_position: int = 0) -> PresentResponse:
    return PresentResponse(
        number_of_records_returned=0,
        next_result_set_position=next_position,
        present_status=PresentStatus.FAILURE,
        non_surrogate_diagnostic=diagnostic,
    )
