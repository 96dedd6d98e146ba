"""Where worlds live while they are played: in memory where there is room for it, since nobody pulls a plug here."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

_IN_MEMORY = Path("/dev/shm")


def _room() -> TemporaryDirectory[str]:
    return TemporaryDirectory(dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for one world."""
    with _room() as name:
        yield Path(name)


@pytest.fixture(scope="session")
def histories() -> Iterator[Path]:
    """A folder for what was lived through before an attack."""
    with _room() as name:
        yield Path(name)
