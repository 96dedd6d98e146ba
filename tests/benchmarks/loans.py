"""Loans from end to end in a running alliance of four libraries, beside the bare SIP2 calls that the loans are made of.

Real processes, sockets and disks: readers search, sign in and order; staff dispatch, hand over, take back; days pass;
every message is signed, relayed, settled and logged. Then the same library systems answer the same loans' SIP2 calls
alone (63 with PIN, 63, 17, 17, 15, 11, 09), as many loans side by side: what is left of a loan without us. One pass
each, since a loan cannot be taken back; the ratio says how much of the time is not the library systems'.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

from connectors.agent.config import Settings
from connectors.ils.sip2 import Sip2Ils
from examples.alliance.journeys import SIDE_BY_SIDE, live
from examples.alliance.planning import Journey, SampleLoan
from examples.alliance.readers import readers_of
from examples.alliance.roster import Library
from examples.alliance.town import Town, by_agency
from examples.ils.model import ALLIANCE_CARD
from schemas.identifiers import ItemBarcode
from tests.benchmarks.harness import Effort, Line

LIBRARIES = 4
LOANS = 32
SEED = 7


def run(effort: Effort) -> Iterator[Line]:
    """Measure plain loans: ordered, promised, sent, collected, returned, home again."""
    yield asyncio.run(_measure(4 if effort.is_quick else LOANS))


async def _measure(count: int) -> Line:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with Town(Path(folder), libraries=LIBRARIES, seed=SEED) as town:
            await town.harvest()
            loans = _plan(town, count)
            begin = time.perf_counter()
            async for _ in live(town, loans, Random(SEED)):
                pass
            ours = time.perf_counter() - begin
            assert all(loan.held for loan in loans), [loan.outcome for loan in loans]
            bare = await _bare(town, loans)
    return Line(f"plain loans end to end, {LIBRARIES} libraries", "loans/s", count / ours, count / bare,
                "their SIP2 calls alone")


def _plan(town: Town, count: int) -> list[SampleLoan]:
    loans = []
    for number in range(count):
        home = town.libraries[number % LIBRARIES]
        readers = [place for place, reader in enumerate(readers_of(home, SEED)) if not reader.block]
        loans.append(SampleLoan(number, Journey.PLAIN, home, home, readers[number // LIBRARIES % len(readers)]))
    return loans


async def _bare(town: Town, loans: Sequence[SampleLoan]) -> float:
    """Return the seconds that the library systems alone need for the same loans."""
    limit = asyncio.Semaphore(SIDE_BY_SIDE)
    async with AsyncExitStack() as stack:
        systems = {library.slug: await _system(stack, town, library) for library in town.libraries}

        async def lend(loan: SampleLoan) -> None:
            async with limit:
                await _calls(town, systems, loan)

        begin = time.perf_counter()
        await asyncio.gather(*map(lend, loans))
        return time.perf_counter() - begin


async def _system(stack: AsyncExitStack, town: Town, library: Library) -> Sip2Ils:
    settings = Settings.load(town.ground.connector_settings(library)).sip2
    return settings.ils(await stack.enter_async_context(settings.client()), town.clock)


async def _calls(town: Town, systems: Mapping[str, Sip2Ils], loan: SampleLoan) -> None:
    home = systems[loan.home.slug]
    supplier = systems[by_agency(town.libraries)[loan.state["supplier"]].slug]
    reader, barcode = readers_of(loan.home, SEED)[loan.reader], ItemBarcode(loan.state["barcode"])
    await home.patron(reader.card, reader.pin)
    await supplier.item(barcode)
    await home.patron(reader.card)
    await supplier.item(barcode)
    done = [await supplier.place_hold(barcode, ALLIANCE_CARD), await supplier.check_out(barcode, ALLIANCE_CARD),
            await supplier.check_in(barcode)]
    assert all(result.ok for result in done), [result.reason for result in done]
