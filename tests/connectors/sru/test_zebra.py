"""Our SRU client at Zebra's server, which YAZ's own front end serves."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.sru.client import SruClient
from connectors.sru.live import ask_server
from connectors.sru.messages import ScanRequest, SearchRequest, Version
from connectors.z3950.answer import State
from tests.connectors.sru.zebra import zebra_sru

versions = pytest.mark.parametrize("version", Version)


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with zebra_sru(tmp_path) as url:
        yield url


@versions
async def test_a_search_is_answered_and_its_records_are_marcxml(url: str, version: Version) -> None:
    async with SruClient(url, version=version) as client:
        answer = await client.search(SearchRequest("dc.title=computer", maximum=2, schema="marcxml"))
    assert (answer.hits, len(answer.records), answer.diagnostics) == (10, 2, ())
    assert answer.next_start is None  # YAZ does not tell; who wants more asks on from the last record
    assert b"http://www.loc.gov/MARC21/slim" in answer.records[0].data


async def test_a_set_is_fetched_part_by_part_as_far_as_it_is_wanted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sru.live.PART_RECORDS", 3)
    async with SruClient(url) as client:
        whole = await ask_server(client, "cql.allRecords=1", 50, schema="marcxml", seconds=10)
        some = await ask_server(client, "cql.allRecords=1", 7, schema="marcxml", seconds=10)
    assert (whole.state, whole.hits, len(whole.records)) == (State.OK, 24, 24)
    assert len({record.data for record in whole.records}) == 24
    assert (some.state, len(some.records)) == (State.OK, 7)


async def test_an_index_is_scanned(url: str) -> None:
    async with SruClient(url) as client:
        answer = await client.scan(ScanRequest("dc.title=comp", maximum=3))
    assert answer.terms[0].value.startswith("comp")
    assert answer.diagnostics == ()


async def test_the_server_tells_what_it_has(url: str) -> None:
    async with SruClient(url) as client:
        said = await client.explain()
    assert (said.database, list(said.schemas)) == ("Default", ["marcxml"])


async def test_states_are_told_apart(url: str) -> None:
    async with SruClient(url) as client:
        states = [(await ask_server(client, query, 5, schema=schema, seconds=10)).state
                  for query, schema in (("dc.title=xyzzy", ""), ("dc.title=三体", ""), ("shoe.size=1", ""))]
    assert states == [State.EMPTY, State.UNCONFIRMED, State.FAILED]
