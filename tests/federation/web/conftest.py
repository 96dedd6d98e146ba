"""What every test of the gateway's web side may use."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer

from tests.alliance import Alliance
from tests.federation.web.browser import chromium
from tests.federation.web.front import Front, front_of
from tests.federation.web.site import small_site


@pytest.fixture
async def front(town: Alliance) -> AsyncIterator[Front]:
    async with front_of(town) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(tmp_path_factory):
    """A small site's address."""
    async with small_site(tmp_path_factory.mktemp("site")) as app, TestServer(app, host="127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    async with chromium() as browser:
        yield browser
