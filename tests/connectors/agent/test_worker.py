"""The worker at a real ILS: whatever breaks, nothing is written twice and nothing is left out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from connectors.agent.app import watch_once
from connectors.agent.effects import WRITES, Verb
from connectors.agent.refusals import refusals
from connectors.agent.worker import Worker
from connectors.ils.cards import InstitutionalCards
from connectors.ils.port import CardItems, IlsFailed, IlsInDoubt, IlsUnavailable, ItemState, Reason
from connectors.ils.sip2 import Sip2Ils
from connectors.sip2.client import Sip2Client
from connectors.sip2.verbs import Verbs
from examples.alliance.readers import readers_of
from examples.ils import circulation
from examples.ils.model import ALLIANCE_CARD
from schemas.bib import CirculationStatus
from schemas.lending import AmendmentAction
from schemas.lifecycle import LoanStatus, Outcome
from tests.alliance import FIRST, HOME, RECORD, SECOND, SEED, Alliance
from tests.systems import LibrarySystem, library_system, sample_ils

COPY, OTHER_COPY = "00000001", "00000002"


@pytest.fixture
async def system(town: Alliance) -> AsyncIterator[LibrarySystem]:
    """The first supplier's ILS; of the work that is asked for it has two copies."""
    async with library_system(town, town[FIRST]) as opened:
        rows = [(RECORD, COPY, 4500), (RECORD, OTHER_COPY, 4500)]
        await town[FIRST].journal.run(lambda unit: unit._db.execute("DELETE FROM item"))
        await town[FIRST].journal.run(lambda unit: unit.put_items(rows))
        yield opened


async def requested(town: Alliance) -> str:
    conv = await town.order(FIRST, SECOND)
    await town.rest(working=False)
    await town[HOME].work()
    await town.rest(working=False)
    return conv


async def promised(town: Alliance) -> str:
    conv = await requested(town)
    await town.rest()
    return conv


async def cancelled(town: Alliance) -> str:
    conv = await promised(town)
    await town.amend(conv, AmendmentAction.CANCEL)
    await town.rest(working=False)
    return conv


async def scanned(town: Alliance) -> str:
    conv = await promised(town)
    await town[FIRST].scan(COPY, conv)
    return conv


async def lent(town: Alliance) -> str:
    conv = await scanned(town)
    await town.rest()
    for _ in range(2):
        await town[HOME].scan(COPY, conv)
        await town.rest()
    return conv


async def renewal_asked(town: Alliance) -> str:
    conv = await lent(town)
    town.clock.forward(days=10)
    await town.amend(conv, AmendmentAction.RENEW)
    await town.rest(working=False)
    return conv


async def home_again(town: Alliance) -> str:
    conv = await lent(town)
    for library in (HOME, HOME, FIRST):
        await town.rest()
        await town[library].scan(COPY, conv)
    return conv


WRITING: dict[Verb, tuple[Callable[[Alliance], Awaitable[str]], bytes, tuple[Any, ...], str, Any]] = {
    Verb.PLACE_HOLD: (requested, b"15+", (circulation.hold, ALLIANCE_CARD, COPY), "hold", LoanStatus.WILL_SUPPLY),
    Verb.CANCEL_HOLD: (cancelled, b"15-", (circulation.cancel_hold, ALLIANCE_CARD, COPY), "cancel hold",
                       LoanStatus.CANCELLED),
    Verb.CHECK_OUT: (scanned, b"11", (circulation.checkout, ALLIANCE_CARD, COPY), "checkout", LoanStatus.LOANED),
    Verb.RENEW: (renewal_asked, b"29", (circulation.renew, ALLIANCE_CARD, COPY), "renew", LoanStatus.LOANED),
    Verb.CHECK_IN: (home_again, b"09", (circulation.checkin, COPY), "checkin", LoanStatus.LOAN_COMPLETED),
}
"""For each write: how its task comes about, its request on the wire, the same done directly, its event, the end."""


def test_every_write_is_tried() -> None:
    assert set(WRITING) == WRITES


async def assert_done_once(town: Alliance, system: LibrarySystem, verb: Verb, conv: str, before: int) -> None:
    await town.rest()
    *_, event, status = WRITING[verb]
    assert (await system.events()).count((event, COPY)) == before + 1
    loan = await town.loan(conv)
    assert loan.status is status
    assert loan.renewals == (1 if verb is Verb.RENEW else 0)
    assert [await member.alarms() for member in town.members.values()] == [[]] * 5


