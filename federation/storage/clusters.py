"""How a record finds its cluster, and what that changes: members, match keys, index row and result line.

A new record is compared with every record that shares a match key with it and with their companions. It joins where one
agrees and none forbids it; where it ties two clusters together they become one, under the older id. A record that goes
may take that tie with it: the rest is divided again. Cluster ids are hashes of content, never of chance or time.
Deliberately absent: the decision itself (`federation.catalogue.clustering`) and all reading for users.
"""

import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import count
from typing import NamedTuple

from federation.catalogue.clustering import compare, keys_of, partition
from federation.catalogue.document import COLUMNS, Document, document_of, items_of, merged, summary_of
from federation.catalogue.features import Features, features_of
from schemas.bib import Bib
from schemas.identifiers import AgencyId

COMPARED_MAX = 200
"""Differing descriptions that one record is compared with; more share a match key only in damaged catalogues."""

_BLANK = ("",) * len(COLUMNS)
_INSERT_MEMBER = """INSERT INTO bib_member
    (agency, record_id, cluster, title, author, publisher, year, isbn13, facts, features, bib)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_INSERT_INDEX = """INSERT INTO bib_index (rowid, title, pinyin, author, subject, publisher, isbn, other)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_UPDATE_INDEX = """UPDATE bib_index
    SET title = ?, pinyin = ?, author = ?, subject = ?, publisher = ?, isbn = ?, other = ? WHERE rowid = ?"""
_SELECT_INDEX = "SELECT title, pinyin, author, subject, publisher, isbn, other FROM bib_index WHERE rowid = ?"
_CANDIDATES = """SELECT DISTINCT m.cluster, m.features FROM bib_member m WHERE m.cluster IN (
        SELECT x.cluster FROM bib_match_key k JOIN bib_member x ON x.number = k.member
        WHERE k.key IN (SELECT value FROM json_each(?)))
    ORDER BY m.cluster, m.features LIMIT ?"""
_DESCRIBE = """UPDATE bib_cluster SET
    lead = (SELECT number FROM bib_member WHERE cluster = ?1 ORDER BY facts DESC, agency, record_id LIMIT 1),
    agencies = (SELECT count(DISTINCT agency) FROM bib_member WHERE cluster = ?1),
    year = (SELECT coalesce(max(year), 0) FROM bib_member WHERE cluster = ?1) WHERE number = ?1"""


class _Known(NamedTuple):
    number: int
    cluster: int
    features: str
    bib: str


def features_from(text: str) -> Features:
    """Return the features stored as ``text``."""
    return Features._make(tuple(value) if isinstance(value, list) else value for value in json.loads(text))


