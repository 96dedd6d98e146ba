"""Streams: what is replayed, left out or out of its place, and what a refusal does to a number."""

from typing import Any

import pytest

from schemas.dialogue import rule_of
from schemas.envelope import StreamPosition
from schemas.identifiers import AgencyId
from schemas.messages import Accepted, MessageType, Refusal, Resend, StreamReset
from schemas.problems import ProblemCode
from schemas.questions import AvailabilityQuestion
from tests.alliance import (
    FIRST,
    GATEWAY,
    HOME,
    NOW,
    PICKUP,
    QUOTE,
    SECOND,
    Alliance,
    a_hash,
    body_of,
    read,
)
from tests.databases import ENGINES
from tests.federation.telling import everything, lent, note, of_the_loan, promised, said
from trust.dsse import decode_envelope, hash_signed
from trust.stream import RESEND_NUMBERS_MAX, StreamHead

M, P = MessageType, ProblemCode

pytestmark = pytest.mark.parametrize("town", ENGINES, indirect=True)


def hash_of(envelope: bytes) -> str:
    return hash_signed(decode_envelope(envelope).signed)


# replayed, or out of its place


async def test_the_sender_may_ask_again_and_gets_the_same_answer_and_no_second_effect(town: Alliance) -> None:
    await town.order()
    await town[HOME].fetch()
    await town[HOME].work()
    ((hash_, asked),) = [(h, e) for h, e in await town[HOME].journal.run(lambda unit: unit.outbox(9))
                         if read(e).type is M.RESERVATION_ASKED]
    first = await town.gateway.receive(asked, HOME)
    after = await everything(town)
    assert await town.gateway.receive(asked, HOME) == first
    assert await everything(town) == after
    assert body_of(first).message == hash_
    assert await town.balances() == {HOME: (0, QUOTE.total_fen)}


@pytest.mark.parametrize("link", [None, PICKUP, SECOND])
async def test_from_anybody_else_the_same_bytes_are_a_replay(town: Alliance, link: AgencyId | None) -> None:
    await promised(town)
    captured = (await town.gateway.mail(HOME, 0, 0, 100))[-1].envelope
    before = await everything(town)
    for _ in range(2):
        assert body_of(await town.gateway.receive(captured, link)).code is P.REPLAYED
    assert await everything(town) == before


@pytest.mark.parametrize(("step", "changes", "code"), [
    (0, {}, P.STREAM_BROKEN),
    (-1, {}, P.REPLAYED),
    (1, {"prev": a_hash("another")}, P.STREAM_BROKEN),
    (1, {"epoch": 1}, P.STREAM_BROKEN),
    (1, {"channel": "money"}, P.STREAM_BROKEN),
])
async def test_a_message_out_of_its_place_uses_up_no_number(town: Alliance, step: int, changes: dict[str, Any],
                                                            code: ProblemCode) -> None:
    """``step`` counts from the last number used: 0 is that number again."""
    conv = await promised(town)
    for _ in range(2):
        await town[FIRST].office.decide(conv, lambda _desk, loan: (note(loan.last),))
        await town[FIRST].send()
    head = await town.database.run(lambda unit: unit.streams.head(FIRST, HOME, "loan"))
    place = StreamPosition(**{"channel": "loan", "epoch": 0, "seq": head.seq + step, "prev": head.hash, **changes})
    loan = await town.loan(conv)
    message = await said(town, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, note(None).body, conv=conv, copies=(PICKUP,),
                         reply_to=loan.last, stream=place)
    before = await everything(town)
    for _ in range(2):
        answer = body_of(await town.gateway.receive(message.envelope, FIRST))
        assert (answer.code, answer.stream) == (code, None)
    assert await everything(town) == before


async def test_a_durable_message_without_its_number_is_refused(town: Alliance) -> None:
    conv = await promised(town)
    message = await said(town, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, note(None).body, conv=conv, stream=None)
    assert body_of(await town.gateway.receive(message.envelope, FIRST)).code is P.STREAM_BROKEN


