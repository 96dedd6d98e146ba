"""Building all clusters anew from the stored records, when rules have changed: in small steps, each one transaction.

First every record is described anew, then every cluster is divided and indexed anew; searches, harvests and orders go
on between the steps. How far it has come is kept with the catalogue, so that it goes on where it was cut. Memory does
not grow with the catalogue: a step holds few records at a time.
"""

from federation.catalogue.curation import Phase, Progress
from federation.storage.clusters import Clusters
from federation.storage.engine import Connection

DDL: tuple[str, ...] = (
    """CREATE TABLE bib_reindex (
        number INTEGER PRIMARY KEY, phase TEXT NOT NULL, position INTEGER NOT NULL, upto INTEGER NOT NULL,
        changed INTEGER NOT NULL) STRICT""",
)
STEP_RECORDS = 200
"""Records described in one step, about 50 ms: as long as a reader's search may have to wait for it."""
STEP_CLUSTERS = 50
"""Clusters divided and indexed in one step."""

_ONE = 1
_STATE = "SELECT phase, position, upto, changed FROM bib_reindex"
_SAVE = """INSERT INTO bib_reindex (number, phase, position, upto, changed) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (number) DO UPDATE SET phase = excluded.phase, position = excluded.position, upto = excluded.upto,
    changed = excluded.changed"""
_FORGET = "DELETE FROM bib_reindex"
_LAST_RECORD = "SELECT coalesce(max(number), 0) FROM bib_member"
_LAST_CLUSTER = "SELECT coalesce(max(number), 0) FROM bib_cluster"
_RECORDS = "SELECT number FROM bib_member WHERE number > ? AND number <= ? ORDER BY number LIMIT ?"
_NEXT_CLUSTER = "SELECT min(number) FROM bib_cluster WHERE number > ? AND number <= ?"


class Reindex:
    """Takes the steps. Calls belong inside the caller's transaction."""

    def __init__(self, connection: Connection, clusters: Clusters) -> None:
        self._db = connection
        self._clusters = clusters

    def step(self) -> Progress:
        """Do a bounded part of the work, begin it where none is under way, and return how far it has come."""
        progress = self._standing()
        progress = self._describe(progress) if progress.phase is Phase.RECORDS else self._divide(progress)
        if progress.phase is Phase.DONE:
            self._db.execute(_FORGET)
        else:
            self._db.execute(_SAVE, (_ONE, *progress))
        return progress

    def _standing(self) -> Progress:
        row = self._db.execute(_STATE).fetchone()
        if row is None:
            return Progress(Phase.RECORDS, 0, self._last(_LAST_RECORD), 0)
        return Progress(Phase(row[0]), *row[1:])

    def _describe(self, at: Progress) -> Progress:
        numbers = [number for (number,) in self._db.execute(_RECORDS, (at.done, at.total, STEP_RECORDS)).fetchall()]
        for number in numbers:
            self._clusters.describe_anew(number)
        if len(numbers) < STEP_RECORDS:
            return Progress(Phase.CLUSTERS, 0, self._last(_LAST_CLUSTER), at.moved)
        return at._replace(done=numbers[-1])

    def _divide(self, at: Progress) -> Progress:
        """Divide the next clusters; those that come of it are done already, and stand behind the last."""
        for _ in range(STEP_CLUSTERS):
            (number,) = self._db.execute(_NEXT_CLUSTER, (at.done, at.total)).fetchone()
            if number is None:
                return Progress(Phase.DONE, at.total, at.total, at.moved)
            moved = self._clusters.regroup((number,), changed=(number,))
            at = at._replace(done=number, moved=at.moved + moved)
        return at

    def _last(self, statement: str) -> int:
        (number,) = self._db.execute(statement).fetchone()
        return int(number)
