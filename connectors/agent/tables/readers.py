"""Own readers with their orders and sign-ins, and the own copies that may be lent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connectors.agent.tables.base import Tables
from schemas.identifiers import ItemBarcode

DDL = (
    """CREATE TABLE IF NOT EXISTS slot (
        conv TEXT PRIMARY KEY, card TEXT NOT NULL, taken INTEGER NOT NULL DEFAULT 0,
        cancel_wanted INTEGER NOT NULL DEFAULT 0, answer_by TEXT, order_state TEXT NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS session (
        id TEXT PRIMARY KEY, challenge TEXT NOT NULL UNIQUE, valid_until TEXT NOT NULL, card TEXT,
        public_key TEXT) STRICT""",
    "CREATE TABLE IF NOT EXISTS item (record_id TEXT NOT NULL, barcode TEXT PRIMARY KEY, price_fen INTEGER) STRICT",
    "CREATE INDEX IF NOT EXISTS item_record ON item (record_id)",
)


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


class ReaderTables(Tables):
    """Orders and sign-ins of own readers; own stock."""

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

    def sessions_over(self, before: str) -> list[str]:
        """Return the sign-ins that were over before a time, and in which no open loan was ordered."""
        rows = self._db.execute(
            "SELECT id FROM session WHERE valid_until < ? AND id NOT IN (SELECT json_extract(order_state, '$.session') "
            "FROM slot JOIN loan USING (conv) WHERE outcome IS NULL)", (before,))
        return [id_ for (id_,) in rows]

    # own stock

    def put_items(self, items: Iterable[tuple[str, str, int | None]]) -> None:
        """Note (record id, barcode, price) of own copies."""
        self._db.executemany("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", items)

    def drop_items(self, record_ids: Iterable[str]) -> None:
        """Forget the copies of own records."""
        self._db.executemany("DELETE FROM item WHERE record_id = ?", [(each,) for each in record_ids])

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
