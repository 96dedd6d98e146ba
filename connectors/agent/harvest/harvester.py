"""Who harvests, and when: one run at a time, by a person's command or by the schedule of ``[harvest]``."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.agent.entry import Refused
from connectors.agent.harvest.ledger import Harvests, Run
from connectors.agent.harvest.run import WHATEVER_IS_NEW, Harvest, Limits, Wish, begin
from connectors.agent.harvest.settings import HarvestSettings
from connectors.agent.harvest.sources import SOURCE_ERRORS, Source
from connectors.agent.journal import Journal
from connectors.agent.office import Office
from connectors.agent.tables import Unit
from connectors.marc.items import ItemMapping
from trust.settings import SettingsRefused

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
TRY_AGAIN = timedelta(hours=1)
"""After a harvest that was cut, or failed."""
FAILED = "harvest_failed"
"""The alarm's code, and the fact that keeps when."""
RUNS_SHOWN = 10


class HarvestRunning(Exception):
    """A harvest is under way; there is one at a time."""


class Harvester:
    """One library's harvests. Without a ``source`` there are none."""

    def __init__(self, source: Source | None, mapping: ItemMapping | None, office: Office, journal: Journal,
                 settings: HarvestSettings) -> None:
        self._source = source
        self._mapping = mapping
        self._office = office
        self._journal = journal
        self._settings = settings
        self._current: Harvest | None = None
        self._turn = asyncio.Lock()

    async def harvest(self, wish: Wish = WHATEVER_IS_NEW) -> Run:
        """Send what the union catalogue does not have yet.

        Raises:
            SettingsRefused: the settings name no source, or not where the copies stand.
            HarvestRunning: one is under way.
            SOURCE_ERRORS: the source cannot be read; what was noted stays, and the next run goes on behind it.
            Refused: nothing can be signed now; likewise.
        """
        if self._source is None:
            raise SettingsRefused("no [marc] section with a file, and no [oai] or [z3950]: nothing to harvest from")
        if self._mapping is None:
            raise SettingsRefused("no [marc] section: it says where the copies stand in a record")
        if self._turn.locked():
            raise HarvestRunning("a harvest is under way; 'delta-connector harvest --last' shows how far it is")
        limits = Limits(self._settings.full_every, self._settings.lost_share_max)
        async with self._turn:
            return await self._run(self._source, self._mapping, wish, limits)

    async def _run(self, source: Source, mapping: ItemMapping, wish: Wish, limits: Limits) -> Run:
        try:
            self._current = await begin(source, mapping, self._office, self._journal, wish, limits)
            return await self._current.go()
        except (*SOURCE_ERRORS, Refused) as error:
            why = str(error)
            await self._journal.run(lambda unit: self._note_failure(unit, source, why))
            raise
        finally:
            self._current = None

    def _note_failure(self, unit: Unit, source: Source, why: str) -> None:
        """Keep why it stopped, with the run that is to go on where there is one."""
        ledger, now = Harvests(unit.connection), self._office.clock()
        for last in ledger.runs(1):
            if self._current is not None and last.finished is None:
                last.problem = why
                ledger.save(last)
        unit.set_fact(FAILED, now.isoformat())
        unit.alarm(now.isoformat(), FAILED, f"harvest of {source.name}: {why}")

    async def standing(self) -> Mapping[str, Any]:
        """Return the run under way and the last ones, the newest first, ready for JSON."""
        runs = await self._journal.run(lambda unit: Harvests(unit.connection).runs(RUNS_SHOWN))
        current = self._current
        running = {**current.run.to_json(), "share": round(current.share, 4)} if current else None
        return {"running": running, "runs": [run.to_json() for run in runs]}

    async def latest(self) -> Mapping[str, Any] | None:
        """Return the run under way, or the last one."""
        standing = await self.standing()
        return standing["running"] or next(iter(standing["runs"]), None)

    # the schedule

    async def run(self) -> None:
        """Harvest by the schedule until cancelled."""
        if self._settings.every is not None and self._source is None:
            log.warning("[harvest] has a schedule, and there is nothing to harvest from")
        while self._settings.every is not None and self._source is not None:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Harvest if it is time; what goes wrong is told to staff."""
        if self._turn.locked() or not await self._journal.run(self._is_due):
            return
        try:
            await self.harvest()
        except (*SOURCE_ERRORS, Refused) as error:
            log.warning("the harvest stopped and is tried again in %s: %s", TRY_AGAIN, error)
        except Exception:  # a bug in one harvest must not end the connector's loops
            log.exception("the harvest failed")

    def _is_due(self, unit: Unit) -> bool:
        now, every = self._office.clock(), self._settings.every or TRY_AGAIN
        failed = unit.fact(FAILED)
        if failed and now < datetime.fromisoformat(failed) + min(TRY_AGAIN, every):
            return False
        return all(now >= (last.started + every if last.finished else last.tried + min(TRY_AGAIN, every))
                   for last in Harvests(unit.connection).runs(1))
