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
_SURROGATE = re.compile("[\ud800-\udfff]")
_DELIMITERS = re.compile("[\x1d-\x1f]")
_TAG_CHARACTERS = 3


def write_iso2709(record: MarcRecord, charset: str = "utf-8") -> bytes:
    """Return the record in ``charset``. Raises ``RecordTooLong``, ``UnwritableText`` or ``UnknownCharset``."""
    name = charset_named(charset)
    if name == MARC8:
        raise UnwritableText("MARC-8 is read but not written: choose utf-8 or gb18030")
    body = _encode(record, name)
    lengths = [len(content) + 1 for content in body.split(FIELD_TERMINATOR.encode())[:-1]]
    base = LEADER_BYTES + ENTRY_BYTES * len(lengths) + 1
    total = base + len(body) + 1
    if total > _RECORD_BYTES_MAX or max(lengths, default=0) > _FIELD_BYTES_MAX:
        raise RecordTooLong(
            f"record {record.control('001')!r} has {total} bytes, its longest field {max(lengths, default=0)}:"
            f" ISO 2709 ends at {_RECORD_BYTES_MAX} and {_FIELD_BYTES_MAX}; write MARCXML instead"
        )
    entries = zip(record.fields, lengths, accumulate(lengths, initial=0), strict=False)
    directory = "".join([f"{_tag(field)}{length:04d}{start:05d}" for field, length, start in entries])
    leader = _leader(record)
    head = f"{total:05d}{leader[5:12]}{base:05d}{leader[17:24]}{directory}{FIELD_TERMINATOR}"
    return b"".join((head.encode("ascii"), body, RECORD_TERMINATOR.encode()))


def to_pymarc(record: MarcRecord) -> pymarc.Record:
    """Return the record as pymarc's own type. Raises ``UnwritableText`` where a tag, indicator or code has no place."""
    result = pymarc.Record(force_utf8=True)
    result.leader = pymarc.Leader(_leader(record))
    result.fields = [_pymarc_field(field) for field in record.fields]
    return result


def write_marcxml(record: MarcRecord) -> bytes:
    """Return the record as one MARCXML ``record`` element in UTF-8. Raises ``UnwritableText``."""
    for field in record.fields:
        if any(map(_NOT_XML.search, (field.tag, field.indicators, *field.subfields))):
            raise UnwritableText(f"field {field.tag!a} holds a control character, which XML has no way to write")
    element = record_to_xml_node(to_pymarc(record), namespace=True)  # type: ignore[no-untyped-call]
    return ElementTree.tostring(element, encoding="unicode").encode()


def write_json(record: MarcRecord) -> str:
    """Return the record as MARC-in-JSON. Raises ``UnwritableText``."""
    for field in record.fields:
        if any(map(_SURROGATE.search, (field.tag, field.indicators, *field.subfields))):
            raise UnwritableText(f"field {field.tag!a} holds half a character, which UTF-8 has no way to write")
    return to_pymarc(record).as_json()


def _pymarc_field(field: Field) -> pymarc.Field:
    """Return the field by its shape: pymarc alone would take it by its tag, and drop the text of Aleph's ``FMT``."""
    if field.is_control:
        result = pymarc.Field("001", data=_control_text(field))
    else:
        if len(field.indicators) > 2:
            raise UnwritableText(f"field {field.tag!a} has more than two indicators")
        subfields = [pymarc.Subfield(subfield[0], subfield[1:]) for subfield in field.subfields if subfield]
        result = pymarc.Field("900", indicators=pymarc.Indicators(*field.indicators.ljust(2)), subfields=subfields)
    result.tag = _tag(field)
    return result


def _encode(record: MarcRecord, charset: str) -> bytes:
    """Return the fields behind the directory, each with its terminator."""
    texts = []
    for field in record.fields:
        if field.is_control:
            text, delimiters = _control_text(field), 0
        else:
            text, delimiters = SUBFIELD_DELIMITER.join((field.indicators, *field.subfields)), len(field.subfields)
        if len(_DELIMITERS.findall(text)) > delimiters:
            raise UnwritableText(f"field {field.tag!a} holds one of ISO 2709's own delimiters")
        texts.append(text + FIELD_TERMINATOR)
    body = "".join(texts)
    try:
        return body.encode(charset)
    except UnicodeEncodeError as error:
        field = record.fields[body.count(FIELD_TERMINATOR, 0, error.start)]
        character = body[error.start]
        raise UnwritableText(f"field {field.tag} holds {character!r}, which {charset} cannot write") from None


def _control_text(field: Field) -> str:
    if len(field.subfields) > 1:
        raise UnwritableText(f"field {field.tag!a} has subfields but no indicators")
    return field.text


def _tag(field: Field) -> str:
    if len(field.tag) != _TAG_CHARACTERS or not field.tag.isascii() or not field.tag.isprintable():
        raise UnwritableText(f"tag {field.tag!a} is not three ASCII characters")
    return field.tag


def _leader(record: MarcRecord) -> str:
    """Return the leader's 24 characters, with blanks where it is shorter."""
    leader = record.leader.ljust(LEADER_BYTES)
    if len(leader) > LEADER_BYTES or not leader.isascii() or not leader.isprintable():
        raise UnwritableText(f"leader {record.leader[:40]!a} is not 24 printable ASCII characters")
    return leader
