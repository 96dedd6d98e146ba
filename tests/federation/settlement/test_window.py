import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.settlement import Ledger, close_window, settle
from federation.settlement.ledger import Result, WindowClosed
from federation.settlement.window import IndexAlreadyClosed
from federation.storage.ledger import DDL, SqlLedgerStore
from schemas.identifiers import ConversationId
from schemas.ledger import Entry
from schemas.statement import Window
from tests.schemas.loan_story import COURIER, HOME, SUPPLIER, collected, told


def open_store() -> tuple[sqlite3.Connection, SqlLedgerStore]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in DDL:
        connection.execute(statement)
    return connection, SqlLedgerStore(connection)


@pytest.fixture
def store() -> Iterator[SqlLedgerStore]:
    connection, store = open_store()
    yield store
    connection.close()


def post(store: SqlLedgerStore, entries: list[Entry]) -> None:
    for entry in entries:
        Ledger(store).post([entry.transfer], entry.index)


def test_windows_follow_each_other_without_gap_or_overlap(store: SqlLedgerStore) -> None:
    assert close_window(store, 6) == Window(1, -1, 6)
    assert close_window(store, 9) == Window(2, 6, 9)


def test_closing_twice_is_closing_once(store: SqlLedgerStore) -> None:
    first, second = close_window(store, 6), close_window(store, 9)
    assert (close_window(store, 6), close_window(store, 9)) == (first, second)
    assert store.windows() == [first, second]


@pytest.mark.parametrize("upto_index", [-1, 3, 5])
def test_no_window_ends_before_the_last_one(store: SqlLedgerStore, upto_index: int) -> None:
    close_window(store, 6)
    with pytest.raises(IndexAlreadyClosed):
        close_window(store, upto_index)


def test_a_closed_window_takes_nothing_more_but_still_knows_what_it_has(store: SqlLedgerStore) -> None:
    journal = collected().journal
    post(store, journal[:-2])
    close_window(store, 7)
    late = journal[-1]
    with pytest.raises(WindowClosed):
        Ledger(store).post([late.transfer], late.index)
    assert Ledger(store).post([journal[0].transfer], journal[0].index) == (Result.EXISTS,)


def test_a_settlement_shows_positions_payments_and_statements(store: SqlLedgerStore) -> None:
    post(store, collected().journal)
    result = settle(store, close_window(store, 8))
    assert result.positions == {HOME: -1400, SUPPLIER: 800, COURIER: 600}
    assert [(p.payer, p.payee, p.amount_fen) for p in result.payments] == [(HOME, SUPPLIER, 800), (HOME, COURIER, 600)]
    assert result.statements[HOME].net_fen == -1400


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(min_value=0, max_value=30), max_size=20), min_size=1, max_size=3),
       st.sets(st.integers(min_value=0, max_value=90), max_size=4))
def test_every_transfer_is_in_exactly_one_window_and_each_window_sums_to_zero(loans: list[list[int]],
                                                                              ends: set[int]) -> None:
    connection, store = open_store()
    journal = [entry for n, choices in enumerate(loans)
               for entry in told(choices, conv=ConversationId(f"loan-000{n}"), first_index=30 * n).journal]
    post(store, journal)
    results = [settle(store, close_window(store, end)) for end in (*sorted(ends), 200)]
    lines = [line.transfer for result in results for party, statement in result.statements.items()
             for line in statement.lines if line.amount_fen > 0]
    assert sorted(lines) == sorted(entry.transfer.id for entry in journal if entry.transfer.is_settled)
    for result in results:
        assert sum(result.positions.values()) == 0
        assert len(result.payments) <= max(0, len(result.positions) - 1)
        assert {party: s.net_fen for party, s in result.statements.items() if s.net_fen} == result.positions
    connection.close()
