"""Messages, streams and mailboxes in SQL. The caller owns the transaction.

A message's row stands under its index in the evidence log; a mailbox holds such indices, never a second copy.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from federation.ports import REFUSED, Awaited, Delivery, StoredMessage, Subject
from federation.storage.engine import Connection
from federation.storage.recent import Recent
from schemas.identifiers import MessageHash
from schemas.messages import Resend
from trust.stream import StreamHead

DDL = (
    """CREATE TABLE message (
        idx INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, type TEXT NOT NULL, src TEXT NOT NULL, dst TEXT NOT NULL,
        conv TEXT NOT NULL, channel TEXT, epoch INTEGER, seq INTEGER, envelope BLOB NOT NULL,
        accepted BLOB NOT NULL) STRICT""",
    "CREATE INDEX message_conv ON message (conv) WHERE conv <> ''",
    "CREATE UNIQUE INDEX message_place ON message (src, dst, channel, epoch, seq) WHERE seq IS NOT NULL",
    "CREATE TABLE message_count (type TEXT PRIMARY KEY, messages INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE awaited (
        hash TEXT PRIMARY KEY, type TEXT NOT NULL, dst TEXT NOT NULL, channel TEXT NOT NULL, conv TEXT NOT NULL,
        until TEXT NOT NULL) STRICT, WITHOUT ROWID""",
    "CREATE INDEX awaited_until ON awaited (until)",
    """CREATE TABLE stream (
        src TEXT NOT NULL, dst TEXT NOT NULL, channel TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
        hash TEXT NOT NULL, PRIMARY KEY (src, dst, channel)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE mailbox (
        agency TEXT NOT NULL, number INTEGER NOT NULL, idx INTEGER NOT NULL,
        PRIMARY KEY (agency, number)) STRICT, WITHOUT ROWID""",
)
NOTHING = b""
"""What stands in an erased message's place, and beside the refusal of a refused one."""
_NO_MESSAGE = -1
"""No message's index: what a mailbox's last row holds when nothing waits there."""


class MessageTable:
    """Every message with its envelope, kept for ever."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._subjects: Recent[str, Subject] = Recent()

    def get(self, hash_: str) -> StoredMessage | None:
        """Return the message with this hash."""
        row = self._db.execute("SELECT hash, type, src, dst, conv, idx, envelope, accepted, channel, epoch, seq "
                               "FROM message WHERE hash = ?", (hash_,)).fetchone()
        if row is None:
            return None
        hash_, kind, src, dst, conv, index, envelope, accepted, *place = row
        return StoredMessage(MessageHash(hash_), kind, src, dst, conv, index, envelope, accepted,
                             tuple(place) if place[0] else None)

    def subject(self, hash_: str) -> Subject | None:
        """Return what an answer to the message with this hash must know of it."""
        known = self._subjects.get(hash_)
        if known is None:
            row = self._db.execute("SELECT type, src, dst, conv FROM message WHERE hash = ?", (hash_,)).fetchone()
            known = Subject(*row) if row else None
        return known

    def add(self, message: StoredMessage) -> None:
        """Keep a message."""
        self._db.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (
            message.index, message.hash, message.type, message.src, message.dst, message.conv,
            *(message.place or (None, None, None)), message.envelope, message.accepted))
        self._db.execute("INSERT INTO message_count VALUES (?, 1) "
                         "ON CONFLICT (type) DO UPDATE SET messages = message_count.messages + 1", (message.type,))
        self._subjects.put(message.hash, Subject(message.type, message.src, message.dst, message.conv))

    def count_by_type(self) -> dict[str, int]:
        """Return how many messages of each type are kept; refused ones count as ``Refused``."""
        return dict(self._db.execute("SELECT type, messages FROM message_count").fetchall())

    def wait_for(self, awaited: Awaited) -> None:
        """Note a message of the gateway's own that its receiver has to confirm."""
        self._db.execute("INSERT INTO awaited VALUES (?, ?, ?, ?, ?, ?)", (
            awaited.hash, awaited.type, awaited.dst, awaited.channel, awaited.conv, awaited.until.isoformat()))

    def settle(self, hash_: str) -> None:
        """Wait no longer: the message was confirmed, or refused."""
        self._db.execute("DELETE FROM awaited WHERE hash = ?", (hash_,))

    def settle_stream(self, dst: str, channel: str) -> None:
        """Wait for nothing of a stream whose epoch has ended."""
        self._db.execute("DELETE FROM awaited WHERE dst = ? AND channel = ?", (dst, channel))

    def overdue(self, now: datetime, limit: int) -> tuple[int, Sequence[Awaited]]:
        """Return how many messages are not confirmed in time, and the first of them."""
        (count,) = self._db.execute("SELECT count(*) FROM awaited WHERE until < ?", (now.isoformat(),)).fetchone()
        rows = self._db.execute("SELECT hash, type, dst, channel, conv, until FROM awaited WHERE until < ? "
                                "ORDER BY until LIMIT ?", (now.isoformat(), limit))
        return int(count), [Awaited(hash_, kind, dst, channel, conv, datetime.fromisoformat(until))
                            for hash_, kind, dst, channel, conv, until in rows]


