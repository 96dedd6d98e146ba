"""What stands in a record that a target delivered: MARC, told by the record's own syntax and not by what was asked."""

import io
import re

from pydantic import ValidationError

from connectors.marc.bib_reader import bib_from_record
from connectors.marc.marcxml import read_marcxml
from connectors.marc.reader import read_record
from connectors.marc.record import BadRecord, MarcRecord
from connectors.z3950 import oid
from connectors.z3950.errors import ProtocolViolation
from connectors.z3950.opac import decode_opac
from connectors.z3950.reply import Record
from schemas.bib import Bib

_MARC = re.compile(re.escape(oid.Z3950) + r"\.5\.[1-9]\d?")
"""UNIMARC, USMARC and all the national MARCs, which share ISO 2709; those above 5.99 are no MARC."""


def marc_of(record: Record, charset: str | None) -> MarcRecord | None:
    """Return the MARC of a record, if it is one; ``charset`` is the configured one of the target's records."""
    read: MarcRecord | BadRecord | None = None
    if _MARC.fullmatch(record.syntax):
        read = read_record(record.data, charset)
    elif record.syntax == oid.XML:
        read = next(read_marcxml(io.BytesIO(record.data)), None)
    elif record.syntax == oid.OPAC:
        return _marc_in_opac(record, charset)
    return read if isinstance(read, MarcRecord) else None


def bib_of(record: Record, charset: str | None) -> Bib | None:
    """Return what a record says of its book; ``None`` where it is no MARC, or holds what no record can."""
    marc = marc_of(record, charset)
    try:
        return bib_from_record(marc) if marc is not None else None
    except ValidationError:
        return None


def _marc_in_opac(record: Record, charset: str | None) -> MarcRecord | None:
    try:
        inner = decode_opac(record.data).bibliographic_record
    except ProtocolViolation:
        return None
    if inner is None or inner.octet_aligned is None:
        return None
    return marc_of(Record(inner.direct_reference or "", inner.octet_aligned), charset)
