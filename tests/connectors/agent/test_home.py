"""The home library: it vouches for its reader, asks one supplier at a time, and ends the loan."""

import itertools
from typing import Any

import pytest

from connectors.agent.app import watch_once
from connectors.agent.custody import Step
from connectors.agent.effects import Verb
from connectors.agent.home import patron_token
from connectors.ils.port import PatronStanding, Reason, Result
from schemas.lending import (
    Action,
    AmendmentAction,
    OrderAmendment,
    OrderRefused,
    ReaderAmendment,
    Request,
    ReservationReleased,
)
from schemas.lifecycle import LoanStatus, Outcome
from schemas.messages import AnyMessage, MessageType
from tests.alliance import (
    BARCODES,
    CARD,
    FIRST,
    GATEWAY,
    HOME,
    MAY_BORROW,
    NOW,
    PICKUP,
    QUOTE,
    SECOND,
    THIRD,
    Alliance,
)
from tests.trust import samples
from trust.sealing import SessionKey

POLICIES = samples.POLICIES
ITEMS_MAX = POLICIES.tiers["standard"].items_max
SCREEN = "王小波欠费 12.00 元"


def standing(**changes: Any) -> PatronStanding:
    return PatronStanding(**{name: getattr(MAY_BORROW, name) for name in MAY_BORROW.__match_args__} | changes)


async def asked(town: Alliance, **answer: Any) -> list[AnyMessage]:
    """Let an order reach the home library and its ILS answer about the reader; return what it says."""
    await town.order(FIRST, SECOND)
    await town[HOME].fetch()
    await town[HOME].work(check_patron=standing(**answer))
    return [message for message in await town[HOME].outbox() if message.type is not MessageType.CONFIRMATION]


async def waiting(town: Alliance, *suppliers: Any) -> str:
    """A loan whose first supplier has been asked and does not answer."""
    conv = await town.order(*suppliers or (FIRST, SECOND))
    while await town[HOME].send() or await town[HOME].fetch() or await town[HOME].work():
        pass
    assert (await town.loan(conv)).status is LoanStatus.REQUEST_RECEIVED
    return conv


async def said_by_home(town: Alliance, conv: str) -> list[Any]:
    """Return what the home library has said in a loan, as the gateway has logged it."""
    messages = await town.said(conv)
    return [getattr(message.body, "action", None) or message.type for message in messages
            if message.src == HOME and message.type != MessageType.CONFIRMATION]


# credit


@pytest.mark.parametrize(("answer", "reason"), [
    ({"may_borrow": False, "reason": Reason.OTHER, "words": SCREEN}, "PatronBlocked"),
    ({"may_borrow": False, "reason": Reason.TOO_MANY_CHARGED}, "LimitReached"),
    ({"known": False, "may_borrow": False}, "PatronBlocked"),
    ({"charged_items": ITEMS_MAX}, "LimitReached"),
    ({"charged_items": ITEMS_MAX + 7}, "LimitReached"),
])
async def test_a_reader_who_may_not_borrow_is_refused(town: Alliance, answer: dict[str, Any], reason: str) -> None:
    (message,) = await asked(town, **answer)
    assert (type(message.body), message.body.reason) == (OrderRefused, reason)
    assert await town[HOME].journal.run(lambda unit: unit.slots_taken(CARD)) == 0


async def test_what_the_ils_says_of_a_reader_stays_at_home(town: Alliance) -> None:
    (message,) = await asked(town, may_borrow=False, reason=Reason.EXCESSIVE_FEES, words=SCREEN)
    assert SCREEN not in message.model_dump_json()
    assert "王小波" not in message.model_dump_json()


async def test_the_last_item_of_a_limit_is_lent(town: Alliance) -> None:
    (message,) = await asked(town, charged_items=ITEMS_MAX - 1)
    assert message.type is MessageType.RESERVATION_ASKED


async def test_the_limit_counts_what_is_charged_in_the_ils_and_what_is_on_its_way(town: Alliance) -> None:
    convs = [await town.order(FIRST, SECOND) for _ in range(3)]
    await town[HOME].fetch()
    await town[HOME].work(check_patron=standing(charged_items=ITEMS_MAX - 2))
    assert await town[HOME].journal.run(lambda unit: unit.slots_taken(CARD)) == 2
    await town[HOME].send()
    assert [(await town.loan(conv)).outcome for conv in convs] == [None, None, Outcome.REFUSED]


