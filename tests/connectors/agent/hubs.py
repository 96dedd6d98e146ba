"""Hubs for the connector's link: the town's real gateway behind a port, and one by hand that says what it likes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import WSMsgType, web

from connectors.agent.link import GatewayLink
from federation.web.link import Links
from schemas.frames import Frame, FrameKind, decode_frame
from schemas.messages import AnyMessage, MessageType
from schemas.questions import AvailabilityAnswer, AvailabilityQuestion
from tests.alliance import BARCODES, FIRST, HOME, Alliance, Member, sealed

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


async def is_quiet(town: Alliance, *members: Member) -> bool:
    ends = await town.database.run(lambda unit: unit.mailboxes.ends())
    for member in members:
        if await member.outbox() or await member.received() != ends.get(member.me, 0):
            return False
    return True


async def outbox_empty(member: Member) -> bool:
    return await member.outbox() == []


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


async def deliveries(town: Alliance, count: int) -> list[Frame]:
    for _ in range(count):
        await town.order(FIRST)
    return [Frame(kind=FrameKind.DELIVER, number=entry.number, envelope=entry.envelope.decode(),
                  accepted=entry.accepted.decode()) for entry in await town.gateway.mail(HOME, 0, 0, 99)]