class StreamTable:
    """The head of each stream ``src → dst`` on a channel."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._heads: Recent[tuple[str, str, str], StreamHead] = Recent()

    def head(self, src: str, dst: str, channel: str) -> StreamHead:
        """Return where the stream stands."""
        head = self._heads.get((src, dst, channel))
        if head is None:
            row = self._db.execute("SELECT epoch, seq, hash FROM stream WHERE src = ? AND dst = ? AND channel = ?",
                                   (src, dst, channel)).fetchone()
            head = StreamHead(row[0], row[1], MessageHash(row[2])) if row else StreamHead()
        return head

    def set_head(self, src: str, dst: str, channel: str, head: StreamHead) -> None:
        """Move the stream on."""
        self._db.execute("INSERT INTO stream VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (src, dst, channel) DO UPDATE "
                         "SET epoch = excluded.epoch, seq = excluded.seq, hash = excluded.hash",
                         (src, dst, channel, head.epoch, head.seq, head.hash))
        self._heads.put((src, dst, channel), head)


class MailboxTable:
    """What waits for each library; numbers never come twice: the last one's row stays, emptied, so that they go on."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._ends: dict[str, int] = {}
        self._pruned: dict[str, int] = {}

    def put(self, agency: str, index: int) -> None:
        """Add the message at this place of the log at the end."""
        number = self.end(agency) + 1
        self._db.execute("INSERT INTO mailbox VALUES (?, ?, ?)", (agency, number, index))
        self._ends[agency] = number

    def put_again(self, agency: str, src: str, wanted: Resend) -> None:
        """Move what the gateway has of these numbers of a stream to the end, as new entries."""
        indices = [index for (index,) in self._db.execute(
            "SELECT idx FROM message WHERE src = ? AND dst = ? AND channel = ? AND epoch = ? AND seq BETWEEN ? AND ? "
            "AND envelope <> ? ORDER BY seq",
            (src, agency, wanted.channel, wanted.epoch, wanted.from_seq, wanted.upto_seq, NOTHING))]
        self._db.execute("DELETE FROM mailbox WHERE agency = ? AND number < ? "
                         "AND idx IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
                         (agency, self.end(agency), json.dumps(indices)))
        for index in indices:
            self.put(agency, index)

    def after(self, agency: str, number: int, limit: int, bytes_max: int) -> Sequence[Delivery]:
        """Return at most ``limit`` entries that follow ``number``; the first, and no more than fit in ``bytes_max``."""
        rows = self._db.execute(
            "SELECT number, CASE type WHEN ? THEN accepted ELSE envelope END, "
            "CASE type WHEN ? THEN ? ELSE accepted END FROM mailbox JOIN message USING (idx) "
            "WHERE agency = ? AND number > ? ORDER BY number LIMIT ?",
            (REFUSED, REFUSED, NOTHING, agency, number, limit))
        deliveries: list[Delivery] = []
        for row in rows:
            bytes_max -= len(row[1]) + len(row[2])
            if deliveries and bytes_max < 0:
                break
            deliveries.append(Delivery(*row))
        return deliveries

    def ends(self) -> dict[str, int]:
        """Return the number of the last entry of each mailbox."""
        return dict(self._db.execute("SELECT agency, max(number) FROM mailbox GROUP BY agency").fetchall())

    def lengths(self) -> dict[str, int]:
        """Return how many entries each library has yet to take in."""
        return dict(self._db.execute("SELECT agency, count(*) FROM mailbox WHERE idx <> ? GROUP BY agency",
                                     (_NO_MESSAGE,)).fetchall())

    def prune(self, agency: str, number: int) -> None:
        """Forget what the library has made durable; nothing to do where it has acknowledged no more than before."""
        if number <= self._pruned.get(agency, 0):
            return
        end = self.end(agency)
        self._db.execute("DELETE FROM mailbox WHERE agency = ? AND number <= ? AND number < ?", (agency, number, end))
        if number >= end:
            self._db.execute("UPDATE mailbox SET idx = ? WHERE agency = ?", (_NO_MESSAGE, agency))
        self._pruned[agency] = min(number, end)

    def go_on_after(self, agency: str, number: int) -> None:
        """Number what waits, and all that follows, after a number that is above the last one here."""
        if self.end(agency) == 0:
            self._db.execute("INSERT INTO mailbox VALUES (?, ?, ?)", (agency, 0, _NO_MESSAGE))
        self._db.execute("UPDATE mailbox SET number = number + ? WHERE agency = ?", (number, agency))
        self._ends[agency] = self.end(agency) + number

    def end(self, agency: str) -> int:
        """Return the number of the last entry there has been."""
        if agency not in self._ends:
            (last,) = self._db.execute("SELECT max(number) FROM mailbox WHERE agency = ?", (agency,)).fetchone()
            self._ends[agency] = last or 0
        return self._ends[agency]
