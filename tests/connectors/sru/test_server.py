"""Our SRU server: what each parameter does, what is refused by which diagnostic, and what YAZ's client makes of it."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from connectors.sru.client import SruClient
from connectors.sru.messages import Packing, ScanRequest, SearchRequest, Version
from connectors.sru.reading import read_explain, read_search
from tests.connectors.sru.shelf import BOOKS, OFFER, shelf
from tests.peers import require_program

versions = pytest.mark.parametrize("version", Version)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with shelf() as port:
        yield f"http://127.0.0.1:{port}/sru"


async def get(url: str, **parameters: str) -> bytes:
    async with ClientSession() as http, http.get(url, params=parameters) as answer:
        assert (answer.status, answer.content_type) == (200, "application/xml")
        return await answer.read()


async def code(url: str, **parameters: str) -> int | None:
    asked = {"version": "1.2", "operation": "searchRetrieve", **parameters}
    (diagnostic,) = read_search(await get(url, **asked)).diagnostics
    return diagnostic.code


@versions
@pytest.mark.parametrize("packing", Packing)
async def test_a_search_gives_a_page_and_tells_where_the_next_begins(url: str, version: Version,
                                                                     packing: Packing) -> None:
    async with SruClient(url, version=version) as client:
        first = await client.search(SearchRequest("红 or 三", maximum=2, packing=packing))
        rest = await client.search(SearchRequest("红 or 三", start=first.next_start or 0, packing=packing))
    assert (first.hits, len(first.records), first.next_start) == (3, 2, 3)
    assert "红楼梦".encode() in first.records[0].data
    assert (first.records[0].schema, first.records[0].position) == ("info:srw/schema/1/marcxml-v1.1", 1)
    assert (rest.records, [each.code for each in rest.diagnostics], rest.next_start) == ((), [64], None)


@versions
async def test_a_server_tells_what_it_has(url: str, version: Version) -> None:
    async with SruClient(url, version=version) as client:
        said = await client.explain()
    assert (said.database, said.title, said.schemas) == (OFFER.database, OFFER.title, OFFER.schemas)
    assert {"dc.title", "dc.creator", "bath.isbn", "cql.serverChoice"} <= set(said.indexes)
    assert (said.records_default, said.records_max) == (2, 3)


@versions
async def test_an_index_is_scanned_from_a_term_on(url: str, version: Version) -> None:
    async with SruClient(url, version=version) as client:
        answer = await client.scan(ScanRequest("dc.title = 三体", position=2, maximum=3))
    place = sorted(BOOKS).index("三体")
    assert [term.value for term in answer.terms] == sorted(BOOKS)[max(0, place - 1):place + 2]
    assert {term.hits for term in answer.terms} == {1}


@versions
async def test_records_come_in_the_order_that_the_query_names(url: str, version: Version) -> None:
    async with SruClient(url, version=version) as client:
        answer = await client.search(SearchRequest("三 or 和 sortby dc.title/sort.descending"))
    assert ["和珅传".encode() in record.data for record in answer.records] == [True, False]


async def test_a_form_may_be_posted(url: str) -> None:
    async with ClientSession() as http, http.post(url, data={"version": "1.2", "query": "三体"}) as answer:
        assert read_search(await answer.read()).hits == 1


async def test_no_parameter_at_all_asks_for_the_description(url: str) -> None:
    assert read_explain(await get(url)).database == OFFER.database


@pytest.mark.parametrize(("parameters", "expected"), [
    ({}, 7), ({"query": "title ="}, 10), ({"query": "shoesize=43"}, 16), ({"query": "subject=x"}, 16),
    ({"query": "a", "startRecord": "0"}, 6), ({"query": "a", "maximumRecords": "many"}, 6),
    ({"query": "三体", "startRecord": "2"}, 61), ({"query": "a", "recordSchema": "mods"}, 66),
    ({"query": "a", "recordPacking": "brown paper"}, 71), ({"query": "a", "version": "3.0"}, 5),
    ({"query": "a", "sortKeys": "title"}, 80), ({"query": "a sortby title/sort.missingLow"}, 80),
    ({"query": "cql.resultSetId=x"}, 51), ({"query": "title=坏"}, 1),
])
async def test_what_a_client_does_wrong_has_its_diagnostic(url: str, parameters: dict[str, str], expected: int) -> None:
    assert await code(url, **parameters) == expected


async def test_an_unknown_operation_is_answered_by_a_diagnostic(url: str) -> None:
    assert read_explain(await get(url, version="1.2", operation="update")).diagnostics[0].code == 4


async def test_a_fault_of_the_backend_stays_in_our_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL + 1):
        body = await get(url, version="1.2", operation="searchRetrieve", query="title=坏")
    assert b"hunter2" not in body


async def run(program: str, commands: str) -> str:
    process = await asyncio.create_subprocess_exec(
        require_program(program), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT)
    out, _ = await asyncio.wait_for(process.communicate(commands.encode()), 20)
    return out.decode()


@pytest.mark.parametrize("method", ["get", "post"])
async def test_yaz_client_searches_and_shows(url: str, method: str) -> None:
    said = await run("yaz-client", f"sru {method} 1.2\nopen {url}\nquerytype cql\nfind 红楼梦\nshow 1\nquit\n")
    assert "Number of hits: 1" in said
    assert "红楼梦</subfield>" in said


async def test_zoomsh_searches_and_shows(url: str) -> None:
    said = await run("zoomsh", f"set sru get\nconnect {url}\nsearch cql:dc.title=三体\nshow 0 1\nquit\n")
    assert "1 hits" in said
    assert "三体" in said
