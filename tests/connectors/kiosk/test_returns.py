"""A book in the machine: whose it is, where it goes, and that nothing is lost whatever is away."""

import asyncio
import sys
from functools import partial

from connectors.agent.conflicts import Cause
from connectors.kiosk import clerk
from connectors.kiosk.backlog import Backlog, Place
from connectors.sip2.messages import build
from examples.alliance.town import free_port
from schemas.lending import Custody
from schemas.loan import Loan
from tests.connectors.kiosk.city import (
    DATE,
    LIBRARIES,
    Member,
    kiosk_of,
    machine_at,
    nothing_waits,
    open_city,
    open_member,
    until,
)

CV_HOLD_HERE, CV_OTHER_BRANCH, CV_OTHER = "01", "04", "99"


def said(answer):
    """What a return tells the kiosk: taken, look here, where to."""
    return answer.flag("ok"), answer.flag("alert"), answer.get("CV"), answer.get("CT"), answer.get("CL")


async def test_at_the_pick_up_library_it_is_taken_back_and_starts_its_way_home(city):
    loan = await city.lent()
    supplier = city.supplier(loan)
    bin_ = {LIBRARIES[1].agency_id: "B1"}.get(loan.supplier, "A")
    assert said(await city.home.returns(city.label(loan))) == (True, True, CV_OTHER_BRANCH, loan.supplier, bin_)
    await city.until_custody(loan, Custody.RETURNED_AT, supplier)
    again = await city.home.returns(city.label(loan))
    assert said(again) == (True, True, CV_OTHER_BRANCH, loan.supplier, bin_)
    assert await city.home.conflicts() == []


async def test_at_any_third_library_too(city):
    loan = await city.lent()
    third = city.third(loan)
    answer = await third.returns(city.label(loan))
    assert said(answer)[:4] == (True, True, CV_OTHER_BRANCH, loan.supplier)
    assert answer.get("AJ") == loan.title
    back = await city.until_custody(loan, Custody.RETURNED_AT, city.supplier(loan))
    assert back.holder == third.library.agency_id


async def test_the_owner_may_be_named_by_ao_instead_of_the_label(city):
    loan = await city.lent()
    answer = await city.third(loan).returns(loan.barcode, AO=loan.supplier)
    assert said(answer)[:4] == (True, True, CV_OTHER_BRANCH, loan.supplier)
    await city.until_custody(loan, Custody.RETURNED_AT, city.supplier(loan))


async def test_at_its_own_library_it_is_home_and_checked_in(city):
    loan = await city.lent()
    supplier = city.supplier(loan)
    assert await supplier.shelf(loan.barcode) == "04"
    assert said(await supplier.returns(loan.barcode)) == (True, False, None, None, None)
    await city.until_custody(loan, Custody.SUPPLIER, city.home)
    await until(lambda: _is_on_shelf(supplier, loan))


async def _is_on_shelf(member: Member, loan: Loan):
    return await member.shelf(loan.barcode) == "03"


async def test_a_copy_that_was_never_collected_goes_back_to_the_hold_shelf(city):
    loan = await city.lend()
    assert said(await city.home.returns(city.label(loan)))[:3] == (True, True, CV_HOLD_HERE)


async def test_a_book_that_is_faster_than_its_messages_waits_for_them(city):
    """The supplier has not heard yet that the reader collected it; its journal says that it waits at the point."""
    loan = await city.lend()
    supplier = city.supplier(loan)
    stale = await supplier.loan(loan.conv)
    await city.home.takes(city.reader().card, city.label(loan))
    await city.until_custody(loan, Custody.READER, supplier)
    fresh = await supplier.loan(loan.conv)
    await supplier.connector.journal.run(lambda unit: unit.put_loan(stale))
    assert said(await supplier.returns(city.label(loan)))[0]
    assert await supplier.kiosks.waiting() == [loan.barcode]
    await supplier.connector.journal.run(lambda unit: unit.put_loan(fresh))
    await until(partial(nothing_waits, supplier))
    assert await supplier.conflicts() == []
    await city.until_custody(loan, Custody.SUPPLIER, city.home)


async def test_news_that_never_come_are_staffs(city, monkeypatch):
    monkeypatch.setattr(clerk, "TRIES_MAX", 2)
    loan = await city.lend(pickup=city.members[1])
    assert said(await city.home.returns(city.label(loan)))[0]
    await until(city.home.conflicts)
    (conflict,) = await city.home.conflicts()
    assert conflict.cause is Cause.UNEXPECTED
    assert "the copy is with pickup point" in conflict.detail


async def test_its_own_library_takes_a_copy_back_before_the_news_that_its_reader_had_it(city):
    """Whatever the news say: the book lies in its machine."""
    loan = await city.lend()
    supplier = city.supplier(loan)
    assert said(await supplier.returns(city.label(loan)))[0]
    await until(partial(nothing_waits, supplier))
    assert await supplier.conflicts() == []
    await city.until_custody(loan, Custody.SUPPLIER, supplier)


