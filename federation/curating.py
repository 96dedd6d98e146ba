"""``delta-gateway catalogue …``: why records are one book, pins, building all clusters anew; in words for people."""

import argparse
import getpass
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from federation.catalogue.reasons import Verdict
from federation.config import Settings

Ask = Callable[..., Awaitable[Any]]
"""Asks the running gateway: settings, method, path, body."""
_V = Verdict

VERDICTS: Mapping[str, str] = {
    _V.AGREE: "是同一本:两条记录相符 one book: the two agree",
    _V.THROUGH_OTHERS: "是同一本:经由其他记录相连 one book: joined through other records",
    _V.PINNED_TOGETHER: "是同一本:馆员规定 one book: pinned together",
    _V.PINNED_APART: "不是同一本:馆员规定 not one book: pinned apart",
    _V.NEVER_COMPARED: "不是同一本:没有共同的匹配键,从未比较 not one book: no match key in common, never compared",
    _V.AGREE_TOO_LITTLE: "不是同一本:相符之处不足 not one book: they agree too little",
    _V.FORBIDDEN: "不是同一本:有不可逾越的差别 not one book: a difference that outweighs everything",
    _V.FORBIDDEN_BY_OTHERS: "不是同一本:两条相符,但各自的同伴不容合并 "
                            "not one book: they agree, but their companions forbid it",
    _V.OUTDATED: "按旧规则所定,请运行 catalogue reindex decided by older rules; run 'catalogue reindex'",
}
"""What each verdict is called."""

RULES: Mapping[str, str] = {
    "isbn_same": "ISBN 相同 same ISBN", "isbn_differs": "ISBN 不同 other ISBN",
    "set_isbn_same": "套书 ISBN 相同 same ISBN of a set",
    "book_number_same": "统一书号相同 same unified book number",
    "book_number_differs": "统一书号不同 other unified book number",
    "system_number_same": "联合目录号相同 same system number",
    "title_same": "题名相同 same title", "title_similar": "题名相近 similar title",
    "title_slip": "题名差一字 title with a slip", "part_differs": "部分不同 other part",
    "title_differs": "题名不同 other title",
    "subtitle_differs": "副题名不同 other subtitle",
    "volume_same": "卷次相同 same volume", "volume_by_title": "卷由分卷题名得知 volume known by its title",
    "volume_differs": "卷次不同 other volume", "edition_differs": "版次不同 other edition",
    "title_same_in_pinyin": "题名拼音相同 same title in pinyin",
    "volume_may_agree": "卷次或相同(上/1、下/2) volumes that may be one (上 and 1)",
    "version_differs": "版本性质不同(缩写、改编、注释等) one is abridged, retold or annotated",
    "language_differs": "语种不同 other language",
    "author_same": "著者相同 same author", "author_differs": "著者不同 other author",
    "translator_same": "译者相同 same translator", "translator_differs": "译者不同 other translator",
    "publisher_same": "出版者相同 same publisher", "publisher_differs": "出版者不同 other publisher",
    "year_same": "年份相同 same year", "year_differs": "年份不同 other year",
    "pages_same": "页数相同 as many pages",
    "edition_same": "版次相同 same edition", "series_same": "丛书相同 same series", "price_same": "定价相同 same price",
    "annual_same": "年鉴年份相同 same year of an annual",
    "bindings_of_one": "同版的两种装帧 two bindings of one edition",
}
"""What each rule of the scorer is called."""

PHASES: Mapping[str, str] = {"records": "重新描述记录 describing records", "clusters": "重新归并 dividing clusters"}


def add_catalogue(commands: Any, ask: Ask) -> None:
    """Add ``catalogue`` and its commands to the parser's; ``ask`` reaches the running gateway."""
    catalogue = commands.add_parser("catalogue", help="书目归并:缘由、规定、重建 why records are one work, and pins")
    within = catalogue.add_subparsers(required=True, metavar="COMMAND")
    name = "机构/记录号,或书目号 AGENCY/RECORD, or a work's id"
    why = within.add_parser("why", help="为何是(或不是)同一本 why records are one book, or are not")
    why.add_argument("one", metavar="ID", help=name)
    why.add_argument("other", metavar="ID2", nargs="?", help=name)
    why.set_defaults(run=partial(_why, ask))
    for kind, command, text in (("together", "pin", "规定两条记录为同一本 two records are one book"),
                                ("apart", "part", "规定两条记录不是同一本 two records are not one book")):
        pin = within.add_parser(command, help=text)
        pin.add_argument("one", metavar="ID", help=name)
        pin.add_argument("other", metavar="ID2", help=name)
        _add_act(pin)
        pin.set_defaults(run=partial(_pin, ask), kind=kind)
    undo = within.add_parser("undo", help="撤销一条规定 undo a pin")
    undo.add_argument("number", type=int, metavar="NUMBER", help="规定的编号 the pin's number")
    _add_act(undo)
    undo.set_defaults(run=partial(_undo, ask))
    pins = within.add_parser("pins", help="列出规定 list the pins")
    pins.add_argument("--undone", action="store_true", help="也列出已撤销的 also those that were undone")
    pins.set_defaults(run=partial(_pins, ask))
    within.add_parser("reindex", help="按现行规则重建全部归并,可续 rebuild all clusters; goes on where it was cut"
                      ).set_defaults(run=partial(_reindex, ask))


