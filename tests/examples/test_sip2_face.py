"""Sample library systems driven over real SIP2, in the dialects of libraries that differ in every setting."""

import asyncio

import pytest

from connectors.sip2.client import Sip2Client
from connectors.sip2.errors import LoginRefused
from connectors.sip2.fields import CirculationStatus, HoldMode
from connectors.sip2.line import Credentials
from connectors.sip2.messages import build
from examples.alliance.stock import stock_of
from examples.ils.model import ALLIANCE_CARD
from tests.examples.desk import BY_SLUG, LIBRARIES, MORNING, SEED, HandClock, at_the_counter, open_ils, readers

# utf-8 CR bytes · utf-8 LF · gb18030 code points · gbk, no login · gbk UTF-16 without trailer · gbk CRLF ·
# gbk LF code points · cp850 · gbk without checksums or login · gb18030 without checksums
DIALECTS = (
    "yangpu", "shanghai", "pudong", "xuhui", "jiading", "baoshan", "suzhou", "kunshan", "changzhou", "zhenjiang",
)  # fmt: skip


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture(params=DIALECTS)
def library(request):
    return BY_SLUG[request.param]


@pytest.fixture
async def counter(library, clock, tmp_path):
    async with open_ils(library, tmp_path, clock) as ils, at_the_counter(library, ils, clock) as counter:
        yield counter


def first_barcode(library):
    return stock_of(library, LIBRARIES, SEED)[0].items[0].barcode


def says_chinese(library):
    return library.sip2.charset != "cp850"


async def test_a_reader_is_known_by_card_and_pin(library, counter):
    reader = readers(library)[0]

    answer = await counter.patron_information(reader.card, reader.pin)

    assert (answer.ok, answer.valid_password, answer.blocks) == (True, True, frozenset())
    assert answer.message.get("PC") == reader.patron_type
    assert (answer.charged_items_limit, answer.charged_items_count, answer.fee_amount_fen) == (10, 0, 0)


async def test_a_wrong_pin_and_an_unknown_card_are_told_apart(library, counter):
    wrong = await counter.patron_information(readers(library)[0].card, "wrong")
    unknown = await counter.patron_information("000000", "123456")

    assert (wrong.valid_patron, wrong.valid_password) == (True, False)
    assert (unknown.valid_patron, unknown.valid_password) == (False, None)


async def test_a_blocked_reader_gets_nothing_and_hears_why(library, counter):
    reader = next(reader for reader in readers(library) if reader.block)

    answer = await counter.patron_information(reader.card, reader.pin)
    checkout = await counter.checkout(reader.card, first_barcode(library))
    hold = await counter.hold(HoldMode.ADD, reader.card, item_id=first_barcode(library))

    assert {reader.block, "charge_denied", "hold_denied"} <= answer.blocks
    assert (checkout.ok, hold.ok) == (False, False)
    assert checkout.screen_messages == (
        ("读者证已停用，请到服务台办理",) if says_chinese(library) else ("card blocked: please see the staff",)
    )


async def test_a_copy_goes_round(library, counter, clock):
    barcode = first_barcode(library)

    held = await counter.hold(HoldMode.ADD, ALLIANCE_CARD, item_id=barcode)
    assert (held.ok, held.available, held.queue_position) == (True, True, 1)
    shelf = await counter.item_information(barcode)
    assert (shelf.circulation_status, shelf.hold_queue_length) == (CirculationStatus.WAITING_ON_HOLD_SHELF, 1)
    on_card = await counter.patron_information(ALLIANCE_CARD, summary="hold_items")
    assert on_card.hold_items == (barcode,)

    lent = await counter.checkout(ALLIANCE_CARD, barcode)
    assert lent.ok
    assert (lent.due_date - MORNING).days == 60
    charged = await counter.patron_information(ALLIANCE_CARD, summary="charged_items")
    assert (charged.charged_items, charged.hold_items_count) == ((barcode,), 0)

    clock.forward(days=10)
    renewed = await counter.renew(ALLIANCE_CARD, barcode)
    assert (renewed.due_date - lent.due_date).days == 60
    away = await counter.item_information(barcode)
    assert (away.circulation_status, away.due_date) == (CirculationStatus.CHARGED, renewed.due_date)

    assert (await counter.checkin(barcode)).ok
    assert (await counter.item_information(barcode)).circulation_status is CirculationStatus.AVAILABLE


