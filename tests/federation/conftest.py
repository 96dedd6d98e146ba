"""What the gateway's tests share: an alliance with a signed-in reader."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.alliance import Alliance, alliance


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Alliance]:
    async with alliance(tmp_path) as opened:
        yield opened
