"""The ILS port over SIP2, at a real sample ILS: typed results, and what is known of an exchange that broke."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.ils.port import Block, CardItems, IlsInDoubt, IlsUnavailable, Reason
from connectors.ils.reasons import ReasonTable
from connectors.ils.sip2 import Sip2Ils
from connectors.sip2.client import Sip2Client
from connectors.sip2.fields import CirculationStatus as LineStatus
from connectors.sip2.verbs import Verbs
from examples.alliance.readers import Reader, readers_of
from examples.ils.app import lay_out, serve_ils
from examples.ils.model import ALLIANCE_CARD
from schemas.bib import CirculationStatus
from tests.alliance import LIBRARIES, ROSTER, SEED, HandClock
from tests.systems import HOST, Wire, wire_to

LIBRARY = LIBRARIES[2]
COPY, OTHER_COPY, UNKNOWN = "00000001", "00000002", "99999999"
READERS = readers_of(LIBRARY, SEED)
GOOD = next(reader for reader in READERS if not reader.block)
BLOCKED = next(reader for reader in READERS if reader.block)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def wire(tmp_path: Path, clock: HandClock) -> AsyncIterator[Wire]:
    lay_out([LIBRARY], ROSTER, tmp_path, SEED)
    async with await serve_ils(LIBRARY, tmp_path, clock, seed=SEED) as running, wire_to(running.ports.sip2) as way:
        yield way


@pytest.fixture
async def ils(wire: Wire, clock: HandClock) -> AsyncIterator[Sip2Ils]:
    async with Sip2Client(HOST, wire.port, LIBRARY.sip2, LIBRARY.credentials, deadline_seconds=2.0,
                          random=lambda: 0.0) as client:
        yield Sip2Ils(Verbs(client, clock))


# readers


@pytest.mark.parametrize(("pin", "accepted"), [(GOOD.pin, True), ("000000x", False), ("", False), (None, False)])
async def test_a_pin_counts_only_where_it_was_given_and_is_right(ils: Sip2Ils, pin: str | None, accepted: bool) -> None:
    standing = await ils.patron(GOOD.card, pin)
    assert (standing.known, standing.may_borrow, standing.pin_accepted) == (True, True, accepted)
    assert standing.patron_type == GOOD.patron_type


async def test_an_unknown_card_may_nothing(ils: Sip2Ils) -> None:
    standing = await ils.patron("000000", GOOD.pin)
    assert (standing.known, standing.may_borrow, standing.pin_accepted) == (False, False, False)
    assert standing.reason is Reason.UNKNOWN_PATRON


@pytest.mark.parametrize("reader", [reader for reader in READERS if reader.block], ids=lambda reader: reader.block)
async def test_a_blocked_reader_may_not_borrow_and_the_reason_is_for_staff(ils: Sip2Ils, reader: Reader) -> None:
    standing = await ils.patron(reader.card, reader.pin)
    assert (standing.known, standing.pin_accepted, standing.may_borrow) == (True, True, False)
    assert (standing.reason, standing.words) == (
        Reason.CARD_LOST if reader.block == "card_lost" else Reason.PATRON_BLOCKED, "读者证已停用，请到服务台办理")
    assert {Block(reader.block), Block.CHARGE_DENIED, Block.HOLD_DENIED} <= standing.blocks


async def test_what_is_charged_is_counted(ils: Sip2Ils) -> None:
    for barcode in (COPY, OTHER_COPY):
        assert (await ils.check_out(barcode, GOOD.card)).ok
    assert (await ils.patron(GOOD.card)).charged_items == 2


async def test_a_reader_with_a_pin_shows_it_in_no_repr(ils: Sip2Ils) -> None:
    standing = await ils.patron(GOOD.card, GOOD.pin)
    assert GOOD.pin not in repr(standing)
    assert GOOD.name not in repr(standing)


# copies


async def test_a_copy_goes_round(ils: Sip2Ils, clock: HandClock) -> None:
    assert (await ils.item(COPY)).status is CirculationStatus.AVAILABLE
    assert (await ils.place_hold(COPY, ALLIANCE_CARD)).ok
    assert (await ils.item(COPY)).status is CirculationStatus.ON_HOLD_SHELF
    assert await ils.items_of(ALLIANCE_CARD) == CardItems(frozenset(), frozenset({COPY}))

    lent = await ils.check_out(COPY, ALLIANCE_CARD)
    assert (lent.ok, (lent.due_date - clock().date()).days) == (True, 60)
    assert await ils.items_of(ALLIANCE_CARD) == CardItems(frozenset({COPY}), frozenset())
    away = await ils.item(COPY)
    assert (away.status, away.due_date) == (CirculationStatus.CHARGED, lent.due_date)

    renewed = await ils.renew(COPY, ALLIANCE_CARD)
    assert renewed.due_date > lent.due_date
    assert (await ils.check_in(COPY)).ok
    assert (await ils.item(COPY)).status is CirculationStatus.AVAILABLE


async def test_a_hold_is_let_go(ils: Sip2Ils) -> None:
    await ils.place_hold(COPY, ALLIANCE_CARD)
    assert (await ils.cancel_hold(COPY, ALLIANCE_CARD)).ok
    assert await ils.items_of(ALLIANCE_CARD) == CardItems(frozenset(), frozenset())


async def test_holds_that_wait_and_holds_that_are_ready_are_both_the_card_s(ils: Sip2Ils) -> None:
    await ils.check_out(COPY, GOOD.card)
    for barcode in (COPY, OTHER_COPY):
        assert (await ils.place_hold(barcode, ALLIANCE_CARD)).ok
    assert (await ils.items_of(ALLIANCE_CARD)).held == {COPY, OTHER_COPY}


async def test_an_unknown_copy_is_not_known(ils: Sip2Ils) -> None:
    assert not (await ils.item(UNKNOWN)).known


async def test_a_refusal_is_a_result_with_a_reason_and_the_ils_s_own_words(ils: Sip2Ils) -> None:
    await ils.check_out(COPY, GOOD.card)
    refusals = [await ils.check_out(COPY, ALLIANCE_CARD), await ils.renew(COPY, ALLIANCE_CARD),
                await ils.cancel_hold(COPY, ALLIANCE_CARD), await ils.place_hold(UNKNOWN, ALLIANCE_CARD),
                await ils.check_out(OTHER_COPY, BLOCKED.card), await ils.check_in(UNKNOWN)]
    assert [result.ok for result in refusals] == [False] * 6
    assert [result.reason for result in refusals] == [
        Reason.ON_LOAN, Reason.NOT_CHARGED, Reason.NO_SUCH_HOLD, Reason.NOT_HELD, Reason.PATRON_BLOCKED,
        Reason.NOT_HELD]
    assert refusals[0].words == "本册已借出"
    assert "借出" not in repr(refusals[0])


async def test_words_that_no_row_explains_are_kept_for_staff(wire: Wire, clock: HandClock) -> None:
    async with Sip2Client(HOST, wire.port, LIBRARY.sip2, LIBRARY.credentials) as client:
        ils = Sip2Ils(Verbs(client, clock), ReasonTable(()).extended([{"text": "册条码", "reason": "NonCirculating"}]))
        await ils.check_out(COPY, GOOD.card)
        odd, own = await ils.check_out(COPY, ALLIANCE_CARD), await ils.check_out(UNKNOWN, ALLIANCE_CARD)
    assert (odd.reason, odd.words, own.reason) == (Reason.OTHER, "本册已借出", Reason.NON_CIRCULATING)


async def test_a_card_with_many_copies_is_listed_whole(ils: Sip2Ils,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one page of them, of a real system that has that many."""
    monkeypatch.setattr("connectors.ils.sip2.PAGE_ITEMS", 20)
    barcodes = [f"{number:08}" for number in range(1, 46)]
    for barcode in barcodes:
        assert (await ils.check_out(barcode, ALLIANCE_CARD)).ok
    assert await ils.items_of(ALLIANCE_CARD) == CardItems(frozenset(barcodes), frozenset())
    assert (await ils.patron(ALLIANCE_CARD)).charged_items == 45


