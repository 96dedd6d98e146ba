"""Libraries that lend to each other, and all they say, signed and numbered before any clock starts.

Pairs of a home library and a supplier hold one loan after another. Keys and times are fixed and Ed25519 is
deterministic, so the same messages fit a new gateway's empty database again, round after round.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from federation.gateway import Gateway
from federation.loans.reaction import Reply
from federation.road import Road
from federation.storage.unit import open_database
from schemas.bib import Bib
from schemas.dialogue import rule_of
from schemas.identifiers import AgencyId, ConversationId, ItemBarcode, MessageHash, PatronToken, Wire
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
    RotaEntry,
    SupplierStatus,
    SupplyingAgencyMessage,
    Voucher,
)
from schemas.messages import HarvestBatch, Message, MessageType
from tests.trust.samples import GATEWAY, GATEWAY_KEY, NOW, Published, agency, sample_directory, signing_key
from trust.bundle import write_bundle
from trust.checkpoint import Checkpoint, sign_checkpoint
from trust.directory import TrustedDirectory
from trust.envelope import Sealed, seal
from trust.keys import SigningKey
from trust.own_keys import Signer
from trust.stream import StreamHead, advance, next_position

CAP_FEN = 10**10
QUOTE = Quote(fee_fen=300, carriage_out_fen=500, carriage_back_fen=500, guarantee_fen=5000)
BIB = BibRef(cluster="9787020002207", title="红楼梦", author="曹雪芹", isbn13="9787020002207")
BARCODE = ItemBarcode("31000012345678")
SIGNED_ORDER = "e" * 480
"""As long as a real one; only the home library reads it."""


@dataclass
class Library:
    """One library's hand: numbers and signs what it says."""

    agency: AgencyId
    directory: TrustedDirectory
    key: SigningKey = field(init=False)
    heads: dict[tuple[AgencyId, str], StreamHead] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = signing_key(self.agency)

    def say(self, kind: MessageType, dst: AgencyId, body: Wire, **header: Any) -> Sealed:
        """Return the next message of the stream to ``dst``."""
        channel = rule_of(kind).channel
        head = self.heads.get((dst, channel), StreamHead())
        message = Message[Any](
            type=kind, src=self.agency, dst=dst, created=NOW, expires=NOW + timedelta(days=60),
            dir=self.directory.reference, stream=next_position(head, channel), body=body, **header)
        sealed = seal(message, self.key)
        self.heads[dst, channel] = advance(head, sealed.hash)
        return sealed

    def harvest(self, bibs: Sequence[Bib]) -> list[bytes]:
        """Return one HarvestBatch for each record."""
        return [self.say(MessageType.HARVEST_BATCH, GATEWAY, HarvestBatch(run="1", number=number, bibs=(bib,))).envelope
                for number, bib in enumerate(bibs)]


