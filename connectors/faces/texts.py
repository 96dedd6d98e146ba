"""One work of the union catalogue for people: as a text in Chinese and English, and its holdings as in an OPAC record.

What is out is known from the alliance's own loans; what a library's readers have at home is the library's own to tell.
"""

from collections.abc import Callable, Iterator, Mapping

from connectors.faces.records import holdings_of
from connectors.z3950.opac import Circulation, Holdings
from schemas.bib import Bib
from schemas.catalogue import FoundWork, HeldCopy
from schemas.directory import Agency

Names = Mapping[str, Agency]
"""The members by their ids."""

NOTE = "在架情况以馆方为准 as far as the alliance knows: what is out on its own loans"
_LINES: Mapping[str, Callable[[Bib], str]] = {
    "题名 Title": lambda bib: " : ".join(filter(None, (_with_volume(bib), bib.subtitle))),
    "责任者 By": lambda bib: bib.responsibility or "; ".join(each.name for each in bib.contributors),
    "版本 Edition": lambda bib: bib.edition,
    "出版 Published": lambda bib: ", ".join(filter(None, (bib.place, bib.publisher, _date(bib)))),
    "形态 Extent": lambda bib: " ; ".join(filter(None, (bib.extent, bib.dimensions))),
    "丛书 Series": lambda bib: "; ".join(each.title for each in bib.series),
    "ISBN": lambda bib: "; ".join(each.as_written for each in bib.isbns if each.as_written),
    "主题 Subjects": lambda bib: "; ".join(each.text for each in bib.subjects),
    "分类 Class": lambda bib: "; ".join(bib.clc),
    "提要 Summary": lambda bib: bib.summary,
}


def text_of(work: FoundWork, names: Names) -> str:
    """Return a work as lines of text."""
    said = ((label, tell(work.bib)) for label, tell in _LINES.items())
    return "\n".join((*(f"{label}: {text}" for label, text in said if text), "", *_holding_lines(work, names), ""))


def opac_holdings(work: FoundWork, names: Names, string: Callable[[str], str]) -> tuple[Holdings, ...]:
    """Return a work's holdings; ``string`` puts a text into the charset of the association."""
    return tuple(
        Holdings(nuc_code=holder.agency, local_location=string(name_of(holder.agency, names)),
                 shelving_location=string(location), call_number=string(call_number), public_note=string(NOTE),
                 circulation=tuple(_circulation(copy, string) for copy in copies) or None)
        for holder in work.holders for (location, call_number), copies in list(holdings_of(holder)) or [(("", ""), [])])


def name_of(agency: str, names: Names) -> str:
    """Return a library's names, or its id where the directory has none."""
    known = names.get(agency)
    return f"{known.name_zh} {known.name_en}".strip() if known else agency


def _date(bib: Bib) -> str:
    return bib.date_text or str(bib.year or "")


def _with_volume(bib: Bib) -> str:
    return " ".join(filter(None, (bib.title, bib.volume, bib.volume_title)))


def _holding_lines(work: FoundWork, names: Names) -> Iterator[str]:
    yield f"馆藏 Held by {len(work.holders)} ({NOTE})"
    for holder in work.holders:
        yield f"  {name_of(holder.agency, names)} [{holder.agency}] {holder.record_id}"
        for copy in holder.copies:
            place = "  ".join(filter(None, (copy.location, copy.call_number, copy.barcode)))
            yield f"    {place}  {_availability(copy)}"


def _availability(copy: HeldCopy) -> str:
    if not copy.on_loan:
        return "可借 available"
    return f"借出 on loan, 应还 due {copy.due_date}" if copy.due_date else "在办 reserved"


def _circulation(copy: HeldCopy, string: Callable[[str], str]) -> Circulation:
    return Circulation(available_now=not copy.on_loan, item_id=string(copy.barcode),
                       availability_date=copy.due_date.isoformat() if copy.due_date else None)
