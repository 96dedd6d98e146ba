"""What SRU's three operations ask and answer, without the XML and the parameters that carry it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

RECORDS_MAX = 1000
"""Records of one answer: what a client asks for at most, and a server gives."""


class Version(StrEnum):
    """A version of SRU. 1.1 is read as 1.2."""

    V1_2 = "1.2"
    V2_0 = "2.0"


class Packing(StrEnum):
    """How a record lies in its answer: as XML, or as text in which that XML is escaped."""

    XML = "xml"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One searchRetrieve; ``start`` counts from 1."""

    query: str
    start: int = 1
    maximum: int = 10
    schema: str = ""
    packing: Packing = Packing.XML


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """One scan: ``clause`` names the index and the term to begin at, which stands at ``position`` of the answer."""

    clause: str
    position: int = 1
    maximum: int = 20


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What a server complains of; ``code`` is None where its URI is not in SRU's own list."""

    code: int | None
    message: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True)
class SruRecord:
    """One record: an XML element by itself, in UTF-8. ``schema`` is what the server calls it: a name or a URI."""

    schema: str
    data: bytes
    position: int | None = None
    identifier: str = ""


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """What a search found: ``hits`` is None where the server tells no count, ``next_start`` where nothing follows."""

    hits: int | None
    records: tuple[SruRecord, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    next_start: int | None = None


@dataclass(frozen=True, slots=True)
class ScanTerm:
    """A term of an index and how many records have it, where the server says."""

    value: str
    hits: int | None = None
    display: str = ""


@dataclass(frozen=True, slots=True)
class ScanAnswer:
    """A part of an index in its order."""

    terms: tuple[ScanTerm, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a server says of itself (ZeeRex): indexes as CQL writes them, schemas by name with their URIs."""

    database: str = ""
    title: str = ""
    indexes: tuple[str, ...] = ()
    schemas: Mapping[str, str] = field(default_factory=dict)
    records_default: int | None = None
    records_max: int | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
