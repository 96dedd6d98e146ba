"""SIP2: codec and server, each beside PyPI ``pysip2`` and beside the least that the work can cost.

Codec: messages 64, 12 and 18 with AY and AZ. The floor of parsing is what nobody can leave out in Python: sum the
bytes, decode, slice the fixed part, split at the delimiter, slice each code off.

Server: item information, one request outstanding on each connection. Each server is a process of its own on the last
core; the load is on the first and, where those are two, never sleeps: to wake it for each answer would cost the server
as much as the answer, and only the slower one. The servers take turns, and the median of five rounds counts. Told are
answers a second, and answers a second of the server's own CPU time, which a noisy neighbour disturbs less. The minimal
responder finds AB in the bytes and answers with a checksum: no parsing, no session, no handler.
"""

import asyncio
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pysip2

from connectors.sip2 import Codec, Message, Profile, build
from tests.benchmarks.harness import Effort, Line, cpu_seconds, on_cores, race

DATE = "20260101    120000"
CONNECTIONS = (1, 8, 31)
SERVERS = ("ours", "pysip2", "minimal")
SEQUENCES = 10
ROUNDS = 5

MESSAGES = {
    "64": build(
        "64", patron_status=" " * 14, language="019", transaction_date=DATE, hold_items_count="0002",
        overdue_items_count="0000", charged_items_count="0004", fine_items_count="0000", recall_items_count="0000",
        unavailable_holds_count="0000", AO="CN-310110", AA="P00012345", AE="Zhang Wei", BZ="0010", CA="0010",
        CB="0010", BL="Y", CQ="Y", BH="CNY", BV="0.00", CC="100.00", AS=["B0000001", "B0000002"],
        AU=["B0000003", "B0000004", "B0000005", "B0000006"], BD="No 1 Some Road Shanghai 200000",
        BE="reader@example.org", AF="You may borrow twenty books from our library", AG="welcome"),
    "12": build(
        "12", ok=True, renewal_ok=True, magnetic_media=False, desensitize=True, transaction_date=DATE,
        AO="CN-310110", AA="P00012345", AB="B0000001", AJ="The Dream of the Red Chamber", AH="20260201    235959",
        CI="N", BH="CNY", BV="0.00", CK="001", CH="none", BK="TX12345", BT="01", AF="Thank you"),
    "18": build(
        "18", circulation_status="03", security_marker="02", fee_type="01", transaction_date=DATE, CF="0",
        AH="20260201    235959", CJ=DATE, CM=DATE, AB="B0000001", AJ="The Dream of the Red Chamber", BG="Yangpu",
        BH="CNY", BV="0.00", CK="001", AQ="Main stacks", AP="Main stacks", CH="none", AF="available"),
}


def run(effort: Effort) -> Iterator[Line]:
    """Measure the codec, then the server."""
    for name, message in MESSAGES.items():
        yield from _codec(effort, name, message)
    yield from asyncio.run(_servers(effort))


def _codec(effort: Effort, name: str, message: Message) -> Iterator[Line]:
    codec = Codec(Profile(charset="utf-8"))
    data = codec.encode(message, 1).data
    frame, width = data[:-1], 2 + message.spec.width
    assert codec.decode(frame) == message
    theirs = pysip2.decode_message(data).message
    parse, their_parse, floor = race(effort, lambda: codec.decode(frame), lambda: pysip2.decode_message(data),
                                     lambda: _floor(frame, width))
    yield Line(f"SIP2 {name} parse", "messages/s", parse, their_parse, "pysip2", 4.0)
    yield Line(f"SIP2 {name} parse, beside the floor", "messages/s", parse, floor, "sum, decode, slice, split", 0.6)
    write, their_write = race(effort, lambda: codec.encode(message, 1),
                              lambda: pysip2.encode_message(theirs, sequence_number=1, checksum=True))
    yield Line(f"SIP2 {name} build", "messages/s", write, their_write, "pysip2", 6.0)


def _floor(frame: bytes, width: int) -> list[tuple[str, str]]:
    assert (sum(frame[:-4]) + int(frame[-4:], 16)) & 0xFFFF == 0
    text = frame[:-9].decode()
    return [(segment[:2], segment[2:]) for segment in text[width:].split("|") if segment]


