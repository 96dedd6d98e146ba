"""One loan, and the fold that computes it from its messages.

The home library, the supplier, the gateway and an offline verifier all call ``advance``, so each of them holds the
same loan wherever it has seen the same messages. Absent on purpose: time, storage, money (``schemas.tariff``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from schemas.dialogue import Part, rule_of
from schemas.identifiers import AgencyId, ConversationId, ItemBarcode, MessageHash
from schemas.lending import (
    Custody,
    CustodyReceipt,
    Order,
    OrderRefused,
    PickupPoint,
    Quote,
    Request,
    ReservationAsked,
    ReservationReleased,
    SupplyingAgencyMessage,
)
from schemas.lifecycle import HANDOVERS, LENT, RETURN_FROM, TRANSITIONS, Event, LoanStatus, Outcome, event_of
from schemas.messages import AnyMessage
from schemas.questions import OpenLoan

E, C = Event, Custody
_OUTCOMES: Mapping[Event, Outcome] = MappingProxyType({
    E.ORDER_REFUSED: Outcome.REFUSED,
    E.COMPLETED: Outcome.COMPLETED,
    E.LOST: Outcome.LOST,
})


_LATE = frozenset({E.EXPECTED, E.ACCEPTED, E.UNFILLED, E.CANCEL_AGREED})
"""What a supplier whose place has ended may still say, to no effect: an honest answer that came too late."""
_OVERTAKEN = frozenset({E.CUSTODY_TAKEN, E.RECEIVED, E.RETURN_SHIPPED, E.RENEW_ASKED, E.CANCEL_ASKED, E.NOTED})
"""What others may still say of a copy that its library has back, or has given up: the parcel was faster, or the news
crossed."""
_BY_HOME = frozenset({E.CONFIRMED, E.CANCEL_ASKED, E.RENEW_ASKED})
"""What only the home library may say, though pickup and returned-at libraries use the same message."""
_GIVEN_BACK = frozenset({Outcome.UNFILLED, Outcome.CANCELLED})
_GIVEN_UP = frozenset({LoanStatus.UNFILLED, LoanStatus.CANCELLED})
_WAS_LENT = frozenset({Outcome.COMPLETED, Outcome.LOST})


class OutOfTurn(ValueError):
    """The loan's state does not allow this message now."""

    def __init__(self, loan: "Loan | None", event: Event, why: str) -> None:
        state = f"{loan.status}, {loan.custody}" if loan else "no loan"
        super().__init__(f"{event} may not happen now ({state}): {why}")
        self.event = event


class WrongRole(ValueError):
    """This agency may not say this in this loan."""


@dataclass(frozen=True, slots=True)
class Loan:
    """One loan as its messages tell it; the same value wherever the same messages were seen."""

    conv: ConversationId
    home: AgencyId
    pickup: PickupPoint
    status: LoanStatus = LoanStatus.ORDERED
    custody: Custody = Custody.SUPPLIER
    holder: AgencyId | None = None
    returned_at: AgencyId | None = None
    outcome: Outcome | None = None
    supplier: AgencyId | None = None
    former: tuple[AgencyId, ...] = ()
    position: int = -1
    quote: Quote | None = None
    title: str = ""
    order: MessageHash | None = None
    reservation: MessageHash | None = None
    will_supply: MessageHash | None = None
    confirmed: MessageHash | None = None
    ended_by: MessageHash | None = None
    barcode: ItemBarcode | None = None
    price_fen: int = 0
    due_date: date | None = None
    renewals: int = 0
    renewing: bool = False
    note: str = ""
    last: MessageHash | None = None


def open_loan(message: AnyMessage, hash_: MessageHash) -> Loan:
    """Begin a loan with the first message an end sees of it: an Order, or away from home the Request.

    A Request is then still to be walked by ``advance``; an Order is the beginning itself.
    """
    body = message.body
    if message.conv is None or not isinstance(body, Order | Request):
        raise OutOfTurn(None, event_of(message), "a loan begins with an Order, away from home with a Request")
    if isinstance(body, Order):
        return Loan(message.conv, message.dst, body.pickup, quote=body.quote, title=body.bib.title, order=hash_)
    return Loan(message.conv, message.src, body.pickup, status=LoanStatus.RESERVED, reservation=body.reservation,
                ended_by=body.previous, quote=body.quote, title=body.bib.title)


