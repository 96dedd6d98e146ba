"""Takes entries in and works them off, one copy at a time and each copy's entries in their order.

A kiosk waits a few seconds for the outcome; what takes longer is answered as taken in and goes on behind it. What had
to wait for the ILS or the gateway is tried again until it is settled.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from weakref import WeakValueDictionary

from connectors.agent.tables import Unit
from connectors.kiosk.backlog import Backlog, Entry, State
from connectors.kiosk.settling import WAITING, Outcome, Settling
from connectors.sip2.messages import Message

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0
"""How long a kiosk waits: self-checks give up after ten seconds and more."""
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 1.0, 30.0
TRIES_MAX = 8
"""About two minutes of tries with a link to the gateway: then the news that would explain a book is not coming."""


class Clerk:
    """Owns the backlog of one library's kiosks. ``clock`` dates the alarms."""

    def __init__(self, settling: Settling, clock: Callable[[], datetime]) -> None:
        self._settling = settling
        self._journal = settling.library.counter.journal
        self._is_up = settling.library.counter.link.is_up
        self._clock = clock
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._working: set[asyncio.Task[dict[int, Outcome]]] = set()

    async def accept(self, barcode: str, request: Message, place: str, happened_at: datetime, *, replay: bool
                     ) -> Outcome:
        """Make durable what a kiosk hands in, and settle it if that can be done at once."""
        id_ = await self._journal.run(
            lambda unit: Backlog(unit).add(barcode, request, place, happened_at, replay=replay))
        if id_ is None:
            return Outcome(State.SETTLED)
        work = asyncio.create_task(self.work_off(barcode))
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        await asyncio.wait({work}, timeout=PATIENCE_SECONDS)
        return work.result().get(id_, WAITING) if work.done() else WAITING

    async def work_off(self, barcode: str) -> dict[int, Outcome]:
        """Settle what waits about one copy, in order, up to the first that must go on waiting."""
        turn = self._turns.setdefault(barcode, asyncio.Lock())
        outcomes: dict[int, Outcome] = {}
        async with turn:
            for entry in await self._journal.run(lambda unit: Backlog(unit).waiting(barcode)):
                outcome = outcomes[entry.id] = await self._give_up(entry, await self._settling.settle(entry))
                if outcome.state is State.WAITING:
                    break
                await self._note(entry, outcome)
        return outcomes

    async def run(self) -> None:
        """Work off what waits, until cancelled; with growing pauses, cut short when the gateway is back."""
        pause = RETRY_SECONDS_MIN
        while True:
            waiting = await self._journal.run(lambda unit: Backlog(unit).barcodes())
            outcomes = [outcome for barcode in waiting for outcome in (await self.work_off(barcode)).values()]
            stuck = any(outcome.state is State.WAITING for outcome in outcomes)
            pause = min(pause * 2, RETRY_SECONDS_MAX) if stuck else RETRY_SECONDS_MIN
            await self._rest(pause)

    async def close(self) -> None:
        """End what is being worked on; it is durable and begins again at the next start."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _give_up(self, entry: Entry, outcome: Outcome) -> Outcome:
        """Leave to staff what has waited for news of its loan for too long, while the gateway could tell."""
        if outcome.state is not State.WAITING or not outcome.reason or not self._is_up.is_set():
            return outcome
        tries = await self._journal.run(lambda unit: Backlog(unit).tried(entry.id))
        return replace(outcome, state=State.CONFLICT) if tries >= TRIES_MAX else outcome

    async def _rest(self, seconds: float) -> None:
        if self._is_up.is_set():
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_up.wait(), seconds)

    async def _note(self, entry: Entry, outcome: Outcome) -> None:
        now = self._clock().isoformat()

        def work(unit: Unit) -> None:
            if outcome.state is State.SETTLED:
                Backlog(unit).settle(entry.id)
                return
            Backlog(unit).dispute(entry.id, f"{outcome.reason}: {outcome.words}" if outcome.words else outcome.reason)
            unit.alarm(now, "kiosk_conflict",
                       f"entry {entry.id} at {entry.place}, copy {entry.barcode}: {outcome.reason}")

        await self._journal.run(work)
        if outcome.state is State.CONFLICT:
            log.warning("entry %d is left to staff", entry.id)
