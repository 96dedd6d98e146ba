"""The broker: one question to many targets, their answers as they come, and an end that is declared.

    async with Broker(targets, Random().random) as broker:
        async for event in broker.search(parse("@attr 1=4 三体"), wanted=10):
            ...  # Part: records of one target; Ended: how one target's search ended

The last ``Ended`` has come when every target has answered or ``seconds`` are over, whichever is first: a search is
never as slow as its slowest target. What did not answer says so in its state; nothing that one target does shows in
another's answer.

Absent on purpose: merging (``merging``), which belongs to whoever shows the records, and an order of the targets.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self, TypeAlias

from connectors.broker.guard import Guard, TargetPaused
from connectors.broker.policy import remedies
from connectors.broker.targets import Heard, Line, Target, failed, line_to
from connectors.z3950.adapt import adapt
from connectors.z3950.answer import SERVED, Answer, State
from connectors.z3950.ber import Limits
from connectors.z3950.errors import TargetError
from connectors.z3950.pool import Pool
from connectors.z3950.query import Query
from connectors.z3950.reply import Record

log = logging.getLogger(__name__)

SECONDS = 3.0
"""When an answer is declared, complete or not."""
MARGIN_SECONDS = 0.1
"""So long before that targets are given up, a tenth of the time at most: what is declared must still travel."""
ANSWER_LIMITS = Limits(pdu_bytes_max=8 << 20)
"""What one message of one of many targets may hold; where it is more, that target has failed."""


@dataclass(frozen=True, slots=True)
class Part:
    """More of one target's answer: its hits, once they are known, and the records that have come since the last."""

    target: str
    hits: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """How one target's search ended. ``changes`` says what was asked in place of what it lacks (``1=1003>1=1016``)."""

    target: str
    state: State
    hits: int | None
    delivered: int
    changes: tuple[str, ...]
    diagnostics: tuple[tuple[int, str], ...]
    problem: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """One target is done, with all that it has answered."""

    target: str
    answer: Answer
    seconds: float

    @property
    def report(self) -> Report:
        """Return what there is to say of it, without its records."""
        answer = self.answer
        return Report(self.target, answer.state, answer.hits, len(answer.records), answer.changes,
                      tuple((each.code, each.text) for each in answer.diagnostics),
                      str(answer.error) if answer.error else "", self.seconds)


Event: TypeAlias = Part | Ended


def is_complete(ended: Iterable[Ended]) -> bool:
    """Whether every target has served the question."""
    return all(each.answer.state in SERVED for each in ended)