def open_copy(loan: Loan) -> OpenLoan | None:
    """Return what a third library must know of a loan whose copy is with the reader; ``None`` for any other."""
    if loan.custody is not C.READER or loan.supplier is None or loan.barcode is None or loan.last is None:
        return None
    return OpenLoan(conv=loan.conv, home=loan.home, owner=loan.supplier, pickup=loan.pickup,
                    barcode=loan.barcode, title=loan.title, last=loan.last)


def loan_of_copy(found: OpenLoan) -> Loan:
    """Return the loan of a copy that a reader hands in at a third library, as far as that library may know it."""
    return Loan(found.conv, found.home, found.pickup, status=LoanStatus.LOANED, custody=C.READER,
                holder=found.pickup.agency, supplier=found.owner, title=found.title, barcode=found.barcode,
                last=found.last)


def advance(loan: Loan, message: AnyMessage, hash_: MessageHash) -> Loan:
    """Return the loan after ``message``.

    Raises:
        WrongRole: the sender or receiver does not play the part the table asks.
        OutOfTurn: the status or custody table has no such step.
    """
    event = event_of(message)
    if is_late(loan, message):
        return replace(loan, returned_at=_taker(loan, message))
    _require_parts(loan, message, event)
    try:
        status = TRANSITIONS[loan.status][event]
    except KeyError:
        raise OutOfTurn(loan, event, "not in the table of transitions") from None
    if loan.outcome is not None and event is not E.AMENDED:
        raise OutOfTurn(loan, event, f"the loan has ended ({loan.outcome})")
    last = hash_ if rule_of(message.type).relayed else loan.last
    moved = replace(loan, status=status, outcome=_OUTCOMES.get(event, loan.outcome), last=last)
    return _FOLDS.get(event, _unchanged)(moved, message, hash_)


def is_late(loan: Loan, message: AnyMessage) -> bool:
    """Whether what this speaks of was ended by a message that its sender did not know: it moves the loan no more.

    What names that very message as its cause is not late, but out of turn.
    """
    event, from_supplier, not_knowing = event_of(message), message.src == loan.supplier, message.reply_to != loan.last
    if event in _LATE:
        given_up = loan.outcome in _GIVEN_BACK or (loan.status in _GIVEN_UP and not_knowing)
        return given_up if from_supplier else message.src in loan.former
    if event is E.RESERVATION_GRANTED:
        return loan.reservation is not None and loan.reservation == message.reply_to
    if event is E.CONFIRMED:
        return loan.status is LoanStatus.UNFILLED and message.src == loan.home and not_knowing
    is_over = loan.outcome in _WAS_LENT or (loan.status in LENT and loan.custody is C.SUPPLIER)
    return is_over and event in _OVERTAKEN and not from_supplier and not_knowing


def _taker(loan: Loan, message: AnyMessage) -> AgencyId | None:
    """Return which library took the copy back from its reader; it may tell so late, and only the first one counts."""
    body = message.body
    takes = isinstance(body, CustodyReceipt) and body.holder is C.RETURNED_AT and body.barcode == loan.barcode
    return loan.returned_at or (message.src if takes else None)


def _require_parts(loan: Loan, message: AnyMessage, event: Event) -> None:
    rule = rule_of(message.type)
    if event in _BY_HOME and message.src != loan.home:
        raise WrongRole(f"{event}: only the home library {loan.home} may say this, not {message.src}")
    if not _plays(loan, message.src, rule.src, message) or not _plays(loan, message.dst, rule.dst, message):
        raise WrongRole(f"{message.type} goes from {rule.src} to {rule.dst}; {message.src} and {message.dst} are not "
                        "these in this loan")


def _plays(loan: Loan, agency: AgencyId, part: Part, message: AnyMessage) -> bool:
    supplier = message.dst if isinstance(message.body, Request) else loan.supplier
    fits: Mapping[Part, bool] = {
        Part.HOME: agency == loan.home,
        Part.SUPPLYING: agency == supplier,
        Part.REQUESTING: agency in (loan.home, loan.pickup.agency, loan.holder),
        Part.TAKING: True,
        Part.RELYING: agency == (loan.home if message.src == loan.supplier else loan.supplier),
        Part.GATEWAY: agency not in (loan.home, supplier, loan.pickup.agency),
    }
    return fits.get(part, False)