async def test_a_copy_is_lent_once(library, counter):
    barcode, (first, second, *_) = first_barcode(library), readers(library)
    assert (await counter.checkout(first.card, barcode, first.pin)).ok

    again = await counter.checkout(second.card, barcode, second.pin)
    once_more = await counter.checkout(first.card, barcode, first.pin)

    assert (again.ok, once_more.ok) == (False, False)
    assert again.screen_messages == (("本册已借出",) if says_chinese(library) else ("already checked out",))


async def test_titles_with_the_delimiter_in_their_bytes_survive(clock, tmp_path):
    met = set()
    for library in LIBRARIES:
        wanted = [bib for bib in stock_of(library, LIBRARIES, SEED) if bib.title in ("和珅传", "東方快車謀殺案")]
        if library.sip2.charset != "gbk" or not wanted or {bib.title for bib in wanted} <= met:
            continue
        async with open_ils(library, tmp_path, clock) as ils, at_the_counter(library, ils, clock) as counter:
            for bib in wanted:
                assert (await counter.item_information(bib.items[0].barcode)).title == bib.title
                met.add(bib.title)
    assert met == {"和珅传", "東方快車謀殺案"}


async def test_a_login_with_a_wrong_password_is_refused(clock, tmp_path):
    library = BY_SLUG["yangpu"]
    async with open_ils(library, tmp_path, clock) as ils:
        wrong = Credentials("delta", "wrong")
        async with Sip2Client("127.0.0.1", ils.ports.sip2, library.sip2, wrong) as client:
            with pytest.raises(LoginRefused):
                await client.request(build("17", transaction_date=" " * 18, AO=library.sip2.institution, AB="00000001"))


@pytest.fixture
async def yangpu(clock, tmp_path):
    library = BY_SLUG["yangpu"]
    async with open_ils(library, tmp_path, clock) as ils, at_the_counter(library, ils, clock) as counter:
        yield counter


async def test_a_copy_held_for_another_is_kept(yangpu):
    barcode, (first, second, *_) = "00000001", readers(BY_SLUG["yangpu"])
    assert (await yangpu.checkout(first.card, barcode)).ok
    waiting = await yangpu.hold(HoldMode.ADD, second.card, item_id=barcode)
    assert (waiting.ok, waiting.available) == (True, False)

    assert (await yangpu.renew(first.card, barcode)).screen_messages == ("本册已被其他读者预约",)
    back = await yangpu.checkin(barcode)
    assert (back.ok, back.alert, back.alert_type) == (True, True, "01")
    assert (await yangpu.checkout(first.card, barcode)).screen_messages == ("本册已被其他读者预约",)
    assert (await yangpu.checkout(second.card, barcode)).ok


async def test_a_hold_is_placed_once_and_cancelled_once(yangpu):
    reader = readers(BY_SLUG["yangpu"])[0]
    answers = [
        (await yangpu.hold(mode, reader.card, item_id="00000001")).ok
        for mode in (HoldMode.ADD, HoldMode.ADD, HoldMode.DELETE, HoldMode.DELETE)
    ]

    assert answers == [True, False, True, False]
    assert (await yangpu.item_information("00000001")).circulation_status is CirculationStatus.AVAILABLE


async def test_checkin_twice_is_still_back_and_an_unknown_copy_is_said_so(yangpu):
    assert (await yangpu.checkin("00000001")).ok
    assert (await yangpu.checkin("00000001")).ok

    unknown = await yangpu.checkin("99999999")

    assert (unknown.ok, unknown.screen_messages) == (False, ("册条码不存在",))
    assert not (await yangpu.item_information("99999999")).ok


async def test_renewals_end(yangpu):
    reader = readers(BY_SLUG["yangpu"])[0]
    await yangpu.checkout(reader.card, "00000001")

    assert (await yangpu.renew(reader.card, "00000001")).ok
    assert (await yangpu.renew(reader.card, "00000001")).screen_messages == ("续借次数已用完",)


async def test_a_child_borrows_five(yangpu):
    child = next(reader for reader in readers(BY_SLUG["yangpu"]) if reader.patron_type == "child" and not reader.block)
    answers = [await yangpu.checkout(child.card, f"{number:08}") for number in range(1, 7)]

    assert [answer.ok for answer in answers] == [True] * 5 + [False]
    assert answers[-1].screen_messages == ("已达到最大借阅册数",)
    assert "too_many_charged" in (await yangpu.patron_information(child.card)).blocks


