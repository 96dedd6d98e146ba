"""The library's catalogue, from its source to signed batches; the copies' prices and barcodes stay in the journal.

A source is a MARC file, or a Z39.50 target where the library has one. A batch and the progress of its run are one
transaction: cut at any byte, a harvest goes on behind the last batch that was signed. The report counts what was read,
sent and bad.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from connectors.agent.journal import Journal
from connectors.agent.office import Office
from connectors.agent.tables import Unit
from connectors.marc.items import ItemMapping
from connectors.marc.mapping import bib_from_record
from connectors.marc.reader import read_iso2709, read_record
from connectors.marc.record import BadRecord, MarcRecord
from connectors.z3950.client import Z3950Client
from connectors.z3950.query import Attribute, Term, Use
from schemas.bib import Bib
from schemas.messages import HarvestBatch, MessageType

BATCH_RECORDS = 100
BATCH_BYTES = 300_000
"""Raw bytes of a batch: as JSON in an envelope a record has up to six times its size, and must fit."""
RELATION, ALWAYS_MATCHES = 2, 103
"""Bib-1 relation attribute 103: the term is ignored, every record of the database matches."""
ALL_RECORDS = Term("", (Attribute(1, Use.ANY), Attribute(RELATION, ALWAYS_MATCHES)))


@dataclass(frozen=True, slots=True)
class HarvestReport:
    """What became of a source's records."""

    source: str
    read: int
    sent: int
    bad: int


class Source(Protocol):
    """Where a library's records come from; ``name`` changes with the contents, so that a cut run can go on."""

    async def name(self) -> str:
        """Return what is harvested, and in which state."""

    def records(self) -> AsyncIterator[MarcRecord | BadRecord]:
        """Yield every record, the bad ones too."""


@dataclass(frozen=True)
class MarcFile:
    """An ISO 2709 file."""

    path: Path
    charset: str | None

    async def name(self) -> str:
        """Return the file's name, size and time."""
        facts = self.path.stat()
        return f"{self.path.name} {facts.st_size} {facts.st_mtime_ns}"

    async def records(self) -> AsyncIterator[MarcRecord | BadRecord]:
        """Yield the file's records."""
        with self.path.open("rb") as file:
            for record in read_iso2709(file, self.charset):
                yield record


@dataclass(frozen=True)
class Target:
    """A Z39.50 database, read from its first record to its last."""

    host: str
    port: int
    database: str
    syntax: str
    charset: str | None

    async def name(self) -> str:
        """Return the database and how many records it holds."""
        async with self._client() as client:
            return f"z3950 {self.host}:{self.port}/{self.database} {await client.search(ALL_RECORDS)}"

    async def records(self) -> AsyncIterator[MarcRecord | BadRecord]:
        """Yield the target's records, a batch at a time."""
        async with self._client() as client:
            hits = await client.search(ALL_RECORDS)
            start = 1
            while start <= hits:
                records = await client.present(start, min(BATCH_RECORDS, hits + 1 - start))
                for record in records:
                    yield read_record(record.data, self.charset)
                start += len(records)  # the last one may stand for a place where the target failed

    def _client(self) -> Z3950Client:
        return Z3950Client(self.host, self.port, self.database, preferred_syntax=self.syntax)


@dataclass
class _Run:
    """One harvest under way."""

    mapping: ItemMapping
    read: int = 0
    bad: int = 0
    batch: list[Bib] = field(default_factory=list)
    batch_bytes: int = 0

    def has_room_for(self, record: MarcRecord | BadRecord) -> bool:
        if isinstance(record, BadRecord) or not self.batch:
            return True
        return len(self.batch) < BATCH_RECORDS and self.batch_bytes + len(record.raw) <= BATCH_BYTES

    def take(self, record: MarcRecord | BadRecord) -> None:
        self.read += 1
        if isinstance(record, BadRecord):
            self.bad += 1
        else:
            self.batch.append(bib_from_record(record, self.mapping))
            self.batch_bytes += len(record.raw)


async def harvest(source: Source, mapping: ItemMapping, office: Office, journal: Journal) -> HarvestReport:
    """Send a whole source, going on where a cut run of the same source stopped.

    Raises:
        Z3950Error: the target refused or was silent.
        OSError: the file cannot be read.
    """
    name = await source.name()
    done = int(await journal.run(lambda unit: unit.fact(f"harvest {name}", "0")))
    run, number = _Run(mapping), 0
    async for record in source.records():
        if not run.has_room_for(record):
            number += 1
            await _send(office, name, number, run, last=False, known=number <= done)
        run.take(record)
    if run.batch:
        number += 1
        await _send(office, name, number, run, last=True, known=number <= done)
    return HarvestReport(name, run.read, run.read - run.bad, run.bad)


async def _send(office: Office, name: str, number: int, run: _Run, *, last: bool, known: bool) -> None:
    bibs = tuple(run.batch)
    run.batch, run.batch_bytes = [], 0
    if known:
        return
    rows = [(bib.record_id, item.barcode, item.price_fen) for bib in bibs for holding in bib.holdings
            for item in holding.items]

    def note(unit: Unit) -> None:
        unit.put_items(rows)
        unit.set_fact(f"harvest {name}", str(number))

    body = HarvestBatch(run=name[:200], number=number, bibs=bibs, last=last)
    await office.say(MessageType.HARVEST_BATCH, office.gateway, body, beside=note)
