"""A small SRU server in this process: a backend that finds by substring, for clients of every make."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from connectors.sru.server import Offer, add_sru
from connectors.z3950.backend import IndexPart, IndexTerm
from connectors.z3950.errors import DiagnosticError
from connectors.z3950.query import And, AndNot, Query, Term, Use
from connectors.z3950.sort import Order, SortKey

BOOKS = ("红楼梦", "东方快车谋杀案", "三体", "红岩", "和珅传")
OFFER = Offer("books", "测试目录", {"marcxml": "info:srw/schema/1/marcxml-v1.1"}, records_default=2, records_max=3)


class Shelf:
    """Five titles. A title that is asked for as 坏 breaks the backend."""

    async def search(self, database: str, query: Query) -> list[str]:
        assert database == OFFER.database
        return [title for title in BOOKS if self._finds(query, title)]

    async def xml(self, found: list[str], index: int, schema: str) -> bytes:
        if found[index] == "红岩":
            raise DiagnosticError(14, found[index])
        title = f'<datafield tag="245" ind1="0" ind2="0"><subfield code="a">{found[index]}</subfield></datafield>'
        leader = "<leader>00000nam a2200000 a 4500</leader>"
        return f'<record xmlns="http://www.loc.gov/MARC21/slim">{leader}{title}</record>'.encode()

    async def scan(self, database: str, start: Term, before: int, count: int) -> IndexPart:
        titles = sorted(BOOKS)
        place = next((place for place, title in enumerate(titles) if title >= start.value), len(titles))
        first = max(0, place - before)
        return IndexPart([IndexTerm(title, hits=1) for title in titles[first:place + count]], place - first)

    async def sort(self, found: list[str], keys: Sequence[SortKey]) -> list[str]:
        return sorted(found, reverse=keys[0].order is Order.DESCENDING)

    def _finds(self, query: Query, title: str) -> bool:
        if isinstance(query, Term):
            if query.use == Use.SUBJECT:
                raise DiagnosticError(114, "21")
            if query.value == "坏":
                raise ZeroDivisionError("the disk is gone, password=hunter2")
            return query.value in title or query.attributes[-1].value == 103
        left, right = self._finds(query.left, title), self._finds(query.right, title)
        if isinstance(query, And):
            return left and right
        return left and not right if isinstance(query, AndNot) else left or right


@asynccontextmanager
async def shelf() -> AsyncIterator[int]:
    """Serve the books at ``/sru``; yield the port."""
    app = web.Application()
    add_sru(app, "/sru", Shelf(), OFFER)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
