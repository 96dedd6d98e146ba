"""What the journal keeps of harvests: every run, and of every record that was sent 16 bytes to recognise it by.

Here and not in memory, so that half a million records cost the journal some 20 MB and the connector nothing.
"""

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from connectors.agent.harvest.report import Tally

DDL = (
    """CREATE TABLE IF NOT EXISTS harvest_run (
        number INTEGER PRIMARY KEY AUTOINCREMENT, settings TEXT NOT NULL, source TEXT NOT NULL, whole INTEGER NOT NULL,
        since TEXT NOT NULL, mark TEXT NOT NULL, state TEXT NOT NULL, started TEXT NOT NULL, tried TEXT NOT NULL,
        finished TEXT, cursor TEXT NOT NULL, batches INTEGER NOT NULL, pieced INTEGER NOT NULL, problem TEXT NOT NULL,
        tally TEXT NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS harvest_record (
        record_id TEXT PRIMARY KEY, handle TEXT NOT NULL, digest BLOB NOT NULL, run INTEGER NOT NULL)
        STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS harvest_handle ON harvest_record (handle) WHERE handle <> ''",
)
DIGEST_BYTES = 16
_COLUMNS = ("number, settings, source, whole, since, mark, state, started, tried, finished, cursor, batches, pieced, "
            "problem, tally")


def digest_of(content: bytes) -> bytes:
    """Return what recognises a record's content."""
    return hashlib.sha256(content).digest()[:DIGEST_BYTES]


@dataclass(slots=True)
class Run:
    """One harvest. ``settings`` are the source's and the mapping's; ``tried`` is when it was last begun or resumed.

    ``pieced`` says that it went on after a cut where the source may have changed; ``problem`` what stopped it last.
    """

    settings: str
    source: str
    whole: bool
    since: str
    mark: str
    state: str
    started: datetime
    tried: datetime
    number: int = 0
    finished: datetime | None = None
    cursor: str = ""
    batches: int = 0
    pieced: bool = False
    problem: str = ""
    tally: Tally = field(default_factory=Tally)

    def to_json(self) -> dict[str, object]:
        """Return the report that programs rely on."""
        end = self.finished or self.tried
        return {"run": self.number, "source": self.source, "kind": "full" if self.whole else "changes",
                "started": self.started.isoformat(), "finished": self.finished and self.finished.isoformat(),
                "seconds": round((end - self.started).total_seconds(), 3), "problem": self.problem,
                **self.tally.to_json()}


class Harvests:
    """Runs and known records, in one transaction of the journal."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    # runs

    def begin(self, run: Run) -> None:
        """Keep a new run, which gets its number; one that was never finished is over.

        Nor does any older run of other settings say what has changed since: records may have changed in between.
        """
        self._db.execute("UPDATE harvest_run SET settings = '' WHERE finished IS NULL OR settings <> ?",
                         (run.settings,))
        row = self._db.execute(f"INSERT INTO harvest_run ({_COLUMNS}) VALUES (NULL{', ?' * 14})",  # noqa: S608
                               _row(run)).lastrowid
        assert row is not None
        run.number = row

    def save(self, run: Run) -> None:
        """Keep how far a run has come."""
        self._db.execute(f"REPLACE INTO harvest_run ({_COLUMNS}) VALUES (?{', ?' * 14})",  # noqa: S608
                         (run.number, *_row(run)))

    def finish(self, run: Run) -> None:
        """Keep a run that is done; what older ones knew of their source is needed no more."""
        self._db.execute("UPDATE harvest_run SET mark = '', state = '' WHERE number < ?", (run.number,))
        self.save(run)

    def unfinished(self, settings: str) -> Run | None:
        """Return the run that was cut."""
        return self._run("settings = ? AND finished IS NULL", settings)

    def last_finished(self, settings: str) -> Run | None:
        """Return the last run that came to its end with these settings."""
        return self._run("settings = ? AND finished IS NOT NULL", settings)

    def last_whole(self, settings: str) -> Run | None:
        """Return the last finished run that read everything."""
        return self._run("settings = ? AND finished IS NOT NULL AND whole = 1", settings)

    def last_deleting(self) -> Run | None:
        """Return the last run whose deletions, if it had any, were not held back."""
        return self._run("finished IS NOT NULL AND whole = 1 AND tally ->> '$.withheld' = ''")

    def runs(self, count: int) -> list[Run]:
        """Return the last runs, the newest first."""
        return [_read(row) for row in self._db.execute(
            f"SELECT {_COLUMNS} FROM harvest_run ORDER BY number DESC LIMIT ?", (count,))]  # noqa: S608

    def _run(self, where: str, *values: str) -> Run | None:
        row = self._db.execute(f"SELECT {_COLUMNS} FROM harvest_run WHERE {where} "  # noqa: S608
                               "ORDER BY number DESC LIMIT 1", values).fetchone()
        return _read(row) if row else None

    # records

    def known(self, record_ids: Collection[str]) -> Mapping[str, tuple[bytes, int]]:
        """Return (digest, last run that saw it) of those records that have been sent."""
        rows = self._db.execute("SELECT record_id, digest, run FROM harvest_record "
                                "WHERE record_id IN (SELECT value FROM json_each(?))", (json.dumps(list(record_ids)),))
        return {record_id: (digest, run) for record_id, digest, run in rows}

    def called(self, handles: Collection[str]) -> Mapping[str, str]:
        """Return the record that each of the source's own names stands for."""
        rows = self._db.execute("SELECT handle, record_id FROM harvest_record WHERE handle <> '' "
                                "AND handle IN (SELECT value FROM json_each(?))", (json.dumps(list(handles)),))
        return dict(rows.fetchall())

    def take(self, rows: Iterable[tuple[str, str, bytes]], run: int) -> None:
        """Note (record id, handle, digest) of what was sent."""
        self._db.executemany("REPLACE INTO harvest_record VALUES (?, ?, ?, ?)", [(*row, run) for row in rows])

    def see(self, rows: Iterable[tuple[str, str]], run: int) -> None:
        """Note (record id, handle) of what is there as it was sent."""
        self._db.executemany("UPDATE harvest_record SET handle = ?2, run = ?3 WHERE record_id = ?1",
                             [(*row, run) for row in rows])

    def drop(self, record_ids: Iterable[str]) -> None:
        """Forget records that are deleted."""
        self._db.executemany("DELETE FROM harvest_record WHERE record_id = ?", [(each,) for each in record_ids])

    def count(self, unseen_by: int | None = None) -> int:
        """Return how many records have been sent and are not deleted; of these, how many a run has not seen."""
        where = "" if unseen_by is None else " WHERE run <> ?"
        values = () if unseen_by is None else (unseen_by,)
        return int(self._db.execute(f"SELECT count(*) FROM harvest_record{where}", values).fetchone()[0])  # noqa: S608

    def unseen(self, run: int, count: int) -> list[str]:
        """Return some records that a run has not seen."""
        rows = self._db.execute("SELECT record_id FROM harvest_record WHERE run <> ? LIMIT ?", (run, count))
        return [record_id for (record_id,) in rows]

    def forget(self) -> None:
        """Recognise nothing any more: the next run is a whole one and sends everything."""
        self._db.execute("UPDATE harvest_record SET digest = x''")
        self._read_whole()

    def give_up(self, record_ids: Iterable[str]) -> None:
        """Note that what was said of these records, deletions too, has not come to the gateway and never will."""
        self._db.executemany("REPLACE INTO harvest_record VALUES (?, '', x'', 0)", [(each,) for each in record_ids])
        self._read_whole()

    def _read_whole(self) -> None:
        self._db.execute("UPDATE harvest_run SET settings = ''")


def _row(run: Run) -> tuple[object, ...]:
    return (run.settings, run.source, run.whole, run.since, run.mark, run.state, run.started.isoformat(),
            run.tried.isoformat(), run.finished and run.finished.isoformat(), run.cursor, run.batches, run.pieced,
            run.problem[:500], json.dumps(run.tally.to_json(), ensure_ascii=False))


def _read(row: tuple[object, ...]) -> Run:
    number, settings, source, whole, since, mark, state, started, tried, finished, cursor, batches, pieced, problem, \
        tally = row
    return Run(str(settings), str(source), bool(whole), str(since), str(mark), str(state),
               datetime.fromisoformat(str(started)), datetime.fromisoformat(str(tried)), int(str(number)),
               datetime.fromisoformat(str(finished)) if finished else None, str(cursor), int(str(batches)),
               bool(pieced), str(problem), Tally.from_json(json.loads(str(tally))))
