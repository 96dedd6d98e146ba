"""One work of the union catalogue as a MARC record: the fullest description of it, and all who hold it.

The record's number is the work's; the libraries' own stand in 035. Copies stand in 852 or 905, the libraries by their
ISIL; what a library noted for itself only (its fields 9XX) stays at home.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby

from connectors.marc.items import ItemMapping
from connectors.marc.mapping import record_from_bib
from connectors.marc.record import MarcRecord, RecordTooLong, UnwritableText
from connectors.marc.writer import write_iso2709
from connectors.z3950.errors import DiagnosticError
from schemas.bib import Bib, Holding, Item, MarcFormat
from schemas.catalogue import FoundWork, HeldCopy, Holder

COPIES: Mapping[MarcFormat, ItemMapping] = {
    MarcFormat.MARC21: ItemMapping("852", barcode="p", branch="a", location="c", call_number="h"),
    MarcFormat.CNMARC: ItemMapping("905", barcode="b", branch="a", location="c", call_number="s"),
}
"""Where each format has its copies."""
NUMBERS_MAX = 50
"""Libraries' own numbers in one record."""
_UNPRESENTABLE = 14


def marc_of(work: FoundWork, target: MarcFormat, *, copies: bool = True) -> MarcRecord:
    """Return a work in a MARC format, with its copies or without."""
    return record_from_bib(_union_bib(work, copies=copies), target, COPIES[target] if copies else None)


def iso2709_of(work: FoundWork, target: MarcFormat, charset: str | None, *, copies: bool = True) -> bytes:
    """Return a work as ISO 2709 in ``charset``, UTF-8 without one; copies stand in it as long as there is room.

    Raises:
        DiagnosticError: 14 for a record that cannot be written so; XML can hold it.
    """
    try:
        return _written(marc_of(work, target, copies=copies), charset)
    except RecordTooLong:
        if copies:
            return iso2709_of(work, target, charset, copies=False)
        raise DiagnosticError(_UNPRESENTABLE, "too long for ISO 2709; ask for XML") from None
    except UnwritableText:
        raise DiagnosticError(_UNPRESENTABLE, f"cannot be written in {charset or 'utf-8'}; ask for XML") from None


def holdings_of(holder: Holder) -> Iterator[tuple[tuple[str, str], list[HeldCopy]]]:
    """Yield a library's copies by their place and call number."""
    copies = sorted(holder.copies, key=_place)
    for place, group in groupby(copies, key=_place):
        yield place, list(group)


def _place(copy: HeldCopy) -> tuple[str, str]:
    return copy.location, copy.call_number


def _union_bib(work: FoundWork, *, copies: bool) -> Bib:
    bib = work.bib
    numbers = (f"({holder.agency}){holder.record_id}" for holder in work.holders[:NUMBERS_MAX])
    holdings = (_holding(holder, place, group) for holder in work.holders for place, group in holdings_of(holder))
    return bib.model_copy(update={
        "record_id": work.cluster,
        "system_numbers": tuple(dict.fromkeys((*bib.system_numbers, *numbers))),
        "local_fields": tuple(each for each in bib.local_fields if not each.tag.startswith("9")),
        "holdings": tuple(holdings) if copies else (),
    })


def _holding(holder: Holder, place: tuple[str, str], copies: list[HeldCopy]) -> Holding:
    location, call_number = place
    items = tuple(Item(barcode=copy.barcode, location=location, call_number=call_number) for copy in copies)
    return Holding(branch=holder.agency, location=location, call_number=call_number, items=items)


def _written(record: MarcRecord, charset: str | None) -> bytes:
    """Return the record's bytes; only UTF-8 is called Unicode in MARC 21's leader."""
    data = write_iso2709(record, charset or "utf-8")
    is_called_unicode = data[9:10] == b"a" and charset not in (None, "utf-8")
    return data[:9] + b" " + data[10:] if is_called_unicode else data
