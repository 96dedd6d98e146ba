"""The loans this library takes part in, and what its ILS must do for them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from connectors.agent.effects import Do, Verb
from connectors.agent.tables.base import Tables
from schemas.loan import Loan

DDL = (
    "CREATE TABLE IF NOT EXISTS loan (conv TEXT PRIMARY KEY, barcode TEXT, outcome TEXT, state TEXT NOT NULL) STRICT",
    "CREATE INDEX IF NOT EXISTS loan_barcode ON loan (barcode) WHERE outcome IS NULL",
    "CREATE TABLE IF NOT EXISTS attention (conv TEXT PRIMARY KEY, why TEXT NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS task (
        id INTEGER PRIMARY KEY AUTOINCREMENT, conv TEXT NOT NULL, verb TEXT NOT NULL, why TEXT NOT NULL,
        argument TEXT NOT NULL, sent INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0) STRICT""",
    "CREATE INDEX IF NOT EXISTS task_open ON task (conv, id) WHERE done = 0",
)
_LOAN = TypeAdapter(Loan)


@dataclass(frozen=True, slots=True)
class Task:
    """Something the ILS must do for a loan. ``sent`` means a write may have reached the ILS."""

    id: int
    conv: str
    do: Do
    sent: bool


class LoanTables(Tables):
    """Loans with what staff must know of them, and the tasks at the ILS."""

    def loan(self, conv: str) -> Loan | None:
        """Return a loan this library takes part in."""
        row = self._db.execute("SELECT state FROM loan WHERE conv = ?", (conv,)).fetchone()
        return _LOAN.validate_json(row[0]) if row else None

    def put_loan(self, loan: Loan) -> None:
        """Keep the newest state of a loan."""
        self._db.execute("INSERT OR REPLACE INTO loan VALUES (?, ?, ?, ?)",
                         (loan.conv, loan.barcode, loan.outcome, _LOAN.dump_json(loan).decode()))

    def loans_with(self, barcode: str) -> list[Loan]:
        """Return unfinished loans of a copy with this barcode."""
        rows = self._db.execute("SELECT state FROM loan WHERE barcode = ? AND outcome IS NULL", (barcode,))
        return [_LOAN.validate_json(state) for (state,) in rows]

    def loans(self, *, unfinished: bool = True) -> list[Loan]:
        """Return the loans of this library, oldest first."""
        where = "WHERE outcome IS NULL" if unfinished else ""
        return [_LOAN.validate_json(state) for (state,) in
                self._db.execute(f"SELECT state FROM loan {where} ORDER BY rowid")]  # noqa: S608

    def open_loans(self) -> int:
        """Return how many loans of this library have not ended."""
        return int(self._db.execute("SELECT count(*) FROM loan WHERE outcome IS NULL").fetchone()[0])

    def mark_loan(self, conv: str, why: str) -> None:
        """Others do not hold this loan as it stands here: staff must look, until it ends."""
        self._db.execute("INSERT OR REPLACE INTO attention VALUES (?, ?)", (conv, why[:500]))

    def marks(self) -> Mapping[str, str]:
        """Return why staff must look at which loan."""
        return dict(self._db.execute("SELECT conv, why FROM attention").fetchall())

    # ILS tasks

    def add_task(self, conv: str, do: Do) -> None:
        """Journal something for the ILS."""
        self._db.execute("INSERT INTO task (conv, verb, why, argument) VALUES (?, ?, ?, ?)",
                         (conv, do.verb, do.why, json.dumps(dict(do.argument))))

    def open_tasks(self) -> list[Task]:
        """Return the oldest open task of each loan, so that a loan's tasks run in order."""
        rows = self._db.execute("SELECT min(id), conv, verb, why, argument, sent FROM task WHERE done = 0 "
                                "GROUP BY conv ORDER BY 1")
        return [Task(id_, conv, Do(Verb(verb), why, json.loads(argument)), bool(sent))
                for id_, conv, verb, why, argument, sent in rows]

    def held_barcode(self, conv: str) -> str | None:
        """Return the copy that a hold was last asked for on a loan's behalf, whoever supplies it now."""
        row = self._db.execute("SELECT json_extract(argument, '$.barcode') FROM task WHERE conv = ? AND verb = ? "
                               "AND sent = 1 ORDER BY id DESC LIMIT 1", (conv, Verb.PLACE_HOLD)).fetchone()
        return row[0] if row else None

    def has_task(self, conv: str, verb: Verb) -> bool:
        """Whether such a task of a loan is still open."""
        return self._db.execute("SELECT 1 FROM task WHERE conv = ? AND verb = ? AND done = 0",
                                (conv, verb)).fetchone() is not None

    def card_of(self, conv: str) -> str | None:
        """Return the institutional card that a loan's writes in the ILS are made on, once there was one."""
        row = self._db.execute("SELECT json_extract(argument, '$.card') AS card FROM task WHERE conv = ? AND sent = 1 "
                               "AND card IS NOT NULL ORDER BY id DESC LIMIT 1", (conv,)).fetchone()
        return row[0] if row else None

    def mark_sent(self, task_id: int, barcode: str, card: str) -> None:
        """From now on a write about this copy, on this institutional card, may have reached the ILS."""
        self._db.execute("UPDATE task SET sent = 1, argument = json_set(argument, '$.barcode', ?, '$.card', ?) "
                         "WHERE id = ?", (barcode, card, task_id))

    def mark_done(self, task_id: int) -> None:
        """The outcome is known."""
        self._db.execute("UPDATE task SET done = 1 WHERE id = ?", (task_id,))
