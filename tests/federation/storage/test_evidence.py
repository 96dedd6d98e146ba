"""The evidence log in SQL: the same tree that anybody computes from the leaves, at every size."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from federation.ports import StoredMessage
from federation.storage.engine import Connection
from federation.storage.evidence import EvidenceTable
from federation.storage.messages import MessageTable
from schemas.identifiers import MessageHash
from tests.databases import sqlite_tables
from trust.evidence import EMPTY_ROOT, Frontier, leaf_hash, verify_inclusion

NOW = datetime(2026, 12, 1, 8, 0, 0, 123456, tzinfo=UTC)
SIZES = 40


def leaf(number: int) -> tuple[MessageHash, datetime, str]:
    return MessageHash(f"{number:064x}"), NOW + timedelta(seconds=number), "Request"


def add(connection: Connection, number: int, conv: str = "loan-0001", kind: str = "Request") -> int:
    hash_, arrived, leaf_kind = leaf(number)
    index = EvidenceTable(connection).append(hash_, arrived, leaf_kind)
    MessageTable(connection).add(StoredMessage(hash_, kind, "A", "B", conv, index, b"envelope %d" % number, b""))
    return index


def root_of(size: int) -> bytes:
    frontier = Frontier()
    for number in range(size):
        frontier.append(leaf_hash(*leaf(number)))
    return frontier.root()


def test_indices_are_gapless_from_nought(connection: Connection) -> None:
    table = EvidenceTable(connection)
    assert table.size() == 0
    assert [table.append(*leaf(number)) for number in range(5)] == [0, 1, 2, 3, 4]
    assert table.size() == 5


def test_an_index_that_was_undone_is_used_again(connection: Connection) -> None:
    table = EvidenceTable(connection)
    connection.execute("BEGIN")
    table.append(*leaf(0))
    connection.execute("SAVEPOINT unit")
    table.append(*leaf(1))
    connection.execute("ROLLBACK TO unit")
    assert table.append(*leaf(2)) == 1


def test_the_tree_of_no_leaves_has_its_own_root(connection: Connection) -> None:
    assert EvidenceTable(connection).extend_tree() == (0, EMPTY_ROOT)
    assert EvidenceTable(connection).last_checkpoint() is None


def test_at_every_size_the_root_is_the_leaves_and_every_proof_leads_to_it(connection: Connection) -> None:
    table = EvidenceTable(connection)
    for size in range(1, SIZES + 1):
        add(connection, size - 1)
        assert table.extend_tree() == (size, root_of(size))
        entries = table.entries("loan-0001", size)
        assert [entry.index for entry in entries] == list(range(size))
        for entry in entries:
            verify_inclusion(leaf_hash(entry.message, entry.arrived, entry.kind), entry.index, size, entry.proof,
                             root_of(size))


def test_an_earlier_checkpoint_still_has_its_proofs(connection: Connection) -> None:
    table = EvidenceTable(connection)
    for number in range(SIZES):
        add(connection, number)
    table.extend_tree()
    for size in range(1, SIZES):
        for entry in table.entries("loan-0001", size):
            verify_inclusion(leaf_hash(*leaf(entry.index)), entry.index, size, entry.proof, root_of(size))


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, SIZES), min_size=1))
def test_however_rarely_the_tree_is_computed_it_is_the_same_tree(stops: set[int]) -> None:
    with sqlite_tables() as connection:
        table = EvidenceTable(connection)
        for begin, end in pairwise(sorted({0, *stops})):
            for number in range(begin, end):
                table.append(*leaf(number))
            assert table.extend_tree() == (end, root_of(end))
            assert table.extend_tree() == (end, root_of(end))


def test_a_loans_entries_are_its_own_and_carry_their_envelopes(connection: Connection) -> None:
    for number, conv in enumerate(("loan-0001", "loan-0002", "", "loan-0001")):
        add(connection, number, conv)
    table = EvidenceTable(connection)
    table.extend_tree()
    assert [(entry.index, entry.envelope) for entry in table.entries("loan-0001", 4)] == [
        (0, b"envelope 0"), (3, b"envelope 3")]
    assert [entry.index for entry in table.entries("loan-0001", 3)] == [0]
    assert table.entries("loan-0003", 4) == []


def test_what_was_refused_is_in_the_log_and_no_evidence_of_the_loan(connection: Connection) -> None:
    add(connection, 0)
    add(connection, 1, kind="Refused")
    table = EvidenceTable(connection)
    assert table.extend_tree()[0] == 2
    assert [entry.index for entry in table.entries("loan-0001", 2)] == [0]


def test_the_newest_checkpoint_is_the_one_of_most_leaves_and_is_never_replaced(connection: Connection) -> None:
    table = EvidenceTable(connection)
    for size, note in ((3, b"three"), (9, b"nine"), (9, b"another nine"), (5, b"five")):
        table.put_checkpoint(size, note)
    assert table.last_checkpoint() == (9, b"nine")
