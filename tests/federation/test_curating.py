"""``delta-gateway catalogue``: what a librarian types, and reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from examples.alliance.ground import Ground, lay_ground
from federation.app import run_gateway, system_clock
from federation.catalogue import clustering
from federation.catalogue.reasons import Verdict
from federation.cli import main
from federation.config import Settings
from federation.curating import PHASES, VERDICTS, why_text
from tests.alliance import LIBRARIES
from tests.federation.catalogue.books import book

HOME, OTHER = (library.agency_id for library in LIBRARIES[:2])
RED, STONE = f"{HOME}/1", f"{OTHER}/1"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Ground]:
    ground = lay_ground(tmp_path, LIBRARIES[:2], system_clock(), 0)

    def fill(unit: Any) -> None:
        unit.catalogue.upsert(HOME, [book("红楼梦", "曹雪芹", isbn="9787020002207")])
        unit.catalogue.upsert(OTHER, [book("石头记", "脂砚斋", isbn="9787536692930")])

    async with run_gateway(Settings.load(ground.gateway_settings)) as gateway:
        await gateway.gateway.store.run(fill)
        yield ground


async def run(ground: Ground, *words: str) -> int:
    """Run a command beside the gateway, in a thread with an event loop of its own."""
    return await asyncio.to_thread(main, ["--config", str(ground.gateway_settings), *words])


async def test_why_pin_list_and_undo_in_words(running: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(running, "catalogue", "why", RED, STONE) == 0
    told = capsys.readouterr().out
    assert "从未比较 not one book: no match key in common" in told
    assert " -25 ISBN 不同 other ISBN: 9787020002207 | 9787536692930" in told
    assert await run(running, "catalogue", "pin", RED, STONE, "--by", "王馆员", "--reason", "同书") == 0
    assert f"1: {RED} = {STONE} (王馆员 " in capsys.readouterr().out
    assert await run(running, "catalogue", "why", RED) == 0
    assert "2 条记录 records" in capsys.readouterr().out
    assert await run(running, "catalogue", "part", RED, STONE, "--reason", "异书") == 1
    assert "PinsConflict: 与第 1 号规定矛盾" in capsys.readouterr().err
    assert await run(running, "catalogue", "undo", "1", "--by", "李馆员", "--reason", "看错了") == 0
    assert "已撤销 undone (李馆员 " in capsys.readouterr().out
    assert await run(running, "catalogue", "pins") == 0
    assert capsys.readouterr().out == "没有规定 no pins\n"


async def test_programs_get_json(running: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(running, "--json", "catalogue", "part", RED, STONE, "--reason", "异书") == 0
    pin = json.loads(capsys.readouterr().out)
    assert (pin["kind"], bool(pin["made"]["by"])) == ("apart", True)
    assert await run(running, "--json", "catalogue", "pins", "--undone") == 0
    assert json.loads(capsys.readouterr().out) == [pin]
    assert await run(running, "--json", "catalogue", "reindex") == 0
    assert json.loads(capsys.readouterr().out)["phase"] == "done"


async def test_a_rebuilding_says_what_it_does_and_what_came_of_it(running: Ground,
                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(running, "catalogue", "reindex") == 0
    told = capsys.readouterr()
    assert "重新归并 dividing clusters" in told.err
    assert told.out == "完成,0 条记录改归 done; 0 records moved\n"


async def test_what_is_not_there_is_exit_code_1(running: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(running, "catalogue", "why", "nothing") == 1
    assert "NoSuchRecord" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["catalogue"], ["catalogue", "pin", RED, STONE], ["catalogue", "undo", "x"]],
                         ids=str)
def test_wrong_use_is_exit_code_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2


def test_every_verdict_and_phase_has_words() -> None:
    assert VERDICTS.keys() == set(Verdict)
    assert PHASES.keys() == {"records", "clusters"}


def test_a_veto_is_shown_as_such_and_not_as_points() -> None:
    link = {"one": RED, "other": STONE, "same": False, "vetoed": True, "score": -900, "pin": None,
            "reasons": [{"rule": "volume_differs", "points": clustering.VETO, "detail": "上 | 下"}]}
    assert why_text({"verdict": "forbidden", "between": link, "shared_keys": [], "links": []}).splitlines()[1:] == [
        f"  {RED} ≠ {STONE}", "    !!! 卷次不同 other volume: 上 | 下"]
