"""MARC: bytes → record and bytes → Bib, each beside pymarc's bare read of the same file.

The files are written by our own writers from the sample books, as full as a national library catalogues them (about
twenty fields): CNMARC in GB18030 and MARC 21 in UTF-8. pymarc is told the charset and makes Unicode records of its
own, without mapping them to anything; ours makes ``schemas.Bib`` with holdings. Both read from memory.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from itertools import count, islice

import pymarc

from connectors.marc import (
    CNMARC_905,
    KOHA_952,
    BadRecord,
    ItemMapping,
    bib_from_record,
    read_iso2709,
    record_from_bib,
    write_iso2709,
)
from examples.alliance.roster import MarcDialect, load_roster
from examples.alliance.stock import stock_of
from schemas.bib import Bib, CataloguingSource, MarcFormat, Note, Series, Subject
from tests.benchmarks.harness import Effort, Line, race

RECORDS = 3000
GOALS = {MarcFormat.CNMARC: 2.0, MarcFormat.MARC21: 1.2}
"""Bytes → Bib beside pymarc's bare read."""

DIALECTS = ((MarcDialect(MarcFormat.CNMARC, "gb18030"), CNMARC_905),
            (MarcDialect(MarcFormat.MARC21, "utf-8"), KOHA_952))


def run(effort: Effort) -> Iterator[Line]:
    """Measure both formats."""
    for dialect, items in DIALECTS:
        yield from _read(effort, dialect, items)


def _read(effort: Effort, dialect: MarcDialect, items: ItemMapping) -> Iterator[Line]:
    records = 50 if effort.is_quick else RECORDS
    data = b"".join(write_iso2709(record_from_bib(bib, dialect.format, items), dialect.charset)
                    for bib in islice(catalogue(dialect), records))

    def to_records() -> int:
        return sum(not isinstance(record, BadRecord) for record in read_iso2709(BytesIO(data), dialect.charset))

    def to_bibs() -> int:
        return sum(bool(bib_from_record(record, items, dialect.format))
                   for record in read_iso2709(BytesIO(data), dialect.charset) if not isinstance(record, BadRecord))

    def theirs() -> int:
        reader = pymarc.MARCReader(BytesIO(data), file_encoding=dialect.charset)
        return sum(record is not None for record in reader)

    assert to_records() == to_bibs() == theirs() == records
    read, mapped, bare = (rate * records for rate in race(effort, to_records, to_bibs, theirs))
    name = f"{dialect.format} {dialect.charset.upper()}"
    yield Line(f"{name} → record", "records/s", read, bare, "pymarc read")
    yield Line(f"{name} → Bib", "records/s", mapped, bare, "pymarc read", GOALS[dialect.format])


def catalogue(dialect: MarcDialect) -> Iterator[Bib]:
    """Yield records without end, in the dialect's format: what one library after another would hold."""
    libraries = [replace(library, marc=dialect) for library in load_roster(31)]
    stocks = (stock_of(library, libraries, seed) for seed in count(1) for library in libraries)
    yield from (_catalogued_fully(bib) for bibs in stocks for bib in bibs)


def _catalogued_fully(bib: Bib) -> Bib:
    """Return the record with what the sample stock leaves out and a national library writes."""
    return bib.model_copy(update={
        "title_pinyin": "mou shu de ti ming", "place": "北京", "extent": "320页", "dimensions": "24cm",
        "illustrations": "插图", "edition": "2版", "country": "CN", "region": "110000",
        "series": (Series(title="当代文库", number="12"),), "summary": _SUMMARY, "notes": _NOTES,
        "subjects": _SUBJECTS, "sources": _sources(("011001", "310110")), "modified": "20260401103015.0"})


def _sources(agencies: Iterable[str]) -> tuple[CataloguingSource, ...]:
    return tuple(CataloguingSource(role=str(role), agency=agency, country="CN", date="20260401")
                 for role, agency in enumerate(agencies))


_SUMMARY = ("本书讲述了一个家族几代人在时代变迁中的命运，兼及当时的社会风俗与人情世态，"
            "文字平实而有余味，适合一般读者阅读。")
_NOTES = (Note(texts=("有书目和索引",)), Note(texts=("据手稿整理",)))
_SUBJECTS = (Subject(heading="长篇小说", places=("中国",), periods=("当代",)),
             Subject(heading="家族", topics=("历史",)))
