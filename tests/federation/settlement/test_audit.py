"""The auditor against a database that was changed around its triggers."""

import sqlite3
from collections.abc import Iterator

import pytest

from federation.settlement import Ledger, audit
from federation.storage.ledger import DDL, SQLITE_GUARDS, SqlLedgerStore
from schemas.ledger import Code, Entry, TransferKind, transfer_id
from tests.schemas.loan_story import CLEARING, HOME, SUPPLIER, collected

STORY = collected()


def id_of(code: Code, kind: TransferKind) -> str:
    return transfer_id(STORY.conv, code, kind)


FEE = id_of(Code.FEE, TransferKind.DIRECT)
FEE_POSTED = id_of(Code.FEE, TransferKind.POST)
FEE_RESERVED = id_of(Code.FEE, TransferKind.PENDING)
CARRIAGE = id_of(Code.CARRIAGE_OUT, TransferKind.POST)


@pytest.fixture
def books() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in (*DDL, *SQLITE_GUARDS):
        connection.execute(statement)
    store = SqlLedgerStore(connection)
    for entry in STORY.journal:
        Ledger(store).post([entry.transfer], entry.index)
    for trigger in ("ledger_transfer_takes_no_update", "ledger_transfer_takes_no_delete"):
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute("PRAGMA ignore_check_constraints=ON")
    yield connection
    connection.close()


def names(connection: sqlite3.Connection) -> set[str]:
    return {finding.name for finding in audit(SqlLedgerStore(connection))}


def test_whole_books_have_no_findings(books: sqlite3.Connection) -> None:
    assert audit(SqlLedgerStore(books)) == ()


@pytest.mark.parametrize(("change", "named"), [
    ("amount_fen = 900", {FEE, SUPPLIER, CLEARING}),
    ("credit = 'CN-XX-NOBODY'", {FEE, SUPPLIER, "CN-XX-NOBODY"}),
    ("log_index = 99", {FEE}),
    ("evidence = digest", {FEE}),
    ("code = 'present'", {FEE, SUPPLIER, CLEARING}),
    ("amount_fen = 0", {FEE, SUPPLIER, CLEARING}),
])
def test_a_changed_row_is_named_with_the_accounts_it_no_longer_fits(books: sqlite3.Connection, change: str,
                                                                    named: set[str]) -> None:
    books.execute(f"UPDATE ledger_transfer SET {change} WHERE id = ?", (FEE,))
    assert names(books) == named


def test_a_raised_reservation_is_named_although_every_balance_still_fits(books: sqlite3.Connection) -> None:
    books.execute("UPDATE ledger_transfer SET amount_fen = 900 WHERE id = ?", (FEE_RESERVED,))
    assert names(books) == {FEE_RESERVED}


def test_a_row_whose_digest_was_rewritten_too_is_betrayed_by_the_row_after_it(books: sqlite3.Connection) -> None:
    rows = {row.id: row for row in SqlLedgerStore(books).rows()}
    before, row = rows[FEE_POSTED], rows[FEE].entry
    forged = Entry(99, row.transfer).digest(before.digest)
    books.execute("UPDATE ledger_transfer SET log_index = 99, digest = ? WHERE id = ?", (forged, FEE))
    assert names(books) == {CARRIAGE}


def test_a_row_that_was_taken_out_leaves_a_gap(books: sqlite3.Connection) -> None:
    books.execute("DELETE FROM ledger_transfer WHERE id = ?", (FEE,))
    assert names(books) == {CARRIAGE, SUPPLIER, CLEARING}


def test_a_post_without_its_reservation_breaks_a_rule_and_says_which(books: sqlite3.Connection) -> None:
    books.execute("PRAGMA foreign_keys=OFF")
    books.execute("DELETE FROM ledger_transfer WHERE id = ?", (FEE_RESERVED,))
    whats = [finding.what for finding in audit(SqlLedgerStore(books)) if finding.name == FEE_POSTED]
    assert any("is no pending transfer" in what for what in whats)


def test_a_changed_balance_is_named_with_both_sums(books: sqlite3.Connection) -> None:
    books.execute("UPDATE ledger_account SET debits_posted = 0 WHERE agency = ?", (HOME,))
    (finding,) = audit(SqlLedgerStore(books))
    assert finding.name == HOME
    assert "says debits 0 + 5500 pending" in finding.what
    assert "say debits 1400 + 5500 pending" in finding.what