async def test_lists_come_in_pages(yangpu):
    reader = readers(BY_SLUG["yangpu"])[0]
    barcodes = tuple(f"{number:08}" for number in range(1, 6))
    for barcode in barcodes:
        await yangpu.checkout(reader.card, barcode)

    page = await yangpu.patron_information(reader.card, summary="charged_items", start=2, end=3)
    beyond = await yangpu.patron_information(reader.card, summary="charged_items", start=9, end=12)

    assert (page.charged_items_count, page.charged_items, beyond.charged_items) == (5, barcodes[1:3], ())


async def test_a_fine_is_posted_once_and_paid_once(yangpu, clock):
    reader = readers(BY_SLUG["yangpu"])[0]
    await yangpu.checkout(reader.card, "00000001")
    clock.forward(days=33)
    assert (await yangpu.patron_information(reader.card, summary="overdue_items")).overdue_items == ("00000001",)
    await yangpu.checkin("00000001")
    await yangpu.checkin("00000001")

    owing = await yangpu.patron_information(reader.card, summary="fine_items")
    assert (owing.fee_amount_fen, owing.fine_items) == (30, ("00000001 0.30",))
    too_much = await yangpu.fee_paid(reader.card, 31, "T1")
    paid = [await yangpu.fee_paid(reader.card, 20, "T1"), await yangpu.fee_paid(reader.card, 20, "T1")]
    other = await yangpu.fee_paid(reader.card, 10, "T1")

    assert (too_much.ok, [answer.ok for answer in paid], other.ok) == (False, [True, True], False)
    assert (await yangpu.patron_information(reader.card)).fee_amount_fen == 10


async def test_a_copy_long_overdue_counts_as_lost_and_may_still_come_back(yangpu, clock):
    await yangpu.checkout(ALLIANCE_CARD, "00000001")
    clock.forward(days=60 + 92)

    assert (await yangpu.item_information("00000001")).circulation_status is CirculationStatus.LOST
    assert (await yangpu.checkin("00000001")).ok


async def test_the_institutional_card_has_no_pin(yangpu):
    assert (await yangpu.patron_information(ALLIANCE_CARD, "")).valid_password is None
    assert (await yangpu.patron_information(ALLIANCE_CARD, "000000")).valid_password is False


async def test_another_library_s_copy_and_an_unknown_verb_are_refused_in_kind(clock, tmp_path):
    library = BY_SLUG["yangpu"]
    blank = " " * 18
    async with (
        open_ils(library, tmp_path, clock) as ils,
        Sip2Client("127.0.0.1", ils.ports.sip2, library.sip2, library.credentials) as client,
    ):
        foreign = await client.request(build("17", transaction_date=blank, AO="CN-440100-1-OTHER", AB="00000001"))
        block = await client.request(build("25", transaction_date=blank, AO="", AA="1"))
        status = await client.request(build("23", language="019", transaction_date=blank, AA="1"))
        end = await client.request(build("35", transaction_date=blank, AA="1"))

    assert (foreign.id, foreign.get("AF")) == ("18", "非本馆图书")
    assert (block.id, block.get("AF")) == ("26", "本系统不支持此操作")
    assert (status.id, status.get("BL"), end.id) == ("24", "N", "36")
    assert client.acs_status.get("AM") == library.name_zh


async def test_on_the_wire_the_title_holds_the_delimiter_s_byte(clock, tmp_path):
    """Octets by hand, as a kiosk without checksums sends them: nothing of ours but the server is between."""
    library, barcode = next(
        (library, bib.items[0].barcode)
        for library in LIBRARIES
        if library.sip2.charset == "gbk"
        for bib in stock_of(library, LIBRARIES, SEED)
        if bib.title == "和珅传"
    )
    async with open_ils(library, tmp_path, clock) as ils:
        reader, writer = await asyncio.open_connection("127.0.0.1", ils.ports.sip2)
        writer.write(f"9300CNdelta|CO{library.slug}-sample|\r".encode())
        assert await reader.readexactly(3) == b"941"
        await reader.readuntil(library.sip2.terminator.value)
        writer.write(f"1720260302    090000AO|AB{barcode}|\r".encode())
        answer = await reader.readuntil(library.sip2.terminator.value)
        writer.close()

    assert answer.startswith(b"18030201")
    assert b"|AJ\xba\xcd\xab\x7c\xb4\xab|" in answer
