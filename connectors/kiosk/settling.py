"""What becomes of an entry: done in the ILS or in the alliance, found out, left to staff, or tried again later.

Every way through here may be walked twice: a process can die between the deed and the note of it. What is never
guessed: which of several copies it was, and whether a write without an answer has happened.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import TypeVar

from connectors.agent.conflicts import Cause
from connectors.agent.custody import NothingToDo, Scan, Step, next_step
from connectors.agent.link import GatewayUnreachable
from connectors.agent.office import Refused
from connectors.agent.tables import Unit
from connectors.ils.port import IlsFailed
from connectors.kiosk.backlog import Backlog, Entry
from connectors.kiosk.doubt import Doubt, Finding
from connectors.kiosk.library import Library
from connectors.kiosk.routing import Copy, Found, Label, Reader, is_replay
from connectors.sip2.errors import BuildError, LineError, RequestRefused
from connectors.sip2.messages import Message
from schemas.lending import Condition, Custody
from schemas.loan import Loan
from trust.errors import TrustError

T = TypeVar("T")

DOUBT = timedelta(seconds=60)
"""How long an ILS may still be at work on what it did not answer: until then its no is not believed."""
DOUBT_MAX = timedelta(days=1)
"""How long an ILS that is away is waited for, until a write in doubt is staff's."""

_TAKEN_IN = frozenset({Step.ARRIVED, Step.LOAD, Step.TAKE_OUT, Step.TAKE_BACK, Step.COME_HOME})


class State(Enum):
    """How it stands with an entry; ``NOT_DONE``: it was only asked for, and surely has not happened."""

    WAITING = auto()
    DONE = auto()
    NOT_DONE = auto()
    CONFLICT = auto()


@dataclass(frozen=True)
class Outcome:
    """What became of an entry.

    ``answer`` is the ILS's, ``finding`` what it said when asked about a lost one, ``loan`` the alliance's after the
    step. With a ``cause`` it is also put on staff's list; one that waits with a cause waits for news of the loan, since
    a book may arrive before the messages about it. ``detail`` may be the ILS's words, which might name a reader.
    """

    state: State
    loan: Loan | None = None
    answer: Message | None = None
    finding: Finding | None = None
    cause: Cause | None = None
    detail: str = field(default="", repr=False)


WAITING = Outcome(State.WAITING)


