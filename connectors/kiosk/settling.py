"""What becomes of an accepted entry: done in the ILS or in the alliance, left to staff, or tried again later.

Every way through here may be walked twice: a process can die between the deed and the note of it. What is never
guessed: which of several copies it was, and whether a checkout without an answer has happened.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors.agent.custody import NothingToDo, Scan, Step, next_step
from connectors.agent.link import GatewayUnreachable
from connectors.agent.office import Refused
from connectors.ils.port import IlsFailed
from connectors.kiosk.backlog import Backlog, Entry, State
from connectors.kiosk.library import Library
from connectors.kiosk.routing import Copy, Found, Label, Reader, is_replay
from connectors.sip2.errors import BuildError, LineError, RequestRefused
from connectors.sip2.messages import Message
from schemas.lending import Condition, Custody
from schemas.loan import Loan
from trust.errors import TrustError

_RETURNS = frozenset({Step.ARRIVED, Step.TAKE_BACK, Step.COME_HOME})
_LIES_HERE = frozenset({Custody.PICKUP_POINT, Custody.RETURNED_AT})


@dataclass(frozen=True)
class Outcome:
    """How it stands with an entry; ``answer`` is the ILS's, ``loan`` the alliance's after the step.

    ``reason`` names no reader; ``words`` are the ILS's own, which might. An entry that waits with a reason waits for
    news of the loan: a book may arrive before the messages about it.
    """

    state: State
    loan: Loan | None = None
    answer: Message | None = None
    reason: str = ""
    words: str = field(default="", repr=False)


WAITING = Outcome(State.WAITING)


@dataclass(frozen=True)
class Settling:
    """Settles one entry at a time, for ``library``."""

    library: Library

    async def settle(self, entry: Entry) -> Outcome:
        """Do what an entry says, if that can be done now."""
        try:
            found = await self.library.find(entry.request)
            return await (self._lend if entry.request.id == "11" else self._take_back)(entry, found)
        except (RequestRefused, BuildError) as error:
            return _conflict(f"the ILS cannot be asked: {error}")
        except (GatewayUnreachable, IlsFailed, LineError):
            return WAITING
        except NothingToDo as error:
            return Outcome(State.WAITING, reason=str(error))
        except (Refused, TrustError) as error:
            return _conflict(str(error))

    async def _take_back(self, entry: Entry, found: Found) -> Outcome:
        item, library = found.item, self.library
        assert item is not None
        if found.copy is Copy.SEVERAL:
            return _conflict(_several(found.loans))
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
        except GatewayUnreachable:
            if not known:
                raise
            loans = ()
        if known:
            return _conflict(_several(loans)) if loans else await self._in_ils(entry, found)
        return await self._take_back_lent(entry, loans)

    async def _take_back_lent(self, entry: Entry, loans: tuple[Loan, ...]) -> Outcome:
        if len(loans) != 1:
            return _conflict(_several(loans) if loans else f"no open loan of a copy {entry.barcode}: whose is it?")
        (loan,) = loans
        me = self.library.me
        if loan.custody in _LIES_HERE and loan.holder == me:
            return Outcome(State.SETTLED, loan)
        step = next_step(loan, me)
        if step not in _RETURNS:
            return _conflict(f"loan {loan.conv}: the copy was handed in, but the next step would be to {step}")
        return Outcome(State.SETTLED, await self.library.move(_scan(entry, loan), loan, step))

    async def _lend(self, entry: Entry, found: Found) -> Outcome:
        """A checkout that has happened already, while the machine was offline."""
        item, library = found.item, self.library
        assert item is not None
        if found.copy is Copy.SEVERAL:
            return _conflict(_several(found.loans))
        if found.copy is not Copy.ALLIANCE:
            if found.reader is Reader.THEIRS:
                return _conflict(f"copy {item.text} was lent to another library's card")
            return await self._in_ils(entry, found)
        for loan in await library.collected(item):
            if await library.may_collect(loan, found.card):
                return Outcome(State.SETTLED, loan)
        if not found.loans or not await library.may_collect(found.loans[0], found.card):
            return _conflict(f"copy {item.text} did not wait here for the reader who took it")
        (loan,) = found.loans
        return Outcome(State.SETTLED, await library.move(_scan(entry, loan), loan, Step.HAND_OVER))

    async def _in_ils(self, entry: Entry, found: Found) -> Outcome:
        """Let the ILS do it. A checkout whose answer was lost is asked for, not repeated; a checkin may be."""
        library, request = self.library, entry.request
        if request.id == "11":
            if entry.sent and await self._has_happened(found):
                return Outcome(State.SETTLED)
            await library.counter.journal.run(lambda unit: Backlog(unit).mark_sent(entry.id))
        answer = await library.ask_ils(request, found)
        if answer.flag("ok") is True or (request.id == "09" and not is_replay(request)):
            return Outcome(State.SETTLED, answer=answer)
        return Outcome(State.CONFLICT, reason="the ILS refused", words="; ".join(answer.all("AF")))

    async def _has_happened(self, found: Found) -> bool:
        assert found.item is not None
        on_card = await self.library.ils.items_of(found.card.number if found.card else "")
        return found.item.number in on_card.charged


def _scan(entry: Entry, loan: Loan) -> Scan:
    assert loan.barcode is not None
    return Scan(loan.barcode, Condition.GOOD, entry.place, entry.happened_at)


def _conflict(reason: str) -> Outcome:
    return Outcome(State.CONFLICT, reason=reason)


def _several(loans: Iterable[Loan]) -> str:
    owners = ", ".join(sorted({str(loan.supplier) for loan in loans}))
    return f"the barcode fits more than one copy (on loan: of {owners}): look at the owner's label"
