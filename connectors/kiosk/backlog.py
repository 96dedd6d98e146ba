"""What kiosks have handed in and the connector has accepted: a table in the connector's journal.

An entry is durable before its kiosk is answered. It waits until it is settled; what cannot be settled is a conflict
for staff and stays until they say that it is handled. A settled entry forgets what it was about, but an offline record
that comes again is still known. Passwords are never kept.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from connectors.agent.tables import Unit
from connectors.sip2.fields import SECRET_CODES
from connectors.sip2.messages import Message

DDL = (
    """CREATE TABLE IF NOT EXISTS kiosk_entry (
        id INTEGER PRIMARY KEY AUTOINCREMENT, barcode TEXT NOT NULL, message TEXT NOT NULL, place TEXT NOT NULL,
        happened_at TEXT NOT NULL, replay TEXT UNIQUE, sent INTEGER NOT NULL DEFAULT 0,
        tries INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL DEFAULT 'waiting', reason TEXT NOT NULL DEFAULT '') STRICT""",
    "CREATE INDEX IF NOT EXISTS kiosk_entry_open ON kiosk_entry (state, barcode, id) WHERE state <> 'settled'",
)


class State(StrEnum):
    """Where an entry stands."""

    WAITING = "waiting"
    SETTLED = "settled"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Entry:
    """One checkin or checkout that was accepted. ``sent``: it may have reached the ILS."""

    id: int
    barcode: str
    request: Message = field(repr=False)
    place: str
    happened_at: datetime
    sent: bool
    state: State
    reason: str


class Backlog:
    """The table, in one transaction of the journal."""

    def __init__(self, unit: Unit) -> None:
        self._db: sqlite3.Connection = unit.connection

    def create(self) -> None:
        """Make the table, once."""
        for statement in DDL:
            self._db.execute(statement)

    def add(self, barcode: str, request: Message, place: str, happened_at: datetime, *, replay: bool) -> int | None:
        """Keep what a kiosk hands in; ``None`` if it is an offline record that was handed in before."""
        message = _encode(request)
        known = hashlib.sha256(message.encode()).hexdigest() if replay else None
        row = self._db.execute(
            "INSERT INTO kiosk_entry (barcode, message, place, happened_at, replay) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (replay) DO NOTHING RETURNING id",
            (barcode, message, place, happened_at.astimezone(UTC).isoformat(), known)).fetchone()
        return int(row[0]) if row else None

    def waiting(self, barcode: str) -> list[Entry]:
        """Return what waits about one copy, as it happened, one after another."""
        return list(self._entries("state = 'waiting' AND barcode = ? ORDER BY happened_at, id", barcode))

    def has_replays(self, barcode: str) -> bool:
        """Whether offline records of a copy wait."""
        return self._db.execute("SELECT 1 FROM kiosk_entry WHERE state = 'waiting' AND barcode = ? "
                                "AND replay IS NOT NULL", (barcode,)).fetchone() is not None

    def barcodes(self) -> list[str]:
        """Return the copies about which something waits."""
        rows = self._db.execute("SELECT barcode FROM kiosk_entry WHERE state = 'waiting' GROUP BY barcode "
                                "ORDER BY min(id)")
        return [barcode for (barcode,) in rows]

    def conflicts(self) -> list[Entry]:
        """Return what staff must look at, oldest first."""
        return list(self._entries("state = 'conflict' ORDER BY id"))

    def mark_sent(self, id_: int) -> None:
        """From now on it may have reached the ILS."""
        self._db.execute("UPDATE kiosk_entry SET sent = 1 WHERE id = ?", (id_,))

    def tried(self, id_: int) -> int:
        """Count a try that the state of the loan did not allow yet; return how many there were."""
        row = self._db.execute("UPDATE kiosk_entry SET tries = tries + 1 WHERE id = ? RETURNING tries", (id_,))
        return int(row.fetchone()[0])

    def settle(self, id_: int) -> bool:
        """Forget what a settled entry was about; return whether there is such an entry still open."""
        return self._db.execute("UPDATE kiosk_entry SET state = 'settled', message = '', reason = '' "
                                "WHERE id = ? AND state <> 'settled'", (id_,)).rowcount > 0

    def dispute(self, id_: int, reason: str) -> None:
        """Leave it to staff."""
        self._db.execute("UPDATE kiosk_entry SET state = 'conflict', reason = ? WHERE id = ?", (reason, id_))

    def _entries(self, where: str, *values: str) -> Iterator[Entry]:
        columns = "id, barcode, message, place, happened_at, sent, state, reason"
        for id_, barcode, message, place, at, sent, state, reason in self._db.execute(
                f"SELECT {columns} FROM kiosk_entry WHERE {where}", values):  # noqa: S608
            yield Entry(id_, barcode, _decode(message), place, datetime.fromisoformat(at), bool(sent), State(state),
                        reason)


def _encode(request: Message) -> str:
    fields = [field for field in request.fields if field[0] not in SECRET_CODES]
    return json.dumps([request.id, request.head, fields], ensure_ascii=False)


def _decode(text: str) -> Message:
    message_id, head, fields = json.loads(text)
    return Message(message_id, head, tuple((code, value) for code, value in fields))
