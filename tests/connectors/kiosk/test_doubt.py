"""A write whose answer is lost on the way back from the ILS: found out by asking, never done twice, never hidden."""

import asyncio
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import date
from functools import partial
from types import SimpleNamespace

import pytest

from connectors.agent.conflicts import Cause
from connectors.agent.tables import Unit
from connectors.ils.port import CardItems, ItemState
from connectors.kiosk.backlog import Backlog
from connectors.kiosk.doubt import Doubt
from connectors.kiosk.routing import Copy, Found, Label, Reader
from connectors.sip2.answers import ItemInformation
from connectors.sip2.errors import InDoubt
from connectors.sip2.fields import CirculationStatus
from connectors.sip2.messages import build
from connectors.sip2.server import Sip2Server
from examples.alliance.town import free_port
from schemas.bib import CirculationStatus as Shelf
from tests.connectors.kiosk.city import (
    DATE,
    HOME,
    kiosk_of,
    machine_at,
    nothing_waits,
    open_lone_member,
    open_member,
    until,
)

CHECKING = "操作结果暂不明确，系统正在核对，请勿重复操作，可到服务台确认"
FEE = {"fee_type": "01", "payment_type": "00", "currency_type": "CNY"}


@asynccontextmanager
async def losing(member, id_, *, done=True, dead=False):
    """Let the ILS end the line at every request of this id, after doing it or before; or be dead from then on."""
    server: Sip2Server = member.ils._sip2
    serve, heard = server.handler, []

    async def lose(request, line):
        heard.append(request)
        if request.id != id_:
            return await serve(request, line)
        answer = await serve(request, line) if done else None
        for open_line in tuple(server.lines):
            open_line._transport.abort()
        if dead:
            server._listener.close()
        return answer or build("96")

    server.handler = lose
    yield heard
    server.handler = serve


def times(heard, id_):
    return sum(request.id == id_ for request in heard)


async def waiting(member):
    return await member.connector.journal.run(lambda unit: Backlog(unit).subjects())


async def owe(member, card, fen):
    await member.ils.database.write(lambda unit: unit.db.execute(
        "INSERT INTO fee (card, barcode, amount_fen) VALUES (?, '', ?)", (card, fen)))


async def test_a_checkout_that_happened_is_told_as_done(member):
    card, barcode = member.reader().card, member.own_barcode()
    async with losing(member, "11") as heard:
        answer = await member.takes(card, barcode)
        assert times(heard, "11") == 1
    shown = await member.ask("17", AB=barcode)
    assert (answer.flag("ok"), answer.flag("desensitize"), answer.get("AF")) == (True, True, "办理成功")
    assert (answer.get("AJ"), answer.get("AH")) == (shown.get("AJ"), shown.get("AH"))
    assert (await waiting(member), await member.conflicts()) == ([], [])
    assert await member.alarms() == ["kiosk_in_doubt"]


async def test_one_that_did_not_happen_is_believed_only_after_a_while_and_may_be_tried_again(member):
    """The ILS may still be at work on it when it is asked."""
    card, barcode = member.reader().card, member.own_barcode()
    async with losing(member, "11", done=False) as heard:
        for _ in range(2):
            answer = await member.takes(card, barcode)
            assert (answer.flag("ok"), answer.get("AF")) == (False, CHECKING)
        assert times(heard, "11") == 1
    member.clock.forward(minutes=2)
    assert (await member.takes(card, barcode)).flag("ok")
    assert (await waiting(member), await member.conflicts()) == ([], [])


async def test_a_machine_that_asks_again_is_told_what_was_found_out(member):
    """It happened, and only later could that be asked: the second try is not a second checkout."""
    card, barcode = member.reader().card, member.own_barcode()
    async with losing(member, "11", dead=True) as heard:
        assert (await member.takes(card, barcode)).get("AF") == CHECKING
        assert await waiting(member) == [barcode]
        await member.ils._sip2.start()
        answer = await until(partial(_lent, member, card, barcode))
        assert answer.get("AF") in ("办理成功", "该册已借出")
        assert times(heard, "11") <= 2
    assert (await member.ask("63", AA=card)).count("charged_items_count") == 1


