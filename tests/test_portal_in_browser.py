"""A reader with a phone borrows a book: search, sign in, request, track, in a real browser against a real alliance."""

from pathlib import Path

import pytest
from playwright.async_api import Page, Request

from examples.alliance.people import Refused
from examples.alliance.readers import readers_of
from examples.alliance.town import Town
from tests.federation.web.browser import chromium

TITLE = "三体"


async def test_a_reader_borrows_a_book_and_the_gateway_never_sees_the_pin(tmp_path: Path) -> None:
    async with Town(tmp_path, libraries=3, seed=3) as town, chromium() as browser:
        await town.harvest()
        home = await library_without(town, TITLE)
        reader = readers_of(home, town.seed)[0]
        context = await browser.new_context(locale="zh-CN", viewport={"width": 360, "height": 740},
                                            base_url=town.portal.base)
        page = await context.new_page()
        sent: list[str] = []
        page.on("request", lambda request: sent.append(body_of(request)))

        await search(page)
        await page.click("#request")
        await sign_in(page, home.agency_id, reader.card, reader.pin)
        await page.click("#request")
        await page.wait_for_selector("#proposal:visible")
        assert await page.locator("#suppliers > li").count() >= 1
        await page.click("#confirm")

        await page.wait_for_url("**/loans*")
        await town.quiet()
        await page.click("#refresh")
        await page.wait_for_selector("#loans > li[data-stage=finding]")
        assert TITLE in await page.locator("#loans > li").inner_text()
        assert [text for text in sent if reader.pin in text or reader.card in text] == []
        await context.close()

        loans = await town.operator.ask("GET", "/loans")
        assert [(loan["home"], loan["status"], loan["confirmed"]) for loan in loans] == \
            [(home.agency_id, "WillSupply", True)]
    assert [path.name for path in (tmp_path / "gateway").iterdir() if holds(path, reader.pin)] == []


async def test_a_reader_has_a_book_brought_home_and_only_the_delivering_library_reads_where(tmp_path: Path) -> None:
    address = "王小波 13800000000\n上海市杨浦区平凉路1490弄3号402室"
    async with Town(tmp_path, libraries=3, seed=3) as town, chromium() as browser:
        await town.harvest()
        home = await library_without(town, TITLE)
        reader = readers_of(home, town.seed)[0]
        context = await browser.new_context(locale="zh-CN", viewport={"width": 360, "height": 740},
                                            base_url=town.portal.base)
        page = await context.new_page()
        sent: list[str] = []
        page.on("request", lambda request: sent.append(body_of(request)))

        await search(page)
        await page.click("#request")
        await sign_in(page, home.agency_id, reader.card, reader.pin)
        away = next(library for library in town.libraries if library != home)
        option = page.locator(f"#pickup option[data-agency='{away.agency_id}']").first
        await page.select_option("#pickup", label=await option.text_content())
        await page.check("#to-door")
        await page.fill("#address", address)
        await page.click("#request")
        await page.wait_for_selector("#proposal:visible")
        assert await page.text_content("#proposal-address") == address
        await page.click("#confirm")
        await page.wait_for_url("**/loans*")
        assert [text for text in sent if "13800000000" in text or "平凉路" in text] == []
        await context.close()

        await town.quiet()
        (loan,) = await town.operator.ask("GET", "/loans")
        owner = next(library for library in town.libraries if library.agency_id == loan["supplier"])
        for library in (owner, away):
            await town.desks[library.slug].ask("POST", "/scan", {"barcode": loan["barcode"], "loan": loan["conv"]})
            await town.quiet()
        told = await town.desks[away.slug].ask("GET", f"/loans/{loan['conv']}/address")
        assert told == {"conv": loan["conv"], "address": address}
        with pytest.raises(Refused):
            await town.desks[home.slug].ask("GET", f"/loans/{loan['conv']}/address")


async def search(page: Page) -> None:
    await page.goto("/")
    await page.fill("#q", TITLE)
    await page.press("#q", "Enter")
    await page.click(".hits a >> nth=0")
    await page.wait_for_selector("#request:enabled")


async def sign_in(page: Page, home: str, card: str, pin: str) -> None:
    await page.wait_for_selector("#sign-in:enabled")
    await page.select_option("#home", home)
    await page.fill("#card", card)
    await page.fill("#pin", pin)
    await page.click("#sign-in")
    await page.wait_for_selector("#request:enabled")


async def library_without(town: Town, title: str):
    """A library whose reader must borrow this title elsewhere."""
    page = await town.portal.ask("GET", "/api/search", query={"q": title})
    holders = set(page["hits"][0]["libraries"])
    return next((library for library in town.libraries if library.agency_id not in holders), town.libraries[0])


def body_of(request: Request) -> str:
    return (request.post_data or "") + request.url


def holds(path: Path, secret: str) -> bool:
    return path.is_file() and secret.encode() in path.read_bytes()


pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