async def test_each_card_has_its_own_credit(town: Alliance) -> None:
    await town.sign_in("session-2", "310110000002")
    for session in ("session-1", "session-2"):
        await town.order(FIRST, session=session)
    await town[HOME].fetch()
    await town[HOME].work(check_patron=standing(charged_items=ITEMS_MAX - 1))
    assert [await town[HOME].journal.run(lambda unit, card=card: unit.slots_taken(card))
            for card in (CARD, "310110000002")] == [1, 1]


async def test_a_guarantee_beyond_the_tier_s_value_is_refused(town: Alliance) -> None:
    dear = QUOTE.model_copy(update={"guarantee_fen": POLICIES.tiers["standard"].value_max_fen + 1})
    conv = await town.order(FIRST, quote=dear)
    await town[HOME].fetch()
    await town[HOME].work()
    await town[HOME].send()
    assert (await town.loan(conv)).outcome is Outcome.REFUSED


@pytest.mark.parametrize("end", ["completed", "lost", "cancelled", "unfilled"])
async def test_a_slot_is_free_again_when_the_loan_has_ended(town: Alliance, end: str) -> None:
    conv = await town.order(FIRST)
    if end == "unfilled":
        await town[FIRST].journal.run(lambda unit: unit._db.execute("DELETE FROM item"))
    await town.rest()
    if end == "cancelled":
        await town.amend(conv, AmendmentAction.CANCEL)
    if end in ("lost", "completed"):
        assert (await town[HOME].slot(conv)).taken
        for library, steps in ((FIRST, 1), (HOME, 2), (FIRST, 1 if end == "completed" else 0)):
            for _ in range(steps):
                await town[library].scan(BARCODES[FIRST])
                await town.rest()
    if end == "lost":
        await town[FIRST].counter.declare_lost(conv)
    await town.rest()
    assert (await town.loan(conv)).outcome == end
    assert not (await town[HOME].slot(conv)).taken
    assert sum(pending for _, pending in (await town.balances()).values()) == 0


# the pseudonym


async def test_a_supplier_learns_a_pseudonym_and_another_supplier_another_one(town: Alliance) -> None:
    conv = await waiting(town)
    town.clock.forward(hours=25)
    await watch_once(town[HOME].office, town[HOME].journal)
    await town[HOME].send()
    messages = await town.said(conv)
    tokens = [message.body.voucher.patron for message in messages if message.type == MessageType.REQUEST]
    assert len(set(tokens)) == 2
    assert all(CARD.encode() not in message.model_dump_json().encode() for message in messages)


def test_pseudonyms_follow_from_key_card_and_receiver_and_differ_with_each() -> None:
    tokens = {patron_token(*case) for case in itertools.product((b"key", b"other"), ("1", "11"), ("A1", "1A1"))}
    assert len(tokens) == 8
    assert patron_token(b"key", "1", "A1") == patron_token(b"key", "1", "A1")


async def test_the_voucher_is_worth_the_guarantee_and_no_longer_valid_than_the_policies_say(town: Alliance) -> None:
    conv = await waiting(town)
    messages = await town.said(conv)
    (request,) = [m.body for m in messages if m.type == MessageType.REQUEST]
    assert isinstance(request, Request)
    assert (request.voucher.items, request.voucher.value_fen) == (1, QUOTE.guarantee_fen)
    assert (request.voucher.valid_until - NOW).days == POLICIES.voucher_days
    assert (request.rota, request.position, request.previous) == ((FIRST, SECOND), 0, None)


# one supplier after the other


async def test_a_supplier_that_cannot_is_followed_by_the_next(town: Alliance) -> None:
    conv = await town.order(FIRST, SECOND)
    await town[FIRST].journal.run(lambda unit: unit._db.execute("DELETE FROM item"))
    await town.rest()
    loan = await town.loan(conv)
    assert (loan.supplier, loan.status, loan.confirmed is not None) == (SECOND, LoanStatus.WILL_SUPPLY, True)


async def test_when_nobody_can_everything_is_given_back(town: Alliance) -> None:
    conv = await town.order(FIRST, SECOND)
    for supplier in (FIRST, SECOND):
        await town[supplier].journal.run(lambda unit: unit._db.execute("DELETE FROM item"))
    await town.rest()
    assert (await town.loan(conv)).outcome is Outcome.UNFILLED
    assert await town.balances() == {}
    assert await said_by_home(town, conv) == ["ReservationAsked", "Request", "Request", "ReservationReleased"]


