"""Live search of members: real connectors ask their libraries' own targets, and the gateway puts the works together."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from schemas.live import LiveState
from tests.connectors.kiosk.city import City, open_city


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[City]:
    async with open_city(tmp_path_factory.mktemp("alliance")) as city:
        yield city


async def events(city: City, query: str) -> list[tuple[str, Any]]:
    async with ClientSession() as http, http.get(f"http://127.0.0.1:{city.port}/api/live",
                                                 params={"q": query}) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        text = await answer.text()
    lines = [block.split("\n") for block in text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in lines]


async def page(city: City, query: str) -> str:
    async with ClientSession() as http, http.get(f"http://127.0.0.1:{city.port}/live",
                                                 params={"q": query, "lang": "en"}) as answer:
        assert answer.status == 200
        return await answer.text()


@pytest.mark.asyncio(loop_scope="module")
async def test_every_library_tells_its_state_and_what_it_has(city: City):
    told = await events(city, "红楼梦")
    assert [name for name, _ in told] == ["library"] * 3 + ["done"]
    states = {data["agency"]: data["state"] for name, data in told if name == "library"}
    with_target = {member.library.agency_id for member in city.members if member.library.z3950}
    assert states.keys() == {member.library.agency_id for member in city.members}
    assert with_target
    for agency, state in states.items():
        served = {LiveState.OK, LiveState.EMPTY, LiveState.UNCONFIRMED}
        assert state in (served if agency in with_target else {LiveState.NO_TARGET})


@pytest.mark.asyncio(loop_scope="module")
async def test_works_are_those_of_the_union_catalogue_where_it_knows_them(city: City):
    told = await events(city, "红楼梦")
    works = [work for name, data in told if name == "library" for work in data["works"]]
    assert works
    assert all("红楼梦" in work["title"] for work in works)
    by_number = {work["number"]: work for work in works}
    assert len({work["cluster"] for work in by_number.values() if work["cluster"]}) == len(
        [work for work in by_number.values() if work["cluster"]])


@pytest.mark.asyncio(loop_scope="module")
async def test_the_page_shows_the_same_without_script(city: City):
    text = await page(city, "红楼梦")
    assert text.count('data-state="') == 3
    assert "红楼梦" in text


@pytest.mark.asyncio(loop_scope="module")
async def test_a_library_that_has_lost_its_link_delays_nobody(city: City):
    await city.members[2].close()
    begun = time.monotonic()
    told = await events(city, "红楼梦")
    assert time.monotonic() - begun < 2
    assert {data["state"] for _, data in told if data.get("agency") == city.members[2].library.agency_id} == {"failed"}


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_asked_asks_nobody(city: City):
    assert await events(city, " ") == [("done", {})]
