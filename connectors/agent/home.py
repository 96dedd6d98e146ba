"""The home library's rules: it vouches for its reader, chooses one supplier at a time and ends the loan.

Rules read the journal and return effects; they say nothing and call nothing themselves. The reader's credit is
counted here and nowhere else: limit of the tier, less what the ILS has charged, less the slots taken.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from connectors.agent import delivery
from connectors.agent.effects import Do, Effect, Say, Verb
from connectors.agent.tables import Slot, Unit
from connectors.ils.port import PatronStanding, Reason
from schemas.directory import Policies, Tariff
from schemas.identifiers import AgencyId, MessageHash, PatronToken
from schemas.lending import (
    Action,
    AmendmentAction,
    Order,
    OrderAmendment,
    OrderRefusal,
    OrderRefused,
    Quote,
    ReaderAmendment,
    ReaderOrder,
    Request,
    RequestingAgencyMessage,
    ReservationAsked,
    ReservationReleased,
    Voucher,
)
from schemas.lifecycle import Event, LoanStatus
from schemas.loan import Loan
from schemas.messages import AnyMessage, MessageType
from trust.directory import TrustedDirectory
from trust.errors import TrustError
from trust.keys import SealingKey
from trust.sealing import verify_session_jws

_RUNNING = frozenset({LoanStatus.REQUEST_RECEIVED, LoanStatus.WILL_SUPPLY, LoanStatus.LOANED, LoanStatus.OVERDUE,
                      LoanStatus.RECALLED})


@dataclass(frozen=True, slots=True)
class Desk:
    """What a rule may look at: the journal in this transaction, the directory, the hour, and who the gateway is."""

    unit: Unit
    directory: TrustedDirectory
    now: datetime
    me: AgencyId
    gateway: AgencyId
    token_key: bytes = field(repr=False)
    sealing_keys: Iterable[SealingKey] = ()

    @property
    def policies(self) -> Policies:
        """What the editors have signed about limits and times."""
        return self.directory.policies


def patron_token(key: bytes, card: str, receiver: str) -> PatronToken:
    """Return the pseudonym of a card for one receiver: nobody can join two of them without the home library's key."""
    digest = hmac.new(key, f"{card}\x00{receiver}".encode(), hashlib.sha256).digest()
    return PatronToken(urlsafe_b64encode(digest[:24]).decode())


def react(desk: Desk, event: Event, loan: Loan, message: AnyMessage, hash_: MessageHash) -> tuple[Effect, ...]:
    """Return what the home library does because of a message about its reader's loan."""
    rule = _RULES.get(event)
    return rule(desk, loan, message, hash_) if rule else ()


def _ordered(desk: Desk, loan: Loan, message: AnyMessage, _hash: MessageHash) -> tuple[Effect, ...]:
    order = message.body
    assert isinstance(order, Order)
    session = desk.unit.session(order.session)
    signed = _signed_order(desk, order, loan)
    if signed is None or session is None or session.card is None:
        return (_refuse(desk, loan, OrderRefusal.NOT_SIGNED, "the reader's signature does not fit this order"),)
    if not _may_supply(order, desk):
        return (_refuse(desk, loan, OrderRefusal.NO_SUPPLIER, "the rota is empty, or not one of other libraries"),)
    if not _is_by_tariff(order.quote, desk.directory.tariff):
        return (_refuse(desk, loan, OrderRefusal.WRONG_QUOTE, "the quote is not the signed tariff's"),)
    if signed.address is not None:
        try:
            delivery.take_address(desk, loan, signed.address)
        except delivery.AddressRefused as refused:
            return (_refuse(desk, loan, OrderRefusal.ADDRESS_REFUSED, str(refused)),)
    desk.unit.put_slot(Slot(loan.conv, session.card, taken=False, cancel_wanted=False, answer_by=None,
                            order_state=order.model_dump_json()))
    return (Do(Verb.CHECK_PATRON),)


def _signed_by_reader(desk: Desk, session_id: str, jws: str) -> bytes | None:
    session = desk.unit.session(session_id)
    if session is None or session.public_key is None:
        return None
    try:
        return verify_session_jws(jws, json.loads(session.public_key))
    except TrustError:
        return None


def _signed_order(desk: Desk, order: Order, loan: Loan) -> ReaderOrder | None:
    """Return what the reader has signed, if it is this order."""
    payload = _signed_by_reader(desk, order.session, order.signed_order)
    try:
        signed = ReaderOrder.model_validate_json(payload or b"", strict=True)
    except ValueError:
        return None
    is_this = (signed.conv, signed.home, signed.bib, signed.pickup) == (loan.conv, desk.me, order.bib, order.pickup)
    return signed if is_this else None


