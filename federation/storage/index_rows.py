"""A cluster's row in the full-text index and the keys of its whole titles, kept in step with its members.

The text of a row is the union of its members' documents (`federation.catalogue.document`). Deliberately absent: who is
a member (`federation.storage.clusters`) and every question to the index (`federation.storage.catalogue`).
"""

from collections.abc import Iterable

from federation.catalogue.document import COLUMNS, Document, document_of, merged
from federation.storage.catalogue_statements import Statements
from federation.storage.engine import Connection
from schemas.bib import Bib

_BLANK = ("",) * len(COLUMNS)
_SELECT = """SELECT title, pinyin, author, author_pinyin, subject, publisher, isbn, other
    FROM bib_index WHERE rowid = ?"""
_DELETE = "DELETE FROM bib_index WHERE rowid = ?"
_ADD_TITLE = "INSERT INTO bib_title (key, cluster) VALUES (?, ?) ON CONFLICT DO NOTHING"
_DELETE_TITLES = "DELETE FROM bib_title WHERE cluster = ?"
_BIBS = "SELECT bib FROM bib_member WHERE cluster = ? ORDER BY agency, record_id"


class IndexRows:
    """The writing side of the full-text index."""

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self._db = connection
        self._sql = statements

    def add(self, cluster: int, document: Document) -> None:
        """Add a record's document to its cluster's row; nothing is written where it adds nothing."""
        row = self._db.execute(_SELECT, (cluster,)).fetchone()
        columns = merged(row or _BLANK, document)
        if row is None:
            self._write(self._sql.add_row, cluster, columns)
        elif columns != tuple(row):
            self._write(self._sql.change_row, cluster, columns)
        self._add_titles(cluster, document.title_keys)

    def rebuild(self, cluster: int) -> None:
        """Make a cluster's row anew from its members."""
        self.drop(cluster)
        columns: tuple[str, ...] = _BLANK
        for (text,) in self._db.execute(_BIBS, (cluster,)).fetchall():
            document = document_of(Bib.model_validate_json(text))
            columns = merged(columns, document)
            self._add_titles(cluster, document.title_keys)
        self._write(self._sql.add_row, cluster, columns)

    def drop(self, cluster: int) -> None:
        """Forget a cluster's row and titles."""
        self._db.execute(_DELETE_TITLES, (cluster,))
        self._db.execute(_DELETE, (cluster,))

    def _write(self, statement: str, cluster: int, columns: tuple[str, ...]) -> None:
        self._db.execute(statement, (*columns, *self._sql.documents(columns), cluster))

    def _add_titles(self, cluster: int, keys: Iterable[str]) -> None:
        self._db.executemany(_ADD_TITLE, [(key, cluster) for key in keys])