# exchanges that break


WRITES = {
    b"11": lambda ils: ils.check_out(COPY, ALLIANCE_CARD),
    b"15+": lambda ils: ils.place_hold(COPY, ALLIANCE_CARD),
    b"15-": lambda ils: ils.cancel_hold(COPY, ALLIANCE_CARD),
    b"29": lambda ils: ils.renew(COPY, ALLIANCE_CARD),
    b"09": lambda ils: ils.check_in(COPY),
}
READS = {
    b"17": lambda ils: ils.item(COPY),
    b"63": lambda ils: ils.patron(GOOD.card, GOOD.pin),
}


@pytest.mark.parametrize("request_id", WRITES)
@pytest.mark.parametrize("answered", [True, False])
async def test_a_write_that_left_and_was_not_answered_is_in_doubt_and_sent_once(
        ils: Sip2Ils, wire: Wire, request_id: bytes, answered: bool) -> None:
    wire.lose, wire.answered = request_id, answered
    with pytest.raises(IlsInDoubt):
        await WRITES[request_id](ils)
    assert wire.requests.count(request_id[:2]) == 1


@pytest.mark.parametrize("request_id", READS)
async def test_a_question_that_was_not_answered_is_asked_once_more(ils: Sip2Ils, wire: Wire, request_id: bytes) -> None:
    wire.lose = request_id
    assert (await READS[request_id](ils)).known
    assert wire.requests.count(request_id) == 2


@pytest.mark.parametrize("ask", [*WRITES.values(), *READS.values(), lambda ils: ils.items_of(ALLIANCE_CARD)])
async def test_an_ils_that_is_away_has_done_nothing(ils: Sip2Ils, wire: Wire, ask) -> None:
    wire.target = 1
    with pytest.raises(IlsUnavailable) as failed:
        await ask(ils)
    assert not isinstance(failed.value, IlsInDoubt)
    assert GOOD.pin not in str(failed.value)


async def test_a_barcode_that_the_line_cannot_carry_is_never_sent(ils: Sip2Ils, wire: Wire) -> None:
    for barcode in ("0000|0001", "0000\r0001", "\U0001f4d5"):
        with pytest.raises(IlsUnavailable):
            await ils.check_out(barcode, ALLIANCE_CARD)
    assert b"11" not in wire.requests


@pytest.mark.parametrize("library", ROSTER[:6], ids=lambda library: library.slug)
async def test_every_dialect_answers_alike(library, tmp_path: Path, clock: HandClock) -> None:
    lay_out([library], ROSTER, tmp_path, SEED)
    async with (await serve_ils(library, tmp_path, clock, seed=SEED) as running,
                Sip2Client(HOST, running.ports.sip2, library.sip2, library.credentials) as client):
        ils = Sip2Ils(Verbs(client, clock))
        assert (await ils.place_hold(COPY, ALLIANCE_CARD)).ok
        assert (await ils.check_out(COPY, ALLIANCE_CARD)).due_date is not None
        assert (await ils.items_of(ALLIANCE_CARD)).charged == {COPY}
        assert (await ils.check_in(COPY)).ok


def test_both_ends_of_the_port_mean_the_same_by_every_circulation_status() -> None:
    assert [status.value for status in CirculationStatus] == [status.value for status in LineStatus]
