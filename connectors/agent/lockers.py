"""How long each copy may wait in a locker (网借柜): a table in the journal, beside the loans.

That a copy is in a locker is the loan's custody, signed for by the library that runs it. Until when the locker keeps
it is this library's own affair. A stay lasts while the copy is at this library, so that one that was taken out
uncollected is known as such; it may outlast its loan (a copy that was paid for): whoever reads it looks there.
"""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

DDL = (
    "CREATE TABLE IF NOT EXISTS locker_stay (conv TEXT PRIMARY KEY, place TEXT NOT NULL, until TEXT NOT NULL) STRICT",
)


@dataclass(frozen=True, slots=True)
class Stay:
    """One copy's place in a locker, and until when."""

    conv: str
    place: str
    until: datetime


class LockerStays:
    """The table, in one transaction of the journal."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def begin(self, stay: Stay) -> None:
        """The copy is in the locker."""
        self._db.execute("INSERT OR REPLACE INTO locker_stay VALUES (?, ?, ?)",
                         (stay.conv, stay.place, stay.until.astimezone(UTC).isoformat()))

    def end(self, conv: str) -> None:
        """The copy has gone on: to its reader, or on its way back."""
        self._db.execute("DELETE FROM locker_stay WHERE conv = ?", (conv,))

    def until(self, conv: str) -> datetime | None:
        """Return until when a copy's locker keeps it, or kept it before it was taken out uncollected."""
        row = self._db.execute("SELECT until FROM locker_stay WHERE conv = ?", (conv,)).fetchone()
        return datetime.fromisoformat(row[0]) if row else None

    def over(self, now: datetime) -> list[Stay]:
        """Return the stays whose time is over, the longest over first."""
        rows = self._db.execute("SELECT conv, place, until FROM locker_stay WHERE until < ? ORDER BY until, conv",
                                (now.astimezone(UTC).isoformat(),))
        return [Stay(conv, place, datetime.fromisoformat(until)) for conv, place, until in rows]
