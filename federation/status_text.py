"""``delta-gateway status`` for people: Chinese first, English second. A pure function of the operator's JSON."""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from trust.standing import standing_lines, warning_lines

_TITLES: Mapping[str, str] = MappingProxyType({
    "gateway": "联盟网关 Gateway",
    "connected": "在线成员馆 Connected libraries",
    "log": "证据日志条目 Entries of the evidence log",
    "loans": "借阅 Loans",
    "messages": "报文 Messages",
    "waiting": "各馆待取报文 Messages that libraries have yet to take in",
    "ledger": "账本 Ledger, fen 分",
    "not_confirmed": "逾期未确认报文 Messages not confirmed in time",
})


def status_text(status: Mapping[str, Any]) -> str:
    """Return the gateway's state, a line each, and what runs out."""
    lines = [f"{_TITLES[name]}: {_shown(status[name])}" for name in _TITLES]
    lines += [f"{title}: {text}" for title, text in standing_lines(status["trust"])]
    lines += _witnesses(status)
    if warnings := warning_lines(status["trust"]):
        lines += ["", "提醒 Warnings", *warnings]
    return "\n".join(lines)


def _witnesses(status: Mapping[str, Any]) -> Iterator[str]:
    checkpoint, silent = status["checkpoint"], status["silent_witnesses"]
    state = "已定 final" if checkpoint["is_final"] else "未定 not final"
    yield (f"最新检查点 Newest checkpoint: {checkpoint['size'] or 0} 条 entries, {checkpoint['witnesses']}/"
           f"{checkpoint['witnesses_min']} 馆见证 witnesses, {state}")
    yield f"最新已定检查点 Newest final checkpoint: {checkpoint['final_size'] or '尚无 none yet'}"
    yield f"一小时未见证 No cosignature for an hour: {', '.join(silent) or '无 none'}"


def _shown(value: object) -> object:
    if isinstance(value, list):
        return f"{len(value)} {' '.join(map(str, value))}".strip()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
