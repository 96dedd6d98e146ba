"""How a target answers: the rules of every operation over a backend that has the records.

One ``Service`` serves one association and holds its result sets. It does no I/O of its own: it awaits the backend. What
the backend cannot do is not offered in Init and is answered by a diagnostic if asked for. How many records fit into an
answer is the business of ``presenting``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from connectors.z3950 import charneg, oid
from connectors.z3950.apdu import (
    Apdu,
    Credentials,
    InitRequest,
    InitResponse,
    Option,
    PresentRequest,
    PresentResponse,
    SearchRequest,
    SearchResponse,
)
from connectors.z3950.apdu_services import ExtendedServicesRequest, ExtendedServicesResponse, ItemOrder
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
    TermInfo,
)
from connectors.z3950.backend import Backend, IndexPart, Orders, Scans, Sorts
from connectors.z3950.errors import DiagnosticError, MalformedQuery, UnsupportedApdu
from connectors.z3950.ordering import accepted, item_order, refused
from connectors.z3950.presenting import Presenter, ResultSet, failed_present, guarded
from connectors.z3950.query import decode_query, decode_start_point, substitute, terms
from connectors.z3950.record import Diagnostic, bib1
from connectors.z3950.searchinfo import search_info
from connectors.z3950.sort import decode_sort

__all__ = ["Backend", "Service", "ServiceOptions"]


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What a target offers and how much it lets one association take."""

    query_charset: str = "utf-8"
    charsets: tuple[str, ...] = ()
    """Those that may be negotiated, for terms and records alike, as Python names them."""
    default_syntax: str = oid.USMARC
    implementation_name: str = "Delta lending Z39.50 target"
    message_bytes_max: int = 1024 * 1024
    record_bytes_max: int = 4 * 1024 * 1024
    result_sets_max: int = 32
    """Result sets of one association; each keeps what the backend returned. The oldest goes where another is made."""
    query_terms_max: int = 200
    scan_terms_max: int = 200


_ALWAYS_OFFERED = frozenset({Option.SEARCH, Option.PRESENT, Option.DELETE_RESULT_SET, Option.NAMED_RESULT_SETS})
_ABILITIES: Mapping[Option, type] = {Option.SCAN: Scans, Option.SORT: Sorts, Option.EXTENDED_SERVICES: Orders}
"""What a backend must be for an option to be offered."""
_VERSIONS = frozenset({0, 1, 2})
_NO_RESULT_SET = 3