class Clusters:
    """The writing side of the catalogue; every method leaves clusters, keys and index consistent."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, agency: AgencyId, bib: Bib) -> bool:
        """Store a record, new or changed, in its cluster; return False where it is stored already as it is."""
        text = bib.model_dump_json(exclude_defaults=True)
        known = self._known(agency, bib.record_id)
        if known and known.bib == text:
            return False
        features = features_of(bib)
        described = json.dumps(features, ensure_ascii=False)
        if known and known.features == described:
            self._forget(known)
            self._insert(agency, bib, text, described, known.cluster)
            self._reindex(known.cluster)
            return True
        if known:
            self._forget(known)
            self._settle(known.cluster)
        cluster = self._home_of(features) or self._found(features, f"{agency}/{bib.record_id}")
        self._insert(agency, bib, text, described, cluster)
        self._index(cluster, document_of(bib))
        return True

    def remove(self, agency: AgencyId, record_id: str) -> bool:
        """Remove a record; return False where there is none."""
        known = self._known(agency, record_id)
        if known is None:
            return False
        self._forget(known)
        self._settle(known.cluster)
        return True

    def _known(self, agency: AgencyId, record_id: str) -> _Known | None:
        row = self._connection.execute(
            "SELECT number, cluster, features, bib FROM bib_member WHERE agency = ? AND record_id = ?",
            (agency, record_id),
        ).fetchone()
        return _Known(*row) if row else None

    def _home_of(self, features: Features) -> int | None:
        """Return the oldest cluster that the record belongs to, joined with the others that it belongs to."""
        rows = self._connection.execute(_CANDIDATES, (json.dumps(keys_of(features)), COMPARED_MAX))
        candidates: dict[int, list[Features]] = defaultdict(list)
        for cluster, text in rows:
            candidates[cluster].append(features_from(text))
        home: int | None = None
        for cluster, members in sorted(candidates.items()):
            if not _belongs(features, members):
                continue
            if home is None:
                home = cluster
            elif not _forbidden(candidates[home], members):
                self._merge(home, cluster)
                candidates[home] += members
        return home

    def _found(self, features: Features, record: str) -> int:
        """Open a cluster; its id follows from the surest match key, or from the record where that id is taken."""
        surest = next(iter(keys_of(features)), record)
        for name in _names(f"{surest} {features.volume}", record):
            cluster_id = hashlib.sha256(name.encode()).hexdigest()[:20]
            if not self._connection.execute("SELECT 1 FROM bib_cluster WHERE id = ?", (cluster_id,)).fetchone():
                break
        number = self._connection.execute(
            "INSERT INTO bib_cluster (id, lead, agencies, year) VALUES (?, 0, 0, 0)", (cluster_id,)
        ).lastrowid
        assert number is not None
        return number

    def _insert(self, agency: AgencyId, bib: Bib, text: str, described: str, cluster: int) -> None:
        row = (agency, bib.record_id, cluster, *summary_of(bib), described, text)
        number = self._connection.execute(_INSERT_MEMBER, row).lastrowid
        items = [(number, position, *item) for position, item in enumerate(items_of(bib))]
        self._connection.executemany("INSERT INTO bib_item VALUES (?, ?, ?, ?, ?, ?)", items)
        keys = [(key, number) for key in dict.fromkeys(keys_of(features_from(described)))]
        self._connection.executemany("INSERT INTO bib_match_key VALUES (?, ?)", keys)
        self._connection.execute(_DESCRIBE, (cluster,))

    def _forget(self, known: _Known) -> None:
        keys = [(key, known.number) for key in keys_of(features_from(known.features))]
        self._connection.executemany("DELETE FROM bib_match_key WHERE key = ? AND member = ?", keys)
        self._connection.execute("DELETE FROM bib_item WHERE member = ?", (known.number,))
        self._connection.execute("DELETE FROM bib_member WHERE number = ?", (known.number,))

    def _settle(self, cluster: int) -> None:
        """Divide what is left of a cluster where it no longer holds together; the first part keeps the id."""
        rows = self._connection.execute(
            "SELECT number, features, agency, record_id FROM bib_member WHERE cluster = ? ORDER BY agency, record_id",
            (cluster,),
        ).fetchall()
        if not rows:
            self._drop(cluster)
            return
        described = [features_from(row[1]) for row in rows]
        for group in partition(described)[1:]:
            first = group[0]
            part = self._found(described[first], f"{rows[first][2]}/{rows[first][3]}")
            self._connection.executemany(
                "UPDATE bib_member SET cluster = ? WHERE number = ?", [(part, rows[position][0]) for position in group]
            )
            self._reindex(part)
        self._reindex(cluster)

    def _merge(self, into: int, other: int) -> None:
        self._connection.execute("UPDATE bib_member SET cluster = ? WHERE cluster = ?", (into, other))
        self._drop(other)
        self._reindex(into)

    def _drop(self, cluster: int) -> None:
        self._connection.execute("DELETE FROM bib_title WHERE cluster = ?", (cluster,))
        self._connection.execute("DELETE FROM bib_index WHERE rowid = ?", (cluster,))
        self._connection.execute("DELETE FROM bib_cluster WHERE number = ?", (cluster,))

    def _index(self, cluster: int, document: Document) -> None:
        """Add a record's document to its cluster's index row; nothing is written where it adds nothing."""
        row = self._connection.execute(_SELECT_INDEX, (cluster,)).fetchone()
        columns = merged(row or _BLANK, document)
        if row is None:
            self._connection.execute(_INSERT_INDEX, (cluster, *columns))
        elif columns != tuple(row):
            self._connection.execute(_UPDATE_INDEX, (*columns, cluster))
        self._add_titles(cluster, document.title_keys)

    def _reindex(self, cluster: int) -> None:
        """Make a cluster's index row and line anew from its members."""
        texts = self._connection.execute(
            "SELECT bib FROM bib_member WHERE cluster = ? ORDER BY agency, record_id", (cluster,)
        ).fetchall()
        columns: tuple[str, ...] = _BLANK
        self._connection.execute("DELETE FROM bib_title WHERE cluster = ?", (cluster,))
        for (text,) in texts:
            document = document_of(Bib.model_validate_json(text))
            columns = merged(columns, document)
            self._add_titles(cluster, document.title_keys)
        self._connection.execute("DELETE FROM bib_index WHERE rowid = ?", (cluster,))
        self._connection.execute(_INSERT_INDEX, (cluster, *columns))
        self._connection.execute(_DESCRIBE, (cluster,))

    def _add_titles(self, cluster: int, keys: Iterable[str]) -> None:
        self._connection.executemany(
            "INSERT INTO bib_title VALUES (?, ?) ON CONFLICT DO NOTHING", [(key, cluster) for key in keys]
        )


def _belongs(features: Features, members: list[Features]) -> bool:
    """Whether one of the members describes the same book and none forbids it."""
    decisions = [compare(features, member) for member in members]
    return any(decision.same for decision in decisions) and not any(decision.vetoed for decision in decisions)


def _forbidden(some: list[Features], others: list[Features]) -> bool:
    return any(compare(one, other).vetoed for one in some for other in others)


def _names(surest: str, record: str) -> Iterator[str]:
    yield surest
    yield from (f"{surest} {record} {number}" for number in count())
