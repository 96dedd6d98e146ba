"""One thing that happens at a library, in one transaction: what it changes, does in the ILS and says.

The office runs an entry in its journal, the intake judges before it what the mailbox brings; nothing here waits,
sends or asks the time. Own messages walk the same road as those that come in.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.agent import delivery, home, supplying
from connectors.agent.effects import Do, Effect, Say
from connectors.agent.home import Desk
from connectors.agent.tables import Unit
from schemas.dialogue import rule_of
from schemas.envelope import CONTROL_DAYS
from schemas.identifiers import AgencyId, MessageHash, Wire
from schemas.lending import Request
from schemas.lifecycle import Event, event_of
from schemas.loan import Loan, OutOfTurn, WrongRole, advance, copies_of, is_late, open_loan
from schemas.messages import (
    AnyMessage,
    Confirmation,
    Message,
    MessageType,
    StatementProposal,
    decode_message,
)
from schemas.problems import ProblemCode
from trust.dsse import decode_envelope
from trust.envelope import Sealed, open_envelope
from trust.errors import TrustError
from trust.stream import advance as advance_head
from trust.stream import next_position

if TYPE_CHECKING:
    from connectors.agent.office import Office

CONTROL_LIFE = timedelta(days=CONTROL_DAYS)
POSTPONED_MAX = 64
"""So many messages of one loan may wait for others; honest libraries say a dozen in all."""


class Refused(Exception):
    """Something that arrived is not let in; ``code`` says why. The hub or a sender has broken the protocol."""

    def __init__(self, code: ProblemCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def kept_message(unit: Unit, hash_: str) -> AnyMessage:
    """Return a message that is known to be kept; it was verified when it came in."""
    return decode_message(decode_envelope(unit.envelope(hash_)).payload)


class CannotSign(Refused):
    """This library signs nothing now: what would need it changes nothing either, and is tried again."""


class Entry:
    """One thing that happens at this library; ``desk`` is what its rules may look at.

    ``has_work`` says whether it has left something to send or to do in the ILS.
    """

    def __init__(self, office: "Office", unit: Unit, now: datetime) -> None:
        self.office = office
        self.unit = unit
        self.now = now
        self.has_work = False
        directory = office.directory()
        self.desk = Desk(unit, directory, now, office.me, directory.directory.gateway.agency, office.token_key,
                         office.sealing_keys)

    def take_effect(self, message: AnyMessage, hash_: MessageHash) -> None:
        """Let a kept durable message count: fold, react, confirm.

        What would commit this library to a new loan waits while nobody vouches for the directory, and so does all that
        follows about that loan. Its number is used up: what else the stream brings goes on.
        """
        if self._awaits_directory(message):
            self.unit.postpone(hash_, message.conv or "", "", self.now.isoformat())
            return
        if rule_of(message.type).channel == "loan":
            self._fold_in(message, hash_)
        if isinstance(message.body, StatementProposal):
            self.unit.set_fact("statement", f"{self.unit.fact('statement')} {hash_}".strip())
        if message.dst == self.office.me:
            self.confirm(message, hash_)

    def take_up(self) -> None:
        """Let count what has waited for a fresh directory, as the directory says now."""
        waited = [(hash_, self.unit.envelope(hash_)) for hash_ in self.unit.awaiting_directory()]
        for hash_, _ in waited:
            self.unit.resume(hash_)
        for hash_, envelope in waited:
            try:
                verified = open_envelope(envelope, self.office.directory(), now=self.now, me=self.office.me)
            except TrustError as error:
                self.alarm(error.code, str(error))
            else:
                self.take_effect(verified.message, hash_)

    def perform(self, conv: str, effects: Iterable[Effect]) -> None:
        """Journal the tasks and sign the messages; each own message is folded and reacted to like any other.

        Of two that are said in one breath the second follows from the first.
        """
        before: MessageHash | None = None
        for effect in effects:
            if isinstance(effect, Do):
                self.unit.add_task(conv, effect)
                self.has_work = True
            else:
                before = self.sign(replace(effect, reply_to=before or effect.reply_to), conv)

    def sign(self, say: Say, conv: str | None) -> MessageHash:
        """Number, sign and enqueue a durable message."""
        office, unit, rule = self.office, self.unit, rule_of(say.kind)
        loan = unit.loan(conv) if conv else None
        copies = copies_of(loan, office.me, say.dst) if loan and rule.relayed else ()
        head = unit.head(office.me, say.dst, rule.channel)
        position = next_position(head, rule.channel)
        message = Message[Any](**office.header(say.kind, say.dst, self.now), conv=conv, copies=copies,
                               reply_to=say.reply_to, stream=position, body=say.body)
        sealed = office.seal(message)
        unit.set_head(office.me, say.dst, rule.channel, advance_head(head, sealed.hash))
        unit.add_message(sealed.hash, say.kind, conv or "", None, sealed.envelope)
        unit.add_sent(say.dst, position, sealed.hash)
        unit.await_confirmation(sealed.hash, (self.now + rule.confirm_within).isoformat())
        self._enqueue(sealed)
        if rule.channel == "loan":
            moved = self._moved(message, sealed.hash)
            unit.put_loan(moved)
            self.perform(moved.conv, self._reactions(moved, message, sealed.hash))
        return sealed.hash

    def say_control(self, kind: MessageType, dst: AgencyId, body: Wire, about: MessageHash | None = None,
                    conv: str | None = None) -> MessageHash:
        """Sign and enqueue a message about other messages: without a number, and never itself confirmed."""
        header = self.office.header(kind, dst, self.now, CONTROL_LIFE)
        sealed = self.office.seal(Message[Any](**header, conv=conv, reply_to=about, body=body))
        self._enqueue(sealed)
        return sealed.hash

    def confirm(self, message: AnyMessage, hash_: MessageHash) -> None:
        """Tell a message's sender that it is durable here."""
        self.say_control(MessageType.CONFIRMATION, message.src, Confirmation(message=hash_), hash_, message.conv)

    def alarm(self, code: ProblemCode, detail: str) -> None:
        """Note what a person must see."""
        self.unit.alarm(self.now.isoformat(), code, detail)

    def _enqueue(self, sealed: Sealed) -> None:
        if self.unit.queued(sealed.hash) is None:  # a control message may be said twice in one moment
            self.unit.enqueue(sealed.hash, sealed.envelope)
        self.has_work = True

    def _awaits_directory(self, message: AnyMessage) -> bool:
        commits = rule_of(message.type).commits and message.dst == self.office.me
        return (commits and self.office.stale()) or (message.conv is not None
                                                     and self.unit.awaits_directory(message.conv))

    def _fold_in(self, message: AnyMessage, hash_: MessageHash) -> None:
        """Fold a message that came in, and then what has waited for anything of its loan."""
        moved = self._is_folded(message, hash_)
        while moved:
            waiting = self.unit.postponed_in(message.conv or "")
            moved = any(self._is_folded(kept_message(self.unit, waited), waited) for waited in waiting)

    def _is_folded(self, message: AnyMessage, hash_: MessageHash) -> bool:
        """Fold a message and react to it; ``False`` where the loan does not allow it.

        Streams keep the order of one sender's messages only, so what libraries say may be early: it has used up its
        number, and waits for what it follows from. Where that stays away, and of the gateway, a person is told.
        """
        before = self.unit.loan(message.conv or "")
        try:
            loan = self._moved(message, hash_)
        except Refused as refused:
            self._wait_or_tell(message, hash_, refused)
            return False
        self.unit.resume(hash_)
        self.unit.put_loan(loan)
        self._note_cause(loan, message, hash_)
        if before is None or not is_late(before, message):
            self._react(loan, message, hash_)
        return True

    def _note_cause(self, loan: Loan, message: AnyMessage, hash_: MessageHash) -> None:
        """The home and the pickup library hear everything after the Request: a cause that stays away was kept back."""
        hears_all = self.office.me in (loan.home, loan.pickup.agency) and not isinstance(message.body, Request)
        cause = message.reply_to
        if hears_all and rule_of(message.type).relayed and cause is not None and not self.unit.has_message(cause):
            self.unit.note_missing(cause, hash_, loan.conv, self.now.isoformat())

    def _wait_or_tell(self, message: AnyMessage, hash_: MessageHash, refused: Refused) -> None:
        unit, conv = self.unit, message.conv or ""
        if unit.is_postponed(hash_):
            return
        if rule_of(message.type).relayed and len(unit.postponed_in(conv)) < POSTPONED_MAX:
            cause = message.body.previous if isinstance(message.body, Request) else message.reply_to
            unit.postpone(hash_, conv, cause or "", self.now.isoformat(), refused.code, str(refused))
        else:
            self.alarm(refused.code, str(refused))

    def _react(self, loan: Loan, message: AnyMessage, hash_: MessageHash) -> None:
        try:
            with self.unit.part():
                self.perform(loan.conv, self._reactions(loan, message, hash_))
        except CannotSign:
            raise
        except Refused as refused:
            self.alarm(refused.code, str(refused))

    def _moved(self, message: AnyMessage, hash_: MessageHash) -> Loan:
        """Return the loan's next state."""
        if message.conv is None:
            raise Refused(ProblemCode.BAD_REQUEST, f"a {message.type} that names no loan")
        before = self.unit.loan(message.conv)
        try:
            if before is None:
                before = open_loan(message, hash_)
            return before if before.order == hash_ else advance(before, message, hash_)
        except OutOfTurn as error:
            raise Refused(ProblemCode.OUT_OF_TURN, str(error)) from None
        except WrongRole as error:
            raise Refused(ProblemCode.WRONG_ROLE, str(error)) from None

    def _reactions(self, loan: Loan, message: AnyMessage, hash_: MessageHash) -> tuple[Effect, ...]:
        me, event = self.office.me, event_of(message)
        delivery.follow(self.desk, event, loan, message)
        at_home = home.react(self.desk, event, loan, message, hash_) if me == loan.home else ()
        late = event is Event.REQUESTED and message.dst != me
        supplies = me == loan.supplier and not late
        return (*at_home, *(supplying.react(self.desk, event, loan, message) if supplies else ()))
