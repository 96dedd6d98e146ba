"""What happens because time goes by: messages nobody confirms, mail that stays away."""

from connectors.agent.tables import Unit
from connectors.agent.watch import watch_once
from schemas.dialogue import rule_of
from schemas.messages import Confirmation
from tests.alliance import FIRST, GATEWAY, HOME, PICKUP, SECOND, Alliance, Member, a_hash
from tests.connectors.agent.mail import M, P, requested


async def unconfirmed(member: Member) -> int:
    rows = await member.journal.run(lambda unit: unit._db.execute(
        "SELECT count(*) FROM message WHERE confirm_by IS NOT NULL").fetchone())
    return rows[0]


async def test_every_message_to_another_library_is_confirmed_by_its_receiver(town: Alliance) -> None:
    await town.order(FIRST, pickup=PICKUP)
    await town.rest()
    assert [await unconfirmed(member) for member in town.members.values()] == [0] * 5


async def test_nobody_but_the_receiver_confirms_a_message(town: Alliance) -> None:
    conv = await requested(town)
    home = town[HOME]
    await home.journal.run(lambda unit: unit._db.execute(
        "UPDATE message SET confirm_by = '2027' WHERE type = 'Request'"))
    (request,) = await home.journal.run(lambda unit: [h for (h,) in unit._db.execute(
        "SELECT hash FROM message WHERE type = 'Request'")])
    for src, calmed in ((SECOND, 1), (GATEWAY, 1), (FIRST, 0)):
        message = await home.next_from(src, M.CONFIRMATION, Confirmation(message=request), conv=conv)
        await home.deliver(message, b"")
        assert await unconfirmed(home) == calmed
    await home.deliver(await home.next_from(SECOND, M.CONFIRMATION, Confirmation(message=a_hash("unknown"))), b"")


async def test_a_message_that_nobody_confirms_in_time_is_an_alarm_once(town: Alliance) -> None:
    conv = await town.order(FIRST)
    await town[HOME].fetch()
    await town[HOME].work()
    for _ in range(2):
        await town[HOME].send()
        await town[HOME].fetch()
    await town[HOME].send()
    town.clock.forward(hours=23)
    await watch_once(town[HOME].office, town[HOME].journal)
    assert await town[HOME].alarms() == []
    town.clock.forward(hours=2)
    for _ in range(2):
        await watch_once(town[HOME].office, town[HOME].journal)
        (alarm,) = await town[HOME].journal.run(Unit.alarms)
        assert alarm["code"] == P.NOT_CONFIRMED
        assert f"{FIRST} has not confirmed Request" in alarm["detail"]
        assert f"loan {conv}" in alarm["detail"]


async def test_the_dialogue_says_by_when_a_message_should_be_confirmed(town: Alliance) -> None:
    await requested(town)
    await town[FIRST].work()
    promised = await town[FIRST].journal.run(lambda unit: unit._db.execute(
        "SELECT type, confirm_by FROM message WHERE confirm_by IS NOT NULL").fetchall())
    by = town.clock() + rule_of(M.SUPPLYING_AGENCY_MESSAGE).confirm_within
    assert promised == [(M.SUPPLYING_AGENCY_MESSAGE, by.isoformat())]


async def test_by_a_wrong_clock_no_deadline_passes(town: Alliance) -> None:
    conv = await requested(town)
    home = town[HOME]
    right = town.clock.now
    town.clock.forward(days=9)
    await home.office.greeted(right)
    assert home.office.clock_is_wrong
    await watch_once(home.office, home.journal)
    assert (await home.alarms(), (await home.loan(conv)).supplier) == ([P.CLOCK_WRONG], FIRST)
    await home.office.greeted(town.clock())
    await watch_once(home.office, home.journal)
    await town.rest()
    assert (await town.loan(conv)).supplier == SECOND