class Broker:
    """Asks targets. Leave its context to close what it has opened; ``random`` is a function of numbers from 0 to 1."""

    def __init__(self, targets: Iterable[Target], random: Callable[[], float]) -> None:
        self.targets = {target.name: target for target in targets}
        """The targets by name, in their order."""
        self._pool = Pool(ANSWER_LIMITS)
        self._stations = {name: _Station(target, line_to(target, self._pool), random)
                          for name, target in self.targets.items()}
        self._probes: set[asyncio.Task[Answer]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for probe in self._probes:
            probe.cancel()
        await asyncio.gather(*self._probes, return_exceptions=True)
        for station in self._stations.values():
            await station.line.close()
        await self._pool.close()

    async def search(
        self, query: Query, wanted: int = 10, seconds: float = SECONDS, *, only: Iterable[str] | None = None
    ) -> AsyncGenerator[Event, None]:
        """Ask every target, or ``only`` those named, for the first ``wanted`` records, and yield what comes.

        Every target that was asked has one ``Ended``. A target that is on probation after failures is not waited for.
        Leaving the iteration early gives up what is still under way.
        """
        search = _Search(query, wanted, seconds, is_streaming=True)
        self._begin(search, only)
        try:
            while (event := await search.next()) is not None:
                yield event
        finally:
            self._end(search)

    async def gather(
        self, query: Query, wanted: int = 0, seconds: float = SECONDS, *, only: Iterable[str] | None = None
    ) -> list[Ended]:
        """Do what ``search`` does, and return how each target ended, in the order in which they did."""
        search = _Search(query, wanted, seconds, is_streaming=False)
        self._begin(search, only)
        ended: list[Ended] = []
        try:
            await search.settled()
            while (event := await search.next()) is not None:
                assert isinstance(event, Ended)
                ended.append(event)
        finally:
            self._end(search)
        return ended

    def _begin(self, search: "_Search", only: Iterable[str] | None) -> None:
        for name in self._stations if only is None else only:
            search.ask(self._stations[name])

    def _end(self, search: "_Search") -> None:
        """Give up what is under way, but for the probes, which go on for the sake of the next search."""
        for probe in search.let_go():
            self._probes.add(probe)
            probe.add_done_callback(self._probes.discard)


class _Station:
    """One target with its line and its guard."""

    def __init__(self, target: Target, line: Line, random: Callable[[], float]) -> None:
        self.name = target.name
        self.line = line
        self.guard = Guard(target.name, target.profile, random)

    async def ask(self, query: Query, wanted: int, seconds: float, heard: Heard) -> Answer:
        """Ask; where the target lacks an attribute, put another in its place and ask once more.

        What a target does that nobody foresaw is its failure, and no one else's.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        try:
            answer = await self._ask(query, wanted, seconds, heard)
            if substitutes := self._remedies(query, answer):
                self.guard.learn(substitutes)
                answer = await self._ask(query, wanted, max(0.0, end - loop.time()), heard)
        except Exception:
            log.exception("searching %s failed", self.name)
            answer = failed(wanted, TargetError(f"{self.name}: a fault on our side, which has been noted"))
        return answer

    async def _ask(self, query: Query, wanted: int, seconds: float, heard: Heard) -> Answer:
        profile = self.guard.profile
        return await self.line.ask(query, profile, wanted, min(seconds, profile.deadline_seconds), heard)

    def _remedies(self, query: Query, answer: Answer) -> dict[str, str]:
        if answer.hits is not None or not answer.diagnostics:
            return {}
        return dict(remedies(adapt(query, self.guard.profile).query, answer.diagnostics[-1]))


class _Search:
    """One question under way at many targets."""

    def __init__(self, query: Query, wanted: int, seconds: float, *, is_streaming: bool) -> None:
        self._query = query
        self._wanted = wanted
        self._seconds = seconds - min(MARGIN_SECONDS, seconds / 10)
        self._is_streaming = is_streaming
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._asked: dict[str, asyncio.Task[Answer]] = {}
        self._probes: dict[str, asyncio.Task[Answer]] = {}
        self._told: set[str] = set()
        self._is_all_probes = True
        self._settled: asyncio.Future[None] | None = None

    @property
    def _awaited(self) -> Mapping[str, asyncio.Task[Answer]]:
        """What the end of the search waits for: the probes only where there is nothing else."""
        return self._probes if self._is_all_probes else self._asked

    def ask(self, station: _Station) -> None:
        """Begin to ask a target, unless it may not be asked now."""
        try:
            is_probe = station.guard.enter(self._begun)
        except TargetError as error:
            self._events.put_nowait(Ended(station.name, failed(self._wanted, error), 0.0))
            return
        heard = self._hear_for(station.name) if self._is_streaming else _pass_over
        task = self._loop.create_task(station.ask(self._query, self._wanted, self._seconds, heard))
        task.add_done_callback(partial(self._note_end, station))
        (self._probes if is_probe else self._asked)[station.name] = task
        self._is_all_probes &= is_probe

    async def next(self) -> Event | None:
        """Return what comes next; ``None`` once all that is waited for is done, and what is not has been told."""
        if self._awaited or not self._events.empty():
            return await self._events.get()
        untold = self._probes.keys() - self._told
        if not untold:
            return None
        name = min(untold)
        self._told.add(name)
        return Ended(name, failed(self._wanted, TargetPaused(f"{name}: was down, is being tried again")), self._age())

    async def settled(self) -> None:
        """Return once ``next`` need not wait any more; to be woken for every target would take as long again."""
        if self._awaited:
            self._settled = self._loop.create_future()
            await self._settled

    def let_go(self) -> Iterable[asyncio.Task[Answer]]:
        """Give up what is under way; return the probes."""
        for task in self._asked.values():
            task.cancel()
        return list(self._probes.values())

    def _hear_for(self, name: str) -> Heard:
        shown = 0

        def hear(answer: Answer) -> None:
            nonlocal shown
            records, shown = tuple(answer.records[shown:]), len(answer.records)
            self._events.put_nowait(Part(name, answer.hits or 0, records))

        return hear

    def _note_end(self, station: _Station, task: asyncio.Task[Answer]) -> None:
        answer = None if task.cancelled() else task.result()
        station.guard.leave(answer, self._loop.time())
        self._asked.pop(station.name, None)
        self._probes.pop(station.name, None)
        if answer is not None:
            self._events.put_nowait(Ended(station.name, answer, self._age()))
        if self._settled is not None and not self._settled.done() and not self._awaited:
            self._settled.set_result(None)

    def _age(self) -> float:
        return self._loop.time() - self._begun


def _pass_over(_: Answer) -> None:
    """Hear nothing before the end."""
