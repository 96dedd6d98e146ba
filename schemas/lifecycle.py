"""A loan's status and custody as tables, and what each message makes happen.

Status follows ISO 18626 (``ORDERED``, ``RESERVED`` and ``REFUSED`` are ours: before a supplying agency is asked the
standard has no status). Custody says who answers for the copy. Outcome is a third field, so that tidying up never
erases what happened. ``schemas.loan`` walks these tables.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from schemas.lending import (
    Action,
    Custody,
    ReasonForMessage,
    RequestingAgencyMessage,
    SupplierStatus,
    SupplyingAgencyMessage,
)
from schemas.messages import AnyMessage, MessageType


class LoanStatus(StrEnum):
    """Where the request stands."""

    ORDERED = "Ordered"
    RESERVED = "Reserved"
    REQUEST_RECEIVED = "RequestReceived"
    WILL_SUPPLY = "WillSupply"
    LOANED = "Loaned"
    OVERDUE = "Overdue"
    RECALLED = "Recalled"
    UNFILLED = "Unfilled"
    CANCELLED = "Cancelled"
    LOAN_COMPLETED = "LoanCompleted"
    COMPLETED_WITHOUT_RETURN = "CompletedWithoutReturn"
    REFUSED = "Refused"


class Outcome(StrEnum):
    """How a loan ended; ``None`` while it has not."""

    COMPLETED = "completed"
    UNFILLED = "unfilled"
    CANCELLED = "cancelled"
    LOST = "lost"
    REFUSED = "refused"


class Event(StrEnum):
    """What a message makes happen in a loan."""

    ORDERED = "ordered"
    AMENDED = "amended"
    ORDER_REFUSED = "order refused"
    RESERVATION_ASKED = "reservation asked"
    RESERVATION_GRANTED = "reservation granted"
    RESERVATION_REFUSED = "reservation refused"
    RELEASED = "released"
    REQUESTED = "requested"
    EXPECTED = "expected"
    ACCEPTED = "accepted"
    UNFILLED = "unfilled"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    RECEIVED = "received"
    CUSTODY_TAKEN = "custody taken"
    RENEW_ASKED = "renew asked"
    RENEWED = "renewed"
    RENEW_REFUSED = "renew refused"
    CANCEL_ASKED = "cancel asked"
    CANCEL_AGREED = "cancel agreed"
    CANCEL_REFUSED = "cancel refused"
    FELL_OVERDUE = "fell overdue"
    WAS_RECALLED = "was recalled"
    RETURN_SHIPPED = "return shipped"
    COMPLETED = "completed"
    LOST = "lost"
    NOTED = "noted"


S, E, C = LoanStatus, Event, Custody
LENT = frozenset({S.LOANED, S.OVERDUE, S.RECALLED})
"""A supplier has sent its copy, and has not said yet how that ended."""
_WHILE_LENT = {E.CUSTODY_TAKEN, E.RECEIVED, E.RENEW_ASKED, E.RENEW_REFUSED, E.RETURN_SHIPPED, E.CANCEL_ASKED,
               E.CANCEL_REFUSED, E.NOTED, E.AMENDED}


def _stay(status: LoanStatus, events: set[Event]) -> dict[Event, LoanStatus]:
    return dict.fromkeys(events, status)


TRANSITIONS: Mapping[LoanStatus, Mapping[Event, LoanStatus]] = MappingProxyType({
    S.ORDERED: {E.RESERVATION_ASKED: S.ORDERED, E.RESERVATION_GRANTED: S.RESERVED, E.AMENDED: S.ORDERED,
                E.RESERVATION_REFUSED: S.ORDERED, E.ORDER_REFUSED: S.REFUSED},
    S.RESERVED: {E.REQUESTED: S.REQUEST_RECEIVED, E.AMENDED: S.RESERVED, E.RELEASED: S.CANCELLED},
    S.REQUEST_RECEIVED: {E.EXPECTED: S.REQUEST_RECEIVED, E.ACCEPTED: S.WILL_SUPPLY, E.UNFILLED: S.UNFILLED,
                         E.CANCEL_ASKED: S.REQUEST_RECEIVED, E.CANCEL_AGREED: S.CANCELLED,
                         E.REQUESTED: S.REQUEST_RECEIVED, E.RELEASED: S.UNFILLED,
                         E.AMENDED: S.REQUEST_RECEIVED, E.NOTED: S.REQUEST_RECEIVED},
    S.WILL_SUPPLY: {E.REQUESTED: S.REQUEST_RECEIVED, E.CONFIRMED: S.WILL_SUPPLY,
                    E.SHIPPED: S.LOANED, E.UNFILLED: S.UNFILLED,
                    E.CANCEL_ASKED: S.WILL_SUPPLY, E.CANCEL_AGREED: S.CANCELLED, E.CANCEL_REFUSED: S.WILL_SUPPLY,
                    E.RELEASED: S.UNFILLED, E.AMENDED: S.WILL_SUPPLY, E.NOTED: S.WILL_SUPPLY},
    S.LOANED: {**_stay(S.LOANED, _WHILE_LENT), E.RENEWED: S.LOANED, E.FELL_OVERDUE: S.OVERDUE,
               E.WAS_RECALLED: S.RECALLED, E.COMPLETED: S.LOAN_COMPLETED, E.LOST: S.COMPLETED_WITHOUT_RETURN},
    S.OVERDUE: {**_stay(S.OVERDUE, _WHILE_LENT), E.RENEWED: S.LOANED, E.WAS_RECALLED: S.RECALLED,
                E.COMPLETED: S.LOAN_COMPLETED, E.LOST: S.COMPLETED_WITHOUT_RETURN},
    S.RECALLED: {**_stay(S.RECALLED, _WHILE_LENT), E.FELL_OVERDUE: S.OVERDUE, E.COMPLETED: S.LOAN_COMPLETED,
                 E.LOST: S.COMPLETED_WITHOUT_RETURN},
    S.UNFILLED: {E.REQUESTED: S.REQUEST_RECEIVED, E.RELEASED: S.UNFILLED, E.AMENDED: S.UNFILLED,
                 E.CANCEL_ASKED: S.UNFILLED},
    S.CANCELLED: {E.RELEASED: S.CANCELLED, E.REQUESTED: S.REQUEST_RECEIVED, E.AMENDED: S.CANCELLED},
    S.LOAN_COMPLETED: {E.AMENDED: S.LOAN_COMPLETED},
    S.COMPLETED_WITHOUT_RETURN: {E.AMENDED: S.COMPLETED_WITHOUT_RETURN},
    S.REFUSED: {E.AMENDED: S.REFUSED},
})

HANDOVERS: Mapping[Custody, frozenset[Custody]] = MappingProxyType({
    C.SUPPLIER: frozenset(),
    C.IN_TRANSIT: frozenset({C.PICKUP_POINT, C.LOCKER, C.SUPPLIER}),
    C.PICKUP_POINT: frozenset({C.LOCKER, C.READER, C.SUPPLIER}),
    C.LOCKER: frozenset({C.READER, C.PICKUP_POINT, C.SUPPLIER}),
    C.READER: frozenset({C.RETURNED_AT, C.SUPPLIER}),
    C.RETURNED_AT: frozenset({C.SUPPLIER}),
    C.IN_TRANSIT_BACK: frozenset({C.SUPPLIER}),
})
"""Who may take the copy over from whom by a CustodyReceipt; the two transits begin with a signed dispatch.

