"""The demo's alliance as programs search it: every connector finds every book through its own faces."""

import asyncio
import re
from pathlib import Path

from aiohttp import ClientSession

from examples.alliance.books import load_books
from examples.alliance.town import Town
from tests.peers import require_program


async def found(port: int, *queries: str) -> list[int]:
    """Let yaz-client put queries to a connector; return how many works each finds."""
    process = await asyncio.create_subprocess_exec(
        require_program("yaz-client"), f"127.0.0.1:{port}/union", stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE)
    said, _ = await asyncio.wait_for(
        process.communicate("\n".join([*(f"find {query}" for query in queries), "quit", ""]).encode()), 60)
    return [int(hits) for hits in re.findall(r"Number of hits: (\d+)", said.decode())]


async def test_every_connector_of_the_demo_finds_every_book(tmp_path: Path) -> None:
    isbns = [f"@attr 1=7 {book.isbn13}" for book in load_books() if book.isbn13]
    async with Town(tmp_path, libraries=3, seed=3) as town, ClientSession() as http:
        await town.harvest()
        for target, server in town.faces.values():
            assert await found(target, *isbns) == [1] * len(isbns)
            async with http.get(f"http://127.0.0.1:{server}/sru/union", params={"query": "dc.title=红楼梦"}) as answer:
                assert "numberOfRecords>1<" in await answer.text()
