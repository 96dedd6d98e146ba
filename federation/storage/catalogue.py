"""The union catalogue in SQLite: many agencies' records as one searchable list of books.

A record is kept whole under its agency and record id; records of one book share a cluster, and each cluster has one
row in the full-text index. No statement here begins or ends a transaction: the caller owns it, and a batch that fails
leaves nothing behind. Deliberately absent: the rules (`federation.catalogue`), how a record finds its cluster
(`federation.storage.clusters`), the wire, and what is on loan just now.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Any

from federation.catalogue.clustering import compare
from federation.catalogue.document import items_of
from federation.catalogue.features import Features
from federation.catalogue.query import match_expression, parse
from federation.catalogue.ranking import CANDIDATES_MAX, Question, Tier, tiers
from federation.catalogue.views import ClusterView, Explanation, Hit, HoldingView, ItemView, MemberView, SearchPage
from federation.storage.clusters import COMPARED_MAX, Clusters, features_from
from schemas.bib import Bib
from schemas.identifiers import AgencyId

PAGE_HITS_MAX = 200
"""Hits of one page; a larger ``limit`` is cut to it."""

DDL: tuple[str, ...] = (
    """CREATE TABLE bib_cluster (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, lead INTEGER NOT NULL,
        agencies INTEGER NOT NULL, year INTEGER NOT NULL) STRICT""",
    """CREATE TABLE bib_member (
        number INTEGER PRIMARY KEY, agency TEXT NOT NULL, record_id TEXT NOT NULL, cluster INTEGER NOT NULL,
        title TEXT NOT NULL, author TEXT NOT NULL, publisher TEXT NOT NULL, year INTEGER, isbn13 TEXT,
        facts INTEGER NOT NULL, features TEXT NOT NULL, bib TEXT NOT NULL, UNIQUE (agency, record_id)) STRICT""",
    "CREATE INDEX bib_member_by_cluster ON bib_member (cluster)",
    """CREATE TABLE bib_item (
        member INTEGER NOT NULL, position INTEGER NOT NULL, barcode TEXT NOT NULL, location TEXT NOT NULL,
        call_number TEXT NOT NULL, price_fen INTEGER, PRIMARY KEY (member, position)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE bib_match_key (
        key TEXT NOT NULL, member INTEGER NOT NULL, PRIMARY KEY (key, member)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE bib_title (
        key TEXT NOT NULL, cluster INTEGER NOT NULL, PRIMARY KEY (key, cluster)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX bib_title_by_cluster ON bib_title (cluster)",
    """CREATE VIRTUAL TABLE bib_index USING fts5 (
        title, pinyin, author, subject, publisher, isbn, other,
        columnsize=0, prefix='1', tokenize="ascii tokenchars '+#'")""",
)
"""Creates the catalogue's tables. The index is given finished tokens, so its own tokenizer only splits at spaces."""

# Each is asked with its argument and the number of candidates to put in order.
_QUESTIONS = {
    Question.TITLE: """SELECT c.number FROM (SELECT cluster FROM bib_title WHERE key = ?1 LIMIT ?2) t
        JOIN bib_cluster c ON c.number = t.cluster ORDER BY c.agencies DESC, c.year DESC, c.id""",
    Question.TITLE_PREFIX: """SELECT DISTINCT c.number FROM (
            SELECT cluster FROM bib_title WHERE key > ?1 AND key < ?1 || char(1114111) LIMIT ?2) t
        JOIN bib_cluster c ON c.number = t.cluster ORDER BY c.agencies DESC, c.year DESC, c.id""",
    Question.MATCH: """SELECT c.number FROM (SELECT rowid FROM bib_index WHERE bib_index MATCH ?1 LIMIT ?2) i
        JOIN bib_cluster c ON c.number = i.rowid ORDER BY c.agencies DESC, c.year DESC, c.id""",
}
_MATCHES = "SELECT rowid FROM bib_index WHERE bib_index MATCH ? LIMIT ?"
_LINES = """SELECT c.number, c.id, m.title, m.author, m.publisher, m.year, m.isbn13
    FROM bib_cluster c JOIN bib_member m ON m.number = c.lead
    WHERE c.number IN (SELECT value FROM json_each(?))"""
_COPIES = """SELECT m.cluster, m.agency, m.record_id, i.barcode, i.location, i.call_number, i.price_fen
    FROM bib_member m LEFT JOIN bib_item i ON i.member = m.number
    WHERE m.cluster IN (SELECT value FROM json_each(?))
    ORDER BY m.cluster, m.agency, m.record_id, i.position"""
_MEMBERS = """SELECT m.agency, m.record_id, m.bib FROM bib_cluster c JOIN bib_member m ON m.cluster = c.number
    WHERE c.id = ? ORDER BY m.agency, m.record_id"""
_FEATURES = """SELECT m.agency, m.record_id, m.features FROM bib_cluster c JOIN bib_member m ON m.cluster = c.number
    WHERE c.id = ? ORDER BY m.agency, m.record_id LIMIT ?"""


class Catalogue:
    """The union catalogue on one connection. Calls that write belong inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._clusters = Clusters(connection)

    def upsert(self, agency: AgencyId, bibs: Iterable[Bib]) -> int:
        """Store the agency's records, each in the cluster it belongs to; return how many were new or changed."""
        return sum(self._clusters.put(agency, bib) for bib in bibs)

    def delete(self, agency: AgencyId, record_ids: Iterable[str]) -> int:
        """Remove the agency's records; return how many there were. What they alone held together falls apart."""
        return sum(self._clusters.remove(agency, record_id) for record_id in record_ids)

    def search(self, query: str, limit: int = 20, offset: int = 0) -> SearchPage:
        """Return a page of the books that match, best first. Any text is a query; pages end at the candidate cap."""
        parsed = parse(query)
        if not parsed.groups:
            return SearchPage(0, ())
        rows = self._connection.execute(_MATCHES, (match_expression(parsed), CANDIDATES_MAX + 1))
        matches = {number for (number,) in rows}
        capped = len(matches) > CANDIDATES_MAX
        start, size = min(max(offset, 0), CANDIDATES_MAX), min(max(limit, 0), PAGE_HITS_MAX)
        ranked = (number for number in self._ranked(tiers(parsed)) if capped or number in matches)
        hits = self._hits(list(islice(ranked, start, start + size)))
        return SearchPage(min(len(matches), CANDIDATES_MAX), hits, capped)

    def cluster(self, cluster_id: str) -> ClusterView | None:
        """Return the cluster with every member's record and copies, or None where there is no such cluster."""
        rows = self._connection.execute(_MEMBERS, (cluster_id,)).fetchall()
        return ClusterView(cluster_id, tuple(_member(*row) for row in rows)) if rows else None

    def explain(self, cluster_id: str) -> tuple[Explanation, ...]:
        """Return for each record of a cluster the decision about it and the record it agrees with most."""
        rows = self._connection.execute(_FEATURES, (cluster_id, COMPARED_MAX))
        members = [(AgencyId(agency), record_id, features_from(text)) for agency, record_id, text in rows]
        return tuple(_explanation(member, members) for member in members if len(members) > 1)

    def _ranked(self, questions: Iterable[Tier]) -> Iterator[int]:
        """Yield the clusters of each tier that no better tier has; a tier is asked only when its turn comes."""
        seen: set[int] = set()
        for tier in questions:
            for (number,) in self._connection.execute(_QUESTIONS[tier.question], (tier.argument, tier.candidates)):
                if number not in seen:
                    seen.add(number)
                    yield number

    def _hits(self, numbers: list[int]) -> tuple[Hit, ...]:
        wanted = (json.dumps(numbers),)
        lines = {row[0]: row[1:] for row in self._connection.execute(_LINES, wanted)}
        copies = groupby(self._connection.execute(_COPIES, wanted), key=lambda row: row[0])
        holdings = {number: _holdings(rows) for number, rows in copies}
        return tuple(Hit._make((*lines[number], holdings[number])) for number in numbers)


def _holdings(rows: Iterable[Any]) -> tuple[HoldingView, ...]:
    """Gather rows of copies, a record's side by side, into one holding a record; a record may have no copy."""
    return tuple(
        HoldingView(AgencyId(agency), record_id, tuple(ItemView(*row[3:]) for row in group if row[3] is not None))
        for (agency, record_id), group in groupby(rows, key=lambda row: (row[1], row[2]))
    )


def _member(agency: str, record_id: str, text: str) -> MemberView:
    bib = Bib.model_validate_json(text)
    return MemberView(AgencyId(agency), record_id, bib, items_of(bib))


def _explanation(
    member: tuple[AgencyId, str, Features], members: Iterable[tuple[AgencyId, str, Features]]
) -> Explanation:
    decisions = [
        Explanation(*member[:2], *other[:2], compare(member[2], other[2])) for other in members if other is not member
    ]
    return max(decisions, key=lambda explanation: explanation.decision.score)
