"""The journal's tables. The caller owns the transaction."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import TypeAdapter

from connectors.agent.effects import Do, Verb
from schemas.identifiers import ItemBarcode, MessageHash
from schemas.loan import Loan
from trust.stream import StreamHead

DDL = (
    """CREATE TABLE IF NOT EXISTS message (
        hash TEXT PRIMARY KEY, type TEXT NOT NULL, conv TEXT NOT NULL, idx INTEGER, envelope BLOB NOT NULL,
        confirm_by TEXT) STRICT""",
    "CREATE INDEX IF NOT EXISTS message_idx ON message (idx) WHERE idx IS NOT NULL",
    """CREATE TABLE IF NOT EXISTS stream (
        src TEXT NOT NULL, dst TEXT NOT NULL, channel TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
        hash TEXT NOT NULL, PRIMARY KEY (src, dst, channel)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS outbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL UNIQUE, envelope BLOB NOT NULL) STRICT""",
    "CREATE TABLE IF NOT EXISTS loan (conv TEXT PRIMARY KEY, barcode TEXT, outcome TEXT, state TEXT NOT NULL) STRICT",
    "CREATE INDEX IF NOT EXISTS loan_barcode ON loan (barcode) WHERE outcome IS NULL",
    """CREATE TABLE IF NOT EXISTS task (
        id INTEGER PRIMARY KEY AUTOINCREMENT, conv TEXT NOT NULL, verb TEXT NOT NULL, why TEXT NOT NULL,
        argument TEXT NOT NULL, sent INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0) STRICT""",
    "CREATE INDEX IF NOT EXISTS task_open ON task (conv, id) WHERE done = 0",
    """CREATE TABLE IF NOT EXISTS slot (
        conv TEXT PRIMARY KEY, card TEXT NOT NULL, taken INTEGER NOT NULL DEFAULT 0,
        cancel_wanted INTEGER NOT NULL DEFAULT 0, answer_by TEXT, order_state TEXT NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS session (
        id TEXT PRIMARY KEY, challenge TEXT NOT NULL UNIQUE, valid_until TEXT NOT NULL, card TEXT,
        public_key TEXT) STRICT""",
    "CREATE TABLE IF NOT EXISTS item (record_id TEXT NOT NULL, barcode TEXT PRIMARY KEY, price_fen INTEGER) STRICT",
    "CREATE INDEX IF NOT EXISTS item_record ON item (record_id)",
    "CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS alarm (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL) STRICT""",
)
_LOAN = TypeAdapter(Loan)


@dataclass(frozen=True, slots=True)
class Task:
    """Something the ILS must do for a loan. ``sent`` means a write may have reached the ILS."""

    id: int
    conv: str
    do: Do
    sent: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """One order of an own reader: the credit it uses while ``taken``. The card never leaves the journal."""

    conv: str
    card: str
    taken: bool
    cancel_wanted: bool
    answer_by: str | None
    order_state: str

    def __repr__(self) -> str:
        return f"Slot({self.conv}, taken={self.taken})"


@dataclass(frozen=True, slots=True)
class Session:
    """A reader's sign-in: a challenge until it is used, then a card and the key that signs the reader's orders."""

    id: str
    challenge: str
    valid_until: str
    card: str | None
    public_key: str | None

    def __repr__(self) -> str:
        return f"Session({self.id})"


