"""What each message of a loan costs whom: message → transfers.

The home library pays. Its reservation sets aside fee, both carriages and the guarantee towards the clearing account;
what is earned is posted there and passed on in the same group, so clearing is empty after every message. Which part
of a reservation is still open follows from the loan alone, so no end needs a ledger to compute these transfers.

Absent on purpose: balances, caps and refusals (``federation.settlement.ledger``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.directory import Tariff
from schemas.identifiers import AgencyId, ConversationId, MessageHash
from schemas.ledger import Code, Transfer, TransferId, TransferKind, transfer_id
from schemas.lending import Custody, SupplyingAgencyMessage
from schemas.lifecycle import LENT, Event
from schemas.loan import Loan
from schemas.messages import AnyMessage

Transfers = tuple[Transfer, ...]
C = Custody
RESERVED = (Code.FEE, Code.CARRIAGE_OUT, Code.CARRIAGE_BACK, Code.GUARANTEE)
"""What a reservation sets aside."""

_LEGS_AHEAD: Mapping[Custody, tuple[Code, ...]] = MappingProxyType({
    C.IN_TRANSIT: (Code.CARRIAGE_OUT, Code.CARRIAGE_BACK),
    C.PICKUP_POINT: (Code.CARRIAGE_BACK,),
    C.LOCKER: (Code.CARRIAGE_BACK,),
    C.READER: (Code.CARRIAGE_BACK,),
    C.RETURNED_AT: (Code.CARRIAGE_BACK,),
    C.IN_TRANSIT_BACK: (Code.CARRIAGE_BACK,),
    C.SUPPLIER: (),
})
"""The carriage still set aside while a copy is lent, by who holds it."""


@dataclass(frozen=True, slots=True)
class Handover:
    """What one change of custody does to the carriage set aside: earned by the courier, or given back."""

    earned: Code | None = None
    released: tuple[Code, ...] = ()


HANDOVERS_PAID: Mapping[tuple[Custody, Custody], Handover] = MappingProxyType({
    (C.IN_TRANSIT, C.PICKUP_POINT): Handover(earned=Code.CARRIAGE_OUT),
    (C.IN_TRANSIT, C.LOCKER): Handover(earned=Code.CARRIAGE_OUT),
    (C.IN_TRANSIT, C.SUPPLIER): Handover(released=(Code.CARRIAGE_OUT, Code.CARRIAGE_BACK)),
    (C.IN_TRANSIT_BACK, C.SUPPLIER): Handover(earned=Code.CARRIAGE_BACK),
    (C.PICKUP_POINT, C.SUPPLIER): Handover(released=(Code.CARRIAGE_BACK,)),
    (C.LOCKER, C.SUPPLIER): Handover(released=(Code.CARRIAGE_BACK,)),
    (C.READER, C.SUPPLIER): Handover(released=(Code.CARRIAGE_BACK,)),
    (C.RETURNED_AT, C.SUPPLIER): Handover(released=(Code.CARRIAGE_BACK,)),
})
"""Carriage follows custody. Every handover that is not here moves no carriage."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One message in its loan, with the few kinds of transfers that the table below is made of."""

    before: Loan
    after: Loan
    message: AnyMessage
    evidence: MessageHash
    tariff: Tariff
    clearing: AgencyId

    def reserved_fen(self, code: Code) -> int:
        """What was set aside. A third library sees no quote, and nothing of the reservation is its own."""
        quote = self.before.quote
        if quote is None:
            return 0
        return {Code.FEE: quote.fee_fen, Code.CARRIAGE_OUT: quote.carriage_out_fen,
                Code.CARRIAGE_BACK: quote.carriage_back_fen, Code.GUARANTEE: quote.guarantee_fen}[code]

    def reserve(self) -> Transfers:
        return self._each(TransferKind.PENDING, RESERVED)

    def release(self, codes: tuple[Code, ...]) -> Transfers:
        return self._each(TransferKind.VOID, codes)

    def earn(self, code: Code, payee: AgencyId, amount_fen: int) -> Transfers:
        """Post what was set aside and pass it on."""
        if amount_fen == 0:
            return ()
        return (self._transfer(TransferKind.POST, code, self.before.home, self.clearing, amount_fen),
                self.pay(code, self.clearing, payee, amount_fen))

    def pay(self, code: Code, payer: AgencyId, payee: AgencyId, amount_fen: int) -> Transfer:
        return self._transfer(TransferKind.DIRECT, code, payer, payee, amount_fen)

    def _each(self, kind: TransferKind, codes: tuple[Code, ...]) -> Transfers:
        return tuple(self._transfer(kind, code, self.before.home, self.clearing, self.reserved_fen(code))
                     for code in codes if self.reserved_fen(code))

    def _transfer(self, kind: TransferKind, code: Code, debit: AgencyId, credit: AgencyId, amount_fen: int) -> Transfer:
        conv = ConversationId(self.before.conv)
        resolves = kind in (TransferKind.POST, TransferKind.VOID)
        pending: TransferId | None = transfer_id(conv, code, TransferKind.PENDING) if resolves else None
        return Transfer(transfer_id(conv, code, kind), kind, pending, debit, credit, amount_fen, code, conv,
                        self.evidence)


