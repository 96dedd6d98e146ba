import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trust.samples import Published
from tests.trust.test_bundle import BUNDLE, FIRST, edited
from tests.trust.test_envelope import SEALED
from trust.ceremony import fingerprint
from trust.cli import main
from trust.keys import SigningKey


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("loan.zip").write_bytes(BUNDLE)
    Path("broken.zip").write_bytes(edited(tariff=b"{}"))
    Path("root.json").write_bytes(FIRST.root)
    return tmp_path


def run(capsys, *arguments):
    code = main(arguments)
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
    assert run(capsys, "ceremony", "init", "c", "--admins", "2", "--threshold", "3", "--yes")[0] == 2


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


class TestCeremony:
    @pytest.fixture
    def passphrases(self, folder):
        Path("passphrases").write_text("\n".join(f"four random words {n}" for n in range(3)))

    def init(self, capsys, *more):
        return run(capsys, "ceremony", "init", "ceremony", "--admins", "3", "--threshold", "2",
                   "--passphrases", "passphrases", *more)

    def test_makes_one_encrypted_file_per_admin_and_a_list(self, passphrases, capsys):
        code, out, _ = self.init(capsys, "--yes", "--json")
        assert code == 0
        document = json.loads(out)
        key = SigningKey.load(Path("ceremony/admin-2.key.pem"), b"four random words 1")
        assert document["admins"][1] == {"file": "admin-2.key.pem", "fingerprint": fingerprint(key.verifying)}
        assert stat.S_IMODE(Path("ceremony/admin-2.key.pem").stat().st_mode) == 0o600
        listed = json.loads(Path("ceremony/admins.json").read_text())
        assert listed["threshold"] == 2
        assert listed["admins"][1]["key_id"] == key.key_id

    def test_prints_fingerprints_to_be_read_aloud(self, passphrases, capsys):
        code, out, _ = self.init(capsys, "--yes")
        assert code == 0
        assert "2 of 3 must sign" in out

    def test_never_overwrites(self, passphrases, capsys):
        assert self.init(capsys, "--yes")[0] == 0
        code, _, err = self.init(capsys, "--yes")
        assert code == 1
        assert "exists already" in err

    def test_asks_before_it_writes(self, passphrases, capsys):
        code, _, err = self.init(capsys)
        assert code == 2
        assert "--yes" in err
        assert not Path("ceremony").exists()

    def test_refuses_short_passphrases(self, folder, capsys):
        Path("passphrases").write_text("a\nb\nc\n")
        assert self.init(capsys, "--yes")[0] == 2
