"""Our broker behind our own Z39.50 face beside a bare asyncio client, both before the same 31 ``yaz-ztest`` targets.

The bare client has one association with each target and asks all at once, search after search; it neither merges nor
survives a target that fails. Ours is asked over a socket by a client in the same process, so that it pays for the
hop as well. All targets are one ``yaz-ztest`` on a core of its own; all deliver the same records, so ours reads few of
them. A number as the term is yaz-ztest's number of hits, so each search is a new one.

Then five targets fall mute: when the first results come, when an answer is declared, and how long the healthy ones
take, beside runs without the mute ones, in turn.
"""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from random import Random
from statistics import median

from connectors.broker import Broker, Ended, LiveBackend, Part, Target
from connectors.z3950.association import Association
from connectors.z3950.client import Z3950Client
from connectors.z3950.profile import Profile
from connectors.z3950.query import Query, Use, look_for
from connectors.z3950.server import serve
from tests.benchmarks.harness import Effort, Line, on_cores, percentile, second_best, settled_heap
from tests.benchmarks.z3950 import wait_for
from tests.peers import require_program

TARGETS, MUTE = 31, 5
RECORDS = 10
WORKS = 9
"""What the first ten records of yaz-ztest make: two of them describe one book."""
RATIO = 0.6
FIRST_MS, WHOLE_MS = 1000.0, 3000.0
WITHIN = 1 / 1.25
"""A latency that counts as unchanged."""
TURNS = 5
CASES = {"search": False, "search and present": True}


def run(effort: Effort) -> Iterator[Line]:
    """Measure fan-out, and what mute targets do to it."""
    with _ztest() as ports, on_cores(1):
        for name, presents in CASES.items():
            ours, bare = _race(effort, ports, presents)
            yield Line(f"31 targets, {name}", "searches/s", ours, bare, "bare asyncio client", RATIO)
        yield from _with_mute(effort, ports)


def _race(effort: Effort, ports: Sequence[int], presents: bool) -> tuple[float, float]:
    count = max(3, round(effort.round_seconds * (100 if presents else 400)))
    ours, bare = [], []
    with settled_heap() as settle:
        for number in range(max(2, effort.rounds // 2)):
            for rates, contender in ((ours, _through_face), (bare, _bare)):
                settle()
                rates.append(asyncio.run(contender(ports, count, presents, 1000 * (number + 1))))
    return second_best(ours), second_best(bare)


async def _through_face(ports: Sequence[int], count: int, presents: bool, base: int) -> float:
    async with (Broker(_targets(ports), Random(1).random) as broker,
                await serve("127.0.0.1", 0, LiveBackend(broker)) as server,
                Z3950Client("127.0.0.1", server.port, "live") as client):

        async def search(query: Query) -> None:
            assert await client.search(query) > RECORDS
            if presents:
                assert len(await client.present(1, WORKS)) == WORKS

        return await _rate(search, count, base)


async def _bare(ports: Sequence[int], count: int, presents: bool, base: int) -> float:
    async with AsyncExitStack() as stack:
        associations = [await stack.enter_async_context(Association(_profile(port))) for port in ports]

        async def ask(association: Association, query: Query) -> None:
            assert await association.search(query) > RECORDS
            if presents:
                assert len(await association.present(1, RECORDS)) == RECORDS

        async def search(query: Query) -> None:
            await asyncio.gather(*(ask(association, query) for association in associations))

        return await _rate(search, count, base)


async def _rate(search: Callable[[Query], Awaitable[None]], count: int, base: int) -> float:
    await search(look_for(str(base), Use.TITLE))
    begin = time.perf_counter()
    for number in range(1, count + 1):
        await search(look_for(str(base + number), Use.TITLE))
    return count / (time.perf_counter() - begin)


def _with_mute(effort: Effort, ports: Sequence[int]) -> Iterator[Line]:
    count = max(4, round(effort.round_seconds * 400))
    firsts, wholes = [], []
    healthy, disturbed = [], []
    for turn in range(TURNS if not effort.is_quick else 1):
        for is_disturbed, latencies in ((False, healthy), (True, disturbed)):
            first, whole, each = asyncio.run(_streamed(ports, count, MUTE if is_disturbed else 0, 1000 * (turn + 1)))
            latencies.append(median(each))
            if is_disturbed:
                firsts += first
                wholes += whole
    yield Line.within("31 targets, 5 mute: first results, p95", "ms", 1000 * percentile(firsts, 0.95), FIRST_MS)
    yield Line.within("31 targets, 5 mute: whole or declared partial, slowest", "ms", 1000 * max(wholes), WHOLE_MS)
    yield Line("26 healthy targets beside 5 mute, latency", "ms", 1000 * median(disturbed), 1000 * median(healthy),
               "without the mute", WITHIN)


async def _streamed(ports: Sequence[int], count: int, mute: int, base: int
                    ) -> tuple[list[float], list[float], list[float]]:
    """Search ``count`` times; return the seconds to the first records, to the end, and of each healthy target."""
    firsts, wholes, healthy = [], [], []
    async with _mute(mute) as silent, Broker(_targets([*ports[MUTE:], *silent]), Random(1).random) as broker:
        await broker.gather(look_for(str(base), Use.TITLE), seconds=WHOLE_MS / 1000,
                            only=[str(port) for port in ports[MUTE:]])
        for number in range(1, count + 1):
            begin, first = time.perf_counter(), None
            async for event in broker.search(look_for(str(base + number), Use.TITLE), RECORDS):
                if isinstance(event, Part) and event.records and first is None:
                    first = time.perf_counter() - begin
                elif isinstance(event, Ended) and len(event.answer.records) == RECORDS:
                    healthy.append(event.seconds)
            assert first is not None, "no target delivered"
            firsts.append(first)
            wholes.append(time.perf_counter() - begin)
    return firsts, wholes, healthy


def _targets(ports: Sequence[int]) -> list[Target]:
    return [Target(str(port), _profile(port)) for port in ports]


def _profile(port: int) -> Profile:
    return Profile(host="127.0.0.1", port=port, syntaxes=("usmarc",))


@asynccontextmanager
async def _mute(count: int) -> AsyncIterator[list[int]]:
    """Listen on so many ports, accept everybody and say nothing."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    servers = [await asyncio.start_server(accept, "127.0.0.1", 0) for _ in range(count)]
    try:
        yield [server.sockets[0].getsockname()[1] for server in servers]
    finally:
        for server in servers:
            server.close()
        for writer in writers:
            writer.close()


@contextmanager
def _ztest() -> Iterator[list[int]]:
    """Run yaz-ztest with 31 ports on the last core."""
    program = require_program("yaz-ztest")
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(TARGETS)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    process = subprocess.Popen([program, "-S", "-v", "none", *(f"tcp:127.0.0.1:{port}" for port in ports)])
    os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
    try:
        wait_for(ports[-1])
        yield ports
    finally:
        process.kill()  # a SIGTERM between two events would wait for the next one
        process.wait()