async def test_each_stream_is_numbered_by_itself(town: Alliance) -> None:
    await lent(town)
    streams = await town.database.run(lambda unit: unit.messages._db.execute(
        "SELECT src, dst, channel, seq FROM stream").fetchall())
    assert len({row[:3] for row in streams}) == len(streams)
    for src, dst, channel, seq in streams:
        kinds = await town.database.run(lambda unit, src=src, dst=dst: [
            kind for (kind,) in unit.messages._db.execute(
                "SELECT type FROM message WHERE src = ? AND dst = ?", (src, dst))])
        assert seq == len([kind for kind in kinds if rule_of(kind).channel == channel])


async def test_a_refused_message_uses_up_its_number_and_both_ends_go_on(town: Alliance) -> None:
    conv = await promised(town)
    await town.rest()
    first, home = town[FIRST], town[HOME]
    request = (await first.loan(conv)).last
    await first.office.decide(conv, lambda *_: (note(None),))
    wrong = (await first.outbox())[-1]
    (refusal,) = await first.send()
    assert (type(refusal), refusal.code, refusal.stream) == (Refusal, P.REPLY_MISMATCH, wrong.stream)
    assert await first.alarms() == ["reply_mismatch"]

    await first.office.decide(conv, lambda *_: (note(request),))
    right = (await first.outbox())[-1]
    assert right.stream.seq == wrong.stream.seq + 1
    assert [type(body) for body in await first.send()] == [Accepted]
    await town.rest()
    assert (home.refused, await home.alarms()) == ([], [])
    assert await home.journal.run(lambda unit: unit.head(FIRST, HOME, "loan")) == await town.database.run(
        lambda unit: unit.streams.head(FIRST, HOME, "loan"))


async def test_a_refused_message_is_kept_by_its_hash_and_asking_again_gets_the_same_refusal(town: Alliance) -> None:
    conv = await promised(town)
    await town[FIRST].office.decide(conv, lambda *_: (note(None),))
    ((hash_, wrong),) = await town[FIRST].journal.run(lambda unit: unit.outbox(9))
    refusal = await town.gateway.receive(wrong, FIRST)
    after = await everything(town)
    assert await town.gateway.receive(wrong, FIRST) == refusal
    assert body_of(await town.gateway.receive(wrong)).code is P.REPLAYED
    assert await everything(town) == after
    assert (await town.database.run(lambda unit: unit.messages.get(hash_))).type == "Refused"


async def test_a_refused_message_is_no_message_to_answer(town: Alliance) -> None:
    conv = await promised(town)
    await town[FIRST].office.decide(conv, lambda *_: (note(None),))
    await town[FIRST].send()
    refused = (await town[FIRST].loan(conv)).last
    answer = await said(town, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, note(None).body, conv=conv, copies=(PICKUP,),
                        reply_to=refused)
    assert body_of(await town.gateway.receive(answer.envelope, FIRST)).code is P.REPLY_MISMATCH


async def test_a_refusal_that_moved_no_stream_makes_nobody_step_over_anything(town: Alliance) -> None:
    """A library could else push its receiver past a number that its next message still needs."""
    await promised(town)
    question = await said(town, M.AVAILABILITY_QUESTION, FIRST, HOME, AvailabilityQuestion(barcodes=()),
                          stream=StreamPosition(channel="loan", epoch=0, seq=2, prev=(await town.database.run(
                              lambda unit: unit.streams.head(FIRST, HOME, "loan"))).hash))
    before = await everything(town)
    for _ in range(2):
        refusal = body_of(await town.gateway.receive(question.envelope, FIRST))
        assert (refusal.code, refusal.stream) == (P.STREAM_BROKEN, None)
    assert await everything(town) == before


# what is missing is asked for


async def notes(town: Alliance, count: int) -> list[bytes]:
    """Let the first supplier sign notes about a loan, and carry none of them."""
    conv = await promised(town)
    for _ in range(count):
        await town[FIRST].office.decide(conv, lambda _desk, loan: (note(loan.last),))
    waiting = await town[FIRST].journal.run(lambda unit: unit.outbox(count))
    return [envelope for _, envelope in waiting]


