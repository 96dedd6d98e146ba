"""``delta-gateway``: run the hub, and ask the running one. Exit codes: 0 done, 1 refused or failed, 2 wrong use."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, UnixConnector

from federation.app import run_gateway
from federation.config import Settings
from federation.curating import add_catalogue
from federation.status_text import status_text
from federation.storage.engine import StorageFailed
from trust.console import agreed, explain
from trust.errors import TrustError, WrongUse
from trust.keys import write_atomically
from trust.settings import SettingsRefused


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
    except WrongUse as error:
        sys.stderr.write(f"delta-gateway: {error}\n")
        return 2
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
    status = commands.add_parser("status", help="what the gateway holds and who is connected")
    status.add_argument("--metrics", action="store_true", help="监控指标 as metrics, for Prometheus")
    status.set_defaults(run=_status)
    for name, path, text in (("loans", "/loans", "all loans"),
                             ("audit", "/audit", "compare the ledger's balances with its journal")):
        commands.add_parser(name, help=text).set_defaults(run=_show, path=path)
    commands.add_parser("settle", help="close the window and propose statements").set_defaults(run=_settle)
    reset = commands.add_parser("reset-streams", help="从备份恢复后重开编号 number our messages anew, after a restore")
    reset.add_argument("--reason", required=True, help="原因,各馆都会读到 why; every library reads it")
    reset.add_argument("--yes", action="store_true", help="不再询问 do not ask")
    reset.set_defaults(run=_reset_streams)
    erase = commands.add_parser("erase", help="抹去已结借阅的报文内容 erase what was said in loans that have ended")
    erase.add_argument("--ended-before", type=_day, required=True, metavar="YYYY-MM-DD",
                       help="此日之前结束的 those that had ended before this day (UTC)")
    erase.add_argument("--yes", action="store_true", help="不再询问 do not ask")
    erase.set_defaults(run=_erase)
    add_catalogue(commands, _ask_json)
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
        sys.stdout.write(f"{'https' if settings.tls else 'http'}://{settings.host}:{running.port}/\n")
        sys.stdout.flush()
        await stop.wait()
    return 0


async def _status(settings: Settings, arguments: argparse.Namespace) -> int:
    if arguments.metrics:
        sys.stdout.write((await ask(settings.operator_socket, "GET", "/metrics")).decode())
        return 0
    answer = await _ask_json(settings, "GET", "/status")
    if arguments.json:
        _print(answer, as_json=True)
    else:
        sys.stdout.write(f"{status_text(answer)}\n")
    return 0


async def _show(settings: Settings, arguments: argparse.Namespace) -> int:
    answer = await _ask_json(settings, "GET", arguments.path)
    _print(answer, as_json=arguments.json)
    return 1 if arguments.path == "/audit" and answer else 0


async def _settle(settings: Settings, arguments: argparse.Namespace) -> int:
    _print(await _ask_json(settings, "POST", "/windows"), as_json=arguments.json)
    return 0


async def _reset_streams(settings: Settings, arguments: argparse.Namespace) -> int:
    explain("将向每个成员馆签发声明,重开本平台的编号;此前未送达的编号不再补送,无法撤回。仅在数据库从备份恢复后使用。",
            "signs to every library that the gateway numbers its messages anew; numbers that never arrived are given "
            "up, and this can't be taken back. Only after the database was restored from a copy.")
    if not agreed("重开编号 begin the streams anew?", yes=arguments.yes):
        return 1
    resets = await _ask_json(settings, "POST", "/streams/reset", {"reason": arguments.reason})
    if arguments.json:
        _print(resets, as_json=True)
        return 0
    for reset in resets:
        sys.stdout.write(f"{reset['to']} {reset['channel']}: 第 {reset['epoch']} 期,自第 {reset['seq']} 号之后 "
                         f"epoch {reset['epoch']}, after number {reset['seq']}\n")
    return 0


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day like 2026-01-31") from None


async def _erase(settings: Settings, arguments: argparse.Namespace) -> int:
    wish = {"ended_before": arguments.ended_before}
    found = await _ask_json(settings, "POST", "/erase", wish)
    explain(f"将抹去 {found['loans']} 笔借阅的 {found['messages']} 条报文内容,无法撤回;日志条目与哈希保留,仍可核验。"
            f"仍有用处而保留 {sum(found['kept'].values())} 笔。",
            f"erases the contents of {found['messages']} messages of {found['loans']} loans for good; leaves and "
            f"hashes stay and verify. Kept because still needed: {json.dumps(found['kept'])}")
    if not agreed("抹去 erase them?", yes=arguments.yes):
        return 1
    _print(await _ask_json(settings, "POST", "/erase", {**wish, "dry_run": False}), as_json=arguments.json)
    return 0


async def _evidence(settings: Settings, arguments: argparse.Namespace) -> int:
    bundle = await ask(settings.operator_socket, "GET", f"/evidence/{quote(arguments.loan, safe='')}")
    write_atomically(arguments.output, bundle)
    _print({"bundle": str(arguments.output), "bytes": len(bundle)}, as_json=arguments.json)
    return 0


async def _ask_json(settings: Settings, method: str, path: str, body: Any = None) -> Any:
    answer = await ask(settings.operator_socket, method, path, body)
    try:
        return json.loads(answer)
    except ValueError:
        raise NotRunning(f"what answers at {settings.operator_socket} is no gateway's operator socket") from None


async def ask(socket: Path, method: str, path: str, body: Any = None) -> bytes:
    """Ask the running gateway.

    Raises:
        NotRunning: it does not answer, or refuses; the text says why.
    """
    try:
        async with (ClientSession(connector=UnixConnector(str(socket))) as http,
                    http.request(method, f"http://gateway{path}", json=body) as answer):
            told = await answer.read()
    except (ClientError, OSError) as error:
        raise NotRunning(f"no gateway answers at {socket} ({type(error).__name__}); start it with "
                         "'delta-gateway serve'") from None
    if answer.status >= 400:
        raise NotRunning(f"the gateway refused ({answer.status}): {_detail(told)}")
    return told


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
