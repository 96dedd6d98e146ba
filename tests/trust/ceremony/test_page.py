"""The admins' page is true: its commands, in order, in an empty folder, make what it says they make."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.directory import KeyStatus
from trust import errors
from trust.ceremony import errors as ceremony_errors
from trust.cli import error_name
from trust.folder import load_folder

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "ceremony.md").read_text("utf-8")
COMMANDS = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_page_founds_an_alliance_by_copy_and_paste(tmp_path):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", COMMANDS], cwd=tmp_path, env=environment, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.rstrip().splitlines()[-1].startswith("VERIFIED. Version 4 of the directory")
    directory = load_folder(tmp_path / "directory", datetime.now(UTC))
    assert (directory.version, directory.root.version) == (4, 2)
    assert len(directory.directory.libraries()) == 31
    assert directory.tariff.loan_fee_fen == 250
    renewed, robbed = directory.directory.by_id["CN-LIB-07"], directory.directory.by_id["CN-LIB-31"]
    assert [key.status for key in renewed.keys] == [KeyStatus.ACTIVE] * 4
    assert robbed.keys[0].invalid_from == 1200
    assert len(robbed.keys) == 4


def test_every_refusal_that_the_page_names_exists():
    known = {error_name(kind("x")) for module in (errors, ceremony_errors) for kind in vars(module).values()
             if isinstance(kind, type) and issubclass(kind, errors.TrustError)
             and kind not in {errors.TrustError, errors.OutOfSequence, errors.BrokenLink}}
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert len(named) > 10
    assert named <= known
