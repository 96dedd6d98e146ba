"""What a person must settle, on a list in the journal until somebody says that it is handled.

An alarm tells of something once. A conflict is work: what a machine took in and nobody can decide but staff, or what
the ILS may have done and does not tell. It names the card where staff need it, and is forgotten whole once handled;
where nobody handles it, retention forgets the card and the ILS's words, and the copy stays on the list.
"""

import sqlite3
from dataclasses import asdict, dataclass, field
from enum import StrEnum

DDL = (
    """CREATE TABLE IF NOT EXISTS conflict (
        id INTEGER PRIMARY KEY AUTOINCREMENT, noted_at TEXT NOT NULL, happened_at TEXT NOT NULL, place TEXT NOT NULL,
        action TEXT NOT NULL, barcode TEXT NOT NULL, card TEXT NOT NULL, cause TEXT NOT NULL, detail TEXT NOT NULL)
        STRICT""",
)
SHOWN_MAX = 1000
"""A machine gone wild must not fill the memory of whoever looks at the list: the rest shows once these are handled."""


class Cause(StrEnum):
    """Why staff are needed."""

    SEVERAL_COPIES = "several_copies"
    UNKNOWN_COPY = "unknown_copy"
    UNEXPECTED = "unexpected"
    NOT_RESERVED = "not_reserved"
    FOREIGN_CARD = "foreign_card"
    ILS_REFUSED = "ils_refused"
    ILS_NOT_ASKED = "ils_not_asked"
    OUT_OF_ORDER = "out_of_order"
    OUTCOME_UNKNOWN = "outcome_unknown"
    WRONG_LOCKER = "wrong_locker"


@dataclass(frozen=True, slots=True)
class Conflict:
    """One thing to settle. Times are ISO 8601 in UTC; ``action`` is a SIP2 message's name.

    ``detail`` is for staff alone: it may be the ILS's own words.
    """

    noted_at: str
    happened_at: str
    place: str
    action: str
    barcode: str
    card: str = field(repr=False)
    cause: Cause
    detail: str = field(repr=False)
    id: int = 0


class Conflicts:
    """The list, in one transaction of the journal."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def add(self, conflict: Conflict) -> int:
        """Put something on the list; return its number there."""
        row = self._db.execute(
            "INSERT INTO conflict (noted_at, happened_at, place, action, barcode, card, cause, detail) VALUES "
            "(:noted_at, :happened_at, :place, :action, :barcode, :card, :cause, :detail) RETURNING id",
            asdict(conflict)).fetchone()
        return int(row[0])

    def open(self) -> list[Conflict]:
        """Return what is to be settled, oldest first, at most ``SHOWN_MAX``."""
        rows = self._db.execute("SELECT noted_at, happened_at, place, action, barcode, card, cause, detail, id "
                                "FROM conflict ORDER BY id LIMIT ?", (SHOWN_MAX,))
        return [Conflict(noted_at, happened_at, place, action, barcode, card, Cause(cause), detail, id_)
                for noted_at, happened_at, place, action, barcode, card, cause, detail, id_ in rows]

    def naming_readers(self, before: str) -> list[int]:
        """Return the numbers of those noted before a time that still name a card, or keep the ILS's words."""
        return [id_ for (id_,) in self._db.execute(
            "SELECT id FROM conflict WHERE noted_at < ? AND (card <> '' OR detail <> '')", (before,))]

    def forget_readers(self, before: str) -> None:
        """Forget cards and the ILS's words in all that was noted before a time."""
        self._db.execute("UPDATE conflict SET card = '', detail = '' WHERE noted_at < ?", (before,))

    def handled(self, id_: int) -> bool:
        """Take one off the list; return whether it stood there."""
        return self._db.execute("DELETE FROM conflict WHERE id = ?", (id_,)).rowcount > 0