def _unchanged(loan: Loan, _message: AnyMessage, _hash: MessageHash) -> Loan:
    return loan


def _released(loan: Loan, message: AnyMessage, _hash: MessageHash) -> Loan:
    assert isinstance(message.body, ReservationReleased)
    if loan.confirmed is not None and loan.status is not LoanStatus.CANCELLED:
        raise OutOfTurn(loan, E.RELEASED, "the supply is confirmed: the copy may be on its way")
    return replace(loan, outcome=Outcome(message.body.outcome.lower()))


def _reservation_asked(loan: Loan, message: AnyMessage, _hash: MessageHash) -> Loan:
    assert isinstance(message.body, ReservationAsked)
    if message.body.quote != loan.quote:
        raise OutOfTurn(loan, E.RESERVATION_ASKED, "its quote is not the order's")
    return loan


def _requested(loan: Loan, message: AnyMessage, _hash: MessageHash) -> Loan:
    body = message.body
    assert isinstance(body, Request)
    if body.position <= loan.position:
        raise OutOfTurn(loan, E.REQUESTED, f"position {body.position} of the rota has been asked")
    unended = loan.supplier is not None and loan.ended_by is None
    if body.previous != loan.ended_by or unended or loan.confirmed is not None:
        raise OutOfTurn(loan, E.REQUESTED, "it does not name what ended the place before")
    if (body.quote, body.pickup, body.reservation) != (loan.quote, loan.pickup, loan.reservation):
        raise OutOfTurn(loan, E.REQUESTED, "its quote, pickup point or reservation is not the order's")
    former = (*loan.former, loan.supplier) if loan.supplier else loan.former
    return replace(loan, supplier=message.dst, former=former, position=body.position, ended_by=None, barcode=None,
                   title=body.bib.title, will_supply=None, confirmed=None, custody=C.SUPPLIER, holder=message.dst)


def _cancel_asked(loan: Loan, _message: AnyMessage, hash_: MessageHash) -> Loan:
    """Until it has confirmed, the home library's Cancel ends the place, whatever the supplier says beside it."""
    waiting = loan.confirmed is None and loan.custody is C.SUPPLIER
    return replace(loan, ended_by=hash_) if waiting else loan


def _accepted(loan: Loan, message: AnyMessage, hash_: MessageHash) -> Loan:
    assert isinstance(message.body, SupplyingAgencyMessage)
    return replace(loan, will_supply=hash_, barcode=message.body.barcode)


def _unfilled(loan: Loan, _message: AnyMessage, hash_: MessageHash) -> Loan:
    return replace(loan, ended_by=loan.ended_by or hash_, will_supply=None, confirmed=None, barcode=None)


def _confirmed(loan: Loan, message: AnyMessage, hash_: MessageHash) -> Loan:
    if message.reply_to != loan.will_supply or loan.confirmed is not None:
        raise OutOfTurn(loan, E.CONFIRMED, "it does not confirm the one WillSupply of this place")
    return replace(loan, confirmed=hash_)


def _shipped(loan: Loan, message: AnyMessage, _hash: MessageHash) -> Loan:
    body = message.body
    assert isinstance(body, SupplyingAgencyMessage)
    if loan.confirmed is None:
        raise OutOfTurn(loan, E.SHIPPED, "the home library has not confirmed the supply")
    if body.barcode is None or body.due_date is None:
        raise OutOfTurn(loan, E.SHIPPED, "a dispatch names the copy and its due date")
    return replace(loan, custody=C.IN_TRANSIT, barcode=body.barcode, price_fen=body.price_fen or 0,
                   due_date=body.due_date)


