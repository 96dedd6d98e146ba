"""The one outbound connection of a connector: mail both ways over a WebSocket, and the gateway's questions.

Delivery is at least once in both directions and idempotent by hash. The outbox is sent in order, each entry after
the gateway has answered for the one before; the mailbox comes in order and is acknowledged by number once durable.
A lost connection costs nothing: both ends begin again where their databases stand.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from ssl import SSLContext

from aiohttp import ClientError, ClientWebSocketResponse, WSMsgType

from connectors.agent.entry import CannotSign, Refused
from connectors.agent.hub import open_session
from connectors.agent.journal import Journal
from connectors.agent.office import MAY_PASS, Office
from schemas.frames import FRAME_BYTES_MAX, Frame, FrameKind, MalformedFrame, decode_frame
from schemas.messages import AnyMessage, Hello, Message, MessageType
from schemas.problems import ProblemCode
from trust.errors import TrustError

log = logging.getLogger(__name__)

Answer = Callable[[AnyMessage, str], Awaitable[bytes | None]]
"""Answers a question of the gateway (its message and hash) with a sealed envelope, or not at all."""

HELLO_LIFE = timedelta(minutes=5)
PAUSE_SECONDS_MAX = 15.0
PAUSE_SECONDS_MIN = 0.2
REPLY_SECONDS_MAX = 30.0
HEARTBEAT_SECONDS = 20.0


class GatewayUnreachable(Exception):
    """The link is down; what waits in the outbox is sent when it is up again."""


def _nobody_to_tell() -> None:
    return None


class GatewayLink:
    """Keeps the connection up and the mail moving until cancelled. ``came_up`` is called each time it is up again."""

    def __init__(self, url: str, office: Office, journal: Journal, answer: Answer, random: Callable[[], float], *,
                 tls: SSLContext | None = None, came_up: Callable[[], None] = _nobody_to_tell) -> None:
        self._url = url
        self._office = office
        self._journal = journal
        self._answer = answer
        self._random = random
        self._tls = tls
        self._came_up = came_up
        self._numbers = 0
        self._replies: dict[int, asyncio.Future[str]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._socket: ClientWebSocketResponse | None = None
        self.is_up = asyncio.Event()

    async def run(self) -> None:
        """Connect, and connect again with growing, jittered pauses."""
        pause = PAUSE_SECONDS_MIN
        async with open_session(self._tls, REPLY_SECONDS_MAX) as http:
            while True:
                try:
                    async with http.ws_connect(self._url, max_msg_size=FRAME_BYTES_MAX,
                                               heartbeat=HEARTBEAT_SECONDS) as socket:
                        await self._serve(socket)
                        pause = PAUSE_SECONDS_MIN
                except (ClientError, OSError, TimeoutError, GatewayUnreachable, MalformedFrame, Refused) as error:
                    log.info("link to the gateway lost: %s", error)
                except Exception:  # a message this program cannot digest stops its own mail, never the library's work
                    log.exception("the link failed and begins again")
                await asyncio.sleep(pause * (0.5 + self._random()))
                pause = min(pause * 2, PAUSE_SECONDS_MAX)

    async def ask(self, envelope: bytes) -> bytes:
        """Ask the gateway a question and return its answer's envelope.

        Raises:
            GatewayUnreachable: no link, or no answer in time.
        """
        return (await self._exchange(FrameKind.QUESTION, envelope)).encode()

    async def _serve(self, socket: ClientWebSocketResponse) -> None:
        await self._say_hello(socket)
        self._socket = socket
        self.is_up.set()
        self._came_up()
        sender = asyncio.create_task(self._send(socket))
        try:
            async for received in socket:
                if received.type is not WSMsgType.TEXT:
                    break
                await self._take(socket, decode_frame(received.data))
        finally:
            self.is_up.clear()
            self._socket = None
            self._fail_waiting()
            sender.cancel()
            await asyncio.wait({sender})  # unlike awaiting it, this lets a cancellation of the link itself through
            if not sender.cancelled():
                sender.result()

    async def _say_hello(self, socket: ClientWebSocketResponse) -> None:
        """Answer the gateway's nonce, signed; say up to which number the mailbox has been taken in.

        A clock that its greeting shows to be wrong signs nothing, this answer neither: the next greeting is waited for.
        """
        first = await socket.receive(timeout=REPLY_SECONDS_MAX)
        if first.type is not WSMsgType.TEXT:
            raise GatewayUnreachable("the connection ended before the gateway's challenge")
        challenge = decode_frame(first.data)
        if challenge.kind is not FrameKind.HELLO or not challenge.nonce:
            raise MalformedFrame("the gateway did not begin with its challenge")
        received = int(await self._journal.run(lambda unit: unit.fact("received", "0")))
        office = self._office
        if challenge.at is not None:
            await office.greeted(challenge.at)
        header = office.header(MessageType.HELLO, office.gateway, office.clock(), HELLO_LIFE)
        body = Hello(nonce=challenge.nonce, received=received)
        sealed = office.seal(Message[Hello](**header, nonce=challenge.nonce, body=body))
        await socket.send_str(Frame(kind=FrameKind.HELLO, envelope=sealed.envelope.decode()).encode())

    async def _take(self, socket: ClientWebSocketResponse, frame: Frame) -> None:
        envelope = (frame.envelope or "").encode()
        if frame.kind is FrameKind.DELIVER:
            await self._deliver(socket, frame, envelope)
        elif frame.kind is FrameKind.QUESTION:
            answering = asyncio.create_task(self._answer_question(socket, frame.number, envelope))
            self._answering.add(answering)
            answering.add_done_callback(self._answering.discard)
        elif frame.kind in (FrameKind.REPLY, FrameKind.ANSWER):
            waiting = self._replies.pop(frame.number, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(frame.envelope or "")
        else:
            raise MalformedFrame(f"the gateway sent a frame of kind {frame.kind}")

    async def _deliver(self, socket: ClientWebSocketResponse, frame: Frame, envelope: bytes) -> None:
        try:
            await self._office.deliver(frame.number, envelope, (frame.accepted or "").encode())
        except Refused as error:
            log.warning("delivery %d refused: %s", frame.number, error)
            if error.code in MAY_PASS or isinstance(error, CannotSign):
                raise GatewayUnreachable("mail that cannot be taken in yet is asked for again later") from error
            return
        await socket.send_str(Frame(kind=FrameKind.RECEIVED, number=frame.number).encode())

    async def _answer_question(self, socket: ClientWebSocketResponse, number: int, envelope: bytes) -> None:
        office = self._office
        try:
            verified = await office.open(envelope, me=office.me)
            if verified.message.src != office.gateway:
                raise Refused(ProblemCode.WRONG_ROLE, "a question that does not come from the gateway")
            answer = await self._answer(verified.message, verified.hash)
        except (TrustError, Refused) as error:
            log.warning("question refused: %s", error)
            return
        if answer is not None and not socket.closed:
            with suppress(ConnectionError, ClientError):
                await socket.send_str(Frame(kind=FrameKind.ANSWER, number=number, envelope=answer.decode()).encode())

    async def _send(self, socket: ClientWebSocketResponse) -> None:
        try:
            await self._send_outbox()
        except GatewayUnreachable as error:
            log.info("sending stopped: %s", error)
            await socket.close()

    async def _send_outbox(self) -> None:
        while True:
            self._office.mail.clear()
            first = await self._journal.run(lambda unit: unit.outbox(1))  # an answer may put others before the next one
            for hash_, envelope in first:
                answer = await self._exchange(FrameKind.MESSAGE, envelope)
                if not await self._office.answered(hash_, answer.encode()):
                    with suppress(TimeoutError):  # what comes meanwhile may be what the message has waited for
                        async with asyncio.timeout(PAUSE_SECONDS_MAX * (0.5 + self._random())):
                            await self._office.mail.wait()
            if not first:
                await self._office.mail.wait()

    async def _exchange(self, kind: FrameKind, envelope: bytes) -> str:
        socket = self._socket
        if socket is None or socket.closed:
            raise GatewayUnreachable("no link to the gateway")
        self._numbers += 1
        number = self._numbers
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._replies[number] = waiting
        try:
            await socket.send_str(Frame(kind=kind, number=number, envelope=envelope.decode()).encode())
            async with asyncio.timeout(REPLY_SECONDS_MAX):  # wait_for can lose a cancellation, and the link never ends
                return await waiting
        except (TimeoutError, ConnectionError, ClientError) as error:
            raise GatewayUnreachable(f"the gateway did not answer ({type(error).__name__})") from error
        finally:
            self._replies.pop(number, None)

    def _fail_waiting(self) -> None:
        for waiting in self._replies.values():
            if not waiting.done():
                waiting.set_exception(GatewayUnreachable("the link broke"))
        self._replies.clear()
