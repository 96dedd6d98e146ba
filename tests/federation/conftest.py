"""What the gateway's tests share: an alliance with a signed-in reader."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.alliance import Alliance, alliance
from tests.databases import new_database


@pytest.fixture
async def town(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Alliance]:
    """An alliance whose gateway runs on SQLite, or on the engine that a module is parametrized with."""
    if getattr(request, "param", "sqlite") == "sqlite":
        async with alliance(tmp_path) as opened:
            yield opened
    else:
        with new_database(request.getfixturevalue("postgres")) as url:
            async with alliance(tmp_path, database=url) as opened:
                yield opened