async def _lent(member, card, barcode):
    answer = await member.takes(card, barcode)
    return answer if answer.get("AF") not in (CHECKING, "图书馆系统暂时无法使用，请稍后再试") else None


@pytest.mark.parametrize("done", [True, False])
async def test_a_doubt_outlives_the_connector(tmp_path, done):
    async with open_lone_member(tmp_path) as member:
        card, barcode, ils = member.reader().card, member.own_barcode(), member.ils
        async with losing(member, "11", done=done, dead=True):
            assert (await member.takes(card, barcode)).get("AF") == CHECKING
        await member.close()
        member.clock.forward(minutes=2)
        async with open_member(tmp_path, HOME, ils, member.clock) as again:
            assert await waiting(again) == [barcode]
            await ils._sip2.start()
            await until(partial(nothing_waits, again))
            assert await again.shelf(barcode) == ("04" if done else "03")
            assert await again.conflicts() == []


@pytest.mark.parametrize("done", [True, False])
async def test_a_connector_that_is_killed_while_the_ils_is_at_it_finds_out_and_repeats_nothing(tmp_path, done):
    async with open_lone_member(tmp_path) as member:
        card, barcode, ils, port = member.reader().card, member.own_barcode(), member.ils, free_port()
        await member.close()
        server, came, heard = ils._sip2, asyncio.Event(), []
        serve = server.handler

        async def stalls(request, line):
            heard.append(request)
            if request.id != "11":
                return await serve(request, line)
            if done:
                await serve(request, line)
            came.set()
            await asyncio.Event().wait()
            raise AssertionError

        server.handler = stalls
        async with host_at(tmp_path, port) as process, machine_at(port, kiosk_of(HOME)) as machine:
            asking = asyncio.create_task(member.ask("11", at=machine, AA=card, AB=barcode))
            await asyncio.wait_for(came.wait(), 10)
            process.kill()
            assert isinstance((await asyncio.gather(asking, return_exceptions=True))[0], InDoubt)
        member.clock.forward(minutes=2)
        async with open_member(tmp_path, HOME, ils, member.clock) as again:
            await until(partial(nothing_waits, again))
            assert times(heard, "11") == 1
            assert await again.shelf(barcode) == ("04" if done else "03")
            assert await again.conflicts() == []


