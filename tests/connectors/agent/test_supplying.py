"""The supplying library: a copy is set aside, sent only when confirmed, and taken back."""

from datetime import timedelta
from typing import Any

import pytest

from connectors.agent.counter import NothingToDo
from connectors.agent.custody import Step
from connectors.agent.effects import Verb
from connectors.agent.refusals import refusals
from connectors.ils.port import Reason, Result
from schemas.identifiers import PatronToken
from schemas.lending import AmendmentAction, ReasonUnfilled, Request, Voucher
from schemas.lifecycle import LoanStatus, Outcome
from schemas.messages import MessageType
from tests.alliance import (
    BARCODES,
    BIB,
    FIRST,
    HOME,
    NOW,
    PRICE_FEN,
    QUOTE,
    RECORD,
    SECOND,
    Alliance,
    a_hash,
    point,
)

WORDS = "本册已被读者王小波预约"
"""An ILS may name a reader: its words are for staff only."""


async def reasons(town: Alliance, conv: str) -> list[Any]:
    """Return why suppliers have not supplied, in the order of the log."""
    messages = await town.said(conv)
    return [body.reason_unfilled for message in messages
            if (body := message.body) and getattr(body, "reason_unfilled", None)]


async def requested(town: Alliance, *suppliers: Any) -> str:
    """A loan whose first supplier has the Request, and has not begun to work."""
    conv = await town.order(*suppliers or (FIRST, SECOND))
    await town.rest(working=False)
    await town[HOME].work()
    await town.rest(working=False)
    return conv


async def promised(town: Alliance) -> str:
    conv = await town.order(FIRST, SECOND)
    await town.rest()
    assert (await town.loan(conv)).status is LoanStatus.WILL_SUPPLY
    return conv


async def verbs(town: Alliance) -> list[Verb]:
    return [task.do.verb for task in await town[FIRST].tasks()]


async def test_the_ils_is_asked_for_the_copies_of_the_record_in_their_order(town: Alliance) -> None:
    await town[FIRST].journal.run(lambda unit: unit.put_items([(RECORD, "30000002", None), ("other", "30000003", 1)]))
    await requested(town)
    (task,) = await town[FIRST].tasks()
    assert (task.do.verb, task.do.argument) == (Verb.PLACE_HOLD, {"barcodes": "30000001 30000002"})


async def test_a_record_without_a_copy_here_is_not_held(town: Alliance) -> None:
    await town[FIRST].journal.run(lambda unit: unit._db.execute("DELETE FROM item"))
    conv = await requested(town)
    assert await reasons(town, conv) == [ReasonUnfilled.NOT_HELD]
    assert await verbs(town) == []


@pytest.mark.parametrize(("reason", "said"), [
    (Reason.ON_LOAN, ReasonUnfilled.ON_LOAN), (Reason.NOT_HELD, ReasonUnfilled.NOT_HELD),
    (Reason.NOT_AVAILABLE, ReasonUnfilled.NOT_AVAILABLE), (Reason.ON_HOLD, ReasonUnfilled.NOT_AVAILABLE),
    (Reason.NON_CIRCULATING, ReasonUnfilled.POLICY_PROBLEM), (Reason.TOO_MANY_CHARGED, ReasonUnfilled.POLICY_PROBLEM),
    (Reason.OTHER, ReasonUnfilled.POLICY_PROBLEM)])
async def test_why_no_copy_could_be_set_aside_is_said(town: Alliance, reason: Reason, said: ReasonUnfilled) -> None:
    conv = await requested(town)
    await town[FIRST].work(place_hold=Result(False, reason=reason))
    await town.rest(working=False)
    assert await reasons(town, conv) == [said]


@pytest.mark.parametrize(("changes", "answered"), [
    ({"valid_until": NOW}, ReasonUnfilled.VOUCHER_REFUSED),
    ({"value_fen": QUOTE.guarantee_fen - 1}, ReasonUnfilled.VOUCHER_REFUSED),
    ({"valid_until": NOW + timedelta(seconds=1)}, None),
])
async def test_a_voucher_must_cover_the_guarantee_and_be_in_its_time(town: Alliance, changes: dict[str, Any],
                                                                     answered: ReasonUnfilled | None) -> None:
    voucher = Voucher(**{"patron": PatronToken("p" * 16), "tier": "standard", "items": 1,
                         "value_fen": QUOTE.guarantee_fen, "valid_until": NOW + timedelta(days=1), **changes})
    request = Request(bib=BIB, record_id=RECORD, voucher=voucher, quote=QUOTE, pickup=point(), rota=(FIRST,),
                      position=0, answer_by=NOW + timedelta(days=1), reservation=a_hash("reservation"))
    await town[FIRST].deliver(await town[FIRST].next_from(HOME, MessageType.REQUEST, request, conv="loan-0001"))
    said = [m.body.reason_unfilled for m in await town[FIRST].outbox() if m.type is not MessageType.CONFIRMATION]
    assert said == ([answered] if answered else [])
    assert await verbs(town) == ([] if answered else [Verb.PLACE_HOLD])


