"""The library's road: open → judge → fold → react → sign → confirm. Read this file first.

Whatever arrives becomes durable together with all that follows from it, in one transaction: the stream's head, the
loan's new state, the tasks for the ILS, the own messages signed in answer, the confirmation. What this library says
itself walks the same road. Messages are signed inside the transaction that takes their number and sent after it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.agent import home, supplying
from connectors.agent.effects import Do, Effect, Say
from connectors.agent.home import Desk
from connectors.agent.journal import Journal
from connectors.agent.tables import Task, Unit
from connectors.ils.port import PatronStanding, Result
from schemas.dialogue import Kind, Part, rule_of
from schemas.identifiers import AgencyId, MessageHash, Wire
from schemas.lifecycle import Event, event_of
from schemas.loan import Loan, OutOfTurn, WrongRole, advance, copies_of, open_loan
from schemas.messages import (
    Accepted,
    AnyMessage,
    Confirmation,
    Message,
    MessageType,
    Refusal,
    StatementProposal,
    decode_message,
)
from schemas.problems import ProblemCode
from trust.directory import TrustedDirectory
from trust.dsse import decode_envelope
from trust.envelope import Verified, open_envelope, seal
from trust.errors import TrustError
from trust.keys import SigningKey
from trust.stream import Verdict, follow, judge, next_position
from trust.stream import advance as advance_head

log = logging.getLogger(__name__)

BUSINESS_DAYS = timedelta(days=60)
CONFIRM_WITHIN = timedelta(hours=48)
"""A durable message that its receiver has not confirmed by then raises an alarm."""


class Refused(Exception):
    """Something that arrived is not let in; ``code`` says why. The hub or a sender has broken the protocol."""

    def __init__(self, code: ProblemCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True)
class Office:
    """One library's end of the wire. ``directory`` is asked at every message."""

    me: AgencyId
    key: SigningKey
    directory: Callable[[], TrustedDirectory]
    journal: Journal
    clock: Callable[[], datetime]
    token_key: bytes = field(repr=False)
    work: asyncio.Event = field(default_factory=asyncio.Event)
    mail: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def gateway(self) -> AgencyId:
        """The alliance's gateway, by the directory."""
        return self.directory().directory.gateway.agency

    async def deliver(self, number: int, envelope: bytes, accepted: bytes) -> None:
        """Take in one entry of the mailbox. What is refused raises an alarm and changes nothing else.

        Raises:
            Refused: by name; the entry is not acknowledged.
        """
        now = self.clock()
        try:
            verified = open_envelope(envelope, self.directory(), now=now, me=self.me)
            index = self._index(verified, accepted, now)
            await self.journal.run(lambda unit: _Entry(self, unit, now).take_in(verified, index, number))
        except (TrustError, Refused) as error:
            await self._alarm(now, error)
            raise Refused(error.code, str(error)) from error
        self._ring()

    async def answered(self, hash_: str, answer: bytes) -> bool:
        """Take the gateway's answer to an own message: an Accepted ends its stay in the outbox, a Refusal alarms.

        Returns whether the next message may be sent.
        """
        now = self.clock()
        try:
            verified = open_envelope(answer, self.directory(), now=now, me=None)
            body = verified.message.body
            if verified.message.src != self.gateway or not isinstance(body, Accepted | Refusal):
                raise Refused(ProblemCode.REPLY_MISMATCH, "the gateway answered a message with something else")
            ends_here = isinstance(body, Accepted) or body.stream is not None
            if ends_here and body.message != hash_:
                raise Refused(ProblemCode.REPLY_MISMATCH, "the gateway answered for another message than was sent")
        except (TrustError, Refused) as error:
            await self._alarm(now, error)
            return False
        if isinstance(body, Accepted):
            index = body.index
            await self.journal.run(lambda unit: _took_over(unit, hash_, index))
            return True
        await self._alarm(now, Refused(body.code, f"the gateway refused {hash_[:12]}: {body.detail}"))
        if body.stream is not None:
            await self.journal.run(lambda unit: unit.dequeue(hash_))
        return body.stream is not None

    async def decide(self, conv: str, rule: Callable[[Desk, Loan], Iterable[Effect]]) -> Loan:
        """Let staff, a clock or the worker move a loan on: ``rule`` runs in the transaction.

        Raises:
            Refused: there is no such loan here.
        """
        now = self.clock()

        def work(unit: Unit) -> Loan:
            loan = unit.loan(conv)
            if loan is None:
                raise Refused(ProblemCode.NOT_FOUND, f"no loan {conv} in this library's journal")
            entry = _Entry(self, unit, now)
            entry.perform(loan.conv, rule(entry.desk, loan))
            moved = unit.loan(conv)
            assert moved is not None
            return moved

        loan = await self.journal.run(work)
        self._ring()
        return loan

    async def finish(self, task: Task, outcome: Result | PatronStanding) -> None:
        """Note what the ILS answered, together with what the library says because of it.

        Where the loan no longer allows that, the task is done all the same and a person is told.
        """
        def rule(desk: Desk, loan: Loan) -> tuple[Effect, ...]:
            desk.unit.mark_done(task.id)
            if isinstance(outcome, PatronStanding):
                return home.patron_checked(desk, loan, outcome)
            return supplying.done(desk, loan, task.do, outcome)

        try:
            await self.decide(task.conv, rule)
        except Refused as refused:
            await self.journal.run(lambda unit: unit.mark_done(task.id))
            await self._alarm(self.clock(), refused)

    async def say(self, kind: MessageType, dst: AgencyId, body: Wire, reply_to: MessageHash | None = None, *,
                  beside: Callable[[Unit], None]) -> MessageHash:
        """Say something durable that is about no loan; ``beside`` runs in the same transaction."""
        now = self.clock()

        def work(unit: Unit) -> MessageHash:
            beside(unit)
            return _Entry(self, unit, now).sign(Say(kind, dst, body, reply_to), None)

        hash_ = await self.journal.run(work)
        self._ring()
        return hash_

    async def wait_for_work(self) -> None:
        """Return when a task may be open."""
        await self.work.wait()
        self.work.clear()

    def header(self, kind: MessageType, dst: AgencyId, now: datetime, life: timedelta = BUSINESS_DAYS
               ) -> dict[str, Any]:
        """Return the header fields that every message of this library shares."""
        return {"type": kind, "src": self.me, "dst": dst, "created": now, "expires": now + life,
                "dir": self.directory().reference}

    def _index(self, verified: Verified[AnyMessage], accepted: bytes, now: datetime) -> int | None:
        """Return the log index that the gateway has signed for this very message; control messages have none."""
        if rule_of(verified.message.type).kind is not Kind.DURABLE:
            return None
        opened = open_envelope(accepted, self.directory(), now=now, me=self.me)
        body = opened.message.body
        if opened.signer != self.gateway or not isinstance(body, Accepted) or body.message != verified.hash:
            raise Refused(ProblemCode.REPLY_MISMATCH, "the hub shows no log entry for this message")
        return body.index

    async def _alarm(self, now: datetime, error: TrustError | Refused) -> None:
        log.warning("refused (%s): %s", error.code, error)
        await self.journal.run(lambda unit: unit.alarm(now.isoformat(), error.code, str(error)))

    def _ring(self) -> None:
        self.work.set()
        self.mail.set()


