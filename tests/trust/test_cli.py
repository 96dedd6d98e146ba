import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.trust.samples import NOW, Published
from tests.trust.test_bundle import BUNDLE, FIRST, edited
from tests.trust.test_envelope import SEALED
from trust.cli import main
from trust.folder import write_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("loan.zip").write_bytes(BUNDLE)
    Path("broken.zip").write_bytes(edited(tariff=b"{}"))
    Path("root.json").write_bytes(FIRST.root)
    return tmp_path


def run(capsys, *arguments, now=None):
    code = main(arguments, now)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_verify_says_who_said_what_when(folder, capsys):
    code, out, err = run(capsys, "verify", "loan.zip", "--root", "root.json")
    assert (code, err) == (0, "")
    assert out.startswith("VERIFIED. Loan loan-0000-0001, 3 entries")
    assert "2026-12-01T08:01:00Z  CN-ZJ-HANGZHOU Library (CN-ZJ-HANGZHOU) took over copy 31000001" in out


def test_verify_as_json(folder, capsys):
    code, out, _ = run(capsys, "verify", "loan.zip", "--root", "root.json", "--json")
    document = json.loads(out)
    assert code == 0
    assert set(document) == {"verified", "loan", "statements", "broken"}
    assert document["verified"] is True
    assert document["broken"] is None
    assert set(document["statements"][0]) == {"who", "what", "when"}


def test_a_broken_bundle_names_the_first_broken_link(folder, capsys):
    code, out, _ = run(capsys, "verify", "broken.zip", "--root", "root.json", "--json")
    assert code == 1
    assert json.loads(out)["broken"]["link"] == "directory"
    assert json.loads(out)["broken"]["code"] == "directory_mixed"
    code, out, _ = run(capsys, "verify", "broken.zip", "--root", "root.json")
    assert code == 1
    assert "first broken link is: directory" in out


def test_verify_works_in_an_empty_folder_with_files_only(folder):
    # The interpreter that runs the tests has the package installed; the folder holds bundle and root alone.
    program = "import socket, sys; socket.socket = None; from trust.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", program, "verify", "loan.zip", "--root", "root.json"], cwd=folder,
                          capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("VERIFIED")


def test_a_missing_file_is_said_without_a_traceback(folder, capsys):
    code, out, err = run(capsys, "verify", "nowhere.zip", "--root", "root.json")
    assert (code, out) == (1, "")
    assert err.startswith("delta-trust: nowhere.zip: cannot be read")


def test_wrong_use_exits_with_two(folder, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["verify"])
    assert caught.value.code == 2


def test_a_published_directory_is_verified_from_the_root_that_one_trusts(folder, capsys):
    write_folder(Path("directory"), [FIRST.root], FIRST.targets, FIRST.files)
    code, out, _ = run(capsys, "verify", "directory", "--root", "root.json", now=NOW)
    assert (code, out.startswith("VERIFIED. Version 1")) == (0, True)
    code, out, _ = run(capsys, "verify", "directory", "--root", "root.json", "--json", now=NOW + timedelta(days=31))
    assert code == 1
    assert json.loads(out)["broken"]["code"] == "directory_expired"


def test_show_tells_of_a_directory_what_runs_out_even_when_it_has(folder, capsys):
    write_folder(Path("directory"), [FIRST.root], FIRST.targets, FIRST.files)
    _, out, _ = run(capsys, "show", "directory", now=NOW + timedelta(days=31))
    assert "成员名录 directory: 已失效 no longer in force" in out
    _, out, _ = run(capsys, "show", "directory", "--json", now=NOW)
    assert json.loads(out)["warnings"] == []
    assert json.loads(out)["members"][1]["keys"][0]["status"] == "active"


@pytest.mark.parametrize(("content", "words"), [
    (BUNDLE, "checkpoint.txt"),
    (SEALED.envelope, "CN-ZJ-HANGZHOU took over copy 31000001"),
    (FIRST.root, "The root of the directory (shown, not verified)"),
    (Published().targets, "directory.json"),
    (Published().files["directory.json"], "The directory of Yangtze Delta (shown, not verified): 3 agencies"),
    (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", "never shown"),
])
def test_show_says_what_a_file_is(folder, capsys, content, words):
    Path("file").write_bytes(content)
    code, out, _ = run(capsys, "show", "file")
    assert code == 0
    assert words in out


@pytest.mark.parametrize("content", [
    b"", b"{}", b"[]", b"PK", b'{"signed":1}', b'{"payloadType":"x"}', b'{"agencies":[{}]}', b"[" * 9999,
    b'{"payloadType":"x","payload":"e30=","signatures":[]}', b'{"signed":{},"signatures":[{"keyid":1}]}'])
def test_show_refuses_other_files_without_a_traceback(folder, capsys, content):
    Path("file").write_bytes(content)
    code, _, err = run(capsys, "show", "file")
    assert code == 1
    assert err.startswith("delta-trust: ")
