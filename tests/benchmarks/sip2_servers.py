"""Three servers that answer item information alike: ``python -m tests.benchmarks.sip2_servers ours|pysip2|minimal``.

Prints its port and serves, on the last core that it may use, until it is killed. Each imports only what it needs.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

DATE = "20260101    120000"
TITLE = "The Dream of the Red Chamber"
FIXED: dict[str, Any] = {
    "circulation_status": "03", "security_marker": "02", "fee_type": "01", "transaction_date": DATE}


async def ours() -> None:
    """Our server with a handler that only answers."""
    from connectors.sip2 import Login, Message, Profile, build, serve
    from connectors.sip2.server import LineState

    async def handle(request: Message, _line: LineState) -> Message:
        return build("18", **FIXED, AB=request.get("AB"), AJ=TITLE)

    async with serve("127.0.0.1", 0, Profile(login=Login.NONE, charset="cp850"), handle) as server:
        await _announce(server.port)


async def pysip2() -> None:
    """PyPI pysip2's server with the same handler."""
    import pysip2 as library

    server = library.SIP2Server(encoding="cp850")

    @server.route(library.ITEM_INFORMATION)
    async def item(request: Any, _context: Any) -> Any:
        return library.ItemInformationResponse(**FIXED, item_identifier=request.item_identifier, title_identifier=TITLE)

    async with server.start() as port:
        await _announce(port)


async def minimal() -> None:
    """The least: find AB, answer with a checksum."""
    server = await asyncio.get_running_loop().create_server(Minimal, "127.0.0.1", 0)
    await _announce(server.sockets[0].getsockname()[1])


class Minimal(asyncio.BufferedProtocol):
    """One connection of the minimal responder. Buffered, as ours: see ``ServerLine``."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._pending = b""
        self._buffer = bytearray(4096)

    def get_buffer(self, _sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        *frames, self._pending = (self._pending + self._buffer[:nbytes]).split(b"\r")
        for frame in frames:
            barcode = frame[frame.find(b"AB") + 2 :].split(b"|")[0]
            body = b"18030201%bAB%b|AJ%b|AY%bAZ" % (DATE.encode(), barcode, TITLE.encode(), frame[-7:-6])
            self._transport.write(b"%b%04X\r" % (body, -sum(body) & 0xFFFF))


async def _announce(port: int) -> None:
    print(port, flush=True)
    await asyncio.Event().wait()


SERVERS: dict[str, Callable[[], Awaitable[None]]] = {"ours": ours, "pysip2": pysip2, "minimal": minimal}

if __name__ == "__main__":
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    asyncio.run(SERVERS[sys.argv[1]]())  # type: ignore[arg-type]
