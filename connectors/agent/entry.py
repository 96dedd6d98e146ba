"""One thing that happens at a library, in one transaction: judge, keep, fold, react, sign, confirm.

The office opens what comes in and runs an entry in its journal; nothing here waits, sends or asks the time.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.agent import home, supplying
from connectors.agent.effects import Do, Effect, Say
from connectors.agent.home import Desk
from connectors.agent.tables import Unit
from schemas.dialogue import Kind, Part, rule_of
from schemas.envelope import CONTROL_DAYS
from schemas.identifiers import AgencyId, MessageHash
from schemas.lifecycle import Event, event_of
from schemas.loan import Loan, OutOfTurn, WrongRole, advance, copies_of, is_late, open_loan
from schemas.messages import (
    AnyMessage,
    Confirmation,
    Message,
    MessageType,
    Refusal,
    StatementProposal,
    decode_message,
)
from schemas.problems import ProblemCode
from trust.dsse import decode_envelope
from trust.envelope import Verified, seal
from trust.stream import Verdict, follow, judge, next_position
from trust.stream import advance as advance_head

if TYPE_CHECKING:
    from connectors.agent.office import Office

CONFIRM_WITHIN = timedelta(hours=48)
"""A durable message that its receiver has not confirmed by then raises an alarm."""


class Refused(Exception):
    """Something that arrived is not let in; ``code`` says why. The hub or a sender has broken the protocol."""

    def __init__(self, code: ProblemCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Entry:
    """One thing that happens at this library; ``desk`` is what its rules may look at."""

    def __init__(self, office: "Office", unit: Unit, now: datetime) -> None:
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
        before = self._unit.loan(message.conv or "")
        try:
            loan = self._moved(message, hash_)
            self._unit.put_loan(loan)
            if before is None or not is_late(before, message):
                with self._unit.part():
                    self.perform(loan.conv, self._reactions(loan, message, hash_))
        except Refused as refused:
            self._unit.alarm(self._now.isoformat(), refused.code, str(refused))

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
            moved = self._moved(message, sealed.hash)
            unit.put_loan(moved)
            self.perform(moved.conv, self._reactions(moved, message, sealed.hash))
        return sealed.hash

    def _confirm(self, message: AnyMessage, hash_: MessageHash) -> None:
        office = self._office
        header = office.header(MessageType.CONFIRMATION, message.src, self._now, timedelta(days=CONTROL_DAYS))
        body = Confirmation(message=hash_)
        sealed = seal(Message[Confirmation](**header, conv=message.conv, reply_to=hash_, body=body), office.key)
        self._unit.enqueue(sealed.hash, sealed.envelope)
