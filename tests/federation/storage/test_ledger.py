from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.settlement import Ledger, MemoryStore, audit
from federation.settlement.ledger import LedgerError
from federation.storage.engine import Connection
from federation.storage.ledger import SqlLedgerStore
from schemas.ledger import TransferId, TransferKind
from schemas.statement import Window
from tests.databases import IntegrityError, sqlite_tables
from tests.schemas.loan_story import CLEARING, HOME, Story, collected, reserved, told


def post(store, story: Story) -> None:
    for entry in story.journal:
        Ledger(store).post([entry.transfer], entry.index)


def test_what_is_put_comes_back(connection: Connection) -> None:
    store, story = SqlLedgerStore(connection), collected()
    post(store, story)
    assert store.entries(-1, 100) == story.journal
    assert store.entries(2, 6) == [entry for entry in story.journal if entry.index == 6]
    fee = next(entry.transfer for entry in story.journal if entry.transfer.pending_id)
    assert store.transfer(fee.id) == store.resolution(fee.pending_id) == fee
    assert store.account(HOME).debits_posted == 1400


def test_an_unused_ledger_is_empty(connection: Connection) -> None:
    store = SqlLedgerStore(connection)
    assert (store.account(CLEARING).balance_fen, store.closed_upto(), store.windows()) == (0, -1, [])
    assert store.transfer(collected().journal[0].transfer.id) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=30), max_size=20))
def test_memory_and_sql_keep_the_same_books(choices: list[int]) -> None:
    memory, story = MemoryStore(), told(choices)
    with sqlite_tables() as connection:
        store = SqlLedgerStore(connection)
        post(memory, story)
        post(store, story)
        assert {account.agency: account for account in store.stored_accounts()} == memory.accounts
        assert [row.entry for row in store.rows()] == memory.journal
        assert audit(store) == ()


def test_the_callers_rollback_undoes_a_post(connection: Connection) -> None:
    store = SqlLedgerStore(connection)
    connection.execute("BEGIN")
    post(store, reserved())
    connection.execute("ROLLBACK")
    assert store.entries(-1, 100) == store.stored_accounts() == []


def test_a_refused_group_leaves_no_row(connection: Connection) -> None:
    store, story = SqlLedgerStore(connection), reserved()
    post(store, story)
    void = story.release()[0]
    with pytest.raises(LedgerError):
        Ledger(store).post([void, replace(void, kind=TransferKind.POST, id=TransferId("f" * 32))], 4)
    assert len(store.entries(-1, 100)) == 4


@pytest.mark.parametrize(("statement", "why"), [
    ("UPDATE ledger_transfer SET amount_fen = 1", "a transfer is never changed"),
    ("DELETE FROM ledger_transfer", "a transfer is never deleted"),
    ("UPDATE ledger_window SET upto_index = 9", "a closed window is never changed"),
    ("DELETE FROM ledger_window", "a closed window is never opened again"),
])
def test_the_database_refuses_to_rewrite_history(connection: Connection, statement: str, why: str) -> None:
    store = SqlLedgerStore(connection)
    post(store, collected())
    store.put_window(Window(1, -1, 8))
    with pytest.raises(IntegrityError, match=why):
        connection.execute(statement)


def test_the_database_itself_resolves_a_pending_transfer_once(connection: Connection) -> None:
    store, story = SqlLedgerStore(connection), collected()
    post(store, story)
    with pytest.raises(IntegrityError, match="pending_id"):
        connection.execute(
            "INSERT INTO ledger_transfer (log_index, id, kind, pending_id, debit, credit, amount_fen, code, conv, "
            "evidence, digest) SELECT log_index, 'again', kind, pending_id, debit, credit, amount_fen, code, conv, "
            "evidence, digest FROM ledger_transfer WHERE kind = 'post'")
