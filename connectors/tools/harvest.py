"""``delta-connector harvest``: let the running connector send its catalogue, watch it, and read the report."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from connectors.agent.config import Settings
from connectors.agent.harvest.report import Withheld
from connectors.tools import desk
from connectors.tools.marc_report import MEANINGS
from connectors.tools.terminal import Refused, progress, say, say_json, table

Report = Mapping[str, Any]

LOOK_SECONDS = 0.5
_WHOLE = 100

KINDS: Mapping[str, str] = MappingProxyType({"full": "全量 full", "changes": "增量 changes"})
WITHHELD: Mapping[str, str] = MappingProxyType({
    Withheld.PIECED: "本次报送曾中断,数据源其间可能已变 the run was cut, and the source may have changed since",
    Withheld.UNREADABLE: "坏记录比以前多,缺的可能就在其中 more records than before could not be read: what is missing "
                         "may be among them",
    Withheld.TOO_MANY: "一次缺得太多,请先核对导出文件 too many at once: look at the export first",
})
"""Why nothing was deleted."""
_CODES: Mapping[str, str] = MappingProxyType({
    "bad_file": "文件不能读完 the file cannot be read to its end",
    "bad_place": "目标不给这条记录 the target does not give this record",
    "bad_no_marc": "元数据中没有 MARC no MARC in the metadata",
    "page_repaired": "网页含 XML 禁用字符,已替换 pages with characters that XML forbids, replaced",
    "bad_too_large": "超出报文长度 too large for a message",
    **MEANINGS,
})


def add_commands(commands: Any) -> None:
    """Add ``harvest``."""
    command = commands.add_parser("harvest", help="报送书目 send what the union catalogue does not have yet")
    command.add_argument("--config", type=Path, default=desk.CONFIG, help=f"settings file ({desk.CONFIG})")
    command.add_argument("--json", action="store_true", help="print the report as JSON")
    command.add_argument("--full", action="store_true", help="全部重读 read everything, not only what has changed")
    command.add_argument("--anew", action="store_true", help="全部重送 send everything, even what was sent already")
    command.add_argument("--allow-deletions", action="store_true",
                         help="确认删除 delete what a full run does not find, however much it is")
    command.add_argument("--bad", type=Path, metavar="FILE", help="保存坏记录 keep the bytes of bad records")
    command.add_argument("--last", action="store_true", help="只看最近几次 harvest nothing, show the last runs")
    command.set_defaults(run=_harvest)


def _harvest(arguments: argparse.Namespace) -> int:
    socket = Settings.load(arguments.config).desk_socket
    if arguments.last:
        standing = asyncio.run(desk.ask(socket, "GET", "/harvest"))
        say_json(standing) if arguments.json else say(runs_text(standing))
        return 0
    wish = {"full": arguments.full, "anew": arguments.anew, "allow_deletions": arguments.allow_deletions,
            "bad": str(arguments.bad.absolute()) if arguments.bad else ""}
    report = asyncio.run(_watched(socket, wish))
    say_json(report) if arguments.json else say(report_text(report))
    return 1 if report["bad"] or report["withheld"] else 0


async def _watched(socket: Path, wish: Mapping[str, object]) -> Any:
    """Let it run, and show how far it is."""
    running = asyncio.create_task(desk.ask(socket, "POST", "/harvest", wish, seconds=None))
    with progress("harvest", _WHOLE) as done:
        while not (await asyncio.wait({running}, timeout=LOOK_SECONDS))[0]:
            try:
                standing = await desk.ask(socket, "GET", "/harvest")
            except Refused:
                continue  # the answer to the harvest itself tells more
            if standing["running"]:
                done(int(standing["running"]["share"] * _WHOLE))
    return await running


def report_text(report: Report) -> str:
    """Return what became of the source's records: counts, what is wrong with them, and what was not deleted."""
    titles = ("读取 Read", "送出 Sent", "未变 Unchanged", "删除 Deleted", "重号 Repeated", "坏记录 Bad",
              "用时(秒) Seconds")
    names = ("read", "sent", "unchanged", "deleted", "repeated", "bad", "seconds")
    parts = [f"{report['source']}: {KINDS[report['kind']]}", table(titles, [[report[name] for name in names]])]
    if report["charsets"]:
        parts.append(table(("字符集 Charset", "记录 Records"), _most(report["charsets"])))
    if report["problems"]:
        rows = [(code, count, _CODES.get(code, code)) for code, count in _most(report["problems"])]
        parts.append(table(("问题 Problem", "记录 Records", "含义 Meaning"), rows))
    if report["unmapped"]:
        parts.append(table(("原样保留的字段 Kept as they are", "次数 Times"), _most(report["unmapped"])))
    if report["first_bad"]:
        parts.append(table(("坏记录在 Bad record at", "问题 Problem", "说明 Detail"),
                           [(bad["at"], bad["code"], bad["detail"]) for bad in report["first_bad"]]))
    if report["withheld"]:
        parts.append(f"未删除 {report['vanished']} 条已不见的记录 [deletions_withheld]: "
                     f"{WITHHELD[report['withheld']]}\n"
                     "核对后用 --allow-deletions 确认 when it is right, confirm with --allow-deletions")
    return "\n\n".join(parts)


def runs_text(standing: Mapping[str, Any]) -> str:
    """Return the last runs, the newest first."""
    runs: Sequence[Report] = standing["runs"]
    if not runs:
        return "没有 none"
    shown = {run["run"]: run for run in (*runs, *filter(None, [standing["running"]]))}
    titles = ("编号 Run", "开始 Started", "类别 Kind", "读取 Read", "送出 Sent", "删除 Deleted", "坏记录 Bad",
              "状态 State")
    return table(titles, [(run["run"], run["started"][:16], KINDS[run["kind"]], run["read"], run["sent"],
                           run["deleted"], run["bad"], _state(run)) for run in shown.values()])


def _state(run: Report) -> str:
    if "share" in run:
        return f"进行中 under way {run['share']:.0%}"
    if not run["finished"]:
        return f"中断 cut: {run['problem']}"
    return "完成,未删除 done, nothing deleted" if run["withheld"] else "完成 done"


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
