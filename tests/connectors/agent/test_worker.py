"""The worker at a real ILS: which copy it sets aside, and what it does when the ILS is away or refuses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from connectors.agent.app import watch_once
from connectors.agent.effects import Verb
from connectors.agent.worker import Worker
from connectors.ils.cards import InstitutionalCards
from connectors.ils.port import IlsFailed, IlsUnavailable
from connectors.ils.sip2 import Sip2Ils
from connectors.sip2.client import Sip2Client
from connectors.sip2.verbs import Verbs
from examples.alliance.readers import readers_of
from examples.ils import circulation
from examples.ils.model import ALLIANCE_CARD
from schemas.lifecycle import LoanStatus, Outcome
from tests.alliance import FIRST, HOME, RECORD, SECOND, SEED, Alliance
from tests.connectors.agent.writing import COPY, OTHER_COPY, lent, promised, requested
from tests.systems import LibrarySystem, sample_ils


async def test_a_copy_long_overdue_that_comes_home_is_taken_back_though_the_ils_counts_it_as_lost(
        town: Alliance, system: LibrarySystem) -> None:
    conv = await lent(town)
    town.clock.forward(days=160)
    for library in (HOME, HOME, FIRST):
        await town[library].scan(COPY, conv)
        await town.rest(working=False)
    (task,) = await town[FIRST].tasks()
    await town[FIRST].journal.run(lambda unit: unit.mark_sent(task.id, COPY, ALLIANCE_CARD))
    await town.rest()
    assert (await system.ils.items_of(ALLIANCE_CARD)).charged == frozenset()
    assert (await town.loan(conv)).outcome is Outcome.COMPLETED


async def test_the_first_copy_on_the_shelf_is_set_aside(town: Alliance, system: LibrarySystem) -> None:
    reader = readers_of(town[FIRST].library, SEED)[0]
    await system.running.database.write(circulation.checkout, reader.card, COPY)
    conv = await promised(town)
    assert (await town.loan(conv)).barcode == OTHER_COPY
    assert (await system.ils.items_of(ALLIANCE_CARD)).held == {OTHER_COPY}


async def test_two_loans_do_not_set_aside_the_same_copy(town: Alliance, system: LibrarySystem) -> None:
    convs = [await requested(town), await requested(town)]
    await town.rest()
    assert [(await town.loan(conv)).barcode for conv in convs] == [COPY, OTHER_COPY]
    assert [event for event, _ in await system.events()] == ["hold", "hold"]


async def test_when_no_copy_is_on_the_shelf_the_next_supplier_is_asked(town: Alliance, system: LibrarySystem) -> None:
    reader = readers_of(town[FIRST].library, SEED)[0]
    for barcode in (COPY, OTHER_COPY):
        await system.running.database.write(circulation.checkout, reader.card, barcode)
    conv = await promised(town)
    assert (await town.loan(conv)).supplier == SECOND
    assert (await system.ils.items_of(ALLIANCE_CARD)).held == frozenset()


async def test_a_copy_that_the_catalogue_has_and_the_ils_has_not_is_passed_over(town: Alliance,
                                                                                system: LibrarySystem) -> None:
    await town[FIRST].journal.run(lambda unit: unit._db.execute("DELETE FROM item"))
    await town[FIRST].journal.run(lambda unit: unit.put_items([(RECORD, "09999999", None)]))
    conv = await promised(town)
    assert (await town.loan(conv)).supplier == SECOND
    assert await system.events() == []


async def test_a_supplier_that_was_passed_over_while_its_ils_was_away_leaves_no_hold_behind(
        town: Alliance, system: LibrarySystem) -> None:
    """The Request, the Cancel and the second supplier's Request wait in its journal until the ILS is back."""
    system.wire.target = 1
    conv = await requested(town)
    with pytest.raises(IlsUnavailable):
        await system.worker.work_once()
    town.clock.forward(hours=25)
    await watch_once(town[HOME].office, town[HOME].journal)
    await town.rest(working=False)
    assert [task.do.verb for task in await town[FIRST].tasks()] == [Verb.PLACE_HOLD]
    system.wire.target = system.running.ports.sip2
    await asyncio.sleep(0.15)
    await town.rest()
    assert (await system.ils.items_of(ALLIANCE_CARD)).held == frozenset()
    assert [event for event, _ in await system.events()] in (["hold", "cancel hold"], [])
    assert ((await town.loan(conv)).supplier, (await town.loan(conv)).status) == (SECOND, LoanStatus.WILL_SUPPLY)
    assert [await member.alarms() for member in town.members.values()] == [[]] * 5


async def test_a_copy_that_the_ils_will_not_lend_is_let_go_there(town: Alliance, system: LibrarySystem) -> None:
    conv = await promised(town)
    reader = readers_of(town[FIRST].library, SEED)[0]
    await system.running.database.write(lambda unit: unit.db.execute(
        "INSERT INTO loan VALUES (?, ?, 0, 0)", (COPY, reader.card)))
    await town[FIRST].scan(COPY, conv)
    await town.rest()
    assert (await system.ils.items_of(ALLIANCE_CARD)).held == frozenset()
    assert (await town.loan(conv)).supplier == SECOND


async def test_an_ils_that_is_away_delays_its_tasks_and_loses_none(town: Alliance) -> None:
    member = town[FIRST]
    async with sample_ils(town, member) as running:
        ports = running.ports
    async with worker_at(town, ports.sip2) as worker:
        await requested(town)
        for _ in range(2):
            with pytest.raises(IlsUnavailable):
                await worker.work_once()
            await asyncio.sleep(0.3)
        async with sample_ils(town, member, ports):
            assert await worker.work_once()
        assert await member.tasks() == []


@asynccontextmanager
async def worker_at(town: Alliance, port: int) -> AsyncIterator[Worker]:
    member = town[FIRST]
    async with Sip2Client("127.0.0.1", port, member.library.sip2, member.library.credentials,
                          random=lambda: 0.0) as client:
        yield Worker(member.journal, member.office, Sip2Ils(Verbs(client, town.clock)),
                     InstitutionalCards((ALLIANCE_CARD,)))


async def test_one_task_that_fails_does_not_hold_up_the_others(town: Alliance, system: LibrarySystem) -> None:
    convs = [await requested(town), await requested(town)]
    system.wire.lose, system.wire.answered = b"15+", False
    with pytest.raises(IlsFailed):
        await system.worker.work_once()
    tasks = await town[FIRST].tasks()
    assert [task.conv for task in tasks] == convs[:1]


async def test_the_loop_goes_on_through_failures_until_all_is_done(town: Alliance, system: LibrarySystem) -> None:
    conv = await requested(town)
    system.wire.lose, system.wire.answered = b"15+", True
    running = asyncio.create_task(system.worker.run())
    try:
        async with asyncio.timeout(10):
            while await town[FIRST].tasks():
                await asyncio.sleep(0.02)
            await town[FIRST].office.decide(conv, lambda *_: ())
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert await system.events() == [("hold", COPY)]
