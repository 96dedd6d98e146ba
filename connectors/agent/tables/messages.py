"""Messages sent and taken in, the streams they are numbered in, and what waits to be sent."""

import json
from collections.abc import Iterator, Sequence

from connectors.agent.tables.base import Tables
from schemas.envelope import GENESIS, StreamPosition
from schemas.identifiers import AgencyId, MessageHash
from trust.stream import StreamHead

DDL = (
    """CREATE TABLE IF NOT EXISTS message (
        hash TEXT PRIMARY KEY, type TEXT NOT NULL, conv TEXT NOT NULL, idx INTEGER, envelope BLOB NOT NULL,
        confirm_by TEXT) STRICT""",
    "CREATE INDEX IF NOT EXISTS message_idx ON message (idx) WHERE idx IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS message_confirm_by ON message (confirm_by) WHERE confirm_by IS NOT NULL",
    """CREATE TABLE IF NOT EXISTS stream (
        src TEXT NOT NULL, dst TEXT NOT NULL, channel TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
        hash TEXT NOT NULL, PRIMARY KEY (src, dst, channel)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS sent (
        dst TEXT NOT NULL, channel TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL,
        PRIMARY KEY (dst, channel, epoch, seq)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS outbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL UNIQUE, envelope BLOB NOT NULL) STRICT""",
)


