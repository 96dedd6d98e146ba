"""Real peers the tests run against: Debian programs and PyPI servers.

A missing peer skips its tests on a developer's machine, with the reason shown, and fails them where
``DELTA_REQUIRE_PEERS`` is set, so that a green run in CI has met every peer.
"""

import os
import shutil
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def require_program(name: str) -> str:
    """Return the path of ``name``; skip, or fail in CI, where it is not installed."""
    path = shutil.which(name)
    if path is None:
        _missing(f"{name} is not installed (Debian packages: yaz, idzebra-2.0, chromium)")
    return str(path)


def require_shared_data(*parts: str) -> Path:
    """Return a file of the sample data kept beside the checkout; skip where that folder is missing."""
    path = SHARED_DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path.name}: the sample data folder is not beside this checkout")
    return path


def _missing(reason: str) -> None:
    if os.environ.get("DELTA_REQUIRE_PEERS"):
        pytest.fail(reason)
    pytest.skip(reason)
