"""Mail that cannot be taken in yet: what came before its turn, what is missing, and what waits for other messages.

An entry is *early* while messages before it in its stream are missing. A message is *postponed* that has its number
already and has no effect yet: because nobody vouches for the directory now, or because its loan does not allow it
before something else has come. A cause is *missing* that a
message has named and that should have come here as a copy.
"""

from dataclasses import dataclass

from connectors.agent.tables.base import Tables
from schemas.envelope import StreamPosition
from schemas.identifiers import AgencyId, MessageHash

DDL = (
    """CREATE TABLE IF NOT EXISTS early (
        src TEXT NOT NULL, channel TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
        hash TEXT NOT NULL UNIQUE, envelope BLOB NOT NULL, accepted BLOB NOT NULL,
        PRIMARY KEY (src, channel, epoch, seq)) STRICT""",
    """CREATE TABLE IF NOT EXISTS gap (
        src TEXT NOT NULL, channel TEXT NOT NULL, epoch INTEGER NOT NULL, upto_seq INTEGER NOT NULL,
        since TEXT NOT NULL, told INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (src, channel, epoch)) STRICT""",
    """CREATE TABLE IF NOT EXISTS asked (
        src TEXT NOT NULL, channel TEXT NOT NULL, epoch INTEGER NOT NULL, from_seq INTEGER NOT NULL,
        upto_seq INTEGER NOT NULL, at TEXT NOT NULL, hash TEXT NOT NULL) STRICT""",
    "CREATE INDEX IF NOT EXISTS asked_stream ON asked (src, channel, epoch)",
    """CREATE TABLE IF NOT EXISTS postponed (
        number INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL UNIQUE, conv TEXT NOT NULL, cause TEXT NOT NULL,
        since TEXT NOT NULL, code TEXT NOT NULL, why TEXT NOT NULL, told INTEGER NOT NULL DEFAULT 0) STRICT""",
    "CREATE INDEX IF NOT EXISTS postponed_conv ON postponed (conv)",
    """CREATE TABLE IF NOT EXISTS missing (
        cause TEXT PRIMARY KEY, hash TEXT NOT NULL, conv TEXT NOT NULL, since TEXT NOT NULL) STRICT, WITHOUT ROWID""",
)