@pytest.mark.parametrize("verb", WRITING)
@pytest.mark.parametrize("happened", [True, False], ids=["happened", "did not happen"])
async def test_a_write_whose_answer_was_lost_is_settled_by_asking(town: Alliance, system: LibrarySystem, verb: Verb,
                                                                  happened: bool) -> None:
    arrange, request, _, event, _ = WRITING[verb]
    conv = await arrange(town)
    before = (await system.events()).count((event, COPY))
    system.wire.lose, system.wire.answered = request, happened
    with pytest.raises(IlsInDoubt):
        await system.worker.work_once()
    assert (await system.events()).count((event, COPY)) == before + happened
    (task,) = await town[FIRST].tasks()
    assert (task.do.verb, task.sent) == (verb, True)
    await assert_done_once(town, system, verb, conv, before)


@pytest.mark.parametrize("verb", WRITING)
@pytest.mark.parametrize("happened", [True, False], ids=["after the write", "before the write"])
async def test_a_connector_that_died_at_a_write_settles_it_when_it_is_back(town: Alliance, system: LibrarySystem,
                                                                           verb: Verb, happened: bool) -> None:
    arrange, _, directly, event, _ = WRITING[verb]
    conv = await arrange(town)
    before = (await system.events()).count((event, COPY))
    (task,) = await town[FIRST].tasks()
    await town[FIRST].journal.run(lambda unit: unit.mark_sent(task.id, COPY, ALLIANCE_CARD))
    if happened:
        await system.running.database.write(*directly)
    await assert_done_once(town, system, verb, conv, before)


@pytest.mark.parametrize("verb", WRITING)
async def test_a_connector_that_died_before_it_noted_the_answer_does_not_write_again(town: Alliance,
                                                                                    system: LibrarySystem,
                                                                                    verb: Verb) -> None:
    """As after the crash test's kill between the ILS's commit and the journal's: the task is open and marked."""
    conv = await WRITING[verb][0](town)
    before = (await system.events()).count((WRITING[verb][3], COPY))
    (task,) = await town[FIRST].tasks()
    journal = town[FIRST].journal
    await journal.run(lambda unit: unit._db.execute(
        "CREATE TRIGGER full BEFORE UPDATE OF done ON task BEGIN SELECT RAISE(ABORT, 'power cut'); END"))
    with pytest.raises(IlsFailed):
        await system.worker.work_once()
    await journal.run(lambda unit: unit._db.execute("DROP TRIGGER full"))
    assert [(left.id, left.sent) for left in await town[FIRST].tasks()] == [(task.id, True)]
    await assert_done_once(town, system, verb, conv, before)


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


# institutional cards


POOL = ("DELTA-1", "DELTA-2", "DELTA-3")
PARTNER_CARD = "DELTA-YANGPU"


@asynccontextmanager
async def lending_on(town: Alliance, system: LibrarySystem, cards: InstitutionalCards) -> AsyncIterator[None]:
    """Let the first supplier lend on other cards than the one for all; each may have five copies."""
    rows = [(card, b"", "长三角馆际互借", "child", "") for card in (*POOL, PARTNER_CARD)]
    await system.running.database.write(
        lambda unit: unit.db.executemany("INSERT OR IGNORE INTO patron VALUES (?, ?, ?, ?, ?)", rows))
    member, before = town[FIRST], town[FIRST].worker
    system.worker = member.worker = Worker(member.journal, member.office, system.ils, cards)
    yield
    member.worker = before


async def card_events(system: LibrarySystem) -> list[tuple[str, str]]:
    return await system.running.database.read(
        lambda unit: unit.db.execute("SELECT verb, card FROM event ORDER BY id").fetchall())


async def test_a_partner_s_loan_is_on_the_partner_s_own_card_from_hold_to_return(town: Alliance,
                                                                               system: LibrarySystem) -> None:
    async with lending_on(town, system, InstitutionalCards((ALLIANCE_CARD,), {HOME: PARTNER_CARD})):
        conv = await home_again(town)
        assert (await system.ils.items_of(PARTNER_CARD)).charged == {COPY}
        await town.rest()
    assert await card_events(system) == [(verb, PARTNER_CARD) for verb in ("hold", "checkout", "checkin")]
    assert (await town.loan(conv)).outcome is Outcome.COMPLETED


async def test_another_partner_s_loan_is_on_the_card_for_all(town: Alliance, system: LibrarySystem) -> None:
    async with lending_on(town, system, InstitutionalCards((ALLIANCE_CARD,), {SECOND: PARTNER_CARD})):
        await promised(town)
    assert await card_events(system) == [("hold", ALLIANCE_CARD)]