@dataclass
class Pair:
    """A home library and its supplier."""

    home: Library
    supplier: Library

    def conversation(self, number: int) -> ConversationId:
        """Return the id of the pair's loan ``number``."""
        return ConversationId(f"{self.home.agency.lower()}-{number:06}")

    def order(self) -> Reply:
        """Return what the gateway says first in each loan."""
        rota = (RotaEntry(agency=self.supplier.agency, record_id="000001", score=80, reasons=("on shelf", "near")),)
        return Reply(MessageType.ORDER, self.home.agency, Order(
            session="session-1", signed_order=SIGNED_ORDER, bib=BIB, pickup=self._pickup, rota=rota, quote=QUOTE), None)

    def lend(self, number: int, order: MessageHash) -> Iterator[Sealed]:
        """Yield what the two libraries say from the order until the copy is in the reader's hands."""
        conv = self.conversation(number)
        asked = self.home.say(MessageType.RESERVATION_ASKED, GATEWAY, ReservationAsked(quote=QUOTE), conv=conv,
                              reply_to=order)
        yield asked
        request = self.home.say(MessageType.REQUEST, self.supplier.agency, self._request(asked.hash), conv=conv,
                                reply_to=order)
        yield request
        yield (promised := self._supply(conv, request, SupplierStatus.WILL_SUPPLY, barcode=BARCODE))
        yield (confirmed := self._ask(conv, promised, Action.SUPPLY_CONFIRMED))
        yield (sent := self._supply(conv, confirmed, SupplierStatus.LOANED, barcode=BARCODE,
                                    due_date=(NOW + timedelta(days=30)).date(), price_fen=4500))
        yield (arrived := self._take(conv, sent, Custody.PICKUP_POINT))
        yield self._take(conv, arrived, Custody.READER)

    def give_back(self, number: int, last: Sealed) -> Iterator[Sealed]:
        """Yield what they say from the return until the loan is completed."""
        conv = self.conversation(number)
        yield (returned := self._take(conv, last, Custody.RETURNED_AT))
        yield (sent := self._ask(conv, returned, Action.SHIPPED_RETURN))
        yield (home := self._take(conv, sent, Custody.SUPPLIER, by_home=False))
        yield self._supply(conv, home, SupplierStatus.LOAN_COMPLETED)

    def notify(self, number: int, last: Sealed, count: int) -> Iterator[Sealed]:
        """Yield notes of the home library about a loan: they move neither its state nor money."""
        for _ in range(count):
            yield (last := self._ask(self.conversation(number), last, Action.NOTIFICATION))

    @property
    def _pickup(self) -> PickupPoint:
        return PickupPoint(agency=self.home.agency, point="总服务台")

    def _request(self, reservation: MessageHash) -> Request:
        voucher = Voucher(patron=PatronToken("p" * 22), tier="adult", items=1, value_fen=5000,
                          valid_until=NOW + timedelta(days=60))
        return Request(bib=BIB, record_id="000001", voucher=voucher, quote=QUOTE, pickup=self._pickup,
                       rota=(self.supplier.agency,), position=0, answer_by=NOW + timedelta(days=1),
                       reservation=reservation)

    def _supply(self, conv: ConversationId, last: Sealed, status: SupplierStatus, **fields: Any) -> Sealed:
        body = SupplyingAgencyMessage(reason_for_message=ReasonForMessage.STATUS_CHANGE, status=status, **fields)
        return self.supplier.say(MessageType.SUPPLYING_AGENCY_MESSAGE, self.home.agency, body, conv=conv,
                                 reply_to=last.hash)

    def _ask(self, conv: ConversationId, last: Sealed, action: Action) -> Sealed:
        return self.home.say(MessageType.REQUESTING_AGENCY_MESSAGE, self.supplier.agency,
                             RequestingAgencyMessage(action=action), conv=conv, reply_to=last.hash)

    def _take(self, conv: ConversationId, last: Sealed, holder: Custody, *, by_home: bool = True) -> Sealed:
        taker, other = (self.home, self.supplier) if by_home else (self.supplier, self.home)
        body = CustodyReceipt(barcode=BARCODE, holder=holder, place="总服务台", happened_at=NOW)
        return taker.say(MessageType.CUSTODY_RECEIPT, other.agency, body, conv=conv, reply_to=last.hash)


class Alliance:
    """A gateway's members: ``pairs`` home libraries, each with a supplier of its own."""

    def __init__(self, pairs: int) -> None:
        names = [(AgencyId(f"CN-HOME-{n:03}"), AgencyId(f"CN-SUPPLY-{n:03}")) for n in range(pairs)]
        members = (agency(name).model_copy(update={"net_debit_cap_fen": CAP_FEN}) for pair in names for name in pair)
        self.published = Published(sample_directory(*members))
        self.directory = self.published.accept()
        self.pairs = [Pair(Library(home, self.directory), Library(supplier, self.directory))
                      for home, supplier in names]

    @contextmanager
    def gateway(self) -> Iterator[Gateway]:
        """Run a gateway on an empty database on disk."""
        with TemporaryDirectory(prefix="bench-") as folder:
            database = open_database(str(Path(folder) / "gateway.db"))
            try:
                yield Gateway(GATEWAY, Signer(GATEWAY, [GATEWAY_KEY]), lambda: self.directory, database, lambda: NOW,
                              lambda _agency: None)
            finally:
                database.close()

    async def place_orders(self, gateway: Gateway, loans: int) -> list[list[MessageHash]]:
        """Let the gateway open ``loans`` loans for each pair; return the hashes of its orders."""
        async def of(pair: Pair) -> list[MessageHash]:
            return await gateway.act(lambda road: [road.say(pair.order(), pair.conversation(n)) for n in range(loans)])

        return [await of(pair) for pair in self.pairs]

    def bundle_of_one_loan(self) -> bytes:
        """Return the evidence of a completed loan from a log that holds every pair's order."""
        async def tell(gateway: Gateway) -> bytes:
            [[order], *_] = await self.place_orders(gateway, 1)
            pair = self.pairs[0]
            lent = list(pair.lend(0, order))
            for sealed in (*lent, *pair.give_back(0, lent[-1])):
                await gateway.receive(sealed.envelope)
            return await gateway.act(lambda road: self._bundle(road, pair.conversation(0)))

        with self.gateway() as gateway:
            return asyncio.run(tell(gateway))

    def _bundle(self, road: Road, conv: ConversationId) -> bytes:
        size, root = road.unit.log.extend_tree()
        note = sign_checkpoint(Checkpoint(GATEWAY, size, root), GATEWAY_KEY)
        return write_bundle(conv, road.unit.log.entries(conv, size), note, self.directory)