async def test_a_copy_is_sent_only_when_the_supply_is_confirmed(town: Alliance) -> None:
    conv = await requested(town)
    await town[FIRST].work()
    assert (await town[FIRST].loan(conv)).status is LoanStatus.WILL_SUPPLY
    assert await town[FIRST].counter.pull_list() == []
    with pytest.raises(NothingToDo):
        await town[FIRST].scan(BARCODES[FIRST], conv)
    await town.rest()
    assert [loan.conv for loan in await town[FIRST].counter.pull_list()] == [conv]
    assert await town[FIRST].scan(BARCODES[FIRST], conv) is Step.DISPATCH


async def test_a_dispatch_says_copy_price_and_due_date(town: Alliance) -> None:
    conv = await promised(town)
    await town[FIRST].scan(BARCODES[FIRST], conv)
    due = (NOW + timedelta(days=21)).date()
    await town[FIRST].work(check_out=Result(True, due))
    await town.rest()
    loan = await town.loan(conv)
    assert (loan.status, loan.barcode, loan.price_fen, loan.due_date) == (
        LoanStatus.LOANED, BARCODES[FIRST], PRICE_FEN, due)


async def test_an_ils_that_names_no_due_date_lends_for_the_days_of_the_policies(town: Alliance) -> None:
    conv = await promised(town)
    await town[FIRST].scan(BARCODES[FIRST], conv)
    await town[FIRST].work(check_out=Result(True))
    await town.rest()
    assert ((await town.loan(conv)).due_date - NOW.date()).days == town.directory.policies.loan_days


async def test_a_second_scan_of_a_copy_that_is_being_lent_does_nothing(town: Alliance) -> None:
    conv = await promised(town)
    await town[FIRST].scan(BARCODES[FIRST], conv)
    for _ in range(2):
        with pytest.raises(NothingToDo):
            await town[FIRST].scan(BARCODES[FIRST], conv)
        with pytest.raises(NothingToDo):
            await town[FIRST].counter.not_on_shelf(conv)
    assert await verbs(town) == [Verb.CHECK_OUT]
    await town.rest()
    assert (await town.loan(conv)).status is LoanStatus.LOANED


async def test_a_copy_that_is_being_let_go_is_not_sent(town: Alliance) -> None:
    """Else the ILS would lend a copy of a loan that has ended."""
    conv = await promised(town)
    await town[FIRST].counter.not_on_shelf(conv)
    with pytest.raises(NothingToDo):
        await town[FIRST].scan(BARCODES[FIRST], conv)
    await town.rest()
    assert (await town.loan(conv)).supplier == SECOND


async def test_a_copy_that_is_not_on_its_shelf_is_let_go_and_the_request_passed_on(town: Alliance) -> None:
    conv = await promised(town)
    await town[FIRST].counter.not_on_shelf(conv)
    assert await verbs(town) == [Verb.CANCEL_HOLD]
    await town.rest()
    loan = await town.loan(conv)
    assert (loan.supplier, loan.former, await reasons(town, conv)) == (
        SECOND, (FIRST,), [ReasonUnfilled.NOT_ON_SHELF])


async def test_a_copy_that_is_not_promised_is_nothing_to_look_for(town: Alliance) -> None:
    conv = await promised(town)
    with pytest.raises(NothingToDo):
        await town[SECOND].counter.not_on_shelf((await town.loan(conv)).conv) if await town[SECOND].journal.run(
            lambda unit: unit.loan(conv)) else await _nothing()
    await town[FIRST].scan(BARCODES[FIRST], conv)
    await town.rest()
    with pytest.raises(NothingToDo):
        await town[FIRST].counter.not_on_shelf(conv)


async def _nothing() -> None:
    raise NothingToDo("the second supplier has not heard of the loan")


