"""The library's road: open → judge → fold → react → sign → confirm. Read this file first, then ``entry``.

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
from connectors.agent.effects import Effect, Say
from connectors.agent.entry import Entry, Refused
from connectors.agent.home import Desk
from connectors.agent.journal import Journal
from connectors.agent.tables import Task, Unit
from connectors.ils.port import PatronStanding, Result
from schemas.dialogue import Kind, rule_of
from schemas.identifiers import AgencyId, MessageHash, Wire
from schemas.loan import Loan
from schemas.messages import (
    Accepted,
    AnyMessage,
    MessageType,
    Refusal,
)
from schemas.problems import PROBLEMS, ProblemCode
from trust.directory import TrustedDirectory
from trust.envelope import Verified, open_envelope
from trust.errors import TrustError
from trust.keys import SigningKey

__all__ = ["BUSINESS_DAYS", "Office", "Refused"]

log = logging.getLogger(__name__)

BUSINESS_DAYS = timedelta(days=60)

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
            await self.journal.run(lambda unit: Entry(self, unit, now).take_in(verified, index, number))
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
        refusal = body
        await self._alarm(now, Refused(refusal.code, f"the gateway refused {hash_[:12]}: {refusal.detail}"))
        return await self.journal.run(lambda unit: _give_up(unit, hash_, refusal))

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
            entry = Entry(self, unit, now)
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
            return Entry(self, unit, now).sign(Say(kind, dst, body, reply_to), None)

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


def _give_up(unit: Unit, hash_: str, refusal: Refusal) -> bool:
    """Drop a message that has used up its number, or has none and will never pass; whether the next one may go."""
    is_over = refusal.stream is not None or not (unit.has_message(hash_) or PROBLEMS[refusal.code].may_retry)
    if is_over:
        unit.dequeue(hash_)
    return is_over
