"""Kiosks before an ILS: what the connector between them adds to an answer, and what a thousand of them cost it.

A whole connector (``delta-connector serve``, its journal on disk, the gateway away) and the sample ILS, each a process
of its own. Latency: one request outstanding, the same one directly to the ILS and through the connector in turns; what
is added is the difference of the medians. Memory: each kiosk is an address of its own and has asked for the status
once; told is by how much the connector's resident memory has grown since it answered the requests before.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from connectors.sip2 import Codec, Login, Message, Profile, build
from connectors.sip2.line import SC_STATUS
from examples.alliance.ground import lay_ground, write_connector_settings
from examples.alliance.readers import readers_of
from examples.alliance.roster import Library, load_roster
from examples.alliance.stock import stock_of
from examples.alliance.town import free_port
from examples.ils.app import Ports
from tests.benchmarks.harness import Effort, Line, resident_megabytes

DATE = "20260101    120000"
ADDED_MS_MAX = 0.5
KIOSKS = 1000
KIOSKS_MB_MAX = 60.0
SEED = 1
START_SECONDS_MAX = 30.0


def run(effort: Effort) -> Iterator[Line]:
    """Measure the latency, then the memory, of one connector."""
    library, *others = load_roster(2)
    with TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        ils = stack.enter_context(_ils(Path(folder)))
        port, pid = stack.enter_context(_connector(Path(folder), (library, *others), ils))
        direct = stack.enter_context(closing(Machine(ils.sip2, library.sip2)))
        direct.log_in(library)
        through = stack.enter_context(closing(Machine(port, Profile(login=Login.NONE))))
        for name, request in _requests(library, others).items():
            yield from _latency(effort, name, request, direct, through)
        yield _memory(30 if effort.is_quick else KIOSKS, port, pid)


def _requests(library: Library, others: list[Library]) -> dict[str, Message]:
    bib = stock_of(library, (library, *others), SEED)[0]
    known = {"transaction_date": DATE, "AO": library.sip2.institution}
    return {"17": build("17", AB=bib.holdings[0].items[0].barcode, **known),
            "63": build("63", language="019", summary=" " * 10, AA=readers_of(library, SEED)[0].card, **known)}


def _latency(effort: Effort, name: str, request: Message, direct: "Machine", through: "Machine") -> Iterator[Line]:
    assert _said(direct.ask(request)) == _said(through.ask(request))
    ways = [direct.asker(request), through.asker(request)]
    taken: list[list[float]] = [[], []]
    for _ in range(effort.rounds * 100):
        for ask, own in zip(ways, taken, strict=True):
            begin = time.perf_counter()
            ask()
            own.append((time.perf_counter() - begin) * 1000)
    alone, proxied = (median(own) for own in taken)
    yield Line(f"SIP2 {name} through the connector", "ms", proxied, alone, "the same ILS, asked directly")
    yield Line.within(f"SIP2 {name} through the connector, added", "ms", proxied - alone, ADDED_MS_MAX)


def _said(answer: Message) -> list[tuple[str, str]]:
    """Return what an answer says, but for the institution, which each side names in its own way."""
    return [(code, value) for code, value in answer.fields if code != "AO"]


def _memory(kiosks: int, port: int, pid: int) -> Line:
    before = resident_megabytes(pid)
    with ExitStack() as stack:
        for number in range(kiosks):
            address = f"127.1.{number >> 8}.{number & 255}"
            machine = stack.enter_context(closing(Machine(port, Profile(login=Login.NONE), address)))
            assert machine.ask(SC_STATUS).flag("on_line_status")
        grown = resident_megabytes(pid) - before
    return Line.within(f"{kiosks:,} idle kiosks, memory over the base", "MB", grown, KIOSKS_MB_MAX)


class Machine:
    """A kiosk on a blocking socket, which costs the least; what it says is encoded beforehand."""

    def __init__(self, port: int, profile: Profile, address: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10, (address, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._codec = Codec(profile)
        self._end = profile.terminator.value

    def log_in(self, library: Library) -> None:
        """Say 93, where the ILS wants it."""
        if library.credentials is not None:
            answer = self.ask(build("93", uid_algorithm="0", pwd_algorithm="0", CN=library.credentials.user,
                                    CO=library.credentials.password))
            assert answer.flag("ok")

    def ask(self, request: Message) -> Message:
        """Return the answer."""
        return self._codec.decode(self.asker(request)().removesuffix(self._end))

    def asker(self, request: Message) -> Callable[[], bytes]:
        """Return a function that asks once. Its sequence numbers go round, so that no answer is a repeated one."""
        frames = cycle([self._codec.encode(request, number).data for number in range(10)])
        answer = (request.spec.answer or "").encode()

        def ask() -> bytes:
            self._socket.sendall(next(frames))
            data = self._socket.recv(1 << 16)
            while not data.endswith(self._end):
                data += self._socket.recv(1 << 16)
            assert data.startswith(answer), data
            return data

        return ask

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


@contextmanager
def _ils(folder: Path) -> Iterator[Ports]:
    """Run the sample ILS of the first of two libraries; give its ports."""
    told = folder / "ports.json"
    with _process("examples.ils", "--folder", str(folder), "--roster", "2", "--index", "0", "--seed", str(SEED),
                  "--ports-file", str(told)):
        _wait_for(told.exists)
        (ports,) = json.loads(told.read_text("utf-8")).values()
        yield Ports(**ports)


@contextmanager
def _connector(folder: Path, libraries: tuple[Library, ...], ils: Ports) -> Iterator[tuple[int, int]]:
    """Run the first library's connector; give the port of its kiosks and its process id."""
    library, port = libraries[0], free_port()
    ground = lay_ground(folder, libraries, datetime.now(UTC), free_port())
    write_connector_settings(ground, [library], {library.slug: ils}, free_port())
    with ground.connector_settings(library).open("a", encoding="utf-8") as settings:
        settings.write(f'\n[[kiosk]]\nport = {port}\nplace = "bench"\nlines_max = {2 * KIOSKS}\n')
    arguments = ("connectors.cli", "serve", "--config", str(ground.connector_settings(library)))
    with _process(*arguments) as process:
        _wait_for(lambda: _listens(port))
        yield port, process.pid


@contextmanager
def _process(*module_and_arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", *module_and_arguments], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(look: Callable[[], bool]) -> None:
    end = time.monotonic() + START_SECONDS_MAX
    while not look():
        if time.monotonic() > end:
            raise TimeoutError("a part of the benchmark did not start")
        time.sleep(0.02)
