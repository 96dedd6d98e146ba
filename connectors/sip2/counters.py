"""Line quality of one peer: how often each tolerance was needed, and how long answers took. Pure; memory is bounded.

Names are those of ``Message.problems``, of the errors, and of what was substituted: a fixed vocabulary, so that a
hostile peer cannot make the table grow. Latencies are kept as counts in classes, each twice as long as the one before.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: Called with a message id and the name of each tolerance used or substitution made.
Report = Callable[[str, str], None]

#: Upper ends of the classes of latency, in seconds: 1 ms, 2 ms … 32 s.
LATENCY_CLASSES_SECONDS = tuple(2.0**power / 1000 for power in range(16))


def no_report(message_id: str, problem: str) -> None:
    """Count nothing."""


@dataclass(frozen=True)
class Latency:
    """How long the answers to one kind of request took. A quantile is the upper end of its class."""

    count: int
    mean_seconds: float
    median_seconds: float
    p99_seconds: float
    max_seconds: float


@dataclass(frozen=True)
class LineQuality:
    """What was counted until now: (message id, name) to times, and latencies by request id."""

    counts: Mapping[tuple[str, str], int]
    latencies: Mapping[str, Latency]


class _Histogram:
    def __init__(self) -> None:
        self._classes = [0] * (len(LATENCY_CLASSES_SECONDS) + 1)
        self._sum_seconds = 0.0
        self._max_seconds = 0.0

    def add(self, seconds: float) -> None:
        self._classes[bisect_left(LATENCY_CLASSES_SECONDS, seconds)] += 1
        self._sum_seconds += seconds
        self._max_seconds = max(self._max_seconds, seconds)

    def latency(self) -> Latency:
        count = sum(self._classes)
        return Latency(
            count, self._sum_seconds / count, self._quantile(0.5, count), self._quantile(0.99, count), self._max_seconds
        )

    def _quantile(self, share: float, count: int) -> float:
        """Return the upper end of the class that holds the quantile, and never more than the longest there was."""
        seen = 0
        for end, times in zip(LATENCY_CLASSES_SECONDS, self._classes, strict=False):
            seen += times
            if seen >= share * count:
                return min(end, self._max_seconds)
        return self._max_seconds


class Counters:
    """Counts for one library; ``count`` is a ``Report``, and passes what it hears on to ``report``."""

    def __init__(self, report: Report = no_report) -> None:
        self._report = report
        self._counts: Counter[tuple[str, str]] = Counter()
        self._histograms: dict[str, _Histogram] = {}

    def count(self, message_id: str, name: str) -> None:
        """Count a tolerance, a substitution or a failure; the id is empty where it is not known."""
        self._counts[message_id, name] += 1
        self._report(message_id, name)

    def took(self, message_id: str, seconds: float) -> None:
        """Note how long the answer to this request took."""
        histogram = self._histograms.get(message_id)
        if histogram is None:
            histogram = self._histograms[message_id] = _Histogram()
        histogram.add(seconds)

    def quality(self) -> LineQuality:
        """Return what was counted until now."""
        latencies = {message_id: histogram.latency() for message_id, histogram in sorted(self._histograms.items())}
        return LineQuality(dict(sorted(self._counts.items())), latencies)