async def test_a_silent_supplier_is_passed_over_when_its_time_has_passed_and_not_before(town: Alliance) -> None:
    conv = await waiting(town)
    town.clock.forward(hours=POLICIES.answer_hours)
    await watch_once(town[HOME].office, town[HOME].journal)
    assert await town[HOME].outbox() == []
    town.clock.forward(seconds=1)
    await watch_once(town[HOME].office, town[HOME].journal)
    await town.rest()
    loan = await town.loan(conv)
    assert (loan.supplier, loan.status) == (SECOND, LoanStatus.WILL_SUPPLY)
    assert [await member.alarms() for member in town.members.values()] == [["not_confirmed"], *[[]] * 4]


async def test_a_supplier_that_is_silent_to_the_last_gives_the_reservation_back(town: Alliance) -> None:
    conv = await waiting(town, FIRST)
    town.clock.forward(hours=25)
    await watch_once(town[HOME].office, town[HOME].journal)
    await town[HOME].send()
    assert (await town.loan(conv)).outcome is Outcome.UNFILLED
    await town.rest()
    assert await town.balances() == {}
    assert [await member.alarms() for member in town.members.values()] == [["not_confirmed"], *[[]] * 4]


async def test_a_promise_that_came_in_time_stops_the_clock(town: Alliance) -> None:
    conv = await waiting(town)
    await town.rest()
    town.clock.forward(hours=100)
    await watch_once(town[HOME].office, town[HOME].journal)
    await town.rest()
    assert (await town.loan(conv)).supplier == FIRST
    assert Action.CANCEL not in await said_by_home(town, conv)


# the reader's wishes


async def test_a_reader_cancels_and_the_supplier_lets_go(town: Alliance) -> None:
    conv = await town.order(FIRST, SECOND)
    await town.rest()
    await town.amend(conv, AmendmentAction.CANCEL)
    await town.rest()
    assert (await town.loan(conv)).outcome is Outcome.CANCELLED
    assert SECOND not in (await town.loan(conv)).former
    assert await town.balances() == {}


async def test_a_reader_cancels_before_anybody_is_asked(town: Alliance) -> None:
    conv = await town.order(FIRST)
    await town.amend(conv, AmendmentAction.CANCEL)
    await town.rest()
    assert (await town.loan(conv)).outcome is Outcome.CANCELLED
    assert await said_by_home(town, conv) == ["ReservationAsked", "ReservationReleased"]


async def test_cancelling_twice_is_cancelling_once(town: Alliance) -> None:
    conv = await waiting(town)
    for _ in range(2):
        await town.amend(conv, AmendmentAction.CANCEL)
    await town.rest()
    assert (await said_by_home(town, conv)).count(Action.CANCEL) == 1
    assert [await member.alarms() for member in town.members.values()] == [[]] * 5


async def test_a_cancelled_loan_of_a_silent_supplier_ends_when_its_time_has_passed(town: Alliance) -> None:
    """Nothing was confirmed, so nothing can be sent: the reader need not wait for the silent library."""
    conv = await waiting(town)
    await town.amend(conv, AmendmentAction.CANCEL)
    await town[HOME].fetch()
    town.clock.forward(hours=25)
    for _ in range(3):
        await watch_once(town[HOME].office, town[HOME].journal)
        await town[HOME].send()
    assert (await town.loan(conv)).outcome is Outcome.CANCELLED
    assert (await said_by_home(town, conv)).count(Action.CANCEL) == 1
    await town.rest()
    assert await town.balances() == {}
    assert [await member.alarms() for member in town.members.values()] == [["not_confirmed"], *[[]] * 4]


async def test_a_loan_on_its_way_is_not_cancelled(town: Alliance) -> None:
    conv = await town.order(FIRST)
    await town.rest()
    await town[FIRST].scan(BARCODES[FIRST])
    await town.rest()
    await town.amend(conv, AmendmentAction.CANCEL)
    await town.rest()
    loan = await town.loan(conv)
    assert (loan.status, loan.outcome) == (LoanStatus.LOANED, None)


async def test_a_loan_is_renewed_as_often_as_the_policies_say(town: Alliance) -> None:
    conv = await town.order(FIRST)
    await town.rest()
    for library in (FIRST, HOME, HOME):
        await town[library].scan(BARCODES[FIRST])
        await town.rest()
    before = (await town.loan(conv)).due_date
    for _ in range(3):
        await town.amend(conv, AmendmentAction.RENEW)
    await town.rest()
    loan = await town.loan(conv)
    assert (loan.renewals, loan.due_date > before) == (POLICIES.renewals_max, True)
    assert (await said_by_home(town, conv)).count(Action.RENEW) == 1


