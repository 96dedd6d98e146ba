"""Messages, streams and mailboxes in the gateway's database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.ports import REFUSED, Awaited, Delivery, StoredMessage, Subject
from federation.storage.engine import Connection
from federation.storage.messages import MailboxTable, MessageTable, StreamTable
from schemas.identifiers import MessageHash
from schemas.messages import Resend
from tests.databases import IntegrityError, sqlite_tables
from trust.stream import StreamHead

YANGPU, HANGZHOU = "CN-SH-YANGPU", "CN-ZJ-HANGZHOU"
NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
MUCH = 10**9


def stored(number: int, conv: str = "loan-0001", kind: str = "Request", place: bool = False) -> StoredMessage:
    return StoredMessage(hash_of(number), kind, HANGZHOU, YANGPU, conv, number, b"envelope %d" % number,
                         b"accepted %d" % number, ("loan", 0, number) if place else None)


def hash_of(number: int) -> MessageHash:
    return MessageHash(f"{number:064x}")


def mailbox(connection: Connection, *messages: StoredMessage) -> MailboxTable:
    """A mailbox table over these messages, of which none is in a mailbox yet."""
    for message in messages:
        MessageTable(connection).add(message)
    return MailboxTable(connection)


def numbers(deliveries: object) -> list[int]:
    return [delivery.number for delivery in deliveries]


def test_a_message_comes_back_as_it_was_kept(connection: Connection) -> None:
    table = MessageTable(connection)
    table.add(stored(7))
    assert table.get(stored(7).hash) == stored(7)
    assert table.get(stored(8).hash) is None


@pytest.mark.parametrize("twin", [stored(7), replace(stored(8), index=7)], ids=["hash", "place"])
def test_neither_a_hash_nor_a_place_in_the_log_comes_twice(connection: Connection,
                                                           twin: StoredMessage) -> None:
    table = MessageTable(connection)
    table.add(stored(7))
    with pytest.raises(IntegrityError):
        table.add(twin)


def test_what_an_answer_must_know_of_a_message_is_there_remembered_or_read(connection: Connection) -> None:
    table = MessageTable(connection)
    table.add(stored(7))
    for reader in (table, MessageTable(connection)):
        assert reader.subject(hash_of(7)) == Subject("Request", HANGZHOU, YANGPU, "loan-0001")
        assert reader.subject(hash_of(8)) is None


def test_no_two_messages_hold_one_place_of_a_stream(connection: Connection) -> None:
    table = MessageTable(connection)
    table.add(stored(1, place=True))
    assert table.get(hash_of(1)) == stored(1, place=True)
    with pytest.raises(IntegrityError):
        table.add(replace(stored(2), place=("loan", 0, 1)))


def awaited(number: int, hours: int) -> Awaited:
    return Awaited(hash_of(number), "Order", YANGPU, "loan", f"loan-{number:04}", NOW + timedelta(hours=hours))


def test_what_nobody_confirms_in_time_is_overdue_the_longest_first(connection: Connection) -> None:
    table = MessageTable(connection)
    for number, hours in ((1, 3), (2, 1), (3, 2), (4, 9)):
        table.wait_for(awaited(number, hours))
    assert table.overdue(NOW, 9) == (0, [])
    assert table.overdue(NOW + timedelta(hours=4), 2) == (3, [awaited(2, 1), awaited(3, 2)])
    table.settle(hash_of(2))
    assert table.overdue(NOW + timedelta(hours=4), 9) == (2, [awaited(3, 2), awaited(1, 3)])
    table.settle_stream(YANGPU, "money")
    assert table.overdue(NOW + timedelta(hours=4), 0)[0] == 2
    table.settle_stream(YANGPU, "loan")
    assert table.overdue(NOW + timedelta(hours=99), 9) == (0, [])


def test_messages_are_counted_by_type(connection: Connection) -> None:
    table = MessageTable(connection)
    assert table.count_by_type() == {}
    for number, kind in enumerate(("Request", "Order", "Refused", "Order")):
        table.add(stored(number, kind=kind))
    assert table.count_by_type() == {"Order": 2, "Refused": 1, "Request": 1}


def test_a_stream_begins_at_its_beginning_and_moves_on(connection: Connection) -> None:
    table = StreamTable(connection)
    assert table.head(YANGPU, HANGZHOU, "loan") == StreamHead()
    for seq in (1, 2):
        table.set_head(YANGPU, HANGZHOU, "loan", StreamHead(0, seq, MessageHash(f"{seq:064x}")))
    assert table.head(YANGPU, HANGZHOU, "loan") == StreamHead(0, 2, MessageHash(f"{2:064x}"))


def test_streams_do_not_touch_each_other(connection: Connection) -> None:
    table = StreamTable(connection)
    table.set_head(YANGPU, HANGZHOU, "loan", StreamHead(0, 5, MessageHash("ab" * 32)))
    for other in ((HANGZHOU, YANGPU, "loan"), (YANGPU, HANGZHOU, "money"), (YANGPU, YANGPU, "loan")):
        assert table.head(*other) == StreamHead()


def test_a_head_is_remembered_and_read_alike(connection: Connection) -> None:
    head = StreamHead(3, 7, hash_of(7))
    StreamTable(connection).set_head(YANGPU, HANGZHOU, "loan", head)
    table = StreamTable(connection)
    assert table.head(YANGPU, HANGZHOU, "loan") == table.head(YANGPU, HANGZHOU, "loan") == head


def test_a_mailbox_is_read_in_order_from_any_number(connection: Connection) -> None:
    table = mailbox(connection, *map(stored, range(11, 16)))
    for index in range(11, 16):
        table.put(YANGPU, index)
    assert table.after(YANGPU, 0, 2, MUCH) == [Delivery(1, b"envelope 11", b"accepted 11"),
                                               Delivery(2, b"envelope 12", b"accepted 12")]
    assert numbers(table.after(YANGPU, 3, 10, MUCH)) == [4, 5]
    assert table.after(YANGPU, 5, 10, MUCH) == []
    assert table.after(HANGZHOU, 0, 10, MUCH) == []


def test_no_more_is_read_than_there_is_room_for_but_always_the_first(connection: Connection) -> None:
    table = mailbox(connection, *(replace(stored(n), envelope=b"e" * 60, accepted=b"a" * 40) for n in range(1, 6)))
    for index in range(1, 6):
        table.put(YANGPU, index)
    assert [len(table.after(YANGPU, 0, 10, room)) for room in (0, 99, 100, 250, 500)] == [1, 1, 1, 2, 5]


def test_of_a_refused_message_its_receiver_is_sent_the_refusal(connection: Connection) -> None:
    table = mailbox(connection, stored(1, kind=REFUSED))
    table.put(YANGPU, 1)
    assert table.after(YANGPU, 0, 9, MUCH) == [Delivery(1, b"accepted 1", b"")]


def test_each_mailbox_counts_for_itself(connection: Connection) -> None:
    table = mailbox(connection, stored(1))
    for agency in (YANGPU, HANGZHOU, YANGPU):
        table.put(agency, 1)
    assert table.ends() == {YANGPU: 2, HANGZHOU: 1}
    table.prune(YANGPU, 2)
    assert numbers(table.after(HANGZHOU, 0, 9, MUCH)) == [1]


def test_an_empty_mailbox_goes_on_counting_where_it_stood(connection: Connection) -> None:
    table = mailbox(connection, stored(1))
    for _ in range(3):
        table.put(YANGPU, 1)
    table.prune(YANGPU, 3)
    for reader in (table, MailboxTable(connection)):
        assert reader.after(YANGPU, 0, 9, MUCH) == []
        assert (reader.ends(), reader.end(YANGPU)) == ({YANGPU: 3}, 3)
    MailboxTable(connection).put(YANGPU, 1)
    assert numbers(table.after(YANGPU, 0, 9, MUCH)) == [4]


def test_an_acknowledgement_of_what_was_never_sent_takes_nothing_of_what_comes(connection: Connection) -> None:
    table = mailbox(connection, stored(1))
    table.put(YANGPU, 1)
    table.prune(YANGPU, 500)
    for _ in range(2):
        table.put(YANGPU, 1)
    assert numbers(table.after(YANGPU, 0, 9, MUCH)) == [2, 3]
    table.prune(YANGPU, 2)
    assert numbers(table.after(YANGPU, 0, 9, MUCH)) == [3]


def test_what_is_asked_for_again_comes_at_the_end_and_waits_there_once(connection: Connection) -> None:
    table = mailbox(connection, *(stored(n, place=True) for n in range(1, 6)))
    for index in range(1, 6):
        table.put(YANGPU, index)
    wanted = Resend(channel="loan", epoch=0, from_seq=2, upto_seq=3)
    for _ in range(3):
        table.put_again(YANGPU, HANGZHOU, wanted)
    waiting = table.after(YANGPU, 0, 99, MUCH)
    assert [entry.envelope for entry in waiting][:3] == [b"envelope 1", b"envelope 4", b"envelope 5"]
    assert {entry.envelope for entry in waiting[3:]} == {b"envelope 2", b"envelope 3"}
    assert len(waiting) <= 6
    for other in ({"channel": "money"}, {"epoch": 1}, {"from_seq": 6, "upto_seq": 9}):
        table.put_again(YANGPU, HANGZHOU, wanted.model_copy(update=other))
    table.put_again(YANGPU, YANGPU, wanted)
    connection.execute("UPDATE message SET envelope = ? WHERE seq = 4", (b"",))
    table.put_again(YANGPU, HANGZHOU, wanted.model_copy(update={"from_seq": 4, "upto_seq": 4}))
    assert numbers(table.after(YANGPU, 0, 99, MUCH)) == numbers(waiting)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=40))
def test_a_number_never_comes_twice_however_a_mailbox_is_pruned(steps: list[int | None]) -> None:
    seen: list[int] = []
    with sqlite_tables() as connection:
        table = mailbox(connection, stored(1))
        for upto in steps:
            if upto is None:
                table.put(YANGPU, 1)
                seen.append(numbers(table.after(YANGPU, 0, 99, MUCH))[-1])
            else:
                table.prune(YANGPU, upto)
                table = MailboxTable(connection)
    assert seen == list(range(1, len(seen) + 1))
