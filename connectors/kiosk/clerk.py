"""Takes entries in and works them off, one copy or card at a time and each one's entries in their order.

A kiosk waits a few seconds for the outcome; what takes longer is answered as taken in, or as in doubt, and goes on
behind it. What had to wait for the ILS or the gateway is tried again until it is settled.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from connectors.agent.conflicts import Conflict, Conflicts
from connectors.agent.tables import Unit
from connectors.ils.port import IlsFailed
from connectors.kiosk.backlog import Backlog, Entry, Place
from connectors.kiosk.doubt import Doubt
from connectors.kiosk.routing import Found
from connectors.kiosk.settling import WAITING, Outcome, Settling, State
from connectors.sip2.errors import InDoubt, Sip2Error
from connectors.sip2.messages import Message

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0
"""How long a kiosk waits: self-checks give up after ten seconds and more."""
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 1.0, 30.0
TRIES_MAX = 8
"""About two minutes of tries with a link to the gateway: then the news that would explain a book is not coming."""

NOT_DONE = Outcome(State.NOT_DONE)
Settled = list[tuple[Entry, Outcome]]


class Clerk:
    """Owns the backlog of one library's kiosks. ``clock`` dates what is noted."""

    def __init__(self, settling: Settling, clock: Callable[[], datetime]) -> None:
        self._settling = settling
        self._library = settling.library
        self._journal = settling.library.counter.journal
        self._is_up = settling.library.counter.link.is_up
        self._clock = clock
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._working: set[asyncio.Task[Settled]] = set()
        self._waiters: dict[int, asyncio.Future[Outcome]] = {}

    async def accept(self, subject: str, request: Message, place: Place, happened_at: datetime) -> Outcome:
        """Make durable what has happened at a kiosk, and settle it if that can be done at once."""
        entry = await self._journal.run(lambda unit: Backlog(unit).add(subject, request, place, happened_at))
        return Outcome(State.DONE) if entry is None else await self._outcome_of(entry)

    async def write(self, request: Message, found: Found, place: Place) -> Outcome:
        """Have the ILS do what a kiosk asks for, and find out if the answer is lost. It never overtakes what waits."""
        subject = found.subject
        async with self._turn(subject):
            for entry, outcome in await self._work_off(subject):
                if _means(entry.request) == _means(request) and outcome.state is State.DONE:
                    return outcome
            waiting = await self._journal.run(lambda unit: Backlog(unit).waiting(subject))
            if waiting:
                return NOT_DONE if all(entry.must_be_done for entry in waiting) else WAITING
            asked = await self._ask_ils(request, found, place)
        return await self._outcome_of(asked) if isinstance(asked, Entry) else asked

    async def work_off(self, subject: str) -> Settled:
        """Settle what waits about one copy or card, in order, up to the first that must go on waiting."""
        async with self._turn(subject):
            return await self._work_off(subject)

    async def run(self) -> None:
        """Work off what waits, until cancelled; with growing pauses, cut short when the gateway is back."""
        pause = RETRY_SECONDS_MIN
        while True:
            try:
                stuck = await self._work_off_all()
            except Exception:  # a full disk must not end the work for good
                log.exception("the backlog cannot be worked off now")
                stuck = True
            pause = min(pause * 2, RETRY_SECONDS_MAX) if stuck else RETRY_SECONDS_MIN
            await self._rest(pause)

    async def close(self) -> None:
        """End what is being worked on; it is durable and begins again at the next start."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _work_off_all(self) -> bool:
        """Settle what nobody else is at; return whether something must go on waiting."""
        subjects = await self._journal.run(lambda unit: Backlog(unit).subjects())
        free = [subject for subject in subjects if not self._turn(subject).locked()]
        outcomes = [outcome for subject in free for _, outcome in await self.work_off(subject)]
        return any(outcome.state is State.WAITING for outcome in outcomes)

    def _turn(self, subject: str) -> asyncio.Lock:
        return self._turns.setdefault(subject, asyncio.Lock())

    async def _ask_ils(self, request: Message, found: Found, place: Place) -> Outcome | Entry:
        """Journal a write and send it; return its entry where the answer was lost."""
        try:
            before = await Doubt(self._library, request, found).before()
        except (IlsFailed, Sip2Error):
            return NOT_DONE
        now = self._clock()
        entry = await self._journal.run(
            lambda unit: Backlog(unit).add(found.subject, request, place, now, before=before, sent_at=now))
        assert entry is not None
        try:
            answer = await self._library.ask_ils(_numbered(request, entry), found)
        except InDoubt as error:
            await self._library.alarm("kiosk_in_doubt", f"{error}, at {place.name}, copy {request.get('AB') or 'none'}")
            return entry
        except Sip2Error:
            await self._journal.run(lambda unit: Backlog(unit).settle(entry, done=False))
            return NOT_DONE
        is_yes = "ok" in answer.spec.by_name and answer.flag("ok") is True
        await self._journal.run(lambda unit: Backlog(unit).settle(entry, done=is_yes))
        return Outcome(State.DONE, answer=answer)

    async def _outcome_of(self, entry: Entry) -> Outcome:
        """See to it that an entry is settled, whoever does it, and wait for that as long as a kiosk does."""
        waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiters[entry.id] = waiter
        work = asyncio.create_task(self.work_off(entry.subject))
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        try:
            either: set[asyncio.Future[Any]] = {waiter, work}
            await asyncio.wait(either, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            return waiter.result() if waiter.done() else WAITING
        finally:
            del self._waiters[entry.id]

    async def _work_off(self, subject: str) -> Settled:
        settled: Settled = []
        for entry in await self._journal.run(lambda unit: Backlog(unit).waiting(subject)):
            outcome = await self._settle(entry)
            if outcome.state is not State.WAITING:
                await self._note(entry, outcome)
            settled.append((entry, outcome))
            waiter = self._waiters.get(entry.id)
            if waiter is not None and not waiter.done():
                waiter.set_result(outcome)
            if outcome.state is State.WAITING:
                break
        return settled

    async def _settle(self, entry: Entry) -> Outcome:
        try:
            return await self._give_up(entry, await self._settling.settle(entry))
        except Exception:  # one entry that cannot be digested must not stop the others
            log.exception("entry %d failed and is tried again", entry.id)
            return WAITING

    async def _give_up(self, entry: Entry, outcome: Outcome) -> Outcome:
        """Leave to staff what has waited for news of its loan for too long, while the gateway could tell."""
        if outcome.state is not State.WAITING or outcome.cause is None or not self._is_up.is_set():
            return outcome
        tries = await self._journal.run(lambda unit: Backlog(unit).tried(entry.id))
        return replace(outcome, state=State.CONFLICT) if tries >= TRIES_MAX else outcome

    async def _rest(self, seconds: float) -> None:
        if self._is_up.is_set():
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_up.wait()

    async def _note(self, entry: Entry, outcome: Outcome) -> None:
        conflict = _conflict_of(entry, outcome, self._clock())

        def work(unit: Unit) -> None:
            Backlog(unit).settle(entry, done=outcome.state is State.DONE)
            if conflict is not None:
                number = Conflicts(unit.connection).add(conflict)
                unit.alarm(conflict.noted_at, "kiosk_conflict",
                           f"conflict {number} at {conflict.place}, copy {conflict.barcode}: {conflict.cause}")

        await self._journal.run(work)
        if conflict is not None:
            log.warning("a %s at %s is left to staff: %s", conflict.action, conflict.place, conflict.cause)


def _conflict_of(entry: Entry, outcome: Outcome, now: datetime) -> Conflict | None:
    if outcome.cause is None:
        return None
    request = entry.request
    return Conflict(now.isoformat(), entry.happened_at.isoformat(), entry.place.name, request.spec.name,
                    request.get("AB") or "", request.get("AA") or "", outcome.cause, outcome.detail)


def _means(request: Message) -> tuple[str | None, ...]:
    """Return what a request is about, without when it was asked."""
    return (request.id, request.fixed.get("hold_mode"), *(request.get(code) for code in ("AA", "AB", "AJ", "BV")))


def _numbered(request: Message, entry: Entry) -> Message:
    """Give a payment a transaction id of its own where the machine gave none."""
    if request.id != "37" or request.get("BK"):
        return request
    given = tuple(field for field in request.fields if field[0] != "BK")
    return replace(request, fields=(*given, ("BK", f"k{entry.id}-{entry.happened_at:%Y%m%d%H%M%S}")))
