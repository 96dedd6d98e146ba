"""One loan told by its messages: what each of them moves, kept as the gateway's journal would keep it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from schemas.directory import Tariff
from schemas.identifiers import AgencyId, ConversationId, ItemBarcode, MessageHash, PatronToken, Wire
from schemas.ledger import Entry, Transfer
from schemas.lending import (
    Action,
    BibRef,
    Custody,
    CustodyReceipt,
    Order,
    PickupPoint,
    Quote,
    ReasonForMessage,
    Request,
    RequestingAgencyMessage,
    ReservationAsked,
    ReservationGranted,
    ReservationReleased,
    SupplierStatus,
    SupplyingAgencyMessage,
    Voucher,
)
from schemas.lifecycle import event_of
from schemas.loan import Loan, OutOfTurn, WrongRole, advance, open_loan
from schemas.messages import AnyMessage, Message, MessageType
from schemas.tariff import transfers_for

HOME, PICKUP = AgencyId("CN-SH-YANGPU"), AgencyId("CN-SH-PUDONG")
SUPPLIER, SECOND, THIRD = AgencyId("CN-ZJ-HANGZHOU"), AgencyId("CN-JS-NANJING"), AgencyId("CN-AH-HEFEI")
CLEARING, FUND, COURIER = AgencyId("DELTA"), AgencyId("DELTA-FUND"), AgencyId("DELTA-COURIER")
ROLES = {HOME: "home", PICKUP: "pickup", SUPPLIER: "supplier", SECOND: "second", THIRD: "third",
         CLEARING: "clearing", FUND: "fund", COURIER: "courier"}

TARIFF = Tariff(loan_fee_fen=800, carriage_out_fen=600, carriage_back_fen=500, third_return_fen=300,
                default_price_fen=5000, fund=FUND, courier=COURIER)
QUOTE = Quote(fee_fen=800, carriage_out_fen=600, carriage_back_fen=500, guarantee_fen=5000)
NOW = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
BIB = BibRef(cluster="9787020002207", title="红楼梦")
BARCODE = ItemBarcode("31000012345678")
POINT = PickupPoint(agency=PICKUP, point="陆家嘴")


@dataclass
class Story:
    """Says messages in one loan; an illegal one raises and moves nothing."""

    conv: ConversationId = ConversationId("loan-0001")  # noqa: RUF009  an immutable string
    quote: Quote = QUOTE
    first_index: int = 0
    loan: Loan | None = None
    said: list[tuple[AnyMessage, MessageHash]] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)

    def say(self, kind: MessageType, src: AgencyId, dst: AgencyId, body: Wire,
            reply_to: MessageHash | None = None) -> tuple[Transfer, ...]:
        """Say it, and return what it moves."""
        number = len(self.said)
        hash_ = MessageHash(hashlib.sha256(f"{self.conv} {number}".encode()).hexdigest())
        message = Message[type(body)](
            type=kind, src=src, dst=dst, conv=self.conv, reply_to=reply_to, created=NOW,
            expires=NOW + timedelta(days=60), dir=(1, MessageHash("0" * 64)), body=body)
        before = self.loan
        self.loan = open_loan(message, hash_) if before is None else advance(before, message, hash_)
        self.said.append((message, hash_))
        moved = () if before is None else transfers_for(before, self.loan, message, hash_, event_of(message),
                                                        TARIFF, CLEARING)
        self.journal += [Entry(self.first_index + number, transfer) for transfer in moved]
        return moved

    @property
    def last(self) -> MessageHash:
        return self.said[-1][1]

    def order(self) -> tuple[Transfer, ...]:
        return self.say(MessageType.ORDER, CLEARING, HOME, Order(
            session="s", signed_order="jws", bib=BIB, pickup=POINT, rota=(), quote=self.quote))

    def ask_reservation(self) -> tuple[Transfer, ...]:
        return self.say(MessageType.RESERVATION_ASKED, HOME, CLEARING, ReservationAsked(quote=self.quote), self.last)

    def grant(self) -> tuple[Transfer, ...]:
        return self.say(MessageType.RESERVATION_GRANTED, CLEARING, HOME,
                        ReservationGranted(total_fen=self.quote.total_fen), self.last)

    def request(self, supplier: AgencyId = SUPPLIER) -> tuple[Transfer, ...]:
        voucher = Voucher(patron=PatronToken("p" * 16), tier="adult", items=1, value_fen=5000,
                          valid_until=NOW + timedelta(days=7))
        return self.say(MessageType.REQUEST, HOME, supplier, Request(
            bib=BIB, record_id="r1", voucher=voucher, quote=self.quote, pickup=POINT, rota=(SUPPLIER, SECOND),
            position=self.loan.position + 1, answer_by=NOW + timedelta(days=1),
            reservation=self.loan.reservation or self.last, previous=self.loan.ended_by))

    def supply(self, status: SupplierStatus, **fields: object) -> tuple[Transfer, ...]:
        fields = {"reason_for_message": ReasonForMessage.STATUS_CHANGE, "status": status} | fields
        return self.say(MessageType.SUPPLYING_AGENCY_MESSAGE, self.loan.supplier or SUPPLIER, HOME,
                        SupplyingAgencyMessage(**fields), self.last)

    def unfilled(self) -> tuple[Transfer, ...]:
        return self.supply(SupplierStatus.UNFILLED)

    def accept(self) -> tuple[Transfer, ...]:
        return self.supply(SupplierStatus.WILL_SUPPLY)

    def confirm(self) -> tuple[Transfer, ...]:
        return self.ask(Action.SUPPLY_CONFIRMED, HOME, self.loan.will_supply)

    def ship(self) -> tuple[Transfer, ...]:
        return self.supply(SupplierStatus.LOANED, barcode=BARCODE, due_date=date(2027, 1, 1), price_fen=4500)

    def cancel(self) -> tuple[Transfer, ...]:
        return self.ask(Action.CANCEL, HOME)

    def agree_to_cancel(self) -> tuple[Transfer, ...]:
        return self.supply(SupplierStatus.CANCELLED, reason_for_message=ReasonForMessage.CANCEL_RESPONSE, answer=True)

    def ask(self, action: Action, src: AgencyId, reply_to: MessageHash | None = None) -> tuple[Transfer, ...]:
        return self.say(MessageType.REQUESTING_AGENCY_MESSAGE, src, self.loan.supplier or SUPPLIER,
                        RequestingAgencyMessage(action=action), reply_to or self.last)

    def take(self, holder: Custody, by: AgencyId, reply_to: MessageHash | None = None) -> tuple[Transfer, ...]:
        supplier = self.loan.supplier or SUPPLIER
        return self.say(MessageType.CUSTODY_RECEIPT, by, HOME if by == supplier else supplier, CustodyReceipt(
            barcode=BARCODE, holder=holder, place="柜台", happened_at=NOW), reply_to or self.last)

    def ship_back(self) -> tuple[Transfer, ...]:
        return self.ask(Action.SHIPPED_RETURN, self.loan.holder or PICKUP)

    def complete(self) -> tuple[Transfer, ...]:
        return self.supply(SupplierStatus.LOAN_COMPLETED)

    def lose(self, charge_fen: int | None = 4500) -> tuple[Transfer, ...]:
        return self.supply(SupplierStatus.COMPLETED_WITHOUT_RETURN, charge_fen=charge_fen)

    def release(self, outcome: str = "Cancelled") -> tuple[Transfer, ...]:
        return self.say(MessageType.RESERVATION_RELEASED, HOME, CLEARING, ReservationReleased(outcome=outcome),
                        self.last)


def ordered(**fields: object) -> Story:
    """A loan that the reader has just asked for."""
    story = Story(**fields)
    story.order()
    return story


def reserved(**fields: object) -> Story:
    """A loan whose amounts are set aside."""
    story = ordered(**fields)
    for step in (story.ask_reservation, story.grant):
        step()
    return story


def shipped(**fields: object) -> Story:
    """A loan on its way to the pickup point."""
    story = reserved(**fields)
    for step in (story.request, story.accept, story.confirm, story.ship):
        step()
    return story


def collected(**fields: object) -> Story:
    """A loan in the reader's hands."""
    story = shipped(**fields)
    story.take(Custody.PICKUP_POINT, PICKUP)
    story.take(Custody.READER, PICKUP)
    return story


