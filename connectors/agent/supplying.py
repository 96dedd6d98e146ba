"""The supplying library's rules: set a copy aside, dispatch it only when confirmed, take it back.

Rules read the journal and return effects. What the ILS answered comes back through ``done``.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from types import MappingProxyType

from connectors.agent.effects import Do, Effect, Say, Verb
from connectors.agent.home import Desk
from connectors.ils.port import Reason, Result
from schemas.identifiers import ItemBarcode
from schemas.lending import (
    Custody,
    CustodyReceipt,
    ReasonForMessage,
    ReasonUnfilled,
    Request,
    SupplierStatus,
    SupplyingAgencyMessage,
)
from schemas.lifecycle import LENT, Event, LoanStatus
from schemas.loan import Loan
from schemas.messages import AnyMessage, MessageType

R, S = ReasonForMessage, SupplierStatus

NOT_ON_SHELF = Do(Verb.CANCEL_HOLD, "not on shelf")
"""Staff looked and did not find it: let the copy go in the ILS and pass the request on."""
AFTER_UNFILLED = Do(Verb.CANCEL_HOLD, "unfilled")
"""The ILS would not lend the copy that it had set aside: let it go; the request is passed on already."""


def react(desk: Desk, event: Event, loan: Loan, message: AnyMessage) -> tuple[Effect, ...]:
    """Return what the supplying library does because of a message about a copy of its own."""
    rule = _RULES.get(event)
    return rule(desk, loan, message) if rule else ()


def done(desk: Desk, loan: Loan, do: Do, result: Result) -> tuple[Effect, ...]:
    """Return what the supplying library says once the ILS has answered; of a loan that has ended, nothing more."""
    return () if loan.outcome is not None else _RESULTS[do.verb](desk, loan, do, result)


def declare_lost(loan: Loan, charge_fen: int) -> tuple[Effect, ...]:
    """The copy will not come back; ``charge_fen`` is claimed from the guarantee."""
    return (_say(loan, R.STATUS_CHANGE, S.COMPLETED_WITHOUT_RETURN, charge_fen=charge_fen),)


def _requested(desk: Desk, loan: Loan, message: AnyMessage) -> tuple[Effect, ...]:
    request = message.body
    assert isinstance(request, Request)
    voucher = request.voucher
    if voucher.valid_until <= desk.now or voucher.value_fen < request.quote.guarantee_fen:
        return (_say(loan, R.REQUEST_RESPONSE, S.UNFILLED, reason_unfilled=ReasonUnfilled.VOUCHER_REFUSED),)
    copies = desk.unit.items_of(request.record_id)
    if not copies:
        return (_say(loan, R.REQUEST_RESPONSE, S.UNFILLED, reason_unfilled=ReasonUnfilled.NOT_HELD),)
    return (Do(Verb.PLACE_HOLD, argument={"barcodes": " ".join(barcode for barcode, _ in copies)}),)


def _cancel_asked(desk: Desk, loan: Loan, _message: AnyMessage) -> tuple[Effect, ...]:
    if loan.status in LENT or desk.unit.has_task(loan.conv, Verb.CHECK_OUT):
        return (_say(loan, R.CANCEL_RESPONSE, S.LOANED, answer=False),)
    return (Do(Verb.CANCEL_HOLD, "cancelled"),)


def _renew_asked(desk: Desk, loan: Loan, _message: AnyMessage) -> tuple[Effect, ...]:
    if loan.renewals >= desk.policies.renewals_max or desk.unit.has_task(loan.conv, Verb.RENEW):
        return (_say(loan, R.RENEW_RESPONSE, S.LOANED, answer=False, note=Reason.TOO_MANY_RENEWALS),)
    return (Do(Verb.RENEW),)


def _custody_taken(_desk: Desk, _loan: Loan, message: AnyMessage) -> tuple[Effect, ...]:
    receipt = message.body
    assert isinstance(receipt, CustodyReceipt)
    return (Do(Verb.CHECK_IN),) if receipt.holder is Custody.SUPPLIER else ()


def _held(_desk: Desk, loan: Loan, _do: Do, result: Result) -> tuple[Effect, ...]:
    if not result.ok:
        return (_unfilled(loan, R.REQUEST_RESPONSE, result),)
    return (_say(loan, R.REQUEST_RESPONSE, S.WILL_SUPPLY, barcode=ItemBarcode(result.barcode)),)


def _let_go(_desk: Desk, loan: Loan, do: Do, _result: Result) -> tuple[Effect, ...]:
    if loan.status is LoanStatus.UNFILLED or do.why == AFTER_UNFILLED.why:
        return ()
    if do.why == NOT_ON_SHELF.why:
        return (_say(loan, R.STATUS_CHANGE, S.UNFILLED, reason_unfilled=ReasonUnfilled.NOT_ON_SHELF),)
    return (_say(loan, R.CANCEL_RESPONSE, S.CANCELLED, answer=True),)


def _checked_out(desk: Desk, loan: Loan, do: Do, result: Result) -> tuple[Effect, ...]:
    barcode = ItemBarcode(do.argument["barcode"])
    if loan.status is not LoanStatus.WILL_SUPPLY:
        return ()
    if not result.ok:
        return (_unfilled(loan, R.STATUS_CHANGE, result), AFTER_UNFILLED)
    due = result.due_date or _default_due(desk)
    price = desk.unit.price_of(barcode)
    return (_say(loan, R.STATUS_CHANGE, S.LOANED, barcode=barcode, price_fen=price, due_date=due),)


def _default_due(desk: Desk) -> date:
    return (desk.now + timedelta(days=desk.policies.loan_days)).date()


def _renewed(desk: Desk, loan: Loan, _do: Do, result: Result) -> tuple[Effect, ...]:
    if not result.ok:
        return (_say(loan, R.RENEW_RESPONSE, S.LOANED, answer=False, note=result.reason or ""),)
    due = result.due_date or (desk.now + timedelta(days=desk.policies.renew_days)).date()
    return (_say(loan, R.RENEW_RESPONSE, S.LOANED, answer=True, due_date=due),)


def _checked_in(_desk: Desk, loan: Loan, _do: Do, _result: Result) -> tuple[Effect, ...]:
    """The copy is here whatever the ILS thinks of it; a refusal there is for staff, and stands in the task."""
    return (_say(loan, R.STATUS_CHANGE, S.LOAN_COMPLETED),)


def _unfilled(loan: Loan, message: ReasonForMessage, result: Result) -> Say:
    """Say why in the wire's words; the ILS's own stay here, as they may name another reader."""
    reason = _UNFILLED.get(result.reason or Reason.OTHER, ReasonUnfilled.POLICY_PROBLEM)
    return _say(loan, message, S.UNFILLED, reason_unfilled=reason, note=result.reason or "")


def _say(loan: Loan, reason: ReasonForMessage, status: SupplierStatus, **fields: object) -> Say:
    body = SupplyingAgencyMessage.model_validate({"reason_for_message": reason, "status": status, **fields})
    return Say(MessageType.SUPPLYING_AGENCY_MESSAGE, loan.home, body, loan.last)


_UNFILLED: Mapping[Reason, ReasonUnfilled] = MappingProxyType({
    Reason.NOT_HELD: ReasonUnfilled.NOT_HELD,
    Reason.ON_LOAN: ReasonUnfilled.ON_LOAN,
    Reason.ON_HOLD: ReasonUnfilled.NOT_AVAILABLE,
    Reason.NOT_AVAILABLE: ReasonUnfilled.NOT_AVAILABLE,
})
"""What an ILS's refusal is to another library; every other reason is this library's policy."""
_RULES: Mapping[Event, Callable[[Desk, Loan, AnyMessage], tuple[Effect, ...]]] = MappingProxyType({
    Event.REQUESTED: _requested,
    Event.CANCEL_ASKED: _cancel_asked,
    Event.RENEW_ASKED: _renew_asked,
    Event.CUSTODY_TAKEN: _custody_taken,
})
_RESULTS: Mapping[Verb, Callable[[Desk, Loan, Do, Result], tuple[Effect, ...]]] = MappingProxyType({
    Verb.PLACE_HOLD: _held,
    Verb.CANCEL_HOLD: _let_go,
    Verb.CHECK_OUT: _checked_out,
    Verb.RENEW: _renewed,
    Verb.CHECK_IN: _checked_in,
})
