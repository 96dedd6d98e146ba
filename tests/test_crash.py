"""``kill -9`` at commits of every process, in the middle of loans: afterwards nothing is lost and nothing is doubled.

Kill points are the k-th commit of a process, before or after it, drawn from a seed: a commit of the gateway, of a
connector's journal, or of an ILS (where a write of ours may or may not have happened). Each process is started again
as it is; readers and staff go on as people do, asking again what got no answer.
"""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from examples.alliance.journeys import live
from examples.alliance.planning import Journey, SampleLoan, plan
from examples.alliance.town import Part, Town
from examples.ils.model import ALLIANCE_CARD
from schemas.identifiers import AgencyId

LIBRARIES, LOANS = 4, 8
LAST_COMMIT = {"gateway": 100, "connectors": 170, "ils": 22}
"""Up to which commit a process is killed: fewer than each makes in a run of eight loans."""
SEEDS = range(7)


def kill_orders(seed: int, parts: tuple[Part, ...]) -> dict[str, str]:
    """One kill for each process: 7 seeds × 3 processes are 21 points."""
    random = Random(f"crash {seed}")
    return {part.name: f"{random.choice(('before', 'after'))}:{random.randint(1, LAST_COMMIT[part.kind])}"
            for part in parts}


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", SEEDS)
async def test_every_loan_ends_and_books_balance_whichever_process_dies(seed: int, tmp_path: Path) -> None:
    async with Town(tmp_path, libraries=LIBRARIES, seed=seed) as town:
        await town.harvest()
        orders = kill_orders(seed, town.parts)
        for part in town.parts:
            await town.restart(part, orders[part.name])
        reviving = asyncio.create_task(town.keep_alive())
        try:
            loans = plan(town, LOANS, Random(seed))
            async for _ in live(town, loans, Random(seed)):
                pass
            await town.quiet()
            await town.operator.ask("POST", "/windows")
            await town.quiet()
        finally:
            reviving.cancel()
            with suppress(asyncio.CancelledError):
                await reviving
        assert town.deaths == {part.name: 1 for part in town.parts}, f"kill orders {orders} did not all strike"
        await assert_all_is_well(town, loans)


async def assert_all_is_well(town: Town, loans: list[SampleLoan]) -> None:
    assert [(loan.journey, loan.outcome) for loan in loans if not loan.held] == []
    status = await town.operator.ask("GET", "/status")
    assert status["ledger"]["debits"] == status["ledger"]["credits"]
    assert status["ledger"]["pending"] == 0
    assert "open" not in status["loans"]
    assert status["messages"].get("Refused", 0) == 0
    assert status["messages"]["StatementAcceptance"] == LIBRARIES
    assert await town.operator.ask("GET", "/audit") == []
    assert_one_fee_a_loan(town)
    for library in town.libraries:
        desk = await town.desks[library.slug].ask("GET", "/status")
        assert desk["alarms"] == []
        assert_no_write_happened_twice(town, library.slug, library.agency_id, loans)


def assert_one_fee_a_loan(town: Town) -> None:
    with closing(sqlite3.connect(town.folder / "gateway" / "gateway.db")) as books:
        doubled = books.execute("SELECT conv, code, kind, count(*) FROM ledger_transfer GROUP BY 1, 2, 3 "
                                "HAVING count(*) > 1").fetchall()
    assert doubled == []


def assert_no_write_happened_twice(town: Town, slug: str, agency: AgencyId, loans: list[SampleLoan]) -> None:
    """The ILS's own event table against the loans: as many checkouts, checkins and live holds as there should be."""
    supplied = [loan for loan in loans if loan.state.get("supplier") == agency and loan.state.get("due_date")]
    with closing(sqlite3.connect(town.folder / slug / "circulation.sqlite")) as ils:
        events = Counter(ils.execute("SELECT verb, barcode FROM event WHERE card = ? OR verb = 'checkin'",
                                     (ALLIANCE_CARD,)).fetchall())
        held = ils.execute("SELECT count(*) FROM hold WHERE card = ?", (ALLIANCE_CARD,)).fetchone()[0]
    wanted = Counter(str(loan.state["barcode"]) for loan in supplied)
    came_home = Counter(str(loan.state["barcode"]) for loan in supplied if loan.journey is not Journey.LOST)
    assert {barcode: n for (verb, barcode), n in events.items() if verb == "checkout"} == dict(wanted)
    assert {barcode: n for (verb, barcode), n in events.items() if verb == "checkin"} == dict(came_home)
    assert held == 0