STEPS: dict[str, Callable[[Story], object]] = {
    "order": Story.order,
    "ask reservation": Story.ask_reservation,
    "grant": Story.grant,
    "request": Story.request,
    "request elsewhere": lambda story: story.request(SECOND),
    "unfilled": Story.unfilled,
    "accept": Story.accept,
    "confirm": Story.confirm,
    "ship": Story.ship,
    "cancel": Story.cancel,
    "agree to cancel": Story.agree_to_cancel,
    "arrive": lambda story: story.take(Custody.PICKUP_POINT, PICKUP),
    "arrive in locker": lambda story: story.take(Custody.LOCKER, PICKUP),
    "collect": lambda story: story.take(Custody.READER, PICKUP),
    "return": lambda story: story.take(Custody.RETURNED_AT, PICKUP),
    "return elsewhere": lambda story: story.take(Custody.RETURNED_AT, THIRD),
    "ship back": Story.ship_back,
    "come home": lambda story: story.take(Custody.SUPPLIER, story.loan.supplier or SUPPLIER),
    "complete": Story.complete,
    "fall overdue": lambda story: story.supply(SupplierStatus.OVERDUE),
    "be recalled": lambda story: story.supply(SupplierStatus.RECALLED),
    "lose": Story.lose,
    "lose without charge": lambda story: story.lose(None),
    "release": Story.release,
}


def told(choices: list[int], **fields: object) -> Story:
    """Tell a loan: the first choice picks where it begins, each other one a step that is legal then."""
    first, *others = choices or [0]
    story = (ordered, reserved, shipped, collected)[first % 4](**fields)
    for choice in others:
        legal = [step for name, step in STEPS.items() if name != "order" and _is_legal(story, step)]
        if not legal:
            break
        legal[choice % len(legal)](story)
    return story


def _is_legal(story: Story, step: Callable[[Story], object]) -> bool:
    trial = Story(story.conv, story.quote, story.first_index, story.loan, list(story.said), list(story.journal))
    try:
        step(trial)
    except (OutOfTurn, WrongRole):
        return False
    return True
