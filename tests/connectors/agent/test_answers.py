"""What the gateway answers to an own message: taken over, refused, or asked for what came before."""

from typing import Any

import pytest

from connectors.agent.tables import Unit
from schemas.envelope import GENESIS, StreamPosition
from schemas.identifiers import AgencyId
from schemas.messages import Accepted, Confirmation, HarvestBatch, Refusal, Resend
from tests.alliance import FIRST, GATEWAY, HOME, NOW, Alliance, Member, a_hash, key_of, read, sealed
from tests.connectors.agent.mail import M, P


async def waiting(town: Alliance) -> tuple[Member, str]:
    """HOME, with an own message in its outbox."""
    await town.order()
    await town[HOME].fetch()
    await town[HOME].work()
    outbox = await town[HOME].journal.run(lambda unit: unit.outbox(9))
    return town[HOME], outbox[-1][0]


def answer(town: Alliance, body: Any, src: AgencyId = GATEWAY, **header: Any) -> bytes:
    kind = {Accepted: M.ACCEPTED, Refusal: M.REFUSAL, Confirmation: M.CONFIRMATION, Resend: M.RESEND}[type(body)]
    return sealed(town.directory, kind, src, header.pop("dst", HOME), body, **header).envelope


async def test_an_accepted_ends_a_message_s_stay_and_notes_its_place_in_the_log(town: Alliance) -> None:
    home, hash_ = await waiting(town)
    assert await home.office.answered(hash_, answer(town, Accepted(message=hash_, index=41, arrived=NOW)))
    left = await home.journal.run(lambda unit: [h for h, _ in unit.outbox(9)])
    index = await home.journal.run(lambda unit: unit._db.execute(
        "SELECT idx FROM message WHERE hash = ?", (hash_,)).fetchone())
    assert (hash_ in left, index) == (False, (41,))


PLACE = StreamPosition(channel="loan", epoch=0, seq=1, prev=GENESIS)


@pytest.mark.parametrize(("body", "changes"), [
    (Accepted(message=a_hash("another"), index=1, arrived=NOW), {}),
    (Refusal(message=a_hash("another"), code=P.OUT_OF_TURN, detail="", stream=PLACE), {}),
    (Confirmation(message=a_hash("another")), {}),
    (None, {"src": FIRST}),
    (None, {"key": key_of(FIRST)}),
    (None, {"expires": NOW}),
])
async def test_an_answer_to_something_else_or_by_somebody_else_ends_nothing(town: Alliance, body: Any,
                                                                           changes: dict[str, Any]) -> None:
    """A hub that answers with an old Refusal would else drop a message that only the receiver could miss."""
    home, hash_ = await waiting(town)
    outbox = await home.outbox()
    said_ = answer(town, body or Accepted(message=hash_, index=1, arrived=NOW), **changes)
    assert not await home.office.answered(hash_, said_)
    assert (await home.outbox(), len(await home.alarms())) == (outbox, 1)


async def test_a_refusal_that_used_up_the_number_lets_the_next_message_go(town: Alliance) -> None:
    home, hash_ = await waiting(town)
    refusal = Refusal(message=hash_, code=P.OUT_OF_TURN, detail="not now", stream=PLACE)
    assert await home.office.answered(hash_, answer(town, refusal))
    assert hash_ not in [h for h, _ in await home.journal.run(lambda unit: unit.outbox(9))]
    assert await home.alarms() == ["out_of_turn"]


async def test_a_refusal_that_used_up_nothing_keeps_the_message_for_later(town: Alliance) -> None:
    home, hash_ = await waiting(town)
    refusal = Refusal(message=a_hash("none"), code=P.NEWER_DIRECTORY, detail="refresh")
    assert not await home.office.answered(hash_, answer(town, refusal, dst=GATEWAY))
    assert hash_ in [h for h, _ in await home.journal.run(lambda unit: unit.outbox(9))]


async def test_a_confirmation_that_will_never_pass_does_not_hold_up_the_mail_behind_it(town: Alliance) -> None:
    """It has no number that anybody waits for; its sender's alarm tells that it did not arrive."""
    home, _ = await waiting(town)
    hash_, envelope = (await home.journal.run(lambda unit: unit.outbox(9)))[0]
    assert read(envelope).type is M.CONFIRMATION
    for code, dropped in ((P.NEWER_DIRECTORY, False), (P.EXPIRED, True)):
        refusal = Refusal(message=a_hash("none"), code=code, detail="")
        assert await home.office.answered(hash_, answer(town, refusal, dst=GATEWAY)) is dropped
        assert (hash_ in [h for h, _ in await home.journal.run(lambda unit: unit.outbox(9))]) is not dropped


# a message that holds only here


async def test_a_message_refused_for_good_is_told_with_its_loan_and_the_loan_is_marked(town: Alliance) -> None:
    """It has moved the loan here when it was signed, and nowhere else."""
    home, hash_ = await waiting(town)
    (loan,) = await home.journal.run(Unit.loans)
    await home.office.answered(hash_, answer(town, Refusal(message=hash_, code=P.OUT_OF_TURN, detail="", stream=PLACE)))
    (alarm,) = await home.journal.run(Unit.alarms)
    assert f"ReservationAsked {hash_[:12]} to {GATEWAY}, loan {loan.conv}" in alarm["detail"]
    marks = await home.journal.run(Unit.marks)
    assert set(marks) == {loan.conv}
    assert "ReservationAsked was refused by the gateway (out_of_turn)" in marks[loan.conv]


