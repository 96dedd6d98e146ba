"""Targets for the broker's tests: our own server over a few records, ones that misbehave, and how they are named."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from connectors.broker import Broker, Target
from connectors.marc.mapping import record_from_bib
from connectors.marc.writer import write_iso2709
from connectors.z3950 import oid, pqf
from connectors.z3950.errors import DiagnosticError
from connectors.z3950.profile import Profile
from connectors.z3950.query import Query, terms
from connectors.z3950.server import serve
from schemas.bib import Bib, Isbn, MarcFormat
from tests.connectors.z3950.peers import Script, scripted_target
from tests.connectors.z3950.test_client import accept_then, found


def record(title: str, isbn: str = "", target: MarcFormat = MarcFormat.CNMARC, number: str = "1") -> bytes:
    isbns = (Isbn.parse(isbn),) if isbn else ()
    return write_iso2709(record_from_bib(Bib(record_id=number, source=target, title=title, isbns=isbns), target))


class Catalogue:
    """A target of a few MARC records that supports some use attributes and none of the other types in ``lacks``."""

    def __init__(self, *records: bytes, syntax: str = oid.UNIMARC, uses: tuple[int, ...] = (4, 1003, 1016),
                 lacks: dict[int, int] | None = None, claims: int | None = None) -> None:
        self._records = records
        self._syntax = syntax
        self._uses = uses
        self._lacks = lacks or {}
        self._claims = claims
        self.asked: list[str] = []

    async def search(self, _database: str, query: Query) -> "Found":
        self.asked.append(pqf.to_pqf(query))
        for term in terms(query):
            for attribute in term.attributes:
                if attribute.type in self._lacks:
                    code = self._lacks[attribute.type]
                    raise DiagnosticError(code, str(attribute.type if code == 113 else attribute.value))
                if attribute.type == 1 and attribute.value not in self._uses:
                    raise DiagnosticError(114, str(attribute.value))
        words = [term.value.encode() for term in terms(query)]
        return Found([each for each in self._records if all(word in each for word in words)], self._claims)

    async def record(self, found: "Found", index: int, syntax: str, _charset: str | None) -> bytes:
        if syntax != self._syntax:
            raise DiagnosticError(239, syntax)
        return found.records[index % len(found.records)]


class Found:
    """What was found, and how much is claimed."""

    def __init__(self, records: list[bytes], claims: int | None) -> None:
        self.records = records
        self._claims = claims

    def __len__(self) -> int:
        return len(self.records) if self._claims is None else self._claims


async def mute(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept the connection, and say nothing."""
    await reader.read()


async def mute_after_init(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await accept_then(reader, writer)
    await reader.read()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Break off in the middle of an answer."""
    await accept_then(reader, writer, found(7)[:9])
    writer.transport.abort()


async def liar(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer another's reference id."""
    await accept_then(reader, writer, found(7, b"another's"))
    await reader.read()


async def bomb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the search with a length that no memory holds."""
    await accept_then(reader, writer, b"\xb7\x84\x7f\xff\xff\xff" + b"x" * 9999)
    await reader.read()


@asynccontextmanager
async def broker_of(peers: "dict[str, Catalogue | Script | Profile]", *, random: Callable[[], float] = lambda: 0.5,
                    **fields: object) -> AsyncIterator[Broker]:
    """Serve ``peers``, and open a broker that knows them by their names."""
    async with AsyncExitStack() as stack:
        targets = []
        for name, peer in peers.items():
            if isinstance(peer, Profile):
                targets.append(Target(name, peer))
                continue
            if isinstance(peer, Catalogue):
                port = (await stack.enter_async_context(await serve("127.0.0.1", 0, peer))).port
            else:
                port = await stack.enter_async_context(scripted_target(peer))
            profile = Profile.from_table({"host": "127.0.0.1", "port": port, "syntaxes": ("unimarc", "usmarc"),
                                          **fields})
            targets.append(Target(name, profile))
        yield await stack.enter_async_context(Broker(targets, random))
