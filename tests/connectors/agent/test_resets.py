"""Streams that begin anew: another member's, and all of this library's after its journal was restored."""

from typing import Any

import pytest

from connectors.agent.answers import JOURNAL_IS_OLDER
from connectors.agent.entry import Refused
from connectors.agent.resets import GivenUp
from schemas.envelope import GENESIS
from schemas.lifecycle import LoanStatus
from schemas.messages import StreamReset
from tests.alliance import FIRST, GATEWAY, HOME, NOW, SECOND, Alliance, Member, a_hash
from tests.connectors.agent.mail import M, P, asked_again, confirmed, everything, notes, requested
from trust.envelope import Sealed
from trust.stream import StreamHead

MINUTE = int(NOW.timestamp()) // 60


async def reset_of(member: Member, src: Any, **changes: Any) -> Sealed:
    head = await member.head(src)
    body = StreamReset(**{"channel": "loan", "epoch": head.epoch + 1, "seq": head.seq, "hash": head.hash,
                          "reason": "restored from a backup", **changes})
    return await member.next_from(src, M.STREAM_RESET, body)


# another member's


async def test_a_reset_begins_the_next_epoch_and_staff_are_told(town: Alliance) -> None:
    conv = await requested(town)
    first = town[FIRST]
    await first.deliver(await reset_of(first, HOME), b"")
    assert await first.head(HOME) == StreamHead(epoch=1)
    (alarm,) = await first.journal.run(lambda unit: unit.alarms())
    assert alarm["code"] == P.STREAM_BROKEN
    assert f"{HOME} began epoch 1 of its loan stream: restored from a backup" in alarm["detail"]
    assert "compare" not in alarm["detail"]
    (message,) = await notes(town, first, HOME, conv, 1)
    await first.deliver(message)
    assert await first.head(HOME) == StreamHead(1, 1, message.hash)


async def test_where_both_ends_do_not_stand_alike_the_alarm_says_so(town: Alliance) -> None:
    await requested(town)
    first = town[FIRST]
    await first.deliver(await reset_of(first, HOME, seq=9, hash=a_hash("nine")), b"")
    (alarm,) = await first.journal.run(lambda unit: unit.alarms())
    assert "here the stream had come to number 1: compare" in alarm["detail"]


async def test_a_reset_that_comes_again_is_refused_and_changes_nothing(town: Alliance) -> None:
    await requested(town)
    first = town[FIRST]
    message = await reset_of(first, HOME)
    await first.deliver(message, b"")
    again, before = await reset_of(first, HOME, epoch=1, reason="another"), await everything(first)
    for replay in (message, again):
        with pytest.raises(Refused) as refused:
            await first.deliver(replay, b"")
        assert refused.value.code is P.REPLAYED
    assert await everything(first) == before


async def test_what_was_parked_is_dropped_with_its_epoch_and_taken_in_with_the_new_one(town: Alliance) -> None:
    conv = await requested(town)
    first = town[FIRST]
    await first.send()
    _, lost = await notes(town, first, HOME, conv, 2)
    reset = await reset_of(first, HOME)
    loan = await first.loan(conv)
    begun = await first.next_from(HOME, M.REQUESTING_AGENCY_MESSAGE, lost.message.body, conv=conv, reply_to=loan.last,
                                  stream=lost.message.stream.model_copy(update={"epoch": 1, "seq": 1, "prev": GENESIS}))
    await first.deliver(begun)
    await first.deliver(lost)
    await first.deliver(reset, b"")
    assert await first.head(HOME) == StreamHead(1, 1, begun.hash)
    assert await confirmed(first) == [begun.hash]
    rows = await first.journal.run(lambda unit: [unit._db.execute(f"SELECT * FROM {t}").fetchall()
                                                 for t in ("early", "gap")])
    assert rows == [[], []]
    assert len(await asked_again(first)) == 1


async def test_nobody_resets_another_s_stream(town: Alliance) -> None:
    await requested(town)
    first = town[FIRST]
    before = await first.head(HOME)
    for src in (GATEWAY, SECOND):
        await first.deliver(await reset_of(first, src), b"")
    assert await first.head(HOME) == before


# this library's own


async def test_all_own_streams_begin_anew_and_what_waited_in_them_is_given_up_by_name(town: Alliance) -> None:
    conv = await requested(town)
    home = town[HOME]
    stands = await home.journal.run(lambda unit: unit.head(HOME, GATEWAY, "loan"))
    other = await town.order(SECOND)
    await home.fetch()
    await home.work()
    report = await home.office.reset_streams("the disk failed")
    assert report.streams == 2
    assert report.given_up == (GivenUp(M.RESERVATION_ASKED, other, GATEWAY),)
    resets = {m.dst: m.body for m in await home.outbox() if m.type is M.STREAM_RESET}
    assert set(resets) == {GATEWAY, FIRST}
    assert (resets[GATEWAY].epoch, resets[GATEWAY].seq, resets[GATEWAY].hash) == (MINUTE, stands.seq, stands.hash)
    assert resets[GATEWAY].reason == "the disk failed"
    (alarm,) = await home.journal.run(lambda unit: unit.alarms())
    assert f"{M.RESERVATION_ASKED} to {GATEWAY}, loan {other}" in alarm["detail"]
    assert set(await home.journal.run(lambda unit: unit.marks())) == {other}
    assert conv != other


async def test_after_a_reset_the_alliance_goes_on_in_the_new_epoch(town: Alliance) -> None:
    conv = await requested(town)
    await town[HOME].office.reset_streams("restored")
    await town.rest()
    loan = await town.loan(conv)
    assert (loan.status, loan.confirmed is not None) == (LoanStatus.WILL_SUPPLY, True)
    assert (await town[FIRST].head(HOME)).epoch == MINUTE
    assert await town[FIRST].alarms() == [P.STREAM_BROKEN]
    assert await town[HOME].alarms() == []


async def test_a_restored_journal_stops_sending_tells_once_and_is_healed_by_a_reset(town: Alliance) -> None:
    """What the backup does not know of is given up; the next loan goes its way."""
    await town.order(FIRST)
    await town.rest()
    town.back_up(HOME)
    await town.order(SECOND)
    await town.rest()
    town.restore(HOME)
    home = town[HOME]
    lost = await town.order(FIRST)
    for _ in range(6):
        await home.send()
        await home.fetch()
        await home.work()
    stuck = await home.outbox()
    assert stuck[0].type is M.RESERVATION_ASKED
    told = [each["detail"] for each in await home.journal.run(lambda unit: unit.alarms())]
    assert told.count(JOURNAL_IS_OLDER) == 1

    report = await home.office.reset_streams("restored")
    assert {message.conv for message in report.given_up} >= {stuck[0].conv, lost}
    assert lost in await home.journal.run(lambda unit: unit.marks())
    again = await town.order(FIRST)
    await town.rest()
    assert (await town.loan(again)).confirmed is not None
