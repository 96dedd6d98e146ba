"""The staff's desk from a terminal: each command is one question to the running connector, over its own socket.

The socket (mode 0600) is the only way in: nobody else opens the journal.
"""

import argparse
import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout, UnixConnector

from connectors.agent.config import Settings
from connectors.agent.custody import Step
from connectors.tools.desk_texts import PULL_COLUMNS, harvest_text, loans_text, scan_text, status_text
from connectors.tools.terminal import Refused, plain, say, say_json
from schemas.lending import Condition

CONFIG = Path("connector.toml")
_HTTP_REFUSED = 400
_ANSWER_SECONDS_MAX = 60.0

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
    _add(commands, "status", "连接器现状 how the connector stands", _status)
    loans = _add(commands, "loans", "未结借阅 open loans", _loans)
    loans.add_argument("--all", action="store_true", help="全部 also those that have ended")
    _add(commands, "pull-list", "取书单 copies to fetch from the shelf and send", _pull_list)
    scan = _add(commands, "scan", "扫描条码,做下一步 do the next right thing with a copy", _scan)
    scan.add_argument("barcode", metavar="BARCODE")
    scan.add_argument("--condition", choices=[condition.value for condition in Condition],
                      default=Condition.GOOD.value, help="品相 how the copy looks (good)")
    scan.add_argument("--place", default="", help="地点 where it changed hands")
    scan.add_argument("--loan", help="借阅号,几件同码时 which loan, where several fit")
    scan.add_argument("--step", choices=[step.value for step in Step], help="只做这一步 only this step: 'send back' "
                      "is how an uncollected copy goes home")
    missing = _add(commands, "not-on-shelf", "架上无书 a promised copy is not there", _not_on_shelf)
    missing.add_argument("loan", metavar="LOAN")
    lost = _add(commands, "lost", "报失索赔 our copy will not come back: claim its price", _lost)
    lost.add_argument("loan", metavar="LOAN")
    lost.add_argument("--charge-fen", type=_fen, metavar="N", help="less than its price, in fen (分)")
    _add(commands, "harvest", "报送书目 send the catalogue file to the union catalogue", _harvest)


def _add(commands: Any, name: str, text: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text)
    command.add_argument("--config", type=Path, default=CONFIG, help=f"settings file ({CONFIG})")
    command.add_argument("--json", action="store_true", help="print the answer as JSON")
    command.set_defaults(run=run)
    return command


def _fen(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of fen from 0")
    return int(text)


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
    return _run(arguments, status_text, "GET", "/status")


def _loans(arguments: argparse.Namespace) -> int:
    return _run(arguments, loans_text, "GET", "/loans?all" if arguments.all else "/loans")


def _pull_list(arguments: argparse.Namespace) -> int:
    return _run(arguments, lambda loans: loans_text(loans, PULL_COLUMNS), "GET", "/pull-list")


def _scan(arguments: argparse.Namespace) -> int:
    body = {"barcode": arguments.barcode, "condition": arguments.condition, "place": arguments.place,
            **{name: value for name in ("loan", "step") if (value := getattr(arguments, name))}}
    return _run(arguments, scan_text, "POST", "/scan", body)


def _not_on_shelf(arguments: argparse.Namespace) -> int:
    return _run(arguments, _one_loan, "POST", f"/loans/{quote(arguments.loan, safe='')}/not-on-shelf")


def _lost(arguments: argparse.Namespace) -> int:
    body = {"charge_fen": arguments.charge_fen}
    return _run(arguments, _one_loan, "POST", f"/loans/{quote(arguments.loan, safe='')}/lost", body)


def _harvest(arguments: argparse.Namespace) -> int:
    return _run(arguments, harvest_text, "POST", "/harvest", seconds=None)


def _one_loan(loan: Any) -> str:
    return loans_text([loan])