async def test_a_barcode_of_two_owners_is_accepted_and_left_to_staff(city):
    """The third library has a copy with this number too, on its shelf: nobody can tell which one was returned."""
    loan = await city.lent()
    third = city.third(loan)
    assert await third.shelf(loan.barcode) == "03"
    assert said(await third.returns(loan.barcode)) == (True, True, CV_OTHER, None, "S")
    (conflict,) = await third.conflicts()
    assert (conflict.cause, conflict.barcode, conflict.detail) == (Cause.SEVERAL_COPIES, loan.barcode, loan.supplier)
    assert await third.alarms() == ["kiosk_conflict"]
    assert (await third.loan(loan.conv)).custody is Custody.READER


async def test_an_own_copy_that_is_out_is_the_one_that_comes_back(city):
    loan = await city.lent()
    third = city.third(loan)
    assert (await third.takes(f"{third.library.division_code}000001", loan.barcode)).flag("ok")
    assert (await third.returns(loan.barcode)).get("CV") is None
    assert await third.shelf(loan.barcode) == "03"
    assert await third.conflicts() == []


async def test_a_copy_that_nobody_knows_is_accepted_and_left_to_staff(city):
    for label in ("no-such-copy", f"{LIBRARIES[1].agency_id}.no-such-copy", "x" * 300):
        assert said(await city.home.returns(label))[:2] == (True, True)
    assert len(await city.home.conflicts()) == 3
    assert not (await city.home.returns("")).flag("ok")


async def test_a_new_own_copy_that_was_not_harvested_yet_is_the_ilss(city):
    member = city.home
    barcode = member.own_barcode()
    await member.connector.journal.run(
        lambda unit: unit.connection.execute("DELETE FROM item WHERE barcode = ?", (barcode,)))
    await member.takes(city.reader().card, barcode)
    assert (await member.returns(barcode)).get("AF") == "还书成功"
    assert await member.shelf(barcode) == "03"


async def test_without_the_gateway_a_foreign_return_waits_for_it(city):
    loan = await city.lent()
    third, supplier = city.third(loan), city.supplier(loan)
    await city.close_gateway()
    assert said(await third.returns(city.label(loan))) == (
        True, True, CV_OTHER_BRANCH, loan.supplier, {LIBRARIES[1].agency_id: "B1"}.get(loan.supplier, "A"))
    assert await third.kiosks.waiting() == [loan.barcode]
    await city.open_gateway()
    await until(partial(nothing_waits, third))
    back = await city.until_custody(loan, Custody.RETURNED_AT, supplier)
    assert back.holder == third.library.agency_id
    assert await third.conflicts() == []


async def test_an_accepted_return_survives_the_machine(tmp_path):
    """The process is killed as soon as its kiosk has the answer; another one finds the book again."""
    async with open_city(tmp_path) as city:
        loan = await city.lent()
        away = city.third(loan)
        library, port = away.library, free_port()
        label = city.label(loan)
        await city.close_gateway()
        await _return_and_die(tmp_path, library, port, label)
        await city.open_gateway()
        async with open_member(tmp_path, library, away.ils, city.clock) as again:
            await until(partial(nothing_waits, again))
            back = await city.until_custody(loan, Custody.RETURNED_AT, city.supplier(loan))
            assert back.holder == library.agency_id
            assert await again.conflicts() == []


async def _return_and_die(folder, library, port, label):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.connectors.kiosk.host", str(folder), library.slug, str(port),
        stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"ready\n"
        async with machine_at(port, kiosk_of(library)) as machine:
            answer = await machine.request(build("09", no_block=False, transaction_date=DATE, return_date=DATE,
                                                 AO="", AB=label))
            assert answer.flag("ok")
    finally:
        process.kill()
        await process.wait()


async def test_a_step_that_was_done_before_the_note_of_it_is_not_done_again(city):
    loan = await city.lent()
    await city.home.returns(city.label(loan))
    assert await _entry_like(city, loan)
    await until(partial(nothing_waits, city.home))
    assert await city.home.conflicts() == []
    assert (await city.home.loan(loan.conv)).custody is Custody.RETURNED_AT


async def _entry_like(city, loan):
    """Put the return into the backlog once more, as a process that died after the deed leaves it."""
    request = build("09", no_block=False, transaction_date=DATE, return_date=DATE, AO="", AB=city.label(loan))
    return await city.home.connector.journal.run(
        lambda unit: Backlog(unit).add(loan.barcode, request, Place(""), city.clock()))


async def test_many_returns_at_once_all_arrive(city):
    labels = [f"{LIBRARIES[1].agency_id}.lost-{number}" for number in range(40)]
    answers = await asyncio.gather(*(city.home.returns(label) for label in labels))
    assert all(answer.flag("ok") for answer in answers)
    assert len(await city.home.conflicts()) == 40
