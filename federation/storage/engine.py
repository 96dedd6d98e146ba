"""What the stores ask of a database: SQL with ``?`` parameters on one connection, whichever engine runs it.

Statements are written once, in what SQLite and PostgreSQL both understand; the few that cannot be stand in tables by
engine beside their users. Deliberately absent: an object model, which the accept path would pay for.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

SCHEMA = 3
"""The tables' version, kept in the database; another one is refused."""


class StorageFailed(RuntimeError):
    """The database could not be opened, or could not commit; nothing of the group is durable."""


class Cursor(Protocol):
    """The rows of a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows a change has changed."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows."""


class Connection(Protocol):
    """One connection. Transactions are begun and ended by statements, so that every engine does it alike."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open: an engine may end one by itself where it fails."""

    def execute(self, statement: str, parameters: Sequence[Any] = ..., /) -> Cursor:
        """Run a statement."""

    def executemany(self, statement: str, parameters: Iterable[Sequence[Any]], /) -> Any:
        """Run a statement once for each row of parameters."""


class Engine(Protocol):
    """A database that one process writes."""

    @property
    def name(self) -> str:
        """What errors call it; never its password."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """The errors by which it says that it failed, its own first."""

    def opened(self, ddl: Iterable[str]) -> AbstractContextManager[Connection]:
        """Open it as its only writer, with its tables made where it is empty; leaving closes it.

        Raises:
            OSError: another process writes it, or it cannot be reached.
        """

    def begin(self) -> str:
        """Return the statement that begins a transaction which may write."""

    def scrub(self) -> None:
        """Let nothing that was erased be left in the files.

        Raises:
            StorageFailed: it cannot be done now; asking again later may help.
        """
