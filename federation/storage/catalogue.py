"""The union catalogue in SQLite: many agencies' records as one searchable list of books.

A record is kept whole under its agency and record id; records of one book share a cluster, and each cluster has one
row in the full-text index. No statement here begins or ends a transaction: the caller owns it, and a batch that fails
leaves nothing behind. Deliberately absent: the rules (`federation.catalogue`), how a record finds its cluster
(`federation.storage.clusters`), how it is searched (`federation.storage.search`), and the wire.
"""

from collections.abc import Iterable, Mapping

from federation.catalogue.document import COLUMNS, items_of
from federation.catalogue.facets import EVERYTHING, NOWHERE, Narrowing
from federation.catalogue.pinning import RecordName
from federation.catalogue.suggesting import SUGGESTIONS, Suggestion
from federation.catalogue.views import ClusterView, MemberView, SearchPage
from federation.storage import aliases, pins, reindex
from federation.storage.aliases import AliasTable
from federation.storage.catalogue_statements import SQLITE, Statements
from federation.storage.clusters import Clusters
from federation.storage.engine import Connection
from federation.storage.search import Search
from schemas.bib import Bib
from schemas.identifiers import AgencyId

DDL: tuple[str, ...] = (
    """CREATE TABLE bib_cluster (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, lead INTEGER NOT NULL,
        agencies INTEGER NOT NULL, year INTEGER NOT NULL, pinned INTEGER NOT NULL,
        marks TEXT NOT NULL, holders TEXT NOT NULL) STRICT""",
    """CREATE TABLE bib_member (
        number INTEGER PRIMARY KEY, agency TEXT NOT NULL, record_id TEXT NOT NULL, cluster INTEGER NOT NULL,
        title TEXT NOT NULL, author TEXT NOT NULL, publisher TEXT NOT NULL, year INTEGER, isbn13 TEXT,
        marks TEXT NOT NULL, facts INTEGER NOT NULL, features TEXT NOT NULL, bib TEXT NOT NULL,
        UNIQUE (agency, record_id)) STRICT""",
    "CREATE INDEX bib_member_by_cluster ON bib_member (cluster)",
    """CREATE TABLE bib_item (
        member INTEGER NOT NULL, position INTEGER NOT NULL, barcode TEXT NOT NULL, location TEXT NOT NULL,
        call_number TEXT NOT NULL, price_fen INTEGER, PRIMARY KEY (member, position)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE bib_match_key (
        key TEXT NOT NULL, member INTEGER NOT NULL, PRIMARY KEY (key, member)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX bib_match_key_by_member ON bib_match_key (member)",
    """CREATE TABLE bib_title (
        key TEXT NOT NULL, cluster INTEGER NOT NULL, PRIMARY KEY (key, cluster)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX bib_title_by_cluster ON bib_title (cluster)",
    *pins.DDL,
    *aliases.DDL,
    *reindex.DDL,
)
SQLITE_INDEX = (
    f"""CREATE VIRTUAL TABLE bib_index USING fts5 (
        {", ".join(COLUMNS)}, columnsize=0, prefix='1', tokenize="ascii tokenchars '+#'")""",
)
POSTGRES_INDEX = (
    f"""CREATE TABLE bib_index (rowid BIGINT PRIMARY KEY, {", ".join(f"{column} TEXT NOT NULL" for column in COLUMNS)},
        document TSVECTOR NOT NULL)""",
    "CREATE INDEX bib_index_document ON bib_index USING gin (document)",
)
"""The index is given finished tokens: SQLite's own tokenizer only splits at spaces, PostgreSQL's is not asked."""


class Catalogue:
    """The union catalogue on one connection. Calls that write belong inside the caller's transaction."""

    def __init__(self, connection: Connection, statements: Statements = SQLITE) -> None:
        self._connection = connection
        self._sql = statements
        self._clusters = Clusters(connection, statements)
        self._search = Search(connection, statements)
        self._aliases = AliasTable(connection)

    def upsert(self, agency: AgencyId, bibs: Iterable[Bib]) -> int:
        """Store the agency's records, each in the cluster it belongs to; return how many were new or changed."""
        return sum(self._clusters.put(agency, bib) for bib in bibs)

    def delete(self, agency: AgencyId, record_ids: Iterable[str]) -> int:
        """Remove the agency's records; return how many there were. What they alone held together falls apart."""
        return sum(self._clusters.remove(RecordName(agency, record_id)) for record_id in record_ids)

    def search(self, query: str, limit: int = 20, offset: int = 0, narrowing: Narrowing = EVERYTHING,
               cities: Mapping[str, str] = NOWHERE) -> SearchPage:
        """Return a page of the books that match, best first; ``cities`` tells the city of each library."""
        return self._search.page(query, limit, offset, narrowing, cities)

    def suggest(self, typed: str, limit: int = SUGGESTIONS) -> tuple[Suggestion, ...]:
        """Return titles and authors that begin with what was typed."""
        return self._search.suggest(typed, limit)

    def cluster(self, cluster_id: str) -> ClusterView | None:
        """Return the cluster with every member's record and copies, also by an id that it once had; or None."""
        current = self._aliases.current(cluster_id)
        rows = self._connection.execute(self._sql.members, (current,)).fetchall()
        return ClusterView(current, tuple(_member(*row) for row in rows)) if current else None


def _member(agency: str, record_id: str, text: str) -> MemberView:
    bib = Bib.model_validate_json(text)
    return MemberView(AgencyId(agency), record_id, bib, items_of(bib))
