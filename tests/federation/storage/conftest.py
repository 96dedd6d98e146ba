"""The stores' tables on every engine."""

from collections.abc import Iterator

import pytest

from federation.storage.engine import Connection
from tests.databases import ENGINES, postgres_tables, sqlite_tables


@pytest.fixture(params=ENGINES)
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A connection to empty tables."""
    if request.param == "sqlite":
        with sqlite_tables() as opened:
            yield opened
    else:
        with postgres_tables(request.getfixturevalue("postgres")) as opened:
            yield opened