class Service:
    """One association's result sets, and the answer to each of its requests."""

    def __init__(self, backend: Backend[Any], options: ServiceOptions) -> None:
        self._backend: Any = backend
        self._options = options
        self._offered = _ALWAYS_OFFERED | {
            option for option, ability in _ABILITIES.items() if isinstance(backend, ability)}
        self._presenter = Presenter(backend, options.message_bytes_max, options.record_bytes_max)
        self._charset = options.query_charset
        self._credentials: Credentials | None = None
        self._sets: dict[str, ResultSet] = {}
        self._handlers: Mapping[type[Apdu], Callable[[Any], Awaitable[Apdu]]] = {
            InitRequest: self._init,
            SearchRequest: self._search,
            PresentRequest: self._present,
            DeleteResultSetRequest: self._delete,
            ScanRequest: self._scan,
            SortRequest: self._sort,
            ExtendedServicesRequest: self._serve,
        }

    async def answer(self, request: Apdu) -> Apdu:
        """Return the response to ``request``; raise ``UnsupportedApdu`` for one that has none."""
        handler = self._handlers.get(type(request))
        if handler is None:
            raise UnsupportedApdu(f"{type(request).__name__} is not served here")
        return await handler(request)

    async def _init(self, request: InitRequest) -> InitResponse:
        message_bytes = _agreed(request.preferred_message_size, self._options.message_bytes_max)
        record_bytes = max(message_bytes, _agreed(request.exceptional_record_size, self._options.record_bytes_max))
        proposed = charneg.proposed(request.other_information)
        chosen = next((name for name in proposed if name in self._options.charsets), None)
        self._charset = chosen or self._options.query_charset
        self._presenter = Presenter(self._backend, message_bytes, record_bytes, chosen)
        self._credentials = request.id_authentication
        versions = request.protocol_version & _VERSIONS
        return InitResponse(
            protocol_version=versions,
            options=request.options & (self._offered | ({Option.NEGOTIATION} if proposed else set())),
            preferred_message_size=message_bytes,
            exceptional_record_size=record_bytes,
            result=bool(versions),
            implementation_name=self._options.implementation_name,
            other_information=(charneg.select(chosen),) if proposed else None,
        )

    async def _search(self, request: SearchRequest) -> SearchResponse:
        try:
            result_set = await self._find(request)
        except DiagnosticError as error:
            return _failed_search(bib1(error.code, error.text))
        except MalformedQuery as error:
            return _failed_search(bib1(108, str(error)))
        self._keep(request.result_set_name, result_set)
        hits = len(result_set.found)
        wanted = _piggyback(request, hits)
        syntax = request.preferred_record_syntax or self._options.default_syntax
        present = await self._presenter.present(result_set, 0, wanted, syntax)
        return SearchResponse(
            result_count=hits,
            number_of_records_returned=present.number_of_records_returned,
            next_result_set_position=present.next_result_set_position,
            search_status=True,
            present_status=present.present_status if wanted else None,
            records=present.records if wanted else None,
            non_surrogate_diagnostic=present.non_surrogate_diagnostic,
            additional_search_info=search_info(result_set.found),
        )

    async def _find(self, request: SearchRequest) -> ResultSet:
        name = request.result_set_name
        database = _only(request.database_names)
        if name in self._sets and not request.replace_indicator:
            raise DiagnosticError(21, name)
        asked = decode_query(request.query, self._charset)
        query = substitute(asked, {held: result_set.query for held, result_set in self._sets.items()})
        if sum(1 for _ in islice(terms(query), self._options.query_terms_max + 1)) > self._options.query_terms_max:
            raise DiagnosticError(5, str(self._options.query_terms_max))
        return ResultSet(database, query, await guarded(self._backend.search(database, query)))

    def _keep(self, name: str, result_set: ResultSet) -> None:
        """Hold a result set; the oldest is deleted unilaterally where there are too many, as 3.2.2.1.2 allows."""
        self._sets.pop(name, None)
        if len(self._sets) >= self._options.result_sets_max:
            del self._sets[next(iter(self._sets))]
        self._sets[name] = result_set

    async def _present(self, request: PresentRequest) -> PresentResponse:
        result_set = self._sets.get(request.result_set_id)
        first, wanted = request.result_set_start_point, request.number_of_records_requested
        if result_set is None:
            return failed_present(bib1(30, request.result_set_id))
        if request.additional_ranges:
            return failed_present(bib1(243))
        if first < 1 or wanted < 0 or first - 1 + wanted > len(result_set.found):
            return failed_present(bib1(13))
        syntax = request.preferred_record_syntax or self._options.default_syntax
        return await self._presenter.present(result_set, first - 1, wanted, syntax)

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

    async def _scan(self, request: ScanRequest) -> ScanResponse:
        wanted = max(0, min(request.number_of_terms_requested, self._options.scan_terms_max))
        try:
            part = await self._index_part(request, wanted)
        except (DiagnosticError, MalformedQuery) as error:
            found = error if isinstance(error, DiagnosticError) else DiagnosticError(228, str(error))
            return ScanResponse(scan_status=ScanStatus.FAILURE, number_of_entries_returned=0,
                                entries=ListEntries(diagnostics=(bib1(found.code, found.text),)))
        entries = tuple(TermInfo(general=term.text.encode(self._charset, "replace"),
                                 display_term=_as_string(term.shown, self._charset) if term.shown else None,
                                 global_occurrences=term.hits) for term in part.terms)
        is_whole = len(entries) == request.number_of_terms_requested
        return ScanResponse(
            scan_status=ScanStatus.SUCCESS if is_whole else ScanStatus.PARTIAL_END_OF_INDEX,
            number_of_entries_returned=len(entries),
            position_of_term=part.before + 1,
            entries=ListEntries(entries=entries) if entries else None,
        )

    async def _index_part(self, request: ScanRequest, wanted: int) -> IndexPart:
        if not isinstance(self._backend, Scans):
            raise DiagnosticError(3, "scan")
        if request.step_size:
            raise DiagnosticError(205)
        position = 1 if request.preferred_position_in_response is None else request.preferred_position_in_response
        before = max(0, min(position - 1, wanted))
        start = decode_start_point(request.start_point, self._charset)
        part: IndexPart = await guarded(
            self._backend.scan(_only(request.database_names), start, before, wanted - before))
        return part

    async def _sort(self, request: SortRequest) -> SortResponse:
        try:
            result_set = await self._sorted(request)
        except DiagnosticError as error:
            return SortResponse(sort_status=SortStatus.FAILURE, result_set_status=_NO_RESULT_SET,
                                diagnostics=(bib1(error.code, error.text),))
        self._keep(request.sorted_result_set_name, result_set)
        return SortResponse(sort_status=SortStatus.SUCCESS, result_count=len(result_set.found))

    async def _sorted(self, request: SortRequest) -> ResultSet:
        if not isinstance(self._backend, Sorts):
            raise DiagnosticError(207, "sort")
        if len(request.input_result_set_names) != 1:
            raise DiagnosticError(230, "1")
        result_set = self._named(request.input_result_set_names[0])
        keys = decode_sort(request.sort_sequence)
        return ResultSet(result_set.database, result_set.query,
                         await guarded(self._backend.sort(result_set.found, keys)))

    def _named(self, name: str) -> ResultSet:
        if name not in self._sets:
            raise DiagnosticError(30, name)
        return self._sets[name]

    async def _serve(self, request: ExtendedServicesRequest) -> ExtendedServicesResponse:
        try:
            order = item_order(request)
            return accepted(request, order, await self._ordered(order))
        except DiagnosticError as error:
            return refused(error)

    async def _ordered(self, order: ItemOrder) -> str:
        if not isinstance(self._backend, Orders):
            raise DiagnosticError(221, "ItemOrder")
        item = order.not_to_keep.item
        if item is None:
            raise DiagnosticError(226, "order an item of a result set")
        result_set = self._named(item.result_set_id)
        if not 1 <= item.item <= len(result_set.found):
            raise DiagnosticError(13, str(item.item))
        reference: str = await guarded(self._backend.order(result_set.found, item.item - 1, self._credentials))
        return reference


def _only(databases: Sequence[str]) -> str:
    """Return the one database of a request; a result set has one."""
    if len(databases) != 1:
        raise DiagnosticError(111, "1")
    return databases[0]


def _as_string(text: str, charset: str) -> str:
    """Return text as an InternationalString that the origin reads in ``charset``."""
    return text.encode(charset, "replace").decode("utf-8", "surrogateescape")


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


def _failed_search(diagnostic: Diagnostic) -> SearchResponse:
    return SearchResponse(
        result_count=0,
        number_of_records_returned=0,
        next_result_set_position=0,
        search_status=False,
        result_set_status=_NO_RESULT_SET,
        non_surrogate_diagnostic=diagnostic,
    )
