"""Messages, streams and mailboxes in the gateway's database."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.ports import Delivery, StoredMessage
from federation.storage.messages import DDL, MailboxTable, MessageTable, StreamTable
from schemas.identifiers import MessageHash
from trust.stream import StreamHead

YANGPU, HANGZHOU = "CN-SH-YANGPU", "CN-ZJ-HANGZHOU"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = empty()
    yield opened
    opened.close()


def empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in DDL:
        connection.execute(statement)
    return connection


def stored(number: int, conv: str = "loan-0001", kind: str = "Request") -> StoredMessage:
    return StoredMessage(MessageHash(f"{number:064x}"), kind, HANGZHOU, YANGPU, conv, number, b"envelope %d" % number,
                         b"accepted %d" % number)


def numbers(deliveries: object) -> list[int]:
    return [delivery.number for delivery in deliveries]


def test_a_message_comes_back_as_it_was_kept(connection: sqlite3.Connection) -> None:
    table = MessageTable(connection)
    table.add(stored(7))
    assert table.get(stored(7).hash) == stored(7)
    assert table.get(stored(8).hash) is None


@pytest.mark.parametrize("twin", [stored(7), replace(stored(8), index=7)], ids=["hash", "place"])
def test_neither_a_hash_nor_a_place_in_the_log_comes_twice(connection: sqlite3.Connection,
                                                           twin: StoredMessage) -> None:
    table = MessageTable(connection)
    table.add(stored(7))
    with pytest.raises(sqlite3.IntegrityError):
        table.add(twin)


def test_a_loans_messages_come_in_the_order_of_the_log(connection: sqlite3.Connection) -> None:
    table = MessageTable(connection)
    for number in (9, 2, 5):
        table.add(stored(number))
    table.add(stored(3, conv="loan-0002"))
    assert [message.index for message in table.of_conversation("loan-0001")] == [2, 5, 9]
    assert table.of_conversation("loan-0003") == []


def test_messages_are_counted_by_type(connection: sqlite3.Connection) -> None:
    table = MessageTable(connection)
    assert table.count_by_type() == {}
    for number, kind in enumerate(("Request", "Order", "Refused", "Order")):
        table.add(stored(number, kind=kind))
    assert table.count_by_type() == {"Order": 2, "Refused": 1, "Request": 1}


def test_a_stream_begins_at_its_beginning_and_moves_on(connection: sqlite3.Connection) -> None:
    table = StreamTable(connection)
    assert table.head(YANGPU, HANGZHOU, "loan") == StreamHead()
    for seq in (1, 2):
        table.set_head(YANGPU, HANGZHOU, "loan", StreamHead(0, seq, MessageHash(f"{seq:064x}")))
    assert table.head(YANGPU, HANGZHOU, "loan") == StreamHead(0, 2, MessageHash(f"{2:064x}"))


def test_streams_do_not_touch_each_other(connection: sqlite3.Connection) -> None:
    table = StreamTable(connection)
    table.set_head(YANGPU, HANGZHOU, "loan", StreamHead(0, 5, MessageHash("ab" * 32)))
    for other in ((HANGZHOU, YANGPU, "loan"), (YANGPU, HANGZHOU, "money"), (YANGPU, YANGPU, "loan")):
        assert table.head(*other) == StreamHead()


def test_a_mailbox_is_read_in_order_from_any_number(connection: sqlite3.Connection) -> None:
    table = MailboxTable(connection)
    for number in range(1, 6):
        table.put(YANGPU, b"%d" % number, b"accepted")
    assert table.after(YANGPU, 0, 2) == [Delivery(1, b"1", b"accepted"), Delivery(2, b"2", b"accepted")]
    assert numbers(table.after(YANGPU, 3, 10)) == [4, 5]
    assert table.after(YANGPU, 5, 10) == []
    assert table.after(HANGZHOU, 0, 10) == []


def test_each_mailbox_counts_for_itself(connection: sqlite3.Connection) -> None:
    table = MailboxTable(connection)
    for agency in (YANGPU, HANGZHOU, YANGPU):
        table.put(agency, b"", b"")
    assert table.ends() == {YANGPU: 2, HANGZHOU: 1}
    table.prune(YANGPU, 2)
    assert numbers(table.after(HANGZHOU, 0, 9)) == [1]


def test_an_empty_mailbox_goes_on_counting_where_it_stood(connection: sqlite3.Connection) -> None:
    table = MailboxTable(connection)
    for _ in range(3):
        table.put(YANGPU, b"", b"")
    table.prune(YANGPU, 3)
    assert table.after(YANGPU, 0, 9) == []
    assert table.ends() == {YANGPU: 3}
    table.put(YANGPU, b"", b"")
    assert numbers(table.after(YANGPU, 0, 9)) == [4]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=40))
def test_a_number_never_comes_twice_however_a_mailbox_is_pruned(steps: list[int | None]) -> None:
    connection, seen = empty(), []
    table = MailboxTable(connection)
    for upto in steps:
        if upto is None:
            table.put(YANGPU, b"", b"")
            seen.append(numbers(table.after(YANGPU, 0, 99))[-1])
        else:
            table.prune(YANGPU, upto)
    connection.close()
    assert seen == list(range(1, len(seen) + 1))
