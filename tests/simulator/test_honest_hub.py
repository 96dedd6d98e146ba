"""An honest hub on weak lines: whatever is lost, doubled, late or restarted, nobody is alarmed and every loan ends.

Parcels take from no time at all to a day, so many are faster than the news of them.
"""

from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from schemas.lifecycle import Outcome
from tests.alliance import HOME, Alliance, alliance
from tests.simulator.hub import Hostile
from tests.simulator.seeds import SEEDS
from tests.simulator.world import JOURNEY, Line, WeakLine, World

DAYS = 4


async def lived_through(town: Alliance, random: Random) -> World:
    """Let some days' traffic pass over weak lines, with connectors that die and come back; then let it end.

    By the end of each day the lines have carried all: no delay is longer than the deadlines allow.
    """
    world = World(town, random, fastest=timedelta(0))
    await world.stock()
    for day in range(DAYS):
        world.line = WeakLine(town, random)
        if day < 2:
            await world.order()
        for _ in range(4):
            for _ in range(6):
                await world.step()
            town.restart(random.choice(list(town.members)))
            await world.wait(random.random() * timedelta(hours=4))
        world.line = Line(town)
        await world.settle()
        await world.wait(JOURNEY)
    witnesses = Hostile(town, world, random)
    while await world.open_loans():
        witnesses.shown = {random.choice(list(town.members)): town.gateway}
        await witnesses.look()
        await world.settle()
        await world.wait(JOURNEY)
    await world.settle()
    return world


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_alarm_is_raised_and_all_books_agree(folder: Path, seed: int) -> None:
    async with alliance(folder) as town:
        world = await lived_through(town, Random(seed))
        for member in town.members.values():
            assert (await member.alarms(), await member.outbox(), await member.tasks()) == ([], [], [])
        for errand in world.errands:
            loan, at_home = await town.loan(errand.conv), await town[HOME].loan(errand.conv)
            assert loan.outcome in (Outcome.COMPLETED, Outcome.UNFILLED, Outcome.REFUSED)
            assert (at_home.outcome, at_home.supplier, at_home.custody) == (loan.outcome, loan.supplier, loan.custody)
            assert len(errand.sent_by) == (loan.outcome is Outcome.COMPLETED)
        await world.settle_accounts()
        assert await world.answers_to_statements() == (len(town.members), 0)
