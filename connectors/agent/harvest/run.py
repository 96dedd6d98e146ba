"""One harvest: look at the source, read it in slices, send what is new or changed, delete what is gone, and report.

Read this first. What a slice holds is compared with what the journal knows. Batches are signed in the transaction that
notes their records, the tally and where to go on: cut at any byte, a run goes on behind the last one, and what was sent
is not sent again. Only a run that has seen everything deletes what it has not seen, and only if `report.withheld` lets
it.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from connectors.agent.effects import Say
from connectors.agent.entry import Entry
from connectors.agent.harvest.ledger import Harvests, Run
from connectors.agent.harvest.pending import DELETED_AT_ONCE, Pending, prepare
from connectors.agent.harvest.report import Withheld, withheld
from connectors.agent.harvest.sources import BAD_FILE, END, Found, Gone, Reading, Source
from connectors.agent.journal import Journal
from connectors.agent.office import Office
from connectors.agent.tables import Unit
from connectors.marc.items import ItemMapping
from schemas.bib import Bib
from schemas.messages import HarvestBatch, MessageType

WITHHELD = "deletions_withheld"
"""The alarm's code."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How to harvest: everything and not only changes; even what was sent already; with deletions in any case.

    The bytes of bad records are written to the file ``bad``; after a cut some may stand there twice.
    """

    full: bool = False
    anew: bool = False
    allow_deletions: bool = False
    bad: Path | None = None

    @property
    def whole(self) -> bool:
        """Whether the source has to be read from its beginning to its end."""
        return self.full or self.anew or self.allow_deletions


@dataclass(frozen=True, slots=True)
class Limits:
    """What a library has set, as in ``HarvestSettings``."""

    full_every: timedelta = timedelta(days=7)
    lost_share_max: float = 0.2


@dataclass(slots=True)
class Harvest:
    """A run under way: ``share`` of its source has been read."""

    office: Office
    journal: Journal
    mapping: ItemMapping
    wish: Wish
    limits: Limits
    run: Run
    reading: Reading
    share: float = 0.0
    pending: Pending = field(default_factory=Pending)

    async def go(self) -> Run:
        """Read to the end, and return the finished run.

        Raises:
            SOURCE_ERRORS: what was noted so far stays, and the next run goes on behind it.
            Refused: nothing can be signed now; likewise.
        """
        if self.run.cursor != END:
            mode = "ab" if self.run.cursor else "wb"
            with self.wish.bad.open(mode) if self.wish.bad else nullcontext() as kept:
                await self._read(kept)
        if self.run.whole:
            await self._delete_unseen()
        await self.office.enter(self._finish)
        return self.run

    async def _read(self, kept: IO[bytes] | None) -> None:
        async for part in self.reading.slices(self.run.cursor):
            self.run.tally.problems.update(part.problems)
            await self._take(part.found, kept)
            self.run.cursor, self.share = part.cursor, part.share
            if self.pending.is_full:
                await self.office.enter(self._note)
        self.run.cursor = END
        await self.office.enter(self._note)

    async def _take(self, found: Sequence[Found], kept: IO[bytes] | None) -> None:
        """Compare a slice with what is known, and note what follows from it."""
        tally, pending = self.run.tally, self.pending
        ready, bad = await asyncio.to_thread(prepare, found, self.mapping, tally)
        if bad and kept is not None:
            await asyncio.to_thread(kept.writelines, [each.raw for each in bad])
        for lost in bad:
            tally.reject(lost)
        tally.read += len(ready) + len(bad)
        gone = [each.handle for each in found if isinstance(each, Gone)]
        handles = [*gone, *(each.handle for each in ready if each.handle)]
        numbers = [each.bib.record_id for each in ready]
        known = await self.journal.run(lambda unit: Harvests(unit.connection).known(numbers))
        called = await self.journal.run(lambda unit: Harvests(unit.connection).called(handles)) if handles else {}
        for each in ready:
            sent, run = known.get(each.bib.record_id, (b"", 0))
            pending.take(each, sent, tally, is_seen=run == self.run.number)
            if (former := called.get(each.handle)) and former != each.bib.record_id:
                pending.delete(former)  # the same record has another number now
        for handle in gone:
            pending.withdraw(handle)
            if handle in called:
                pending.delete(called[handle])

    async def _delete_unseen(self) -> None:
        """Delete what this whole run has not seen, or say why not."""
        tally, limits = self.run.tally, self.limits

        def judge(unit: Unit) -> None:
            ledger = Harvests(unit.connection)
            vanished, before = ledger.count(unseen_by=self.run.number), ledger.last_deleting()
            tally.vanished = max(tally.vanished, vanished)
            tally.withheld = Withheld.NO if self.wish.allow_deletions else withheld(
                vanished, ledger.count(), pieced=self.run.pieced, bad=tally.bad,
                bad_before=before.tally.bad if before else 0, lost_share_max=limits.lost_share_max)

        await self.journal.run(judge)
        while tally.withheld is Withheld.NO and (unseen := await self.journal.run(self._unseen)):
            self.pending.gone = dict.fromkeys(unseen)
            await self.office.enter(self._note)

    def _unseen(self, unit: Unit) -> list[str]:
        return Harvests(unit.connection).unseen(self.run.number, DELETED_AT_ONCE)

    def _note(self, entry: Entry) -> None:
        """Sign what is pending, and note it with how far the run has come, all in one transaction."""
        unit, ledger, pending, number = entry.unit, Harvests(entry.unit.connection), self.pending, self.run.number
        for bibs, deleted in pending.lots():
            self._say(entry, bibs, deleted)
        unit.drop_items([*pending.changed, *pending.gone])
        unit.put_items(pending.items())
        ledger.take(pending.digests(), number)
        ledger.see(pending.seen.items(), number)
        ledger.drop(pending.gone)
        self.run.tally.deleted += len(pending.gone)
        ledger.save(self.run)
        self.pending = Pending()

    def _finish(self, entry: Entry) -> None:
        """Close the run, and tell staff what it did not dare."""
        run, tally = self.run, self.run.tally
        if run.batches:
            self._say(entry, (), (), last=True)
        run.finished, run.problem = entry.now, ""
        if tally.problems[BAD_FILE]:
            run.mark = ""  # what could not be read now is worth another try
        Harvests(entry.unit.connection).finish(run)
        if tally.withheld is not Withheld.NO:
            entry.unit.alarm(entry.now.isoformat(), WITHHELD, (
                f"harvest {run.number} of {run.source}: {tally.vanished} records were not there and are not deleted "
                f"({tally.withheld}); look at the export, then 'delta-connector harvest --allow-deletions'"))

    def _say(self, entry: Entry, bibs: tuple[Bib, ...], deleted: tuple[str, ...], *, last: bool = False) -> None:
        run = self.run
        run.batches += 1
        body = HarvestBatch(run=f"{run.number} {'full' if run.whole else 'changes'}", number=run.batches, bibs=bibs,
                            deleted=deleted, last=last)
        entry.sign(Say(MessageType.HARVEST_BATCH, entry.office.gateway, body), None)


WHATEVER_IS_NEW = Wish()
USUAL = Limits()


async def begin(source: Source, mapping: ItemMapping, office: Office, journal: Journal, wish: Wish = WHATEVER_IS_NEW,
                limits: Limits = USUAL) -> Harvest:
    """Look at a source, and begin a run or go on with the one that was cut.

    Raises:
        SOURCE_ERRORS: the source cannot be reached or used.
    """
    settings = hashlib.sha256(repr((source, mapping)).encode()).hexdigest()
    now = office.clock()
    cut, since, whole_at = await journal.run(lambda unit: _known(Harvests(unit.connection), settings, wish))
    if cut is not None:
        reading = await source.survey(cut.since)
        if (reading.whole, reading.state) == (cut.whole, cut.state):
            cut.pieced |= cut.cursor not in ("", END) and not source.resumes_exactly
            cut.tried, cut.problem = now, ""
            await journal.run(lambda unit: Harvests(unit.connection).save(cut))
            return Harvest(office, journal, mapping, wish, limits, cut, reading)
    reading = await source.survey(since)
    if not (reading.whole or reading.tells_deletions) and (whole_at is None or whole_at + limits.full_every <= now):
        since, reading = "", await source.survey("")
    run = Run(settings, source.name, reading.whole, since, reading.mark, reading.state, started=now, tried=now)
    await journal.run(lambda unit: Harvests(unit.connection).begin(run))
    return Harvest(office, journal, mapping, wish, limits, run, reading)


def _known(ledger: Harvests, settings: str, wish: Wish) -> tuple[Run | None, str, datetime | None]:
    """Return the run to go on with, if any, the mark of the last one, and when everything was last read."""
    if wish.anew:
        ledger.forget()
    cut, last, whole = ledger.unfinished(settings), ledger.last_finished(settings), ledger.last_whole(settings)
    if cut is not None and wish.whole and not cut.whole:
        cut = None
    return cut, last.mark if last and not wish.whole else "", whole.started if whole else None
