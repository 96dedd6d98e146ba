"""The library's catalogue, from its MARC file to signed batches; the copies' prices and barcodes stay in the journal.

A batch and the progress of its run are one transaction: cut at any byte, a harvest goes on behind the last batch that
was signed. The report counts what was read, sent and bad.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from connectors.agent.journal import Journal
from connectors.agent.office import Office
from connectors.agent.tables import Unit
from connectors.marc.items import ItemMapping
from connectors.marc.mapping import bib_from_record
from connectors.marc.reader import read_iso2709
from connectors.marc.record import BadRecord
from schemas.bib import Bib
from schemas.messages import HarvestBatch, MessageType

BATCH_RECORDS = 100


@dataclass(frozen=True, slots=True)
class HarvestReport:
    """What became of a file's records."""

    read: int
    sent: int
    bad: int


async def harvest(path: Path, charset: str | None, mapping: ItemMapping, office: Office,
                  journal: Journal) -> HarvestReport:
    """Send the whole file, going on where a cut run of the same file stopped."""
    run = _run_name(path)
    done = int(await journal.run(lambda unit: unit.fact(f"harvest {run}", "0")))
    counts = {"read": 0, "bad": 0}
    batches = _batches(_bibs(path, charset, mapping, counts))
    number = 0
    for number, (bibs, last) in enumerate(batches, 1):
        if number <= done:
            continue
        body = HarvestBatch(run=run[:200], number=number, bibs=bibs, last=last)
        rows = [(bib.record_id, item.barcode, item.price_fen) for bib in bibs for holding in bib.holdings
                for item in holding.items]

        def note(unit: Unit, rows: list[tuple[str, str, int | None]] = rows, number: int = number) -> None:
            unit.put_items(rows)
            unit.set_fact(f"harvest {run}", str(number))

        await office.say(MessageType.HARVEST_BATCH, office.gateway, body, beside=note)
    return HarvestReport(counts["read"], counts["read"] - counts["bad"], counts["bad"])


def _run_name(path: Path) -> str:
    facts = path.stat()
    return f"{path.name} {facts.st_size} {facts.st_mtime_ns}"


def _bibs(path: Path, charset: str | None, mapping: ItemMapping, counts: dict[str, int]) -> Iterator[Bib]:
    with path.open("rb") as file:
        for record in read_iso2709(file, charset):
            counts["read"] += 1
            if isinstance(record, BadRecord):
                counts["bad"] += 1
            else:
                yield bib_from_record(record, mapping)


def _batches(bibs: Iterable[Bib]) -> Iterator[tuple[tuple[Bib, ...], bool]]:
    """Return the batches, each with whether it is the last."""
    source = iter(bibs)
    batch = tuple(islice(source, BATCH_RECORDS))
    while batch:
        following = tuple(islice(source, BATCH_RECORDS))
        yield batch, not following
        batch = following
