"""The gateway's end of the connectors' links: WebSockets that are authenticated, drained and asked.

A connector proves by a signed answer to a nonce which library it speaks for; one library's key never opens another's
mailbox. Deliveries follow the mailbox's numbers and wait for an acknowledgement of each; at most one link per library
is in use, the newest.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from aiohttp import ClientError, WSMsgType, web

from federation.gateway import Gateway
from federation.ports import Delivery
from schemas.dialogue import rule_of
from schemas.directory import Role
from schemas.frames import FRAME_BYTES_MAX, Frame, FrameKind, MalformedFrame, decode_frame
from schemas.identifiers import AgencyId, Wire
from schemas.messages import AnyMessage, Hello, MessageType
from trust.errors import NoKeyInUse, TrustError

log = logging.getLogger(__name__)

HELLO_SECONDS_MAX = 10.0
HEARTBEAT_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 5.0
"""A wake-up from another replica may be lost with the cache; the mailbox itself is looked into this often."""
BATCH = 32
QUESTIONS_MAX = 64
"""Questions that one library has not answered yet; it is asked no more before it answers some."""
UNACKNOWLEDGED_MAX = 256
"""Deliveries on their way to one library. One that it refuses is never acknowledged, and must not stop the next."""


class LibraryUnreachable(Exception):
    """The library has no link, or did not answer in time."""


class Links:
    """The libraries that are connected now."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._links: dict[str, _Link] = {}

    def wake(self, agency: str) -> None:
        """There is mail for a library; deliver it if it is connected here."""
        link = self._links.get(agency)
        if link is not None:
            link.mail.set()

    def connected(self) -> frozenset[str]:
        """Return the libraries with a link."""
        return frozenset(self._links)

    async def ask(self, agency: AgencyId, kind: MessageType, body: Wire, seconds: float) -> AnyMessage:
        """Ask a library a question and return its verified answer.

        Raises:
            LibraryUnreachable: no link, no answer in time, or an answer to something else.
        """
        link = self._links.get(agency)
        if link is None:
            raise LibraryUnreachable(f"{agency} is not connected")
        question = self._gateway.question(kind, agency, body)
        answer = await link.ask(question.envelope, seconds)
        try:
            verified = self._gateway.open(answer, self._gateway.me)
        except TrustError as error:
            raise LibraryUnreachable(f"{agency} answered with something that is refused: {error}") from error
        message = verified.message
        if verified.signer != agency or message.reply_to != question.hash or kind not in rule_of(message.type).answers:
            raise LibraryUnreachable(f"{agency} answered another question")
        return message

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Handle one connector's connection from its challenge to its end."""
        socket = web.WebSocketResponse(max_msg_size=FRAME_BYTES_MAX, heartbeat=HEARTBEAT_SECONDS)
        await socket.prepare(request)
        try:
            agency, received = await self._admit(socket)
        except (TrustError, MalformedFrame, TimeoutError, TypeError) as error:
            log.warning("a link was not admitted: %s", error)
            await socket.close(code=4403, message=b"not admitted")
            return socket
        if received > (end := await self._gateway.mailbox_end(agency)):
            log.warning("%s has received mail up to number %d and its mailbox here ends at %d: this database was "
                        "restored from a copy, and every library is asked for what it has lost", agency, received, end)
            await self._gateway.has_forgotten(agency, received)
        link = _Link(socket, agency, self._gateway)
        await self._replace(agency, link)
        try:
            await link.run()
        finally:
            if self._links.get(agency) is link:
                del self._links[agency]
        return socket

    async def close(self) -> None:
        """Close every link; connectors come back by themselves."""
        for link in list(self._links.values()):
            await link.socket.close()

    async def _admit(self, socket: web.WebSocketResponse) -> tuple[AgencyId, int]:
        nonce = secrets.token_hex(16)
        gateway = self._gateway
        await socket.send_str(Frame(kind=FrameKind.HELLO, nonce=nonce, at=gateway.clock()).encode())
        frame = decode_frame(await socket.receive_str(timeout=HELLO_SECONDS_MAX))
        verified = gateway.open((frame.envelope or "").encode(), gateway.me)
        body, role = verified.message.body, gateway.directory().directory.by_id[verified.signer].role
        if not isinstance(body, Hello) or body.nonce != nonce or role is not Role.LIBRARY:
            raise MalformedFrame("the connection did not answer this gateway's challenge as a library")
        return verified.signer, body.received

    async def _replace(self, agency: str, link: "_Link") -> None:
        old = self._links.get(agency)
        self._links[agency] = link
        if old is not None:
            await old.socket.close()


