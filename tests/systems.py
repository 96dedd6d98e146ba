"""Sample library systems beside the members of a test's alliance: real SIP2, real databases, and lines that break."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from connectors.agent.worker import Worker
from connectors.ils.cards import InstitutionalCards
from connectors.ils.sip2 import Sip2Ils
from connectors.sip2.client import Sip2Client
from connectors.sip2.verbs import Verbs
from examples.ils.app import Ports, RunningIls, lay_out, serve_ils
from examples.ils.model import ALLIANCE_CARD
from tests.alliance import ROSTER, SEED, Alliance, Member

HOST = "127.0.0.1"


@dataclass
class Wire:
    """The way to a library system. ``lose`` names the request (its first characters) that breaks the line, once:
    before it arrives, or with ``answered`` after the system has done what it says."""

    port: int
    target: int
    lose: bytes = b""
    answered: bool = False
    requests: list[bytes] = field(default_factory=list)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection's requests and answers."""
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self.target)
        except ConnectionError:
            writer.close()
            return
        with suppress(ConnectionError):
            while request := await reader.read(65536):
                self.requests.append(request[:2])
                is_lost = bool(self.lose) and request.startswith(self.lose)
                if is_lost and not self.answered:
                    break
                far_writer.write(request)
                answer = await far_reader.read(65536)
                if is_lost or not answer:
                    break
                writer.write(answer)
        self.lose = b"" if is_lost else self.lose
        writer.close()
        far_writer.close()


@dataclass
class LibrarySystem:
    """A library's sample ILS, the way to it, its connector's port to it, and the worker between it and the journal."""

    running: RunningIls
    wire: Wire
    ils: Sip2Ils
    worker: Worker

    async def events(self) -> list[tuple[str, str]]:
        """Return what has happened in the ILS: verb and barcode, in order."""
        return await self.running.database.read(
            lambda unit: unit.db.execute("SELECT verb, barcode FROM event ORDER BY id").fetchall())


@asynccontextmanager
async def library_system(alliance: Alliance, member: Member) -> AsyncIterator[LibrarySystem]:
    """Serve one member's sample ILS over SIP2; from now on it does the member's work."""
    library = member.library
    async with sample_ils(alliance, member) as running, wire_to(running.ports.sip2) as wire:
        async with Sip2Client(HOST, wire.port, library.sip2, library.credentials, deadline_seconds=2.0,
                              random=lambda: 0.0) as client:
            ils = Sip2Ils(Verbs(client, alliance.clock))
            member.worker = Worker(member.journal, member.office, ils, InstitutionalCards((ALLIANCE_CARD,)))
            yield LibrarySystem(running, wire, ils, member.worker)
        member.worker = None


@asynccontextmanager
async def sample_ils(alliance: Alliance, member: Member, ports: Ports | None = None) -> AsyncIterator[RunningIls]:
    """Serve one member's sample ILS."""
    lay_out([member.library], ROSTER, alliance.folder, SEED)
    async with await serve_ils(member.library, alliance.folder, alliance.clock, seed=SEED, ports=ports) as running:
        yield running


@asynccontextmanager
async def wire_to(target: int) -> AsyncIterator[Wire]:
    """Open a way to a port, on which requests and answers can be lost."""
    wire = Wire(0, target)
    server = await asyncio.start_server(wire.carry, HOST, 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
