"""A Z39.50 target on asyncio: one conversation per connection, over ``session`` and ``service``.

    server = await serve("127.0.0.1", 0, backend)
    async with server:
        ...

Absent on purpose: TLS, which a proxy in front gives, and authentication: what is served is public, and whoever orders
is for the backend to know.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from connectors.z3950.apdu import Apdu, Close, CloseReason
from connectors.z3950.ber import Limits
from connectors.z3950.errors import OutOfTurn, ProtocolViolation
from connectors.z3950.service import Backend, Service, ServiceOptions
from connectors.z3950.session import TargetSession

__all__ = ["Backend", "Server", "ServerOptions", "ServiceOptions", "serve"]

_logger = logging.getLogger(__name__)

_READ_BYTES = 64 * 1024
_LINGER_SECONDS = 1.0
"""How long we read on after our Close: an unread octet would make the kernel reset the connection before it arrives."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How many and how patient: limits on all the associations of a server."""

    service: ServiceOptions = field(default_factory=ServiceOptions)
    request: Limits = field(default_factory=lambda: Limits(pdu_bytes_max=256 * 1024))
    connections_max: int = 200
    idle_seconds: float = 300.0
    """An origin that says nothing, or takes nothing of what it asked for, for this long is closed."""


class Server:
    """A listening target; leave its context to close it and the associations under way."""

    def __init__(self, backend: Backend[Any], options: ServerOptions) -> None:
        self._backend = backend
        self._options = options
        self._conversations: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 lets the system choose."""
        self._listener = await asyncio.start_server(self._accept, host, port)

    @property
    def port(self) -> int:
        """Return the port listened on."""
        assert self._listener is not None, "start first"
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening and end every association."""
        if self._listener is not None:
            self._listener.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.ensure_future(self._converse(reader, writer))
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(reader, writer, self._options)
        try:
            if len(self._conversations) > self._options.connections_max:
                await link.close(CloseReason.RESOURCES, "too many connections; try again later")
            else:
                await self._serve(link)
        except OSError as error:
            _logger.debug("an origin was lost: %s", error)
        finally:
            writer.close()

    async def _serve(self, link: "_Link") -> None:
        service = Service(self._backend, self._options.service)
        try:
            while (request := await link.next()) is not None and not isinstance(request, Close):
                await link.send(link.session.answer(request, await service.answer(request)))
            if request is not None:
                await link.send(link.session.answer(request, Close(close_reason=CloseReason.FINISHED)))
        except TimeoutError:
            await link.close(CloseReason.LACK_OF_ACTIVITY)
        except (ProtocolViolation, OutOfTurn) as error:
            await link.close(CloseReason.PROTOCOL_ERROR, str(error))


class _Link:
    """One connection: a session and the streams under it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, options: ServerOptions) -> None:
        self.session = TargetSession(options.request)
        self._reader = reader
        self._writer = writer
        self._idle_seconds = options.idle_seconds

    async def next(self) -> Apdu | None:
        """Return the next APDU; ``None`` where the origin hung up. Raise ``TimeoutError`` if it is idle."""
        while (apdu := self.session.next()) is None:
            async with asyncio.timeout(self._idle_seconds):
                data = await self._reader.read(_READ_BYTES)
            if not data:
                return None
            self.session.feed(data)
        return apdu

    async def send(self, octets: bytes) -> None:
        """Write, and wait until the origin takes it."""
        self._writer.write(octets)
        async with asyncio.timeout(self._idle_seconds):
            await self._writer.drain()

    async def close(self, reason: CloseReason, text: str | None = None) -> None:
        """Tell the origin why it ends, and give it a moment to hear."""
        self._writer.write(self.session.close(reason, text))
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                await self._writer.drain()
                while await self._reader.read(_READ_BYTES):
                    pass
        except TimeoutError:
            pass


async def serve(host: str, port: int, backend: Backend[Any], options: ServerOptions | None = None) -> Server:
    """Return a target that listens on ``host`` and ``port`` and answers from ``backend``."""
    server = Server(backend, options or ServerOptions())
    await server.start(host, port)
    return server
