import pytest

from tests.connectors.kiosk.city import open_city, open_lone_member


@pytest.fixture
async def city(tmp_path):
    async with open_city(tmp_path) as opened:
        yield opened


@pytest.fixture
async def member(tmp_path):
    async with open_lone_member(tmp_path) as opened:
        yield opened
