"""The gateway's loans in SQL: the state as one JSON document beside the columns that are searched."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import TypeAdapter

from federation.storage.engine import Connection
from federation.storage.recent import Recent
from schemas.loan import Loan

DDL = (
    """CREATE TABLE loan (
        number INTEGER PRIMARY KEY, conv TEXT NOT NULL UNIQUE, home TEXT NOT NULL, supplier TEXT, barcode TEXT,
        outcome TEXT, lent INTEGER NOT NULL, changed TEXT NOT NULL, state TEXT NOT NULL) STRICT""",
    "CREATE INDEX loan_barcode ON loan (barcode) WHERE outcome IS NULL",
    "CREATE INDEX loan_home ON loan (home)",
    "CREATE INDEX loan_supplier ON loan (supplier)",
    "CREATE INDEX loan_outcome ON loan (outcome)",
    """CREATE TABLE reader_loan (
        conv TEXT PRIMARY KEY, home TEXT NOT NULL, patron TEXT NOT NULL) STRICT, WITHOUT ROWID""",
    "CREATE INDEX reader_loan_patron ON reader_loan (home, patron)",
)
_LOAN = TypeAdapter(Loan)


class LoanTable:
    """Loans by conversation, by the barcode that is out, and counted by agency."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._loans: Recent[str, Loan] = Recent()

    def get(self, conv: str) -> Loan | None:
        """Return one loan."""
        loan = self._loans.get(conv)
        if loan is None:
            row = self._db.execute("SELECT state FROM loan WHERE conv = ?", (conv,)).fetchone()
            loan = _LOAN.validate_json(row[0]) if row else None
        return loan

    def put(self, loan: Loan, at: datetime) -> None:
        """Keep the newest state of a loan."""
        known = self._loans.get(loan.conv)
        state = _LOAN.dump_json(loan).decode()
        if known is not None and _searched(known) == _searched(loan):
            self._db.execute("UPDATE loan SET changed = ?, state = ? WHERE conv = ?",
                             (at.isoformat(), state, loan.conv))
        else:
            self._db.execute(
                "INSERT INTO loan (conv, home, supplier, barcode, outcome, lent, changed, state) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (conv) DO UPDATE SET "
                "supplier = excluded.supplier, barcode = excluded.barcode, outcome = excluded.outcome, "
                "lent = excluded.lent, changed = excluded.changed, state = excluded.state",
                (loan.conv, loan.home, *_searched(loan), at.isoformat(), state))
        self._loans.put(loan.conv, loan)

    def count_by_outcome(self) -> dict[str, int]:
        """Return how many loans ended in which way; those that have not count as ``open``."""
        return dict(self._db.execute("SELECT coalesce(outcome, 'open'), count(*) FROM loan GROUP BY outcome"))

    def with_barcode(self, barcode: str) -> Sequence[Loan]:
        """Return the loans that have not ended, of a copy with this barcode."""
        rows = self._db.execute("SELECT state FROM loan WHERE barcode = ? AND outcome IS NULL", (barcode,))
        return [_LOAN.validate_json(state) for (state,) in rows]

    def open_of(self, agency: str) -> int:
        """Return how many unfinished loans an agency supplies."""
        (count,) = self._db.execute("SELECT count(*) FROM loan WHERE supplier = ? AND outcome IS NULL",
                                    (agency,)).fetchone()
        return int(count)

    def balance(self, agency: str) -> tuple[int, int]:
        """Return how often an agency has lent and borrowed."""
        (lent,) = self._db.execute("SELECT count(*) FROM loan WHERE supplier = ? AND lent = 1", (agency,)).fetchone()
        (borrowed,) = self._db.execute("SELECT count(*) FROM loan WHERE home = ? AND lent = 1", (agency,)).fetchone()
        return int(lent), int(borrowed)

    def claim(self, conv: str, home: str, patron: str) -> None:
        """Note whose order this is, by the pseudonym that the home library has given the gateway."""
        self._db.execute("INSERT INTO reader_loan VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (conv, home, patron))

    def of_reader(self, home: str, patron: str) -> Sequence[Loan]:
        """Return a reader's loans, the newest first."""
        rows = self._db.execute("SELECT state FROM reader_loan JOIN loan USING (conv) WHERE reader_loan.home = ? "
                                "AND patron = ? ORDER BY loan.number DESC", (home, patron))
        return [_LOAN.validate_json(state) for (state,) in rows]

    def all(self) -> Sequence[tuple[Loan, str]]:
        """Return every loan with the time of its last change, oldest conversation first."""
        rows = self._db.execute("SELECT state, changed FROM loan ORDER BY number")
        return [(_LOAN.validate_json(state), changed) for state, changed in rows]


def _searched(loan: Loan) -> tuple[str | None, str | None, str | None, int]:
    """Return the columns that are indexed and may change."""
    return loan.supplier, loan.barcode, loan.outcome, int(loan.due_date is not None)
