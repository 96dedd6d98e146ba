"""What a response carries in its list of records: records and diagnostics.

Absent on purpose: what is inside a record (MARC, XML and text are handed on as octets, whatever their charset) and
the fragments of level 2 segmentation, which we never negotiate.
"""

from dataclasses import dataclass, replace
from typing import Annotated, TypeAlias

from connectors.z3950 import oid
from connectors.z3950.asn1 import (
    INTEGER,
    OCTETS,
    OID,
    STRING,
    VISIBLE_STRING,
    Choice,
    explicit,
    implicit,
    sequence,
    sequence_of,
    verbatim,
)
from connectors.z3950.ber import Element, context, decode, encode
from connectors.z3950.errors import MalformedApdu


@dataclass(frozen=True, slots=True)
class External:
    """A value of a foreign syntax: as octets, or as one BER element within tag [0]."""

    direct_reference: Annotated[str | None, OID] = None
    indirect_reference: Annotated[int | None, INTEGER] = None
    single_asn1: Annotated[Element | None, verbatim(0)] = None
    octet_aligned: Annotated[bytes | None, implicit(1, OCTETS)] = None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A diagnostic in the default format: ``condition`` is a code of the set, Bib-1 unless said otherwise."""

    diagnostic_set: Annotated[str, OID]
    condition: Annotated[int, INTEGER]
    addinfo: Annotated[str | None, VISIBLE_STRING] = None
    addinfo_international: Annotated[str | None, STRING] = None

    @property
    def text(self) -> str:
        """Return the additional information, whichever of the two string types carried it."""
        return self.addinfo or self.addinfo_international or ""


@dataclass(frozen=True, slots=True)
class ForeignDiagnostic(External):
    """A diagnostic in a format that is not the default one."""


AnyDiagnostic: TypeAlias = Diagnostic | ForeignDiagnostic

_EXTERNAL_TAG = 8
EXTERNAL = replace(sequence(External), tag=_EXTERNAL_TAG)
DIAGNOSTIC = sequence(Diagnostic)
_FOREIGN = replace(sequence(ForeignDiagnostic), tag=_EXTERNAL_TAG)
DIAG_REC = Choice({Diagnostic: DIAGNOSTIC, ForeignDiagnostic: _FOREIGN})
"""A diagnostic in the default format, or in a foreign one."""


_SURROGATE = explicit(2, DIAG_REC)
_RECORD = Choice({External: explicit(1, EXTERNAL), Diagnostic: _SURROGATE, ForeignDiagnostic: _SURROGATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePlusRecord:
    """One place of a result set: a record, or the (surrogate) diagnostic that says why it is missing."""

    name: Annotated[str | None, implicit(0, STRING)] = None
    record: Annotated[External | AnyDiagnostic, explicit(1, _RECORD)]


RECORDS = implicit(28, sequence_of(sequence(NamePlusRecord)))


def bib1(condition: int, text: str = "") -> Diagnostic:
    """Return a Bib-1 diagnostic. Its text goes as VisibleString, which versions 2 and 3 both allow."""
    return Diagnostic(oid.BIB1_DIAGNOSTICS, condition, text)


def external_of(reference: str, value: Element) -> External:
    """Return ``value`` as a single ASN.1 value under the OID of its definition."""
    return External(reference, single_asn1=(context(0), [value]))


def value_of(external: External) -> Element:
    """Return the single ASN.1 value that ``external`` holds; raise ``MalformedApdu`` if it does not."""
    content = external.single_asn1[1] if external.single_asn1 else b""
    if isinstance(content, bytes) or len(content) != 1:
        raise MalformedApdu("a single ASN.1 value must be exactly one element")
    return content[0]


def to_external(syntax: str, data: bytes) -> External:
    """Return a record's octets as the standard wants its syntax sent; MARC and XML octet-aligned.

    SUTRS text becomes an InternationalString (REC.2); for OPAC, GRS-1 and Explain ``data`` is the BER of the record.
    """
    if syntax == oid.SUTRS:
        return external_of(syntax, STRING.write(data.decode("utf-8", "surrogateescape")))
    if syntax in _ASN1_SYNTAXES:
        return external_of(syntax, decode(data))
    return External(syntax, octet_aligned=data)


def from_external(external: External) -> bytes:
    """Return the octets of a record: text or MARC as they are, structured syntaxes as BER."""
    if external.octet_aligned is not None:
        return external.octet_aligned
    if external.single_asn1 is None:
        raise MalformedApdu("an EXTERNAL that holds no value we can read")
    tag, inner = value = value_of(external)
    if tag in (OCTETS.tag, STRING.tag, VISIBLE_STRING.tag):
        text: str = STRING.unpack(inner)
        return text.encode("utf-8", "surrogateescape")
    return encode(value)


_ASN1_SYNTAXES = frozenset({oid.OPAC, oid.GRS1, oid.EXPLAIN})
