"""What every benchmark shares: a line of the table, a fair race, and the table itself.

Fair means: contenders take turns, round after round, so that a noisy neighbour meets all of them; the second best
round of each counts, because noise slows down and the very best may be luck; the garbage collector stays on, as in
production, and before each round everything that is alive is collected and set aside (``gc.freeze``), so that nobody
pays for another's heap. What can be measured only once says so in its part.
"""

import gc
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any

SMALLER_IS_BETTER = frozenset({"ms", "MB"})
"""Units of time and size; every other unit is a rate."""

GOAL = "goal"
"""The reference's name where ours is held against a fixed number."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    round_seconds: float = 0.1
    rounds: int = 10

    @property
    def is_quick(self) -> bool:
        """Whether small samples will do."""
        return self.rounds <= QUICK.rounds


QUICK = Effort(0.005, 2)
"""Enough to see that a part runs; its figures mean little."""


@dataclass(frozen=True)
class Line:
    """One figure beside its reference. ``goal`` is the least ratio wanted; ``None`` where there is none."""

    name: str
    unit: str
    ours: float
    reference: float
    reference_name: str
    goal: float | None = None

    @classmethod
    def within(cls, name: str, unit: str, ours: float, limit: float) -> "Line":
        """Return a line whose reference is the goal itself: at most ``limit`` of a time or size, at least of a rate."""
        return cls(name, unit, ours, limit, GOAL, 1.0)

    @cached_property
    def ratio(self) -> float:
        """How many times as good as the reference: above 1 is faster, or smaller."""
        better, worse = (self.reference, self.ours) if self.unit in SMALLER_IS_BETTER else (self.ours, self.reference)
        return better / max(worse, 1e-9)

    @property
    def holds(self) -> bool | None:
        """Whether the goal is met."""
        return None if self.goal is None else self.ratio >= self.goal

    def as_json(self) -> dict[str, Any]:
        """Return the line as ``bench.json`` has it, to four digits."""
        digits = {name: float(f"{getattr(self, name):.4g}") for name in ("ours", "reference", "ratio")}
        return {"name": self.name, "unit": self.unit, "ours": digits["ours"], "reference": digits["reference"],
                "reference_name": self.reference_name, "ratio": digits["ratio"], "goal": self.goal,
                "holds": self.holds}


Part = Callable[[Effort], Iterator[Line]]


def race(effort: Effort, *contenders: Callable[[], object]) -> list[float]:
    """Return the calls per second of each contender."""
    counts = [_calls_per_round(contender, effort.round_seconds) for contender in contenders]
    rates: list[list[float]] = [[] for _ in contenders]
    with settled_heap() as settle:
        for _ in range(effort.rounds):
            for contender, count, own in zip(contenders, counts, rates, strict=True):
                settle()
                own.append(count / seconds_of(contender, count))
    return [second_best(own) for own in rates]


def second_best(rates: Iterable[float]) -> float:
    """Return the rate of the round that counts.

    >>> second_best([3, 1, 9, 2])
    3
    """
    return sorted(rates)[-2:][0]


def seconds_of(work: Callable[[], object], count: int = 1) -> float:
    """Return how long ``count`` calls take."""
    begin = time.perf_counter()
    for _ in repeat(None, count):
        work()
    return time.perf_counter() - begin


@contextmanager
def settled_heap() -> Iterator[Callable[[], None]]:
    """Give a function that collects and sets aside what is alive; undo that at the end."""
    def settle() -> None:
        gc.collect()
        gc.freeze()

    try:
        yield settle
    finally:
        gc.unfreeze()


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Keep this thread, and those that it starts, on the first ``count`` cores it may use."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(allowed)[:count]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that ``share`` of the values do not exceed.

    >>> percentile([3, 1, 2, 4], 0.5)
    2
    """
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]


def resident_megabytes(pid: int | None = None) -> float:
    """Return the memory that a process holds now, by default this one."""
    with open(f"/proc/{pid or 'self'}/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(pid: int) -> float:
    """Return how long a process of ours has been on a core, to the nanosecond, its system calls included."""
    return time.clock_gettime((~pid << 3) | 2)  # the clock that clock_getcpuclockid(3) returns on Linux


def as_table(lines: Sequence[Line]) -> str:
    """Return the lines as aligned columns."""
    head = ("", "unit", "ours", "reference", "", "ratio", "goal", "")
    rows = [head, *map(_row, lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(_aligned(place, cell, width) for place, (cell, width)
                               in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows)


def as_document(lines: Iterable[Line]) -> str:
    """Return ``bench.json``."""
    return json.dumps([line.as_json() for line in lines], ensure_ascii=False, indent=1)


def _calls_per_round(work: Callable[[], object], seconds: float) -> int:
    work()
    count = 1
    while (taken := seconds_of(work, count)) < seconds / 4:
        count *= 4 if taken < seconds / 40 else 2
    return max(1, round(count * seconds / taken))


def _row(line: Line) -> tuple[str, ...]:
    verdict = {None: "", True: "holds", False: "missed"}[line.holds]
    goal = "" if line.goal is None else f"{line.goal:g}"
    return (line.name, line.unit, _figure(line.ours), _figure(line.reference), line.reference_name,
            f"{line.ratio:.2f}", goal, verdict)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _aligned(place: int, cell: str, width: int) -> str:
    return cell.rjust(width) if place in (2, 3, 5, 6) else cell.ljust(width)
