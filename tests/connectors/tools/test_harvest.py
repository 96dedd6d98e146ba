"""``delta-connector harvest``: the report for people, and the command beside a running connector."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from connectors.agent.harvest.report import Withheld
from connectors.cli import main
from connectors.tools.desk_texts import harvest_line
from connectors.tools.harvest import WITHHELD, report_text, runs_text
from tests.alliance import FIRST, Alliance, alliance
from tests.connectors.agent.harvest.shelf import BAD, bib, marc, write
from tests.connectors.desk.test_api import desk_of

REPORT: dict[str, Any] = {
    "run": 7, "source": "export.mrc", "kind": "full", "started": "2026-12-01T08:00:00+00:00",
    "finished": "2026-12-01T08:01:00+00:00", "seconds": 60.0, "problem": "", "read": 12, "sent": 5, "unchanged": 4,
    "deleted": 1, "bad": 2, "repeated": 1, "vanished": 6, "withheld": "too_many", "charsets": {"gb18030": 10},
    "problems": {"bad_junk": 2}, "unmapped": {"999": 3},
    "first_bad": [{"at": "export.mrc byte 17", "code": "bad_junk", "detail": "\x1b[2J"}],
}


def test_the_report_counts_everything_and_says_what_was_not_deleted() -> None:
    text = report_text(REPORT)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in ("export.mrc: 全量 full", "12 5 4 1 1 2 60.0", "gb18030 10",
                 "bad_junk 2 记录之间的杂数据 bytes between records", "999 3", "export.mrc byte 17 bad_junk [2J"):
        assert line in lines
    assert "未删除 6 条已不见的记录 [deletions_withheld]" in text
    assert "--allow-deletions" in text


def test_every_reason_has_its_words() -> None:
    assert set(WITHHELD) == set(Withheld) - {Withheld.NO}


def test_the_last_runs_are_listed_with_the_one_under_way() -> None:
    cut = {**REPORT, "run": 8, "kind": "changes", "finished": None, "problem": "the target is away", "withheld": ""}
    text = runs_text({"running": {**cut, "run": 9, "share": 0.421}, "runs": [cut, REPORT]})
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["8", "7", "9"]
    for words in ("中断 cut: the target is away", "完成,未删除 done, nothing deleted", "进行中 under way 42%"):
        assert words in text
    assert runs_text({"running": None, "runs": []}) == "没有 none"
    assert "42%" in harvest_line({**cut, "share": 0.421})
    assert "the target is away" in harvest_line(cut)
    assert "2026-12-01T08:01" in harvest_line(REPORT)


@pytest.fixture
async def town(tmp_path: Path):
    async with alliance(tmp_path) as opened:
        yield opened


async def test_the_command_harvests_reports_and_keeps_bad_records(town: Alliance, tmp_path: Path,
                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    export, config = tmp_path / "export.mrc", tmp_path / "connector.toml"
    export.write_bytes(b"".join([*marc(map(bib, range(3))), BAD]))
    config.write_text(f'agency = "{FIRST}"\ngateway_url = "http://127.0.0.1:1/link"\ndesk_socket = "desk.sock"\n'
                      '[sip2]\nport = 1\ninstitutional_cards = ["A"]\n', encoding="utf-8")
    bad = tmp_path / "bad.mrc"

    async def run(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(main, ["harvest", *arguments, "--config", str(config)])
        return code, capsys.readouterr().out

    async with desk_of(town, FIRST, tmp_path / "desk.sock", harvested=export):
        assert await run("--last") == (0, "没有 none\n")
        code, told = await run("--json", "--bad", str(bad))
        report = json.loads(told)
        assert (code, report["read"], report["sent"], report["bad"]) == (1, 4, 3, 1)
        assert bad.read_bytes() == BAD
        write(export, bib(0))
        code, told = await run()
        assert (code, "deletions_withheld" in told) == (1, True)
        code, told = await run("--allow-deletions", "--json")
        assert (code, json.loads(told)["deleted"]) == (0, 2)
        assert json.loads((await run("--last", "--json"))[1])["runs"][0]["deleted"] == 2
