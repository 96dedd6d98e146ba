"""``python -m examples.ils``: hosts sample library systems in one process until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from connectors.marc.record import MarcError
from examples.alliance.clock import clock_of
from examples.alliance.roster import Library, load_roster, with_varied_dialects
from examples.ils.app import PortsFileDamaged, host, lay_out
from examples.ils.database import DatabaseFailed


def main() -> int:
    """Run; return 0 once stopped, 1 where a system could not start."""
    options = _parser().parse_args()
    libraries = with_varied_dialects(load_roster(options.roster))
    if any(not 0 <= index < len(libraries) for index in options.index):
        _parser().error(f"--index names libraries by number, 0 to {len(libraries) - 1}")
    chosen = [libraries[index] for index in options.index or range(len(libraries))]
    try:
        lay_out(chosen, libraries, options.folder, options.seed)
        asyncio.run(_run(options, chosen))
    except (MarcError, DatabaseFailed, PortsFileDamaged, OSError) as error:
        print(f"examples.ils: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(options: argparse.Namespace, chosen: list[Library]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await host(chosen, options.folder, options.ports_file, clock_of(options.clock), stop, seed=options.seed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m examples.ils", description="Host sample library systems on loopback.")
    parser.add_argument("--roster", type=int, default=31, help="how many libraries the alliance has")
    parser.add_argument("--index", type=int, nargs="*", default=[], help="which of them to host; default all")
    parser.add_argument("--folder", type=Path, required=True, help="the alliance's folder: catalogues and databases")
    parser.add_argument("--ports-file", type=Path, required=True, help="written when ready; its ports are used again")
    parser.add_argument("--clock", type=Path, help="a stepped clock's file; default the machine's own time")
    parser.add_argument("--seed", type=int, default=1, help="chooses stock and readers")
    return parser


if __name__ == "__main__":
    sys.exit(main())
