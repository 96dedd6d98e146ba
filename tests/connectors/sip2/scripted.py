"""A server that says what a test wrote down, byte for byte: for what no honest peer would do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

LOGIN_OK = b"941\r"
STATUS = b"98YYYYYN600003" + b"20260101    120000" + b"2.00AOYP|BXYYYYYYYYYYYNNYYY|\r"

Script = Callable[[bytes], bytes | None]


@dataclass
class Heard:
    """What the script's lines heard. ``port`` is where it listens."""

    port: int = 0
    lines: int = 0
    frames: list[bytes] = field(default_factory=list)

    def ids(self) -> list[str]:
        return [frame[:2].decode() for frame in self.frames]


def greets(then: Script) -> Script:
    """Answer 93 and 99 as a good server does, and everything else by ``then``."""

    def script(frame: bytes) -> bytes | None:
        return {b"93": LOGIN_OK, b"99": STATUS}.get(frame[:2]) or then(frame)

    return script


CLOSE = b"close"


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[Heard]:
    """Serve ``script``: frame in, bytes out, None for silence, ``CLOSE`` to break the line."""
    heard = Heard()
    writers: set[asyncio.StreamWriter] = set()

    async def line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.lines += 1
        writers.add(writer)
        try:
            while True:
                frame = (await reader.readuntil(b"\r"))[:-1]
                heard.frames.append(frame)
                said = script(frame)
                if said == CLOSE:
                    break
                if said is not None:
                    writer.write(said)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(line, "127.0.0.1", 0)
    heard.port = server.sockets[0].getsockname()[1]
    try:
        yield heard
    finally:
        server.close()
        for writer in tuple(writers):
            writer.close()
        await asyncio.sleep(0.01)