@dataclass(frozen=True, slots=True)
class Early:
    """An entry of the mailbox that came before its turn."""

    envelope: bytes
    accepted: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers of a stream are known to exist up to ``upto_seq``, and some before that have not come."""

    src: AgencyId
    channel: str
    epoch: int
    upto_seq: int
    since: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """A kept message that the loan does not allow, because of ``why``; it follows from ``cause``."""

    hash: MessageHash
    cause: str
    code: str
    why: str


class WaitingTables(Tables):
    """Early entries, gaps, what was asked for again, postponed messages and missing causes."""

    def park(self, src: str, position: StreamPosition, hash_: str, early: Early) -> None:
        """Keep an entry until its turn comes."""
        self._db.execute("INSERT INTO early VALUES (?, ?, ?, ?, ?, ?, ?)",
                         (src, position.channel, position.epoch, position.seq, hash_, early.envelope, early.accepted))

    def is_parked(self, hash_: str) -> bool:
        """Whether this very entry is waiting for its turn."""
        return self._db.execute("SELECT 1 FROM early WHERE hash = ?", (hash_,)).fetchone() is not None

    def parked(self, src: str, position: StreamPosition) -> str | None:
        """Return the hash of the entry that waits for a place in a stream."""
        row = self._db.execute("SELECT hash FROM early WHERE src = ? AND channel = ? AND epoch = ? AND seq = ?",
                               (src, position.channel, position.epoch, position.seq)).fetchone()
        return row[0] if row else None

    def count_parked(self, src: str, channel: str) -> int:
        """Return how many entries of a stream wait."""
        return int(self._db.execute("SELECT count(*) FROM early WHERE src = ? AND channel = ?",
                                    (src, channel)).fetchone()[0])

    def first_parked(self, src: str, channel: str, epoch: int) -> int | None:
        """Return the lowest number that waits."""
        row = self._db.execute("SELECT min(seq) FROM early WHERE src = ? AND channel = ? AND epoch = ?",
                               (src, channel, epoch)).fetchone()
        return row[0] if row else None

    def unpark(self, src: str, channel: str, epoch: int, seq: int) -> Early | None:
        """Return and forget the entry that holds a number."""
        row = self._db.execute("DELETE FROM early WHERE src = ? AND channel = ? AND epoch = ? AND seq = ? "
                               "RETURNING envelope, accepted", (src, channel, epoch, seq)).fetchone()
        return Early(*row) if row else None

    def forget_passed(self, src: str, channel: str, epoch: int, seq: int) -> None:
        """Forget what waited for places that the stream has passed, and gaps that are closed."""
        passed = (src, channel, epoch, epoch, seq)
        for table, number in (("early", "seq"), ("gap", "upto_seq")):
            self._db.execute(f"DELETE FROM {table} WHERE src = ? AND channel = ? "  # noqa: S608
                             f"AND (epoch < ? OR (epoch = ? AND {number} <= ?))", passed)

    # gaps

    def note_gap(self, src: str, position: StreamPosition, now: str) -> None:
        """A number has been seen, and some before it have not."""
        self._db.execute("INSERT INTO gap (src, channel, epoch, upto_seq, since) VALUES (?, ?, ?, ?, ?) "
                         "ON CONFLICT DO UPDATE SET upto_seq = max(upto_seq, excluded.upto_seq)",
                         (src, position.channel, position.epoch, position.seq, now))

    def gaps(self) -> list[Gap]:
        """Return every gap, the oldest first."""
        rows = self._db.execute("SELECT src, channel, epoch, upto_seq, since FROM gap ORDER BY since")
        return [Gap(AgencyId(src), *row) for src, *row in rows]

    def untold_gaps(self, before: str) -> list[Gap]:
        """Return the gaps that are open since before a time; each is returned once."""
        rows = self._db.execute("UPDATE gap SET told = 1 WHERE since < ? AND told = 0 "
                                "RETURNING src, channel, epoch, upto_seq, since", (before,))
        return [Gap(AgencyId(src), *row) for src, *row in rows]

    def note_asked(self, gap: Gap, from_seq: int, upto_seq: int, at: str, hash_: str) -> None:
        """Numbers of a stream were asked for again, by this Resend."""
        self._db.execute("INSERT INTO asked VALUES (?, ?, ?, ?, ?, ?, ?)",
                         (gap.src, gap.channel, gap.epoch, from_seq, upto_seq, at, hash_))

    def was_asked(self, src: str, channel: str, epoch: int, seq: int, since: str) -> bool:
        """Whether a number was asked for again since a time, or is about to be."""
        return self._db.execute(
            "SELECT 1 FROM asked LEFT JOIN outbox USING (hash) WHERE src = ? AND channel = ? AND epoch = ? "
            "AND ? BETWEEN from_seq AND upto_seq AND (at >= ? OR outbox.hash IS NOT NULL)",
            (src, channel, epoch, seq, since)).fetchone() is not None

    def forget_asked(self, before: str) -> None:
        """Forget what was asked for before a time."""
        self._db.execute("DELETE FROM asked WHERE at < ?", (before,))

    # postponed messages

    def postpone(self, hash_: str, conv: str, cause: str, since: str, code: str = "", why: str = "") -> None:
        """Keep the effect of a message back until its loan allows it; without a code, until the directory is fresh."""
        self._db.execute("INSERT INTO postponed (hash, conv, cause, since, code, why) VALUES (?, ?, ?, ?, ?, ?)",
                         (hash_, conv, cause, since, code, why))

    def is_postponed(self, hash_: str) -> bool:
        """Whether a message is kept, and has had no effect yet."""
        return self._db.execute("SELECT 1 FROM postponed WHERE hash = ?", (hash_,)).fetchone() is not None

    def awaits_directory(self, conv: str) -> bool:
        """Whether something about a loan waits for a fresh directory."""
        return self._db.execute("SELECT 1 FROM postponed WHERE conv = ? AND code = ''", (conv,)).fetchone() is not None

    def awaiting_directory(self) -> list[MessageHash]:
        """Return the messages that wait for a fresh directory, in the order in which they came."""
        rows = self._db.execute("SELECT hash FROM postponed WHERE code = '' ORDER BY number")
        return [MessageHash(hash_) for (hash_,) in rows]

    def postponed_in(self, conv: str) -> list[MessageHash]:
        """Return the messages that a loan does not allow yet, in the order in which they came."""
        rows = self._db.execute("SELECT hash FROM postponed WHERE conv = ? AND code <> '' ORDER BY number", (conv,))
        return [MessageHash(hash_) for (hash_,) in rows]

    def resume(self, hash_: str) -> None:
        """A message is postponed no more."""
        self._db.execute("DELETE FROM postponed WHERE hash = ?", (hash_,))

    def untold_postponed(self, before: str) -> list[Postponed]:
        """Return messages that their loans do not allow since before a time; each is returned once."""
        rows = self._db.execute("UPDATE postponed SET told = 1 WHERE since < ? AND told = 0 AND code <> '' "
                                "RETURNING hash, cause, code, why", (before,))
        return [Postponed(MessageHash(hash_), *row) for hash_, *row in rows]

    def note_missing(self, cause: str, hash_: str, conv: str, since: str) -> None:
        """A message has named a cause that is not known here."""
        self._db.execute("INSERT OR IGNORE INTO missing VALUES (?, ?, ?, ?)", (cause, hash_, conv, since))

    def untold_missing(self, before: str) -> list[tuple[str, str, str]]:
        """Return (cause, who named it, loan) of what is missing since before a time; each is returned once."""
        self._db.execute("DELETE FROM missing WHERE cause IN (SELECT hash FROM message)")
        return self._db.execute("DELETE FROM missing WHERE since < ? RETURNING cause, hash, conv", (before,)).fetchall()