def _custody_taken(loan: Loan, message: AnyMessage, _hash: MessageHash) -> Loan:
    body = message.body
    assert isinstance(body, CustodyReceipt)
    if body.holder not in HANDOVERS[loan.custody]:
        raise OutOfTurn(loan, E.CUSTODY_TAKEN, f"{body.holder} does not take over from {loan.custody}")
    if body.barcode != loan.barcode:
        raise OutOfTurn(loan, E.CUSTODY_TAKEN, "the receipt names another copy")
    signer = {C.SUPPLIER: loan.supplier, C.PICKUP_POINT: loan.pickup.agency, C.LOCKER: loan.pickup.agency,
              C.READER: loan.pickup.agency}.get(body.holder, message.src)
    if message.src != signer:
        raise WrongRole(f"the receipt of the {body.holder} is signed by {signer}")
    return replace(loan, custody=body.holder, holder=message.src, returned_at=_taker(loan, message))


def _return_shipped(loan: Loan, message: AnyMessage, _hash: MessageHash) -> Loan:
    if loan.custody not in RETURN_FROM or message.src != loan.holder:
        raise OutOfTurn(loan, E.RETURN_SHIPPED, "only the library that holds the copy ships it back")
    return replace(loan, custody=C.IN_TRANSIT_BACK)


def _renewed(loan: Loan, message: AnyMessage, _hash: MessageHash) -> Loan:
    assert isinstance(message.body, SupplyingAgencyMessage)
    return replace(loan, due_date=message.body.due_date or loan.due_date, renewals=loan.renewals + 1,
                   renewing=False)


def _renew_asked(loan: Loan, _message: AnyMessage, _hash: MessageHash) -> Loan:
    return replace(loan, renewing=True)


def _renew_refused(loan: Loan, message: AnyMessage, _hash: MessageHash) -> Loan:
    assert isinstance(message.body, SupplyingAgencyMessage)
    return replace(loan, renewing=False, note=message.body.note)


def _order_refused(loan: Loan, message: AnyMessage, _hash: MessageHash) -> Loan:
    assert isinstance(message.body, OrderRefused)
    return replace(loan, note=message.body.reason)


def _cancelled(loan: Loan, _message: AnyMessage, hash_: MessageHash) -> Loan:
    return replace(loan, ended_by=loan.ended_by or hash_)


def _completed(loan: Loan, _message: AnyMessage, _hash: MessageHash) -> Loan:
    if loan.custody is not C.SUPPLIER:
        raise OutOfTurn(loan, E.COMPLETED, "the copy is not back with its library")
    return loan


def _lost(loan: Loan, _message: AnyMessage, _hash: MessageHash) -> Loan:
    if loan.custody is C.SUPPLIER:
        raise OutOfTurn(loan, E.LOST, "the copy is back with its library")
    return loan


def _reserved(loan: Loan, message: AnyMessage, _hash: MessageHash) -> Loan:
    return replace(loan, reservation=message.reply_to)


_FOLDS: Mapping[Event, Callable[[Loan, AnyMessage, MessageHash], Loan]] = MappingProxyType({
    E.ORDER_REFUSED: _order_refused,
    E.RESERVATION_ASKED: _reservation_asked,
    E.RESERVATION_GRANTED: _reserved,
    E.RELEASED: _released,
    E.REQUESTED: _requested,
    E.ACCEPTED: _accepted,
    E.UNFILLED: _unfilled,
    E.CONFIRMED: _confirmed,
    E.SHIPPED: _shipped,
    E.CUSTODY_TAKEN: _custody_taken,
    E.RETURN_SHIPPED: _return_shipped,
    E.RENEW_ASKED: _renew_asked,
    E.RENEWED: _renewed,
    E.RENEW_REFUSED: _renew_refused,
    E.CANCEL_ASKED: _cancel_asked,
    E.CANCEL_AGREED: _cancelled,
    E.COMPLETED: _completed,
    E.LOST: _lost,
})


def copies_of(loan: Loan, src: AgencyId, dst: AgencyId) -> tuple[AgencyId, ...]:
    """Return who else must receive a relayed message: the home library, the pickup library and whoever holds it.

    What a former supplier says too late is no business of the one that took its place.
    """
    concerned = (loan.home, loan.pickup.agency, None if src in loan.former else loan.holder)
    return tuple(dict.fromkeys(agency for agency in concerned if agency and agency not in (src, dst)))