class MessageTables(Tables):
    """Every message with its envelope; the head of each stream; the outbox."""

    def has_message(self, hash_: str) -> bool:
        """Whether this message has been sent or taken in before."""
        return self._db.execute("SELECT 1 FROM message WHERE hash = ?", (hash_,)).fetchone() is not None

    def envelope(self, hash_: str) -> bytes:
        """Return the envelope of a message that is known to be kept."""
        return bytes(self._db.execute("SELECT envelope FROM message WHERE hash = ?", (hash_,)).fetchone()[0])

    def has_envelope(self, hash_: str) -> bool:
        """Whether what this message says is here: it is known, and was not erased."""
        return self._db.execute("SELECT 1 FROM message WHERE hash = ? AND envelope <> x''",
                                (hash_,)).fetchone() is not None

    def messages_of(self, conv: str) -> list[tuple[str, int | None]]:
        """Return (type, log index) of a loan's messages."""
        return self._db.execute("SELECT type, idx FROM message WHERE conv = ?", (conv,)).fetchall()

    def said_about_statements(self) -> list[str]:
        """Return the hashes of own answers to statements."""
        return [hash_ for (hash_,) in self._db.execute(
            "SELECT hash FROM message WHERE type IN ('StatementAcceptance', 'StatementDispute')")]

    def is_under_way(self, conv: str) -> bool:
        """Whether something of a loan is unsent, unconfirmed, postponed and not told, or to be done in the ILS."""
        return self._db.execute(
            "SELECT 1 FROM message LEFT JOIN outbox USING (hash) LEFT JOIN postponed USING (hash) "
            "WHERE message.conv = ?1 "
            "AND (outbox.hash IS NOT NULL OR told = 0 OR confirm_by IS NOT NULL) "
            "UNION ALL SELECT 1 FROM task WHERE conv = ?1 AND done = 0 LIMIT 1", (conv,)).fetchone() is not None

    def add_message(self, hash_: str, kind: str, conv: str, index: int | None, envelope: bytes) -> None:
        """Keep a message; ``index`` is its place in the alliance's log, where it is known."""
        self._db.execute("INSERT INTO message (hash, type, conv, idx, envelope) VALUES (?, ?, ?, ?, ?)",
                         (hash_, kind, conv, index, envelope))

    def set_index(self, hash_: str, index: int) -> bool:
        """Note where the gateway has logged a message; return whether that is news."""
        return self._db.execute("UPDATE message SET idx = ? WHERE hash = ? AND idx IS NOT ?",
                                (index, hash_, index)).rowcount > 0

    def messages_upto(self, index: int) -> list[tuple[str, int, bytes]]:
        """Return (hash, log index, envelope) of the loan messages logged up to ``index``, in that order."""
        return self._db.execute("SELECT hash, idx, envelope FROM message WHERE idx <= ? AND conv <> '' "
                                "AND envelope <> x'' ORDER BY idx", (index,)).fetchall()

    def await_confirmation(self, hash_: str, by: str) -> None:
        """Note until when the receiver of an own message should have confirmed it."""
        self._db.execute("UPDATE message SET confirm_by = ? WHERE hash = ?", (by, hash_))

    def confirmed(self, hash_: str) -> None:
        """The receiver has made an own message durable, or will never have it."""
        self._db.execute("UPDATE message SET confirm_by = NULL WHERE hash = ?", (hash_,))

    def awaiting(self) -> int:
        """Return how many own messages their receivers have not confirmed yet, and still may in time."""
        return int(self._db.execute("SELECT count(*) FROM message WHERE confirm_by IS NOT NULL").fetchone()[0])

    def unconfirmed(self, now: str) -> list[tuple[str, str, str]]:
        """Return (hash, type, loan) of own messages whose confirmation is overdue; each is returned once."""
        return self._db.execute("UPDATE message SET confirm_by = NULL WHERE confirm_by < ? "
                                "RETURNING hash, type, conv", (now,)).fetchall()

    # streams

    def head(self, src: str, dst: str, channel: str) -> StreamHead:
        """Return where a stream stands."""
        row = self._db.execute("SELECT epoch, seq, hash FROM stream WHERE src = ? AND dst = ? AND channel = ?",
                               (src, dst, channel)).fetchone()
        return StreamHead(row[0], row[1], MessageHash(row[2])) if row else StreamHead()

    def set_head(self, src: str, dst: str, channel: str, head: StreamHead) -> None:
        """Move a stream on."""
        self._db.execute("INSERT OR REPLACE INTO stream VALUES (?, ?, ?, ?, ?, ?)",
                         (src, dst, channel, head.epoch, head.seq, head.hash))

    def streams_of(self, src: str) -> list[tuple[AgencyId, str, StreamHead]]:
        """Return (receiver, channel, head) of every stream that ``src`` has begun."""
        rows = self._db.execute("SELECT dst, channel, epoch, seq, hash FROM stream WHERE src = ? ORDER BY dst, channel",
                                (src,))
        return [(AgencyId(dst), channel, StreamHead(epoch, seq, MessageHash(hash_)))
                for dst, channel, epoch, seq, hash_ in rows]

    def add_sent(self, dst: str, position: StreamPosition, hash_: str) -> None:
        """Note which own message holds a number, so that it can be sent again."""
        self._db.execute("INSERT INTO sent VALUES (?, ?, ?, ?, ?)",
                         (dst, position.channel, position.epoch, position.seq, hash_))

    def sent(self, dst: str, channel: str, epoch: int, from_seq: int, upto_seq: int) -> list[tuple[int, str]]:
        """Return (number, hash) of own messages in part of a stream, both ends included, in order."""
        return self._db.execute("SELECT seq, hash FROM sent WHERE dst = ? AND channel = ? AND epoch = ? "
                                "AND seq BETWEEN ? AND ? ORDER BY seq",
                                (dst, channel, epoch, from_seq, upto_seq)).fetchall()

    def numbered(self) -> list[tuple[int, str, AgencyId, StreamPosition]]:
        """Return (log index, hash, receiver, place) of every own numbered message that was logged and not erased."""
        rows = self._db.execute("SELECT idx, hash, dst, channel, epoch, seq FROM sent JOIN message USING (hash) "
                                "WHERE idx IS NOT NULL AND envelope <> x''")
        return [(index, hash_, AgencyId(dst), StreamPosition(channel=channel, epoch=epoch, seq=seq, prev=GENESIS))
                for index, hash_, dst, channel, epoch, seq in rows]

    def newest(self, types: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Yield (log index, hash) of the logged messages of some types that were not erased, the newest first."""
        yield from self._db.execute("SELECT idx, hash FROM message WHERE type IN (SELECT value FROM json_each(?)) "
                                    "AND idx IS NOT NULL AND envelope <> x'' ORDER BY idx DESC", (json.dumps(types),))

    # outbox

    def enqueue(self, hash_: str, envelope: bytes) -> None:
        """Put a signed envelope into the outbox; it stays until the gateway has answered for it."""
        self._db.execute("INSERT INTO outbox (hash, envelope) VALUES (?, ?)", (hash_, envelope))

    def enqueue_first(self, hashes: Sequence[str]) -> None:
        """Put kept messages before everything else that waits, in this order."""
        (first,) = self._db.execute("SELECT coalesce(min(number), 1) FROM outbox").fetchone()
        self._db.executemany("INSERT OR REPLACE INTO outbox SELECT ?, hash, envelope FROM message WHERE hash = ?",
                             [(first - len(hashes) + place, hash_) for place, hash_ in enumerate(hashes)])

    def outbox(self, limit: int) -> list[tuple[str, bytes]]:
        """Return (hash, envelope) of what waits, in order."""
        return self._db.execute("SELECT hash, envelope FROM outbox ORDER BY number LIMIT ?", (limit,)).fetchall()

    def queued(self, hash_: str) -> bytes | None:
        """Return the envelope of a message that waits for the gateway's answer."""
        row = self._db.execute("SELECT envelope FROM outbox WHERE hash = ?", (hash_,)).fetchone()
        return row[0] if row else None

    def queued_in(self, dst: str, channel: str, epoch: int) -> list[tuple[int, str]]:
        """Return (number, hash) of a stream's own messages that the gateway has not answered for, in order."""
        return self._db.execute("SELECT seq, hash FROM sent JOIN outbox USING (hash) WHERE dst = ? AND channel = ? "
                                "AND epoch = ? ORDER BY seq", (dst, channel, epoch)).fetchall()

    def dequeue(self, hash_: str) -> None:
        """The gateway has taken this over, or never will."""
        self._db.execute("DELETE FROM outbox WHERE hash = ?", (hash_,))

    def waiting(self) -> int:
        """Return how many own messages the gateway has not answered for."""
        return int(self._db.execute("SELECT count(*) FROM outbox").fetchone()[0])