class _Link:
    """One connected library."""

    def __init__(self, socket: web.WebSocketResponse, agency: AgencyId, gateway: Gateway) -> None:
        self.socket = socket
        self.mail = asyncio.Event()
        self._agency = agency
        self._received = self._sent = 0
        self._gateway = gateway
        self._numbers = 0
        self._answers: dict[int, asyncio.Future[str]] = {}
        self._acknowledged = asyncio.Event()

    async def run(self) -> None:
        """Deliver and receive until the connection ends."""
        sender = asyncio.create_task(self._deliver_or_close())
        try:
            async for received in self.socket:
                if received.type is not WSMsgType.TEXT:
                    break
                await self._take(decode_frame(received.data))
        except (MalformedFrame, ConnectionError, ClientError, NoKeyInUse) as error:
            log.warning("%s: %s", self._agency, error)
        finally:
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender
            await self._gateway.received(self._agency, self._received)
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ConnectionResetError("the link broke"))

    async def ask(self, envelope: bytes, seconds: float) -> bytes:
        """Send a question and return the answer's envelope."""
        if len(self._answers) >= QUESTIONS_MAX:
            raise LibraryUnreachable(f"{self._agency} has {QUESTIONS_MAX} questions to answer first")
        self._numbers += 1
        number = self._numbers
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            await self._send(Frame(kind=FrameKind.QUESTION, number=number, envelope=envelope.decode()))
            async with asyncio.timeout(seconds):  # wait_for can lose a cancellation
                return (await answer).encode()
        except (TimeoutError, ConnectionError, ClientError) as error:
            raise LibraryUnreachable(f"{self._agency} did not answer within {seconds:g} s") from error
        finally:
            self._answers.pop(number, None)

    async def _take(self, frame: Frame) -> None:
        if frame.kind is FrameKind.MESSAGE:
            await self._reply(frame, FrameKind.REPLY, partial(self._gateway.receive, link=self._agency))
        elif frame.kind is FrameKind.QUESTION:
            await self._reply(frame, FrameKind.ANSWER, partial(self._gateway.answer, link=self._agency))
        elif frame.kind is FrameKind.ANSWER:
            answer = self._answers.get(frame.number)
            if answer is not None and not answer.done():
                answer.set_result(frame.envelope or "")
        elif frame.kind is FrameKind.RECEIVED:
            if frame.number > self._sent:
                raise MalformedFrame(f"received {frame.number}, while no more than {self._sent} was sent")
            self._received = max(self._received, frame.number)
            self._acknowledged.set()
        else:
            raise MalformedFrame(f"a connector does not send frames of kind {frame.kind}")

    async def _reply(self, frame: Frame, kind: FrameKind, decide: Callable[[bytes], Awaitable[bytes]]) -> None:
        answer = await decide((frame.envelope or "").encode())
        await self._send(Frame(kind=kind, number=frame.number, envelope=answer.decode()))

    async def _send(self, frame: Frame) -> None:
        await self.socket.send_str(frame.encode())

    async def _deliver_or_close(self) -> None:
        """A link that can bring no mail any more ends, so that the connector comes back."""
        try:
            await self._deliver()
        except (ConnectionError, ClientError) as error:
            log.info("%s: %s", self._agency, error)
        except Exception:
            log.exception("%s: its mail cannot be brought", self._agency)
        await self.socket.close()

    async def _deliver(self) -> None:
        """Send what the mailbox holds: what nobody has acknowledged, and only so much ahead of that."""
        while True:
            self.mail.clear()
            entries = await self._gateway.mail(self._agency, self._received, self._sent, BATCH)
            for entry in entries:
                self._sent = entry.number
                await self._send(_delivery(entry))
            await self._wait_for(self._sent - UNACKNOWLEDGED_MAX)
            if not entries:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                        await self.mail.wait()

    async def _wait_for(self, number: int) -> None:
        while self._received < number:
            self._acknowledged.clear()
            await self._acknowledged.wait()


def _delivery(entry: Delivery) -> Frame:
    return Frame(kind=FrameKind.DELIVER, number=entry.number, envelope=entry.envelope.decode(),
                 accepted=entry.accepted.decode() or None)