class Answered(NamedTuple):
    """Answers in a round: a second, and a second of the server's CPU time."""

    rate: float
    cpu_rate: float


class Server(NamedTuple):
    """A server that runs."""

    port: int
    pid: int


async def _servers(effort: Effort) -> list[Line]:
    found: dict[tuple[str, int], list[Answered]] = {(kind, n): [] for n in CONNECTIONS for kind in SERVERS}
    with ExitStack() as stack:
        servers = {kind: stack.enter_context(_server(kind)) for kind in SERVERS}
        stack.enter_context(_awake())
        stack.enter_context(on_cores(1))
        for server in servers.values():
            await _load(server, max(CONNECTIONS), effort.round_seconds)
        for _ in range(ROUNDS):
            for (kind, connections), own in found.items():
                own.append(await _load(servers[kind], connections, effort.round_seconds * 2))
    middle = {key: Answered(*map(median, zip(*own, strict=True))) for key, own in found.items()}
    return [line for n in CONNECTIONS for line in _lines(n, *(middle[kind, n] for kind in SERVERS))]


def _lines(connections: int, ours: Answered, pysip2: Answered, minimal: Answered) -> Iterator[Line]:
    name = f"SIP2 server 17, {connections} connection{'s'[:connections - 1]}"
    for unit, rates in zip(("answers/s", "answers/CPU s"), zip(ours, pysip2, minimal, strict=True), strict=True):
        own, theirs, least = rates
        yield Line(name, unit, own, theirs, "pysip2 server", 1.8 if connections == 31 else None)
        yield Line(f"{name}, beside the least", unit, own, least, "minimal asyncio responder", 0.7)


@contextmanager
def _server(kind: str) -> Iterator[Server]:
    """Run a server in a process of its own on the last core."""
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.sip2_servers", kind], stdout=subprocess.PIPE,
                               text=True, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        yield Server(int(process.stdout.readline()), process.pid)
    finally:
        process.kill()
        process.communicate()


@contextmanager
def _awake() -> Iterator[None]:
    """Keep this process's loop from sleeping, where that takes nothing from the servers' core."""
    loop, stays = asyncio.get_running_loop(), len(os.sched_getaffinity(0)) > 1

    def turn() -> None:
        if stays:
            loop.call_soon(turn)

    turn()
    try:
        yield
    finally:
        stays = False


async def _load(server: Server, connections: int, seconds: float) -> Answered:
    """Return how many answers so many kiosks get that ask without a pause."""
    loop = asyncio.get_running_loop()
    begin, begin_cpu, end = loop.time(), cpu_seconds(server.pid), math.inf
    kiosks = [Kiosk(lambda: loop.time() < end) for _ in range(connections)]
    for kiosk in kiosks:
        await loop.create_connection(lambda kiosk=kiosk: kiosk, "127.0.0.1", server.port)  # type: ignore[misc]
    end = loop.time() + seconds  # not before the last has connected: each is to have an answer
    await asyncio.gather(*(kiosk.done.wait() for kiosk in kiosks))
    answers = sum(kiosk.answers for kiosk in kiosks)
    return Answered(answers / (loop.time() - begin), answers / (cpu_seconds(server.pid) - begin_cpu))


class Kiosk(asyncio.BufferedProtocol):
    """Asks for an item, waits for the answer, asks again.

    Buffered, because a plain protocol is given a fresh buffer of 256 KiB for each read, which costs nothing or more
    than all the rest, as the heap happens to lie: the load must not be what is measured.
    """

    def __init__(self, goes_on: Callable[[], bool]) -> None:
        self.answers = 0
        self.done = asyncio.Event()
        self._goes_on = goes_on
        self._buffer = bytearray(4096)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(REQUESTS[0])

    def get_buffer(self, _size: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, size: int) -> None:
        if self._buffer[size - 1] != END:
            return
        self.answers += 1
        if self._goes_on():
            self._transport.write(REQUESTS[self.answers % SEQUENCES])
        else:
            self.done.set()
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set()


END = ord("\r")
REQUESTS = [Codec(Profile()).encode(build("17", transaction_date=DATE, AO="YP", AB="B0001"), n).data
            for n in range(SEQUENCES)]
