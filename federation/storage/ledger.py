"""The journal, the accounts and the settlement windows in SQL.

The journal takes no UPDATE and no DELETE: triggers refuse them, and each row's digest covers the row before it, so
that a change made around the triggers is found by ``federation.settlement.audit``. The indices hold the ledger's
rules a second time: an id once, a pending transfer resolved once, windows without overlap.

Absent on purpose: commits. The caller owns the connection and its transaction.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from federation.settlement.audit import Row
from federation.storage.engine import Connection
from schemas.identifiers import AgencyId, ConversationId, MessageHash
from schemas.ledger import JOURNAL_START, Account, Code, Entry, Transfer, TransferId, TransferKind, values_of
from schemas.statement import Window

DDL = (
    """CREATE TABLE ledger_account (
        agency TEXT PRIMARY KEY,
        debits_pending INTEGER NOT NULL CHECK (debits_pending >= 0),
        debits_posted INTEGER NOT NULL CHECK (debits_posted >= 0),
        credits_pending INTEGER NOT NULL CHECK (credits_pending >= 0),
        credits_posted INTEGER NOT NULL CHECK (credits_posted >= 0)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE ledger_transfer (
        number INTEGER PRIMARY KEY,
        log_index INTEGER NOT NULL CHECK (log_index >= 0),
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL CHECK (kind IN ('pending', 'post', 'void', 'direct')),
        pending_id TEXT REFERENCES ledger_transfer (id),
        debit TEXT NOT NULL,
        credit TEXT NOT NULL CHECK (credit <> debit),
        amount_fen INTEGER NOT NULL CHECK (amount_fen > 0),
        code TEXT NOT NULL,
        conv TEXT NOT NULL,
        evidence TEXT NOT NULL,
        digest TEXT NOT NULL,
        CHECK ((pending_id IS NOT NULL) = (kind IN ('post', 'void')))
    ) STRICT""",
    """CREATE UNIQUE INDEX ledger_transfer_resolves_once
        ON ledger_transfer (pending_id) WHERE pending_id IS NOT NULL""",
    "CREATE INDEX ledger_transfer_log_index ON ledger_transfer (log_index)",
    """CREATE TABLE ledger_window (
        number INTEGER PRIMARY KEY,
        after_index INTEGER NOT NULL UNIQUE,
        upto_index INTEGER NOT NULL UNIQUE CHECK (upto_index > after_index)
    ) STRICT""",
)
_GUARDED = (
    ("ledger_transfer", "UPDATE", "a transfer is never changed: post a correcting one"),
    ("ledger_transfer", "DELETE", "a transfer is never deleted: post a correcting one"),
    ("ledger_window", "UPDATE", "a closed window is never changed"),
    ("ledger_window", "DELETE", "a closed window is never opened again"),
)
SQLITE_GUARDS = tuple(
    f"CREATE TRIGGER {table}_takes_no_{change.lower()} BEFORE {change} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, '{why}'); END" for table, change, why in _GUARDED)
POSTGRES_GUARDS = (
    """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE integrity_constraint_violation USING MESSAGE = TG_ARGV[0]; END $$""",
    *(f"CREATE TRIGGER {table}_takes_no_{change.lower()} BEFORE {change} ON {table} "
      f"FOR EACH ROW EXECUTE FUNCTION refuse_change('{why}')" for table, change, why in _GUARDED))

_ENTRIES = """SELECT log_index, id, kind, pending_id, debit, credit, amount_fen, code, conv, evidence, digest
    FROM ledger_transfer """
_ACCOUNTS = "SELECT agency, debits_pending, debits_posted, credits_pending, credits_posted FROM ledger_account "
_BY_ID = _ENTRIES + "WHERE id = ?"
_BY_PENDING_ID = _ENTRIES + "WHERE pending_id = ?"
_INSIDE = _ENTRIES + "WHERE log_index > ? AND log_index <= ? ORDER BY number"
_IN_ORDER = _ENTRIES + "ORDER BY number"
_ACCOUNT = _ACCOUNTS + "WHERE agency = ?"
_PUT_ACCOUNT = """INSERT INTO ledger_account VALUES (?, ?, ?, ?, ?) ON CONFLICT (agency) DO UPDATE SET
    debits_pending = excluded.debits_pending, debits_posted = excluded.debits_posted,
    credits_pending = excluded.credits_pending, credits_posted = excluded.credits_posted"""
_APPEND = """INSERT INTO ledger_transfer
    (log_index, id, kind, pending_id, debit, credit, amount_fen, code, conv, evidence, digest)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


class SqlLedgerStore:
    """The ledger's, the windows' and the auditor's store on one connection, inside its open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def account(self, agency: AgencyId) -> Account:
        """Return an agency's account; one nobody has used yet is empty."""
        row = self._connection.execute(_ACCOUNT, (agency,)).fetchone()
        return _account(row) if row else Account(agency)

    def put_account(self, account: Account) -> None:
        """Keep the account in place of its former value."""
        self._connection.execute(_PUT_ACCOUNT, (account.agency, account.debits_pending, account.debits_posted,
                                                account.credits_pending, account.credits_posted))

    def transfer(self, id_: TransferId) -> Transfer | None:
        """Return a transfer by its id."""
        return self._first(_BY_ID, id_)

    def resolution(self, pending_id: TransferId) -> Transfer | None:
        """Return the POST or VOID of a pending transfer."""
        return self._first(_BY_PENDING_ID, pending_id)

    def append(self, entry: Entry) -> None:
        """Add an entry to the end of the journal."""
        last = self._connection.execute("SELECT digest FROM ledger_transfer ORDER BY number DESC LIMIT 1").fetchone()
        digest = entry.digest(last[0] if last else JOURNAL_START)
        self._connection.execute(_APPEND, (entry.index, *values_of(entry.transfer), digest))

    def closed_upto(self) -> int:
        """Return the last evidence-log index inside a closed window; −1 before the first."""
        last = self._connection.execute("SELECT max(upto_index) FROM ledger_window").fetchone()[0]
        return -1 if last is None else int(last)

    def windows(self) -> list[Window]:
        """Return all closed windows, the first one first."""
        return [Window(*row) for row in self._connection.execute(
            "SELECT number, after_index, upto_index FROM ledger_window ORDER BY number")]

    def put_window(self, window: Window) -> None:
        """Keep a closed window for good."""
        self._connection.execute("INSERT INTO ledger_window (number, after_index, upto_index) VALUES (?, ?, ?)",
                                 (window.number, window.after_index, window.upto_index))

    def entries(self, after_index: int, upto_index: int) -> list[Entry]:
        """Return the entries at the indices ``(after_index, upto_index]``, in the order they were posted."""
        return [_entry(row) for row in self._connection.execute(_INSIDE, (after_index, upto_index))]

    def rows(self) -> Iterator[Row]:
        """Return the whole journal as it is stored, for the auditor."""
        for row in self._connection.execute(_IN_ORDER):
            yield Row(TransferId(row[1]), _entry_or_none(row), row[-1])

    def stored_accounts(self) -> list[Account]:
        """Return every account there is, by agency."""
        return [_account(row) for row in self._connection.execute(_ACCOUNTS + "ORDER BY agency")]

    def totals(self) -> dict[str, int]:
        """Return how many transfers there are, and the accounts' sums in fen."""
        (transfers,) = self._connection.execute("SELECT count(*) FROM ledger_transfer").fetchone()
        debits, credits_, pending = self._connection.execute(
            "SELECT sum(debits_posted), sum(credits_posted), sum(debits_pending) FROM ledger_account").fetchone()
        return {"transfers": transfers, "debits": debits or 0, "credits": credits_ or 0, "pending": pending or 0}

    def _first(self, statement: str, key: str) -> Transfer | None:
        row = self._connection.execute(statement, (key,)).fetchone()
        return _entry(row).transfer if row else None


def _account(row: Sequence[Any]) -> Account:
    return Account(AgencyId(row[0]), *row[1:])


def _entry(row: Sequence[Any]) -> Entry:
    index, id_, kind, pending_id, debit, credit, amount_fen, code, conv, evidence, _digest = row
    return Entry(index, Transfer(
        TransferId(id_), TransferKind(kind), TransferId(pending_id) if pending_id else None, AgencyId(debit),
        AgencyId(credit), amount_fen, Code(code), ConversationId(conv), MessageHash(evidence)))


def _entry_or_none(row: Sequence[Any]) -> Entry | None:
    try:
        return _entry(row)
    except ValueError:
        return None
