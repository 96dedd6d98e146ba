import re
from html.parser import HTMLParser

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from federation.web.texts import PAGES
from tests.federation.web.site import HOSTILE, STUDIES, small_site

pytestmark = pytest.mark.asyncio(loop_scope="module")
NAVIGATION = {"Accept": "text/html,*/*"}
ALL_PAGES = ("/", "/?q=红楼梦", "/?q=版本&decade=1990&available=1", "/?q=xyzzy", "/sign-in", "/loans",
             "/alliance", "/works/nothing")


class Parsed(HTMLParser):
    """What a page is made of: its elements with their attributes, and its text by element."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self._open = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data):
        self.texts.append((self._open, data.strip()))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def by_id(self, id_):
        return next(attributes for _, attributes in self.elements if attributes.get("id") == id_)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory):
    async with small_site(tmp_path_factory.mktemp("site")) as app, TestClient(TestServer(app)) as client:
        yield client


async def shown(site, path, **headers):
    answer = await site.get(path, headers={**NAVIGATION, **headers})
    return Parsed(await answer.text())


async def work_path(site, query):
    page = await shown(site, str(URL.build(path="/", query={"q": query})))
    return next(link["href"] for link in page.all("a") if link["href"].startswith("/works/"))


@pytest.mark.parametrize("path", ALL_PAGES)
@pytest.mark.parametrize(("query", "accepted", "language", "word"), [
    ({}, "", "zh-CN", "我的借阅"),
    ({}, "en-GB,en;q=0.9,zh;q=0.1", "en", "My loans"),
    ({"lang": "en"}, "zh-CN", "en", "My loans"),
    ({"lang": "zh"}, "en", "zh-CN", "我的借阅"),
    ({"lang": "<x>"}, "zh", "zh-CN", "我的借阅"),
])
async def test_every_page_is_in_the_reader_s_language(site, path, query, accepted, language, word):
    url = str(URL(path).update_query(query))
    answer = await site.get(url, headers={**NAVIGATION, "Accept-Language": accepted})
    page = Parsed(await answer.text())
    assert page.all("html") == [{"lang": language}]
    assert answer.headers["Content-Language"] == language
    assert ("a", word) in page.texts
    other = next(link for link in page.all("a") if "hreflang" in link)
    assert other["lang"] == other["hreflang"] != language
    assert URL(other["href"]).path == URL(path).path


async def test_search_needs_no_script(site):
    page = await shown(site, "/?q=%E7%BA%A2%E6%A5%BC%E6%A2%A6&lang=en")
    assert ("a", "红楼梦") in page.texts
    assert ("span", "held by 2 libraries") in page.texts
    link = next(link for link in page.all("a") if link["href"].startswith("/works/"))
    assert link["lang"] == "zh"
    assert link["href"].endswith("?lang=en")
    assert page.by_id("q")["value"] == "红楼梦"
    assert {"type": "hidden", "name": "lang", "value": "en"} in page.all("input")


async def test_results_come_in_pages(site):
    pages = [await shown(site, f"/?q=%E7%89%88%E6%9C%AC%E7%A0%94%E7%A9%B6&page={number}") for number in (1, 2, 3)]
    counts = [sum(link["href"].startswith("/works/") for link in page.all("a")) for page in pages]
    assert counts == [20, 20, STUDIES - 40]
    assert [[link["rel"] for link in page.all("a") if link.get("rel") in ("prev", "next")] for page in pages] == [
        ["next"], ["prev", "next"], ["prev"]]


def choices(page):
    """Where the links of the facets lead: their queries."""
    return [dict(URL(link["href"]).query) for link in page.all("a") if link.get("rel") == "nofollow"]


async def test_facets_are_links_that_narrow_and_need_no_script(site):
    page = await shown(site, "/?q=%E7%89%88%E6%9C%AC&lang=en")
    assert {"lang": "en", "q": "版本", "class": "K"} in choices(page)
    assert {"lang": "en", "q": "版本", "city": "杭州"} in choices(page)
    assert {"lang": "en", "q": "版本", "available": "1"} in choices(page)
    assert ("summary", "City") in page.texts
    assert ("a", "Hangzhou") in page.texts
    narrowed = await shown(site, str(URL.build(path="/", query={"q": "版本", "class": "K", "lang": "en"})))
    assert ("p", "1 book found") in narrowed.texts
    assert [link["href"] for link in narrowed.all("a") if "aria-label" in link] == ["/?lang=en&q=%E7%89%88%E6%9C%AC"]
    assert not any("class" in query and query["class"] != "K" for query in choices(narrowed))


async def test_pages_keep_what_was_chosen(site):
    page = await shown(site, str(URL.build(path="/", query={"q": "版本研究", "city": "杭州", "page": "2"})))
    links = {link["rel"]: URL(link["href"]).query for link in page.all("a") if link.get("rel") in ("prev", "next")}
    assert {name: query["city"] for name, query in links.items()} == {"prev": "杭州", "next": "杭州"}
    assert page.all("ol") == [{"class": "hits", "start": "21"}]


async def test_a_choice_that_leaves_nothing_offers_the_way_back(site):
    page = await shown(site, str(URL.build(path="/", query={"q": "红楼梦", "class": "V", "lang": "en"})))
    assert ("p", "No book has all of this. Take one choice away.") in page.texts
    assert any(link.get("aria-label") == "Take away: V Aviation, space" for link in page.all("a"))


@pytest.mark.parametrize("query", [
    {"path": "x"}, {"facet": "x"}, {"city": "x" * 999}, {"library": HOSTILE}, {"class": "\x00"},
])
async def test_any_address_of_a_search_is_answered(site, query):
    answer = await site.get(URL.build(path="/", query={"q": "红楼梦", **query}), headers=NAVIGATION)
    assert answer.status == 200
    assert HOSTILE not in await answer.text()


async def test_what_is_not_found_is_said(site):
    page = await shown(site, "/?q=xyzzy&lang=en")
    assert any(text.startswith("Nothing found") for _, text in page.texts)


async def test_a_work_lists_its_libraries_and_where_it_can_be_collected(site):
    page = await shown(site, await work_path(site, "红楼梦") + "?lang=en")
    assert ("strong", "Yangpu District Library") in page.texts
    assert ("strong", "Hangzhou Library") in page.texts
    assert any(text.startswith("3 copies") for _, text in page.texts)
    assert {text for tag, text in page.texts if tag == "span"} >= {"五角场分馆", "少儿阅览室", "总馆", "外借部"}
    points = [(option["data-agency"], option["value"]) for option in page.all("option")]
    assert points == [(agency, point) for agency in ("CN-SH-YANGPU", "CN-ZJ-HANGZHOU")
                      for point in ("总服务台", "24小时书柜")]
    assert page.all("h1") == [{"lang": "zh"}]


async def test_the_shelves_of_libraries_that_do_not_answer_are_unknown(site):
    path = await work_path(site, "红楼梦")
    answer = await site.get(f"/api{path}")
    assert [holding["on_shelf"] for holding in (await answer.json())["holdings"]] == [None, None]


async def test_catalogued_text_is_never_markup(site):
    for path in ("/?q=%E6%94%BB%E5%87%BB", await work_path(site, "攻击")):
        answer = await site.get(path, headers=NAVIGATION)
        html = await answer.text()
        assert HOSTILE not in html
        assert "&lt;script&gt;" in html


@pytest.mark.parametrize("query", [
    HOSTILE, '" autofocus onfocus="x', "{{ 7 * 7 }}", "</title>", "'", "%", "\x00", "a" * 999,
])
async def test_what_the_reader_typed_comes_back_as_text(site, query):
    answer = await site.get(URL.build(path="/", query={"q": query}), headers=NAVIGATION)
    page = Parsed(await answer.text())
    assert answer.status == 200
    assert page.by_id("q")["value"] == query.strip()[:200]
    assert len(page.all("script")) == 2
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


@pytest.mark.parametrize(("path", "status"), [
    ("/nothing", 404), ("/works/nothing", 404), ("/works/" + "x" * 999, 404),
    ("/?q=a&page=0", 400), ("/?q=a&page=-1", 400), ("/?q=a&page=x", 400), ("/?q=a&page=99999", 400),
    ("//evil.example/", 404),
])
async def test_a_wrong_address_is_answered_with_a_page(site, path, status):
    url = URL(f"http://{site.host}:{site.port}{path}", encoded=True)
    answer = await site.session.get(url, headers=NAVIGATION)
    page = Parsed(await answer.text())
    assert answer.status == status
    assert page.all("html") == [{"lang": "zh-CN"}]
    assert all(re.match(r"/(?!/)|#main", link["href"]) for link in page.all("a"))


async def test_programs_get_the_interface_s_own_answers(site):
    answer = await site.get("/api/works/nothing", headers=NAVIGATION)
    assert (answer.status, (await answer.json())["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", [*ALL_PAGES, "/assets/portal.js", "/assets/style.css", "/api/libraries"])
async def test_the_headers_allow_neither_foreign_nor_inline_code(site, path):
    headers = (await site.get(path, headers=NAVIGATION)).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:", policy)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ALL_PAGES)
async def test_pages_hold_no_inline_code_and_nothing_from_elsewhere(site, path):
    page = await shown(site, path)
    for tag, attributes in page.elements:
        assert "style" not in attributes
        assert tag != "style"
        assert tag != "script" or "src" in attributes or attributes["type"] == "application/json"
        for name in ("src", "href", "action"):
            assert re.match(r"/(?!/)|#main", attributes.get(name, "/")), attributes


@pytest.mark.parametrize("path", ALL_PAGES)
async def test_every_field_has_a_label_and_names_where_its_error_stands(site, path):
    page = await shown(site, path)
    labels = {label["for"] for label in page.all("label")}
    ids = {attributes.get("id") for _, attributes in page.elements}
    fields = [field for tag in ("input", "select") for field in page.all(tag) if field.get("type") != "hidden"]
    assert {field["id"] for field in fields} == labels
    for _, attributes in page.elements:
        assert set(attributes.get("aria-describedby", "").split()) <= ids
        assert set(attributes.get("aria-labelledby", "").split()) <= ids


async def test_a_form_sent_without_the_script_carries_neither_card_nor_pin(site):
    page = await shown(site, "/sign-in")
    assert {field["id"] for tag in ("input", "select") for field in page.all(tag)} == {"home", "card", "pin"}
    assert not any("name" in field for tag in ("input", "select", "button") for field in page.all(tag))
    assert page.by_id("pin")["type"] == "password"
    assert "disabled" in page.by_id("sign-in")


@pytest.mark.parametrize(("after", "path"), [
    ("/works/a1?lang=en", "/works/a1?lang=en"), ("/loans", "/loans"), ("/", "/"), ("", "/loans"),
    ("https://evil.example/", "/loans"), ("//evil.example/", "/loans"), ("/\\evil.example/", "/loans"),
    ("///evil.example", "/loans"), ("javascript:alert(1)", "/loans"), ("/\t/evil.example", "/loans"),
    ("/loans\n", "/loans"), ("evil", "/loans"), ("/\u3000", "/loans"), ("/ /x", "/loans"),
])
async def test_sign_in_leads_back_into_this_site_only(site, after, path):
    page = await shown(site, str(URL.build(path="/sign-in", query={"next": after})))
    assert page.by_id("sign-in-form")["data-after"] == path


async def test_all_that_a_reader_s_browser_loads_is_small(site):
    files = [path.relative_to(PAGES / "static").as_posix() for path in (PAGES / "static").iterdir()]
    bodies = [await (await site.get(path)).read() for path in ("/", *(f"/assets/{name}" for name in files))]
    assert sum(map(len, bodies)) < 100_000
