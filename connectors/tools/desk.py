"""The staff's desk from a terminal: each command is one question to the running connector, over its own socket.

The socket (mode 0600) is the only way in: nobody else opens the journal.
"""

import argparse
import asyncio
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout, UnixConnector

from connectors.agent.config import Settings
from connectors.agent.custody import Step
from connectors.desk.metrics import metrics_text
from connectors.tools.desk_texts import (
    PULL_COLUMNS,
    address_text,
    conflicts_text,
    erased_text,
    handled_text,
    loans_text,
    reset_text,
    scan_text,
    status_text,
    uncollected_text,
)
from connectors.tools.terminal import Refused, WrongUse, plain, say, say_json
from schemas.lending import Condition
from trust import console
from trust import errors as trust_errors

CONFIG = Path("connector.toml")
_HTTP_REFUSED = 400
_ANSWER_SECONDS_MAX = 60.0
_DIGITS_MAX = 18

Show = Callable[[Any], str]


class NotRunning(Refused):
    """No connector answers at its socket."""


async def ask(socket: Path, method: str, path: str, body: object = None, *,
              seconds: float | None = _ANSWER_SECONDS_MAX) -> Any:
    """Return what the running connector answers; ``seconds`` None waits as long as it works.

    Raises:
        NotRunning: nobody answers.
        Refused: the connector refuses; the text is its reason.
    """
    try:
        async with (ClientSession(connector=UnixConnector(str(socket)), timeout=ClientTimeout(total=seconds)) as http,
                    http.request(method, f"http://desk{path}", json=body) as answer):
            status, raw = answer.status, await answer.read()
    except (ClientError, OSError, TimeoutError) as error:
        raise NotRunning(f"no connector answers at {socket} ({type(error).__name__}); start it with "
                         "'delta-connector serve'") from None
    try:
        document = json.loads(raw)
    except ValueError:
        raise Refused(f"the connector answered {status} without saying why; see its log") from None
    if status >= _HTTP_REFUSED:
        raise Refused(plain(f"{document.get('detail', 'refused')} [{document.get('code', status)}]"))
    return document


def add_commands(commands: Any) -> None:
    """Add what staff ask of the running connector."""
    status = _add(commands, "status", "连接器现状 how the connector stands", _status)
    status.add_argument("--metrics", action="store_true", help="监控指标 as metrics, for Prometheus")
    loans = _add(commands, "loans", "未结借阅 open loans", _loans)
    loans.add_argument("--all", action="store_true", help="全部 also those that have ended")
    _add(commands, "pull-list", "取书单 copies to fetch from the shelf and send", _pull_list)
    _add_conflicts(commands)
    _add(commands, "uncollected", "书柜逾期未取 copies to take out of our lockers: nobody has collected them",
         _uncollected)
    _add(commands, "deliveries", "待送书单 copies here to be brought to their readers", _deliveries)
    address = _add(commands, "address", "送书地址 where to bring a copy that waits here", _address)
    address.add_argument("loan", metavar="LOAN")
    scan = _add(commands, "scan", "扫描条码,做下一步 do the next right thing with a copy", _scan)
    scan.add_argument("barcode", metavar="BARCODE")
    scan.add_argument("--condition", choices=[condition.value for condition in Condition],
                      default=Condition.GOOD.value, help="品相 how the copy looks (good)")
    scan.add_argument("--place", default="", help="地点 where it changed hands")
    scan.add_argument("--loan", help="借阅号,几件同码时 which loan, where several fit")
    scan.add_argument("--step", choices=[step.value for step in Step], help="只做这一步 only this step: 'send back' "
                      "is how an uncollected copy goes home, 'load locker' with --place how one is put into a locker")
    missing = _add(commands, "not-on-shelf", "架上无书 a promised copy is not there", _not_on_shelf)
    missing.add_argument("loan", metavar="LOAN")
    lost = _add(commands, "lost", "报失索赔 our copy will not come back: claim its price", _lost)
    lost.add_argument("loan", metavar="LOAN")
    lost.add_argument("--charge-fen", type=_fen, metavar="N", help="less than its price, in fen (分)")
    reset = _add(commands, "reset-streams", "从备份恢复后重新编号 begin to number our messages anew, after the journal "
                 "was restored from a backup", _reset_streams)
    reset.add_argument("--reason", required=True, help="原因,各馆都会看到 why; every receiver will read it")
    reset.add_argument("--yes", action="store_true", help="不再询问 do not ask")


    erase = _add(commands, "erase", "抹去已结借阅的报文与读者信息 erase what was said in loans that have ended, "
                 "and who the readers were", _erase)
    erase.add_argument("--ended-before", type=_day, required=True, metavar="YYYY-MM-DD",
                       help="此日之前结束的 those that had ended before this day (UTC)")
    erase.add_argument("--yes", action="store_true", help="不再询问 do not ask")


