"""Lockers that were offline: their records are taken in with the true dates, in each copy's order, never dropped."""

from functools import partial

from connectors.agent.conflicts import Cause
from connectors.kiosk.backlog import Backlog
from schemas.lending import Custody
from tests.connectors.kiosk.city import DATE, nothing_waits, until


async def test_offline_records_are_replayed_with_their_true_dates(member):
    card = member.reader().card
    first, second = member.own_barcode(0), member.own_barcode(1)
    morning = "20260831    080000"
    lent = await member.takes(card, first, no_block=True, transaction_date=morning)
    assert lent.flag("ok")
    assert lent.get("AJ")
    assert await member.shelf(first) == "04"
    assert (await member.returns(first, no_block=True, return_date="20260831    090000")).flag("ok")
    assert (await member.takes(member.reader(1).card, first, no_block=True, transaction_date=DATE)).flag("ok")
    assert await member.shelf(first) == "04"
    assert await member.conflicts() == []
    refused = await member.takes("no-such-card", second, no_block=True, transaction_date=morning)
    assert (refused.flag("ok"), refused.get("AF")) == (True, "离线记录已接收")
    (conflict,) = await member.conflicts()
    assert (conflict.cause, conflict.detail, conflict.card) == (Cause.ILS_REFUSED, "读者证号不存在", "no-such-card")
    assert (conflict.barcode, conflict.happened_at) == (second, "2026-08-31T00:00:00+00:00")


async def test_a_record_that_is_replayed_twice_is_done_once(member):
    barcode = member.own_barcode()
    for _ in range(2):
        assert (await member.takes(member.reader().card, barcode, no_block=True)).flag("ok")
    assert await member.conflicts() == []
    assert (await member.ask("63", AA=member.reader().card)).count("charged_items_count") == 1


async def test_an_alliance_copy_lent_by_a_locker_offline_is_handed_over_at_its_true_time(city):
    loan = await city.lend()
    answer = await city.home.takes(city.reader().card, city.label(loan), no_block=True,
                                   transaction_date="20260901    083000")
    assert (answer.flag("ok"), answer.get("AJ")) == (True, loan.title)
    await city.until_custody(loan, Custody.READER, city.supplier(loan))
    wrong = await city.home.takes(city.reader(1).card, city.label(loan), no_block=True)
    assert wrong.flag("ok")
    assert await city.home.causes() == [Cause.NOT_RESERVED]


async def test_without_the_ils_each_copys_records_wait_in_their_order(member):
    card, other = member.reader().card, member.reader(1).card
    first, second = member.own_barcode(0), member.own_barcode(1)
    server = member.ils._sip2
    await server.close()
    hours = iter(f"20260831    {hour:02}0000" for hour in range(8, 20))
    assert (await member.takes(card, first, no_block=True, transaction_date=next(hours))).flag("ok")
    assert (await member.takes(card, second, no_block=True, transaction_date=next(hours))).flag("ok")
    assert (await member.returns(first, no_block=True, return_date=next(hours))).flag("ok")
    assert (await member.takes(other, first, no_block=True, transaction_date=next(hours))).flag("ok")
    assert await member.kiosks.waiting() == sorted([first, second], reverse=True)
    await server.start()
    assert (await member.takes(card, first)).get("AF") == "图书馆系统暂时无法使用，请稍后再试", "it does not overtake"
    await until(partial(nothing_waits, member))
    assert await member.conflicts() == []
    assert (await member.ask("63", AA=card, summary="  Y       ")).all("AU") == (second,)
    assert (await member.ask("63", AA=other, summary="  Y       ")).all("AU") == (first,)


async def test_a_checkout_in_doubt_is_asked_for_and_not_repeated(member):
    barcode, asked = member.own_barcode(), []
    server = member.ils._sip2
    serve = server.handler

    async def loses_answers(request, line):
        answer = await serve(request, line)
        asked.append(request.id)
        if request.id == "11":
            for open_line in tuple(server.lines):
                open_line._transport.abort()
        return answer

    server.handler = loses_answers
    assert (await member.takes(member.reader().card, barcode, no_block=True)).flag("ok")
    await until(partial(nothing_waits, member))
    assert asked.count("11") == 1
    assert await member.shelf(barcode) == "04"
    assert await member.conflicts() == []


async def test_the_backlog_keeps_no_password_and_forgets_the_card_once_settled(member):
    barcode = member.own_barcode()
    await member.ils._sip2.close()
    await member.takes(member.reader().card, barcode, no_block=True, AD=member.reader().pin)

    def rows(unit):
        return [unit.connection.execute(f"SELECT * FROM {table}").fetchall()
                for table in ("kiosk_waiting", "kiosk_replay", "kiosk_done")]

    kept = str(await member.connector.journal.run(rows))
    assert member.reader().card in kept
    assert member.reader().pin not in kept
    entry = (await member.connector.journal.run(lambda unit: Backlog(unit).waiting(barcode)))[0]
    assert member.reader().card not in repr(entry)
    await member.ils._sip2.start()
    await until(partial(nothing_waits, member))
    assert member.reader().card not in str(await member.connector.journal.run(rows))
