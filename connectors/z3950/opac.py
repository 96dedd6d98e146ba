"""The OPAC record syntax (Z39.50-1995, REC.5): a record beside its holdings and the circulation of its copies.

One table each, read and written as the APDUs are. What a client gets as ``Record.data`` under ``oid.OPAC``, and what a
server's backend returns for it, is the BER that ``decode_opac`` and ``encode_opac`` turn into a record and back.

Absent on purpose: what the values mean; the standard names them after the fields of MARC 21 holdings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from connectors.z3950 import ber
from connectors.z3950.asn1 import BOOLEAN, STRING, Choice, implicit, sequence, sequence_of
from connectors.z3950.record import EXTERNAL, External


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume that is held."""

    enumeration: Annotated[str | None, implicit(1, STRING)] = None
    chronology: Annotated[str | None, implicit(2, STRING)] = None
    enumeration_and_chronology: Annotated[str | None, implicit(3, STRING)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Circulation:
    """One copy: whether it can be had now, and when otherwise; dates are free text."""

    available_now: Annotated[bool, implicit(1, BOOLEAN)]
    availability_date: Annotated[str | None, implicit(2, STRING)] = None
    available_thru: Annotated[str | None, implicit(3, STRING)] = None
    restrictions: Annotated[str | None, implicit(4, STRING)] = None
    item_id: Annotated[str | None, implicit(5, STRING)] = None
    renewable: Annotated[bool, implicit(6, BOOLEAN)] = False
    on_hold: Annotated[bool, implicit(7, BOOLEAN)] = False
    enumeration_and_chronology: Annotated[str | None, implicit(8, STRING)] = None
    midspine: Annotated[str | None, implicit(9, STRING)] = None
    temporary_location: Annotated[str | None, implicit(10, STRING)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What one library has at one place. ``nuc_code`` is the library's code, ``local_location`` its name."""

    type_of_record: Annotated[str | None, implicit(1, STRING)] = None
    encoding_level: Annotated[str | None, implicit(2, STRING)] = None
    format: Annotated[str | None, implicit(3, STRING)] = None
    receipt_status: Annotated[str | None, implicit(4, STRING)] = None
    general_retention: Annotated[str | None, implicit(5, STRING)] = None
    completeness: Annotated[str | None, implicit(6, STRING)] = None
    date_of_report: Annotated[str | None, implicit(7, STRING)] = None
    nuc_code: Annotated[str | None, implicit(8, STRING)] = None
    local_location: Annotated[str | None, implicit(9, STRING)] = None
    shelving_location: Annotated[str | None, implicit(10, STRING)] = None
    call_number: Annotated[str | None, implicit(11, STRING)] = None
    shelving_data: Annotated[str | None, implicit(12, STRING)] = None
    copy_number: Annotated[str | None, implicit(13, STRING)] = None
    public_note: Annotated[str | None, implicit(14, STRING)] = None
    reproduction_note: Annotated[str | None, implicit(15, STRING)] = None
    terms_of_use: Annotated[str | None, implicit(16, STRING)] = None
    enumeration_and_chronology: Annotated[str | None, implicit(17, STRING)] = None
    volumes: Annotated[tuple[Volume, ...] | None, implicit(18, sequence_of(sequence(Volume)))] = None
    circulation: Annotated[tuple[Circulation, ...] | None, implicit(19, sequence_of(sequence(Circulation)))] = None


_HOLDINGS = Choice({External: implicit(1, EXTERNAL), Holdings: implicit(2, sequence(Holdings))})


@dataclass(frozen=True, slots=True)
class OpacRecord:
    """The record, and where it is held; holdings may also come as MARC holdings records."""

    bibliographic_record: Annotated[External | None, implicit(1, EXTERNAL)] = None
    holdings: Annotated[tuple[External | Holdings, ...] | None, implicit(2, sequence_of(_HOLDINGS))] = None


_OPAC = Choice({OpacRecord: sequence(OpacRecord)})


def encode_opac(record: OpacRecord) -> bytes:
    """Return the octets of ``record``."""
    return ber.encode(_OPAC.write(record))


def decode_opac(data: bytes) -> OpacRecord:
    """Return the record that ``data`` holds.

    Raises:
        MalformedBer, TooDeep, TooLarge, MalformedApdu: it is no OPAC record.
    """
    record: OpacRecord = _OPAC.read(ber.decode(data))
    return record


def write_opac(syntax: str, record: bytes, holdings: Sequence[Holdings]) -> bytes:
    """Return the BER of an OPAC record; ``record`` is in the record syntax with the OID ``syntax``."""
    return encode_opac(OpacRecord(External(syntax, octet_aligned=record), tuple(holdings) or None))
