"""Messages, streams and mailboxes in SQL. The caller owns the transaction."""

import sqlite3
from collections.abc import Sequence

from federation.ports import Delivery, StoredMessage
from schemas.identifiers import MessageHash
from trust.stream import StreamHead

DDL = (
    """CREATE TABLE message (
        hash TEXT PRIMARY KEY, type TEXT NOT NULL, src TEXT NOT NULL, dst TEXT NOT NULL, conv TEXT NOT NULL,
        idx INTEGER NOT NULL UNIQUE, envelope BLOB NOT NULL, accepted BLOB NOT NULL) STRICT""",
    "CREATE INDEX message_conv ON message (conv, idx) WHERE conv <> ''",
    """CREATE TABLE stream (
        src TEXT NOT NULL, dst TEXT NOT NULL, channel TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
        hash TEXT NOT NULL, PRIMARY KEY (src, dst, channel)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE mailbox (
        agency TEXT NOT NULL, number INTEGER NOT NULL, envelope BLOB NOT NULL, accepted BLOB NOT NULL,
        PRIMARY KEY (agency, number)) STRICT""",
    "CREATE TABLE mailbox_end (agency TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID",
)


class MessageTable:
    """Every message with its envelope, kept for ever."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def get(self, hash_: str) -> StoredMessage | None:
        """Return the message with this hash."""
        row = self._db.execute("SELECT hash, type, src, dst, conv, idx, envelope, accepted FROM message "
                               "WHERE hash = ?", (hash_,)).fetchone()
        return _stored(row) if row else None

    def add(self, message: StoredMessage) -> None:
        """Keep a message."""
        self._db.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                         (message.hash, message.type, message.src, message.dst, message.conv, message.index,
                          message.envelope, message.accepted))

    def count_by_type(self) -> dict[str, int]:
        """Return how many messages of each type are kept; refused ones count as ``Refused``."""
        return dict(self._db.execute("SELECT type, count(*) FROM message GROUP BY type ORDER BY type").fetchall())

    def of_conversation(self, conv: str) -> Sequence[StoredMessage]:
        """Return a loan's messages in the order of the log."""
        rows = self._db.execute("SELECT hash, type, src, dst, conv, idx, envelope, accepted FROM message "
                                "WHERE conv = ? ORDER BY idx", (conv,))
        return [_stored(row) for row in rows]


def _stored(row: tuple[str, str, str, str, str, int, bytes, bytes]) -> StoredMessage:
    return StoredMessage(MessageHash(row[0]), *row[1:])


class StreamTable:
    """The head of each stream ``src → dst`` on a channel."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def head(self, src: str, dst: str, channel: str) -> StreamHead:
        """Return where the stream stands."""
        row = self._db.execute("SELECT epoch, seq, hash FROM stream WHERE src = ? AND dst = ? AND channel = ?",
                               (src, dst, channel)).fetchone()
        return StreamHead(row[0], row[1], MessageHash(row[2])) if row else StreamHead()

    def set_head(self, src: str, dst: str, channel: str, head: StreamHead) -> None:
        """Move the stream on."""
        self._db.execute("INSERT INTO stream VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (src, dst, channel) DO UPDATE "
                         "SET epoch = excluded.epoch, seq = excluded.seq, hash = excluded.hash",
                         (src, dst, channel, head.epoch, head.seq, head.hash))


class MailboxTable:
    """What waits for each library; numbers never come twice, also after pruning."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def put(self, agency: str, envelope: bytes, accepted: bytes) -> None:
        """Add an entry at the end."""
        (number,) = self._db.execute(
            "INSERT INTO mailbox_end VALUES (?, 1) ON CONFLICT (agency) DO UPDATE SET number = number + 1 "
            "RETURNING number", (agency,)).fetchone()
        self._db.execute("INSERT INTO mailbox VALUES (?, ?, ?, ?)", (agency, number, envelope, accepted))

    def after(self, agency: str, number: int, limit: int) -> Sequence[Delivery]:
        """Return at most ``limit`` entries that follow ``number``."""
        rows = self._db.execute("SELECT number, envelope, accepted FROM mailbox WHERE agency = ? AND number > ? "
                                "ORDER BY number LIMIT ?", (agency, number, limit))
        return [Delivery(*row) for row in rows]

    def ends(self) -> dict[str, int]:
        """Return the number of the last entry of each mailbox."""
        return dict(self._db.execute("SELECT agency, number FROM mailbox_end").fetchall())

    def prune(self, agency: str, number: int) -> None:
        """Forget what the library has made durable."""
        self._db.execute("DELETE FROM mailbox WHERE agency = ? AND number <= ?", (agency, number))
