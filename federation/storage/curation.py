"""What a librarian may ask and say of the catalogue's clusters: why, pin, undo, build anew.

Every decision of the scorer can be seen, overruled by a pin and restored by undoing that pin; the clusters around it
follow in the same transaction. Deliberately absent: who may do so (the operator's socket is its owner's alone).
"""

from collections.abc import Sequence
from typing import NamedTuple

from federation.catalogue.curation import Progress
from federation.catalogue.pinning import Act, NoSuchRecord, Pin, PinKind, RecordName
from federation.catalogue.reasons import Link, Reasons, Records, why_apart, why_one, why_together
from federation.storage.aliases import AliasTable
from federation.storage.catalogue_statements import SQLITE, Statements
from federation.storage.clusters import Clusters
from federation.storage.engine import Connection
from federation.storage.pins import PinTable
from federation.storage.reindex import Reindex
from schemas.identifiers import AgencyId

RECORDS_MAX = 200
"""Records of one cluster that reasons are looked for among; more share one only in damaged catalogues."""

_RECORD = """SELECT m.agency, m.record_id, c.number, c.id FROM bib_member m JOIN bib_cluster c ON c.number = m.cluster
    WHERE m.agency = ? AND m.record_id = ?"""
_LEAD = """SELECT m.agency, m.record_id, c.number, c.id FROM bib_cluster c JOIN bib_member m ON m.number = c.lead
    WHERE c.id = ?"""


class _Place(NamedTuple):
    record: RecordName
    cluster: int
    cluster_id: str


class Curation:
    """Clusters as librarians see them. A name is ``agency/record id``, or a work's id and then its lead record."""

    def __init__(self, connection: Connection, statements: Statements = SQLITE) -> None:
        self._db = connection
        self._clusters = Clusters(connection, statements)
        self._aliases = AliasTable(connection)
        self._pins = PinTable(connection)
        self._reindex = Reindex(connection, self._clusters)

    def why(self, name: str) -> tuple[str, tuple[Link, ...]]:
        """Return the id of the work that a name leads to, and for each of its records what joins it to the others.

        Raises:
            NoSuchRecord: nothing has this name.
        """
        place = self._place(name)
        records = self._records(place)
        return place.cluster_id, why_one(records, self._pins.around(records))

    def why_two(self, one: str, other: str) -> Reasons:
        """Return why two records are one book, or are not.

        Raises:
            NoSuchRecord: nothing has one of these names.
        """
        left, right = self._place(one), self._place(other)
        mine, yours = self._records(left), self._records(right)
        pins = self._pins.around((*mine, *yours))
        if left.cluster == right.cluster:
            return why_together({**mine, **yours}, pins, left.record, right.record)
        return why_apart(mine, yours, pins, left.record, right.record)

    def pin(self, kind: PinKind, one: str, other: str, made: Act) -> Pin:
        """Pin two records together or apart.

        Raises:
            PinRefused: nothing has one of these names, or the pin contradicts others or says nothing new.
        """
        pin = self._pins.add(kind, self._place(one).record, self._place(other).record, made)
        self._follow(pin)
        return pin

    def undo(self, number: int, undone: Act) -> Pin:
        """Undo a pin; its records are where the scorer and the other pins put them.

        Raises:
            NoSuchPin: none of this number stands.
        """
        pin = self._pins.undo(number, undone)
        self._follow(pin)
        return pin

    def pins(self, *, undone: bool = False) -> Sequence[Pin]:
        """Return the pins that stand, by number; with ``undone`` also those that once did."""
        return self._pins.all(undone=undone)

    def reindex(self) -> Progress:
        """Do a step of building all clusters anew, and return how far it has come."""
        return self._reindex.step()

    def _follow(self, pin: Pin) -> None:
        rows = (self._db.execute(_RECORD, record).fetchone() for record in (pin.one, pin.other))
        self._clusters.regroup([row[2] for row in rows if row is not None])

    def _place(self, name: str) -> _Place:
        agency, slash, record_id = name.partition("/")
        found = self._db.execute(_RECORD, (agency, record_id)) if slash else self._db.execute(
            _LEAD, (self._aliases.current(name),))
        row = found.fetchone()
        if row is None:
            raise NoSuchRecord(f"没有记录或书目 no record and no work {name}; "
                               "write 机构/记录号 AGENCY/RECORD, or a work's id")
        return _Place(RecordName(AgencyId(row[0]), row[1]), row[2], row[3])

    def _records(self, place: _Place) -> Records:
        members = self._clusters.members_of((place.cluster,))
        return {member.record: member.features for number, member in enumerate(members)
                if number < RECORDS_MAX or member.record == place.record}