async def test_a_card_of_the_pool_that_is_full_is_passed_over(town: Alliance, system: LibrarySystem) -> None:
    cards = InstitutionalCards(POOL)
    turn = cards.in_turn(HOME, "loan-0001")
    async with lending_on(town, system, cards):
        for number in range(10, 14):
            assert (await system.ils.check_out(f"{number:08}", turn[0])).ok
        assert (await system.ils.place_hold("00000014", turn[0])).ok
        assert (await promised(town)) == "loan-0001"
    assert (await system.ils.items_of(turn[1])).held == {COPY}


async def test_where_all_cards_of_the_pool_are_full_the_ils_says_so_and_the_next_supplier_is_asked(
        town: Alliance, system: LibrarySystem) -> None:
    async with lending_on(town, system, InstitutionalCards(POOL[:2])):
        await system.running.database.write(lambda unit: unit.db.execute(
            "UPDATE patron SET block = 'card_lost' WHERE card IN (?, ?)", POOL[:2]))
        conv = await promised(town)
    assert (await town.loan(conv)).supplier == SECOND
    (refusal,) = await town[FIRST].journal.run(refusals)
    assert (refusal.conv, refusal.verb, refusal.barcode, refusal.reason) == (
        conv, Verb.PLACE_HOLD, OTHER_COPY, Reason.PATRON_BLOCKED)


@pytest.mark.parametrize("verb", WRITING)
@pytest.mark.parametrize("happened", [True, False], ids=["happened", "did not happen"])
async def test_a_doubt_is_settled_on_the_card_that_the_loan_was_made_on_whatever_the_settings_say_by_then(
        town: Alliance, system: LibrarySystem, verb: Verb, happened: bool) -> None:
    arrange, request, _, event, _ = WRITING[verb]
    async with lending_on(town, system, InstitutionalCards(POOL, {HOME: PARTNER_CARD})):
        conv = await arrange(town)
        before = (await system.events()).count((event, COPY))
        system.wire.lose, system.wire.answered = request, happened
        with pytest.raises(IlsInDoubt):
            await system.worker.work_once()
    async with lending_on(town, system, InstitutionalCards((ALLIANCE_CARD,))):
        await assert_done_once(town, system, verb, conv, before)
    assert {card for _, card in await card_events(system)} == {PARTNER_CARD}


# an ILS that does not show what is on a card


class Reticent(Sip2Ils):
    """A real ILS seen through lists without barcodes."""

    async def items_of(self, card: str) -> CardItems:
        return CardItems(frozenset(), frozenset(), is_whole=False)


@pytest.mark.parametrize("verb", WRITING)
@pytest.mark.parametrize("happened", [True, False], ids=["happened", "did not happen"])
async def test_where_the_card_shows_nothing_the_copy_itself_settles_the_doubt(town: Alliance, system: LibrarySystem,
                                                                             verb: Verb, happened: bool) -> None:
    arrange, request, _, event, status = WRITING[verb]
    conv = await arrange(town)
    before = (await system.events()).count((event, COPY))
    system.wire.lose, system.wire.answered = request, happened
    with pytest.raises(IlsInDoubt):
        await system.worker.work_once()
    async with Sip2Client("127.0.0.1", system.wire.port, town[FIRST].library.sip2,
                          town[FIRST].library.credentials) as client:
        member = town[FIRST]
        member.worker = Worker(member.journal, member.office, Reticent(Verbs(client, town.clock)),
                               InstitutionalCards((ALLIANCE_CARD,)))
        await town.rest()
    assert (await system.events()).count((event, COPY)) == before + 1
    assert (await town.loan(conv)).status is status


async def test_a_hold_that_was_placed_on_a_copy_that_still_seems_to_stand_there_is_found_when_placed_again(
        town: Alliance, system: LibrarySystem) -> None:
    """Some systems show a copy as available until it is fetched: the ILS itself says that the hold is there."""
    conv = await requested(town)
    system.wire.lose, system.wire.answered = b"15+", True
    with pytest.raises(IlsInDoubt):
        await system.worker.work_once()

    class Forgetful(Reticent):
        async def item(self, barcode: str) -> ItemState:
            return ItemState(True, CirculationStatus.AVAILABLE, None)

    async with Sip2Client("127.0.0.1", system.wire.port, town[FIRST].library.sip2,
                          town[FIRST].library.credentials) as client:
        member = town[FIRST]
        member.worker = Worker(member.journal, member.office, Forgetful(Verbs(client, town.clock)),
                               InstitutionalCards((ALLIANCE_CARD,)))
        await town.rest()
    assert await system.events() == [("hold", COPY)]
    assert ((await town.loan(conv)).supplier, (await town.loan(conv)).barcode) == (FIRST, COPY)
