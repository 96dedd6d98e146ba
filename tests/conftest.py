"""What tests of several packages share."""

from collections.abc import Iterator

import pytest

from tests.databases import postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server, which is started when it is first needed."""
    with postgres_server() as url:
        yield url
