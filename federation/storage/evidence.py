"""The evidence log in SQL: leaves in the transaction of their message, tree nodes at each checkpoint.

Appending a leaf is one insert, so that accepting a message stays cheap; the nodes above new leaves are computed in one
go when a checkpoint is due. Leaves and nodes are never changed.
"""

from collections.abc import Sequence
from datetime import datetime

from federation.storage.engine import Connection
from schemas.identifiers import MessageHash
from trust.bundle import Entry
from trust.evidence import Frontier, consistency_proof, inclusion_proof, leaf_hash

DDL = (
    "CREATE TABLE leaf (idx INTEGER PRIMARY KEY, hash TEXT NOT NULL, arrived TEXT NOT NULL, kind TEXT NOT NULL) STRICT",
    """CREATE TABLE node (level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL,
        PRIMARY KEY (level, idx)) STRICT, WITHOUT ROWID""",
    "CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT",
    """CREATE TABLE cosignature (size INTEGER NOT NULL, witness TEXT NOT NULL, line TEXT NOT NULL,
        PRIMARY KEY (size, witness)) STRICT, WITHOUT ROWID""",
    "CREATE TABLE witness (agency TEXT PRIMARY KEY, cosigned TEXT NOT NULL) STRICT, WITHOUT ROWID",
)


class EvidenceTable:
    """The append-only log of one gateway."""

    def __init__(self, connection: Connection) -> None:
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
        self._db.execute("INSERT INTO checkpoint VALUES (?, ?) ON CONFLICT DO NOTHING", (size, note))

    def last_checkpoint(self) -> tuple[int, bytes] | None:
        """Return the newest checkpoint: its size and its signed note."""
        row = self._db.execute("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
        return (int(row[0]), bytes(row[1])) if row else None

    def checkpoint(self, size: int) -> bytes | None:
        """Return the signed note of a checkpoint that was given out."""
        row = self._db.execute("SELECT note FROM checkpoint WHERE size = ?", (size,)).fetchone()
        return bytes(row[0]) if row else None

    def put_cosignature(self, size: int, witness: str, line: str, final_from: int) -> None:
        """Keep a witness's line under a checkpoint; its first one counts.

        Once ``final_from`` witnesses stand under a checkpoint, the lines under smaller ones are dropped: who has
        seen this one has verified that it continues them.
        """
        self._db.execute("INSERT INTO cosignature VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (size, witness, line))
        if len(self.cosignatures(size)) >= final_from:
            self._db.execute("DELETE FROM cosignature WHERE size < ?", (size,))

    def cosignatures(self, size: int) -> Sequence[str]:
        """Return the witnesses' lines under a checkpoint."""
        return [line for (line,) in self._db.execute("SELECT line FROM cosignature WHERE size = ? ORDER BY witness",
                                                     (size,))]

    def hear(self, witness: str, at: datetime) -> None:
        """Note when a witness has last cosigned anything."""
        self._db.execute("INSERT INTO witness VALUES (?, ?) "
                         "ON CONFLICT (agency) DO UPDATE SET cosigned = excluded.cosigned",
                         (witness, at.isoformat()))

    def heard(self) -> dict[str, datetime]:
        """Return when each witness has last cosigned."""
        rows = self._db.execute("SELECT agency, cosigned FROM witness")
        return {agency: datetime.fromisoformat(cosigned) for agency, cosigned in rows}

    def last_cosigned(self, at_least: int) -> int | None:
        """Return the size of the newest checkpoint that so many witnesses have cosigned."""
        row = self._db.execute("SELECT size FROM cosignature GROUP BY size HAVING count(*) >= ? "
                               "ORDER BY size DESC LIMIT 1", (at_least,)).fetchone()
        return int(row[0]) if row else None

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Return the proof that the tree of ``new`` leaves continues the one of ``old``."""
        return consistency_proof(old, new, self._node)

    def inclusion(self, index: int, size: int) -> Sequence[bytes]:
        """Return the path from a leaf to the root of the tree of ``size`` leaves."""
        return inclusion_proof(index, size, self._node)

    def entries(self, conv: str, size: int) -> Sequence[Entry]:
        """Return a loan's leaves with their envelopes and proofs under the tree of ``size`` leaves."""
        rows = self._db.execute(
            "SELECT leaf.idx, leaf.hash, leaf.arrived, leaf.kind, message.envelope FROM message "
            "JOIN leaf ON leaf.idx = message.idx WHERE message.conv = ? AND message.type <> 'Refused' "
            "AND leaf.idx < ? ORDER BY leaf.idx", (conv, size))
        return [Entry(index, MessageHash(hash_), datetime.fromisoformat(arrived), kind, envelope or None,
                      inclusion_proof(index, size, self._node)) for index, hash_, arrived, kind, envelope in rows]

    def last_leaf(self, conv: str) -> int | None:
        """Return the index of a loan's last leaf."""
        (last,) = self._db.execute("SELECT max(idx) FROM message WHERE conv = ? AND type <> 'Refused'",
                                   (conv,)).fetchone()
        return None if last is None else int(last)

    def _node(self, level: int, index: int) -> bytes:
        return bytes(self._db.execute("SELECT hash FROM node WHERE level = ? AND idx = ?",
                                      (level, index)).fetchone()[0])
