"""Lockers (网借柜): a copy is put in, waits, is collected with card or pick-up code, or goes home uncollected."""

from functools import partial

import pytest

from connectors.agent.conflicts import Cause
from connectors.agent.custody import NothingToDo, Step
from schemas.lending import Custody
from schemas.lifecycle import Outcome
from tests.connectors.kiosk.city import DATE, HOME, locker_of, machine_at, until

HOLD_HERE, SEND_HOME = "01", "04"


async def put_in(member, label, **values):
    return await member.ask("09", at=member.locker, AB=label, **values)


async def in_locker(city, loan):
    answer = await put_in(city.home, city.label(loan))
    assert (answer.flag("ok"), answer.get("AF")) == (True, "已入柜，等待读者取书")
    return await city.until_custody(loan, Custody.LOCKER, city.home)


async def test_a_courier_loads_it_and_its_reader_collects_it(city):
    loan = await city.ship()
    answer = await put_in(city.home, city.label(loan))
    assert (answer.flag("ok"), answer.get("CV"), answer.get("CT"), answer.get("AQ")) == (
        True, HOLD_HERE, None, loan.supplier)
    await city.until_custody(loan, Custody.LOCKER, city.supplier(loan))
    assert (await city.home.ask("17", at=city.home.locker, AB=city.label(loan))).fixed["circulation_status"] == "08"
    other = await city.home.ask("11", at=city.home.locker, AA=city.reader(1).card, AB=city.label(loan))
    assert not other.flag("ok")
    lent = await city.home.ask("11", at=city.home.locker, AA=city.reader().card, AB=city.label(loan),
                               AD=city.reader().pin)
    assert (lent.flag("ok"), lent.get("AJ")) == (True, loan.title)
    with_reader = await city.until_custody(loan, Custody.READER, city.supplier(loan))
    assert with_reader.holder == HOME.agency_id
    assert await city.home.conflicts() == []


@pytest.mark.parametrize("arrives_first", [True, False])
async def test_staff_load_it_from_the_desk_and_a_visitor_collects_with_the_code(city, arrives_first):
    away = city.members[2]
    loan = await city.ship(pickup=away)
    if arrives_first:
        loan = await away.scan(loan)
    with pytest.raises(NothingToDo, match="name the locker"):
        await away.scan(loan, Step.LOAD, place="")
    moved = await away.scan(loan, Step.LOAD, place="西门书柜")
    assert moved.custody is Custody.LOCKER
    assert (await away.ask("63", at=away.locker, AA=loan.conv)).get("BL") == "Y"
    assert (await away.ask("11", at=away.locker, AA=loan.conv, AB=city.label(loan))).flag("ok")
    await city.until_custody(loan, Custody.READER, city.home)
    assert await away.connector.counter.uncollected() == []


async def test_a_load_whose_answer_was_lost_is_not_undone_by_the_next(city):
    loan = await in_locker(city, await city.ship())
    table = locker_of(HOME)
    async with machine_at(city.home.kiosks.ports[1], table) as again:
        answer = await city.home.ask("09", at=again, AB=city.label(loan), transaction_date="20260901    090500")
    assert answer.get("AF") == "已入柜，等待读者取书"
    assert (await city.home.loan(loan.conv)).custody is Custody.LOCKER


async def test_what_nobody_collects_in_time_is_taken_out_and_goes_home(city):
    loan = await in_locker(city, await city.ship())
    counter, supplier = city.home.connector.counter, city.supplier(loan)
    assert await counter.uncollected() == []
    city.clock.forward(days=3, minutes=1)
    ((stay, shown),) = await counter.uncollected()
    assert (stay.place, shown.conv) == ("地铁站智能书柜", loan.conv)
    for _ in range(2):  # the second is a machine that has lost the first answer
        answer = await put_in(city.home, city.label(loan))
        assert (answer.get("CV"), answer.get("CT"), answer.get("AF")) == (
            SEND_HOME, loan.supplier, "逾期未取，请取出并退回所属馆")
        assert (await city.home.loan(loan.conv)).custody is Custody.PICKUP_POINT
    assert await counter.uncollected() == []
    await city.home.scan(loan, Step.SEND_BACK)
    await supplier.scan(await city.until_custody(loan, Custody.IN_TRANSIT_BACK, supplier))
    await until(partial(_is_over, city.home, loan))
    assert await city.home.conflicts() == []


async def _is_over(member, loan):
    return (await member.loan(loan.conv)).outcome is Outcome.COMPLETED


async def test_whoever_comes_late_but_before_the_courier_still_gets_it(city):
    loan = await in_locker(city, await city.ship())
    city.clock.forward(days=5)
    assert (await city.home.ask("11", at=city.home.locker, AA=city.reader().card, AB=city.label(loan))).flag("ok")
    assert await city.home.connector.counter.uncollected() == []


async def test_staff_may_send_an_uncollected_copy_home_straight_from_the_locker(city):
    loan = await in_locker(city, await city.ship())
    assert (await city.home.scan(loan, Step.SEND_BACK)).custody is Custody.IN_TRANSIT_BACK


async def test_the_wrong_locker_is_signed_for_and_staff_are_told(city):
    away = city.members[2]
    loan = await city.ship(pickup=away)
    assert (await put_in(away, city.label(loan))).flag("ok")
    assert (await away.loan(loan.conv)).custody is Custody.LOCKER
    (conflict,) = await away.conflicts()
    assert (conflict.cause, conflict.place, conflict.detail) == (
        Cause.WRONG_LOCKER, "地铁站智能书柜", loan.pickup.point)


async def test_a_locker_that_was_offline_tells_of_load_and_collection_with_their_true_dates(city):
    loan = await city.ship()
    city.clock.forward(hours=6)
    loaded = await put_in(city.home, city.label(loan), no_block=True, return_date="20260901    100000")
    assert loaded.get("AF") == "已入柜，等待读者取书"
    taken = await city.home.ask("11", at=city.home.locker, AA=city.reader().card, AB=city.label(loan), no_block=True,
                                transaction_date="20260901    120000")
    assert taken.flag("ok")
    await city.until_custody(loan, Custody.READER, city.supplier(loan))
    assert await city.home.conflicts() == []


async def test_a_copy_from_a_locker_that_comes_to_another_machine_is_out_of_it(city):
    loan = await in_locker(city, await city.ship())
    answer = await city.home.returns(city.label(loan))
    assert (answer.get("CV"), answer.get("AF")) == (HOLD_HERE, "本书为联盟预约书，请放入预约架")
    assert (await city.home.loan(loan.conv)).custody is Custody.PICKUP_POINT


async def test_a_reader_returns_into_the_locker_too(city):
    loan = await in_locker(city, await city.ship())
    await city.home.ask("11", at=city.home.locker, AA=city.reader().card, AB=city.label(loan))
    await city.until_custody(loan, Custody.READER, city.supplier(loan))
    answer = await put_in(city.home, city.label(loan), transaction_date=DATE)
    assert (answer.get("CV"), answer.get("CT")) == (SEND_HOME, loan.supplier)
    await city.until_custody(loan, Custody.RETURNED_AT, city.supplier(loan))
