"""What the gateway may lose at any time without harm: recent answers, readers' sessions, rate limits, wake-ups.

Nothing here is ever the truth. The database is: whether a message is new, what a loan's status is and who owes what are
never asked of a cache. So a cache that forgets costs a question to a library, a second sign-in, or a
moment's delay, and nothing else. ``MemoryCache`` serves one process; ``redis_cache.RedisCache`` serves several
replicas and falls back to a ``MemoryCache`` while its server is away.

Absent on purpose: locks, leases and counters that must be right, and any listing of what is kept.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import count
from typing import Generic, TypeVar

from federation.ports import Listener

__all__ = ["MemoryCache"]

T = TypeVar("T")
_log = logging.getLogger(__name__)


class MemoryCache:
    """The cache of one process: expiring, and bounded to ``entries_max`` values and as many rate limits.

    ``clock`` counts seconds and never goes back (``time.monotonic``). When full, the oldest entry gives way.
    """

    def __init__(self, clock: Callable[[], float], entries_max: int = 100_000) -> None:
        self._values: _Expiring[str] = _Expiring(clock, entries_max)
        self._windows: _Expiring[Iterator[int]] = _Expiring(clock, entries_max)
        self._listeners: list[Listener] = []

    async def get(self, name: str) -> str | None:
        """See ``ports.Cache.get``."""
        return self._values.get(name)

    async def put(self, name: str, value: str, seconds: float) -> None:
        """See ``ports.Cache.put``."""
        self._values.put(name, value, seconds)

    async def forget(self, name: str) -> None:
        """See ``ports.Cache.forget``."""
        self._values.forget(name)

    async def allow(self, name: str, limit: int, seconds: float) -> bool:
        """See ``ports.Cache.allow``."""
        calls = self._windows.get(name)
        if calls is None:
            calls = count(1)
            self._windows.put(name, calls, seconds)
        return next(calls) <= limit

    async def wake(self, agency: str) -> None:
        """See ``ports.Cache.wake``: calls the listeners of this process; one that fails does not silence the others."""
        for listener in self._listeners:
            try:
                listener(agency)
            except Exception:  # noqa: BLE001  a listener is anybody's code; its error is logged, whole
                _log.exception("A listener failed on the wake-up of %s", agency)

    def subscribe(self, listener: Listener) -> None:
        """See ``ports.Cache.subscribe``."""
        self._listeners.append(listener)

    def clear(self) -> None:
        """Forget every value and rate limit; the listeners stay."""
        self._values.clear()
        self._windows.clear()

    async def close(self) -> None:
        """See ``ports.Cache.close``."""
        self.clear()
        self._listeners.clear()


class _Expiring(Generic[T]):
    """A dictionary whose entries end by themselves and whose oldest entry gives way to a new one."""

    def __init__(self, clock: Callable[[], float], entries_max: int) -> None:
        self._clock = clock
        self._entries_max = entries_max
        self._entries: OrderedDict[str, tuple[T, float]] = OrderedDict()

    def get(self, name: str) -> T | None:
        entry = self._entries.get(name)
        if entry is None:
            return None
        value, ends = entry
        if ends <= self._clock():
            del self._entries[name]
            return None
        return value

    def put(self, name: str, value: T, seconds: float) -> None:
        self._entries[name] = (value, self._clock() + seconds)
        self._entries.move_to_end(name)
        if len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)

    def forget(self, name: str) -> None:
        self._entries.pop(name, None)

    def clear(self) -> None:
        self._entries.clear()
