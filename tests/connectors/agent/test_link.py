"""The connector's end of its link: mail both ways, whatever becomes of the gateway; and a hub that says what it likes.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from connectors.agent import link as link_module
from connectors.agent.link import GatewayLink, GatewayUnreachable
from federation.web.link import Links
from schemas.frames import Frame, FrameKind, decode_frame
from schemas.lifecycle import LoanStatus
from schemas.messages import (
    Accepted,
    AnyMessage,
    AvailabilityAnswer,
    AvailabilityQuestion,
    LoanQuestion,
    MessageType,
    Refusal,
)
from schemas.problems import ProblemCode
from tests.alliance import (
    BARCODES,
    FIRST,
    GATEWAY,
    HOME,
    Alliance,
    Member,
    a_hash,
    body_of,
    key_of,
    read,
    sealed,
)

QUESTION = AvailabilityQuestion(barcodes=(BARCODES[HOME],))
ANSWER = AvailabilityAnswer(items=())
Answer = Callable[[AnyMessage, str], Awaitable[bytes | None]]


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Wait until something is so, and return it."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.005)


def answers_nothing(town: Alliance, member: Member) -> Answer:
    async def answer(_question: AnyMessage, _hash: str) -> bytes | None:
        return None

    return answer


def answers(town: Alliance, member: Member) -> Answer:
    async def answer(question: AnyMessage, hash_: str) -> bytes | None:
        return sealed(town.directory, MessageType.AVAILABILITY_ANSWER, member.me, question.src, ANSWER,
                      reply_to=hash_, nonce=question.nonce, now=town.clock()).envelope

    return answer


@asynccontextmanager
async def linked(town: Alliance, url: str, *members: Member, answer: Any = answers) -> AsyncIterator[GatewayLink]:
    """Let these members keep their link to ``url`` up; yields the first one's."""
    links = [GatewayLink(url, member.office, member.journal, answer(town, member), lambda: 0.0) for member in members]
    tasks = [asyncio.create_task(link.run()) for link in links]
    try:
        yield links[0]
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@dataclass
class Hub:
    """The town's real gateway behind a port that stays the same when it goes away and comes back."""

    town: Alliance
    port: int = 0
    runner: web.AppRunner | None = None
    links: Links = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/link"

    async def open(self) -> None:
        gateway = replace(self.town.gateway, wake=lambda agency: self.links.wake(agency))
        self.links = Links(gateway)
        app = web.Application()
        app.router.add_get("/link", self.links.serve)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()
        self.port = self.runner.addresses[0][1]

    async def close(self) -> None:
        if self.runner is not None:
            await self.links.close()
            await self.runner.cleanup()
            self.runner = None


@pytest.fixture
async def hub(town: Alliance) -> AsyncIterator[Hub]:
    opened = Hub(town)
    await opened.open()
    yield opened
    await opened.close()


async def is_quiet(town: Alliance, *members: Member) -> bool:
    ends = await town.database.run(lambda unit: unit.mailboxes.ends())
    for member in members:
        if await member.outbox() or await member.received() != ends.get(member.me, 0):
            return False
    return True


# with the real gateway


async def test_mail_goes_both_ways_over_the_link(town: Alliance, hub: Hub) -> None:
    home, first = town[HOME], town[FIRST]
    async with linked(town, hub.url, home, first) as link:
        await link.is_up.wait()
        conv = await town.order(FIRST)
        hub.links.wake(HOME)
        for member in (home, first):
            await until(member.tasks)
            await member.work()
        await until(lambda: is_quiet(town, home, first))
    assert (await town.loan(conv)).status is LoanStatus.WILL_SUPPLY
    assert (await town.loan(conv)).confirmed is not None
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
    logged = await town.database.run(lambda unit: [unit.messages.of_conversation(conv) for conv in convs])
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
    kinds = [m.type for m in await town.database.run(lambda unit: unit.messages.of_conversation(conv))]
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


# with a hub that says what it likes


@dataclass
class Scripted:
    """A hub by hand: it greets as a gateway does, then ``plays``. ``heard`` are the frames of all connections."""

    town: Alliance
    plays: Callable[["Scripted", web.WebSocketResponse], Awaitable[None]]
    url: str = ""
    heard: list[Frame] = field(default_factory=list)
    connections: int = 0
    greeting: Frame | bytes | str = field(default_factory=lambda: Frame(kind=FrameKind.HELLO, nonce="n" * 32))

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections += 1
        if isinstance(self.greeting, bytes):
            await socket.send_bytes(self.greeting)
        else:
            await socket.send_str(self.greeting.encode() if isinstance(self.greeting, Frame) else self.greeting)
        playing = asyncio.create_task(self.plays(self, socket))
        try:
            async for received in socket:
                if received.type is WSMsgType.TEXT:
                    self.heard.append(decode_frame(received.data))
        finally:
            playing.cancel()
        return socket

    def of_kind(self, kind: FrameKind) -> list[Frame]:
        return [frame for frame in self.heard if frame.kind is kind]


@asynccontextmanager
async def scripted(town: Alliance, plays: Any = None, greeting: Any = None) -> AsyncIterator[Scripted]:
    hub = Scripted(town, plays or silence)
    if greeting is not None:
        hub.greeting = greeting
    app = web.Application()
    app.router.add_get("/link", hub.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hub.url = f"http://127.0.0.1:{runner.addresses[0][1]}/link"
    try:
        yield hub
    finally:
        await runner.cleanup()


async def silence(_hub: Scripted, _socket: web.WebSocketResponse) -> None:
    """Say nothing."""


def says(*frames: Frame) -> Any:
    async def play(hub: Scripted, socket: web.WebSocketResponse) -> None:
        await until(lambda: hub.of_kind(FrameKind.HELLO))
        for frame in frames:
            await socket.send_str(frame.encode())

    return play


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
        await until(lambda: _outbox_empty(home))
    assert [frame.envelope for frame in hub.of_kind(FrameKind.MESSAGE)] == waiting


async def _outbox_empty(member: Member) -> bool:
    return await member.outbox() == []


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


async def deliveries(town: Alliance, count: int) -> list[Frame]:
    for _ in range(count):
        await town.order(FIRST)
    return [Frame(kind=FrameKind.DELIVER, number=entry.number, envelope=entry.envelope.decode(),
                  accepted=entry.accepted.decode()) for entry in await town.gateway.mail(HOME, 0, 0, 99)]


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
        await until(lambda: _outbox_empty(home))
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
