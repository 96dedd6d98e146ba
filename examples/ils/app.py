"""Runs sample library systems: each with its own database, SIP2 server and, where it has one, Z39.50 server.

    async with await serve_ils(library, folder, clock) as ils:
        ...

Several may share a process. A system that comes back is found at the ports it had: it reads them from the ports file.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from connectors.sip2.server import Sip2Server
from connectors.sip2.server import serve as serve_sip2
from connectors.z3950.server import Server as Z3950Server
from connectors.z3950.server import serve as serve_z3950
from examples.alliance.clock import Clock
from examples.alliance.readers import readers_of
from examples.alliance.roster import Library
from examples.alliance.stock import catalogue_path, read_marc, stock_of, write_marc
from examples.ils.database import Database, Probe, Unit, no_probe
from examples.ils.intake import enrol, take_in_items
from examples.ils.sip2_face import Sip2Face
from examples.ils.z3950_face import Z3950Face, target_options
from schemas.bib import Bib

_HOST = "127.0.0.1"


class PortsFileDamaged(ValueError):
    """The file of ports cannot be read."""


@dataclass(frozen=True)
class Ports:
    """Where a system listens; ``z3950`` is None where it has no target. 0 asks for any free port."""

    sip2: int = 0
    z3950: int | None = 0


class RunningIls:
    """One library's system at work; ``close`` it, or leave its context."""

    def __init__(self, database: Database, sip2: Sip2Server, z3950: Z3950Server | None) -> None:
        self.database = database
        self.ports = Ports(sip2.port, z3950.port if z3950 else None)
        self._sip2 = sip2
        self._z3950 = z3950

    async def close(self) -> None:
        """Finish the operations at hand, stop both servers and close the database."""
        await self._sip2.close()
        if self._z3950 is not None:
            await self._z3950.close()
        self.database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def lay_out(chosen: Iterable[Library], libraries: Sequence[Library], folder: Path, seed: int) -> None:
    """Write the catalogue file of every one of ``chosen`` that has none yet; ``libraries`` is the whole alliance."""
    for library in chosen:
        path = catalogue_path(folder, library)
        if not path.exists():
            write_marc(library, stock_of(library, libraries, seed), path)


async def serve_ils(
    library: Library, folder: Path, clock: Clock, probe: Probe = no_probe, *, seed: int = 1, ports: Ports | None = None
) -> RunningIls:
    """Open ``library``'s system on its catalogue in the alliance's ``folder`` and serve it at ``ports``.

    Its database is made at the first start and kept from then on. ``seed`` chooses its readers.

    Raises:
        MarcError, OSError: the catalogue cannot be read, or a port is taken.
        DatabaseFailed: the database cannot be opened.
    """
    ports = ports or Ports()
    path = catalogue_path(folder, library)
    records = list(read_marc(library, path))
    database = Database(path.with_name("circulation.sqlite"), clock, probe)
    sip2 = serve_sip2(_HOST, ports.sip2, library.sip2, Sip2Face(library, database, clock), clock=clock)
    try:
        await database.write(_fill, library, [bib for _, bib in records], seed)
        await sip2.start()
        z3950 = None
        if (access := library.z3950) is not None:
            face = Z3950Face(library, access.database, records)
            z3950 = await serve_z3950(_HOST, ports.z3950 or 0, face, target_options(library, access))
    except BaseException:
        await sip2.close()
        database.close()
        raise
    return RunningIls(database, sip2, z3950)


async def host(
    libraries: Iterable[Library],
    folder: Path,
    ports_file: Path,
    clock: Clock,
    stop: asyncio.Event,
    probe: Probe = no_probe,
    *,
    seed: int = 1,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve ``libraries`` until ``stop``; ``ports_file`` says where and ``ready`` is called once all of them listen."""
    known = _read_ports(ports_file)
    async with AsyncExitStack() as stack:
        running = {}
        for library in libraries:
            opened = await serve_ils(library, folder, clock, probe, seed=seed, ports=known.get(library.slug))
            running[library.slug] = await stack.enter_async_context(opened)
        _write_ports(ports_file, {slug: ils.ports for slug, ils in running.items()})
        ready()
        await stop.wait()


def _fill(unit: Unit, library: Library, bibs: Iterable[Bib], seed: int) -> None:
    take_in_items(unit, bibs)
    enrol(unit, readers_of(library, seed))


def _read_ports(path: Path) -> Mapping[str, Ports]:
    try:
        rows = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise PortsFileDamaged(f"{path}: not a ports file ({error}); delete it to have new ports") from None
    return {slug: Ports(**row) for slug, row in rows.items()}


def _write_ports(path: Path, ports: Mapping[str, Ports]) -> None:
    """Replace the file in one step: who waits for it never reads half of it."""
    rows = {slug: {"sip2": place.sip2, "z3950": place.z3950} for slug, place in ports.items()}
    whole = path.with_suffix(".new")
    whole.write_text(json.dumps(rows, indent=1), "utf-8")
    whole.replace(path)
