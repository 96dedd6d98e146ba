"""Two catalogues behind one Z39.50 server: the live one as its database, and another one as all the rest."""

from collections.abc import Sequence
from typing import Any, Protocol

from connectors.broker.face import LiveBackend
from connectors.broker.found import LiveSet
from connectors.z3950.apdu import Credentials
from connectors.z3950.backend import Backend, IndexPart, Orders, Scans, Sorts
from connectors.z3950.errors import DiagnosticError
from connectors.z3950.query import Query, Term
from connectors.z3950.sort import SortKey

_CANNOT_SORT, _CANNOT_ORDER, _CANNOT_SCAN = 207, 224, 228


class Whole(Backend[Any], Scans, Sorts[Any], Orders, Protocol):
    """A catalogue that can do everything a server offers."""


class Beside:
    """Serves ``live`` beside ``other``. A live result can be neither sorted nor ordered from, nor its terms scanned."""

    def __init__(self, other: Whole, live: LiveBackend) -> None:
        self._other = other
        self._live = live

    async def search(self, database: str, query: Query) -> Any:
        """Return what ``query`` finds in ``database``."""
        return await (self._live if self._is_live(database) else self._other).search(database, query)

    async def record(self, found: Any, index: int, syntax: str, charset: str | None) -> bytes:
        """Return a record of what was found."""
        backend: Backend[Any] = self._live if isinstance(found, LiveSet) else self._other
        return await backend.record(found, index, syntax, charset)

    async def scan(self, database: str, start: Term, before: int, count: int) -> IndexPart:
        """Return the terms of an index."""
        if self._is_live(database):
            raise DiagnosticError(_CANNOT_SCAN, database)
        return await self._other.scan(database, start, before, count)

    async def sort(self, found: Any, keys: Sequence[SortKey]) -> Any:
        """Return the same records in another order."""
        if isinstance(found, LiveSet):
            raise DiagnosticError(_CANNOT_SORT, "a live search")
        return await self._other.sort(found, keys)

    async def order(self, found: Any, index: int, credentials: Credentials | None) -> str:
        """Order a record."""
        if isinstance(found, LiveSet):
            raise DiagnosticError(_CANNOT_ORDER, "not held by a member of the alliance")
        return await self._other.order(found, index, credentials)

    def _is_live(self, database: str) -> bool:
        return database.lower() == self._live.database.lower()
