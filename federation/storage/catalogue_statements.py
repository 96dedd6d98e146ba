"""Every statement by which the union catalogue is read, by name: one table of them for each database.

They differ only in how the full-text index is written and asked. All else is standard SQL but for lists of numbers,
which are one JSON text and opened by ``json_each`` (`federation.storage.postgres` writes that its own way). Keys are
compared byte by byte. Parameters are positional and each stands once.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from federation.catalogue.printing import Printer, fts5, tsquery, tsvector


class Statements(NamedTuple):
    """The reading side of the catalogue, and the rows of its index. ``numbers`` are clusters' own, as a JSON list."""

    printer: Printer
    """How a query is put to ``match``."""
    match: str
    """expression, limit → number"""
    key: str
    """key, limit → number"""
    key_start: str
    """key (not itself), end of the range, limit → number"""
    best: str
    """numbers, limit → number: those most libraries hold first, then the newest"""
    marked: str
    """numbers → number, marks, holders"""
    available: str
    """numbers → number: those with a copy that is on no open loan of the alliance's, which is looked up by its barcode;
    an index on the supplier must not be used instead"""
    lines: str
    """numbers → number, id, title, author, publisher, year, isbn13"""
    copies: str
    """numbers → number, agency, record id, barcode, location, call number, price: a row a copy, or one without"""
    members: str
    """cluster id → agency, record id, record"""
    suggested: str
    """key, end of the range, rows looked at, limit → key, libraries, title, author: the most held first"""
    add_row: str
    """the index columns of a cluster, what ``documents`` adds, number"""
    change_row: str
    """likewise"""
    documents: Callable[[Sequence[str]], tuple[str, ...]]
    """index columns → what the index needs beside them"""


SQLITE = Statements(
    printer=fts5,
    match="SELECT rowid FROM bib_index WHERE bib_index MATCH ? LIMIT ?",
    key="SELECT cluster FROM bib_title WHERE key = ? LIMIT ?",
    key_start="SELECT cluster FROM bib_title WHERE key > ? AND key < ? LIMIT ?",
    best="""SELECT c.number FROM json_each(?) n JOIN bib_cluster c ON c.number = CAST(n.value AS BIGINT)
        ORDER BY c.agencies DESC, c.year DESC, c.id LIMIT ?""",
    marked="""SELECT c.number, c.marks, c.holders
        FROM json_each(?) n JOIN bib_cluster c ON c.number = CAST(n.value AS BIGINT)""",
    available="""SELECT c.number FROM json_each(?) n JOIN bib_cluster c ON c.number = CAST(n.value AS BIGINT)
        WHERE EXISTS (
            SELECT 1 FROM bib_member m JOIN bib_item i ON i.member = m.number
            WHERE m.cluster = c.number AND NOT EXISTS (
                SELECT 1 FROM loan l
                WHERE l.barcode = i.barcode AND coalesce(l.supplier, '') = m.agency AND l.outcome IS NULL))""",
    lines="""SELECT c.number, c.id, m.title, m.author, m.publisher, m.year, m.isbn13 FROM json_each(?) n
        JOIN bib_cluster c ON c.number = CAST(n.value AS BIGINT) JOIN bib_member m ON m.number = c.lead""",
    copies="""SELECT m.cluster, m.agency, m.record_id, i.barcode, i.location, i.call_number, i.price_fen
        FROM json_each(?) n JOIN bib_member m ON m.cluster = CAST(n.value AS BIGINT)
        LEFT JOIN bib_item i ON i.member = m.number
        ORDER BY m.cluster, m.agency, m.record_id, i.position""",
    members="""SELECT m.agency, m.record_id, m.bib FROM bib_cluster c JOIN bib_member m ON m.cluster = c.number
        WHERE c.id = ? ORDER BY m.agency, m.record_id""",
    suggested="""SELECT s.key, s.agencies, m.title, m.author FROM (
            SELECT t.key, c.agencies, c.lead FROM (
                SELECT key, cluster FROM bib_title WHERE key >= ? AND key < ? LIMIT ?) t
            JOIN bib_cluster c ON c.number = t.cluster ORDER BY c.agencies DESC, t.key LIMIT ?) s
        JOIN bib_member m ON m.number = s.lead ORDER BY s.agencies DESC, s.key""",
    add_row="""INSERT INTO bib_index (title, pinyin, author, author_pinyin, subject, publisher, isbn, other, rowid)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    change_row="""UPDATE bib_index SET title = ?, pinyin = ?, author = ?, author_pinyin = ?, subject = ?, publisher = ?,
        isbn = ?, other = ? WHERE rowid = ?""",
    documents=lambda _columns: (),
)

POSTGRES = SQLITE._replace(
    printer=tsquery,
    match="SELECT rowid FROM bib_index WHERE document @@ CAST(? AS tsquery) LIMIT ?",
    add_row="""INSERT INTO bib_index
        (title, pinyin, author, author_pinyin, subject, publisher, isbn, other, document, rowid)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS tsvector), ?)""",
    change_row="""UPDATE bib_index SET title = ?, pinyin = ?, author = ?, author_pinyin = ?, subject = ?, publisher = ?,
        isbn = ?, other = ?, document = CAST(? AS tsvector) WHERE rowid = ?""",
    documents=lambda columns: (tsvector(columns),),
)
"""Asks a table ``bib_index`` with the column ``document``, a tsvector as `federation.catalogue.printing` prints it."""
