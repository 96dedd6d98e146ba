"""Old cluster ids: each leads to the record that led its cluster, and so to the cluster which has that record now.

A reader's bookmark and an order under way name a cluster; records may since have joined another, or parted. Ids are
thus never lost and never taken for another book, and a cluster that forms again gets its old id back.
"""


from federation.catalogue.pinning import RecordName
from federation.storage.engine import Connection

DDL: tuple[str, ...] = (
    """CREATE TABLE bib_alias (
        id TEXT PRIMARY KEY, agency TEXT NOT NULL, record_id TEXT NOT NULL) STRICT, WITHOUT ROWID""",
    "CREATE INDEX bib_alias_by_record ON bib_alias (agency, record_id)",
)

_PUT = """INSERT INTO bib_alias (id, agency, record_id) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET agency = excluded.agency, record_id = excluded.record_id"""
_DELETE = "DELETE FROM bib_alias WHERE id = ?"
_OF_RECORD = "SELECT id FROM bib_alias WHERE agency = ? AND record_id = ? ORDER BY id LIMIT 1"
_MOVE = "UPDATE bib_alias SET agency = ?, record_id = ? WHERE agency = ? AND record_id = ?"
_CURRENT = """SELECT c.id FROM bib_cluster c WHERE c.id = ?
    UNION ALL SELECT c.id FROM bib_alias a JOIN bib_member m ON m.agency = a.agency AND m.record_id = a.record_id
        JOIN bib_cluster c ON c.number = m.cluster WHERE a.id = ? LIMIT 1"""


class AliasTable:
    """The ids that clusters once had. Calls belong inside the caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def current(self, cluster_id: str) -> str | None:
        """Return the id that a cluster has now; None where neither it nor its lead record is there any more."""
        row = self._db.execute(_CURRENT, (cluster_id, cluster_id)).fetchone()
        return row[0] if row else None

    def put(self, cluster_id: str, lead: RecordName) -> None:
        """Let the id of a cluster that ends lead to its lead record."""
        self._db.execute(_PUT, (cluster_id, *lead))

    def take_back(self, record: RecordName) -> str | None:
        """Return, and free for its cluster, an id that leads to ``record``; None where none does."""
        row = self._db.execute(_OF_RECORD, record).fetchone()
        if row is not None:
            self.free(row[0])
        return row[0] if row else None

    def free(self, cluster_id: str) -> None:
        """Forget where an id leads, because a cluster has it again."""
        self._db.execute(_DELETE, (cluster_id,))

    def move(self, record: RecordName, heir: RecordName) -> None:
        """Let what leads to a record that goes lead to another of its cluster."""
        self._db.execute(_MOVE, (*heir, *record))