def _add_act(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, help="原因 why")
    parser.add_argument("--by", help="经手人;缺省为当前用户 on whose behalf; the user of this machine by default")


def _act(arguments: argparse.Namespace) -> dict[str, str]:
    return {"by": arguments.by or getpass.getuser(), "reason": arguments.reason}


async def _why(ask: Ask, settings: Settings, arguments: argparse.Namespace) -> int:
    wanted = {"one": arguments.one} | ({"other": arguments.other} if arguments.other else {})
    answer = await ask(settings, "GET", f"/catalogue/why?{urlencode(wanted)}")
    _tell(answer, why_text(answer), as_json=arguments.json)
    return 0


async def _pin(ask: Ask, settings: Settings, arguments: argparse.Namespace) -> int:
    wish = {"kind": arguments.kind, "one": arguments.one, "other": arguments.other, **_act(arguments)}
    pin = await ask(settings, "POST", "/catalogue/pins", wish)
    _tell(pin, pin_text(pin), as_json=arguments.json)
    return 0


async def _undo(ask: Ask, settings: Settings, arguments: argparse.Namespace) -> int:
    pin = await ask(settings, "POST", f"/catalogue/pins/{arguments.number}/undo", _act(arguments))
    _tell(pin, pin_text(pin), as_json=arguments.json)
    return 0


async def _pins(ask: Ask, settings: Settings, arguments: argparse.Namespace) -> int:
    pins = await ask(settings, "GET", f"/catalogue/pins{'?undone' if arguments.undone else ''}")
    text = "\n".join(map(pin_text, pins)) or "没有规定 no pins"
    _tell(pins, text, as_json=arguments.json)
    return 0


async def _reindex(ask: Ask, settings: Settings, arguments: argparse.Namespace) -> int:
    """Ask for step after step; on a terminal one line tells how far it has come, elsewhere a line for each phase."""
    phase, is_terminal = "", sys.stderr.isatty()
    while (progress := await ask(settings, "POST", "/catalogue/reindex"))["phase"] != "done":
        share = 100 * progress["done"] // max(progress["total"], 1)
        if is_terminal:
            sys.stderr.write(f"\r{PHASES[progress['phase']]} {share:3} %")
        elif progress["phase"] != phase:
            sys.stderr.write(f"{PHASES[progress['phase']]}\n")
        phase = progress["phase"]
    sys.stderr.write("\n" if is_terminal else "")
    text = f"完成,{progress['moved']} 条记录改归 done; {progress['moved']} records moved"
    _tell(progress, text, as_json=arguments.json)
    return 0


def why_text(answer: Any) -> str:
    """Return why records are one book, or are not, as lines for people."""
    if "work" in answer:
        head = f"{answer['work']}: {len(answer['links'])} 条记录 records" if answer["links"] else (
            f"{answer['work']}: 只有一条记录 a single record")
        return "\n".join((head, *map(_link_text, answer["links"])))
    shown = [answer["between"], *(link for link in answer["links"] if link != answer["between"])]
    return "\n".join((VERDICTS[answer["verdict"]], *map(_link_text, shown)))


def pin_text(pin: Any) -> str:
    """Return a pin as a line for people."""
    sign = "=" if pin["kind"] == "together" else "≠"
    undone = f";已撤销 undone {_act_text(pin['undone'])}" if pin["undone"] else ""
    return f"{pin['number']}: {pin['one']} {sign} {pin['other']} {_act_text(pin['made'])}{undone}"


def _act_text(act: Any) -> str:
    return f"({act['by']} {act['at'][:16]} {act['reason']})"


def _link_text(link: Any) -> str:
    sign = "=" if link["same"] else "≠"
    points = [f"    {'!!!' if link['vetoed'] and reason['points'] < -100 else format(reason['points'], '+4d')} "
              f"{RULES.get(reason['rule'], reason['rule'])}: {reason['detail']}" for reason in link["reasons"]]
    pinned = [f"    {pin_text(link['pin'])}"] if link["pin"] else []
    total = "" if link["vetoed"] else f" {link['score']} 分 points"
    return "\n".join((f"  {link['one']} {sign} {link['other']}{total}", *pinned, *points))


def _tell(answer: Any, text: str, *, as_json: bool) -> None:
    sys.stdout.write((json.dumps(answer, ensure_ascii=False) if as_json else text) + "\n")
