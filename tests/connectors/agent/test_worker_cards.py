"""On which of the alliance's institutional cards the worker lends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from connectors.agent.effects import Verb
from connectors.agent.refusals import refusals
from connectors.agent.worker import Worker
from connectors.ils.cards import InstitutionalCards
from connectors.ils.port import IlsInDoubt, Reason
from examples.ils.model import ALLIANCE_CARD
from schemas.lifecycle import Outcome
from tests.alliance import FIRST, HOME, SECOND, Alliance
from tests.connectors.agent.writing import COPY, OTHER_COPY, WRITING, assert_done_once, home_again, promised
from tests.systems import LibrarySystem

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
