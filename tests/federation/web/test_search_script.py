"""Suggestions while typing, in Chromium: by keyboard, by finger, for a screen reader, and never in the way."""

import pytest
import pytest_asyncio

from tests.federation.web.test_portal_script import SMALL_TARGETS, TOO_WIDE

pytestmark = pytest.mark.asyncio(loop_scope="module")
OPTIONS = "#suggestions [role=option]"


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser, address):
    """A phone's search page."""
    context = await browser.new_context(viewport={"width": 360, "height": 740}, locale="zh-CN", base_url=address)
    page = await context.new_page()
    await page.goto("/")
    yield page
    await context.close()


async def typed(page, text):
    await page.type("#q", text)
    await page.wait_for_selector(OPTIONS)
    return await page.locator(OPTIONS).all_inner_texts()


async def test_titles_and_authors_are_suggested_while_typing(page):
    assert (await typed(page, "honglou"))[0].split() == ["红楼梦", "书名"]
    assert await page.get_attribute("#q", "aria-expanded") == "true"
    assert await page.locator(f"{OPTIONS} [lang=zh]").count() >= 1


async def test_the_arrow_keys_choose_and_enter_searches(page):
    await typed(page, "版本研究")
    await page.press("#q", "ArrowDown")
    await page.press("#q", "ArrowDown")
    await page.press("#q", "ArrowUp")
    active = await page.get_attribute("#q", "aria-activedescendant")
    assert await page.get_attribute(f"#{active}", "aria-selected") == "true"
    chosen = await page.locator(f"#{active} span").first.inner_text()
    await page.press("#q", "Enter")
    await page.wait_for_url("**/?q=*")
    assert await page.input_value("#q") == chosen
    assert await page.locator(".hits a").first.inner_text() == chosen


async def test_up_from_the_field_is_the_last_and_down_from_the_last_the_first(page):
    count = len(await typed(page, "版本"))
    await page.press("#q", "ArrowUp")
    assert await page.get_attribute("#q", "aria-activedescendant") == f"suggestion-{count - 1}"
    await page.press("#q", "ArrowDown")
    assert await page.get_attribute("#q", "aria-activedescendant") == "suggestion-0"


async def test_a_finger_chooses_an_author_and_finds_what_he_has_written(page):
    await typed(page, "cxq")
    await page.click(f"{OPTIONS} >> nth=0")
    await page.wait_for_url("**/?q=*")
    assert await page.input_value("#q") == '作者:"曹雪芹"'
    assert await page.locator(".hits a").all_inner_texts() == ["红楼梦"]


async def test_escape_and_leaving_close_the_list_and_enter_searches_what_was_typed(page):
    await typed(page, "版本")
    await page.press("#q", "Escape")
    assert await page.is_hidden("#suggestions")
    await page.type("#q", "学")
    await page.wait_for_selector(OPTIONS)
    await page.focus("button[type=submit]")
    assert await page.is_hidden("#suggestions")
    await page.press("#q", "Enter")
    await page.wait_for_url("**/?q=*")
    assert await page.locator(".hits a").all_inner_texts() == ["版本学概论"]


async def test_a_refusal_or_a_lost_connection_is_silent(page):
    await page.route("**/api/suggestions*", lambda route: route.abort())
    await page.type("#q", "红楼")
    await page.wait_for_timeout(300)
    assert await page.is_hidden("#suggestions")
    await page.press("#q", "Enter")
    await page.wait_for_url("**/?q=*")


async def test_without_script_the_field_is_a_search_field(browser, address):
    context = await browser.new_context(java_script_enabled=False, base_url=address)
    page = await context.new_page()
    await page.goto("/")
    assert await page.get_attribute("#q", "role") is None
    await page.fill("#q", "红楼梦")
    await page.press("#q", "Enter")
    await page.click(".facets summary >> nth=0")
    await page.click(".facets details a >> nth=0")
    assert await page.locator(".chosen a").count() == 1
    await context.close()


@pytest.mark.parametrize("width", [320, 360, 1280])
async def test_suggestions_and_open_facets_fit_the_screen_with_targets_for_fingers(page, width):
    await page.set_viewport_size({"width": width, "height": 740})
    await page.goto("/?q=版本&city=杭州")
    for summary in await page.locator(".facets summary").all():
        await summary.click()
        assert not await page.evaluate(TOO_WIDE)
        assert await page.evaluate(SMALL_TARGETS) == []
    await page.fill("#q", "")
    await typed(page, "版本")
    assert not await page.evaluate(TOO_WIDE)
    heights = await page.eval_on_selector_all(OPTIONS, "(all) => all.map((one) => one.getBoundingClientRect().height)")
    assert min(heights) >= 44


async def test_live_search_tells_each_library_s_state_and_is_the_page_s_without_script(page):
    await page.goto("/?q=红楼梦&lang=en")
    await page.click("#live-start")
    await page.wait_for_selector("#live .states li >> nth=1")
    assert await page.locator("#live .states li").all_text_contents() == [
        f"{name} · cannot be searched" for name in ("Yangpu District Library", "Hangzhou Library")]
    await page.wait_for_function("document.getElementById('live-state').textContent === '0 found live'")
    await page.goto("/live?q=红楼梦&lang=en")
    assert await page.locator(".states li").count() == 2
