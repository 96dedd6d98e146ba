import json
from pathlib import Path

import pytest

from tests.trust.samples import NOW
from trust.cli import main
from trust.folder import load_folder


def test_a_rehearsal_plays_the_whole_ceremony_and_counts_its_steps(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["rehearse", "sandbox", "--admins", "4", "--threshold", "2", "--libraries", "3", "--yes", "--json"],
                NOW) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"folder": "sandbox", "steps": 27, "version": 3, "root": 2}
    assert "[27/27]" in err.splitlines()[-2]
    assert load_folder(Path("sandbox/directory"), NOW).root.version == 2


def test_a_rehearsal_takes_a_folder_of_its_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine").touch()
    assert main(["rehearse", ".", "--yes"], NOW) == 1
    assert "wrong_folder" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--libraries", "1"), ("--admins", "2", "--threshold", "2")])
def test_a_rehearsal_needs_somebody_to_replace(tmp_path, monkeypatch, capsys, wrong):
    monkeypatch.chdir(tmp_path)
    assert main(["rehearse", "sandbox", *wrong, "--yes"], NOW) == 2


def test_a_step_that_fails_stops_the_rehearsal_and_says_why(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["rehearse", "sandbox", "--admins", "100", "--yes"], NOW) == 2
    assert "100 admins cannot be" in capsys.readouterr().err
