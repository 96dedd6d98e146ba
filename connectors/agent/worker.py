"""Works the ILS: one journalled task after another, never blindly twice.

A write is marked as sent, durably, before it leaves. When its answer was lost, or the connector died, the task is
settled by asking the ILS (17, 63) whether it happened; only what did not happen is done again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from connectors.agent.effects import WRITES, Verb
from connectors.agent.journal import Journal
from connectors.agent.office import Office
from connectors.agent.tables import Task, Unit
from connectors.ils.cards import InstitutionalCards, card_with_room
from connectors.ils.port import (
    CardItems,
    Ils,
    IlsFailed,
    IlsUnavailable,
    ItemState,
    PatronStanding,
    Reason,
    Result,
)
from schemas.bib import CirculationStatus
from schemas.loan import Loan

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
RETRY_SECONDS_MAX = 30.0
_ON_SHELF = frozenset({CirculationStatus.AVAILABLE, CirculationStatus.TO_BE_RESHELVED})
_LENT = frozenset({CirculationStatus.CHARGED, CirculationStatus.CHARGED_NOT_TO_BE_RECALLED,
                   CirculationStatus.RECALLED})


class Worker:
    """Runs the open tasks of one library. ``cards`` are those its ILS lends to partners on."""

    def __init__(self, journal: Journal, office: Office, ils: Ils, cards: InstitutionalCards) -> None:
        self._journal = journal
        self._office = office
        self._ils = ils
        self._cards = cards
        self._work: Mapping[Verb, Callable[[Task, Loan], Awaitable[Result]]] = {
            Verb.PLACE_HOLD: self._place_hold,
            Verb.CANCEL_HOLD: self._cancel_hold,
            Verb.CHECK_OUT: self._check_out,
            Verb.RENEW: self._renew,
            Verb.CHECK_IN: self._check_in,
        }

    async def run(self) -> None:
        """Work until cancelled; an ILS that is away is asked again with growing pauses."""
        pause = RETRY_SECONDS
        while True:
            try:
                worked = await self.work_once()
            except IlsFailed as error:
                log.warning("the ILS does not answer, next try in %.1f s: %s", pause, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, RETRY_SECONDS_MAX)
                continue
            pause = RETRY_SECONDS
            if not worked:
                await self._office.wait_for_work()

    async def work_once(self) -> bool:
        """Do what is open now; say whether there was anything.

        Raises:
            IlsFailed: a task could not be finished; the others were tried all the same.
        """
        tasks = await self._journal.run(Unit.open_tasks)
        failure: IlsFailed | None = None
        for task in tasks:
            try:
                await self._do(task)
            except IlsFailed as error:
                failure = error
            except Exception:  # one loan's task must not stop the others'
                log.exception("task %d of loan %s failed", task.id, task.conv)
                failure = IlsUnavailable(f"task {task.id} failed; see the log")
        if failure is not None:
            raise failure
        return bool(tasks)

    async def _do(self, task: Task) -> None:
        if task.do.verb is Verb.CHECK_PATRON:
            await self._check_patron(task)
            return
        loan = await self._journal.run(lambda unit: unit.loan(task.conv))
        assert loan is not None
        result = await self._settle(task, loan) if task.sent else None
        if result is None:
            result = await self._work[task.do.verb](task, loan)
        await self._office.finish(task, result)

    async def _check_patron(self, task: Task) -> None:
        slot = await self._journal.run(lambda unit: unit.slot(task.conv))
        assert slot is not None
        standing: PatronStanding = await self._ils.patron(slot.card)
        await self._office.finish(task, standing)

    async def _settle(self, task: Task, loan: Loan) -> Result | None:
        """Ask whether a write that was sent has happened; ``None`` means it has not."""
        barcode = task.do.argument.get("barcode") or loan.barcode or ""
        item = await self._ils.item(barcode)
        if task.do.verb is Verb.RENEW:
            later = item.due_date is not None and loan.due_date is not None and item.due_date > loan.due_date
            return Result(True, item.due_date) if later else None
        on_card = await self._ils.items_of(await self._card_of(task, loan))
        has_happened = _HAS_HAPPENED[task.do.verb](barcode, item, on_card)
        return Result(True, item.due_date, barcode=barcode) if has_happened else None

    async def _card_of(self, task: Task, loan: Loan) -> str:
        """Return the loan's card: the one of its first write, which decides for all later ones."""
        known = await self._journal.run(lambda unit: unit.card_of(task.conv))
        return known or await card_with_room(self._cards.in_turn(loan.home, task.conv), self._ils)

    async def _place_hold(self, task: Task, loan: Loan) -> Result:
        """Set the first copy aside that stands on the shelf, or say why there is none: best, that one is on loan."""
        card = await self._card_of(task, loan)
        refused = []
        for barcode in task.do.argument["barcodes"].split():
            if reason := _why_not(await self._ils.item(barcode)):
                refused.append(Result(False, reason=reason))
                continue
            await self._mark_sent(task, barcode, card)
            result = await self._ils.place_hold(barcode, card)
            asked_before = task.sent and barcode == task.do.argument.get("barcode")
            if result.ok or (asked_before and result.reason is Reason.ALREADY_HELD):
                return Result(True, barcode=barcode)
            refused.append(result)
        return next((result for result in refused if result.reason is Reason.ON_LOAN), refused[-1])

    async def _cancel_hold(self, task: Task, loan: Loan) -> Result:
        """Let the copy go that was set aside; the loan may be another library's by now and not name it."""
        barcode = await self._journal.run(lambda unit: unit.held_barcode(task.conv))
        if barcode is None:
            return Result(True)
        return await self._ils.cancel_hold(barcode, await self._sent_on(task, barcode, loan))

    async def _check_out(self, task: Task, loan: Loan) -> Result:
        barcode = task.do.argument["barcode"]
        return await self._ils.check_out(barcode, await self._sent_on(task, barcode, loan))

    async def _renew(self, task: Task, loan: Loan) -> Result:
        assert loan.barcode is not None
        return await self._ils.renew(loan.barcode, await self._sent_on(task, loan.barcode, loan))

    async def _check_in(self, task: Task, loan: Loan) -> Result:
        assert loan.barcode is not None
        await self._sent_on(task, loan.barcode, loan)
        return await self._ils.check_in(loan.barcode)

    async def _sent_on(self, task: Task, barcode: str, loan: Loan) -> str:
        """Mark a write as sent, and return the card it is made on."""
        card = await self._card_of(task, loan)
        await self._mark_sent(task, barcode, card)
        return card

    async def _mark_sent(self, task: Task, barcode: str, card: str) -> None:
        assert task.do.verb in WRITES
        await self._journal.run(lambda unit: unit.mark_sent(task.id, barcode, card))


def _why_not(item: ItemState) -> Reason | None:
    """Return why a copy cannot be set aside; ``None`` for one that stands on the shelf."""
    if not item.known:
        return Reason.NOT_HELD
    if item.status in _ON_SHELF:
        return None
    return Reason.ON_LOAN if item.status in _LENT else Reason.NOT_AVAILABLE


_HAS_HAPPENED: Mapping[Verb, Callable[[str, ItemState, CardItems], bool]] = MappingProxyType({
    Verb.PLACE_HOLD: lambda barcode, item, card: (
        barcode in card.held or (not card.is_whole and item.status is CirculationStatus.ON_HOLD_SHELF)),
    Verb.CANCEL_HOLD: lambda barcode, _item, card: card.is_whole and barcode not in card.held,
    Verb.CHECK_OUT: lambda barcode, item, card: (
        barcode in card.charged or (not card.is_whole and item.status in _LENT)),
    Verb.CHECK_IN: lambda barcode, _item, card: card.is_whole and barcode not in card.charged,
})
"""Whether a write has happened, by the copy and by its card.

An ILS that lists a card only in part cannot show that a copy is not on it. Then a copy that is gone from the shelf was
ours to lend, and to let one go or take one back again does no harm.
"""
