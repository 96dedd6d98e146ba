"""The APDUs that open, search, present and close (ANSI/NISO Z39.50-1995 and -2003, section 4): one table each.

Each dataclass lists the parameters in the order of the standard's ASN.1, with tag and type; ``| None`` means
OPTIONAL. An untagged CHOICE within an APDU is written as its alternatives, of which one is present.

Absent on purpose: ``otherInfo``, which is stepped over save in Init, where character sets are negotiated. Result
set housekeeping is in ``apdu_sets``; octets both ways are in ``codec``.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, TypeAlias

from connectors.z3950 import ber
from connectors.z3950.asn1 import (
    BITS,
    BOOLEAN,
    INTEGER,
    OCTETS,
    OID,
    STRING,
    VISIBLE_STRING,
    Choice,
    Type,
    explicit,
    implicit,
    null,
    sequence,
    sequence_of,
    verbatim,
)
from connectors.z3950.record import (
    DIAG_REC,
    DIAGNOSTIC,
    EXTERNAL,
    RECORDS,
    AnyDiagnostic,
    Diagnostic,
    External,
    NamePlusRecord,
)


class Option(IntEnum):
    """Bits of the Init parameter Options (3.2.1.1.4)."""

    SEARCH = 0
    PRESENT = 1
    DELETE_RESULT_SET = 2
    SCAN = 7
    SORT = 8
    EXTENDED_SERVICES = 10
    LEVEL_1_SEGMENTATION = 11
    LEVEL_2_SEGMENTATION = 12
    CONCURRENT_OPERATIONS = 13
    NAMED_RESULT_SETS = 14
    NEGOTIATION = 17


class PresentStatus(IntEnum):
    """How much of what was asked for a response carries (3.2.3.1.10)."""

    SUCCESS = 0
    PARTIAL_ACCESS_CONTROL = 1
    PARTIAL_MESSAGE_SIZE = 2
    PARTIAL_STOPPED_BY_ORIGIN = 3
    PARTIAL_STOPPED_BY_TARGET = 4
    FAILURE = 5


class CloseReason(IntEnum):
    """Why an association ends (3.2.11.1.1)."""

    FINISHED = 0
    SHUTDOWN = 1
    SYSTEM_PROBLEM = 2
    COST_LIMIT = 3
    RESOURCES = 4
    SECURITY_VIOLATION = 5
    PROTOCOL_ERROR = 6
    LACK_OF_ACTIVITY = 7
    PEER_ABORT = 8
    UNSPECIFIED = 9


@dataclass(frozen=True, slots=True)
class OpenAuthentication:
    """Credentials as one string, in a form the target defines (often ``user/password``)."""

    token: str

    def __repr__(self) -> str:
        return "OpenAuthentication(•••)"


@dataclass(frozen=True, slots=True)
class IdPass:
    """Credentials as group, user and password."""

    group_id: Annotated[str | None, implicit(0, STRING)] = None
    user_id: Annotated[str | None, implicit(1, STRING)] = None
    password: Annotated[str | None, implicit(2, STRING)] = None

    def __repr__(self) -> str:
        return "IdPass(•••)"


@dataclass(frozen=True, slots=True)
class Anonymous:
    """A guest who says so."""


Credentials: TypeAlias = OpenAuthentication | IdPass | Anonymous

_ID_AUTHENTICATION = Choice({
    OpenAuthentication: Type(26, lambda open_: VISIBLE_STRING.pack(open_.token),
                             lambda content: OpenAuthentication(VISIBLE_STRING.unpack(content))),
    IdPass: sequence(IdPass),
    Anonymous: null(Anonymous()),
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Apdu:
    """What all APDUs share: the reference id, by which a response names its request (3.4)."""

    reference_id: Annotated[bytes | None, implicit(2, OCTETS)] = None


@dataclass(frozen=True, slots=True)
class OtherInformation:
    """What an APDU carries beyond its own parameters, as text, octets, a foreign syntax or an OID (3.1.2.2.5)."""

    category: Annotated[ber.Element | None, verbatim(1)] = None
    characters: Annotated[str | None, implicit(2, STRING)] = None
    octets: Annotated[bytes | None, implicit(3, OCTETS)] = None
    external: Annotated[External | None, implicit(4, EXTERNAL)] = None
    identifier: Annotated[str | None, implicit(5, OID)] = None


_OTHER_INFORMATION = implicit(201, sequence_of(sequence(OtherInformation)))


@dataclass(frozen=True, slots=True, kw_only=True)
class InitRequest(Apdu):
    """Opens the association (3.2.1)."""

    protocol_version: Annotated[frozenset[int], implicit(3, BITS)]
    options: Annotated[frozenset[int], implicit(4, BITS)]
    preferred_message_size: Annotated[int, implicit(5, INTEGER)]
    exceptional_record_size: Annotated[int, implicit(6, INTEGER)]
    id_authentication: Annotated[Credentials | None, explicit(7, _ID_AUTHENTICATION)] = None
    implementation_id: Annotated[str | None, implicit(110, STRING)] = None
    implementation_name: Annotated[str | None, implicit(111, STRING)] = None
    implementation_version: Annotated[str | None, implicit(112, STRING)] = None
    user_information: Annotated[External | None, explicit(11, EXTERNAL)] = None
    other_information: Annotated[tuple[OtherInformation, ...] | None, _OTHER_INFORMATION] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InitResponse(Apdu):
    """Accepts or refuses the association and says what both sides may use in it."""

    protocol_version: Annotated[frozenset[int], implicit(3, BITS)]
    options: Annotated[frozenset[int], implicit(4, BITS)]
    preferred_message_size: Annotated[int, implicit(5, INTEGER)]
    exceptional_record_size: Annotated[int, implicit(6, INTEGER)]
    result: Annotated[bool, implicit(12, BOOLEAN)]
    implementation_id: Annotated[str | None, implicit(110, STRING)] = None
    implementation_name: Annotated[str | None, implicit(111, STRING)] = None
    implementation_version: Annotated[str | None, implicit(112, STRING)] = None
    user_information: Annotated[External | None, explicit(11, EXTERNAL)] = None
    other_information: Annotated[tuple[OtherInformation, ...] | None, _OTHER_INFORMATION] = None


@dataclass(frozen=True, slots=True)
class DatabaseElementSet:
    """The element set wanted from one database."""

    database: Annotated[str, implicit(105, STRING)]
    element_set_name: Annotated[str, implicit(103, STRING)]


@dataclass(frozen=True, slots=True)
class ElementSetNames:
    """The element sets wanted, such as ``F`` (full) or ``B`` (brief): one for all databases, or one for each."""

    generic: Annotated[str | None, implicit(0, STRING)] = None
    database_specific: Annotated[
        tuple[DatabaseElementSet, ...] | None, implicit(1, sequence_of(sequence(DatabaseElementSet)))
    ] = None


_ELEMENT_SET_NAMES = sequence(ElementSetNames)
_DATABASES = sequence_of(implicit(105, STRING))
_DIAGNOSTICS = sequence_of(DIAG_REC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest(Apdu):
    """Builds a result set and, if it is small enough, returns its first records at once (3.2.2).

    The query is the element tagged [21]; ``query`` reads and makes it.
    """

    small_set_upper_bound: Annotated[int, implicit(13, INTEGER)] = 0
    large_set_lower_bound: Annotated[int, implicit(14, INTEGER)] = 1
    medium_set_present_number: Annotated[int, implicit(15, INTEGER)] = 0
    replace_indicator: Annotated[bool, implicit(16, BOOLEAN)] = True
    result_set_name: Annotated[str, implicit(17, STRING)] = "default"
    database_names: Annotated[tuple[str, ...], implicit(18, _DATABASES)]
    small_set_element_set_names: Annotated[ElementSetNames | None, implicit(100, _ELEMENT_SET_NAMES)] = None
    medium_set_element_set_names: Annotated[ElementSetNames | None, implicit(101, _ELEMENT_SET_NAMES)] = None
    preferred_record_syntax: Annotated[str | None, implicit(104, OID)] = None
    query: Annotated[ber.Element, verbatim(21)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResponse(Apdu):
    """How many records were found, and the first of them or a diagnostic."""

    result_count: Annotated[int, implicit(23, INTEGER)]
    number_of_records_returned: Annotated[int, implicit(24, INTEGER)]
    next_result_set_position: Annotated[int, implicit(25, INTEGER)]
    search_status: Annotated[bool, implicit(22, BOOLEAN)]
    result_set_status: Annotated[int | None, implicit(26, INTEGER)] = None
    present_status: Annotated[int | None, implicit(27, INTEGER)] = None
    records: Annotated[tuple[NamePlusRecord, ...] | None, RECORDS] = None
    non_surrogate_diagnostic: Annotated[Diagnostic | None, implicit(130, DIAGNOSTIC)] = None
    multiple_diagnostics: Annotated[tuple[AnyDiagnostic, ...] | None, implicit(205, _DIAGNOSTICS)] = None
    additional_search_info: Annotated[ber.Element | None, verbatim(203)] = None


@dataclass(frozen=True, slots=True)
class Range:
    """A run of places in a result set."""

    starting_position: Annotated[int, implicit(1, INTEGER)]
    number_of_records: Annotated[int, implicit(2, INTEGER)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentRequest(Apdu):
    """Asks for records of a result set, counted from 1 (3.2.3)."""

    result_set_id: Annotated[str, implicit(31, STRING)] = "default"
    result_set_start_point: Annotated[int, implicit(30, INTEGER)]
    number_of_records_requested: Annotated[int, implicit(29, INTEGER)]
    additional_ranges: Annotated[tuple[Range, ...] | None, implicit(212, sequence_of(sequence(Range)))] = None
    element_set_names: Annotated[ElementSetNames | None, implicit(19, _ELEMENT_SET_NAMES)] = None
    composition: Annotated[ber.Element | None, verbatim(209)] = None
    preferred_record_syntax: Annotated[str | None, implicit(104, OID)] = None
    max_segment_count: Annotated[int | None, implicit(204, INTEGER)] = None
    max_record_size: Annotated[int | None, implicit(206, INTEGER)] = None
    max_segment_size: Annotated[int | None, implicit(207, INTEGER)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentResponse(Apdu):
    """Records, as many as fit, or a diagnostic."""

    number_of_records_returned: Annotated[int, implicit(24, INTEGER)]
    next_result_set_position: Annotated[int, implicit(25, INTEGER)]
    present_status: Annotated[int, implicit(27, INTEGER)]
    records: Annotated[tuple[NamePlusRecord, ...] | None, RECORDS] = None
    non_surrogate_diagnostic: Annotated[Diagnostic | None, implicit(130, DIAGNOSTIC)] = None
    multiple_diagnostics: Annotated[tuple[AnyDiagnostic, ...] | None, implicit(205, _DIAGNOSTICS)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment(Apdu):
    """A first part of the records of a present; the PresentResponse brings the last (3.3)."""

    number_of_records_returned: Annotated[int, implicit(24, INTEGER)]
    segment_records: Annotated[tuple[NamePlusRecord, ...], implicit(0, RECORDS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Apdu):
    """Ends the association; each side sends one (3.2.11)."""

    close_reason: Annotated[int, implicit(211, INTEGER)]
    diagnostic_information: Annotated[str | None, implicit(3, STRING)] = None
