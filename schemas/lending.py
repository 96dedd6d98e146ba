"""The bodies of the messages that make a loan, shaped after ISO 18626 where it has the message.

Amounts are fen, times are UTC. What a supplying library learns of the reader is a pseudonym and a credit voucher.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.identifiers import (
    AgencyId,
    Count,
    Fen,
    Integer,
    ItemBarcode,
    MessageHash,
    PatronToken,
    ShortText,
    Timestamp,
    Wire,
)


class BibRef(Wire):
    """The work asked for, as the union catalogue describes it."""

    cluster: ShortText
    title: ShortText
    author: ShortText = ""
    isbn13: Annotated[str, Field(pattern=r"^(97[89][0-9]{10})?$")] = ""
    volume: ShortText = ""


class PickupPoint(Wire):
    """Where the reader collects: a point run by an agency."""

    agency: AgencyId
    point: ShortText


class RotaEntry(Wire):
    """One possible supplier, with the reasons for its place."""

    agency: AgencyId
    record_id: ShortText
    score: Integer
    reasons: tuple[ShortText, ...]


class Quote(Wire):
    """What the loan will cost the home library at most."""

    fee_fen: Fen
    carriage_out_fen: Fen
    carriage_back_fen: Fen
    guarantee_fen: Fen

    @property
    def total_fen(self) -> int:
        """The sum that the reservation must cover."""
        return self.fee_fen + self.carriage_out_fen + self.carriage_back_fen + self.guarantee_fen


SealedAddress = Annotated[str, Field(max_length=4096)]
"""Where a copy is to be brought, sealed for one loan to whoever has to know (JWE, ECDH-ES P-256, A256GCM)."""


class ReaderOrder(Wire):
    """What the reader signs with the session's key, so that the hub cannot order for a reader.

    ``address`` is sealed to the home library; without one the reader collects the copy at the pickup point.
    """

    conv: ShortText
    home: AgencyId
    bib: BibRef
    pickup: PickupPoint
    created: Timestamp
    address: SealedAddress | None = None


class Order(Wire):
    """Gateway → home: a reader's order with the proposed suppliers and the quote.

    ``signed_order`` is a compact JWS (ES256) over a ``ReaderOrder`` by the session key that ``session`` names; the
    home library refuses an order whose ``bib`` or ``pickup`` is not the one the reader signed.
    """

    session: ShortText
    signed_order: Annotated[str, Field(max_length=8192)]
    bib: BibRef
    pickup: PickupPoint
    rota: tuple[RotaEntry, ...]
    quote: Quote


class OrderRefusal(StrEnum):
    """Why the home library does not take an order."""

    NOT_SIGNED = "NotSigned"
    PATRON_BLOCKED = "PatronBlocked"
    LIMIT_REACHED = "LimitReached"
    RESERVATION_REFUSED = "ReservationRefused"
    NO_SUPPLIER = "NoSupplier"
    WRONG_QUOTE = "WrongQuote"
    ADDRESS_REFUSED = "AddressRefused"


class OrderRefused(Wire):
    """Home → gateway: the order ends here."""

    reason: OrderRefusal
    note: ShortText = ""


class AmendmentAction(StrEnum):
    """What a reader may ask of a running loan."""

    RENEW = "Renew"
    CANCEL = "Cancel"


class ReaderAmendment(Wire):
    """What the reader signs to renew or cancel."""

    conv: ShortText
    action: AmendmentAction
    created: Timestamp


class OrderAmendment(Wire):
    """Gateway → home: the reader's own signed wish."""

    session: ShortText
    signed_amendment: Annotated[str, Field(max_length=8192)]


class ReservationAsked(Wire):
    """Home → gateway: set aside what this loan can cost, against the home library's net debit cap."""

    quote: Quote


class ReservationGranted(Wire):
    """Gateway → home: the amounts are held."""

    total_fen: Fen


class ReservationRefused(Wire):
    """Gateway → home: the cap does not allow it."""

    total_fen: Fen
    available_fen: Integer


class ReservationReleased(Wire):
    """Home → gateway: no supplier is left or the reader has cancelled; nothing more will be asked."""

    outcome: Annotated[str, Field(pattern=r"^(Unfilled|Cancelled)$")]


