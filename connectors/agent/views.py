"""What this library has seen of the evidence log: its states, what others claim to have seen, and its own places in it.

Kept in the journal, so that a gateway cannot wait for a restart to show another history.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.identifiers import MessageHash
from schemas.messages import Accepted, AnyMessage

DDL = (
    "CREATE TABLE IF NOT EXISTS checkpoint (size INTEGER PRIMARY KEY, root TEXT NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS claim (
        size INTEGER NOT NULL, root TEXT NOT NULL, src TEXT NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (size, root)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS place (
        idx INTEGER NOT NULL, hash TEXT NOT NULL, arrived TEXT NOT NULL, kind TEXT NOT NULL,
        PRIMARY KEY (idx, hash)) STRICT, WITHOUT ROWID""",
)
CHECKPOINTS_MAX = 8640
"""Own states that are kept, a day of one every ten seconds. Only the newest is needed: whatever comes is proven against
it. An older one spares a proof where another member names the very same state, and members name what is new."""
CLAIMS_MAX = 1000
"""Of states that others have seen and this library has not compared yet; beyond, new ones are passed over."""

View = tuple[int, MessageHash]
"""A state of the log: how many leaves, and the root over them in hex; as ``cp`` in a message's header."""


@dataclass(slots=True)
class Seen:
    """The newest state this library has verified, at hand for every message it signs."""

    last: View | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the gateway says that a message stands, which is not proven yet."""

    index: int
    hash: MessageHash
    arrived: str
    kind: str


def note_views(connection: sqlite3.Connection, message: AnyMessage, logged: Accepted | None, now: datetime) -> None:
    """Note what a message that came in says of the log: what its sender has seen, and where it stands itself."""
    if message.cp is not None:
        Views(connection).claim(message.cp, message.src, now.isoformat())
    if logged is not None:
        note_place(connection, logged)


def note_place(connection: sqlite3.Connection, accepted: Accepted) -> None:
    """Note where the gateway has signed that a kept message stands, so that it will have to prove it."""
    row = connection.execute("SELECT type FROM message WHERE hash = ?", (accepted.message,)).fetchone()
    if row is not None:
        Views(connection).put_place(Place(accepted.index, accepted.message, accepted.arrived.isoformat(), row[0]))


class Views:
    """The tables, in one transaction of the journal."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def last(self) -> View | None:
        """Return the newest state that this library has verified."""
        row = self._db.execute("SELECT size, root FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
        return (row[0], MessageHash(row[1])) if row else None

    def add(self, view: View) -> None:
        """Keep a state that was verified to continue the last one; of older ones, the newest few."""
        self._db.execute("INSERT OR IGNORE INTO checkpoint VALUES (?, ?)", view)
        self._db.execute("DELETE FROM checkpoint WHERE size <= "
                         "(SELECT size FROM checkpoint ORDER BY size DESC LIMIT 1 OFFSET ?)", (CHECKPOINTS_MAX,))

    def root_at(self, size: int) -> str | None:
        """Return the root that this library has lately seen over so many leaves."""
        row = self._db.execute("SELECT root FROM checkpoint WHERE size = ?", (size,)).fetchone()
        return row[0] if row else None

    def claim(self, view: View, src: str, at: str) -> None:
        """Note a state that another member says it has seen, unless it is known here."""
        (count,) = self._db.execute("SELECT count(*) FROM claim").fetchone()
        if self.root_at(view[0]) != view[1] and count < CLAIMS_MAX:
            self._db.execute("INSERT OR IGNORE INTO claim VALUES (?, ?, ?, ?)", (*view, src, at))

    def claims(self, upto: int) -> Sequence[tuple[View, str]]:
        """Return what others have seen of the log's first ``upto`` leaves, with who says so."""
        rows = self._db.execute("SELECT size, root, src FROM claim WHERE size <= ? ORDER BY size", (upto,))
        return [((size, MessageHash(root)), src) for size, root, src in rows]

    def hidden(self, size: int, before: str) -> tuple[View, str] | None:
        """Return a state of more than ``size`` leaves that another member has seen before a time, with who says so."""
        row = self._db.execute("SELECT size, root, src FROM claim WHERE size > ? AND at < ? LIMIT 1",
                               (size, before)).fetchone()
        return ((row[0], MessageHash(row[1])), row[2]) if row else None

    def settle(self, view: View) -> None:
        """A claim has been compared."""
        self._db.execute("DELETE FROM claim WHERE size = ? AND root = ?", view)

    def put_place(self, place: Place) -> None:
        """Note where a message should stand; where the gateway gives one place to two, one of them is not there."""
        self._db.execute("INSERT OR IGNORE INTO place VALUES (?, ?, ?, ?)",
                         (place.index, place.hash, place.arrived, place.kind))

    def places(self, size: int, limit: int) -> Sequence[Place]:
        """Return places among the first ``size`` leaves that are not proven, in the order of the log."""
        rows = self._db.execute("SELECT idx, hash, arrived, kind FROM place WHERE idx < ? ORDER BY idx LIMIT ?",
                                (size, limit))
        return [Place(index, MessageHash(hash_), arrived, kind) for index, hash_, arrived, kind in rows]

    def uncovered(self, size: int, before: str) -> Place | None:
        """Return the first place that no checkpoint of ``size`` leaves covers, though it was given before a time."""
        row = self._db.execute("SELECT idx, hash, arrived, kind FROM place WHERE idx >= ? AND arrived < ? "
                               "ORDER BY idx LIMIT 1", (size, before)).fetchone()
        return Place(row[0], MessageHash(row[1]), row[2], row[3]) if row else None

    def drop_place(self, place: Place) -> None:
        """A place is proven, or an alarm has told of it."""
        self._db.execute("DELETE FROM place WHERE idx = ? AND hash = ?", (place.index, place.hash))
