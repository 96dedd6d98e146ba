"""Works the ILS: one journalled task after another, never blindly twice.

A write is marked as sent, durably, before it leaves. When its answer was lost, or the connector died, the task is
settled by asking the ILS (17, 63) whether it happened; only what did not happen is done again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from connectors.agent.effects import WRITES, Verb
from connectors.agent.journal import Journal
from connectors.agent.office import Office
from connectors.agent.tables import Task, Unit
from connectors.ils.port import Ils, IlsFailed, IlsUnavailable, PatronStanding, Result
from schemas.bib import CirculationStatus
from schemas.lending import ReasonUnfilled
from schemas.loan import Loan

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
RETRY_SECONDS_MAX = 30.0
_ON_SHELF = frozenset({CirculationStatus.AVAILABLE, CirculationStatus.TO_BE_RESHELVED})


class Worker:
    """Runs the open tasks of one library. ``card`` is the alliance's institutional card in its ILS."""

    def __init__(self, journal: Journal, office: Office, ils: Ils, card: str) -> None:
        self._journal = journal
        self._office = office
        self._ils = ils
        self._card = card
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
        verb = task.do.verb
        if verb is Verb.RENEW:
            item = await self._ils.item(barcode)
            later = item.due_date is not None and loan.due_date is not None and item.due_date > loan.due_date
            return Result(True, item.due_date) if later else None
        on_card = await self._ils.items_of(self._card)
        if verb is Verb.CHECK_IN and barcode not in on_card.charged:
            return Result(True)
        if verb is Verb.CHECK_OUT and barcode in on_card.charged:
            return Result(True, (await self._ils.item(barcode)).due_date)
        if verb is Verb.PLACE_HOLD and barcode in on_card.held:
            return Result(True, reason=barcode)
        if verb is Verb.CANCEL_HOLD and barcode not in on_card.held:
            return Result(True)
        return None

    async def _place_hold(self, task: Task, _loan: Loan) -> Result:
        """Set the first copy aside that stands on the shelf; ``reason`` names it, or says why there is none."""
        refusal = ReasonUnfilled.NOT_AVAILABLE
        for barcode in task.do.argument["barcodes"].split():
            item = await self._ils.item(barcode)
            if not item.known or item.status not in _ON_SHELF:
                refusal = ReasonUnfilled.ON_LOAN if item.status is CirculationStatus.CHARGED else refusal
                continue
            await self._mark_sent(task, barcode)
            if (await self._ils.place_hold(barcode, self._card)).ok:
                return Result(True, reason=barcode)
        return Result(False, reason=refusal)

    async def _cancel_hold(self, task: Task, _loan: Loan) -> Result:
        """Let the copy go that was set aside; the loan may be another library's by now and not name it."""
        barcode = await self._journal.run(lambda unit: unit.held_barcode(task.conv))
        if barcode is None:
            return Result(True)
        await self._mark_sent(task, barcode)
        return await self._ils.cancel_hold(barcode, self._card)

    async def _check_out(self, task: Task, _loan: Loan) -> Result:
        barcode = task.do.argument["barcode"]
        await self._mark_sent(task, barcode)
        return await self._ils.check_out(barcode, self._card)

    async def _renew(self, task: Task, loan: Loan) -> Result:
        assert loan.barcode is not None
        await self._mark_sent(task, loan.barcode)
        return await self._ils.renew(loan.barcode, self._card)

    async def _check_in(self, task: Task, loan: Loan) -> Result:
        assert loan.barcode is not None
        await self._mark_sent(task, loan.barcode)
        return await self._ils.check_in(loan.barcode)

    async def _mark_sent(self, task: Task, barcode: str) -> None:
        assert task.do.verb in WRITES
        await self._journal.run(lambda unit: unit.mark_sent(task.id, barcode))