def _add_conflicts(commands: Any) -> None:
    conflicts = _add(commands, "conflicts", "待核对清单 what staff must settle; 'handled ID' takes one off", _conflicts)
    handled = conflicts.add_subparsers(metavar="handled ID").add_parser(
        "handled", help="已处理,移出清单 staff have settled it: take it off the list")
    handled.add_argument("id", type=_number, metavar="ID")
    _add_common(handled, argparse.SUPPRESS, argparse.SUPPRESS)  # what stands before 'handled' counts as well
    handled.set_defaults(run=_handled)


def _add(commands: Any, name: str, text: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text)
    _add_common(command, CONFIG, False)
    command.set_defaults(run=run)
    return command


def _add_common(command: argparse.ArgumentParser, config: Path | str, as_json: bool | str) -> None:
    command.add_argument("--config", type=Path, default=config, help=f"settings file ({CONFIG})")
    command.add_argument("--json", action="store_true", default=as_json, help="print the answer as JSON")


def _fen(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of fen from 0")
    return int(text)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of the list")
    return int(text)


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day like 2026-01-31") from None


def _run(arguments: argparse.Namespace, show: Show, method: str, path: str, body: object = None, *,
         seconds: float | None = _ANSWER_SECONDS_MAX) -> int:
    socket = Settings.load(arguments.config).desk_socket
    answer = asyncio.run(ask(socket, method, path, body, seconds=seconds))
    if arguments.json:
        say_json(answer)
    else:
        say(show(answer))
    return 0


def _status(arguments: argparse.Namespace) -> int:
    show: Show = (lambda status: metrics_text(status, datetime.now(UTC)).rstrip()) if arguments.metrics else status_text
    return _run(arguments, show, "GET", "/status")


def _loans(arguments: argparse.Namespace) -> int:
    return _run(arguments, loans_text, "GET", "/loans?all" if arguments.all else "/loans")


def _pull_list(arguments: argparse.Namespace) -> int:
    return _run(arguments, lambda loans: loans_text(loans, PULL_COLUMNS), "GET", "/pull-list")


def _conflicts(arguments: argparse.Namespace) -> int:
    return _run(arguments, conflicts_text, "GET", "/conflicts")


def _handled(arguments: argparse.Namespace) -> int:
    return _run(arguments, handled_text, "POST", f"/conflicts/{arguments.id}/handled")


def _uncollected(arguments: argparse.Namespace) -> int:
    return _run(arguments, uncollected_text, "GET", "/uncollected")


def _deliveries(arguments: argparse.Namespace) -> int:
    return _run(arguments, loans_text, "GET", "/deliveries")


def _address(arguments: argparse.Namespace) -> int:
    return _run(arguments, address_text, "GET", f"/loans/{quote(arguments.loan, safe='')}/address")


def _scan(arguments: argparse.Namespace) -> int:
    body = {"barcode": arguments.barcode, "condition": arguments.condition, "place": arguments.place,
            **{name: value for name in ("loan", "step") if (value := getattr(arguments, name))}}
    return _run(arguments, scan_text, "POST", "/scan", body)


def _not_on_shelf(arguments: argparse.Namespace) -> int:
    return _run(arguments, _one_loan, "POST", f"/loans/{quote(arguments.loan, safe='')}/not-on-shelf")


def _lost(arguments: argparse.Namespace) -> int:
    body = {"charge_fen": arguments.charge_fen}
    return _run(arguments, _one_loan, "POST", f"/loans/{quote(arguments.loan, safe='')}/lost", body)


def _reset_streams(arguments: argparse.Namespace) -> int:
    console.explain("将对本馆发出的全部报文流重新编号。尚未送达的报文作废，逐条列出，须与对方馆核对。",
                    "All streams of this library begin anew. What has not been delivered is given up, each by name: "
                    "its loan must be compared with the other library.")
    if not _agreed("继续吗 go on?", arguments):
        return 1
    return _run(arguments, reset_text, "POST", "/reset-streams", {"reason": arguments.reason})


def _erase(arguments: argparse.Namespace) -> int:
    wish = {"ended_before": arguments.ended_before}
    socket = Settings.load(arguments.config).desk_socket
    found = asyncio.run(ask(socket, "POST", "/erase", wish))
    console.explain(f"将抹去 {found['loans']} 笔已结借阅的 {found['messages']} 条报文内容与读者信息,以及"
                    f" {found['sessions']} 次过期登录与 {found['conflicts']} 项旧待办中的读者,无法撤回。"
                    f"仍有用处而保留 {found['kept']} 笔。",
                    f"erases the contents of {found['messages']} messages of {found['loans']} loans, with their "
                    f"readers, {found['sessions']} sign-ins, and the readers in {found['conflicts']} old conflicts, "
                    f"for good. Kept, still needed: {found['kept']} loans.")
    if not _agreed("抹去 erase them?", arguments):
        return 1
    return _run(arguments, erased_text, "POST", "/erase", {**wish, "dry_run": False})


def _agreed(question: str, arguments: argparse.Namespace) -> bool:
    try:
        return console.agreed(question, yes=arguments.yes)
    except (trust_errors.WrongUse, EOFError) as error:
        raise WrongUse(str(error) or "没有回答 no answer") from None


def _one_loan(loan: Any) -> str:
    return loans_text([loan])
