"""The library's road: open → judge → fold → react → sign → confirm. Read this first, then ``intake`` and ``entry``.

Whatever arrives becomes durable together with all that follows from it, in one transaction: the stream's head, the
loan's new state, the tasks for the ILS, the own messages signed in answer, the confirmation. What this library says
itself walks the same road. Messages are signed inside the transaction that takes their number and sent after it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from connectors.agent import home, supplying
from connectors.agent.alarms import tell
from connectors.agent.answers import require_answer, take_answer
from connectors.agent.effects import Effect, Say
from connectors.agent.entry import CannotSign, Entry, Refused
from connectors.agent.home import Desk
from connectors.agent.intake import Intake, open_entry
from connectors.agent.journal import Journal
from connectors.agent.refusals import note_outcome
from connectors.agent.resets import ResetReport, reset_streams
from connectors.agent.tables import Task, Unit
from connectors.agent.views import Seen
from connectors.ils.port import PatronStanding, Result
from schemas.identifiers import AgencyId, MessageHash, Wire
from schemas.loan import Loan
from schemas.messages import AnyMessage, MessageType
from schemas.problems import ProblemCode
from trust.clocks import ClockState, Reading
from trust.directory import TrustedDirectory
from trust.envelope import Sealed, Verified, open_envelope, seal
from trust.errors import NoKeyInUse, TrustError
from trust.keys import SealingKey, SigningKey
from trust.own_keys import Signer

__all__ = ["BUSINESS_DAYS", "MAY_PASS", "Office", "Refused"]

log = logging.getLogger(__name__)
T = TypeVar("T")

BUSINESS_DAYS = timedelta(days=60)
NEEDS_REFRESH = frozenset({ProblemCode.NEWER_DIRECTORY, ProblemCode.UNKNOWN_KEY})
MAY_PASS = NEEDS_REFRESH | {ProblemCode.FROM_THE_FUTURE}
"""Refusals of honest mail that end with a set clock or a new directory: nothing behind it is taken in before it."""


async def _no_refresh() -> bool:
    return False


@dataclass(slots=True)
class GatewayTime:
    """The gateway's clock beside this machine's, as its last greeting showed them."""

    reading: Reading | None = None


@dataclass(frozen=True)
class Office:
    """One library's end of the wire. ``directory`` is asked at every message.

    ``refresh`` is asked once for each message that needs a newer directory, and says whether there is one now; how
    often it asks the gateway is its own affair. ``stale`` says that nobody vouches for the directory at the moment.
    """

    me: AgencyId
    signer: Signer
    directory: Callable[[], TrustedDirectory]
    journal: Journal
    clock: Callable[[], datetime]
    token_key: bytes = field(repr=False)
    sealing_keys: Iterable[SealingKey] = ()
    refresh: Callable[[], Awaitable[bool]] = _no_refresh
    stale: Callable[[], bool] = lambda: False
    work: asyncio.Event = field(default_factory=asyncio.Event)
    mail: asyncio.Event = field(default_factory=asyncio.Event)
    seen: Seen = field(default_factory=Seen)
    time: GatewayTime = field(default_factory=GatewayTime)

    @property
    def gateway(self) -> AgencyId:
        """The alliance's gateway, by the directory."""
        return self.directory().directory.gateway.agency

    @property
    def clock_is_wrong(self) -> bool:
        """Whether this machine's clock is too far off to sign, or to let a deadline pass."""
        return self.time.reading is not None and self.time.reading.state is ClockState.WRONG

    async def deliver(self, number: int, envelope: bytes, accepted: bytes) -> None:
        """Take in one entry of the mailbox. What is refused raises an alarm and changes nothing else.

        Raises:
            Refused: by name; the entry is not acknowledged.
        """
        now = self.clock()
        try:
            arrived = await self._tried_again(lambda: open_entry(self, envelope, accepted, now))
            await self.enter(lambda entry: Intake(entry).take_in(arrived, number))
        except CannotSign as error:
            await self._alarm(error, lasts=True)
            raise
        except (TrustError, Refused) as error:
            await self._alarm(error, lasts=error.code in MAY_PASS)
            raise Refused(error.code, str(error)) from error

    async def answered(self, hash_: str, answer: bytes) -> bool:
        """Take the gateway's answer to the first message of the outbox; return whether to send the next one at once."""
        try:
            message = (await self.open(answer, me=None)).message
            require_answer(message, self.gateway, hash_)
        except (TrustError, Refused) as error:
            await self._alarm(error, lasts=True)
            return False
        return await self.enter(lambda entry: take_answer(entry, hash_, message))

    async def decide(self, conv: str, rule: Callable[[Desk, Loan], Iterable[Effect]]) -> Loan:
        """Let staff, a clock or the worker move a loan on: ``rule`` runs in the transaction.

        Raises:
            Refused: there is no such loan here, or the clock is wrong.
        """
        def work(entry: Entry) -> Loan:
            loan = entry.unit.loan(conv)
            if loan is None:
                raise Refused(ProblemCode.NOT_FOUND, f"no loan {conv} in this library's journal")
            entry.perform(loan.conv, rule(entry.desk, loan))
            moved = entry.unit.loan(conv)
            assert moved is not None
            return moved

        return await self.enter(work)

    async def finish(self, task: Task, outcome: Result | PatronStanding) -> None:
        """Note what the ILS answered, together with what the library says because of it.

        Where the loan no longer allows that, the task is done all the same and a person is told.

        Raises:
            CannotSign: the task stays open: what it has done will be said later.
        """
        def rule(desk: Desk, loan: Loan) -> tuple[Effect, ...]:
            note_outcome(desk.unit, task, outcome)
            if isinstance(outcome, PatronStanding):
                return home.patron_checked(desk, loan, outcome)
            return supplying.done(desk, loan, task.do, outcome)

        try:
            await self.decide(task.conv, rule)
        except CannotSign:
            raise
        except Refused as refused:
            await self.journal.run(lambda unit: note_outcome(unit, task, outcome))
            await self._alarm(refused)

    async def say(self, kind: MessageType, dst: AgencyId, body: Wire, reply_to: MessageHash | None = None, *,
                  beside: Callable[[Unit], None]) -> MessageHash:
        """Say something durable that is about no loan; ``beside`` runs in the same transaction."""
        def work(entry: Entry) -> MessageHash:
            beside(entry.unit)
            return entry.sign(Say(kind, dst, body, reply_to), None)

        return await self.enter(work)

    async def reset_streams(self, reason: str) -> ResetReport:
        """Begin every own stream anew, after the journal was restored from a backup; what waits in them is given up."""
        return await self.enter(lambda entry: reset_streams(entry, reason))

    async def greeted(self, at: datetime) -> None:
        """Compare clocks with the gateway's greeting; a difference is told to staff."""
        reading = Reading(self.clock(), at)
        self.time.reading = reading
        if reading.state is not ClockState.RIGHT:
            await self._alarm(Refused(ProblemCode.CLOCK_WRONG, f"set this machine's clock: {reading}"), lasts=True)

    async def wait_for_work(self) -> None:
        """Return when a task may be open."""
        await self.work.wait()
        self.work.clear()

    async def enter(self, work: Callable[[Entry], T]) -> T:
        """Run something as one entry in one transaction, and wake whoever has to go on with what it left."""
        now = self.clock()

        def run(unit: Unit) -> tuple[T, bool]:
            entry = Entry(self, unit, now)
            return work(entry), entry.has_work

        result, has_work = await self.journal.run(run)
        if has_work:
            self.work.set()
            self.mail.set()
        return result

    async def open(self, envelope: bytes, *, me: AgencyId | None) -> Verified[AnyMessage]:
        """Verify what has just arrived; ``me`` as in ``open_envelope``.

        Raises:
            TrustError: by name.
        """
        now = self.clock()
        return await self._tried_again(lambda: open_envelope(envelope, self.directory(), now=now, me=me))

    def header(self, kind: MessageType, dst: AgencyId, now: datetime, life: timedelta = BUSINESS_DAYS
               ) -> dict[str, Any]:
        """Return the header fields that every message of this library shares."""
        return {"type": kind, "src": self.me, "dst": dst, "created": now, "expires": now + life,
                "dir": self.directory().reference, "cp": self.seen.last}

    def seal(self, message: AnyMessage) -> Sealed:
        """Sign a message of this library.

        Raises:
            CannotSign: not now.
        """
        return seal(message, self.key(message.created))

    def key(self, now: datetime) -> SigningKey:
        """Return the key that this library signs with; the only way to it.

        Raises:
            CannotSign: the clock is wrong, or no key here may sign by the directory.
        """
        if self.clock_is_wrong:
            raise CannotSign(ProblemCode.CLOCK_WRONG, f"nothing is signed until this machine's clock is set: "
                                                      f"{self.time.reading}")
        try:
            return self.signer.key(self.directory(), now)
        except NoKeyInUse as error:
            raise CannotSign(error.code, str(error)) from None

    async def may_sign(self) -> bool:
        """Whether anything can be signed now; while it cannot, staff are told every hour."""
        try:
            self.key(self.clock())
        except CannotSign as error:
            await self._alarm(error, lasts=True)
            return False
        return True

    async def _tried_again(self, opening: Callable[[], T]) -> T:
        """Open something, once more where the directory was too old for it and could be refreshed."""
        try:
            return opening()
        except TrustError as error:
            if error.code not in NEEDS_REFRESH or not await self.refresh():
                raise
        return opening()

    async def _alarm(self, error: TrustError | Refused, *, lasts: bool = False) -> None:
        """Tell staff; of what comes again at every try, once an hour."""
        log.warning("refused (%s): %s", error.code, error)
        now = self.clock()
        if lasts:
            await self.journal.run(lambda unit: tell(unit, now, error.code, str(error)))
        else:
            await self.journal.run(lambda unit: unit.alarm(now.isoformat(), error.code, str(error)))
