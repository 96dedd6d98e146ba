"""What every test of the gateway's web side may use."""

from collections.abc import AsyncIterator

import pytest

from tests.alliance import Alliance
from tests.federation.web.front import Front, front_of


@pytest.fixture
async def front(town: Alliance) -> AsyncIterator[Front]:
    async with front_of(town) as opened:
        yield opened
