"""What a message says, in plain words: for people who read evidence and know no protocol."""

from collections.abc import Callable, Mapping

from schemas.lending import Action, CustodyReceipt, RequestingAgencyMessage, SupplierStatus, SupplyingAgencyMessage
from schemas.messages import AnyMessage, MessageType

_S, _A, _M = SupplierStatus, Action, MessageType

_OF_SUPPLIER: Mapping[SupplierStatus, str] = {
    _S.EXPECT_TO_SUPPLY: "expects to supply",
    _S.WILL_SUPPLY: "will supply",
    _S.UNFILLED: "cannot supply",
    _S.LOANED: "sent the copy",
    _S.OVERDUE: "says that the copy is overdue",
    _S.RECALLED: "recalled the copy",
    _S.LOAN_COMPLETED: "has the copy back; the loan is completed",
    _S.COMPLETED_WITHOUT_RETURN: "closed the loan without the copy",
    _S.CANCELLED: "agreed that the loan is cancelled",
}

_OF_REQUESTER: Mapping[Action, str] = {
    _A.SUPPLY_CONFIRMED: "confirmed that this library may send the copy",
    _A.RECEIVED: "received the copy",
    _A.RENEW: "asked to renew",
    _A.CANCEL: "asked to cancel",
    _A.SHIPPED_RETURN: "sent the copy back",
    _A.NOTIFICATION: "sent a notice",
}

_PLAIN: Mapping[MessageType, str] = {
    _M.ORDER: "passed on the reader's signed order",
    _M.ORDER_REFUSED: "refused the order",
    _M.ORDER_AMENDMENT: "passed on the reader's signed wish",
    _M.RESERVATION_ASKED: "asked to set the cost of the loan aside",
    _M.RESERVATION_GRANTED: "set the cost of the loan aside",
    _M.RESERVATION_REFUSED: "could not set the cost of the loan aside",
    _M.RESERVATION_RELEASED: "released what was set aside",
    _M.REQUEST: "asked for the copy and vouched for the reader",
    _M.ACCEPTED: "stated where in the log a message stands",
    _M.CONFIRMATION: "confirmed that a message arrived",
    _M.REFUSAL: "refused a message",
}


def _supplier_says(body: SupplyingAgencyMessage) -> str:
    text = _OF_SUPPLIER[body.status]
    if body.answer is not None:
        text = f"answered {'yes' if body.answer else 'no'}: {text}"
    if body.reason_unfilled:
        text += f" ({body.reason_unfilled})"
    if body.barcode:
        text += f", barcode {body.barcode}"
    return f"{text}, charge {body.charge_fen / 100:.2f} yuan" if body.charge_fen else text


def _requester_says(body: RequestingAgencyMessage) -> str:
    return "reported the copy lost" if body.reported_lost else _OF_REQUESTER[body.action]


def _taker_says(body: CustodyReceipt) -> str:
    return f"took over copy {body.barcode}, now {body.holder} ({body.place}), condition {body.condition}"


_BY_BODY: Mapping[MessageType, Callable[..., str]] = {
    _M.SUPPLYING_AGENCY_MESSAGE: _supplier_says,
    _M.REQUESTING_AGENCY_MESSAGE: _requester_says,
    _M.CUSTODY_RECEIPT: _taker_says,
}


def describe(message: AnyMessage) -> str:
    """Return what the message says, to whom."""
    if message.type in _BY_BODY:
        text = _BY_BODY[message.type](message.body)
    else:
        text = _PLAIN.get(message.type, f"sent {message.type}")
    return f"{text} (to {message.dst})"
