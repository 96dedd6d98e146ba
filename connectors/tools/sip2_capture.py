"""``delta-connector sip2 record``: a tap on the line between a terminal and an ILS.

Every byte is handed on untouched, and what both sides say is noted as JSON lines, secrets masked before anything is
written. Frames may end with CR, LF or both. Where no dialect is named, each frame is read as UTF-8, else as GBK.
The ILS may be called with TLS. Deliberately absent: TLS on the terminal's side, and any answer of our own.
"""

import argparse
import asyncio
import ipaddress
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from connectors.sip2.errors import FormatError
from connectors.sip2.framing import FrameSplitter
from connectors.sip2.line import Address
from connectors.sip2.profile import Terminator
from connectors.sip2.tls import trouble_of
from connectors.tools.address import host_and_any_port, host_and_port
from connectors.tools.sip2_options import add_dialect_options, add_tls_options, address_of, reader_named
from connectors.tools.sip2_reader import Reader
from connectors.tools.terminal import Refused, WrongUse, error_code, note

_BLOCK_BYTES = 1 << 16
_CONNECT_SECONDS = 10.0

Clock = Callable[[], datetime]
Side = Literal["sc", "acs"]


@dataclass
class Tap:
    """Joins terminals to one ILS. ``put`` takes each noted line; ``failure`` is what it failed with, if it did."""

    target: Address
    reader: Reader
    put: Callable[[dict[str, object]], None]
    clock: Clock
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    failure: OSError | None = None
    _lines: int = 0
    _joined: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[int]:
        """Join whoever calls, meanwhile; yields the port."""
        server = await asyncio.start_server(self._accept, host, port)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for task in self._joined:
                task.cancel()
            await asyncio.gather(*self._joined, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._join(reader, writer))
        self._joined.add(task)
        task.add_done_callback(self._joined.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines += 1
        line = self._lines
        writers = [writer]
        try:
            ils_reader, ils_writer = await self._call()
            writers.append(ils_writer)
            pumps = (self._pump(line, "sc", reader, ils_writer), self._pump(line, "acs", ils_reader, writer))
            await _first_of([asyncio.ensure_future(pump) for pump in pumps])
        except OSError as error:
            self._note(line, {"error": "line_down", "detail": trouble_of(error) or type(error).__name__})
        finally:
            for each in writers:
                each.close()

    async def _call(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        target = self.target
        name = (target.server_name or target.host) if target.tls else None
        async with asyncio.timeout(_CONNECT_SECONDS):
            return await asyncio.open_connection(target.host, target.port, ssl=target.tls, server_hostname=name)

    async def _pump(self, line: int, side: Side, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        splitter = FrameSplitter(Terminator.LF)
        while block := await reader.read(_BLOCK_BYTES):
            writer.write(block)
            await writer.drain()
            splitter.feed(block.replace(b"\r", b"\n"))
            while not self._note_frames(line, side, splitter):
                pass

    def _note_frames(self, line: int, side: Side, splitter: FrameSplitter) -> bool:
        """Note the frames that are whole; False where one was too long and there may be more."""
        try:
            for frame in splitter.frames():
                self._note(line, {"from": side, **self._read(frame)})
        except FormatError as error:
            self._note(line, {"from": side, "error": error_code(error)})
            return False
        return True

    def _read(self, frame: bytes) -> dict[str, object]:
        """Return a frame's JSON; of one that is no message only its length: it may be a password at a prompt."""
        try:
            return self.reader.read_json(frame)
        except FormatError as error:
            return {"error": error_code(error), "bytes": len(frame)}

    def _note(self, line: int, said: dict[str, object]) -> None:
        moment = self.clock().astimezone(UTC).isoformat(timespec="milliseconds")
        try:
            self.put({"at": moment, "line": line, **said})
        except OSError as error:
            self.failure = error
            self.stopped.set()


async def _first_of(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Wait for one of the two directions to end, and end the other: the line has one life."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def add_commands(verbs: Any) -> None:
    """Add ``record`` to the commands under ``sip2``."""
    record = verbs.add_parser("record", help="在终端与 ILS 之间旁听 note what a terminal and an ILS say to each other")
    record.add_argument("--listen", type=host_and_any_port, required=True, metavar="HOST:PORT",
                        help="where terminals call; port 0 is any that is free")
    record.add_argument("--to", type=host_and_port, required=True, metavar="HOST:PORT", help="the ILS")
    record.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a new file of JSON lines")
    add_dialect_options(record)
    add_tls_options(record)
    record.add_argument("--any-address", action="store_true", help="listen on another than a loopback address")
    record.set_defaults(run=_record)


def _record(arguments: argparse.Namespace) -> int:
    host, _ = arguments.listen
    if not arguments.any_address and not _is_loopback(host):
        raise WrongUse(f"{host} is no loopback address; --any-address lets others on the network call")
    target, reader = address_of(arguments.to, arguments), reader_named(arguments)
    try:
        # Readers' card numbers stand in it.
        descriptor = os.open(arguments.output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refused(f"{arguments.output} exists already; name a new file") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", buffering=1) as file:

        def put(said: dict[str, object]) -> None:
            file.write(json.dumps(said, ensure_ascii=False) + "\n")

        asyncio.run(_run(Tap(target, reader, put, lambda: datetime.now(UTC)), arguments.listen))
    return 0


async def _run(tap: Tap, listen: tuple[str, int]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, tap.stopped.set)
    async with tap.listening(*listen) as port:
        note(f"{listen[0]}:{port} -> {tap.target}")
        await tap.stopped.wait()
    if tap.failure is not None:
        raise tap.failure


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
