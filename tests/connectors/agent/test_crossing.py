"""News that crosses on its way, told by hand: a parcel that is faster, a Cancel that meets a dispatch, and no alarm."""

from random import Random

import pytest

from connectors.agent.custody import NothingToDo, Step
from schemas.lending import AmendmentAction, Custody
from schemas.lifecycle import LoanStatus, Outcome
from tests.alliance import BARCODES, FIRST, HOME, PICKUP, SECOND, THIRD, Alliance
from tests.connectors.agent.test_any_order import all_accept_their_statements

BARCODE = BARCODES[FIRST]


async def lent(town: Alliance) -> str:
    """Return a loan whose copy the reader has collected at the pickup library."""
    conv = await town.order(FIRST, SECOND, pickup=PICKUP)
    await town.rest()
    for library in (FIRST, PICKUP, PICKUP):
        await town[library].scan(BARCODE, conv)
        await town.rest()
    assert (await town.loan(conv)).custody is Custody.READER
    return conv


async def nobody_is_alarmed(town: Alliance) -> bool:
    troubles = [(await member.alarms(), member.refused, await member.outbox()) for member in town.members.values()]
    return troubles == [([], [], [])] * len(town.members)


async def test_a_parcel_may_be_faster_than_the_news_that_it_was_sent(town: Alliance) -> None:
    """The reader hands the copy in at a third library, which sends it home and then loses its line for a day."""
    conv = await lent(town)
    await town[THIRD].scan(BARCODE)
    await town[THIRD].scan(BARCODE)
    assert await town[FIRST].scan(BARCODE) is Step.COME_HOME
    for _ in range(2):
        await town[FIRST].work()
        await town[FIRST].send()
    assert (await town.loan(conv)).outcome is Outcome.COMPLETED
    await town.rest()
    assert await nobody_is_alarmed(town)
    assert {(await town[agency].loan(conv)).outcome for agency in (HOME, PICKUP, FIRST)} == {Outcome.COMPLETED}
    assert (await town.balances())[THIRD] == (town.directory.tariff.third_return_fen, 0)
    assert await all_accept_their_statements(town)


async def test_an_uncollected_copy_may_come_home_before_the_news_that_it_is_on_its_way(town: Alliance) -> None:
    conv = await town.order(FIRST, pickup=PICKUP)
    await town.rest()
    for library in (FIRST, PICKUP):
        await town[library].scan(BARCODE, conv)
        await town.rest()
    await town[PICKUP].scan(BARCODE, conv, Step.SEND_BACK)
    assert await town[FIRST].scan(BARCODE) is Step.COME_HOME
    await town[FIRST].send()
    await town.rest()
    assert (await town.loan(conv)).outcome is Outcome.COMPLETED
    assert await nobody_is_alarmed(town)


async def test_an_uncollected_copy_at_its_own_library_s_pickup_point_comes_home(town: Alliance) -> None:
    conv = await town.order(FIRST, pickup=FIRST)
    await town.rest()
    for _ in range(2):
        await town[FIRST].scan(BARCODE, conv)
        await town.rest()
    assert (await town.loan(conv)).custody is Custody.PICKUP_POINT
    await town[FIRST].scan(BARCODE, conv, Step.COME_HOME)
    await town.rest()
    assert (await town.loan(conv)).outcome is Outcome.COMPLETED
    assert await nobody_is_alarmed(town)
    assert (await town.balances())[HOME] == (-(town.directory.tariff.loan_fee_fen
                                               + town.directory.tariff.carriage_out_fen), 0)


@pytest.mark.parametrize("seed", range(6))
async def test_what_follows_from_a_cancel_that_has_met_the_dispatch_waits_for_both(town: Alliance, seed: int) -> None:
    """The arrival names the Cancel as the last thing known; at home, that Cancel is older than the dispatch."""
    conv = await town.order(FIRST, pickup=PICKUP)
    await town.rest()
    await town[FIRST].scan(BARCODE, conv)
    await town[FIRST].work()
    await town.amend(conv, AmendmentAction.CANCEL)
    await town[HOME].fetch()
    for agency in (FIRST, HOME):
        await town[agency].send()
    await town[PICKUP].fetch()
    await town[PICKUP].scan(BARCODE, conv)
    await town[PICKUP].send()
    random = Random(seed)
    for agency in (HOME, FIRST):
        await town[agency].fetch(weather=lambda entries: random.sample(entries, len(entries)))
    assert (await town[HOME].loan(conv)).custody is Custody.PICKUP_POINT
    await town.rest()
    assert await nobody_is_alarmed(town)


@pytest.mark.parametrize("action", AmendmentAction)
async def test_a_reader_s_wish_may_cross_the_return(town: Alliance, action: AmendmentAction) -> None:
    conv = await lent(town)
    await town[FIRST].scan(BARCODE)
    await town[FIRST].work()
    await town.amend(conv, action)
    await town[HOME].fetch()
    await town[FIRST].send()
    await town.rest()
    loan = await town[HOME].loan(conv)
    assert (loan.status, loan.outcome) == (LoanStatus.LOAN_COMPLETED, Outcome.COMPLETED)
    assert await nobody_is_alarmed(town)


async def test_a_copy_that_was_declared_lost_and_arrives_all_the_same_ends_nothing_anew(town: Alliance) -> None:
    conv = await town.order(FIRST, pickup=PICKUP)
    await town.rest()
    await town[FIRST].scan(BARCODE, conv)
    await town.rest()
    await town[PICKUP].scan(BARCODE, conv)
    await town[FIRST].counter.declare_lost(conv)
    await town[FIRST].send()
    await town.rest()
    assert (await town.loan(conv)).outcome is Outcome.LOST
    assert await nobody_is_alarmed(town)
    with pytest.raises(NothingToDo):
        await town[PICKUP].scan(BARCODE, conv, Step.HAND_OVER)
