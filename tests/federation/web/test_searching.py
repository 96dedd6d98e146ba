"""The search interface: facets and suggestions for programs, and how often one visitor may ask."""

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from federation.web import searching
from tests.federation.web.site import small_site
from tests.trust.samples import HANGZHOU, YANGPU

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory):
    async with small_site(tmp_path_factory.mktemp("site")) as app, TestClient(TestServer(app)) as client:
        yield client


async def asked(site, path, visitor="", **query):
    answer = await site.get(path, params=query, headers={"X-Forwarded-For": visitor} if visitor else {})
    return answer.status, await answer.json()


async def test_facets_come_with_the_hits(site):
    _, page = await asked(site, "/api/search", q="红楼梦")
    assert page["facets"]["library"] == [{"value": agency, "count": 1} for agency in sorted((YANGPU, HANGZHOU))]
    assert page["facets"]["decade"] == [{"value": "1990", "count": 1}]
    assert {city["value"] for city in page["facets"]["city"]} == {"上海", "杭州"}
    assert (page["facets"]["counted"], page["facets"]["available"]) == (1, 1)


async def test_a_search_can_be_narrowed(site):
    _, page = await asked(site, "/api/search", q="版本", **{"class": "K"})
    assert [hit["title"] for hit in page["hits"]] == ["版本学概论"]
    _, page = await asked(site, "/api/search", q="版本", available="1")
    assert page["total"] == 1  # no study has a copy


@pytest.mark.parametrize(("typed", "first"), [
    ("honglou", {"kind": "title", "text": "红楼梦"}), ("cxq", {"kind": "author", "text": "曹雪芹"}),
    ("design", {"kind": "title", "text": "Design Patterns"}),
])
async def test_suggestions(site, typed, first):
    _, found = await asked(site, "/api/suggestions", q=typed)
    assert found["suggestions"][0] == first


@pytest.mark.parametrize("typed", ["", "x", "\x00", "<img>", "好" * 300])
async def test_nothing_is_suggested_for_what_begins_nothing(site, typed):
    assert await asked(site, "/api/suggestions", q=typed) == (200, {"suggestions": []})


@pytest.mark.parametrize("offset", ["-1", "x", "1" * 7, "１"])
async def test_an_offset_is_a_number(site, offset):
    assert (await asked(site, "/api/search", q="红楼梦", offset=offset))[0] == 400


@pytest.mark.parametrize(("path", "kind"), [
    ("/api/search", "search"), ("/api/suggestions", "suggest"), ("/", "search"),
])
async def test_one_visitor_may_ask_so_often(site, monkeypatch, path, kind):
    monkeypatch.setattr(searching, "PER_MINUTE", {kind: 2})
    visitor = f"192.0.2.{len(path)}"
    statuses = [(await site.get(path, params={"q": "红楼梦"}, headers={"X-Forwarded-For": visitor})).status
                for _ in range(3)]
    assert statuses == [200, 200, 429]
    other = await site.get(path, params={"q": "红楼梦"}, headers={"X-Forwarded-For": "192.0.2.99"})
    assert other.status == 200


async def test_what_a_visitor_writes_before_the_proxy_s_word_counts_for_nothing(site, monkeypatch):
    monkeypatch.setattr(searching, "PER_MINUTE", {"search": 1})
    statuses = [(await asked(site, "/api/search", f"10.0.0.{number}, 198.51.100.7", q="a"))[0] for number in range(2)]
    assert statuses == [200, 429]


async def test_a_household_s_ipv6_addresses_are_one_visitor(site, monkeypatch):
    monkeypatch.setattr(searching, "PER_MINUTE", {"search": 1})
    statuses = [(await asked(site, "/api/search", f"2001:db8:1:2::{number}", q="a"))[0] for number in (1, 2)]
    assert statuses == [200, 429]


async def test_a_page_says_that_it_was_too_often(site, monkeypatch):
    monkeypatch.setattr(searching, "PER_MINUTE", {"search": 0})
    answer = await site.get("/", params={"q": "a"}, headers={"Accept": "text/html", "X-Forwarded-For": "203.0.113.5"})
    assert answer.status == 429
    assert "请求太频繁" in await answer.text()
