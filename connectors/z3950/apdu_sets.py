"""The APDUs about result sets and indexes: Delete, Scan, Sort (ANSI/NISO Z39.50-1995, 3.2.4, 3.2.8, 3.2.7).

Absent on purpose: the inside of sort keys, whose element and relation share one tag and differ by place only; they
are kept as the element tagged [5].
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from connectors.z3950.apdu import Apdu
from connectors.z3950.asn1 import (
    INTEGER,
    OCTETS,
    OID,
    STRING,
    Choice,
    explicit,
    implicit,
    sequence,
    sequence_of,
    verbatim,
)
from connectors.z3950.ber import Element
from connectors.z3950.record import DIAG_REC, AnyDiagnostic, Diagnostic, ForeignDiagnostic


class DeleteFunction(IntEnum):
    """What a DeleteResultSetRequest names."""

    LIST = 0
    ALL = 1


class DeleteStatus(IntEnum):
    """What became of a deletion (3.2.4.1.4); the values that we send or act on."""

    SUCCESS = 0
    DID_NOT_EXIST = 1
    NOT_ALL_DELETED = 9


class ScanStatus(IntEnum):
    """How much of what was asked for a ScanResponse carries (3.2.8.1.8); 2 to 5 are partial for other reasons."""

    SUCCESS = 0
    PARTIAL_END_OF_INDEX = 5
    FAILURE = 6


class SortStatus(IntEnum):
    """What became of a sort (3.2.7.1.5)."""

    SUCCESS = 0
    PARTIAL = 1
    FAILURE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteResultSetRequest(Apdu):
    """Drops the result sets listed, or all of them."""

    delete_function: Annotated[int, implicit(32, INTEGER)]
    result_set_list: Annotated[tuple[str, ...] | None, sequence_of(implicit(31, STRING))] = None


@dataclass(frozen=True, slots=True)
class SetStatus:
    """What became of one result set."""

    result_set_id: Annotated[str, implicit(31, STRING)]
    status: Annotated[int, implicit(33, INTEGER)]


_SET_STATUSES = sequence_of(sequence(SetStatus))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteResultSetResponse(Apdu):
    """What became of the deletion, as a whole and one by one."""

    delete_operation_status: Annotated[int, implicit(0, INTEGER)]
    delete_list_statuses: Annotated[tuple[SetStatus, ...] | None, implicit(1, _SET_STATUSES)] = None
    number_not_deleted: Annotated[int | None, implicit(34, INTEGER)] = None
    bulk_statuses: Annotated[tuple[SetStatus, ...] | None, implicit(35, _SET_STATUSES)] = None
    delete_message: Annotated[str | None, implicit(36, STRING)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest(Apdu):
    """Asks for the terms of an index around a starting point, the [102] element that ``query`` reads and makes."""

    database_names: Annotated[tuple[str, ...], implicit(3, sequence_of(implicit(105, STRING)))]
    attribute_set: Annotated[str | None, OID] = None
    start_point: Annotated[Element, verbatim(102)]
    step_size: Annotated[int | None, implicit(5, INTEGER)] = None
    number_of_terms_requested: Annotated[int, implicit(6, INTEGER)]
    preferred_position_in_response: Annotated[int | None, implicit(7, INTEGER)] = None


@dataclass(frozen=True, slots=True)
class TermInfo:
    """One term of an index: its octets, or a number or text from targets that type their terms."""

    general: Annotated[bytes | None, implicit(45, OCTETS)] = None
    numeric: Annotated[int | None, implicit(215, INTEGER)] = None
    character_string: Annotated[str | None, implicit(216, STRING)] = None
    display_term: Annotated[str | None, implicit(0, STRING)] = None
    suggested_attributes: Annotated[Element | None, verbatim(44)] = None
    global_occurrences: Annotated[int | None, implicit(2, INTEGER)] = None


_SURROGATE = explicit(2, DIAG_REC)
_ENTRY = Choice({TermInfo: implicit(1, sequence(TermInfo)), Diagnostic: _SURROGATE, ForeignDiagnostic: _SURROGATE})


@dataclass(frozen=True, slots=True)
class ListEntries:
    """The terms found, and what went wrong."""

    entries: Annotated[tuple[TermInfo | AnyDiagnostic, ...] | None, implicit(1, sequence_of(_ENTRY))] = None
    diagnostics: Annotated[tuple[AnyDiagnostic, ...] | None, implicit(2, sequence_of(DIAG_REC))] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResponse(Apdu):
    """Terms of an index in order, and which of them is the starting point."""

    step_size: Annotated[int | None, implicit(3, INTEGER)] = None
    scan_status: Annotated[int, implicit(4, INTEGER)]
    number_of_entries_returned: Annotated[int, implicit(5, INTEGER)]
    position_of_term: Annotated[int | None, implicit(6, INTEGER)] = None
    entries: Annotated[ListEntries | None, implicit(7, sequence(ListEntries))] = None
    attribute_set: Annotated[str | None, implicit(8, OID)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SortRequest(Apdu):
    """Asks for result sets to be merged in the order of the sort keys."""

    input_result_set_names: Annotated[tuple[str, ...], implicit(3, sequence_of(STRING))]
    sorted_result_set_name: Annotated[str, implicit(4, STRING)]
    sort_sequence: Annotated[Element, verbatim(5)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SortResponse(Apdu):
    """What became of the sort."""

    sort_status: Annotated[int, implicit(3, INTEGER)]
    result_set_status: Annotated[int | None, implicit(4, INTEGER)] = None
    diagnostics: Annotated[tuple[AnyDiagnostic, ...] | None, implicit(5, sequence_of(DIAG_REC))] = None
    result_count: Annotated[int | None, implicit(6, INTEGER)] = None
