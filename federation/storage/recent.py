"""A bounded memory of rows that the one writer has lately read or written.

Only the writer changes the database, so what it remembers is what is there. After anything was rolled back its unit
is made anew, with empty memories (``federation.storage.database``).
"""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
ENTRIES_MAX = 20_000
"""A few dozen megabytes of loans at most."""


class Recent(Generic[K, V]):
    """The last entries that were put; the oldest gives way."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._entries: dict[K, V] = {}
        self._entries_max = entries_max

    def get(self, key: K) -> V | None:
        """Return what is remembered."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        """Remember this, as the newest."""
        self._entries.pop(key, None)
        self._entries[key] = value
        if len(self._entries) > self._entries_max:
            del self._entries[next(iter(self._entries))]
