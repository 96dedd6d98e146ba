"""The road: open → decide → post → record → answer. Read this file first.

A library's envelope comes in as bytes and leaves, towards its receiver, as the same bytes. Between the two lies one
transaction: who says so (``trust``), may they (``schemas.loan``), what does it cost (``schemas.tariff``), can we prove
it (the evidence log), who must hear (the mailboxes). What the gateway says itself walks the same road.

The gateway is a relay: it checks the protocol and never refuses for business reasons; limits are asked first, in the
Reservation. It holds no library's key.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from federation.loans.reaction import Reply, react
from federation.ports import Clock, Delivery, Store, StoredMessage, Unit
from schemas.dialogue import Kind, Part, Rule, rule_of
from schemas.envelope import CONTROL_DAYS
from schemas.identifiers import AgencyId, MessageHash, Wire
from schemas.lending import Order
from schemas.lifecycle import event_of
from schemas.loan import Loan, OutOfTurn, WrongRole, advance, open_copy, open_loan
from schemas.messages import Accepted, AnyMessage, HarvestBatch, LoanAnswer, LoanQuestion, Message, MessageType, Refusal
from schemas.problems import ProblemCode
from schemas.tariff import transfers_for
from trust.directory import TrustedDirectory
from trust.envelope import Sealed, Verified, open_envelope, seal
from trust.errors import Replayed, TrustError
from trust.keys import SigningKey
from trust.stream import follow, next_position

T = TypeVar("T")
QUESTION_LIFE = timedelta(minutes=2)
CONTROL_LIFE = timedelta(days=CONTROL_DAYS)
BUSINESS_DAYS = timedelta(days=60)
"""``expires`` of a durable message: a business date, because it may wait out an outage."""


class NotAccepted(Exception):
    """A message that broke the protocol; it becomes a signed Refusal to both ends."""

    def __init__(self, code: ProblemCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True)
class Gateway:
    """The alliance's hub. ``directory`` is asked at every message, so that a new version takes effect at once."""

    me: AgencyId
    key: SigningKey
    directory: Callable[[], TrustedDirectory]
    store: Store
    clock: Clock
    wake: Callable[[str], None]

    async def receive(self, raw: bytes, link: AgencyId | None = None) -> bytes:
        """Take over a message and return the signed Accepted, or the signed Refusal, as an envelope.

        ``link`` is the library whose authenticated link carries it: only the sender itself may ask again for the
        answer to the same bytes. From anybody else they are a replay.
        """
        now = self.clock()
        try:
            verified = open_envelope(raw, self.directory(), now=now, me=None)
        except TrustError as error:
            return self._refuse_bytes(error, now)
        answer, listeners = await self.store.run(lambda unit: self._decide(unit, verified, now, link))
        for agency in listeners:
            self.wake(agency)
        return answer

    async def act(self, work: Callable[["Road"], T]) -> T:
        """Let the gateway itself do something in one transaction: order for a reader, close a window."""
        def unit_work(unit: Unit) -> tuple[T, set[str]]:
            road = Road(self, unit, self.clock())
            return work(road), road.listeners

        result, listeners = await self.store.run(unit_work)
        for agency in listeners:
            self.wake(agency)
        return result

    async def answer(self, raw: bytes) -> bytes:
        """Answer a library's question: whose loan a copy is that was handed in there."""
        now = self.clock()
        try:
            verified = open_envelope(raw, self.directory(), now=now, me=self.me)
        except TrustError as error:
            return self._refuse_bytes(error, now)
        body = verified.message.body
        if not isinstance(body, LoanQuestion):
            no_question = NotAccepted(ProblemCode.WRONG_ROLE, f"a {verified.message.type} is no LoanQuestion")
            return self._refuse_bytes(no_question, now)
        loans = await self.store.run(lambda unit: unit.loans.with_barcode(body.barcode))
        answer = LoanAnswer(loans=tuple(opened for loan in loans if (opened := open_copy(loan))))
        header = self.header(MessageType.LOAN_ANSWER, verified.signer, now, QUESTION_LIFE)
        return seal(Message[LoanAnswer](**header, reply_to=verified.hash, nonce=verified.message.nonce, body=answer),
                    self.key).envelope

    async def mail(self, agency: AgencyId, received: int, sent: int, limit: int) -> Sequence[Delivery]:
        """Return what a library's mailbox holds after ``sent``, and forget what it has made durable."""
        def work(unit: Unit) -> Sequence[Delivery]:
            unit.mailboxes.prune(agency, received)
            return unit.mailboxes.after(agency, sent, limit)

        return await self.store.run(work)

    def question(self, kind: MessageType, dst: AgencyId, body: Wire) -> Sealed:
        """Return a sealed question to a library: never stored, never numbered."""
        header = self.header(kind, dst, self.clock(), QUESTION_LIFE)
        return seal(Message[Any](**header, nonce=secrets.token_hex(8), body=body), self.key)

    def header(self, kind: MessageType, dst: AgencyId, now: datetime, life: timedelta) -> dict[str, Any]:
        """Return the header fields that every message of the gateway shares."""
        directory = self.directory()
        return {"type": kind, "src": self.me, "dst": dst, "created": now, "expires": now + life,
                "dir": directory.reference}

    def _decide(self, unit: Unit, verified: Verified[AnyMessage], now: datetime, link: AgencyId | None
                ) -> tuple[bytes, set[str]]:
        road = Road(self, unit, now)
        known = unit.messages.get(verified.hash)
        if known is None:
            return road.walk(verified), road.listeners
        if link == verified.signer:
            return known.accepted, set()
        return self._refuse_bytes(Replayed("the gateway has this message already"), now), set()

    def _refuse_bytes(self, error: TrustError | NotAccepted, now: datetime) -> bytes:
        """Refuse what is not even a verified message; nothing of it is kept."""
        body = Refusal(message=MessageHash("0" * 64), code=error.code, detail=str(error))
        header = self.header(MessageType.REFUSAL, self.me, now, CONTROL_LIFE)
        return seal(Message[Refusal](**header, body=body), self.key).envelope


