"""A union catalogue of a million records: ingest, then the same figures as the short benchmark.

The database itself says how far it got; delete ``var/soak/catalogue*`` to begin again.
"""

import sys
from collections.abc import Iterator
from itertools import islice

from federation.storage.sqlite import open_connection
from federation.storage.unit import DDL
from tests.benchmarks.catalogue import BATCH, ingest, lines
from tests.benchmarks.harness import Effort, Line
from tests.benchmarks.soak import FOLDER, Progress
from tests.benchmarks.union import Union

RECORDS = 1_000_000
SHOWN_BATCHES = 250


def run(effort: Effort) -> Iterator[Line]:
    """Take in what is missing, then measure."""
    union = Union(1000 if effort.is_quick else RECORDS)
    name = f"catalogue-{union.records}"
    progress = Progress(name, seconds=0.0)
    path = FOLDER / f"{name}.db"
    connection = open_connection(path, DDL)
    (done,) = connection.execute("SELECT count(*) FROM bib_member").fetchone()
    for number, seconds in enumerate(ingest(connection, islice(union, done, None)), 1):
        progress.save(seconds=progress.figures["seconds"] + seconds)
        if number % SHOWN_BATCHES == 0:
            print(f"  {done + number * BATCH:,} records", file=sys.stderr, flush=True)
    connection.close()
    yield from lines(union, path, union.records / progress.figures["seconds"])
