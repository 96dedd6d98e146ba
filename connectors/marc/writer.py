"""Records to bytes: ISO 2709 in a chosen charset, MARCXML and MARC-in-JSON.

ISO 2709's lengths are byte counts, so they depend on the charset; what they cannot express is refused by name and
belongs into MARCXML. XML and JSON are pymarc's. Deliberately absent: writing MARC-8, which nobody needs any more.
"""

import re
from itertools import accumulate
from xml.etree import ElementTree

import pymarc
from pymarc.marcxml import record_to_xml_node

from connectors.marc.charset import MARC8, charset_named
from connectors.marc.reader import ENTRY_BYTES, FIELD_TERMINATOR, LEADER_BYTES, RECORD_TERMINATOR, SUBFIELD_DELIMITER
from connectors.marc.record import Field, MarcRecord, RecordTooLong, UnwritableText

_RECORD_BYTES_MAX, _FIELD_BYTES_MAX = 99_999, 9_999
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0, production 2
_DELIMITERS = frozenset((RECORD_TERMINATOR, FIELD_TERMINATOR, SUBFIELD_DELIMITER))


def write_iso2709(record: MarcRecord, charset: str = "utf-8") -> bytes:
    """Return the record in ``charset``. Raises ``RecordTooLong``, ``UnwritableText`` or ``UnknownCharset``."""
    name = charset_named(charset)
    if name == MARC8:
        raise UnwritableText("MARC-8 is read but not written: choose utf-8 or gb18030")
    contents = [_encode(field, name) for field in record.fields]
    lengths = [len(content) for content in contents]
    base = LEADER_BYTES + ENTRY_BYTES * len(contents) + 1
    total = base + sum(lengths) + 1
    if total > _RECORD_BYTES_MAX or max(lengths, default=0) > _FIELD_BYTES_MAX:
        raise RecordTooLong(
            f"record {record.control('001')!r} has {total} bytes, its longest field {max(lengths, default=0)}:"
            f" ISO 2709 ends at {_RECORD_BYTES_MAX} and {_FIELD_BYTES_MAX}; write MARCXML instead"
        )
    starts = accumulate(lengths, initial=0)
    entries = zip(record.fields, lengths, starts, strict=False)
    directory = "".join(f"{_tag(field)}{length:04d}{start:05d}" for field, length, start in entries)
    head = f"{total:05d}{record.leader[5:12]:7}{base:05d}{record.leader[17:24]:7}{directory}{FIELD_TERMINATOR}"
    return b"".join((head.encode("ascii", "replace"), *contents, RECORD_TERMINATOR.encode()))


def to_pymarc(record: MarcRecord) -> pymarc.Record:
    """Return the record as pymarc's own type."""
    result = pymarc.Record(force_utf8=True)
    result.leader = pymarc.Leader(record.leader.ljust(LEADER_BYTES)[:LEADER_BYTES])
    result.fields = [_pymarc_field(field) for field in record.fields]
    return result


def write_marcxml(record: MarcRecord) -> bytes:
    """Return the record as one MARCXML ``record`` element in UTF-8. Raises ``UnwritableText``."""
    for field in record.fields:
        if any(_NOT_XML.search(subfield) for subfield in field.subfields):
            raise UnwritableText(f"field {field.tag} holds a control character, which XML has no way to write")
    element = record_to_xml_node(to_pymarc(record), namespace=True)  # type: ignore[no-untyped-call]
    return ElementTree.tostring(element, encoding="unicode").encode()


def write_json(record: MarcRecord) -> str:
    """Return the record as MARC-in-JSON."""
    return to_pymarc(record).as_json()


def _pymarc_field(field: Field) -> pymarc.Field:
    if field.is_control:
        return pymarc.Field(field.tag, data=field.subfields[0])
    indicators = pymarc.Indicators(*field.indicators.ljust(2)[:2])
    subfields = [pymarc.Subfield(subfield[:1], subfield[1:]) for subfield in field.subfields]
    return pymarc.Field(field.tag, indicators=indicators, subfields=subfields)


def _encode(field: Field, charset: str) -> bytes:
    if any(_DELIMITERS & set(subfield) for subfield in field.subfields):
        raise UnwritableText(f"field {field.tag} holds one of ISO 2709's own delimiters")
    parts = field.subfields if field.is_control else (field.indicators, *field.subfields)
    try:
        return (SUBFIELD_DELIMITER.join(parts) + FIELD_TERMINATOR).encode(charset)
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        raise UnwritableText(f"field {field.tag} holds {character!r}, which {charset} cannot write") from None


def _tag(field: Field) -> str:
    if len(field.tag) != 3 or not field.tag.isascii():
        raise UnwritableText(f"tag {field.tag!r} is not three ASCII characters")
    return field.tag