async def test_what_comes_too_early_is_asked_for_from_the_first_missing_and_leaves_no_trace(town: Alliance) -> None:
    envelopes = await notes(town, 4)
    head = await town.database.run(lambda unit: unit.streams.head(FIRST, HOME, "loan"))
    before = await everything(town)
    for _ in range(2):
        answer = read(await town.gateway.receive(envelopes[3], FIRST))
        assert (answer.src, answer.dst, answer.reply_to) == (GATEWAY, FIRST, hash_of(envelopes[3]))
        assert answer.body == Resend(channel="loan", epoch=0, from_seq=head.seq + 1, upto_seq=head.seq + 3)
    assert await everything(town) == before
    for envelope in envelopes:
        assert isinstance(body_of(await town.gateway.receive(envelope, FIRST)), Accepted)


async def test_of_a_long_gap_the_first_numbers_are_asked_for(town: Alliance) -> None:
    conv = await promised(town)
    head = await town.database.run(lambda unit: unit.streams.head(FIRST, HOME, "loan"))
    far = StreamPosition(channel="loan", epoch=0, seq=2**52, prev=a_hash("far"))
    message = await said(town, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, note(None).body, conv=conv, stream=far)
    asked = body_of(await town.gateway.receive(message.envelope, FIRST))
    assert (asked.from_seq, asked.upto_seq) == (head.seq + 1, head.seq + RESEND_NUMBERS_MAX)


async def test_a_receiver_is_sent_again_what_it_misses_and_the_sender_hears_of_it(town: Alliance) -> None:
    for envelope in await notes(town, 3):
        await town.gateway.receive(envelope, FIRST)
    first_time = [entry for entry in await town.gateway.mail(HOME, 0, 0, 99)
                  if read(entry.envelope).src == FIRST and read(entry.envelope).stream]
    await town[HOME].fetch()
    await town.gateway.mail(HOME, await town[HOME].received(), 0, 0)
    log = await town.log_size()

    missed = Resend(channel="loan", epoch=0, from_seq=2, upto_seq=3)
    asked = await said(town, M.RESEND, HOME, FIRST, missed)
    assert isinstance(body_of(await town.gateway.receive(asked.envelope, HOME)), Accepted)
    again = await town.gateway.mail(HOME, 0, 0, 99)
    assert [(entry.envelope, entry.accepted) for entry in again] == [
        (entry.envelope, entry.accepted) for entry in first_time[1:3]]
    assert again[0].number > first_time[-1].number
    assert (await town.gateway.mail(FIRST, 0, 0, 99))[-1].envelope == asked.envelope
    assert {HOME, FIRST} <= set(town.woken)
    assert await town.log_size() == log + 1


async def test_a_refused_number_that_is_asked_for_comes_as_its_refusal(town: Alliance) -> None:
    conv = await promised(town)
    wrong = await of_the_loan(town, conv, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, note(None).body, reply_to=None)
    refusal = await town.gateway.receive(wrong.envelope, FIRST)
    seq = wrong.message.stream.seq
    asked = await said(town, M.RESEND, HOME, FIRST, Resend(channel="loan", epoch=0, from_seq=seq, upto_seq=seq))
    await town.gateway.receive(asked.envelope, HOME)
    last = (await town.gateway.mail(HOME, 0, 0, 99))[-1]
    assert (last.envelope, last.accepted) == (refusal, b"")


async def test_the_gateway_s_own_messages_are_sent_again_too(town: Alliance) -> None:
    await town.order()
    (order,) = await town.gateway.mail(HOME, 0, 0, 9)
    asked = await said(town, M.RESEND, HOME, GATEWAY, Resend(channel="loan", epoch=0, from_seq=1, upto_seq=1))
    assert isinstance(body_of(await town.gateway.receive(asked.envelope, HOME)), Accepted)
    assert [entry.envelope for entry in await town.gateway.mail(HOME, 1, 1, 9)] == [order.envelope]