class Voucher(Wire):
    """The home library's word for its reader: used once, and never a score."""

    patron: PatronToken
    tier: ShortText
    items: Annotated[int, Field(ge=1, lt=2**53)]
    value_fen: Fen
    valid_until: Timestamp


class Request(Wire):
    """Home → supplying (ISO 18626 Request): one supplier at a time, in the order of the rota.

    ``previous`` is the hash of what ended the place before: that supplier's Unfilled, or the home library's own
    Cancel once ``answer_by`` had passed. ``delivery`` is sealed to the pickup library, which hears every Request.
    """

    bib: BibRef
    record_id: ShortText
    voucher: Voucher
    quote: Quote
    pickup: PickupPoint
    rota: tuple[AgencyId, ...]
    position: Count
    answer_by: Timestamp
    reservation: MessageHash
    previous: MessageHash | None = None
    delivery: SealedAddress | None = None


class ReasonForMessage(StrEnum):
    """ISO 18626 reasonForMessage."""

    REQUEST_RESPONSE = "RequestResponse"
    STATUS_CHANGE = "StatusChange"
    RENEW_RESPONSE = "RenewResponse"
    CANCEL_RESPONSE = "CancelResponse"
    NOTIFICATION = "Notification"


class SupplierStatus(StrEnum):
    """ISO 18626 status, as a supplying agency states it."""

    EXPECT_TO_SUPPLY = "ExpectToSupply"
    WILL_SUPPLY = "WillSupply"
    UNFILLED = "Unfilled"
    LOANED = "Loaned"
    OVERDUE = "Overdue"
    RECALLED = "Recalled"
    LOAN_COMPLETED = "LoanCompleted"
    COMPLETED_WITHOUT_RETURN = "CompletedWithoutReturn"
    CANCELLED = "Cancelled"


class ReasonUnfilled(StrEnum):
    """ISO 18626 reasonUnfilled, as far as it is used here."""

    NOT_AVAILABLE = "NotAvailable"
    NOT_HELD = "NotHeld"
    ON_LOAN = "OnLoan"
    POLICY_PROBLEM = "PolicyProblem"
    NOT_ON_SHELF = "NotOnShelf"
    VOUCHER_REFUSED = "VoucherRefused"


class SupplyingAgencyMessage(Wire):
    """Supplying → home, copied to the pickup library (ISO 18626 SupplyingAgencyMessage)."""

    reason_for_message: ReasonForMessage
    status: SupplierStatus
    answer: bool | None = None
    reason_unfilled: ReasonUnfilled | None = None
    barcode: ItemBarcode | None = None
    price_fen: Fen | None = None
    due_date: date | None = None
    charge_fen: Fen | None = None
    note: ShortText = ""


class Action(StrEnum):
    """ISO 18626 action of a requesting agency, and the confirmation that lets a supplier dispatch."""

    SUPPLY_CONFIRMED = "SupplyConfirmed"
    RECEIVED = "Received"
    RENEW = "Renew"
    CANCEL = "Cancel"
    SHIPPED_RETURN = "ShippedReturn"
    NOTIFICATION = "Notification"


class RequestingAgencyMessage(Wire):
    """Home, pickup or returned-at library → supplying (ISO 18626 RequestingAgencyMessage)."""

    action: Action
    reported_lost: bool = False
    note: ShortText = ""


class Custody(StrEnum):
    """Who answers for the copy."""

    SUPPLIER = "supplier"
    IN_TRANSIT = "in transit"
    PICKUP_POINT = "pickup point"
    LOCKER = "locker"
    READER = "reader"
    RETURNED_AT = "returned at"
    IN_TRANSIT_BACK = "in transit back"


class Condition(StrEnum):
    """How the copy looked when it changed hands."""

    GOOD = "good"
    DAMAGED = "damaged"
    WRONG_ITEM = "wrong item"


class CustodyReceipt(Wire):
    """Whoever takes the copy → supplying: taken over by whom, where, in which condition.

    The library that runs the point, or hired the courier, signs for lockers, couriers and readers.
    """

    barcode: ItemBarcode
    holder: Custody
    place: ShortText
    condition: Condition = Condition.GOOD
    happened_at: Timestamp
