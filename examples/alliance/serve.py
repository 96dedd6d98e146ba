"""Hosts a part of the sample alliance in one process: its gateway, some connectors, or some library systems.

    python -m examples.alliance.serve gateway|connectors|ils --folder DIR --roster N [--index 0 1 2] --clock FILE

The parts are the real ones; only the clock is the alliance's own. ``--kill before:17`` ends the process by SIGKILL
before (or after) its seventeenth commit: what a power cut would do, at a place of the test's choosing. ``DELTA_LOG`` in
the environment names another log level than WARNING.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from connectors.agent.app import run_connector
from connectors.agent.config import Settings as ConnectorSettings
from connectors.agent.journal import JournalFailed
from connectors.desk.api import serve_desk
from connectors.faces import FacesSettings, serve_faces
from connectors.kiosk import KioskSettings, serve_kiosks
from examples.alliance.clock import Clock, clock_of
from examples.alliance.ground import Ground
from examples.alliance.roster import Library, load_roster, with_varied_dialects
from examples.ils.app import host
from federation.app import run_gateway
from federation.config import Settings as GatewaySettings
from federation.storage.engine import StorageFailed
from trust.errors import TrustError
from trust.settings import SettingsRefused

Probe = Callable[[str], None]


class KillProbe:
    """Counts a process's commits and kills it before or after the chosen one."""

    def __init__(self, order: str) -> None:
        when, _, number = order.partition(":")
        self._point = f"{when} commit"
        self._left = int(number)

    def __call__(self, point: str) -> None:
        """Count this point; die at the chosen one."""
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM; return 1 where a part could not start."""
    options = _parser().parse_args(argv)
    logging.basicConfig(level=os.environ.get("DELTA_LOG", "WARNING"), format="%(levelname)s %(name)s: %(message)s")
    libraries = with_varied_dialects(load_roster(options.roster))
    chosen = [libraries[index] for index in options.index] if options.index else list(libraries)
    failures: tuple[BaseException, ...] = ()
    try:
        asyncio.run(_PARTS[options.part](options, chosen))
    except* (TrustError, SettingsRefused, StorageFailed, JournalFailed, OSError) as errors:
        failures = errors.exceptions
    for failure in failures:
        print(f"{options.part}: {failure}", file=sys.stderr)
    return 1 if failures else 0


async def _gateway(options: argparse.Namespace, _chosen: list[Library]) -> None:
    settings = GatewaySettings.load(Ground(options.folder).gateway_settings)
    if options.redis:
        settings = settings.model_copy(update={"redis": options.redis})
    async with run_gateway(settings, clock=_clock(options), probe=_probe(options)):
        _ready(options)
        await _stopped()


async def _connectors(options: argparse.Namespace, chosen: list[Library]) -> None:
    ground = Ground(options.folder)
    async with AsyncExitStack() as stack:
        for library in chosen:
            settings = ConnectorSettings.load(ground.connector_settings(library))
            connector = await stack.enter_async_context(
                run_connector(settings, clock=_clock(options), probe=_probe(options)))
            await stack.enter_async_context(serve_desk(connector, settings.desk_socket))
            await stack.enter_async_context(serve_kiosks(connector, KioskSettings.read(settings.kiosk)))
            await stack.enter_async_context(serve_faces(connector, FacesSettings.read(settings.faces)))
        _ready(options)
        await _stopped()


async def _ils(options: argparse.Namespace, chosen: list[Library]) -> None:
    ports_file = options.folder / f"ports-{chosen[0].slug}.json"
    stop = asyncio.Event()
    hosting = asyncio.create_task(host(chosen, options.folder, ports_file, _clock(options), stop, _probe(options),
                                       seed=options.seed, ready=lambda: _ready(options)))
    stopped = asyncio.create_task(_stopped())
    await asyncio.wait({hosting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    stopped.cancel()
    await hosting


_PARTS = {"gateway": _gateway, "connectors": _connectors, "ils": _ils}
_probes: dict[str, Probe] = {}


def _probe(options: argparse.Namespace) -> Probe:
    """Return the one probe of this process: all its databases count together."""
    order = options.kill
    if not order:
        return lambda _point: None
    return _probes.setdefault(order, KillProbe(order))


def _clock(options: argparse.Namespace) -> Clock:
    return clock_of(options.clock)


def _ready(options: argparse.Namespace) -> None:
    if options.ready:
        options.ready.write_text("ready", "utf-8")


async def _stopped() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m examples.alliance.serve", description="Host a part of the alliance.")
    parser.add_argument("part", choices=("gateway", "connectors", "ils"))
    parser.add_argument("--folder", type=Path, required=True, help="the alliance's folder")
    parser.add_argument("--roster", type=int, required=True, help="how many libraries the alliance has")
    parser.add_argument("--index", type=int, nargs="*", default=[], help="which of them; default all")
    parser.add_argument("--clock", type=Path, help="the alliance's clock file; default the machine's time")
    parser.add_argument("--seed", type=int, default=1, help="chooses stock and readers")
    parser.add_argument("--redis", help="URL of a Redis or Valkey for the gateway")
    parser.add_argument("--ready", type=Path, help="a file to write when the part is ready")
    parser.add_argument("--kill", help="before:K or after:K: die at the K-th commit")
    return parser


if __name__ == "__main__":
    sys.exit(main())