@dataclass(frozen=True)
class Settling:
    """Settles one entry at a time, for ``library``."""

    library: Library

    async def settle(self, entry: Entry) -> Outcome:
        """Do what an entry says, or find out about it, if that can be done now."""
        try:
            if is_replay(entry.request) and await self._run(lambda unit: Backlog(unit).is_overtaken(entry)):
                return _conflict(Cause.OUT_OF_ORDER)
            found = await self.library.find(entry.request)
            if not entry.must_be_done:
                return await self._find_out(entry, found)
            return await (self._lend if entry.request.id == "11" else self._take_back)(entry, found)
        except (RequestRefused, BuildError) as error:
            return _conflict(Cause.ILS_NOT_ASKED, str(error))
        except (GatewayUnreachable, IlsFailed, LineError):
            is_lasting = not entry.must_be_done and self._age(entry) > DOUBT_MAX
            return _conflict(Cause.OUTCOME_UNKNOWN) if is_lasting else WAITING
        except NothingToDo as error:
            return Outcome(State.WAITING, cause=Cause.UNEXPECTED, detail=str(error))
        except (Refused, TrustError) as error:
            return _conflict(Cause.UNEXPECTED, str(error))

    async def _find_out(self, entry: Entry, found: Found) -> Outcome:
        """Ask about a write whose answer was lost; what has not happened is the reader's to try again."""
        finding = await Doubt(self.library, entry.request, found).settle(entry.before)
        if finding.happened is None:
            return _conflict(Cause.OUTCOME_UNKNOWN)
        if finding.happened:
            return Outcome(State.DONE, finding=finding)
        return WAITING if self._age(entry) < DOUBT else Outcome(State.NOT_DONE, finding=finding)

    async def _take_back(self, entry: Entry, found: Found) -> Outcome:
        item, library = found.item, self.library
        assert item is not None
        if found.copy is Copy.SEVERAL:
            return _conflict(Cause.SEVERAL_COPIES, _owners(found.loans))
        if item.owner == library.me and not found.loans:
            return await self._in_ils(entry, found)
        if found.copy in (Copy.OWN, Copy.UNKNOWN):
            return await self._take_back_unlabelled(entry, found, item)
        loans = found.loans
        if item.owner is None or not loans:
            loans = await library.open_loans(item, loans)
        return await self._take_back_lent(entry, loans)

    async def _take_back_unlabelled(self, entry: Entry, found: Found, item: Label) -> Outcome:
        """Look the copy up: own ILS, then the open loans; an own copy that is out is the one that comes back."""
        library = self.library
        known = found.copy is Copy.OWN or (await library.ils.item(item.number)).known
        if known and not await library.is_on_shelf(item):
            return await self._in_ils(entry, found)
        try:
            loans = await library.open_loans(item)
        except (GatewayUnreachable, Refused, TrustError):
            if not known:
                raise
            loans = ()
        if known:
            return _conflict(Cause.SEVERAL_COPIES, _owners(loans)) if loans else await self._in_ils(entry, found)
        return await self._take_back_lent(entry, loans)

    async def _take_back_lent(self, entry: Entry, loans: tuple[Loan, ...]) -> Outcome:
        if len(loans) != 1:
            return _conflict(Cause.SEVERAL_COPIES, _owners(loans)) if loans else _conflict(Cause.UNKNOWN_COPY)
        (loan,) = loans
        step = await self._step(entry, loan)
        if step is None:
            return Outcome(State.DONE, loan)
        if step not in _TAKEN_IN:
            return _conflict(Cause.UNEXPECTED, f"loan {loan.conv}: the next step would be to {step}")
        moved = await self.library.move(_scan(entry, loan), loan, step)
        if step is Step.LOAD and entry.place.locker != loan.pickup.point:
            return Outcome(State.DONE, moved, cause=Cause.WRONG_LOCKER, detail=loan.pickup.point)
        return Outcome(State.DONE, moved)

    async def _step(self, entry: Entry, loan: Loan) -> Step | None:
        """Return what a copy in a machine means, ``None`` where it lies there already.

        A locker is loaded with what waits for its reader, and emptied of what nobody has collected in time.
        """
        is_locker, is_here = bool(entry.place.locker), loan.holder == self.library.me
        if loan.custody is Custody.IN_TRANSIT and is_locker:
            return next_step(loan, self.library.me, Step.LOAD)
        if loan.custody is Custody.RETURNED_AT and is_here:
            return None
        if loan.custody is Custody.PICKUP_POINT and is_here:
            return Step.LOAD if is_locker and not await self.library.is_uncollected(loan) else None
        if loan.custody is Custody.LOCKER and is_here and is_locker:
            return Step.TAKE_OUT if await self.library.is_uncollected(loan) else None
        return next_step(loan, self.library.me)

    async def _lend(self, entry: Entry, found: Found) -> Outcome:
        """A checkout that has happened already, while the machine was offline."""
        item, library = found.item, self.library
        assert item is not None
        if found.copy is Copy.SEVERAL:
            return _conflict(Cause.SEVERAL_COPIES, _owners(found.loans))
        if found.copy is not Copy.ALLIANCE:
            if found.reader is Reader.THEIRS:
                return _conflict(Cause.FOREIGN_CARD)
            return await self._in_ils(entry, found)
        for loan in await library.collected(item):
            if await library.may_collect(loan, found.card):
                return Outcome(State.DONE, loan)
        if not found.loans or not await library.may_collect(found.loans[0], found.card):
            return _conflict(Cause.NOT_RESERVED)
        (loan,) = found.loans
        return Outcome(State.DONE, await library.move(_scan(entry, loan), loan, Step.HAND_OVER))

    async def _in_ils(self, entry: Entry, found: Found) -> Outcome:
        """Let the ILS do it. What may have happened is asked for; only what has not is done again, and a return also
        where the ILS does not tell: taking a copy back twice changes nothing."""
        library, request = self.library, entry.request
        if entry.sent_at is not None:
            finding = await Doubt(library, request, found).settle(entry.before)
            if finding.happened:
                return Outcome(State.DONE, finding=finding)
            if request.id == "11" and finding.happened is None:
                return _conflict(Cause.OUTCOME_UNKNOWN)
            if request.id == "11" and self._age(entry) < DOUBT:
                return WAITING
        now = library.counter.office.clock()
        await self._run(lambda unit: Backlog(unit).mark_sent(entry.id, now))
        try:
            answer = await library.ask_ils(request, found)
        except LineError as error:
            if not error.may_have_happened:
                await self._run(lambda unit: Backlog(unit).mark_sent(entry.id, None))
            raise
        if answer.flag("ok") is True or (request.id == "09" and not is_replay(request)):
            return Outcome(State.DONE, answer=answer)
        return _conflict(Cause.ILS_REFUSED, "; ".join(answer.all("AF")))

    def _age(self, entry: Entry) -> timedelta:
        """Return how long ago the ILS was asked."""
        now = self.library.counter.office.clock()
        return now - (entry.sent_at or now)

    async def _run(self, work: Callable[[Unit], T]) -> T:
        return await self.library.counter.journal.run(work)


def _scan(entry: Entry, loan: Loan) -> Scan:
    assert loan.barcode is not None
    return Scan(loan.barcode, Condition.GOOD, entry.place.name, entry.happened_at, entry.place.hold_days)


def _conflict(cause: Cause, detail: str = "") -> Outcome:
    return Outcome(State.CONFLICT, cause=cause, detail=detail)


def _owners(loans: Iterable[Loan]) -> str:
    return ", ".join(sorted({str(loan.supplier) for loan in loans}))
