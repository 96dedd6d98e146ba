"""``delta-connector``: run a library's connector, ask the running one, and look into MARC, SIP2 and Z39.50.

Exit codes: 0 done, 1 refused or failed, 2 wrong use.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path

from connectors.agent.app import run_connector
from connectors.agent.config import Settings
from connectors.agent.journal import JournalFailed
from connectors.desk.api import serve_desk
from connectors.faces import FacesSettings, serve_faces
from connectors.kiosk import KioskSettings, serve_kiosks
from connectors.sip2.errors import Sip2Error
from connectors.tools import desk, doctor, harvest, marc, sip2, sru, z3950
from connectors.tools.terminal import Refused, ToolError, WrongUse, note, say
from trust.errors import TrustError
from trust.settings import SettingsRefused

KNOWN = (ToolError, SettingsRefused, TrustError, JournalFailed, Sip2Error, OSError)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = _parser().parse_args(argv)
    _print_anything()
    code = 1
    failures: list[BaseException] = []
    try:
        code = int(arguments.run(arguments))
        sys.stdout.flush()
    except* KNOWN as errors:
        failures = list(_leaves(errors))
    except* KeyboardInterrupt:
        note("delta-connector: interrupted")
    for failure in failures:
        _explain(failure)
    return 2 if any(isinstance(failure, WrongUse) for failure in failures) else code


def _explain(failure: BaseException) -> None:
    if isinstance(failure, BrokenPipeError):
        # Whoever read our output has gone, which needs no word; Python would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    elif isinstance(failure, OSError) and failure.filename:
        note(f"delta-connector: {failure.filename}: {failure.strerror}")
    else:
        note(f"delta-connector: {failure}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="delta-connector", description="A library's connector to the alliance.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="运行连接器 run until stopped")
    serve.add_argument("--config", type=Path, default=desk.CONFIG, help=f"settings file ({desk.CONFIG})")
    serve.set_defaults(run=_serve)
    for tool in (desk, harvest, doctor, marc, sip2, sru, z3950):
        tool.add_commands(commands)
    return parser


def _serve(arguments: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("tuf").setLevel(logging.WARNING)  # it tells of each admin of n who was not among the k signers
    asyncio.run(_serve_until_stopped(Settings.load(arguments.config), arguments.config.parent))
    return 0


async def _serve_until_stopped(settings: Settings, folder: Path) -> None:
    kiosks, faces = KioskSettings.read(settings.kiosk, folder), FacesSettings.read(settings.faces)
    await _require_alone(settings.desk_socket)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (run_connector(settings) as connector, serve_desk(connector, settings.desk_socket),
                serve_kiosks(connector, kiosks), serve_faces(connector, faces)):
        say(f"{settings.agency}: {settings.desk_socket}")
        sys.stdout.flush()
        await stop.wait()


async def _require_alone(socket: Path) -> None:
    """Refuse to run beside another connector of the same journal: both would take its desk and its numbers."""
    try:
        await desk.ask(socket, "GET", "/status")
    except desk.NotRunning:
        return
    raise Refused(f"a connector already answers at {socket}; stop it first")


def _print_anything() -> None:
    """Let no character that the terminal lacks end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


if __name__ == "__main__":
    sys.exit(main())
