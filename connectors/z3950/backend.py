"""What a target serves: the ports behind ``service``, of which only the first must be there.

A backend that can also scan, sort or take orders offers so by having the method; Init tells the origin what there is.
Any of them may raise ``DiagnosticError``, which is passed on to the origin.
"""

from collections.abc import Sequence, Sized
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from connectors.z3950.apdu import Credentials
from connectors.z3950.query import Query, Term
from connectors.z3950.sort import SortKey

Found = TypeVar("Found", bound=Sized)


class IndexTerm(NamedTuple):
    """A term of an index that can be looked for, what it stands for where that is written otherwise, and its hits."""

    text: str
    shown: str = ""
    hits: int | None = None


class IndexPart(NamedTuple):
    """Terms in their order; ``before`` of them precede the one that was asked for, or would stand in its place."""

    terms: Sequence[IndexTerm]
    before: int = 0


class Backend(Protocol[Found]):
    """A catalogue that can be searched."""

    async def search(self, database: str, query: Query) -> Found:
        """Return what ``query`` finds in ``database``; its length is the number of hits.

        Raises:
            DiagnosticError: 235 for an unknown database, 114 for an unsupported use attribute, and so on.
        """

    async def record(self, found: Found, index: int, syntax: str, charset: str | None) -> bytes:
        """Return record ``index``, counted from 0, in the record syntax with the OID ``syntax``.

        ``charset`` is the one that was negotiated; where there is none, it is the backend's choice.

        Raises:
            DiagnosticError: 239 for an unsupported syntax, 14 for a record that cannot be had.
        """


@runtime_checkable
class Scans(Protocol):
    """A catalogue whose indexes can be looked at."""

    async def scan(self, database: str, start: Term, before: int, count: int) -> IndexPart:
        """Return ``count`` terms from ``start`` on, and up to ``before`` that precede it."""


@runtime_checkable
class Sorts(Protocol[Found]):
    """A catalogue that can put what it found in another order."""

    async def sort(self, found: Found, keys: Sequence[SortKey]) -> Found:
        """Return the same records in the order of ``keys``; raise ``DiagnosticError`` 207 where it cannot."""


@runtime_checkable
class Orders(Protocol):
    """A catalogue from which can be ordered."""

    async def order(self, found: Any, index: int, credentials: Credentials | None) -> str:
        """Order record ``index`` for whom the ``credentials`` of Init are, and return the order's reference.

        Raises:
            DiagnosticError: 222 for who may not order, 224 for what cannot be ordered now.
        """
