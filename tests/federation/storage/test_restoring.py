"""What a restored database knows: the heads of its streams, whom it has asked, and how it numbers mailboxes on."""

from datetime import UTC, datetime, timedelta

from federation.ports import Awaited
from federation.storage.engine import Connection
from federation.storage.messages import MailboxTable, MessageTable, StreamTable
from federation.storage.restoring import RestoringTable
from schemas.identifiers import AgencyId
from schemas.messages import MessageType
from tests.federation.storage.test_messages import HANGZHOU, NOW, YANGPU, hash_of, mailbox, numbers, stored
from trust.stream import StreamHead

GATEWAY, MUCH = AgencyId("DELTA"), 10**9


def restoring(connection: Connection) -> RestoringTable:
    return RestoringTable(connection, MailboxTable(connection))


def test_a_library_is_told_of_its_own_streams_and_of_the_gateway_s_to_it(connection: Connection) -> None:
    streams = StreamTable(connection)
    for src, dst in ((YANGPU, HANGZHOU), (HANGZHOU, YANGPU), (GATEWAY, YANGPU), (GATEWAY, HANGZHOU)):
        streams.set_head(src, dst, "loan", StreamHead(2, 7, hash_of(1)))
    heads = restoring(connection).known_heads(AgencyId(YANGPU), GATEWAY)
    assert [(head.src, head.dst, head.channel, head.epoch, head.seq) for head in heads] == [
        (YANGPU, HANGZHOU, "loan", 2, 7), (GATEWAY, YANGPU, "loan", 2, 7)]


def test_it_is_asking_while_a_library_may_still_answer_in_time(connection: Connection) -> None:
    table, until = MessageTable(connection), NOW + timedelta(hours=1)
    table.wait_for(Awaited(hash_of(1), MessageType.ORDER, YANGPU, "loan", "", until))
    assert not restoring(connection).is_asking(NOW)
    table.wait_for(Awaited(hash_of(2), MessageType.RESTORED, YANGPU, "", "", until))
    assert restoring(connection).is_asking(NOW)
    assert not restoring(connection).is_asking(until)
    table.settle(hash_of(2))
    assert not restoring(connection).is_asking(datetime(2026, 12, 1, tzinfo=UTC))


def test_what_waits_keeps_its_order_behind_what_the_library_has_seen(connection: Connection) -> None:
    table = mailbox(connection, *(stored(number) for number in range(4)))
    for number in range(3):
        table.put(YANGPU, number)
    RestoringTable(connection, table).go_on_after(AgencyId(YANGPU), 500)
    assert numbers(table.after(YANGPU, 500, 9, MUCH)) == [501, 502, 503]
    table.put(YANGPU, 3)
    assert (table.end(YANGPU), MailboxTable(connection).end(YANGPU)) == (504, 504)


def test_an_empty_mailbox_goes_on_behind_it_too(connection: Connection) -> None:
    table = mailbox(connection, stored(0))
    RestoringTable(connection, table).go_on_after(AgencyId(YANGPU), 500)
    assert (numbers(table.after(YANGPU, 0, 9, MUCH)), table.end(YANGPU)) == ([], 500)
    table.put(YANGPU, 0)
    assert numbers(table.after(YANGPU, 500, 9, MUCH)) == [501]
