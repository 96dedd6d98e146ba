"""Mail before its turn: it is parked, what is missing is asked for again, and everything counts in its order."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from connectors.agent import intake, resends
from connectors.agent.entry import Refused
from federation.ports import Delivery
from schemas.lending import Custody
from tests.alliance import BARCODES, FIRST, HOME, PICKUP, Alliance, Member, a_hash, read
from tests.connectors.agent.mail import M, P, asked_again, confirmed, everything, notes, refusal_of, requested, watched
from trust.envelope import Sealed


async def parked(member: Member) -> int:
    rows = await member.journal.run(lambda unit: unit._db.execute("SELECT count(*) FROM early").fetchone())
    return int(rows[0])


async def deliver(member: Member, messages: Sequence[Sealed]) -> None:
    for message in messages:
        await member.deliver(message)


async def under_way(town: Alliance, count: int) -> tuple[Member, list[Sealed]]:
    """The first supplier, and what the home library says to it next."""
    conv = await requested(town)
    first = town[FIRST]
    await first.send()
    return first, await notes(town, first, HOME, conv, count)


# parked, asked for, taken in


async def test_an_early_message_is_acknowledged_and_waits_while_what_is_missing_is_asked_for(town: Alliance) -> None:
    first, said = await under_way(town, 4)
    head, received = await first.head(HOME), await first.received()
    await deliver(first, said[2:])
    assert await first.received() == received + 2
    assert (await first.head(HOME), await parked(first), await first.alarms()) == (head, 2, [])
    assert await asked_again(first) == [(HOME, head.seq + 1, head.seq + 2)]
    assert await confirmed(first) == []


async def test_when_the_missing_ones_come_all_count_in_their_order_and_each_is_confirmed(town: Alliance) -> None:
    first, said = await under_way(town, 5)
    await deliver(first, [said[4], said[2], said[3], said[1], said[0]])
    assert (await first.head(HOME)).hash == said[-1].hash
    assert await confirmed(first) == [message.hash for message in said]
    assert (await first.loan(said[0].message.conv)).last == said[-1].hash
    assert (await parked(first), await first.alarms()) == (0, [])
    await watched(first)
    assert len(await asked_again(first)) == 1, "what is left of a gap has been asked for"


async def test_a_long_row_of_early_messages_is_taken_in_at_once(town: Alliance) -> None:
    first, said = await under_way(town, intake.RESEND_NUMBERS_MAX)
    await deliver(first, said[:0:-1])
    assert await parked(first) == len(said) - 1
    await first.deliver(said[0])
    assert ((await first.head(HOME)).hash, await parked(first)) == (said[-1].hash, 0)


async def test_what_waits_is_there_after_a_restart(town: Alliance) -> None:
    first, said = await under_way(town, 3)
    await deliver(first, said[1:])
    town.restart(FIRST)
    await town[FIRST].deliver(said[0])
    assert (await town[FIRST].head(HOME)).hash == said[-1].hash


async def test_beyond_the_limit_only_the_number_is_kept_and_asked_for_again(town: Alliance,
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "RESEND_NUMBERS_MAX", 2)
    first, said = await under_way(town, 6)
    await deliver(first, said[1:])
    assert await parked(first) == 2
    await first.deliver(said[0])
    head = await first.head(HOME)
    assert head.hash == said[2].hash
    assert (await asked_again(first))[-1] == (HOME, head.seq + 1, head.seq + 3)
    await deliver(first, said[3:])
    assert ((await first.head(HOME)).hash, await first.alarms()) == (said[-1].hash, [])


async def test_two_messages_under_one_number_are_refused_by_name(town: Alliance) -> None:
    first, said = await under_way(town, 2)
    place = said[1].message.stream
    other = await first.next_from(HOME, M.REQUESTING_AGENCY_MESSAGE, said[1].message.body, conv=said[1].message.conv,
                                  reply_to=said[1].message.reply_to, stream=place, copies=())
    await first.deliver(said[1])
    with pytest.raises(Refused) as refused:
        await first.deliver(other)
    assert (refused.value.code, await first.alarms()) == (P.STREAM_BROKEN, [P.STREAM_BROKEN])


async def test_an_early_message_that_does_not_follow_is_told_and_the_stream_goes_on_without_it(town: Alliance) -> None:
    """Its sender has another history than the one that came: the number stays open."""
    first, said = await under_way(town, 2)
    place = said[1].message.stream
    assert place is not None
    lie = await first.next_from(HOME, M.REQUESTING_AGENCY_MESSAGE, said[1].message.body, conv=said[1].message.conv,
                                reply_to=said[1].message.reply_to,
                                stream=place.model_copy(update={"prev": a_hash("another")}))
    await deliver(first, [lie, said[0]])
    assert await first.alarms() == [P.STREAM_BROKEN]
    await first.deliver(said[1])
    assert (await first.head(HOME)).hash == said[1].hash


async def test_a_refused_number_is_stepped_over_though_its_refusal_comes_early(town: Alliance) -> None:
    first, said = await under_way(town, 3)
    place = said[1].message.stream
    assert place is not None
    await first.deliver(refusal_of(town, first, HOME, place, said[1].hash), b"")
    await first.deliver(said[2])
    await first.deliver(said[0])
    assert ((await first.head(HOME)).hash, await parked(first), await first.alarms()) == (said[2].hash, 0, [])
    assert await confirmed(first) == [said[0].hash, said[2].hash]


async def test_a_key_that_was_revoked_while_its_message_waited_counts_no_more(town: Alliance) -> None:
    first, said = await under_way(town, 2)
    await first.deliver(said[1])
    place = said[0].message.stream
    assert place is not None
    town.publish(revoked=HOME)
    await first.deliver(refusal_of(town, first, HOME, place, said[0].hash), b"")
    assert (await first.head(HOME)).hash == said[0].hash
    assert (await parked(first), await first.alarms(), await confirmed(first)) == (0, [P.KEY_REVOKED], [])


# asked again, and told


async def test_what_is_missing_is_asked_for_again_after_a_pause_and_never_twice_in_one_outbox(town: Alliance) -> None:
    first, said = await under_way(town, 2)
    await first.deliver(said[1])
    town.clock.now += 3 * resends.ASK_AGAIN
    await watched(first)
    assert len(await asked_again(first)) == 1, "the first one is not sent yet"
    await first.send()
    await watched(first)
    assert len(await asked_again(first)) == 1
    await first.send()
    await watched(first)
    assert await asked_again(first) == [], "it was asked for a moment ago"


async def test_a_gap_that_stays_is_told_once_after_an_hour_with_its_sender_and_numbers(town: Alliance) -> None:
    first, said = await under_way(town, 3)
    await first.deliver(said[2])
    town.clock.forward(minutes=59)
    await watched(first)
    assert await first.alarms() == []
    town.clock.forward(minutes=2)
    await watched(first, times=2)
    (alarm,) = await first.journal.run(lambda unit: unit.alarms())
    head = await first.head(HOME)
    assert alarm["code"] == P.OUT_OF_SEQUENCE
    assert HOME in alarm["detail"]
    assert f"{head.seq + 1} to {head.seq + 3}" in alarm["detail"]


async def test_a_message_of_an_epoch_whose_reset_has_not_come_waits_and_is_told(town: Alliance) -> None:
    first, said = await under_way(town, 1)
    place = said[0].message.stream
    assert place is not None
    later = await first.next_from(HOME, M.REQUESTING_AGENCY_MESSAGE, said[0].message.body, conv=said[0].message.conv,
                                  reply_to=said[0].message.reply_to,
                                  stream=place.model_copy(update={"epoch": 1, "seq": 1}))
    await first.deliver(later)
    assert (await first.alarms(), await asked_again(first)) == ([], [])
    town.clock.forward(hours=2)
    await watched(first)
    assert await first.alarms() == [P.OUT_OF_SEQUENCE]


# known messages that come again


async def test_what_was_asked_for_may_come_more_than_once_and_anything_else_is_a_replay(town: Alliance) -> None:
    first, said = await under_way(town, 3)
    await first.deliver(said[2])
    await deliver(first, said[:2])
    await deliver(first, said[:2])
    assert await first.alarms() == []
    with pytest.raises(Refused) as refused:
        await first.deliver(said[2])
    assert refused.value.code is P.REPLAYED
    await first.journal.run(lambda unit: unit._db.execute("DELETE FROM outbox"))
    town.clock.now += resends.ASKED_LIFE + timedelta(seconds=1)
    with pytest.raises(Refused):
        await first.deliver(said[0])
    assert await first.alarms() == [P.REPLAYED] * 2


async def test_an_unknown_message_under_an_old_number_is_taken_in_like_any_other(town: Alliance) -> None:
    """The gateway was restored and numbers again."""
    first, said = await under_way(town, 2)
    received = await first.received()
    await first.deliver(said[0], number=1)
    await first.deliver(said[1], number=1)
    assert ((await first.head(HOME)).hash, await first.received()) == (said[1].hash, received)


async def test_a_message_that_the_gateway_has_logged_anew_is_confirmed_anew_at_its_new_place(town: Alliance) -> None:
    """A gateway that lost its newest entries has lost the first confirmation, too."""
    first, said = await under_way(town, 1)
    number = await first.received() + 1
    await first.deliver(said[0])
    await first.journal.run(lambda unit: unit._db.execute("DELETE FROM outbox"))
    before = await everything(first)
    await first.deliver(said[0], number=number)
    assert await everything(first) == before
    town.clock.forward(seconds=1)
    for _ in range(2):
        await first.deliver(said[0], first.log_entry_of(said[0], index=901), number=number)
    index = await first.journal.run(lambda unit: unit._db.execute(
        "SELECT idx FROM message WHERE hash = ?", (said[0].hash,)).fetchone())
    assert (index, await confirmed(first), await first.alarms()) == ((901,), [said[0].hash], [])


# what follows from a message that has not come


async def dispatched_and_arrived(town: Alliance) -> tuple[str, list[Delivery]]:
    """A loan whose copy is at the pickup library; the home library has not looked into its mailbox meanwhile."""
    conv = await town.order(FIRST, pickup=PICKUP)
    await town.rest()
    await town[FIRST].scan(BARCODES[FIRST])
    await town[FIRST].work()
    for agency in (FIRST, PICKUP):
        await town[agency].send()
        await town[PICKUP].fetch()
        if agency == FIRST:
            await town[PICKUP].scan(BARCODES[FIRST])
    received = await town[HOME].received()
    return conv, [entry for entry in await town.gateway.mail(HOME, received, received, 99)
                  if read(entry.envelope).type is not M.CONFIRMATION]


async def hand_over(member: Member, *entries: Delivery) -> None:
    for entry in entries:
        await member.office.deliver(entry.number, entry.envelope, entry.accepted)


async def test_what_another_library_says_waits_for_what_it_follows_from(town: Alliance) -> None:
    """A stream keeps one sender's order only: by a loss, an answer may overtake what it answers."""
    conv, (shipped, taken_over, received) = await dispatched_and_arrived(town)
    home = town[HOME]
    await hand_over(home, taken_over, received)
    assert ((await home.loan(conv)).custody, await home.alarms()) == (Custody.SUPPLIER, [])
    await hand_over(home, shipped)
    seen, at_the_hub = await home.loan(conv), await town.loan(conv)
    assert (seen.status, seen.custody, seen.last) == (at_the_hub.status, Custody.PICKUP_POINT, at_the_hub.last)
    assert await home.alarms() == []


async def test_what_it_follows_from_stays_away_and_is_told_once_after_an_hour(town: Alliance) -> None:
    conv, (shipped, taken_over, _) = await dispatched_and_arrived(town)
    home = town[HOME]
    await hand_over(home, taken_over)
    town.clock.forward(hours=1, seconds=1)
    await watched(home, times=2)
    assert await home.alarms() == [P.OUT_OF_TURN]
    await hand_over(home, shipped)
    assert (await home.loan(conv)).custody is Custody.PICKUP_POINT