def _took_over(unit: Unit, hash_: str, index: int) -> None:
    unit.set_index(hash_, index)
    unit.dequeue(hash_)


class _Entry:
    """One thing that happens at this library, in one transaction."""

    def __init__(self, office: Office, unit: Unit, now: datetime) -> None:
        self._office = office
        self._unit = unit
        self._now = now
        directory = office.directory()
        self.desk = Desk(unit, directory, now, office.me, directory.directory.gateway.agency, office.token_key)

    def take_in(self, verified: Verified[AnyMessage], index: int | None, number: int) -> None:
        """Judge, keep, fold, react, confirm.

        An entry that comes again under its own number is only acknowledged, as after a broken link. A known message
        under a new number is a replay: no honest hub does that.
        """
        unit = self._unit
        if number <= int(unit.fact("received", "0")):
            return
        if unit.has_message(verified.hash):
            raise Refused(ProblemCode.REPLAYED, f"message {verified.hash[:12]} was taken in before")
        self._take_in_new(verified, index)
        unit.set_fact("received", str(number))

    def _take_in_new(self, verified: Verified[AnyMessage], index: int | None) -> None:
        message, unit, rule = verified.message, self._unit, rule_of(verified.message.type)
        by_hub, for_hub = message.src == self._office.gateway, rule.src is Part.GATEWAY
        if rule.kind is Kind.QUESTION or (rule.src is not Part.ANYONE and by_hub is not for_hub):
            raise Refused(ProblemCode.WRONG_ROLE, f"a {message.type} from {message.src} is no mail")
        if rule.kind is Kind.CONTROL:
            unit.add_message(verified.hash, message.type, message.conv or "", None, verified.envelope)
            self._control(message)
            return
        if message.dst == self._office.me:
            self._move_stream(verified)
        unit.add_message(verified.hash, message.type, message.conv or "", index, verified.envelope)
        if rule.channel == "loan":
            self._fold_in(message, verified.hash)
        if isinstance(message.body, StatementProposal):
            unit.set_fact("statement", f"{unit.fact('statement')} {verified.hash}".strip())
        if message.dst == self._office.me:
            self._confirm(message, verified.hash)

    def _control(self, message: AnyMessage) -> None:
        body = message.body
        if isinstance(body, Confirmation) and message.src == self._receiver(body.message):
            self._unit.confirmed(body.message)
        if isinstance(body, Refusal) and body.stream is not None and message.src == self._office.gateway:
            self._step_over(message.dst, body)

    def _receiver(self, hash_: MessageHash) -> AgencyId | None:
        """Return to whom a kept message is addressed."""
        if not self._unit.has_message(hash_):
            return None
        return decode_message(decode_envelope(self._unit.envelope(hash_)).payload).dst

    def _step_over(self, sender: AgencyId, refusal: Refusal) -> None:
        """A numbered message broke the protocol and will not come: move its stream past it, by its hash."""
        position = refusal.stream
        assert position is not None
        head = self._unit.head(sender, self._office.me, position.channel)
        if judge(head, position, refusal.message) is Verdict.FRESH:
            self._unit.set_head(sender, self._office.me, position.channel, advance_head(head, refusal.message))

    def _move_stream(self, verified: Verified[AnyMessage]) -> None:
        message = verified.message
        position = message.stream
        if position is None or position.channel != rule_of(message.type).channel:
            raise Refused(ProblemCode.STREAM_BROKEN, f"a {message.type} without its number")
        head = self._unit.head(message.src, message.dst, position.channel)
        self._unit.set_head(message.src, message.dst, position.channel, follow(head, position, verified.hash))

    def _fold_in(self, message: AnyMessage, hash_: MessageHash) -> None:
        """Fold a message that came in. One that the loan does not allow has used up its number: a person is told."""
        try:
            loan = self._moved(message, hash_)
        except Refused as refused:
            self._unit.alarm(self._now.isoformat(), refused.code, str(refused))
            return
        self._move(loan, message, hash_)

    def _moved(self, message: AnyMessage, hash_: MessageHash) -> Loan:
        """Return the loan's next state."""
        if message.conv is None:
            raise Refused(ProblemCode.BAD_REQUEST, f"a {message.type} that names no loan")
        before = self._unit.loan(message.conv)
        try:
            if before is None:
                before = open_loan(message, hash_)
            return before if before.order == hash_ else advance(before, message, hash_)
        except OutOfTurn as error:
            raise Refused(ProblemCode.OUT_OF_TURN, str(error)) from None
        except WrongRole as error:
            raise Refused(ProblemCode.WRONG_ROLE, str(error)) from None

    def _move(self, loan: Loan, message: AnyMessage, hash_: MessageHash) -> None:
        """Keep the loan's next state and do what follows from it."""
        self._unit.put_loan(loan)
        self.perform(loan.conv, self._reactions(loan, message, hash_))

    def _reactions(self, loan: Loan, message: AnyMessage, hash_: MessageHash) -> tuple[Effect, ...]:
        me, event = self._office.me, event_of(message)
        at_home = home.react(self.desk, event, loan, message, hash_) if me == loan.home else ()
        late = event is Event.REQUESTED and message.dst != me
        supplies = me == loan.supplier and not late
        return (*at_home, *(supplying.react(self.desk, event, loan, message) if supplies else ()))

    def perform(self, conv: str, effects: Iterable[Effect]) -> None:
        """Journal the tasks and sign the messages; each own message is folded and reacted to like any other."""
        for effect in effects:
            if isinstance(effect, Do):
                self._unit.add_task(conv, effect)
            else:
                self.sign(effect, conv)

    def sign(self, say: Say, conv: str | None) -> MessageHash:
        """Number, sign and enqueue a durable message."""
        office, unit = self._office, self._unit
        channel = rule_of(say.kind).channel
        loan = unit.loan(conv) if conv else None
        copies = copies_of(loan, office.me, say.dst) if loan and rule_of(say.kind).relayed else ()
        head = unit.head(office.me, say.dst, channel)
        message = Message[Any](**office.header(say.kind, say.dst, self._now), conv=conv, copies=copies,
                               reply_to=say.reply_to, stream=next_position(head, channel), body=say.body)
        sealed = seal(message, office.key)
        unit.set_head(office.me, say.dst, channel, advance_head(head, sealed.hash))
        unit.add_message(sealed.hash, say.kind, conv or "", None, sealed.envelope)
        if say.dst != office.gateway:
            unit.await_confirmation(sealed.hash, (self._now + CONFIRM_WITHIN).isoformat())
        unit.enqueue(sealed.hash, sealed.envelope)
        if channel == "loan":
            self._move(self._moved(message, sealed.hash), message, sealed.hash)
        return sealed.hash

    def _confirm(self, message: AnyMessage, hash_: MessageHash) -> None:
        office = self._office
        header = office.header(MessageType.CONFIRMATION, message.src, self._now)
        body = Confirmation(message=hash_)
        sealed = seal(Message[Confirmation](**header, conv=message.conv, reply_to=hash_, body=body), office.key)
        self._unit.enqueue(sealed.hash, sealed.envelope)
