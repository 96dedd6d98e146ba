"""The connector's end of its link to the real gateway: mail both ways, whatever becomes of the gateway."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from connectors.agent.link import GatewayLink, GatewayUnreachable
from schemas.lifecycle import LoanStatus
from schemas.messages import MessageType
from schemas.questions import LoanQuestion
from tests.alliance import FIRST, GATEWAY, HOME, Alliance, body_of, sealed
from tests.connectors.agent.hubs import ANSWER, QUESTION, Hub, answers_nothing, is_quiet, linked, until


@pytest.fixture
async def hub(town: Alliance) -> AsyncIterator[Hub]:
    opened = Hub(town)
    await opened.open()
    yield opened
    await opened.close()


async def test_mail_goes_both_ways_over_the_link(town: Alliance, hub: Hub) -> None:
    home, first = town[HOME], town[FIRST]
    async with linked(town, hub.url, home, first) as link:
        await link.is_up.wait()
        conv = await town.order(FIRST)
        hub.links.wake(HOME)
        for member in (home, first):
            await until(member.tasks)
            await member.work()

        async def is_confirmed() -> bool:
            return (await town.loan(conv)).confirmed is not None

        await until(is_confirmed)
        await until(lambda: is_quiet(town, home, first))
    assert (await town.loan(conv)).status is LoanStatus.WILL_SUPPLY
    assert (await home.alarms(), await first.alarms()) == ([], [])


async def test_what_is_said_while_the_gateway_is_away_arrives_in_its_order_when_it_is_back(town: Alliance,
                                                                                         hub: Hub) -> None:
    home = town[HOME]
    convs = [await town.order(FIRST) for _ in range(3)]
    async with linked(town, hub.url, home) as link:
        await until(lambda: is_quiet(town, home))
        await hub.close()
        await until(lambda: not link.is_up.is_set())
        await home.work()
        said = [m.stream.seq for m in await home.outbox() if m.stream]
        assert (len(said), said) == (3, sorted(said))
        await hub.open()
        await until(lambda: is_quiet(town, home))
    logged = [await town.said(conv) for conv in convs]
    kinds = [[m.type for m in messages if m.src == HOME and m.type != MessageType.CONFIRMATION] for messages in logged]
    assert kinds == [["ReservationAsked", "Request"]] * 3
    assert await home.alarms() == []


async def test_the_mailbox_goes_on_behind_what_is_durable_here(town: Alliance, hub: Hub) -> None:
    home = town[HOME]
    await town.order(FIRST)
    async with linked(town, hub.url, home):
        await until(lambda: is_quiet(town, home))
    await hub.close()
    await town.order(FIRST)
    await hub.open()
    async with linked(town, hub.url, home):
        await until(lambda: is_quiet(town, home))
    assert (await home.received(), await home.alarms()) == (2, [])
    assert await town.gateway.mail(HOME, 2, 2, 9) == []


async def test_a_restart_in_the_middle_takes_nothing_in_twice_and_says_nothing_twice(town: Alliance, hub: Hub) -> None:
    home = town[HOME]
    conv = await town.order(FIRST)
    await home.fetch()
    await home.work()
    for hash_, envelope in await home.journal.run(lambda unit: unit.outbox(9)):
        await town.gateway.receive(envelope, HOME)
        assert await home.journal.run(lambda unit, h=hash_: h in [entry for entry, _ in unit.outbox(9)])
    size = await town.log_size()
    async with linked(town, hub.url, home):
        await until(lambda: is_quiet(town, home))
    kinds = [m.type for m in await town.said(conv)]
    assert (kinds.count("ReservationAsked"), kinds.count("Request")) == (1, 1)
    assert await town.log_size() > size
    assert await home.alarms() == []


async def test_the_gateway_s_questions_are_answered_and_the_counter_s_too(town: Alliance, hub: Hub) -> None:
    async with linked(town, hub.url, town[HOME]) as link:
        await link.is_up.wait()
        await until(lambda: HOME in hub.links.connected())
        answer = await hub.links.ask(HOME, MessageType.AVAILABILITY_QUESTION, QUESTION, 5.0)
        assert answer.body == ANSWER
        question = sealed(town.directory, MessageType.LOAN_QUESTION, HOME, GATEWAY, LoanQuestion(barcode="1"))
        assert body_of(await link.ask(question.envelope)).loans == ()


async def test_without_a_link_a_question_fails_at_once(town: Alliance) -> None:
    link = GatewayLink("http://127.0.0.1:1/link", town[HOME].office, town[HOME].journal,
                       answers_nothing(town, town[HOME]), lambda: 0.0)
    with pytest.raises(GatewayUnreachable, match="no link"):
        await link.ask(b"question")


async def test_a_gateway_that_never_was_there_is_tried_again_and_again(town: Alliance) -> None:
    async with linked(town, "http://127.0.0.1:1/link", town[HOME]) as link:
        await asyncio.sleep(0.4)
        assert not link.is_up.is_set()


async def test_whoever_wants_to_know_is_told_each_time_the_link_comes_up(town: Alliance, hub: Hub) -> None:
    ups: list[bool] = []
    home = town[HOME]
    link = GatewayLink(hub.url, home.office, home.journal, answers_nothing(town, home), lambda: 0.0,
                       came_up=lambda: ups.append(link.is_up.is_set()))
    running = asyncio.create_task(link.run())
    try:
        for connections in (1, 2):
            await until(lambda: len(ups) == connections)  # noqa: B023  awaited before it changes
            await hub.close()
            await until(lambda: not link.is_up.is_set())
            await hub.open()
    finally:
        running.cancel()
        await asyncio.wait({running})
    assert all(ups)
