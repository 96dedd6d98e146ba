"""A running sample alliance: its processes on loopback, its clock, and the people who use it.

    async with Town(folder, libraries=4, seed=7) as town:
        ...

Gateway, connectors and library systems run in processes of their own; any of them can be killed and started again.
"""

import asyncio
import json
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import SystemRandom
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientError, ClientSession

from connectors.sip2.errors import LineError
from examples.alliance.clock import SteppedClock
from examples.alliance.ground import KIOSKS, Ground, lay_ground, write_connector_settings
from examples.alliance.people import JsonPeer, over_socket
from examples.alliance.roster import Library, load_roster, with_varied_dialects
from examples.ils.app import Ports, lay_out

PORTS = range(20_000, 32_000)
FIRST_DAY = datetime(2026, 9, 1, 1, 0, tzinfo=UTC)
START_SECONDS_MAX = 60.0
WAIT_SECONDS_MAX = 60.0
POLL_SECONDS = 0.02


class NotInTime(Exception):
    """Something did not come about within its time; the text says what, and how things stood."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process: which part of the alliance, and which libraries by number."""

    name: str
    kind: str
    index: tuple[int, ...] = ()


class Town:
    """The alliance at work. ``spread`` is how many processes share the connectors, and the library systems."""

    def __init__(self, folder: Path, *, libraries: int, seed: int, spread: int = 1, redis: str | None = None) -> None:
        self.folder = folder
        self.seed = seed
        self.libraries: tuple[Library, ...] = with_varied_dialects(load_roster(libraries))
        self.ground = Ground(folder)
        self.parts = _parts(libraries, spread)
        ports = iter(free_ports(1 + KIOSKS + 2 * libraries))
        self.port = next(ports)
        self.kiosks = {library.slug: next(ports) for library in self.libraries[:KIOSKS]}
        self.faces = {library.slug: (next(ports), next(ports)) for library in self.libraries}
        self._redis = redis
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._stack = AsyncExitStack()
        self.desks: dict[str, JsonPeer] = {}
        self.deaths: Counter[str] = Counter()
        self.portal: JsonPeer
        self.operator: JsonPeer

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._clock_file = self.folder / "clock"
        self.clock = SteppedClock(self._clock_file)
        self.clock.set(FIRST_DAY)
        lay_out(self.libraries, self.libraries, self.folder, self.seed)
        lay_ground(self.folder, self.libraries, FIRST_DAY, self.port)
        try:
            await self._start_all()
            await self._meet_people()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop every process, each by its own pid, connectors first."""
        await self._stack.aclose()
        order = {"connectors": 0, "gateway": 1, "ils": 2}
        for part in sorted(self.parts, key=lambda part: order[part.kind]):
            process = self._processes.pop(part.name, None)
            if process is not None and process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), 15)
                except TimeoutError:
                    process.kill()
                    await process.wait()

    async def start(self, part: Part, kill: str | None = None) -> None:
        """Start one part; ``kill`` is a kill order for tests (``before:K``, ``after:K``)."""
        ready = self._ready_file(part)
        ready.unlink(missing_ok=True)
        arguments = [sys.executable, "-m", "examples.alliance.serve", part.kind, "--folder", str(self.folder),
                     "--roster", str(len(self.libraries)), "--clock", str(self._clock_file), "--seed", str(self.seed),
                     "--ready", str(ready), *(["--index", *map(str, part.index)] if part.index else []),
                     *(["--kill", kill] if kill else []),
                     *(["--redis", self._redis] if self._redis and part.kind == "gateway" else [])]
        log = (self.folder / f"{part.name}.log").open("ab")
        with log:
            self._processes[part.name] = await asyncio.create_subprocess_exec(*arguments, stdout=log, stderr=log)

    async def ready(self, part: Part) -> bool:
        """Wait until a part has started; return False where it died before."""
        def has_started() -> bool | None:
            if self._ready_file(part).exists():
                return True
            return False if self.is_dead(part) else None

        return bool(await self.until(f"{part.name} starts", _of(has_started), START_SECONDS_MAX))

    def is_dead(self, part: Part) -> bool:
        """Whether a part's process has ended."""
        return self._processes[part.name].returncode is not None

    async def until(self, what: str, look: Callable[[], Awaitable[Any]], seconds: float = WAIT_SECONDS_MAX) -> Any:
        """Return the first answer of ``look`` that is not ``None``; one that cannot be had just now is none.

        Raises:
            NotInTime: there was none.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            try:
                answer = await look()
            except (ClientError, OSError, LineError):
                answer = None
            if answer is not None:
                return answer
            if loop.time() > end:
                raise NotInTime(f"{what}: not within {seconds:g} s")
            await asyncio.sleep(POLL_SECONDS)

    async def harvest(self, done: Callable[[], None] = lambda: None) -> int:
        """Let every library send its catalogue; return how many records were read."""
        read = 0
        for library in self.libraries:
            report = await self.desks[library.slug].ask("POST", "/harvest")
            read += report["read"]
            done()
        await self.quiet()
        return read

    async def quiet(self) -> None:
        """Wait until nothing is on its way: no task, no waiting message, no undelivered mail, no open statement."""
        async def look() -> dict[str, int] | None:
            mail = await self._mailboxes()
            for library in self.libraries:
                if not await self._is_quiet(library, mail):
                    return None
            return mail

        mail = await self.until("the alliance comes to rest", look)
        while (then := await self.until("the alliance comes to rest", look)) != mail:
            mail = then

    async def keep_alive(self) -> None:
        """Start again, until cancelled, whatever part has died."""
        while True:
            for part in self.parts:
                if self.is_dead(part):
                    self.deaths[part.name] += 1
                    await self.start(part)
                    await self.ready(part)
            await asyncio.sleep(POLL_SECONDS)

    async def restart(self, part: Part, kill: str | None = None) -> None:
        """Stop a part in order and start it again."""
        process = self._processes[part.name]
        process.terminate()
        await process.wait()
        await self.start(part, kill)
        await self.ready(part)

    async def pass_days(self, days: int) -> None:
        """Let the alliance's clock go forward."""
        self.clock.set(self.clock() + timedelta(days=days))

    async def _is_quiet(self, library: Library, mail: dict[str, int]) -> bool:
        status = await self.desks[library.slug].ask("GET", "/status")
        busy = status["waiting"] or status["tasks"] or status["statement"] or not status["link_up"]
        return not busy and status["received"] == mail.get(library.agency_id, 0)

    async def _mailboxes(self) -> dict[str, int]:
        status = await self.operator.ask("GET", "/mailboxes")
        return dict(status)

    async def _start_all(self) -> None:
        systems = [part for part in self.parts if part.kind == "ils"]
        for part in systems:
            await self.start(part)
        ports: dict[str, Ports] = {}
        for part in systems:
            ports |= await self._ports_of(part)
        write_connector_settings(self.ground, self.libraries, ports, self.port, self.kiosks, self.faces)
        for kind in ("gateway", "connectors"):
            started = [part for part in self.parts if part.kind == kind]
            for part in started:
                await self.start(part)
            for part in started:
                if not await self.ready(part):
                    raise NotInTime(f"{part.name} did not start; see {self.folder / part.name}.log")

    async def _ports_of(self, part: Part) -> dict[str, Ports]:
        path = self.folder / f"ports-{self.libraries[part.index[0]].slug}.json"

        def written() -> bool | None:
            return path.exists() or None

        await self.until(f"{part.name} listens", _of(written), START_SECONDS_MAX)
        return {slug: Ports(**row) for slug, row in json.loads(path.read_text("utf-8")).items()}

    async def _meet_people(self) -> None:
        http = await self._stack.enter_async_context(ClientSession())
        self.portal = JsonPeer(http, f"http://127.0.0.1:{self.port}")
        self.operator = over_socket(self.ground.operator_socket)
        self._stack.push_async_callback(self.operator.http.close)
        for library in self.libraries:
            self.desks[library.slug] = desk = over_socket(self.ground.desk_socket(library))
            self._stack.push_async_callback(desk.http.close)
        await self.until("every library is connected", self._all_connected)

    async def _all_connected(self) -> bool | None:
        status = await self.operator.ask("GET", "/status")
        return len(status["connected"]) == len(self.libraries) or None

    def _ready_file(self, part: Part) -> Path:
        return self.folder / f"{part.name}.ready"


def _parts(libraries: int, spread: int) -> tuple[Part, ...]:
    numbers = range(libraries)
    shares = [tuple(numbers[first::spread]) for first in range(min(spread, libraries))]
    return (Part("gateway", "gateway"),
            *(Part(f"ils-{n}", "ils", share) for n, share in enumerate(shares)),
            *(Part(f"connectors-{n}", "connectors", share) for n, share in enumerate(shares)))


def _of(look: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    async def later() -> Any:
        return look()

    return later


def free_port() -> int:
    """Return a port of the loopback that nobody uses just now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return several ports of the loopback that nobody uses just now.

    They lie below the range from which systems take the ports of outgoing connections, so that none of those takes one
    before whoever asked listens there.
    """
    free: list[int] = []
    for port in SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            free.append(port)
        if len(free) == count:
            return free
    raise NotInTime(f"no {count} free ports on the loopback; stop what runs there")


def by_agency(libraries: Iterable[Library]) -> dict[str, Library]:
    """Return the libraries by their agency id."""
    return {library.agency_id: library for library in libraries}
