"""A payment is booked once: by what the card owed before and owes after, whatever becomes of the answer."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.ils.port import Fees, IlsInDoubt, IlsUnavailable, Payment, Reason, Result
from connectors.ils.sip2 import Sip2Ils
from connectors.sip2.client import Sip2Client
from connectors.sip2.verbs import Verbs
from examples.alliance.readers import readers_of
from examples.ils.app import RunningIls, lay_out, serve_ils
from tests.alliance import LIBRARIES, ROSTER, SEED, HandClock
from tests.systems import HOST, Wire, wire_to

LIBRARY = LIBRARIES[2]
CARD = next(reader for reader in readers_of(LIBRARY, SEED) if not reader.block).card
OWED = Fees(50, ("00000001 0.30", "00000002 0.20"))


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningIls]:
    """The ILS, in which the card owes two fines."""
    lay_out([LIBRARY], ROSTER, tmp_path, SEED)
    async with await serve_ils(LIBRARY, tmp_path, HandClock(), seed=SEED) as running:
        await running.database.write(lambda unit: unit.db.executemany(
            "INSERT INTO fee (card, barcode, amount_fen) VALUES (?, ?, ?)",
            [(CARD, "00000001", 30), (CARD, "00000002", 20)]))
        yield running


@pytest.fixture
async def wire(running: RunningIls) -> AsyncIterator[Wire]:
    async with wire_to(running.ports.sip2) as way:
        yield way


@pytest.fixture
async def ils(wire: Wire) -> AsyncIterator[Sip2Ils]:
    async with Sip2Client(HOST, wire.port, LIBRARY.sip2, LIBRARY.credentials, deadline_seconds=2.0,
                          random=lambda: 0.0) as client:
        yield Sip2Ils(Verbs(client, HandClock()))


async def payment(ils: Sip2Ils, amount_fen: int = 30, transaction_id: str = "T-1") -> Payment:
    return Payment(CARD, amount_fen, transaction_id, await ils.fees(CARD))


async def booked(running: RunningIls) -> list[tuple[str, int]]:
    return await running.database.read(
        lambda unit: unit.db.execute("SELECT transaction_id, amount_fen FROM payment").fetchall())


async def test_what_is_owed_is_a_sum_and_a_list(ils: Sip2Ils) -> None:
    assert await ils.fees(CARD) == OWED
    assert (await ils.patron(CARD)).fee_fen == 50


async def test_a_payment_is_booked_under_our_own_id(ils: Sip2Ils, running: RunningIls) -> None:
    paid = await payment(ils)
    assert await ils.pay(paid) == Result(True)
    assert (await booked(running), await ils.was_paid(paid)) == ([("T-1", 30)], True)
    assert await ils.fees(CARD) == Fees(20, ("00000002 0.20",))


async def test_a_payment_of_what_is_not_owed_is_refused_with_a_reason(ils: Sip2Ils, running: RunningIls) -> None:
    refused = await ils.pay(await payment(ils, 51))
    assert (refused.ok, refused.reason, refused.words) == (False, Reason.NOT_OWED, "金额与欠费不符")
    assert await booked(running) == []


async def test_a_payment_whose_answer_was_lost_is_settled_by_asking(ils: Sip2Ils, running: RunningIls,
                                                                    wire: Wire) -> None:
    paid = await payment(ils)
    wire.lose, wire.answered = b"37", True
    assert await ils.pay(paid) == Result(True)
    assert (wire.requests.count(b"37"), await booked(running)) == (1, [("T-1", 30)])


async def test_a_payment_that_did_not_arrive_stays_in_doubt_and_is_never_sent_again(ils: Sip2Ils, running: RunningIls,
                                                                                   wire: Wire) -> None:
    """It may still be on its way when the ILS is asked: that is for the caller to ask again, later."""
    paid = await payment(ils)
    wire.lose, wire.answered = b"37", False
    with pytest.raises(IlsInDoubt):
        await ils.pay(paid)
    assert (wire.requests.count(b"37"), await booked(running), await ils.was_paid(paid)) == (1, [], False)


async def test_a_doubt_that_somebody_else_s_payment_has_blurred_is_left_to_a_person(ils: Sip2Ils, running: RunningIls,
                                                                                   wire: Wire) -> None:
    paid = await payment(ils)
    await running.database.write(lambda unit: unit.db.execute("UPDATE fee SET amount_fen = 25 WHERE amount_fen = 30"))
    wire.lose, wire.answered = b"37", False
    with pytest.raises(IlsInDoubt, match="another amount"):
        await ils.pay(paid)


async def test_an_ils_that_is_away_was_not_paid(ils: Sip2Ils) -> None:
    paid = await payment(ils)
    async with Sip2Client(HOST, 1, LIBRARY.sip2, LIBRARY.credentials) as client:
        with pytest.raises(IlsUnavailable):
            await Sip2Ils(Verbs(client, HandClock())).pay(paid)


@pytest.mark.parametrize(("before", "after", "seen"), [
    (Fees(50, ()), Fees(20, ()), True), (Fees(50, ()), Fees(50, ()), False), (Fees(50, ()), Fees(45, ()), None),
    (Fees(50, ()), Fees(80, ()), None), (Fees(50, ("a", "b")), Fees(50, ("b", "a")), False),
    (Fees(None, ("a", "b")), Fees(None, ("b",)), True), (Fees(None, ("a", "b")), Fees(None, ("a", "b")), False),
    (Fees(None, ("a",)), Fees(None, ("a", "b")), None), (Fees(None, ("a",)), Fees(None, ("c",)), None),
    (Fees(None, ()), Fees(None, ()), None), (Fees(30, ("a",)), Fees(None, ()), True)])
def test_whether_a_payment_of_thirty_is_seen_in_what_is_owed(before: Fees, after: Fees, seen: bool | None) -> None:
    assert Payment("1", 30, "T-1", before).is_seen_in(after) is seen


@pytest.mark.parametrize(("amount_fen", "transaction_id"), [(0, "T-1"), (-1, "T-1"), (1, "")])
def test_a_payment_has_an_amount_and_an_id(amount_fen: int, transaction_id: str) -> None:
    with pytest.raises(ValueError, match="a payment has"):
        Payment("1", amount_fen, transaction_id, OWED)


def test_a_payment_shows_no_card() -> None:
    assert "310110" not in repr(Payment("310110000001", 1, "T-1", OWED))