def _open_codes(loan: Loan) -> tuple[Code, ...]:
    """Return what is still set aside for a loan that has a reservation and has not ended."""
    if loan.status in LENT:
        return (*_LEGS_AHEAD[loan.custody], Code.GUARANTEE)
    return RESERVED


def _reserved(case: _Case) -> Transfers:
    return case.reserve() if case.before.reservation is None else ()


def _shipped(case: _Case) -> Transfers:
    return case.earn(Code.FEE, case.message.src, case.reserved_fen(Code.FEE))


def _handed_over(case: _Case) -> Transfers:
    if case.after.returned_at != case.before.returned_at:
        return _returned_elsewhere(case)
    handover = HANDOVERS_PAID.get((case.before.custody, case.after.custody), Handover())
    if handover.earned is None:
        return case.release(handover.released)
    return case.earn(handover.earned, case.tariff.courier, case.reserved_fen(handover.earned))


def _returned_elsewhere(case: _Case) -> Transfers:
    loan, giver, amount_fen = case.before, case.message.src, case.tariff.third_return_fen
    if amount_fen == 0 or giver in (loan.home, loan.supplier, loan.pickup.agency):
        return ()
    return (case.pay(Code.THIRD_RETURN, case.tariff.fund, giver, amount_fen),)


def _ended(case: _Case) -> Transfers:
    return case.release(_open_codes(case.before))


def _lost(case: _Case) -> Transfers:
    assert isinstance(case.message.body, SupplyingAgencyMessage)
    charge_fen = min(case.message.body.charge_fen or 0, case.reserved_fen(Code.GUARANTEE))
    still_open = _open_codes(case.before)
    unused = tuple(code for code in still_open if code is not Code.GUARANTEE) if charge_fen else still_open
    return (*case.earn(Code.GUARANTEE, case.message.src, charge_fen), *case.release(unused))


_TABLE: Mapping[Event, Callable[[_Case], Transfers]] = MappingProxyType({
    Event.RESERVATION_GRANTED: _reserved,
    Event.SHIPPED: _shipped,
    Event.CUSTODY_TAKEN: _handed_over,
    Event.COMPLETED: _ended,
    Event.RELEASED: _ended,
    Event.LOST: _lost,
})
"""The events that move money. A cancelled or unfilled request moves none: the home library may still ask the next
supplier, and its ReservationReleased gives everything back."""


def transfers_for(loan_before: Loan, loan_after: Loan, message: AnyMessage, hash_: MessageHash, event: Event,
                  tariff: Tariff, clearing: AgencyId) -> tuple[Transfer, ...]:
    """Return the transfers a message causes, one linked group: all of them happen or none.

    ``loan_after`` is ``advance(loan_before, message, hash_)`` and ``event`` is ``event_of(message)``. The evidence of
    a reservation is the home library's own ReservationAsked, which the gateway's answer names.
    """
    if event not in _TABLE:
        return ()
    evidence = message.reply_to if event is Event.RESERVATION_GRANTED else hash_
    assert evidence is not None, "a ReservationGranted names the ReservationAsked it answers"
    return _TABLE[event](_Case(loan_before, loan_after, message, evidence, tariff, clearing))