def _may_supply(order: Order, desk: Desk) -> bool:
    """Whether the hub proposes other libraries, each once: a made-up supplier could claim the guarantee."""
    proposed = [entry.agency for entry in order.rota]
    libraries = {library.agency for library in desk.directory.directory.libraries()} - {desk.me}
    return bool(proposed) and len(set(proposed)) == len(proposed) and libraries.issuperset(proposed)


def _is_by_tariff(quote: Quote, tariff: Tariff) -> bool:
    return (quote.fee_fen, quote.carriage_out_fen, quote.carriage_back_fen) == (
        tariff.loan_fee_fen, tariff.carriage_out_fen, tariff.carriage_back_fen)


def patron_checked(desk: Desk, loan: Loan, standing: PatronStanding) -> tuple[Effect, ...]:
    """Take a credit slot and ask for the reservation, or refuse the order."""
    slot = desk.unit.slot(loan.conv)
    assert slot is not None
    assert loan.quote is not None
    if not standing.may_borrow:
        is_full = standing.reason is Reason.TOO_MANY_CHARGED
        return (_refuse(desk, loan, OrderRefusal.LIMIT_REACHED if is_full else OrderRefusal.PATRON_BLOCKED, ""),)
    _, tier = desk.policies.tier(standing.patron_type)
    used = standing.charged_items + desk.unit.slots_taken(slot.card)
    if used >= tier.items_max or loan.quote.guarantee_fen > tier.value_max_fen:
        return (_refuse(desk, loan, OrderRefusal.LIMIT_REACHED, f"{used}/{tier.items_max}"),)
    desk.unit.put_slot(replace(slot, taken=True))
    return (Say(MessageType.RESERVATION_ASKED, desk.gateway, ReservationAsked(quote=loan.quote), loan.order),)


def _refuse(desk: Desk, loan: Loan, reason: OrderRefusal, note: str) -> Say:
    return Say(MessageType.ORDER_REFUSED, desk.gateway, OrderRefused(reason=reason, note=note), loan.order)


def _granted(desk: Desk, loan: Loan, _message: AnyMessage, _hash: MessageHash) -> tuple[Effect, ...]:
    slot = desk.unit.slot(loan.conv)
    if slot is not None and slot.cancel_wanted:
        return _release(desk, loan, "Cancelled")
    return _ask_next(desk, loan)


def _reservation_refused(desk: Desk, loan: Loan, _message: AnyMessage, _hash: MessageHash) -> tuple[Effect, ...]:
    _free(desk, loan)
    return (_refuse(desk, loan, OrderRefusal.RESERVATION_REFUSED, "the library's net debit cap is reached"),)


def _ask_next(desk: Desk, loan: Loan) -> tuple[Effect, ...]:
    """Sign the Request to the next place of the rota, or give the reservation back where none is left."""
    slot = desk.unit.slot(loan.conv)
    assert slot is not None
    order = Order.model_validate_json(slot.order_state)
    position = loan.position + 1
    if slot.cancel_wanted or position >= len(order.rota):
        return _release(desk, loan, "Cancelled" if slot.cancel_wanted else "Unfilled")
    entry = order.rota[position]
    answer_by = desk.now + timedelta(hours=desk.policies.answer_hours)
    desk.unit.put_slot(replace(slot, answer_by=answer_by.isoformat()))
    assert loan.reservation is not None
    request = Request(bib=order.bib, record_id=entry.record_id, voucher=_voucher(desk, slot, order, entry.agency),
                      quote=order.quote, pickup=order.pickup, rota=tuple(e.agency for e in order.rota),
                      position=position, answer_by=answer_by, reservation=loan.reservation, previous=loan.ended_by,
                      delivery=delivery.address_for_pickup(desk, loan))
    return (Say(MessageType.REQUEST, entry.agency, request, loan.order),)


def _voucher(desk: Desk, slot: Slot, order: Order, supplier: AgencyId) -> Voucher:
    return Voucher(patron=patron_token(desk.token_key, slot.card, supplier), tier="credit", items=1,
                   value_fen=order.quote.guarantee_fen,
                   valid_until=desk.now + timedelta(days=desk.policies.voucher_days))


def _will_supply(desk: Desk, loan: Loan, message: AnyMessage, hash_: MessageHash) -> tuple[Effect, ...]:
    """Confirm exactly one WillSupply; the fold refuses a second confirmation of the same loan."""
    slot = desk.unit.slot(loan.conv)
    if slot is None or slot.cancel_wanted or message.src != loan.supplier or loan.confirmed is not None:
        return ()
    desk.unit.put_slot(replace(slot, answer_by=None))
    return (_tell(loan, Action.SUPPLY_CONFIRMED, hash_),)