async def test_why_a_loan_is_not_renewed_is_the_supplier_s_answer(town: Alliance) -> None:
    conv = await town.order(FIRST)
    await town.rest()
    await town[FIRST].scan(BARCODES[FIRST])
    await town.rest()
    due = (await town.loan(conv)).due_date
    await town.amend(conv, AmendmentAction.RENEW)
    await town.rest(working=False)
    assert [task.do.verb for task in await town[FIRST].tasks()] == [Verb.RENEW]
    await town[FIRST].work(renew=Result(False, reason=Reason.ON_HOLD, words="本册已被读者王小波预约"))
    await town.rest()
    loan = await town.loan(conv)
    assert (loan.renewals, loan.renewing, loan.due_date, loan.note) == (0, False, due, Reason.ON_HOLD)


WISH = ReaderAmendment(conv="loan-0001", action=AmendmentAction.CANCEL, created=NOW)


@pytest.mark.parametrize(("session", "signed"), [
    ("session-1", lambda key: SessionKey.generate(samples.random_bytes("stranger")).sign(_wish())),
    ("session-1", lambda key: key.sign(_wish(conv="loan-0002"))),
    ("session-1", lambda key: key.sign(b'{"conv":"loan-0001","action":"Burn","created":"2026-12-01T08:00:00Z"}')),
    ("session-1", lambda key: "not.a.signature"),
    ("session-9", lambda key: key.sign(_wish())),
    ("session-2", lambda key: key.sign(_wish())),
])
async def test_a_wish_that_this_reader_has_not_signed_for_this_loan_changes_nothing(town: Alliance, session: str,
                                                                                   signed: Any) -> None:
    await town.sign_in("session-2", "310110000002")
    conv = await town.order(FIRST)
    await town.rest()
    await town.gateway.act(lambda road: road.say(_reply(session, signed(town.session_key)), conv))
    await town.rest()
    assert (await town.loan(conv)).status is LoanStatus.WILL_SUPPLY
    assert not (await town[HOME].slot(conv)).cancel_wanted


def _wish(**changes: Any) -> bytes:
    return WISH.model_copy(update=changes).model_dump_json().encode()


def _reply(session: str, signed: str) -> Any:
    from federation.loans.reaction import Reply

    return Reply(MessageType.ORDER_AMENDMENT, HOME, OrderAmendment(session=session, signed_amendment=signed), None)


async def test_the_gateway_alone_cancels_nothing_at_the_end_of_a_loan(town: Alliance) -> None:
    conv = await town.order(FIRST)
    await town[FIRST].journal.run(lambda unit: unit._db.execute("DELETE FROM item"))
    await town.rest()
    await town.amend(conv, AmendmentAction.CANCEL)
    await town.rest()
    assert (await town.loan(conv)).outcome is Outcome.UNFILLED
    assert [await member.alarms() for member in town.members.values()] == [[]] * 5


# what is released, and by whom it is heard


async def test_a_release_names_what_ended_the_loan(town: Alliance) -> None:
    conv = await waiting(town, FIRST)
    await town.amend(conv, AmendmentAction.CANCEL)
    await town.rest()
    messages = await town.said(conv)
    (release,) = [m for m in messages if m.type == MessageType.RESERVATION_RELEASED]
    assert release.body == ReservationReleased(outcome="Cancelled")
    answered = await town.database.run(lambda unit: unit.messages.get(release.reply_to))
    assert (answered.src, answered.dst) == (FIRST, HOME)


async def test_the_home_library_may_be_the_pickup_library_or_not(town: Alliance) -> None:
    for pickup in (HOME, PICKUP, FIRST):
        conv = await town.order(FIRST, pickup=pickup)
        await town.rest()
        for library, step in ((FIRST, Step.DISPATCH), (pickup, Step.ARRIVED), (pickup, Step.HAND_OVER)):
            assert await town[library].scan(BARCODES[FIRST], conv) is step
            await town.rest()
        for library in ((FIRST,) if pickup == FIRST else (pickup, pickup, FIRST)):
            await town[library].scan(BARCODES[FIRST], conv)
            await town.rest()
        assert (await town.loan(conv)).outcome is Outcome.COMPLETED
    assert [await town[agency].alarms() for agency in (HOME, PICKUP, FIRST, THIRD, SECOND)] == [[]] * 5
    assert GATEWAY not in (await town.balances())