@pytest.mark.parametrize(("from_seq", "upto_seq"), [(0, 1), (2, 1), (1, RESEND_NUMBERS_MAX + 1), (5, 2**52)])
async def test_a_resend_that_asks_for_nothing_or_too_much_is_refused(town: Alliance, from_seq: int,
                                                                     upto_seq: int) -> None:
    before = await everything(town)
    asked = await said(town, M.RESEND, HOME, FIRST,
                       Resend(channel="loan", epoch=0, from_seq=from_seq, upto_seq=upto_seq))
    assert body_of(await town.gateway.receive(asked.envelope, HOME)).code is P.BAD_REQUEST
    assert await everything(town) == before


# a stream begins again


def reset(epoch: int, seq: int = 1) -> StreamReset:
    return StreamReset(channel="loan", epoch=epoch, seq=seq, hash=a_hash("the last"), reason="restored from a backup")


async def test_after_a_reset_the_stream_goes_on_in_the_new_epoch_only(town: Alliance) -> None:
    conv = await promised(town)
    old = await of_the_loan(town, conv, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, note(None).body)
    message = await said(town, M.STREAM_RESET, FIRST, HOME, reset(7))
    assert isinstance(body_of(await town.gateway.receive(message.envelope, FIRST)), Accepted)
    assert (await town.gateway.mail(HOME, 0, 0, 99))[-1].envelope == message.envelope
    assert await town.database.run(lambda unit: unit.streams.head(FIRST, HOME, "loan")) == StreamHead(epoch=7)

    assert body_of(await town.gateway.receive(old.envelope, FIRST)).code is P.STREAM_BROKEN
    new = await of_the_loan(town, conv, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, note(None).body)
    assert (new.message.stream.epoch, new.message.stream.seq) == (7, 1)
    assert isinstance(body_of(await town.gateway.receive(new.envelope, FIRST)), Accepted)


@pytest.mark.parametrize("epoch", [6, 7])
async def test_a_reset_to_no_later_epoch_is_a_replay(town: Alliance, epoch: int) -> None:
    first = await said(town, M.STREAM_RESET, FIRST, HOME, reset(7))
    await town.gateway.receive(first.envelope, FIRST)
    before = await everything(town)
    again = await said(town, M.STREAM_RESET, FIRST, HOME, reset(epoch, seq=3))
    assert body_of(await town.gateway.receive(again.envelope, FIRST)).code is P.REPLAYED
    assert body_of(await town.gateway.receive(first.envelope)).code is P.REPLAYED
    assert await everything(town) == before


async def test_a_reset_touches_no_other_stream(town: Alliance) -> None:
    conv = await promised(town)
    heads = await town.database.run(lambda unit: unit.streams.head(HOME, FIRST, "loan"))
    message = await said(town, M.STREAM_RESET, FIRST, HOME, reset(1))
    await town.gateway.receive(message.envelope, FIRST)
    assert await town.database.run(lambda unit: unit.streams.head(HOME, FIRST, "loan")) == heads
    assert (await town.loan(conv)).status == "WillSupply"


async def test_the_gateway_begins_its_own_streams_anew_and_waits_no_more_for_the_old_ones(town: Alliance) -> None:
    await town.order()
    resets = await town.gateway.reset_streams("restored from a backup")
    assert {(dst, body.channel) for dst, body in resets} == {
        (library, channel) for library in town.members for channel in ("loan", "money")}
    restored, *told = [body_of(entry.envelope) for entry in await town.gateway.mail(HOME, 0, 0, 9)][1:]
    assert [(head.src, head.dst, head.channel, head.seq) for head in restored.heads] == [(GATEWAY, HOME, "loan", 1)]
    assert [(body.channel, body.seq) for body in told] == [("loan", 1), ("money", 0)]
    town.clock.forward(days=9)
    _, overdue = await town.database.run(lambda unit: unit.messages.overdue(town.clock(), 9))
    assert {(awaited.type, awaited.dst) for awaited in overdue} == {("Restored", library) for library in town.members}

    (next_epoch,) = {body.epoch for _, body in await town.gateway.reset_streams("again, at once, on another copy")}
    assert next_epoch > told[0].epoch > NOW.timestamp() // 60 - 1
    await town.order()
    order = read((await town.gateway.mail(HOME, 0, 0, 9))[-1].envelope)
    assert (order.stream.epoch, order.stream.seq) == (next_epoch, 1)
