"""A gateway that was restored from a copy asks every library for what it has lost, its own words too."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from connectors.agent.custody import Step
from federation.restoring import GIVEN_BACK_WITHIN
from schemas.lending import Custody
from schemas.lifecycle import Outcome
from schemas.loan import Loan
from schemas.messages import Accepted, MessageType, Refusal
from schemas.problems import ProblemCode
from tests.alliance import BARCODES, FIRST, HOME, PICKUP, Alliance, Member, body_of, read
from tests.connectors.agent.hubs import Hub, linked, until
from tests.connectors.agent.test_any_order import all_accept_their_statements
from tests.federation.telling import lent

M, P = MessageType, ProblemCode
BARCODE = BARCODES[FIRST]


@pytest.fixture
async def hub(town: Alliance) -> AsyncIterator[Hub]:
    opened = Hub(town)
    yield opened
    await opened.close()


@dataclass(frozen=True)
class Forgotten:
    """A loan that a reader has ordered, and a supplier sent, since the gateway's database was copied."""

    town: Alliance
    conv: str
    known: tuple[Loan, dict[str, tuple[int, int]]]

    async def is_known_again(self) -> bool:
        loan = await self.town.database.run(lambda unit: unit.loans.get(self.conv))
        return (loan, await self.town.balances()) == self.known and await nothing_waits(self.town)


async def forgotten(town: Alliance) -> Forgotten:
    town.back_up_gateway()
    conv = await town.order(FIRST)
    await town.rest()
    await town[FIRST].scan(BARCODE, conv)
    await town.rest()
    known = await town.loan(conv), await town.balances()
    town.restore_gateway()
    assert await town.database.run(lambda unit: unit.loans.get(conv)) is None
    return Forgotten(town, conv, known)


async def nothing_waits(town: Alliance) -> bool:
    return not any([await member.outbox() for member in town.members.values()])


async def test_two_libraries_give_back_a_whole_loan_and_the_order_that_began_it(town: Alliance, hub: Hub) -> None:
    lost = await forgotten(town)
    await hub.open()
    async with linked(town, hub.url, town[HOME], town[FIRST]):
        await until(lost.is_known_again)
    assert [member.refused for member in town.members.values()] == [[]] * len(town.members)
    assert {code for member in town.members.values() for code in await member.alarms()} <= {
        P.STREAM_BROKEN, P.OUT_OF_SEQUENCE}


async def test_the_loan_goes_on_to_its_end_and_all_books_agree(town: Alliance, hub: Hub) -> None:
    lost = await forgotten(town)
    conv = lost.conv
    await hub.open()
    async with linked(town, hub.url, *town.members.values()):
        await until(lost.is_known_again)
        for library in (HOME, HOME, HOME, HOME, FIRST):
            await town[library].scan(BARCODE, conv)
            await until(lambda: nothing_waits(town))
            await until(lambda: the_same_everywhere(town, conv))
        await until(lambda: has_ended(town, conv))
    assert (await town.loan(conv)).outcome is Outcome.COMPLETED
    assert await all_accept_their_statements(town)


async def the_same_everywhere(town: Alliance, conv: str) -> bool:
    custody = (await town.loan(conv)).custody
    return [(await town[agency].loan(conv)).custody for agency in (HOME, FIRST)] == [custody] * 2


async def has_ended(town: Alliance, conv: str) -> bool:
    await town[FIRST].work()
    return (await town[HOME].loan(conv)).outcome is not None


async def asked_first(town: Alliance, member: Member) -> None:
    """By hand: a library greets the restored gateway, and is told what it knows."""
    await town.gateway.has_forgotten(member.me, await member.received())
    await member.fetch()


async def test_what_follows_from_another_library_s_lost_message_is_held_back_until_that_has_come(
        town: Alliance) -> None:
    lost = await forgotten(town)
    await asked_first(town, town[FIRST])
    (answer,) = await town[FIRST].send()
    assert (type(answer), answer.code, answer.stream) == (Refusal, P.OUT_OF_SEQUENCE, None)
    assert (await town[FIRST].outbox())[0].type is M.SUPPLYING_AGENCY_MESSAGE
    await asked_first(town, town[HOME])
    await town.rest()
    assert await lost.is_known_again()
    assert await town.database.run(lambda unit: unit.messages.count_by_type()["Restored"]) == len(town.members)


async def test_it_is_held_back_no_longer_than_a_running_library_needs_to_answer(town: Alliance) -> None:
    await forgotten(town)
    await asked_first(town, town[FIRST])
    town.clock.now += GIVEN_BACK_WITHIN
    (envelope,) = [e for _, e in await town[FIRST].journal.run(lambda unit: unit.outbox(1))]
    refusal = body_of(await town.gateway.receive(envelope, FIRST))
    assert (refusal.code, refusal.stream.seq) == (P.REPLY_MISMATCH, read(envelope).stream.seq)


async def test_a_library_that_has_lost_nothing_confirms_at_once_and_nobody_waits(town: Alliance) -> None:
    town.back_up_gateway()
    town.restore_gateway()
    await asked_first(town, town[HOME])
    await town.rest()
    assert not await town.database.run(lambda unit: unit.restoring.is_asking(town.clock()))
    assert {code for member in town.members.values() for code in await member.alarms()} <= {P.STREAM_BROKEN}


async def test_an_order_that_comes_back_twice_or_from_a_stranger_counts_once(town: Alliance) -> None:
    conv = await town.order(FIRST)
    await town[HOME].fetch()
    order = await town[HOME].journal.run(lambda unit: unit.envelope(unit.loan(conv).order))
    assert isinstance(body_of(await town.gateway.receive(order, HOME)), Accepted)
    for link in (FIRST, None):
        assert body_of(await town.gateway.receive(order, link)).code is P.REPLAYED


async def test_a_reservation_that_is_granted_anew_and_comes_back_too_is_set_aside_once(town: Alliance) -> None:
    town.back_up_gateway()
    conv = await town.order(FIRST)
    await town.rest()
    known = await town.balances()
    town.restore_gateway()
    await asked_first(town, town[HOME])
    await town.rest()
    assert await town.balances() == known
    assert (await town.loan(conv)).reservation == (await town[HOME].loan(conv)).reservation


async def test_what_comes_again_under_new_numbers_after_a_restore_is_no_replay(town: Alliance) -> None:
    conv = await lent(town)
    town.back_up_gateway()
    await town[PICKUP].scan(BARCODE, conv)
    await town[PICKUP].scan(BARCODE, conv, Step.SEND_BACK)
    await town.rest()
    town.restore_gateway()
    for member in town.members.values():
        await asked_first(town, member)
    await town.rest()
    assert (await town.loan(conv)).custody is Custody.IN_TRANSIT_BACK
    assert {code for member in town.members.values() for code in await member.alarms()} <= {P.STREAM_BROKEN}
