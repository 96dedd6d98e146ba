"""A target over SRU among the others: the same states, and its diagnostics in Bib-1's numbers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from connectors.broker import Broker, SruAddress, Target
from connectors.broker.reading import bib_of
from connectors.marc.reader import read_record
from connectors.marc.record import MarcRecord
from connectors.marc.writer import write_marcxml
from connectors.sru.messages import Diagnostic, SearchAnswer, SruRecord, Version
from connectors.sru.writing import write_search
from connectors.z3950 import oid
from connectors.z3950.answer import State
from connectors.z3950.pqf import parse
from connectors.z3950.profile import Profile
from schemas.bib import MarcFormat

from .targets import record


def marcxml(title: str) -> bytes:
    read = read_record(record(title, target=MarcFormat.MARC21))
    assert isinstance(read, MarcRecord)
    return write_marcxml(read)


@asynccontextmanager
async def sru_broker(asked: list[str]) -> AsyncIterator[Broker]:
    """A server that knows titles and anywhere, and no authors."""

    async def answer(request: web.Request) -> web.Response:
        query = request.query["query"]
        asked.append(query)
        if "dc.creator" in query:
            said = SearchAnswer(0, diagnostics=(Diagnostic(16, details="dc.creator"),))
        elif "三体" in query:
            said = SearchAnswer(1, (SruRecord("marcxml", marcxml("三体")),))
        else:
            said = SearchAnswer(0)
        return web.Response(body=write_search(said, Version.V1_2), content_type="application/xml")

    app = web.Application()
    app.router.add_get("/sru", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = SruAddress(f"http://127.0.0.1:{runner.addresses[0][1]}/sru")
        async with Broker([Target("sru", Profile(), sru=address)], lambda: 0.5) as broker:
            yield broker
    finally:
        await runner.cleanup()


async def test_records_come_as_marcxml():
    async with sru_broker([]) as broker:
        (ended,) = await broker.gather(parse("@attr 1=4 三体"), 5)
    (found,) = ended.answer.records
    bib = bib_of(found, None)
    assert (ended.answer.state, found.syntax, bib and bib.title) == (State.OK, oid.XML, "三体")


async def test_an_index_that_the_server_lacks_is_replaced():
    asked: list[str] = []
    async with sru_broker(asked) as broker:
        (ended,) = await broker.gather(parse("@attr 1=1003 三体"), 5)
    assert (ended.answer.state, ended.report.changes) == (State.OK, ("1=1003>1=1016",))
    assert ["dc.creator" in query for query in asked] == [True, False]


async def test_an_attribute_without_a_word_in_cql_is_replaced_too():
    async with sru_broker([]) as broker:
        (ended,) = await broker.gather(parse("@attr 1=59 三体"), 5)
    assert (ended.answer.state, ended.report.changes) == (State.OK, ("1=59>1=1016",))


async def test_a_server_that_is_not_there_has_failed():
    address = SruAddress("http://127.0.0.1:1/sru")
    async with Broker([Target("sru", Profile(), sru=address)], lambda: 0.5) as broker:
        (ended,) = await broker.gather(parse("三体"), 5)
    assert ended.answer.state is State.FAILED
