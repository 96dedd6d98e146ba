"""Our Z39.50 client beside ``zoomsh`` (YAZ, in C), both against the same ``yaz-ztest``; client and target a core each.
And our BER beside asn1tools, on a present of ten records in indefinite lengths, as YAZ sends it.

One association, one operation after another: searches alone, and searches each followed by a present of ten records
as raw octets. zoomsh reads its commands from a file and writes to /dev/null; its start and its connecting are timed
apart and taken off, as ours are not timed either.
"""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import asn1tools

from connectors.z3950 import ber, codec, oid
from connectors.z3950.apdu import PresentResponse
from connectors.z3950.ber import Limits, Reader
from connectors.z3950.client import Z3950Client
from connectors.z3950.pqf import parse
from connectors.z3950.record import NamePlusRecord, to_external
from tests.benchmarks.harness import Effort, Line, on_cores, race, second_best, settled_heap
from tests.connectors.z3950.test_ber import encode_indefinite
from tests.peers import require_program

QUERY = "@attr 1=4 computer"
RECORDS = 10
FACTS = Path(__file__).parents[1] / "connectors/z3950/z3950.asn"
CASES = {"search": (False, None), "search and present 10": (True, 0.65)}
"""Name: whether records are presented, and the goal."""


def run(effort: Effort) -> Iterator[Line]:
    """Measure decoding, searches, and searches with presents."""
    yield _decoding(effort)
    zoomsh = require_program("zoomsh")
    with _ztest() as port, on_cores(1), TemporaryDirectory(prefix="bench-") as folder:
        for name, (presents, goal) in CASES.items():
            ours, theirs = _race(effort, zoomsh, port, presents, Path(folder))
            yield Line(f"Z39.50 client, {name}", "operations/s", ours, theirs, "zoomsh (YAZ, C)", goal)


def _decoding(effort: Effort) -> Line:
    octets = _response()
    reader, theirs = Reader(Limits()), asn1tools.compile_files(str(FACTS), "ber")

    def decode() -> None:
        reader.feed(octets)
        element = reader.next()
        assert element is not None
        codec.from_element(element)

    ours, reference = race(effort, decode, lambda: theirs.decode("PDU", octets))
    return Line("Z39.50 PresentResponse of 10, decoding", "PDUs/s", ours, reference, "asn1tools", 1.0)


def _response() -> bytes:
    entry = NamePlusRecord(name="Default", record=to_external(oid.USMARC, b"x" * 400))
    response = PresentResponse(reference_id=b"1", number_of_records_returned=RECORDS, present_status=0,
                               next_result_set_position=RECORDS + 1, records=(entry,) * RECORDS)
    return encode_indefinite(ber.decode(codec.encode(response)))


def _race(effort: Effort, zoomsh: str, port: int, presents: bool, folder: Path) -> tuple[float, float]:
    count = max(10, round(effort.round_seconds * 5000))
    empty, full = folder / "empty", folder / "full"
    empty.write_text(_commands(port, 0, presents), "ascii")
    full.write_text(_commands(port, count, presents), "ascii")
    ours, theirs = [], []
    with settled_heap() as settle:
        for _ in range(effort.rounds):
            settle()
            ours.append(asyncio.run(_our_rate(port, count, presents)))
            start = min(_seconds(zoomsh, empty) for _ in range(3))
            theirs.append(count / max(1e-6, _seconds(zoomsh, full) - start))
    return second_best(ours), second_best(theirs)


async def _our_rate(port: int, count: int, presents: bool) -> float:
    query = parse(QUERY)
    async with Z3950Client("127.0.0.1", port, "Default") as client:
        begin = time.perf_counter()
        for _ in range(count):
            hits = await client.search(query)
            assert hits > RECORDS
            if presents:
                assert len(await client.present(1, RECORDS)) == RECORDS
        return count / (time.perf_counter() - begin)


def _commands(port: int, count: int, presents: bool) -> str:
    operation = [f"search {QUERY}", *([f"show 0 {RECORDS} raw"] if presents else [])]
    return "\n".join([f"connect tcp:127.0.0.1:{port}/Default", "set preferredRecordSyntax usmarc", *operation * count,
                      "quit", ""])


def _seconds(zoomsh: str, commands: Path) -> float:
    begin = time.perf_counter()
    with commands.open("rb") as source:
        subprocess.run([zoomsh], stdin=source, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


@contextmanager
def _ztest() -> Iterator[int]:
    """Run yaz-ztest on the last core; give its port."""
    program = require_program("yaz-ztest")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([program, "-S", "-v", "none", f"tcp:127.0.0.1:{port}"])
    os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
    try:
        wait_for(port)
        yield port
    finally:
        process.kill()  # a SIGTERM between two events would wait for the next one
        process.wait()


def wait_for(port: int) -> None:
    """Return once something listens on ``port``."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise TimeoutError("yaz-ztest does not listen")
