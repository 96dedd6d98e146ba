"""MARC: bytes → record and bytes → Bib, each beside pymarc's bare read of the same file, and the memory of long files.

The files hold generated records, no two alike (`marc_records`), and the ten real CNMARC records where they are at hand:
nothing is gained by remembering one text. CNMARC is in GB18030, MARC 21 in UTF-8. pymarc is told the charset and makes
Unicode records of its own, without mapping them to anything; ours makes ``schemas.Bib`` with holdings. Both read from
memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from itertools import islice
from pathlib import Path

import pymarc

from connectors.marc import (
    CNMARC_905,
    KOHA_952,
    BadRecord,
    ItemMapping,
    bib_from_record,
    read_iso2709,
    write_iso2709,
)
from schemas.bib import MarcFormat
from tests.benchmarks import marc_records
from tests.benchmarks.harness import Effort, Line, race, resident_megabytes

RECORDS = 3000
GOALS = {MarcFormat.CNMARC: 2.0, MarcFormat.MARC21: 1.2}
"""Bytes → Bib beside pymarc's bare read."""
REAL_RECORDS = Path(__file__).parents[3] / "shared/data/marc/cnmarc-dp2-sample.gb18030.iso"
LONG, LONGER = 5_000, 50_000
"""Records of the files between which memory must not grow, by more than a twentieth."""


@dataclass(frozen=True)
class Sample:
    """A file of one format, and how both read it."""

    format: MarcFormat
    charset: str
    items: ItemMapping
    records: int

    @cached_property
    def data(self) -> bytes:
        """The file."""
        make = {MarcFormat.CNMARC: marc_records.cnmarc, MarcFormat.MARC21: marc_records.marc21}[self.format]
        generated = b"".join(write_iso2709(record, self.charset) for record in islice(make(), self.records))
        is_real = self.format is MarcFormat.CNMARC and REAL_RECORDS.exists()
        return generated + REAL_RECORDS.read_bytes() if is_real else generated

    def to_records(self) -> int:
        """Read the records."""
        return sum(not isinstance(record, BadRecord) for record in read_iso2709(BytesIO(self.data), self.charset))

    def to_bibs(self, copies: int = 1) -> int:
        """Read the records of the file, so many times in a row, and what they say."""
        return sum(bool(bib_from_record(record, self.items, self.format))
                   for record in read_iso2709(_Repeated(self.data, copies), self.charset)  # type: ignore[arg-type]
                   if not isinstance(record, BadRecord))

    def theirs(self) -> int:
        """Read the records with pymarc."""
        return sum(record is not None for record in pymarc.MARCReader(BytesIO(self.data), file_encoding=self.charset))


class _Repeated:
    """A stream of the same bytes, so many times."""

    def __init__(self, data: bytes, copies: int) -> None:
        self._blocks = (data for _ in range(copies))

    def read(self, _size: int) -> bytes:
        return next(self._blocks, b"")


def samples(records: int) -> Iterator[Sample]:
    """Yield a sample of each format."""
    yield Sample(MarcFormat.CNMARC, "gb18030", CNMARC_905, records)
    yield Sample(MarcFormat.MARC21, "utf-8", KOHA_952, records)


def run(effort: Effort) -> Iterator[Line]:
    """Measure both formats."""
    for sample in samples(50 if effort.is_quick else RECORDS):
        yield from _read(effort, sample)
    yield growth(*((50, 100) if effort.is_quick else (LONG, LONGER)))


def growth(fewer: int, more: int) -> Line:
    """Return what this process holds after reading ``more`` records in a row, beside ``fewer``; all are CNMARC."""
    sample = Sample(MarcFormat.CNMARC, "gb18030", CNMARC_905, min(fewer, RECORDS))
    count = sample.to_bibs()
    sample.to_bibs(-(-fewer // count))
    before = resident_megabytes()
    sample.to_bibs(-(-more // count))
    return Line(f"resident, {more:,} records read", "MB", resident_megabytes(), before, f"{fewer:,} read", 0.95)


def _read(effort: Effort, sample: Sample) -> Iterator[Line]:
    count = sample.theirs()
    assert sample.to_records() == sample.to_bibs() == count >= sample.records
    read, mapped, bare = (rate * count for rate in race(effort, sample.to_records, sample.to_bibs, sample.theirs))
    name = f"{sample.format} {sample.charset.upper()}"
    yield Line(f"{name} → record", "records/s", read, bare, "pymarc read")
    yield Line(f"{name} → Bib", "records/s", mapped, bare, "pymarc read", GOALS[sample.format])