Its own library may take it from wherever it is said to be: it speaks against itself, and a parcel may be faster than
the news of it.
"""

RETURN_FROM = frozenset({C.PICKUP_POINT, C.LOCKER, C.RETURNED_AT})

_BY_TYPE: Mapping[MessageType, Event] = MappingProxyType({
    MessageType.ORDER: E.ORDERED,
    MessageType.ORDER_AMENDMENT: E.AMENDED,
    MessageType.ORDER_REFUSED: E.ORDER_REFUSED,
    MessageType.RESERVATION_ASKED: E.RESERVATION_ASKED,
    MessageType.RESERVATION_GRANTED: E.RESERVATION_GRANTED,
    MessageType.RESERVATION_REFUSED: E.RESERVATION_REFUSED,
    MessageType.RESERVATION_RELEASED: E.RELEASED,
    MessageType.REQUEST: E.REQUESTED,
    MessageType.CUSTODY_RECEIPT: E.CUSTODY_TAKEN,
})
_BY_STATUS: Mapping[SupplierStatus, Event] = MappingProxyType({
    SupplierStatus.EXPECT_TO_SUPPLY: E.EXPECTED,
    SupplierStatus.WILL_SUPPLY: E.ACCEPTED,
    SupplierStatus.UNFILLED: E.UNFILLED,
    SupplierStatus.LOANED: E.SHIPPED,
    SupplierStatus.OVERDUE: E.FELL_OVERDUE,
    SupplierStatus.RECALLED: E.WAS_RECALLED,
    SupplierStatus.LOAN_COMPLETED: E.COMPLETED,
    SupplierStatus.COMPLETED_WITHOUT_RETURN: E.LOST,
})
_BY_ANSWER: Mapping[tuple[ReasonForMessage, bool | None], Event] = MappingProxyType({
    (ReasonForMessage.RENEW_RESPONSE, True): E.RENEWED,
    (ReasonForMessage.RENEW_RESPONSE, False): E.RENEW_REFUSED,
    (ReasonForMessage.CANCEL_RESPONSE, True): E.CANCEL_AGREED,
    (ReasonForMessage.CANCEL_RESPONSE, False): E.CANCEL_REFUSED,
    (ReasonForMessage.NOTIFICATION, None): E.NOTED,
})
_BY_ACTION: Mapping[Action, Event] = MappingProxyType({
    Action.SUPPLY_CONFIRMED: E.CONFIRMED,
    Action.RECEIVED: E.RECEIVED,
    Action.RENEW: E.RENEW_ASKED,
    Action.CANCEL: E.CANCEL_ASKED,
    Action.SHIPPED_RETURN: E.RETURN_SHIPPED,
    Action.NOTIFICATION: E.NOTED,
})
def event_of(message: AnyMessage) -> Event:
    """Return what a loan message makes happen."""
    body = message.body
    if isinstance(body, SupplyingAgencyMessage):
        if body.reason_for_message in (ReasonForMessage.REQUEST_RESPONSE, ReasonForMessage.STATUS_CHANGE):
            return _BY_STATUS.get(body.status, Event.NOTED)
        return _BY_ANSWER.get((body.reason_for_message, body.answer), Event.NOTED)
    if isinstance(body, RequestingAgencyMessage):
        return _BY_ACTION[body.action]
    return _BY_TYPE[message.type]
