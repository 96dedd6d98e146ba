"""Honest mail, in order or not: each number counts once and in its turn, and what is missing is asked for again."""

import pytest

from connectors.agent import entry
from schemas.envelope import StreamPosition
from schemas.lending import Action, ReasonForMessage, RequestingAgencyMessage, SupplierStatus, SupplyingAgencyMessage
from schemas.lifecycle import LoanStatus
from tests.alliance import FIRST, GATEWAY, HOME, SECOND, THIRD, Alliance, Member, a_hash, sealed
from tests.connectors.agent.mail import M, everything, promise, refusal_of, requested, watched
from trust.stream import StreamHead, next_position

# what the loan does not allow


async def test_mail_that_the_loan_does_not_allow_uses_up_its_number_and_is_told_within_the_hour(town: Alliance) -> None:
    """What it follows from may still come; the stream goes on behind it."""
    conv = await requested(town)
    home = town[HOME]
    early = await home.next_from(FIRST, M.SUPPLYING_AGENCY_MESSAGE, SupplyingAgencyMessage(
        reason_for_message=ReasonForMessage.STATUS_CHANGE, status=SupplierStatus.LOAN_COMPLETED), conv=conv)
    loan = await home.loan(conv)
    await home.deliver(early)
    assert await told_within_the_hour(home) == ["out_of_turn"]
    assert await home.loan(conv) == loan
    assert (await home.head(FIRST)).hash == early.hash
    assert [m.reply_to for m in await home.outbox()] == [early.hash]
    await home.deliver(await promise(town, conv))
    assert (await home.loan(conv)).status is LoanStatus.WILL_SUPPLY


async def test_a_copy_about_a_loan_that_is_not_known_here_is_kept_and_told_within_the_hour(town: Alliance) -> None:
    third = town[THIRD]
    message = sealed(town.directory, M.REQUESTING_AGENCY_MESSAGE, HOME, FIRST,
                     RequestingAgencyMessage(action=Action.CANCEL), conv="loan-0404", copies=(THIRD,),
                     stream=StreamPosition(channel="loan", epoch=0, seq=7, prev=a_hash("a")))
    await third.deliver(message)
    assert (await told_within_the_hour(third), await third.outbox()) == (["out_of_turn"], [])
    assert await third.journal.run(lambda unit: unit.has_message(message.hash))


async def test_a_promise_is_confirmed_once(town: Alliance) -> None:
    conv = await requested(town)
    home = town[HOME]
    await home.deliver(await promise(town, conv))
    await home.deliver(await promise(town, conv, reply_to=None))
    confirmations = [m for m in await home.outbox() if getattr(m.body, "action", None) is Action.SUPPLY_CONFIRMED]
    assert len(confirmations) == 1
    assert await told_within_the_hour(home) == ["out_of_turn"]


async def test_of_one_loan_so_many_messages_wait_and_of_any_more_a_person_is_told_at_once(
        town: Alliance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "POSTPONED_MAX", 2)
    conv = await requested(town)
    for _ in range(3):
        await town[HOME].deliver(await promise(town, conv, reply_to=a_hash("nobody's")))
        await town[HOME].deliver(await promise(town, conv, reply_to=a_hash("nobody's")))
    assert await town[HOME].alarms() == ["out_of_turn"] * 3


async def told_within_the_hour(member: Member) -> list[str]:
    """Return a library's alarms: none at once, and what is told an hour later, once."""
    assert await member.alarms() == []
    member.office.clock.forward(hours=1, seconds=1)
    await watched(member, times=2)
    return await member.alarms()


async def test_what_is_taken_in_and_what_follows_from_it_is_one_transaction(town: Alliance) -> None:
    conv = await requested(town)
    home = town[HOME]
    before = await everything(home)
    await home.journal.run(lambda unit: unit._db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'no room'); END"))
    with pytest.raises(Exception, match="no room"):
        await home.deliver(await promise(town, conv))
    assert await everything(home) == before
    await home.journal.run(lambda unit: unit._db.execute("DROP TRIGGER full"))
    await home.deliver(await promise(town, conv))


# stepping over what the gateway has refused


async def test_a_refusal_steps_over_the_number_that_will_not_come(town: Alliance) -> None:
    conv = await requested(town)
    home = town[HOME]
    place = next_position(await home.head(FIRST), "loan")
    await home.deliver(refusal_of(town, home, FIRST, place, a_hash("refused")), b"")
    assert await home.head(FIRST) == StreamHead(0, place.seq, a_hash("refused"))
    await home.deliver(await promise(town, conv))
    assert (await home.loan(conv)).status is LoanStatus.WILL_SUPPLY


async def test_a_refusal_of_another_place_or_by_a_library_steps_over_nothing(town: Alliance) -> None:
    await requested(town)
    home = town[HOME]
    stands = await home.head(FIRST)
    place = next_position(stands, "loan")
    for wrong, src in ((place.model_copy(update={"seq": place.seq + 1}), GATEWAY),
                       (place.model_copy(update={"prev": a_hash("b")}), GATEWAY), (place, SECOND)):
        await home.deliver(refusal_of(town, home, FIRST, wrong, a_hash("refused"), src), b"")
        assert await home.head(FIRST) == stands