class Unit:
    """All that one transaction of the connector may touch."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @property
    def connection(self) -> sqlite3.Connection:
        """The transaction itself, for a part that keeps tables of its own in the journal."""
        return self._db

    @contextmanager
    def part(self) -> Iterator[None]:
        """Undo what is done inside, and only that, where it raises."""
        self._db.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK TO part")
            raise
        finally:
            self._db.execute("RELEASE part")

    # messages and streams

    def has_message(self, hash_: str) -> bool:
        """Whether this message has been sent or taken in before."""
        return self._db.execute("SELECT 1 FROM message WHERE hash = ?", (hash_,)).fetchone() is not None

    def envelope(self, hash_: str) -> bytes:
        """Return the envelope of a message that is known to be kept."""
        return bytes(self._db.execute("SELECT envelope FROM message WHERE hash = ?", (hash_,)).fetchone()[0])

    def add_message(self, hash_: str, kind: str, conv: str, index: int | None, envelope: bytes) -> None:
        """Keep a message; ``index`` is its place in the alliance's log, where it is known."""
        self._db.execute("INSERT INTO message (hash, type, conv, idx, envelope) VALUES (?, ?, ?, ?, ?)",
                         (hash_, kind, conv, index, envelope))

    def set_index(self, hash_: str, index: int) -> None:
        """Note where the gateway has logged an own message."""
        self._db.execute("UPDATE message SET idx = ? WHERE hash = ?", (index, hash_))

    def messages_upto(self, index: int) -> list[tuple[str, int, bytes]]:
        """Return (hash, log index, envelope) of the loan messages logged up to ``index``, in that order."""
        return self._db.execute("SELECT hash, idx, envelope FROM message WHERE idx <= ? AND conv <> '' ORDER BY idx",
                                (index,)).fetchall()

    def await_confirmation(self, hash_: str, by: str) -> None:
        """Note until when the receiver of an own message should have confirmed it."""
        self._db.execute("UPDATE message SET confirm_by = ? WHERE hash = ?", (by, hash_))

    def confirmed(self, hash_: str) -> None:
        """The receiver has made an own message durable."""
        self._db.execute("UPDATE message SET confirm_by = NULL WHERE hash = ?", (hash_,))

    def unconfirmed(self, now: str) -> list[tuple[str, str]]:
        """Return (hash, type) of own messages whose confirmation is overdue; each is returned once."""
        return self._db.execute("UPDATE message SET confirm_by = NULL WHERE confirm_by < ? RETURNING hash, type",
                                (now,)).fetchall()

    def head(self, src: str, dst: str, channel: str) -> StreamHead:
        """Return where a stream stands."""
        row = self._db.execute("SELECT epoch, seq, hash FROM stream WHERE src = ? AND dst = ? AND channel = ?",
                               (src, dst, channel)).fetchone()
        return StreamHead(row[0], row[1], MessageHash(row[2])) if row else StreamHead()

    def set_head(self, src: str, dst: str, channel: str, head: StreamHead) -> None:
        """Move a stream on."""
        self._db.execute("INSERT OR REPLACE INTO stream VALUES (?, ?, ?, ?, ?, ?)",
                         (src, dst, channel, head.epoch, head.seq, head.hash))

    # outbox

    def enqueue(self, hash_: str, envelope: bytes) -> None:
        """Put a signed envelope into the outbox; it stays until the gateway has answered for it."""
        self._db.execute("INSERT INTO outbox (hash, envelope) VALUES (?, ?)", (hash_, envelope))

    def outbox(self, limit: int) -> list[tuple[str, bytes]]:
        """Return (hash, envelope) of what waits, in order."""
        return self._db.execute("SELECT hash, envelope FROM outbox ORDER BY number LIMIT ?", (limit,)).fetchall()

    def dequeue(self, hash_: str) -> None:
        """The gateway has taken this over."""
        self._db.execute("DELETE FROM outbox WHERE hash = ?", (hash_,))

    def waiting(self) -> int:
        """Return how many own messages the gateway has not answered for."""
        return int(self._db.execute("SELECT count(*) FROM outbox").fetchone()[0])

    # loans

    def loan(self, conv: str) -> Loan | None:
        """Return a loan this library takes part in."""
        row = self._db.execute("SELECT state FROM loan WHERE conv = ?", (conv,)).fetchone()
        return _LOAN.validate_json(row[0]) if row else None

    def put_loan(self, loan: Loan) -> None:
        """Keep the newest state of a loan."""
        self._db.execute("INSERT OR REPLACE INTO loan VALUES (?, ?, ?, ?)",
                         (loan.conv, loan.barcode, loan.outcome, _LOAN.dump_json(loan).decode()))

    def loans_with(self, barcode: str) -> list[Loan]:
        """Return unfinished loans of a copy with this barcode."""
        rows = self._db.execute("SELECT state FROM loan WHERE barcode = ? AND outcome IS NULL", (barcode,))
        return [_LOAN.validate_json(state) for (state,) in rows]

    def loans(self, *, unfinished: bool = True) -> list[Loan]:
        """Return the loans of this library, oldest first."""
        where = "WHERE outcome IS NULL" if unfinished else ""
        return [_LOAN.validate_json(state) for (state,) in
                self._db.execute(f"SELECT state FROM loan {where} ORDER BY rowid")]  # noqa: S608

    # ILS tasks

    def add_task(self, conv: str, do: Do) -> None:
        """Journal something for the ILS."""
        self._db.execute("INSERT INTO task (conv, verb, why, argument) VALUES (?, ?, ?, ?)",
                         (conv, do.verb, do.why, json.dumps(dict(do.argument))))

    def open_tasks(self) -> list[Task]:
        """Return the oldest open task of each loan, so that a loan's tasks run in order."""
        rows = self._db.execute("SELECT min(id), conv, verb, why, argument, sent FROM task WHERE done = 0 "
                                "GROUP BY conv ORDER BY 1")
        return [Task(id_, conv, Do(Verb(verb), why, json.loads(argument)), bool(sent))
                for id_, conv, verb, why, argument, sent in rows]

    def held_barcode(self, conv: str) -> str | None:
        """Return the copy that a hold was last asked for on a loan's behalf, whoever supplies it now."""
        row = self._db.execute("SELECT json_extract(argument, '$.barcode') FROM task WHERE conv = ? AND verb = ? "
                               "AND sent = 1 ORDER BY id DESC LIMIT 1", (conv, Verb.PLACE_HOLD)).fetchone()
        return row[0] if row else None

    def has_task(self, conv: str, verb: Verb) -> bool:
        """Whether such a task of a loan is still open."""
        return self._db.execute("SELECT 1 FROM task WHERE conv = ? AND verb = ? AND done = 0",
                                (conv, verb)).fetchone() is not None

    def mark_sent(self, task_id: int, barcode: str) -> None:
        """From now on a write about this copy may have reached the ILS."""
        self._db.execute("UPDATE task SET sent = 1, argument = json_set(argument, '$.barcode', ?) WHERE id = ?",
                         (barcode, task_id))

    def mark_done(self, task_id: int) -> None:
        """The outcome is known."""
        self._db.execute("UPDATE task SET done = 1 WHERE id = ?", (task_id,))

    # readers

    def slot(self, conv: str) -> Slot | None:
        """Return the order of an own reader."""
        row = self._db.execute("SELECT conv, card, taken, cancel_wanted, answer_by, order_state FROM slot "
                               "WHERE conv = ?", (conv,)).fetchone()
        return Slot(row[0], row[1], bool(row[2]), bool(row[3]), row[4], row[5]) if row else None

    def put_slot(self, slot: Slot) -> None:
        """Keep an order of an own reader."""
        self._db.execute("INSERT OR REPLACE INTO slot VALUES (?, ?, ?, ?, ?, ?)",
                         (slot.conv, slot.card, slot.taken, slot.cancel_wanted, slot.answer_by, slot.order_state))

    def slots_taken(self, card: str) -> int:
        """Return how much of a reader's credit is in use."""
        return int(self._db.execute("SELECT count(*) FROM slot WHERE card = ? AND taken = 1", (card,)).fetchone()[0])

    def slots_unanswered(self, now: str) -> list[str]:
        """Return the orders whose supplier has let its time to answer pass."""
        rows = self._db.execute("SELECT conv FROM slot WHERE answer_by < ? ORDER BY conv", (now,))
        return [conv for (conv,) in rows]

    def session(self, id_: str) -> Session | None:
        """Return a sign-in by its id."""
        row = self._db.execute("SELECT id, challenge, valid_until, card, public_key FROM session WHERE id = ?",
                               (id_,)).fetchone()
        return Session(*row) if row else None

    def put_session(self, session: Session) -> None:
        """Keep a sign-in."""
        self._db.execute("INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?)",
                         (session.id, session.challenge, session.valid_until, session.card, session.public_key))

    # own stock

    def put_items(self, items: Iterable[tuple[str, str, int | None]]) -> None:
        """Note (record id, barcode, price) of own copies."""
        self._db.executemany("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", items)

    def items_of(self, record_id: str) -> Sequence[tuple[ItemBarcode, int | None]]:
        """Return the copies of a record with their prices."""
        rows = self._db.execute("SELECT barcode, price_fen FROM item WHERE record_id = ? ORDER BY barcode",
                                (record_id,))
        return [(ItemBarcode(barcode), price) for barcode, price in rows]

    def price_of(self, barcode: str) -> int | None:
        """Return the catalogued price of an own copy, in fen."""
        row = self._db.execute("SELECT price_fen FROM item WHERE barcode = ?", (barcode,)).fetchone()
        return row[0] if row else None

    def owns(self, barcode: str) -> bool:
        """Whether the copy stands in this library's own catalogue."""
        return self._db.execute("SELECT 1 FROM item WHERE barcode = ?", (barcode,)).fetchone() is not None

    # facts and alarms

    def fact(self, name: str, default: str = "") -> str:
        """Return a single remembered value."""
        row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else default

    def set_fact(self, name: str, value: str) -> None:
        """Remember a single value."""
        self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    def alarm(self, at: str, code: str, detail: str) -> None:
        """Keep something that a person must see. Never with a reader's data."""
        self._db.execute("INSERT INTO alarm (at, code, detail) VALUES (?, ?, ?)", (at, code, detail[:500]))

    def alarms(self) -> list[Mapping[str, str]]:
        """Return all alarms, oldest first."""
        return [{"at": at, "code": code, "detail": detail}
                for at, code, detail in self._db.execute("SELECT at, code, detail FROM alarm ORDER BY id")]