async def test_a_copy_that_the_ils_will_not_lend_is_let_go_and_the_request_passed_on(town: Alliance) -> None:
    conv = await promised(town)
    await town[FIRST].scan(BARCODES[FIRST], conv)
    await town[FIRST].work(check_out=Result(False, reason=Reason.OTHER, words=WORDS))
    assert await verbs(town) == [Verb.CANCEL_HOLD]
    await town.rest()
    loan = await town.loan(conv)
    assert (loan.supplier, await reasons(town, conv)) == (SECOND, [ReasonUnfilled.POLICY_PROBLEM])
    (refusal,) = await town[FIRST].journal.run(refusals)
    assert (refusal.conv, refusal.verb, refusal.reason, refusal.words) == (conv, Verb.CHECK_OUT, Reason.OTHER, WORDS)
    messages = await town.said(conv)
    assert all(WORDS not in message.model_dump_json() for message in messages)
    assert [await member.alarms() for member in town.members.values()] == [[]] * 5


@pytest.mark.parametrize("working", [True, False])
async def test_a_cancel_lets_the_copy_go_whether_it_is_set_aside_already_or_not(town: Alliance, working: bool) -> None:
    conv = await promised(town) if working else await requested(town)
    await town.amend(conv, AmendmentAction.CANCEL)
    await town.rest(working=False)
    assert Verb.CANCEL_HOLD in [*await verbs(town), *(await town[FIRST].work())] + await verbs(town)
    await town.rest()
    assert (await town.loan(conv)).outcome is Outcome.CANCELLED


async def test_a_cancel_that_comes_while_the_ils_is_lending_is_answered_no(town: Alliance) -> None:
    conv = await promised(town)
    await town[FIRST].scan(BARCODES[FIRST], conv)
    await town.amend(conv, AmendmentAction.CANCEL)
    await town.rest(working=False)
    assert await verbs(town) == [Verb.CHECK_OUT]
    await town.rest()
    loan = await town.loan(conv)
    assert (loan.status, loan.outcome) == (LoanStatus.LOANED, None)


async def test_no_renewal_beyond_the_policies_reaches_the_ils(town: Alliance) -> None:
    """The home library counts as well; a supplier does not take its word for it."""
    conv = await promised(town)
    await town[FIRST].scan(BARCODES[FIRST], conv)
    await town.rest()
    await town.amend(conv, AmendmentAction.RENEW)
    await town.rest()
    assert (await town.loan(conv)).renewals == 1
    await town[HOME].office.decide(conv, lambda desk, loan: (_renew(loan),))
    await town.rest(working=False)
    assert await verbs(town) == []
    assert (await town.loan(conv)).renewals == 1
    assert not (await town.loan(conv)).renewing


def _renew(loan: Any) -> Any:
    from connectors.agent.home import _tell
    from schemas.lending import Action

    return _tell(loan, Action.RENEW, loan.last)


async def test_a_copy_that_is_home_again_is_taken_back_in_the_ils_and_the_loan_completed(town: Alliance) -> None:
    conv = await promised(town)
    for library in (FIRST, HOME, HOME, HOME, HOME):
        await town[library].scan(BARCODES[FIRST], conv)
        await town.rest()
    await town[FIRST].scan(BARCODES[FIRST], conv)
    assert await verbs(town) == [Verb.CHECK_IN]
    await town[FIRST].work(check_in=Result(False, reason=Reason.NOT_CHARGED, words="not charged"))
    await town.rest()
    assert (await town.loan(conv)).outcome is Outcome.COMPLETED


async def test_only_its_own_lent_copy_is_declared_lost_and_once(town: Alliance) -> None:
    conv = await promised(town)
    with pytest.raises(NothingToDo):
        await town[FIRST].counter.declare_lost(conv)
    await town[FIRST].scan(BARCODES[FIRST], conv)
    await town.rest()
    with pytest.raises(NothingToDo):
        await town[HOME].counter.declare_lost(conv)
    await town[FIRST].counter.declare_lost(conv, 1200)
    with pytest.raises(NothingToDo):
        await town[FIRST].counter.declare_lost(conv)
    await town.rest()
    assert (await town.balances())[FIRST] == (town.directory.tariff.loan_fee_fen + 1200, 0)


@pytest.mark.parametrize("charge_fen", [-1, 2**53])
async def test_a_charge_that_is_no_amount_is_refused_before_it_is_signed(town: Alliance, charge_fen: int) -> None:
    conv = await promised(town)
    await town[FIRST].scan(BARCODES[FIRST], conv)
    await town.rest()
    with pytest.raises(ValueError, match="charge_fen"):
        await town[FIRST].counter.declare_lost(conv, charge_fen)
    assert (await town[FIRST].loan(conv)).outcome is None
