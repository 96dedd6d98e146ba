"""Long files of MARC: memory from 50,000 to 500,000 records, and 4 GB of garbage with a record at its end."""

import time
from collections.abc import Iterator

from connectors.marc import BadRecord, MarcRecord, read_iso2709, write_iso2709
from tests.benchmarks.harness import Effort, Line, resident_megabytes
from tests.benchmarks.marc import growth
from tests.benchmarks.marc_records import cnmarc

GARBAGE_BYTES = 4 << 30
GROWTH_MEGABYTES_MAX, SECONDS_MAX = 32, 120.0


class Garbage:
    """A stream of so many bytes that are no record, nor hold a record terminator, and one record right behind them."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._block = bytes(range(0x20, 0x100)) * 2048
        self._tail = [write_iso2709(next(cnmarc()))]

    def read(self, size: int) -> bytes:
        if self._left <= 0:
            return self._tail.pop() if self._tail else b""
        block = self._block[: min(size, self._left)]
        self._left -= len(block)
        return block


def run(effort: Effort) -> Iterator[Line]:
    """Measure."""
    yield growth(*((50, 100) if effort.is_quick else (50_000, 500_000)))
    size = 1 << 24 if effort.is_quick else GARBAGE_BYTES
    before, begin, bad, whole = resident_megabytes(), time.perf_counter(), 0, 0
    for record in read_iso2709(Garbage(size)):  # type: ignore[arg-type]
        bad += len(record.raw) if isinstance(record, BadRecord) else 0
        whole += isinstance(record, MarcRecord)
    assert (bad >= size, whole) == (True, 1)
    name = f"{size >> 20:,} MiB of garbage"
    yield Line.within(f"{name}, memory grown", "MB", max(resident_megabytes() - before, 0.0), GROWTH_MEGABYTES_MAX)
    yield Line.within(f"{name}, time", "ms", (time.perf_counter() - begin) * 1000, SECONDS_MAX * 1000)
