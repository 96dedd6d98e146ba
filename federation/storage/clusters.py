"""How a record finds its cluster, and what that changes: members, match keys, index row and result line.

A new record is compared with every record that shares a match key with it and with their companions. Mostly it is tied
to one cluster and no difference forbids it: then it joins. Otherwise, and where a pin holds that cluster, all that
hangs together by ties is divided anew (`federation.catalogue.grouping`). So the clusters follow from the records and
pins that stand, not from the order in which they came. Two things do depend on that order: the ids, since a cluster
keeps its id as long as its lead record stays and the older of two wins; and, in damaged catalogues, what more than
``COMPARED_MAX`` differing descriptions of one cluster or match key become, as then only the first are compared.

Cluster ids are hashes of content, never of chance or time; an id that ends leads on (`federation.storage.aliases`).
Deliberately absent: the decision itself (`federation.catalogue.clustering`) and all reading for users.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

from federation.catalogue.clustering import keys_of
from federation.catalogue.document import document_of, items_of, summary_of
from federation.catalogue.features import Features, features_of
from federation.catalogue.grouping import belongs, grouped, tied
from federation.catalogue.pinning import RecordName, constraints
from federation.storage.aliases import AliasTable
from federation.storage.catalogue_statements import SQLITE, Statements
from federation.storage.engine import Connection
from federation.storage.index_rows import IndexRows
from federation.storage.pins import PinTable
from schemas.bib import Bib
from schemas.identifiers import AgencyId

COMPARED_MAX = 120
"""Differing descriptions that are compared for one record; more share a match key only in damaged catalogues."""

_INSERT_MEMBER = """INSERT INTO bib_member
    (agency, record_id, cluster, title, author, publisher, year, isbn13, marks, facts, features, bib)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number"""
_INSERT_ITEM = "INSERT INTO bib_item VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_KEY = "INSERT INTO bib_match_key (key, member) VALUES (?, ?)"
_INSERT_CLUSTER = """INSERT INTO bib_cluster (id, lead, agencies, year, marks, holders, pinned)
    VALUES (?, ?, 0, 0, '||', '', 0) RETURNING number"""
_NOBODY = 0
"""The lead of a cluster that has no record yet."""
_DELETE_KEYS = "DELETE FROM bib_match_key WHERE member = ?"
_DELETE_ITEMS = "DELETE FROM bib_item WHERE member = ?"
_DELETE_MEMBER = "DELETE FROM bib_member WHERE number = ?"
_DELETE_CLUSTER = "DELETE FROM bib_cluster WHERE number = ?"
_KNOWN = "SELECT number, cluster, features, bib FROM bib_member WHERE agency = ? AND record_id = ?"
_NEAR = """SELECT DISTINCT m.cluster, c.pinned, m.features
    FROM bib_member m JOIN bib_cluster c ON c.number = m.cluster
    WHERE m.cluster IN (
        SELECT x.cluster FROM bib_match_key k JOIN bib_member x ON x.number = k.member
        WHERE k.key IN (SELECT value FROM json_each(?)))
    ORDER BY m.cluster, m.features LIMIT ?"""
_MEMBERS = """SELECT number, cluster, agency, record_id, features FROM bib_member
    WHERE cluster IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) ORDER BY agency, record_id"""
_LEADS = """SELECT number, lead, pinned FROM bib_cluster
    WHERE number IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) ORDER BY number"""
_HEIR = """SELECT m.number, m.agency, m.record_id FROM bib_member m
    LEFT JOIN bib_alias a ON a.agency = m.agency AND a.record_id = m.record_id WHERE m.cluster = ?
    ORDER BY CASE WHEN a.id IS NULL THEN 0 ELSE 1 END, m.facts DESC, m.agency, m.record_id LIMIT 1"""
_BIB = "SELECT bib FROM bib_member WHERE number = ?"
_DESCRIBE_MEMBER = """UPDATE bib_member SET title = ?, author = ?, publisher = ?, year = ?, isbn13 = ?, marks = ?,
    facts = ?, features = ? WHERE number = ?"""
_CLUSTER_ID = "SELECT id FROM bib_cluster WHERE number = ?"
_TAKEN = """SELECT 1 FROM bib_cluster WHERE id = ?
    UNION ALL SELECT 1 FROM bib_alias a JOIN bib_member m ON m.agency = a.agency AND m.record_id = a.record_id
        WHERE a.id = ?"""
_MOVE = "UPDATE bib_member SET cluster = ? WHERE number = ?"
_MARK = "UPDATE bib_cluster SET pinned = ? WHERE number = ?"
_LEAD = "UPDATE bib_cluster SET lead = ? WHERE number = ? AND lead = ?"
_LINE = """SELECT number, marks, agency, year FROM bib_member WHERE cluster = ?
    ORDER BY facts DESC, agency, record_id"""
_DESCRIBE = """UPDATE bib_cluster SET lead = ?, marks = ?, agencies = ?, holders = ?, year = ? WHERE number = ?"""


class _Known(NamedTuple):
    number: int
    cluster: int
    features: str
    bib: str


class Member(NamedTuple):
    """One record as its cluster sees it; ``number`` and ``cluster`` are the database's own."""

    number: int
    cluster: int
    record: RecordName
    features: Features


