"""The evidence log in SQL: leaves in the transaction of their message, tree nodes at each checkpoint.

Appending a leaf is one insert, so that accepting a message stays cheap; the nodes above new leaves are computed in one
go when a checkpoint is due. Leaves and nodes are never changed.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from schemas.identifiers import MessageHash
from trust.bundle import Entry
from trust.evidence import Frontier, inclusion_proof, leaf_hash

DDL = (
    "CREATE TABLE leaf (idx INTEGER PRIMARY KEY, hash TEXT NOT NULL, arrived TEXT NOT NULL, kind TEXT NOT NULL) STRICT",
    """CREATE TABLE node (level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL,
        PRIMARY KEY (level, idx)) STRICT, WITHOUT ROWID""",
    "CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT",
)


class EvidenceTable:
    """The append-only log of one gateway."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def append(self, hash_: str, arrived: datetime, kind: str) -> int:
        """Add a leaf and return its index; indices are gapless and in the order of commits."""
        index = self.size()
        self._db.execute("INSERT INTO leaf VALUES (?, ?, ?, ?)", (index, hash_, arrived.isoformat(), kind))
        return index

    def size(self) -> int:
        """Return how many leaves there are."""
        (last,) = self._db.execute("SELECT max(idx) FROM leaf").fetchone()
        return 0 if last is None else int(last) + 1

    def extend_tree(self) -> tuple[int, bytes]:
        """Compute the nodes above the leaves that have none yet; return the tree's size and root."""
        (last,) = self._db.execute("SELECT max(idx) FROM node WHERE level = 0").fetchone()
        built = 0 if last is None else int(last) + 1
        frontier = Frontier.load(built, self._node)
        rows = self._db.execute("SELECT hash, arrived, kind FROM leaf WHERE idx >= ? ORDER BY idx", (built,)).fetchall()
        for hash_, arrived, kind in rows:
            nodes = frontier.append(leaf_hash(MessageHash(hash_), datetime.fromisoformat(arrived), kind))
            self._db.executemany("INSERT INTO node VALUES (?, ?, ?)", nodes)
        return frontier.size, frontier.root()

    def put_checkpoint(self, size: int, note: bytes) -> None:
        """Keep a signed checkpoint."""
        self._db.execute("INSERT OR IGNORE INTO checkpoint VALUES (?, ?)", (size, note))

    def last_checkpoint(self) -> tuple[int, bytes] | None:
        """Return the newest checkpoint: its size and its signed note."""
        row = self._db.execute("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
        return (int(row[0]), bytes(row[1])) if row else None

    def entries(self, conv: str, size: int) -> Sequence[Entry]:
        """Return a loan's leaves with their envelopes and proofs under the tree of ``size`` leaves."""
        rows = self._db.execute(
            "SELECT leaf.idx, leaf.hash, leaf.arrived, leaf.kind, message.envelope FROM message "
            "JOIN leaf ON leaf.idx = message.idx WHERE message.conv = ? AND message.type <> 'Refused' "
            "AND leaf.idx < ? ORDER BY leaf.idx", (conv, size))
        return [Entry(index, MessageHash(hash_), datetime.fromisoformat(arrived), kind, envelope,
                      inclusion_proof(index, size, self._node)) for index, hash_, arrived, kind, envelope in rows]

    def _node(self, level: int, index: int) -> bytes:
        return bytes(self._db.execute("SELECT hash FROM node WHERE level = ? AND idx = ?",
                                      (level, index)).fetchone()[0])