def _tell(loan: Loan, action: Action, reply_to: MessageHash | None) -> Say:
    assert loan.supplier is not None
    return Say(MessageType.REQUESTING_AGENCY_MESSAGE, loan.supplier, RequestingAgencyMessage(action=action), reply_to)


def _unfilled(desk: Desk, loan: Loan, message: AnyMessage, _hash: MessageHash) -> tuple[Effect, ...]:
    if message.src != loan.supplier or loan.status is not LoanStatus.UNFILLED:
        return ()
    return _ask_next(desk, loan)


def _release(desk: Desk, loan: Loan, outcome: str) -> tuple[Effect, ...]:
    _free(desk, loan)
    return (Say(MessageType.RESERVATION_RELEASED, desk.gateway, ReservationReleased(outcome=outcome),
                loan.last or loan.order),)


def _free(desk: Desk, loan: Loan) -> None:
    slot = desk.unit.slot(loan.conv)
    if slot is not None:
        desk.unit.put_slot(replace(slot, taken=False, answer_by=None))


def _amended(desk: Desk, loan: Loan, message: AnyMessage, _hash: MessageHash) -> tuple[Effect, ...]:
    amendment = message.body
    assert isinstance(amendment, OrderAmendment)
    payload = _signed_by_reader(desk, amendment.session, amendment.signed_amendment)
    slot, session = desk.unit.slot(loan.conv), desk.unit.session(amendment.session)
    if payload is None or slot is None or session is None or session.card != slot.card or loan.outcome is not None:
        return ()
    try:
        wish = ReaderAmendment.model_validate_json(payload, strict=True)
    except ValueError:
        return ()
    if wish.conv != loan.conv:
        return ()
    return _cancel(desk, loan, slot) if wish.action is AmendmentAction.CANCEL else _renew(desk, loan)


def _cancel(desk: Desk, loan: Loan, slot: Slot) -> tuple[Effect, ...]:
    if slot.cancel_wanted:
        return ()
    desk.unit.put_slot(replace(slot, cancel_wanted=True))
    return (_tell(loan, Action.CANCEL, loan.last),) if loan.status in _RUNNING else ()


def _renew(desk: Desk, loan: Loan) -> tuple[Effect, ...]:
    may_renew = (loan.status is LoanStatus.LOANED and not loan.renewing
                 and loan.renewals < desk.policies.renewals_max)
    return (_tell(loan, Action.RENEW, loan.last),) if may_renew else ()


def _cancel_agreed(desk: Desk, loan: Loan, message: AnyMessage, _hash: MessageHash) -> tuple[Effect, ...]:
    if message.src != loan.supplier or loan.status is not LoanStatus.CANCELLED:
        return ()
    return _release(desk, loan, "Cancelled")


def _ended(desk: Desk, loan: Loan, _message: AnyMessage, _hash: MessageHash) -> tuple[Effect, ...]:
    _free(desk, loan)
    return ()


def time_passed(desk: Desk, loan: Loan) -> tuple[Effect, ...]:
    """The supplier has let its time to answer pass: end its place by the home library's own Cancel, ask the next.

    Where the reader has cancelled, the Cancel is said already and nobody else is asked.
    """
    if loan.status is not LoanStatus.REQUEST_RECEIVED:
        _free_clock(desk, loan)
        return ()
    slot = desk.unit.slot(loan.conv)
    if slot is not None and slot.cancel_wanted:
        return _release(desk, loan, "Cancelled")
    return (_tell(loan, Action.CANCEL, loan.last),)


def _free_clock(desk: Desk, loan: Loan) -> None:
    slot = desk.unit.slot(loan.conv)
    if slot is not None:
        desk.unit.put_slot(replace(slot, answer_by=None))


def _cancel_asked(desk: Desk, loan: Loan, _message: AnyMessage, _hash: MessageHash) -> tuple[Effect, ...]:
    """Ask the next supplier once an own Cancel has ended the place; a reader's cancellation waits for the answer."""
    slot = desk.unit.slot(loan.conv)
    silent = slot is not None and not slot.cancel_wanted and loan.status is LoanStatus.REQUEST_RECEIVED
    return _ask_next(desk, loan) if silent else ()


_RULES: Mapping[Event, Callable[[Desk, Loan, AnyMessage, MessageHash], tuple[Effect, ...]]] = MappingProxyType({
    Event.ORDERED: _ordered,
    Event.AMENDED: _amended,
    Event.RESERVATION_GRANTED: _granted,
    Event.RESERVATION_REFUSED: _reservation_refused,
    Event.ACCEPTED: _will_supply,
    Event.UNFILLED: _unfilled,
    Event.CANCEL_ASKED: _cancel_asked,
    Event.CANCEL_AGREED: _cancel_agreed,
    Event.COMPLETED: _ended,
    Event.LOST: _ended,
})