class Road:
    """One message's way through one transaction."""

    def __init__(self, gateway: Gateway, unit: Unit, now: datetime) -> None:
        self._gateway = gateway
        self.unit = unit
        self.now = now
        self.listeners: set[str] = set()

    def walk(self, verified: Verified[AnyMessage]) -> bytes:
        """Accept a library's message, with all that follows from it, or refuse it."""
        message = verified.message
        try:
            self._check(message, verified.hash)
            before, loan = self._advance(message, verified.hash)
        except NotAccepted as refused:
            return self._refuse(verified, refused)
        accepted = self._record(message, verified.hash, verified.envelope, before, loan)
        for reply in react(self.unit, self._gateway.directory(), message, verified.hash, loan):
            self.say(reply, message.conv)
        return accepted

    def say(self, reply: Reply, conv: str | None) -> MessageHash:
        """Number, sign and record a message of the gateway's own, inside this transaction."""
        gateway, rule = self._gateway, rule_of(reply.kind)
        head = self.unit.streams.head(gateway.me, reply.dst, rule.channel)
        header = gateway.header(reply.kind, reply.dst, self.now, BUSINESS_DAYS)
        message = Message[Any](**header, conv=conv, reply_to=reply.reply_to,
                               stream=next_position(head, rule.channel), body=reply.body)
        sealed = seal(message, gateway.key)
        before, loan = self._advance(message, sealed.hash)
        self._move_stream(message, sealed.hash)
        self._record(message, sealed.hash, sealed.envelope, before, loan)
        return sealed.hash

    def _check(self, message: AnyMessage, hash_: MessageHash) -> None:
        rule, me = rule_of(message.type), self._gateway.me
        if rule.kind is Kind.QUESTION or rule.src is Part.GATEWAY or message.src == me:
            raise NotAccepted(ProblemCode.WRONG_ROLE, f"{message.type} is not for this door")
        if rule.kind is Kind.DURABLE:
            if message.stream is None or message.stream.channel != rule.channel:
                raise NotAccepted(ProblemCode.STREAM_BROKEN, f"{message.type} is numbered on channel {rule.channel}")
            self._move_stream(message, hash_)
        self._check_hearers(message, rule)
        self._check_reply(message, rule)

    def _check_hearers(self, message: AnyMessage, rule: Rule) -> None:
        me, members = self._gateway.me, self._gateway.directory().directory.by_id
        if message.dst == message.src or message.dst not in members:
            raise NotAccepted(ProblemCode.WRONG_DESTINATION, f"{message.type} goes to another member")
        if rule.dst is Part.GATEWAY and message.dst != me:
            raise NotAccepted(ProblemCode.WRONG_DESTINATION, f"{message.type} is addressed to the gateway")
        if message.copies and not rule.relayed:
            raise NotAccepted(ProblemCode.WRONG_ROLE, f"{message.type} concerns nobody but its receiver")

    def _check_subject(self, message: AnyMessage) -> None:
        """A control message is about one that passed between the same two: a stranger has nothing to say of it."""
        hash_ = getattr(message.body, "message", None)
        about = self.unit.messages.get(hash_) if hash_ else None
        ends, conv = (about and {about.src, about.dst}), (about.conv if about else "")
        if (hash_ and ends != {message.src, message.dst}) or conv != (message.conv or ""):
            raise NotAccepted(ProblemCode.REPLY_MISMATCH, f"a {message.type} of no message between these two")

    def _check_reply(self, message: AnyMessage, rule: Rule) -> None:
        if rule.kind is Kind.CONTROL:
            self._check_subject(message)
        if not rule.answers:
            return
        asked = self.unit.messages.get(message.reply_to) if message.reply_to else None
        if asked is None or asked.type not in rule.answers or asked.conv != (message.conv or ""):
            raise NotAccepted(ProblemCode.REPLY_MISMATCH, f"{message.type} answers no message of this loan")
        if asked.type == MessageType.STATEMENT_PROPOSAL and asked.dst != message.src:
            raise NotAccepted(ProblemCode.REPLY_MISMATCH, f"{message.type} answers another library's statement")

    def _move_stream(self, message: AnyMessage, hash_: MessageHash) -> None:
        assert message.stream is not None
        streams, position = self.unit.streams, message.stream
        head = streams.head(message.src, message.dst, position.channel)
        try:
            moved = follow(head, position, hash_)
        except TrustError as error:
            raise NotAccepted(error.code, str(error)) from None
        streams.set_head(message.src, message.dst, position.channel, moved)

    def _advance(self, message: AnyMessage, hash_: MessageHash) -> tuple[Loan | None, Loan | None]:
        """Return the loan before and after; both ``None`` where the message is about no loan."""
        rule = rule_of(message.type)
        if rule.channel != "loan":
            return None, None
        if message.conv is None:
            raise NotAccepted(ProblemCode.BAD_REQUEST, f"{message.type} names no loan")
        before = self.unit.loans.get(message.conv)
        try:
            if before is None:
                return None, self._open(message, hash_)
            if rule.relayed:
                _check_copies(before, message)
            return before, advance(before, message, hash_)
        except OutOfTurn as error:
            raise NotAccepted(ProblemCode.OUT_OF_TURN, str(error)) from None
        except WrongRole as error:
            raise NotAccepted(ProblemCode.WRONG_ROLE, str(error)) from None

    def _open(self, message: AnyMessage, hash_: MessageHash) -> Loan:
        if message.src != self._gateway.me or not isinstance(message.body, Order):
            raise OutOfTurn(None, event_of(message), "no such loan at the gateway")
        return open_loan(message, hash_)

    def _record(self, message: AnyMessage, hash_: MessageHash, envelope: bytes, before: Loan | None,
                loan: Loan | None) -> bytes:
        unit, gateway = self.unit, self._gateway
        index = unit.log.append(hash_, self.now, message.type)
        if loan is not None:
            if before is not None:
                unit.ledger.post(transfers_for(before, loan, message, hash_, event_of(message),
                                               gateway.directory().tariff, gateway.me), index)
            unit.loans.put(loan, self.now)
        if isinstance(message.body, HarvestBatch):
            unit.catalogue.upsert(message.src, message.body.bibs)
            unit.catalogue.delete(message.src, message.body.deleted)
        accepted = self._accepted(message, hash_, index).envelope
        unit.messages.add(StoredMessage(hash_, message.type, message.src, message.dst, message.conv or "", index,
                                        envelope, accepted))
        for agency in _hearers(message, before) - {gateway.me, message.src}:
            unit.mailboxes.put(agency, envelope, accepted)
            self.listeners.add(agency)
        return accepted

    def _accepted(self, message: AnyMessage, hash_: MessageHash, index: int) -> Sealed:
        gateway = self._gateway
        own = message.src == gateway.me
        header = gateway.header(MessageType.ACCEPTED, message.dst if own else message.src, self.now, CONTROL_LIFE)
        body = Accepted(message=hash_, index=index, arrived=self.now)
        hearers = tuple(a for a in (message.dst, *message.copies) if a not in (gateway.me, header["dst"]))
        return seal(Message[Accepted](**header, copies=hearers, reply_to=hash_, conv=message.conv, body=body),
                    gateway.key)

    def _refuse(self, verified: Verified[AnyMessage], refused: NotAccepted) -> bytes:
        """Sign a Refusal. One that used up a number of its stream goes to both ends and is kept, by its hash."""
        message, gateway = verified.message, self._gateway
        header = gateway.header(MessageType.REFUSAL, message.src, self.now, CONTROL_LIFE)
        position = message.stream
        used_up = position is not None and verified.hash == self.unit.streams.head(
            message.src, message.dst, position.channel).hash
        hearers = (message.dst,) if used_up and message.dst != gateway.me else ()
        body = Refusal(message=verified.hash, code=refused.code, detail=str(refused)[:500],
                       stream=message.stream if used_up else None)
        sealed = seal(Message[Refusal](**header, copies=hearers, reply_to=verified.hash, conv=message.conv, body=body),
                      gateway.key)
        if used_up:
            self._keep_refused(verified, sealed, hearers)
        return sealed.envelope

    def _keep_refused(self, verified: Verified[AnyMessage], refusal: Sealed, hearers: tuple[AgencyId, ...]) -> None:
        unit, message = self.unit, verified.message
        index = unit.log.append(verified.hash, self.now, "refused")
        unit.messages.add(StoredMessage(verified.hash, "Refused", message.src, message.dst, message.conv or "", index,
                                        verified.envelope, refusal.envelope))
        for agency in hearers:
            unit.mailboxes.put(agency, refusal.envelope, b"")
            self.listeners.add(agency)


def _check_copies(loan: Loan, message: AnyMessage) -> None:
    """Home and pickup library hear every relayed message; who holds the copy now, its sender cannot always know."""
    if not {loan.home, loan.pickup.agency} <= {message.src, message.dst, *message.copies}:
        raise WrongRole("the home or the pickup library is missing from the copies")


def _hearers(message: AnyMessage, loan: Loan | None) -> set[AgencyId]:
    """Return whose mailbox a message goes to: its receiver, and of the copies those that have a part in the loan."""
    parts = {loan.home, loan.pickup.agency, loan.holder, loan.supplier, *loan.former} if loan else set()
    return {message.dst, *(agency for agency in message.copies if agency in parts)}