@lru_cache(maxsize=1 << 12)
def features_from(text: str) -> Features:
    """Return the features stored as ``text``; those of an older program lack the last fields."""
    values: Iterable[Any] = (tuple(value) if isinstance(value, list) else value for value in json.loads(text))
    return Features(*values)


class Clusters:
    """The writing side of the catalogue; every method leaves clusters, keys and index consistent."""

    def __init__(self, connection: Connection, statements: Statements = SQLITE) -> None:
        self._db = connection
        self._index = IndexRows(connection, statements)
        self._aliases = AliasTable(connection)
        self._pins = PinTable(connection)

    def put(self, agency: AgencyId, bib: Bib) -> bool:
        """Store a record, new or changed, in its cluster; return False where it is stored already as it is."""
        text = bib.model_dump_json(exclude_defaults=True)
        record = RecordName(agency, bib.record_id)
        known = self._known(record)
        if known and known.bib == text:
            return False
        features = features_of(bib)
        described = _described(features)
        if known and known.features == described:
            self._forget(known)
            self._insert(agency, bib, text, described, known.cluster)
            self._describe(known.cluster)
            self._index.rebuild(known.cluster)
            return True
        if known:
            self._take_out(record, known)
        cluster, is_sure = self._home_of(record, features)
        number = self._insert(agency, bib, text, described, cluster)
        self._index.add(cluster, document_of(bib))
        if not is_sure:
            self._db.execute(_LEAD, (number, cluster, _NOBODY))
            self.regroup((cluster,))
        self._describe(cluster)
        return True

    def remove(self, record: RecordName) -> bool:
        """Remove a record; return False where there is none."""
        known = self._known(record)
        if known is None:
            return False
        heir = self._take_out(record, known)
        if heir is not None:
            self._aliases.move(record, heir)
        return True

    def describe_anew(self, number: int) -> None:
        """Describe a stored record by the rules of this program; its cluster stays as it is until it is regrouped."""
        bib = Bib.model_validate_json(self._db.execute(_BIB, (number,)).fetchone()[0])
        described = _described(features_of(bib))
        self._db.execute(_DESCRIBE_MEMBER, (*summary_of(bib), described, number))
        self._db.execute(_DELETE_KEYS, (number,))
        self._add_keys(number, described)

    def regroup(self, clusters: Iterable[int], *, changed: Collection[int] = ()) -> int:
        """Divide anew all that hangs together with some clusters; return how many records move.

        The rows of clusters that change are rebuilt, and those of ``changed`` in any case.
        """
        members = self._hanging_together(clusters)
        if _different(members) > COMPARED_MAX:
            for cluster in changed:
                self._rebuild(cluster)
            return 0
        records = [member.record for member in members]
        pins = self._pins.around(records)
        groups = grouped([member.features for member in members], constraints(pins, records))
        named = frozenset[RecordName]().union(*(pin.records for pin in pins))
        return self._assign([[members[position] for position in group] for group in groups], named, changed)

    def _known(self, record: RecordName) -> _Known | None:
        row = self._db.execute(_KNOWN, record).fetchone()
        return _Known(*row) if row else None

    def _home_of(self, record: RecordName, features: Features) -> tuple[int, bool]:
        """Return a cluster for a new record, and whether that is its place without looking further."""
        near: dict[int, list[Features]] = defaultdict(list)
        pinned = set()
        for cluster, is_pinned, text in self._near([features]):
            near[cluster].append(features_from(text))
            if is_pinned:
                pinned.add(cluster)
        decided = {cluster: belongs(features, members) for cluster, members in near.items()}
        linked = {cluster: is_forbidden for cluster, (is_tied, is_forbidden) in decided.items() if is_tied}
        is_plain = not linked or (list(linked.values()) == [False] and pinned.isdisjoint(linked))
        open_to_it = next((cluster for cluster, is_forbidden in linked.items() if not is_forbidden), None)
        home = self._found(features, [record]) if open_to_it is None else open_to_it
        return home, is_plain and not self._pins.of(record)

    def _near(self, described: Iterable[Features]) -> Iterable[tuple[int, int, str]]:
        """Return the different descriptions in every cluster that shares a match key, with the cluster's mark."""
        keys = json.dumps(list(dict.fromkeys(key for features in described for key in keys_of(features))))
        return self._db.execute(_NEAR, (keys, COMPARED_MAX)).fetchall()

    def _hanging_together(self, clusters: Iterable[int]) -> list[Member]:
        """Return the members of ``clusters`` and of all that ties and pins lead to, by agency and record id."""
        found: set[int] = set()
        fresh, members = set(clusters), list[Member]()
        while fresh and _different(members) <= COMPARED_MAX:
            newest = self.members_of(fresh)
            members += newest
            found |= fresh
            fresh = (self._tied_to(newest) | self._pinned_to(newest)) - found
        return sorted(members, key=lambda member: member.record)

    def members_of(self, clusters: Iterable[int]) -> list[Member]:
        """Return the records of some clusters, by agency and record id."""
        rows = self._db.execute(_MEMBERS, (json.dumps(sorted(clusters)),))
        return [Member(number, cluster, RecordName(AgencyId(agency), record_id), features_from(text))
                for number, cluster, agency, record_id, text in rows]

    def _tied_to(self, members: Sequence[Member]) -> set[int]:
        here = {member.cluster for member in members}
        described = list(dict.fromkeys(member.features for member in members))[:COMPARED_MAX]
        return {cluster for cluster, _, text in self._near(described)
                if cluster not in here and any(tied(features_from(text), features) for features in described)}

    def _pinned_to(self, members: Sequence[Member]) -> set[int]:
        pins = self._pins.around(member.record for member in members)
        known = (self._known(record) for pin in pins for record in pin.records)
        return {other.cluster for other in known if other is not None}

    def _assign(self, parts: Sequence[Sequence[Member]], pinned: Collection[RecordName],
                changed: Collection[int]) -> int:
        """Give each part its cluster: the oldest whose lead record it has, or a new one; return how many move."""
        members = [member for part in parts for member in part]
        rows = self._db.execute(_LEADS, (json.dumps(sorted({member.cluster for member in members})),)).fetchall()
        led = {lead: number for number, lead, _ in rows}
        marks = {number: mark for number, _, mark in rows}
        dirty, ended, moves = set(changed), set[int](), 0
        for part in parts:
            had = sorted(led[member.number] for member in part if member.number in led)
            cluster = had[0] if had else self._found(part[0].features, [member.record for member in part])
            moved = [member for member in part if member.cluster != cluster]
            self._db.executemany(_MOVE, [(cluster, member.number) for member in moved])
            mark = int(any(member.record in pinned for member in part))
            if mark != marks.get(cluster, 0):
                self._db.execute(_MARK, (mark, cluster))
            dirty |= {cluster, *(member.cluster for member in moved)} if moved else set()
            moves += len(moved)
            ended |= set(had[1:])
        for member in members:
            if led.get(member.number) in ended:
                self._drop(led[member.number], member.record)
        for cluster in sorted(dirty - ended):
            self._rebuild(cluster)
        return moves

    def _found(self, features: Features, records: Sequence[RecordName]) -> int:
        """Open a cluster; its id is one that led to its records, or follows from the surest match key."""
        cluster_id = next(filter(None, map(self._aliases.take_back, records)), None)
        if cluster_id is None:
            surest = next(iter(keys_of(features)), str(records[0]))
            ids = (hashlib.sha256(name.encode()).hexdigest()[:20]
                   for name in _names(f"{surest} {features.volume}", str(records[0])))
            cluster_id = next(one for one in ids if not self._db.execute(_TAKEN, (one, one)).fetchone())
            self._aliases.free(cluster_id)
        (number,) = self._db.execute(_INSERT_CLUSTER, (cluster_id, _NOBODY)).fetchone()
        return int(number)

    def _insert(self, agency: AgencyId, bib: Bib, text: str, described: str, cluster: int) -> int:
        row = (agency, bib.record_id, cluster, *summary_of(bib), described, text)
        (number,) = self._db.execute(_INSERT_MEMBER, row).fetchone()
        self._db.executemany(_INSERT_ITEM, [(number, position, *item) for position, item in enumerate(items_of(bib))])
        self._add_keys(number, described)
        return int(number)

    def _add_keys(self, number: int, described: str) -> None:
        keys = dict.fromkeys(keys_of(features_from(described)))
        self._db.executemany(_INSERT_KEY, [(key, number) for key in keys])

    def _forget(self, known: _Known) -> None:
        self._db.execute(_DELETE_KEYS, (known.number,))
        self._db.execute(_DELETE_ITEMS, (known.number,))
        self._db.execute(_DELETE_MEMBER, (known.number,))

    def _take_out(self, record: RecordName, known: _Known) -> RecordName | None:
        """Take a record out of its cluster and divide the rest anew; return who leads on where it led, if anybody.

        That is one to which no other id leads already, so that each part of a divided cluster has the id it once had.
        """
        self._forget(known)
        row = self._db.execute(_HEIR, (known.cluster,)).fetchone()
        if row is None:
            self._drop(known.cluster, record)
            return None
        heir, agency, record_id = row
        self._db.execute(_LEAD, (heir, known.cluster, known.number))
        self.regroup((known.cluster,), changed=(known.cluster,))
        return RecordName(AgencyId(agency), record_id)

    def _drop(self, cluster: int, lead: RecordName) -> None:
        """End a cluster; its id leads to its lead record from now on."""
        (cluster_id,) = self._db.execute(_CLUSTER_ID, (cluster,)).fetchone()
        self._aliases.put(cluster_id, lead)
        self._index.drop(cluster)
        self._db.execute(_DELETE_CLUSTER, (cluster,))

    def _rebuild(self, cluster: int) -> None:
        self._describe(cluster)
        self._index.rebuild(cluster)

    def _describe(self, cluster: int) -> None:
        """Make anew what a result list and its facets show of a cluster: its fullest record, its holders, its year."""
        rows = self._db.execute(_LINE, (cluster,)).fetchall()
        if rows:
            (lead, marks, *_), holders = rows[0], sorted({agency for _, _, agency, _ in rows})
            newest = max(year or 0 for *_, year in rows)
            self._db.execute(_DESCRIBE, (lead, marks, len(holders), ",".join(holders), newest, cluster))


def _described(features: Features) -> str:
    return json.dumps(features, ensure_ascii=False)


def _different(members: Iterable[Member]) -> int:
    return len({member.features for member in members})


def _names(surest: str, record: str) -> Iterator[str]:
    yield surest
    yield from (f"{surest} {record} {number}" for number in count())
