"""The union catalogue through a connector's SRU face: our own client, YAZ's, and plain HTTP."""

import pytest
from lxml import etree

from connectors.sru.client import SruClient
from connectors.sru.messages import ScanRequest, SearchRequest, Version
from tests.connectors.faces.conftest import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")
versions = pytest.mark.parametrize("version", Version)


@versions
@pytest.mark.parametrize(("schema", "namespace"), [
    ("marcxml", "http://www.loc.gov/MARC21/slim"), ("cnmarcxml", "http://www.nlc.cn/"),
    ("dc", "http://purl.org/dc/elements/1.1/")])
async def test_a_work_is_told_in_every_schema(served: Served, version: Version, schema: str, namespace: str) -> None:
    async with SruClient(served.sru, version=version) as client:
        answer = await client.search(SearchRequest("dc.title=红楼梦 and bath.isbn=9787020002207", schema=schema))
    assert (answer.hits, answer.diagnostics) == (1, ())
    record = etree.fromstring(answer.records[0].data)
    texts = [element.text for element in record.iter(f"{{{namespace}}}*") if element.text]
    assert any(text.startswith("红楼梦") for text in texts)
    assert schema == "dc" or any("CN-310110-1-YANGPU" in text for text in texts)


@versions
async def test_a_long_list_is_told_page_by_page(served: Served, version: Version) -> None:
    async with SruClient(served.sru, version=version) as client:
        first = await client.search(SearchRequest("dc.title=的", maximum=12))
        rest = await client.search(SearchRequest("dc.title=的", start=first.next_start or 0, maximum=100))
    assert first.hits is not None
    assert len({record.data for record in (*first.records, *rest.records)}) == first.hits > 12


async def test_works_are_sorted_as_the_query_says(served: Served) -> None:
    async with SruClient(served.sru) as client:
        rising = await client.search(SearchRequest("红楼梦 or 西游记 sortby dc.title", schema="dc"))
        falling = await client.search(SearchRequest("红楼梦 or 西游记 sortby dc.title/sort.descending", schema="dc"))
    assert [record.data for record in falling.records] == [record.data for record in reversed(rising.records)]


@versions
async def test_titles_are_scanned(served: Served, version: Version) -> None:
    async with SruClient(served.sru, version=version) as client:
        answer = await client.scan(ScanRequest("dc.title=红楼", maximum=1))
    assert [(term.value, term.hits) for term in answer.terms] == [("红楼梦", 1)]


@versions
async def test_the_description_names_schemas_and_indexes_that_are_there(served: Served, version: Version) -> None:
    async with SruClient(served.sru, version=version) as client:
        said = await client.explain()
        for index in said.indexes:
            answer = await client.search(SearchRequest(f"{index}=红楼梦", maximum=0))
            assert answer.diagnostics == (), index
    assert set(said.schemas) == {"marcxml", "cnmarcxml", "dc"}


@pytest.mark.parametrize(("query", "code"), [
    ("rec.id=1", 16), ("dc.title==红楼梦", 31), ("dc.date>1990", 19), ("dc.title=*楼梦", 28),
    ("a sortby dc.subject", 80)])
async def test_what_the_catalogue_cannot_do_has_its_diagnostic(served: Served, query: str, code: int) -> None:
    async with SruClient(served.sru) as client:
        (diagnostic,) = (await client.search(SearchRequest(query))).diagnostics
    assert diagnostic.code == code


async def test_yaz_client_searches_and_shows(served: Served) -> None:
    said = await served.yaz_client("sru get 1.2", f"open {served.sru}", "querytype cql", "find dc.title=红楼梦",
                                   "schema dc", "show 1")
    assert "Number of hits: 1" in said
    assert "<dc:title>红楼梦</dc:title>" in said
