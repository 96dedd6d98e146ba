"""The gateway of a test's alliance at its real front door, and a bare connector that says what a test tells it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer

from federation.app import build_app
from federation.gateway import Gateway
from federation.storage.cache import MemoryCache
from federation.web.link import Links
from schemas.frames import Frame, FrameKind, decode_frame
from schemas.identifiers import AgencyId
from schemas.messages import Hello, MessageType
from tests.alliance import GATEWAY, Alliance, sealed
from trust.keys import SigningKey


@dataclass
class Front:
    """A town's gateway as the world meets it. ``woken`` agencies are told at once, as in production."""

    town: Alliance
    gateway: Gateway
    links: Links
    http: TestClient[Any, Any]
    cache: MemoryCache

    @asynccontextmanager
    async def line(self) -> AsyncIterator["Line"]:
        """Connect, and say nothing yet."""
        async with self.http.ws_connect("/link") as socket:
            yield Line(self.town, socket)

    @asynccontextmanager
    async def connected(self, me: AgencyId, received: int = 0) -> AsyncIterator["Line"]:
        """Connect as a library that has taken in its mail up to ``received``."""
        async with self.line() as line:
            await line.greet(me, received=received)
            await until(lambda: me in self.links.connected())
            yield line


@dataclass
class Line:
    """One connection of a connector."""

    town: Alliance
    socket: ClientWebSocketResponse

    async def hello(self) -> Frame:
        """Return the gateway's challenge."""
        return await self.hear()

    async def greet(self, me: AgencyId, *, received: int = 0, nonce: str | None = None, key: SigningKey | None = None,
                    kind: MessageType = MessageType.HELLO, body: Any = None, **header: Any) -> str:
        """Answer the challenge, honestly or not; return the envelope that was sent."""
        challenge = await self.hello()
        said = body or Hello(nonce=challenge.nonce if nonce is None else nonce, received=received)
        header = {"expires": self.town.clock() + timedelta(minutes=5), **header}
        envelope = sealed(self.town.directory, kind, me, header.pop("dst", GATEWAY), said, key,
                          now=header.pop("created", self.town.clock()), **header).envelope.decode()
        await self.say(FrameKind.HELLO, envelope=envelope)
        return envelope

    async def say(self, kind: FrameKind, **fields: Any) -> None:
        await self.socket.send_str(Frame(kind=kind, **fields).encode())

    async def hear(self, seconds: float = 5.0) -> Frame:
        heard = await self.socket.receive(timeout=seconds)
        assert heard.type is WSMsgType.TEXT, f"the line ended: {heard}"
        return decode_frame(heard.data)

    async def ended(self, seconds: float = 5.0) -> int | None:
        """Return the code that the gateway closed the line with."""
        async with asyncio.timeout(seconds):
            while (await self.socket.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING,
                                                             WSMsgType.ERROR):
                pass
        return self.socket.close_code

    async def is_silent(self, seconds: float = 0.15) -> bool:
        try:
            await self.socket.receive(timeout=seconds)
        except TimeoutError:
            return True
        return False



async def until(condition: Any, seconds: float = 5.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def front_of(town: Alliance) -> AsyncIterator[Front]:
    """Open a town's front door: its gateway wakes the links, its application listens on loopback."""
    links: Links
    gateway = replace(town.gateway, wake=lambda agency: links.wake(agency))
    links = Links(gateway)
    town.gateway = gateway
    for member in town.members.values():
        member.gateway = gateway
    cache = MemoryCache(asyncio.get_running_loop().time)
    app = build_app(gateway, links, cache)
    async with TestClient(TestServer(app)) as http:
        try:
            yield Front(town, gateway, links, http, cache)
        finally:
            await links.close()
