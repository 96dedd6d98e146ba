"""The other side, for tests of the client and the server: a catalogue of lists, and targets that misbehave."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from connectors.z3950 import oid, pqf
from connectors.z3950.errors import DiagnosticError
from connectors.z3950.query import Query, terms

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Shelf:
    """A backend of titles; a term finds the titles that contain it."""

    def __init__(self, *titles: str, charset: str = "utf-8") -> None:
        self._titles = titles
        self._charset = charset
        self.asked: list[str] = []

    async def search(self, database: str, query: Query) -> list[str]:
        self.asked.append(pqf.to_pqf(query))
        if database != "Default":
            raise DiagnosticError(235, database)
        words = [term.value for term in terms(query)]
        if "boom" in words:
            raise ZeroDivisionError("a bug with the secret 4711 in it")
        return [title for title in self._titles if all(word in title for word in words)]

    async def record(self, result_set: list[str], index: int, syntax: str, _charset: str | None) -> bytes:
        if syntax not in (oid.USMARC, oid.SUTRS):
            raise DiagnosticError(239, syntax)
        if result_set[index] == "lost":
            raise DiagnosticError(14, "lost")
        return result_set[index].encode(self._charset)


@asynccontextmanager
async def scripted_target(script: Script) -> AsyncIterator[int]:
    """Listen, and play ``script`` to whoever connects; yield the port."""
    writers: list[asyncio.StreamWriter] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(ConnectionError):
            await script(reader, writer)

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
