"""What kiosks have handed in, and what the ILS was asked for them: a table in the connector's journal.

An entry is durable before its kiosk is answered or the ILS is asked. A return or an offline record has happened and
waits until it is done; any other write waits only to find out whether it was done. A settled entry is forgotten; kept
are an offline record's hash, to know it when it comes again, and when something was last done with each copy.
Passwords are never kept.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.agent.custody import HOLD_DAYS
from connectors.agent.tables import Unit
from connectors.kiosk.routing import is_replay
from connectors.sip2.fields import SECRET_CODES
from connectors.sip2.messages import Message

DDL = (
    """CREATE TABLE IF NOT EXISTS kiosk_waiting (
        id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, message TEXT NOT NULL, place TEXT NOT NULL,
        happened_at TEXT NOT NULL, before TEXT NOT NULL, sent_at TEXT, tries INTEGER NOT NULL DEFAULT 0
        ) STRICT""",
    "CREATE INDEX IF NOT EXISTS kiosk_waiting_subject ON kiosk_waiting (subject, happened_at, id)",
    "CREATE TABLE IF NOT EXISTS kiosk_replay (hash TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS kiosk_done (subject TEXT PRIMARY KEY, at TEXT NOT NULL) STRICT, WITHOUT ROWID",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a machine stands. ``locker`` is the pickup point that it is, empty for a machine that is none."""

    name: str
    locker: str = ""
    hold_days: int = HOLD_DAYS


@dataclass(frozen=True, slots=True)
class Entry:
    """One request that waits. ``subject`` is its copy or card, ``before`` what the ILS said before it was asked.

    ``sent_at``: since then it may have reached the ILS.
    """

    id: int
    subject: str
    request: Message = field(repr=False)
    place: Place
    happened_at: datetime
    before: Mapping[str, Any] = field(repr=False)
    sent_at: datetime | None

    @property
    def must_be_done(self) -> bool:
        """Whether it has happened at the machine; anything else was only asked for."""
        return self.request.id == "09" or is_replay(self.request)


class Backlog:
    """The tables, in one transaction of the journal."""

    def __init__(self, unit: Unit) -> None:
        self._db: sqlite3.Connection = unit.connection

    def create(self) -> None:
        """Make the tables, once."""
        for statement in DDL:
            self._db.execute(statement)

    def add(self, subject: str, request: Message, place: Place, happened_at: datetime, *,
            before: Mapping[str, Any] | None = None, sent_at: datetime | None = None) -> Entry | None:
        """Keep a request; ``None`` if it is an offline record that was handed in before."""
        message = _encode(request)
        if is_replay(request):
            hash_ = hashlib.sha256(message.encode()).hexdigest()
            if not self._db.execute("INSERT OR IGNORE INTO kiosk_replay VALUES (?)", (hash_,)).rowcount:
                return None
        row = self._db.execute(
            "INSERT INTO kiosk_waiting (subject, message, place, happened_at, before, sent_at) "
            "VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
            (subject, message, json.dumps([place.name, place.locker, place.hold_days], ensure_ascii=False),
             _utc(happened_at), json.dumps(before or {}), _utc(sent_at) if sent_at else None)).fetchone()
        return Entry(int(row[0]), subject, _decode(message), place, happened_at, before or {}, sent_at)

    def waiting(self, subject: str) -> list[Entry]:
        """Return what waits about one copy or card, as it happened, one after another."""
        return list(self._entries(subject))

    def is_behind(self, subject: str) -> bool:
        """Whether something waits that must not be overtaken."""
        return self._db.execute("SELECT 1 FROM kiosk_waiting WHERE subject = ?", (subject,)).fetchone() is not None

    def subjects(self) -> list[str]:
        """Return the copies and cards about which something waits, in the order in which it was handed in."""
        rows = self._db.execute("SELECT subject FROM kiosk_waiting GROUP BY subject ORDER BY min(id)")
        return [subject for (subject,) in rows]

    def mark_sent(self, id_: int, at: datetime | None) -> None:
        """From ``at`` on it may have reached the ILS; ``None``: it surely has not."""
        self._db.execute("UPDATE kiosk_waiting SET sent_at = ? WHERE id = ?", (_utc(at) if at else None, id_))

    def tried(self, id_: int) -> int:
        """Count a try that the state of the loan did not allow yet; return how many there were."""
        row = self._db.execute("UPDATE kiosk_waiting SET tries = tries + 1 WHERE id = ? RETURNING tries", (id_,))
        return int(row.fetchone()[0])

    def is_overtaken(self, entry: Entry) -> bool:
        """Whether something later has been done already with the copy."""
        row = self._db.execute("SELECT at FROM kiosk_done WHERE subject = ?", (entry.subject,)).fetchone()
        return row is not None and row[0] > _utc(entry.happened_at)

    def settle(self, entry: Entry, *, done: bool) -> None:
        """Forget an entry; ``done``: something was done with its copy, at its time."""
        self._db.execute("DELETE FROM kiosk_waiting WHERE id = ?", (entry.id,))
        if done:
            self._db.execute("INSERT INTO kiosk_done VALUES (?, ?) ON CONFLICT (subject) DO UPDATE "
                             "SET at = max(at, excluded.at)", (entry.subject, _utc(entry.happened_at)))

    def _entries(self, subject: str) -> Iterator[Entry]:
        for id_, message, place, at, before, sent_at in self._db.execute(
                "SELECT id, message, place, happened_at, before, sent_at FROM kiosk_waiting WHERE subject = ? "
                "ORDER BY happened_at, id", (subject,)):
            yield Entry(id_, subject, _decode(message), Place(*json.loads(place)), datetime.fromisoformat(at),
                        json.loads(before), datetime.fromisoformat(sent_at) if sent_at else None)


def _utc(moment: datetime) -> str:
    """Return a moment so that texts sort as times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _encode(request: Message) -> str:
    fields = [field for field in request.fields if field[0] not in SECRET_CODES]
    return json.dumps([request.id, request.head, fields], ensure_ascii=False)


def _decode(text: str) -> Message:
    message_id, head, fields = json.loads(text)
    return Message(message_id, head, tuple((code, value) for code, value in fields))