async def test_a_refused_message_about_no_loan_marks_none(town: Alliance) -> None:
    home, hash_ = await batches(town, 1)
    refusal = Refusal(message=hash_, code=P.WRONG_ROLE, detail="",
                      stream=StreamPosition(channel="catalogue", epoch=0, seq=1, prev=GENESIS))
    assert await home.office.answered(hash_, answer(town, refusal))
    assert (await home.journal.run(Unit.marks), await home.alarms()) == ({}, [P.WRONG_ROLE])


# what the gateway asks for again


async def batches(town: Alliance, count: int, number: int = 1) -> tuple[Member, str]:
    """HOME, with a row of batches in its outbox, and the last one's hash."""
    home = town[HOME]
    for batch in range(number, number + count):
        body = HarvestBatch(run="r", number=batch, bibs=(), last=False)
        hash_ = await home.office.say(M.HARVEST_BATCH, GATEWAY, body, beside=lambda _: None)
    return home, hash_


def gap(from_seq: int, upto_seq: int, epoch: int = 0) -> Resend:
    return Resend(channel="catalogue", epoch=epoch, from_seq=from_seq, upto_seq=upto_seq)


async def numbers(member: Member) -> list[int]:
    return [m.stream.seq for m in await member.outbox() if m.stream]


async def test_what_the_gateway_misses_goes_before_everything_else_byte_by_byte(town: Alliance) -> None:
    home, _ = await batches(town, 3)
    sent = await home.journal.run(lambda unit: unit.outbox(9))
    await home.send()
    _, hash_ = await batches(town, 2, number=4)
    assert await home.office.answered(hash_, answer(town, gap(2, 3), reply_to=hash_))
    assert await numbers(home) == [2, 3, 4, 5]
    assert (await home.journal.run(lambda unit: unit.outbox(9)))[:2] == sent[1:]
    assert await home.alarms() == []


async def test_a_gateway_that_asks_again_for_the_same_message_is_served_slowly(town: Alliance) -> None:
    home, hash_ = await batches(town, 3)
    resend = answer(town, gap(1, 2), reply_to=hash_)
    assert [await home.office.answered(hash_, resend) for _ in range(3)] == [True, False, False]
    assert await numbers(home) == [1, 2, 3]


async def test_what_this_journal_does_not_hold_stops_the_mail_and_staff_are_told_once(town: Alliance) -> None:
    home, hash_ = await batches(town, 1)
    for asked in (gap(1, 7), gap(4, 3), gap(1, 1, epoch=1)):
        assert not await home.office.answered(hash_, answer(town, asked, reply_to=hash_))
    assert (await home.alarms(), await numbers(home)) == ([P.OUT_OF_SEQUENCE], [1])
    (alarm,) = await home.journal.run(Unit.alarms)
    assert "delta-connector reset-streams" in alarm["detail"]


async def test_a_resend_for_another_message_than_was_sent_is_not_served(town: Alliance) -> None:
    home, hash_ = await batches(town, 2)
    await home.send()
    await batches(town, 1, number=3)
    for header in ({"reply_to": a_hash("another")}, {}, {"reply_to": hash_, "src": FIRST}):
        assert not await home.office.answered(hash_, answer(town, gap(1, 2), **header))
    assert (await numbers(home), await home.alarms()) == ([3], [P.REPLY_MISMATCH])


async def test_a_receiver_is_sent_again_what_it_misses_and_nothing_of_a_closed_epoch(town: Alliance) -> None:
    await town.order(FIRST)
    await town.rest()
    home = town[HOME]
    sent = await home.journal.run(lambda unit: unit.sent(FIRST, "loan", 0, 1, 9))
    for body in (Resend(channel="loan", epoch=0, from_seq=1, upto_seq=2),
                 Resend(channel="loan", epoch=0, from_seq=9, upto_seq=9)):
        await home.deliver(await home.next_from(FIRST, M.RESEND, body), b"")
    assert await home.journal.run(lambda unit: [hash_ for hash_, _ in unit.outbox(9)]) == [hash_ for _, hash_ in sent]
    assert await home.alarms() == [P.OUT_OF_SEQUENCE]
    await town.rest()
    assert await home.outbox() == []
    await home.office.reset_streams("restored")
    waiting_now = await home.outbox()
    await home.deliver(await home.next_from(FIRST, M.RESEND, Resend(channel="loan", epoch=0, from_seq=1, upto_seq=1)),
                       b"")
    assert (await home.outbox(), await home.alarms()) == (waiting_now, [P.OUT_OF_SEQUENCE])


async def test_a_gateway_that_has_lost_its_newest_batches_gets_them_again_before_the_next(town: Alliance) -> None:
    """The real gateway, restored from a copy of its database."""
    home, _ = await batches(town, 1)
    await home.send()
    town.back_up_gateway()
    await batches(town, 2, number=2)
    await home.send()
    town.restore_gateway()
    await batches(town, 1, number=4)
    await home.send()
    assert (await home.outbox(), await home.alarms()) == ([], [])
    head = await town.database.run(lambda unit: unit.streams.head(HOME, GATEWAY, "catalogue"))
    assert head == await home.journal.run(lambda unit: unit.head(HOME, GATEWAY, "catalogue"))