@asynccontextmanager
async def host_at(folder, port):
    """A connector with its kiosk in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.connectors.kiosk.host", str(folder), HOME.slug, str(port),
        stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"ready\n"
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_renewal_is_seen_by_the_later_due_date(member):
    card, barcode = member.reader().card, member.own_barcode()
    before = (await member.takes(card, barcode)).get("AH")
    async with losing(member, "29") as heard:
        answer = await member.ask("29", AA=card, AB=barcode)
        assert times(heard, "29") == 1
    assert (answer.flag("ok"), answer.flag("renewal_ok")) == (True, True)
    assert answer.get("AH") > before
    assert await member.conflicts() == []


async def test_holds_are_seen_on_the_card(member):
    card, barcode = member.reader().card, member.own_barcode()
    for mode, held in (("+", 1), ("-", 0)):
        async with losing(member, "15") as heard:
            answer = await member.ask("15", hold_mode=mode, AA=card, AB=barcode, BY="3")
            assert times(heard, "15") == 1
        assert answer.flag("ok"), mode
        assert (await member.ask("63", AA=card)).count("hold_items_count") == held
    assert await member.conflicts() == []


@pytest.mark.parametrize("own_number", ["", "machine-77"])
async def test_a_payment_is_seen_by_what_is_owed_and_never_made_twice(member, own_number):
    card = member.reader().card
    await owe(member, card, 1000)
    async with losing(member, "37") as heard:
        answer = await member.ask("37", AA=card, BV="4.00", BK=own_number, **FEE)
        (sent,) = (request for request in heard if request.id == "37")
    assert answer.flag("payment_accepted")
    assert sent.get("BK") == own_number or (not own_number and sent.get("BK").startswith("k"))
    assert (await member.ask("23", AA=card)).get("BV") == "6.00"
    assert await member.conflicts() == []


async def test_all_renewed_is_seen_copy_by_copy(member):
    """The sample ILS knows no 65; here it renews what it can before its line ends."""
    card, barcodes = member.reader().card, [member.own_barcode(0), member.own_barcode(1)]
    for barcode in barcodes:
        assert (await member.takes(card, barcode)).flag("ok")
    server: Sip2Server = member.ils._sip2
    serve = server.handler

    async def renews_one(request, line):
        if request.id != "65":
            return await serve(request, line)
        await serve(build("29", transaction_date=DATE, AO=HOME.agency_id, AA=card, AB=barcodes[0]), line)
        for open_line in tuple(server.lines):
            open_line._transport.abort()
        return build("96")

    server.handler = renews_one
    answer = await member.ask("65", AA=card)
    assert (answer.flag("ok"), answer.count("renewed_count"), answer.count("unrenewed_count")) == (True, 1, 1)
    assert (answer.all("BM"), answer.all("BN")) == ((barcodes[0],), (barcodes[1],))


@pytest.mark.parametrize(("id_", "values"), [
    ("15", {"hold_mode": "+", "AJ": "三体"}),
    ("15", {"hold_mode": "*", "AB": "own"}),
    ("19", {"AB": "own", "CH": "shelf 3"}),
    ("01", {"card_retained": False, "AL": "lost"}),
])
async def test_what_cannot_be_found_out_is_on_staffs_list(member, id_, values):
    card = member.reader().card
    asked = {code: member.own_barcode() if value == "own" else value for code, value in values.items()}
    if id_ != "19":
        asked["AA"] = card
    async with losing(member, id_) as heard:
        assert (await member.ask(id_, **asked)).get("AF") != "办理成功"
        assert times(heard, id_) == 1
    (conflict,) = await member.conflicts()
    assert (conflict.cause, conflict.action) == (Cause.OUTCOME_UNKNOWN, build(id_).spec.name)
    assert (conflict.card, conflict.barcode) == (asked.get("AA", ""), asked.get("AB", ""))
    assert await member.alarms() == ["kiosk_in_doubt", "kiosk_conflict"]
    assert card not in str(await member.connector.journal.run(Unit.alarms))


async def test_an_ils_that_is_away_for_a_day_leaves_the_doubt_to_staff(member):
    card, barcode = member.reader().card, member.own_barcode()
    async with losing(member, "11", dead=True):
        await member.takes(card, barcode)
    member.clock.forward(days=1, minutes=1)
    await until(member.conflicts)
    assert await member.causes() == [Cause.OUTCOME_UNKNOWN]


async def test_without_the_ils_a_write_is_refused_and_nothing_is_done_later(member):
    card, barcode = member.reader().card, member.own_barcode()
    await member.ils._sip2.close()
    for id_, values in {"11": {"AB": barcode}, "29": {"AB": barcode}, "37": {"BV": "1.00", **FEE}, "65": {}}.items():
        assert (await member.ask(id_, AA=card, **values)).get("AF") == "图书馆系统暂时无法使用，请稍后再试"
    assert await waiting(member) == []


async def test_without_the_ils_a_return_is_taken_in_and_done_later(member):
    card, barcode = member.reader().card, member.own_barcode()
    assert (await member.takes(card, barcode)).flag("ok")
    await member.ils._sip2.close()
    answer = await member.returns(barcode)
    assert (answer.flag("ok"), answer.get("AF")) == (True, "已收书，稍后由联盟系统处理")
    await member.ils._sip2.start()
    await until(partial(nothing_waits, member))
    assert await member.shelf(barcode) == "03"


async def test_a_return_in_doubt_is_asked_for_before_it_is_done_again(member):
    card, barcode = member.reader().card, member.own_barcode()
    assert (await member.takes(card, barcode)).flag("ok")
    async with losing(member, "09") as heard:
        assert (await member.returns(barcode)).flag("ok")
        await until(partial(nothing_waits, member))
        assert times(heard, "09") == 1
    assert await member.shelf(barcode) == "03"


async def test_one_copy_is_written_about_by_one_machine_at_a_time(member):
    """Ten at once for the last copy: each gets an answer, one gets the copy."""
    barcode = member.own_barcode()
    answers = await asyncio.gather(*(member.takes(member.reader(number % 3).card, barcode) for number in range(10)))
    assert sum(answer.flag("ok") is True for answer in answers) == 1
    assert await waiting(member) == []


LABEL = Label("0042", None, "0042")


def library_that_says(status=CirculationStatus.OTHER, due=None, charged=(), held=(), whole=True):
    """A library whose ILS says this of copy and card."""
    async def item_information(_item):
        return ItemInformation.from_message(
            build("18", circulation_status=status.value, transaction_date=DATE, AB="0042", AJ="三体"), HOME.sip2.zone)

    async def items_of(_card):
        return CardItems(frozenset(charged), frozenset(held), whole)

    async def item(_barcode):
        return ItemState(True, Shelf.CHARGED, due)

    return SimpleNamespace(item_information=item_information, ils=SimpleNamespace(items_of=items_of, item=item))


C = CirculationStatus


@pytest.mark.parametrize(("request_", "says", "expected"), [
    (build("11"), {"charged": ["0042"]}, True),
    (build("11"), {"status": C.CHARGED}, False),
    (build("11"), {"status": C.CHARGED, "whole": False}, None),
    (build("11"), {"status": C.AVAILABLE, "whole": False}, False),
    (build("09"), {"status": C.AVAILABLE}, True),
    (build("09"), {"status": C.WAITING_ON_HOLD_SHELF}, True),
    (build("09"), {"status": C.CHARGED}, False),
    (build("09"), {"status": C.RECALLED}, False),
    (build("09"), {"status": C.OTHER}, None),
    (build("15", hold_mode="+"), {"held": ["0042"]}, True),
    (build("15", hold_mode="+"), {"whole": False}, None),
    (build("15", hold_mode="-"), {"held": ["0042"], "whole": False}, False),
    (build("15", hold_mode="-"), {}, True),
    (build("15", hold_mode="*"), {"held": ["0042"]}, None),
    (build("29"), {"due": date(2026, 10, 2)}, True),
    (build("29"), {"due": date(2026, 10, 1)}, False),
    (build("25"), {}, None),
])
async def test_what_the_ils_says_is_a_yes_a_no_or_neither(request_, says, expected):
    doubt = Doubt(library_that_says(**says), request_, Found(Reader.OURS, Copy.OWN, replace(LABEL, text="c1"), LABEL))
    before = {"0042": "2026-10-01"} if request_.id == "29" else {}
    assert (await doubt.settle(before)).happened is expected


async def test_what_was_not_known_before_tells_nothing_afterwards():
    found = Found(Reader.OURS, Copy.OWN, LABEL, LABEL)
    for id_ in ("29", "65", "37"):
        doubt = Doubt(library_that_says(due=date(2026, 10, 2)), build(id_, BV="1.00"), found)
        assert (await doubt.settle({})).happened is None
    too_many = library_that_says(charged=[str(number) for number in range(40)], due=date(2026, 10, 1))
    assert await Doubt(too_many, build("65"), replace(found, item=None)).before() == {}
