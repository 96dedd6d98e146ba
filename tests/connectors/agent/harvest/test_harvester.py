"""Who harvests, and when: by the schedule, one at a time, again after a failure; and what staff see of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.agent.harvest.files import Files
from connectors.agent.harvest.harvester import Harvester, HarvestRunning
from connectors.agent.harvest.run import Wish
from connectors.agent.harvest.settings import HarvestSettings, OaiSettings
from connectors.agent.harvest.sources import Reading, Slice
from connectors.marc.items import CNMARC_905
from tests.alliance import HOME, Alliance
from tests.connectors.agent.harvest.shelf import BAD, bib, ids, marc, sent, write
from trust.settings import SettingsRefused

DAILY = HarvestSettings.model_validate({"every": "24h"})


def harvester(town: Alliance, source: Any, settings: HarvestSettings = DAILY) -> Harvester:
    member = town[HOME]
    return Harvester(source, CNMARC_905, member.office, member.journal, settings)


@dataclass
class Slow:
    """A source that waits until it is let go on; ``fails`` is raised in its middle."""

    fails: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    name = "slow"
    resumes_exactly = True

    def __repr__(self) -> str:
        return "Slow"

    async def survey(self, since: str) -> Reading:
        return Reading(True, "", "", self.slices)

    async def slices(self, cursor: str) -> AsyncIterator[Slice]:
        yield Slice([], "half", 0.5)
        self.reached.set()
        await self.gate.wait()
        if self.fails:
            raise self.fails


async def times(town: Alliance, one: Harvester, hours: int) -> list[int]:
    """Look every hour; return after how many a new run had begun, or an old one was tried again."""
    begun, before = [], ""
    for hour in range(hours):
        await one.look()
        latest = await one.latest()
        told = f"{latest['run']} {await tried(town)}" if latest else ""
        if told != before:
            begun.append(hour)
        before = told
        town.clock.forward(hours=1)
    return begun


async def tried(town: Alliance) -> str:
    return str(await town[HOME].journal.run(
        lambda unit: unit.connection.execute("SELECT max(tried) FROM harvest_run").fetchone()[0]))


async def test_a_library_is_harvested_as_often_as_it_says(town: Alliance, tmp_path: Path) -> None:
    source = Files(write(tmp_path / "export.mrc", *map(bib, range(3))), "utf-8")
    assert await times(town, harvester(town, source), 60) == [0, 24, 48]


async def test_after_a_failure_it_is_tried_again_within_the_hour_and_staff_are_told_why(town: Alliance,
                                                                                     tmp_path: Path) -> None:
    one = harvester(town, Files(tmp_path / "nowhere.mrc", None))
    for _ in range(3):
        await one.look()
        town.clock.forward(minutes=20)
    assert await town[HOME].alarms() == ["harvest_failed"]
    await one.look()
    assert await town[HOME].alarms() == ["harvest_failed"] * 2
    write(tmp_path / "nowhere.mrc", bib(0))
    town.clock.forward(hours=1)
    await one.look()
    assert await sent(town[HOME]) == ids(1)


async def test_a_run_that_was_cut_goes_on_after_an_hour(town: Alliance) -> None:
    one = harvester(town, Slow(fails=OSError("the network is away")))
    for source in (one._source,):
        source.gate.set()
    await one.look()
    standing = await one.standing()
    assert (standing["running"], standing["runs"][0]["problem"]) == (None, "the network is away")
    one._source.fails = None
    town.clock.forward(hours=1)
    await one.look()
    (run,) = (await one.standing())["runs"]
    assert (run["run"], run["problem"], run["seconds"]) == (1, "", 3600.0)


async def test_without_a_schedule_nothing_happens_by_itself(town: Alliance) -> None:
    await asyncio.wait_for(harvester(town, Slow(), HarvestSettings()).run(), 1)


async def test_one_at_a_time_and_what_runs_is_shown(town: Alliance) -> None:
    source = Slow()
    one = harvester(town, source)
    running = asyncio.create_task(one.harvest())
    await source.reached.wait()
    with pytest.raises(HarvestRunning):
        await one.harvest()
    await one.look()
    latest = await one.latest()
    assert latest is not None
    assert (latest["run"], latest["share"], latest["finished"]) == (1, 0.5, None)
    source.gate.set()
    assert (await running).finished
    latest = await one.latest()
    assert latest is not None
    assert "share" not in latest


async def test_bad_records_are_kept_byte_by_byte_where_it_is_wished(town: Alliance, tmp_path: Path) -> None:
    path = tmp_path / "export.mrc"
    path.write_bytes(b"".join([BAD, *marc([bib(0)]), BAD]))
    run = await harvester(town, Files(path, "utf-8")).harvest(Wish(bad=tmp_path / "bad.mrc"))
    assert (run.tally.bad, (tmp_path / "bad.mrc").read_bytes()) == (2, BAD + BAD)


async def test_without_a_source_the_refusal_says_what_to_set(town: Alliance) -> None:
    member = town[HOME]
    for source, says in ((None, "nothing to harvest from"), (Slow(), "where the copies stand")):
        with pytest.raises(SettingsRefused, match=says):
            await Harvester(source, None, member.office, member.journal, DAILY).harvest()


def test_times_are_written_as_people_write_them() -> None:
    told = HarvestSettings.model_validate({"every": "30m", "full_every": "14d", "lost_share_max": 0.05})
    assert (told.every, told.full_every) == (timedelta(minutes=30), timedelta(days=14))
    for wrong in ("0h", "24", "1w", "-1d", "99999999d", ""):
        with pytest.raises(ValidationError, match="such as 30m, 24h or 7d"):
            HarvestSettings.model_validate({"every": wrong})


def test_the_address_of_a_repository_is_never_shown_whole() -> None:
    assert "secret" not in repr(OaiSettings(url="https://me:secret@example.org/oai"))
