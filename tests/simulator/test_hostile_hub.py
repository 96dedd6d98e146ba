"""Every attack of the table, in many worlds: it is noticed by name and in time, and no honest library is harmed."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from schemas.lending import Action
from schemas.messages import MessageType
from tests.alliance import alliance, read
from tests.simulator.hostile_hub import ATTACKS, WATCHED, Attack
from tests.simulator.hub import Hostile
from tests.simulator.seeds import SEEDS
from tests.simulator.world import JOURNEY, Saved, World

_HISTORIES: dict[int, Saved] = {}
"""What honest libraries have lived through before the attack, by seed: every attack begins in a copy of it."""


async def lived_until_now(seed: int, folder: Path) -> Saved:
    """Let an honest alliance work until some moment; mail, copies and tasks are wherever they are."""
    random = Random(seed)
    folder.mkdir()
    async with alliance(folder) as town:
        world = World(town, random)
        await world.stock()
        await world.order()
        await world.settle()
        for _ in range(random.randrange(3)):
            await world.wait(JOURNEY)
            await world.settle()
        await world.order()
        for _ in range(random.randrange(25)):
            await world.step()
        return world.save(folder)


@asynccontextmanager
async def hostile(attack: Attack, seed: int, folder: Path, histories: Path) -> AsyncIterator[Hostile]:
    if seed not in _HISTORIES:
        _HISTORIES[seed] = await lived_until_now(seed, histories / str(seed))
    saved = _HISTORIES[seed]
    town = saved.copy(folder / "town")
    random = Random(f"{attack.name} {seed}")
    world = World(town, random, errands=saved.errands)
    hub = Hostile(town, world, random)
    world.line = hub
    try:
        yield hub
    finally:
        for store in hub.copies:
            store.close()
        town.close()


async def goes_on_until_noticed(hub: Hostile, attack: Attack) -> bool:
    """Let the alliance work on, at most until the time is over in which the attack is to be noticed."""
    assert hub.struck_at is not None, "the attack has touched nobody"
    end = hub.struck_at + attack.within + WATCHED
    while True:
        await hub.look()
        if any(code == attack.code and hub.struck_at <= at <= end for at, code in await hub.noticed()):
            return True
        if hub.town.clock() >= end:
            return False
        await hub.world.settle()
        await hub.world.wait(min(attack.within / 3 + WATCHED, end - hub.town.clock()))


async def confirmed_and_sent(hub: Hostile) -> Counter[tuple[str, str]]:
    """Return how often each loan's supply was confirmed by its home library, and how often a copy was sent."""
    counts = Counter((errand.conv, "sent") for errand in hub.world.errands for _ in errand.sent_by)
    for member in hub.town.members.values():
        rows = await member.journal.run(lambda unit: unit._db.execute(
            "SELECT envelope FROM message WHERE type = ?", (MessageType.REQUESTING_AGENCY_MESSAGE,)).fetchall())
        counts.update((message.conv or "", "confirmed") for (envelope,) in rows if (message := read(envelope)).src
                      == member.me and message.body.action is Action.SUPPLY_CONFIRMED)
    return counts


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("attack", [pytest.param(attack, id=attack.name) for attack in ATTACKS])
async def test_an_attack_is_noticed_by_name_and_in_time_and_does_no_harm(
        attack: Attack, seed: int, folder: Path, histories: Path) -> None:
    async with hostile(attack, seed, folder, histories) as hub:
        await attack.act(hub)
        if attack.code is None:
            assert await hub.noticed() == []
        else:
            assert await goes_on_until_noticed(hub, attack), f"{attack.code}: {await hub.noticed()}"
        if attack.after is not None:
            await attack.after(hub)
        assert set((await confirmed_and_sent(hub)).values()) <= {1}
        assert [member.me for member in hub.town.members.values() if member.refused] == []


