"""The connector's end of its link to a hub that says what it likes: frames, deliveries, questions, answers."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from connectors.agent import link as link_module
from connectors.agent.link import GatewayUnreachable
from schemas.frames import Frame, FrameKind
from schemas.messages import Accepted, AnyMessage, MessageType, Refusal
from schemas.problems import ProblemCode
from tests.alliance import FIRST, GATEWAY, HOME, Alliance, Member, a_hash, body_of, key_of, read, sealed
from tests.connectors.agent.hubs import (
    ANSWER,
    QUESTION,
    Answer,
    Scripted,
    answers,
    deliveries,
    linked,
    outbox_empty,
    says,
    scripted,
    until,
)


async def test_the_connector_proves_who_it_is_and_says_what_it_has_taken_in(town: Alliance) -> None:
    await town[HOME].journal.run(lambda unit: unit.set_fact("received", "41"))
    async with scripted(town) as hub, linked(town, hub.url, town[HOME]):
        (hello,) = await until(lambda: hub.of_kind(FrameKind.HELLO))
    message = read(hello.envelope.encode())
    assert (message.src, message.dst, message.body.nonce, message.body.received) == (HOME, GATEWAY, "n" * 32, 41)


@pytest.mark.parametrize("greeting", [
    b"\x00\x01", "hello", "{}", Frame(kind=FrameKind.DELIVER, number=1), Frame(kind=FrameKind.HELLO),
    Frame(kind=FrameKind.HELLO, nonce=""),
])
async def test_a_hub_that_does_not_begin_with_its_challenge_is_left_and_tried_again(town: Alliance,
                                                                                   greeting: Any) -> None:
    async with scripted(town, greeting=greeting) as hub, linked(town, hub.url, town[HOME]) as link:
        await until(lambda: hub.connections >= 2)
        assert not link.is_up.is_set()
    assert hub.heard == []


@pytest.mark.parametrize("frame", [
    Frame(kind=FrameKind.HELLO), Frame(kind=FrameKind.MESSAGE), Frame(kind=FrameKind.RECEIVED, number=1)])
async def test_a_frame_that_a_gateway_does_not_send_ends_the_link(town: Alliance, frame: Frame) -> None:
    async with scripted(town, says(frame)) as hub, linked(town, hub.url, town[HOME]):
        await until(lambda: hub.connections >= 2)


async def test_an_own_message_waits_for_the_answer_to_the_one_before(town: Alliance) -> None:
    for _ in range(3):
        await town.order(FIRST)
    home = town[HOME]
    await home.fetch()
    await home.work()
    waiting = [envelope.decode() for _, envelope in await home.journal.run(lambda unit: unit.outbox(99))]

    async def play(hub: Scripted, socket: web.WebSocketResponse) -> None:
        for count in range(1, len(waiting) + 1):
            await until(lambda count=count: len(hub.of_kind(FrameKind.MESSAGE)) == count)
            await asyncio.sleep(0.01)
            frame = hub.of_kind(FrameKind.MESSAGE)[-1]
            assert len(hub.of_kind(FrameKind.MESSAGE)) == count
            answer = await town.gateway.receive(frame.envelope.encode(), HOME)
            await socket.send_str(Frame(kind=FrameKind.REPLY, number=frame.number, envelope=answer.decode()).encode())

    async with scripted(town, play) as hub, linked(town, hub.url, home):
        await until(lambda: outbox_empty(home))
    assert [frame.envelope for frame in hub.of_kind(FrameKind.MESSAGE)] == waiting



async def test_an_answer_under_another_number_is_nobody_s(town: Alliance) -> None:
    await town.order(FIRST)
    home = town[HOME]
    await home.fetch()
    before = await home.outbox()

    async def play(hub: Scripted, socket: web.WebSocketResponse) -> None:
        (frame,) = await until(lambda: hub.of_kind(FrameKind.MESSAGE))
        answer = await town.gateway.receive(frame.envelope.encode(), HOME)
        for number in (0, frame.number + 1, 99):
            await socket.send_str(Frame(kind=FrameKind.REPLY, number=number, envelope=answer.decode()).encode())

    async with scripted(town, play) as hub, linked(town, hub.url, home):
        await until(lambda: hub.of_kind(FrameKind.MESSAGE))
        await asyncio.sleep(0.1)
    assert await home.outbox() == before


async def test_a_gateway_that_does_not_answer_is_given_up_and_asked_again(town: Alliance,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "REPLY_SECONDS_MAX", 0.1)
    await town.order(FIRST)
    home = town[HOME]
    await home.fetch()
    before = await home.outbox()
    async with scripted(town) as hub, linked(town, hub.url, home) as link:
        await until(lambda: len(hub.of_kind(FrameKind.MESSAGE)) >= 2)
        assert len({frame.envelope for frame in hub.of_kind(FrameKind.MESSAGE)}) == 1
        await link.is_up.wait()
        with pytest.raises(GatewayUnreachable):
            await link.ask(b"question")
    assert await home.outbox() == before


async def test_a_question_ends_with_its_link(town: Alliance) -> None:
    async def play(hub: Scripted, socket: web.WebSocketResponse) -> None:
        await until(lambda: hub.of_kind(FrameKind.QUESTION))
        await socket.close()

    async with scripted(town, play) as hub, linked(town, hub.url, town[HOME]) as link:
        await link.is_up.wait()
        with pytest.raises(GatewayUnreachable):
            await link.ask(b"question")


@pytest.mark.parametrize("moments", [0, 1, 2, 3, 5, 8])
async def test_a_link_that_is_told_to_stop_stops_though_it_breaks_at_that_moment(town: Alliance, moments: int) -> None:
    """Else the connector would not end when it is asked to."""
    async def play(hub: Scripted, socket: web.WebSocketResponse) -> None:
        await until(lambda: hub.of_kind(FrameKind.QUESTION))
        await socket.close()

    async with scripted(town, play) as hub, linked(town, hub.url, town[HOME]) as link:
        await link.is_up.wait()
        with pytest.raises(GatewayUnreachable):
            await link.ask(b"question")
        for _ in range(moments):
            await asyncio.sleep(0)


# deliveries


async def test_mail_is_acknowledged_when_it_is_durable(town: Alliance) -> None:
    frames = await deliveries(town, 3)
    async with scripted(town, says(*frames)) as hub, linked(town, hub.url, town[HOME]):
        await until(lambda: len(hub.of_kind(FrameKind.RECEIVED)) == 3)
    assert [frame.number for frame in hub.of_kind(FrameKind.RECEIVED)] == [1, 2, 3]
    assert await town[HOME].received() == 3


async def test_a_refused_delivery_is_not_acknowledged_and_the_next_one_is(town: Alliance) -> None:
    first, second, third = await deliveries(town, 3)
    lie = second.model_copy(update={"envelope": first.envelope, "accepted": first.accepted})
    after = third.model_copy(update={"envelope": second.envelope, "accepted": second.accepted})
    async with scripted(town, says(first, lie, after)) as hub, linked(town, hub.url, town[HOME]) as link:
        await until(lambda: len(hub.of_kind(FrameKind.RECEIVED)) == 2)
        assert link.is_up.is_set()
    assert [frame.number for frame in hub.of_kind(FrameKind.RECEIVED)] == [1, 3]
    assert await town[HOME].alarms() == ["replayed"]


async def test_mail_that_only_the_clock_forbids_is_not_passed_over(town: Alliance) -> None:
    """A clock that is slow by minutes must not lose what is behind the first message from the future."""
    town.clock.forward(minutes=5)
    frames = await deliveries(town, 2)
    town.clock.forward(minutes=-5)
    async with scripted(town, says(*frames)) as hub, linked(town, hub.url, town[HOME]):
        await until(lambda: hub.connections >= 2)
        assert hub.of_kind(FrameKind.RECEIVED) == []
        town.clock.forward(minutes=5)
        await until(lambda: len(hub.of_kind(FrameKind.RECEIVED)) == 2)
    assert set(await town[HOME].alarms()) == {"from_the_future"}
    assert await town[HOME].received() == 2


# questions


def question(town: Alliance, **changes: Any) -> Frame:
    message = sealed(town.directory, MessageType.AVAILABILITY_QUESTION, changes.pop("src", GATEWAY),
                     changes.pop("dst", HOME), QUESTION, nonce="n-1", **changes)
    return Frame(kind=FrameKind.QUESTION, number=7, envelope=message.envelope.decode())


async def test_a_question_has_its_answer_under_its_own_number(town: Alliance) -> None:
    asked = question(town)
    async with scripted(town, says(asked)) as hub, linked(town, hub.url, town[HOME]):
        (answer,) = await until(lambda: hub.of_kind(FrameKind.ANSWER))
    assert (answer.number, body_of(answer.envelope.encode())) == (7, ANSWER)


@pytest.mark.parametrize("changes", [
    {"src": FIRST}, {"dst": FIRST}, {"key": key_of(FIRST)}, {"expires": -1}])
async def test_a_question_by_somebody_else_or_to_somebody_else_or_too_old_is_not_answered(town: Alliance,
                                                                                        changes: Any) -> None:
    if "expires" in changes:
        changes = {"expires": town.clock()}
    asked, honest = question(town, **changes), question(town).model_copy(update={"number": 8})
    async with scripted(town, says(asked, honest)) as hub, linked(town, hub.url, town[HOME]):
        await until(lambda: hub.of_kind(FrameKind.ANSWER))
    assert [frame.number for frame in hub.of_kind(FrameKind.ANSWER)] == [8]


async def test_a_slow_answer_holds_up_neither_mail_nor_other_questions(town: Alliance) -> None:
    gate = asyncio.Event()

    def slow_at_first(town: Alliance, member: Member) -> Answer:
        quick = answers(town, member)
        asked = iter((True, False))

        async def answer(message: AnyMessage, hash_: str) -> bytes | None:
            if next(asked):
                await gate.wait()
            return await quick(message, hash_)

        return answer

    frames = [question(town), question(town, created=town.clock()).model_copy(update={"number": 8}),
              *await deliveries(town, 1)]
    async with scripted(town, says(*frames)) as hub, linked(town, hub.url, town[HOME], answer=slow_at_first):
        await until(lambda: hub.of_kind(FrameKind.ANSWER) and hub.of_kind(FrameKind.RECEIVED))
        assert [frame.number for frame in hub.of_kind(FrameKind.ANSWER)] == [8]
        gate.set()
        await until(lambda: len(hub.of_kind(FrameKind.ANSWER)) == 2)


# what the gateway refuses


async def test_a_message_that_is_refused_for_now_is_sent_again_after_a_pause(town: Alliance,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "PAUSE_SECONDS_MAX", 0.05)
    await town.order(FIRST)
    home = town[HOME]
    await home.fetch()

    async def play(hub: Scripted, socket: web.WebSocketResponse) -> None:
        for count, code in ((1, ProblemCode.NEWER_DIRECTORY), (2, None)):
            await until(lambda count=count: len(hub.of_kind(FrameKind.MESSAGE)) == count)
            frame = hub.of_kind(FrameKind.MESSAGE)[-1]
            answer = await town.gateway.receive(frame.envelope.encode(), HOME) if code is None else sealed(
                town.directory, MessageType.REFUSAL, GATEWAY, GATEWAY,
                Refusal(message=a_hash("none"), code=code, detail="refresh")).envelope
            await socket.send_str(Frame(kind=FrameKind.REPLY, number=frame.number, envelope=answer.decode()).encode())

    async with scripted(town, play) as hub, linked(town, hub.url, home):
        await until(lambda: outbox_empty(home))
    assert await home.alarms() == ["newer_directory"]


async def test_the_hub_cannot_end_a_message_s_stay_by_an_answer_to_another(town: Alliance,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "PAUSE_SECONDS_MAX", 0.05)
    await town.order(FIRST)
    home = town[HOME]
    await home.fetch()
    before = await home.outbox()

    async def play(hub: Scripted, socket: web.WebSocketResponse) -> None:
        for seen in range(99):
            await until(lambda seen=seen: len(hub.of_kind(FrameKind.MESSAGE)) > seen)
            frame = hub.of_kind(FrameKind.MESSAGE)[seen]
            lie = sealed(town.directory, MessageType.ACCEPTED, GATEWAY, HOME,
                         Accepted(message=a_hash("another"), index=1, arrived=town.clock())).envelope
            await socket.send_str(Frame(kind=FrameKind.REPLY, number=frame.number, envelope=lie.decode()).encode())

    async with scripted(town, play) as hub, linked(town, hub.url, home):
        await until(lambda: len(hub.of_kind(FrameKind.MESSAGE)) >= 3)
    assert await home.outbox() == before
    assert set(await home.alarms()) == {"reply_mismatch"}


async def test_the_link_s_log_says_what_happened_and_nothing_that_was_said(town: Alliance,
                                                                         caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    frames = await deliveries(town, 1)
    lie = frames[0].model_copy(update={"number": 2})
    plays = says(*frames, lie, Frame(kind=FrameKind.RECEIVED))
    async with scripted(town, plays) as hub, linked(town, hub.url, town[HOME]):
        await until(lambda: hub.connections >= 2)
    assert "delivery 2 refused" in caplog.text
    order = read(frames[0].envelope.encode()).body
    for said in (order.signed_order, order.bib.title, frames[0].envelope, "31000001"):
        assert said not in caplog.text


# the gateway's time


async def test_a_connector_whose_clock_is_wrong_does_not_answer_the_challenge_until_a_greeting_shows_it_right(
        town: Alliance) -> None:
    greeting = Frame(kind=FrameKind.HELLO, nonce="n" * 32, at=town.clock() + timedelta(minutes=7))
    async with scripted(town, greeting=greeting) as hub, linked(town, hub.url, town[HOME]) as link:
        await until(lambda: hub.connections >= 2)
        assert (hub.heard, link.is_up.is_set()) == ([], False)
        assert await town[HOME].alarms() == [ProblemCode.CLOCK_WRONG]
        town.clock.forward(minutes=7)
        await link.is_up.wait()
        await until(lambda: hub.of_kind(FrameKind.HELLO))


async def test_a_connector_whose_clock_is_off_is_connected_and_tells(town: Alliance) -> None:
    greeting = Frame(kind=FrameKind.HELLO, nonce="n" * 32, at=town.clock() - timedelta(seconds=40))
    async with scripted(town, greeting=greeting) as hub, linked(town, hub.url, town[HOME]) as link:
        await link.is_up.wait()
    assert await town[HOME].alarms() == [ProblemCode.CLOCK_WRONG]
