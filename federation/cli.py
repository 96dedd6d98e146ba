"""``delta-gateway``: run the hub, and ask the running one. Exit codes: 0 done, 1 refused or failed, 2 wrong use."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, UnixConnector

from federation.app import run_gateway
from federation.config import Settings, SettingsRefused
from federation.storage.database import StorageFailed
from trust.errors import TrustError
from trust.keys import write_atomically


class NotRunning(Exception):
    """The gateway's socket does not answer."""


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("tuf").setLevel(logging.WARNING)  # it notes every admin who has not signed a k-of-n document
    try:
        settings = Settings.load(arguments.config)
        return int(asyncio.run(arguments.run(settings, arguments)))
    except (SettingsRefused, TrustError, StorageFailed, NotRunning, OSError) as error:
        sys.stderr.write(f"delta-gateway: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="delta-gateway", description="The alliance's gateway.")
    parser.add_argument("--config", type=Path, default=Path("gateway.toml"), help="settings file (gateway.toml)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("serve", help="run until stopped").set_defaults(run=_serve)
    for name, path, text in (("status", "/status", "what the gateway holds and who is connected"),
                             ("loans", "/loans", "all loans"),
                             ("audit", "/audit", "compare the ledger's balances with its journal")):
        commands.add_parser(name, help=text).set_defaults(run=_show, path=path)
    commands.add_parser("settle", help="close the window and propose statements").set_defaults(run=_settle)
    evidence = commands.add_parser("evidence", help="write a loan's evidence bundle")
    evidence.add_argument("loan", help="the loan's id")
    evidence.add_argument("-o", "--output", type=Path, required=True, help="the zip file to write")
    evidence.set_defaults(run=_evidence)
    return parser


async def _serve(settings: Settings, _arguments: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with run_gateway(settings) as running:
        sys.stdout.write(f"http://{settings.host}:{running.port}/\n")
        sys.stdout.flush()
        await stop.wait()
    return 0


async def _show(settings: Settings, arguments: argparse.Namespace) -> int:
    answer = await _ask_json(settings, "GET", arguments.path)
    _print(answer, as_json=arguments.json)
    return 1 if arguments.path == "/audit" and answer else 0


async def _settle(settings: Settings, arguments: argparse.Namespace) -> int:
    _print(await _ask_json(settings, "POST", "/windows"), as_json=arguments.json)
    return 0


async def _evidence(settings: Settings, arguments: argparse.Namespace) -> int:
    bundle = await ask(settings.operator_socket, "GET", f"/evidence/{quote(arguments.loan, safe='')}")
    write_atomically(arguments.output, bundle)
    _print({"bundle": str(arguments.output), "bytes": len(bundle)}, as_json=arguments.json)
    return 0


async def _ask_json(settings: Settings, method: str, path: str) -> Any:
    answer = await ask(settings.operator_socket, method, path)
    try:
        return json.loads(answer)
    except ValueError:
        raise NotRunning(f"what answers at {settings.operator_socket} is no gateway's operator socket") from None


async def ask(socket: Path, method: str, path: str) -> bytes:
    """Ask the running gateway.

    Raises:
        NotRunning: it does not answer, or refuses; the text says why.
    """
    try:
        async with (ClientSession(connector=UnixConnector(str(socket))) as http,
                    http.request(method, f"http://gateway{path}") as answer):
            body = await answer.read()
    except (ClientError, OSError) as error:
        raise NotRunning(f"no gateway answers at {socket} ({type(error).__name__}); start it with "
                         "'delta-gateway serve'") from None
    if answer.status >= 400:
        raise NotRunning(f"the gateway refused ({answer.status}): {_detail(body)}")
    return body


def _detail(body: bytes) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")


def _print(answer: Any, *, as_json: bool) -> None:
    if as_json or isinstance(answer, list):
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
        return
    for name, value in answer.items():
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        sys.stdout.write(f"{name}: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
