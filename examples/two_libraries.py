"""The shortest whole loan: a reader of one library borrows a book of another, and both agree on the bill.

    python -m examples.two_libraries

Gateway, connectors and library systems run as processes of their own; every line below is what a person does.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from examples.alliance.people import SignedInReader
from examples.alliance.readers import readers_of
from examples.alliance.town import Town
from schemas.lending import PickupPoint
from trust.bundle import verify_bundle


async def lend_one_book(folder: Path) -> None:
    """Let the loan happen and print what each step led to."""
    async with Town(folder, libraries=2, seed=1) as town:
        home, owner = town.libraries
        print(f"{home.name_zh} 与 {owner.name_zh}: {await town.harvest()} records in the union catalogue")

        # The reader finds a book that only the other library holds, signs in with card and PIN, and orders.
        reader = await SignedInReader.sign_in(town.portal, home.agency_id, readers_of(home, town.seed)[0])
        page = await town.portal.ask("GET", "/api/search", query={"q": "三"})
        book = next(hit for hit in page["hits"] if hit["libraries"] == [owner.agency_id])
        proposal = await reader.propose(book["cluster"], PickupPoint(agency=home.agency_id, point="总服务台"))
        loan = await reader.order(proposal)
        await town.quiet()  # home library vouches, gateway reserves, owner sets the copy aside, home confirms

        async def scan(library: str) -> None:
            """Staff scan the copy; the desk knows the next step."""
            state = await town.operator.ask("GET", f"/loans/{loan['conv']}")
            answer = await town.desks[library].ask("POST", "/scan", {"barcode": state["barcode"]})
            await town.quiet()
            state = await town.operator.ask("GET", f"/loans/{loan['conv']}")
            print(f"  {library:<10} {answer['step']:<10} {state['status']}, copy: {state['custody']}")

        print(f"《{book['title']}》 {owner.name_zh} → {home.name_zh}")
        for library in (owner, home, home, home, home, owner):
            await scan(library.slug)

        # The window closes: each library recomputes its own statement and accepts it.
        settlement = await town.operator.ask("POST", "/windows")
        await town.quiet()
        for party, net_fen in settlement["positions"].items():
            print(f"  {party:<22} {net_fen / 100:>7.2f} 元")
        status = await town.operator.ask("GET", "/status")
        print(f"  statements accepted: {status['messages']['StatementAcceptance']} of 2")

        # Anybody who trusts the alliance's root can check what was said, without the gateway.
        bundle = await town.operator.ask("GET", f"/evidence/{loan['conv']}")
        report = verify_bundle(bundle, town.ground.root.read_bytes())
        print(f"  evidence verified: {len(report.statements)} signed statements, {report.leaves} log entries")


def main() -> int:
    """Run in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="delta-") as folder:
        asyncio.run(lend_one_book(Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
