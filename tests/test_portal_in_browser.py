"""A reader with a phone borrows a book: search, sign in, request, track, in a real browser against a real alliance."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Page, Request

from examples.alliance.people import Refused
from examples.alliance.readers import Reader, readers_of
from examples.alliance.roster import Library
from examples.alliance.town import Town
from tests.federation.web.browser import chromium

TITLE = "三体"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@dataclass
class Phone:
    """A reader's phone, and all that its browser has sent."""

    town: Town
    page: Page
    home: Library
    reader: Reader
    sent: list[str] = field(default_factory=list)

    @property
    def other(self) -> Library:
        """A library that is not the reader's own."""
        return next(library for library in self.town.libraries if library != self.home)

    async def request(self, typed: str = TITLE) -> None:
        """Search, open the first hit, sign in, and come back to its page ready to ask for a loan."""
        await self.page.goto("/")
        await self.page.fill("#q", typed)
        await self.page.press("#q", "Enter")
        await self.page.click(".hits a >> nth=0")
        await self.page.wait_for_selector("#request:enabled")
        await self.page.click("#request")
        await self.page.wait_for_selector("#sign-in:enabled")
        await self.page.select_option("#home", self.home.agency_id)
        await self.page.fill("#card", self.reader.card)
        await self.page.fill("#pin", self.reader.pin)
        await self.page.click("#sign-in")
        await self.page.wait_for_selector("#request:enabled")

    async def see_the_offer(self) -> None:
        await self.page.click("#request")
        await self.page.wait_for_selector("#proposal:visible")

    async def confirm(self) -> None:
        await self.page.click("#confirm")
        await self.page.wait_for_url("**/loans*")
        await self.town.quiet()

    def has_sent(self, *secrets: str) -> bool:
        return any(secret in text for text in self.sent for secret in secrets)


@asynccontextmanager
async def phone_in_town(folder: Path) -> AsyncIterator[Phone]:
    """A town with its catalogue harvested, and a reader of a library that must borrow the title elsewhere."""
    async with Town(folder, libraries=3, seed=3) as town, chromium() as browser:
        await town.harvest()
        home = await library_without(town, TITLE)
        context = await browser.new_context(locale="zh-CN", viewport={"width": 360, "height": 740},
                                            base_url=town.portal.base)
        phone = Phone(town, await context.new_page(), home, readers_of(home, town.seed)[0])
        phone.page.on("request", lambda request: phone.sent.append(body_of(request)))
        yield phone
        await context.close()


async def test_a_reader_borrows_a_book_and_the_gateway_never_sees_the_pin(tmp_path: Path) -> None:
    async with phone_in_town(tmp_path) as phone:
        await phone.request()
        await phone.see_the_offer()
        assert await phone.page.locator("#suppliers > li").count() >= 1
        await phone.confirm()
        await phone.page.click("#refresh")
        await phone.page.wait_for_selector("#loans > li[data-stage=finding]")
        assert TITLE in await phone.page.locator("#loans > li").inner_text()
        assert not phone.has_sent(phone.reader.pin, phone.reader.card)
        loans = await phone.town.operator.ask("GET", "/loans")
        assert [(loan["home"], loan["status"], loan["confirmed"]) for loan in loans] == \
            [(phone.home.agency_id, "WillSupply", True)]
    assert [path.name for path in (tmp_path / "gateway").iterdir() if holds(path, phone.reader.pin)] == []


async def test_a_reader_has_a_book_brought_home_and_only_the_delivering_library_reads_where(tmp_path: Path) -> None:
    address = "王小波 13800000000\n上海市杨浦区平凉路1490弄3号402室"
    async with phone_in_town(tmp_path) as phone:
        town, page, away = phone.town, phone.page, phone.other
        await phone.request("santi")
        option = page.locator(f"#pickup option[data-agency='{away.agency_id}']").first
        await page.select_option("#pickup", label=await option.text_content())
        await page.check("#to-door")
        await page.fill("#address", address)
        await phone.see_the_offer()
        assert await page.text_content("#proposal-address") == address
        await phone.confirm()
        assert not phone.has_sent("13800000000", "平凉路")

        (loan,) = await town.operator.ask("GET", "/loans")
        owner = next(library for library in town.libraries if library.agency_id == loan["supplier"])
        for library in (owner, away):
            await town.desks[library.slug].ask("POST", "/scan", {"barcode": loan["barcode"], "loan": loan["conv"]})
            await town.quiet()
        told = await town.desks[away.slug].ask("GET", f"/loans/{loan['conv']}/address")
        assert told == {"conv": loan["conv"], "address": address}
        with pytest.raises(Refused):
            await town.desks[phone.home.slug].ask("GET", f"/loans/{loan['conv']}/address")


async def library_without(town: Town, title: str) -> Library:
    """A library whose reader must borrow this title elsewhere."""
    page = await town.portal.ask("GET", "/api/search", query={"q": title})
    holders = set(page["hits"][0]["libraries"])
    return next((library for library in town.libraries if library.agency_id not in holders), town.libraries[0])


def body_of(request: Request) -> str:
    return (request.post_data or "") + request.url


def holds(path: Path, secret: str) -> bool:
    return path.is_file() and secret.encode() in path.read_bytes()
