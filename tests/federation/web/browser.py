"""Debian's Chromium, driven by Playwright, for tests of the pages as a reader's browser runs them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

from tests.peers import require_program

ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Yield a browser; skip, or fail in CI, where Chromium is not installed."""
    path = require_program("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()
