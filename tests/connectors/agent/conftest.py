"""What the agent's tests share: an alliance, and the ILS of its first supplier."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.alliance import FIRST, RECORD, Alliance, alliance
from tests.connectors.agent.writing import COPY, OTHER_COPY
from tests.systems import LibrarySystem, library_system


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Alliance]:
    async with alliance(tmp_path) as opened:
        yield opened


@pytest.fixture
async def system(town: Alliance) -> AsyncIterator[LibrarySystem]:
    """The first supplier's ILS; of the work that is asked for it has two copies."""
    async with library_system(town, town[FIRST]) as opened:
        rows = [(RECORD, COPY, 4500), (RECORD, OTHER_COPY, 4500)]
        await town[FIRST].journal.run(lambda unit: unit._db.execute("DELETE FROM item"))
        await town[FIRST].journal.run(lambda unit: unit.put_items(rows))
        yield opened
