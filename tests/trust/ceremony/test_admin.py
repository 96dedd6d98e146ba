"""Signing and publishing, by the very commands: what comes of it, and each refusal by its name."""

import json
import os
import pty
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.trust.ceremony.admins import Admins, passphrase_of
from tests.trust.samples import NOW
from trust import folder as trust_folder
from trust.archive import pack, unpack
from trust.folder import load_folder

EVERYBODY = ("admin-1", "admin-2", "editor-1", "editor-2")


@pytest.fixture
def admins(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    return Admins(tmp_path, capsys)


@pytest.fixture
def founded(admins):
    admins.found()
    return admins


@pytest.fixture
def drafted(admins):
    admins.make_keys()
    admins.draft_first()
    return admins


def edited(source, target, **files):
    named = {name.replace("_json", ".json"): data for name, data in files.items()}
    Path(target).write_bytes(pack({**unpack(Path(source).read_bytes()), **named}))


def test_the_first_version_is_published_by_enough_admins_and_editors(founded):
    directory = load_folder(Path("directory"), NOW)
    assert (directory.version, directory.root.version) == (1, 1)
    assert [agency.agency for agency in directory.directory.libraries()] == ["CN-LIB-01", "CN-LIB-02"]
    assert len(directory.root.freshness_keys()) == 1


def test_what_was_published_is_kept_and_makes_room_for_the_next_draft(founded):
    assert not Path("draft.zip").exists()
    assert Path("published-root1-version1.zip").exists()
    assert founded("draft")["complete"] is False


def test_editors_alone_renew_the_directory_each_month(founded):
    founded.now += timedelta(days=40)
    founded("draft")
    founded.sign("editor-1", "editor-2")
    assert founded("publish")["version"] == 2
    assert load_folder(Path("directory"), founded.now).version == 2


def test_past_versions_stay_to_be_looked_up(founded):
    founded("draft")
    founded.sign("editor-1", "editor-2")
    founded("publish")
    assert sorted(path.name for path in Path("directory").iterdir()) == ["1", "2", "roots", "targets.json"]


def test_a_half_signed_draft_is_not_published(drafted):
    drafted.sign("admin-1", "editor-1", "editor-2")
    assert drafted.refused("publish") == "half_signed"
    assert not Path("directory").exists()


def test_signatures_made_apart_come_together(drafted):
    shutil.copy("draft.zip", "apart.zip")
    drafted.sign("admin-1", "editor-1")
    drafted.sign("admin-3", "editor-2", draft="apart.zip")
    assert drafted("publish", "draft.zip", "apart.zip")["version"] == 1


def test_two_drafts_at_once_are_told_apart(founded):
    founded("draft")
    founded.now += timedelta(minutes=1)
    founded("draft", "--draft", "other.zip")
    founded.sign("editor-1")
    founded.sign("editor-2", draft="other.zip")
    assert founded.refused("publish", "draft.zip", "other.zip") == "two_drafts"


def test_a_draft_for_an_older_version_is_refused(founded):
    founded("draft", "--draft", "late.zip")
    founded("draft")
    founded.sign("editor-1", "editor-2")
    founded("publish")
    assert founded.refused("sign", *founded.as_("editor-1"), "--draft", "late.zip") == "stale_draft"
    assert founded.refused("draft", "--draft", "late.zip") == "stale_draft"


def test_a_draft_of_a_newer_version_than_the_folder_asks_for_the_newest_folder(founded):
    shutil.copytree("directory", "old")
    founded("draft")
    founded.sign("editor-1", "editor-2")
    founded("publish")
    founded("draft")
    assert founded.refused("sign", *founded.as_("editor-1"), "--directory", "old") == "wrong_folder"


def test_another_alliances_folder_is_refused(founded, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    founded.now += timedelta(seconds=5)
    founded.found()
    founded("draft")
    assert founded.refused("sign", *founded.as_("editor-1"), "--directory", "../directory") == "wrong_folder"


def test_a_folder_that_is_no_directory_is_refused(drafted):
    assert drafted.refused("sign", *drafted.as_("admin-1"), "--directory", "keys") == "wrong_folder"
    assert drafted.refused("sign", *drafted.as_("admin-1"), "--directory", "passphrases") == "os_error"


def test_a_follow_up_draft_needs_the_directory_that_it_follows(founded):
    founded("draft")
    assert founded.refused("sign", *founded.as_("editor-1"), "--directory", "nowhere") == "wrong_folder"


def test_the_same_admin_signs_once(drafted):
    drafted.sign("admin-1")
    assert drafted.refused("sign", *drafted.as_("admin-1")) == "signed_already"


def test_only_admins_and_editors_sign(founded):
    founded("draft")
    assert founded.refused("sign", *founded.as_("admin-1")) == "not_a_signer"
    assert founded.refused("sign", "--key", "CN-LIB-01/sign.pem", "--passphrase-file",
                           "CN-LIB-01/passphrase") == "not_a_signer"


def test_a_signature_by_somebody_else_in_the_draft_is_refused(drafted):
    targets = json.loads(unpack(Path("draft.zip").read_bytes())["targets.json"])
    targets["signatures"] = [{"keyid": "ab" * 32, "sig": "00" * 64}]
    edited("draft.zip", "draft.zip", targets_json=json.dumps(targets).encode())
    assert drafted.refused("sign", *drafted.as_("admin-1")) == "not_a_signer"


def test_a_draft_that_was_changed_after_a_signature_is_refused(drafted):
    drafted.sign("editor-1")
    targets = json.loads(unpack(Path("draft.zip").read_bytes())["targets.json"])
    targets["signed"]["expires"] = "2036-01-01T00:00:00Z"
    edited("draft.zip", "draft.zip", targets_json=json.dumps(targets).encode())
    assert drafted.refused("sign", *drafted.as_("editor-2")) == "draft_changed"


@pytest.mark.parametrize("files", [
    {"tariff_json": b"{}"}, {"directory_json": b"{"}, {"root_json": b"{}"}, {"draft_json": b"{}"}, {"root_json": b"x"}])
def test_a_draft_that_was_edited_by_hand_is_refused(drafted, files):
    edited("draft.zip", "draft.zip", **files)
    assert drafted.refused("sign", *drafted.as_("admin-1")) in {"draft_changed", "damaged_draft"}


def test_what_is_no_draft_is_refused(drafted):
    Path("draft.zip").write_bytes(b"PK")
    assert drafted.refused("sign", *drafted.as_("admin-1")) == "damaged_draft"
    Path("draft.zip").unlink()
    assert drafted.refused("sign", *drafted.as_("admin-1")) == "not_here"


def test_nothing_is_added_to_a_signed_draft(drafted):
    drafted.sign("editor-1")
    assert drafted.refused("draft", "--alliance", "alliance") == "draft_signed"


def test_an_unsigned_draft_may_be_gone_on_with(drafted):
    Path("alliance/tariff.json").write_text(Path("alliance/tariff.json").read_text().replace("200", "250"))
    changed = drafted("draft", "--alliance", "alliance")["changes"]
    assert any("loan_fee_fen" in line and "250" in line for line in changed)
    drafted.sign(*EVERYBODY)
    drafted("publish")
    assert load_folder(Path("directory"), NOW).tariff.loan_fee_fen == 250


@pytest.mark.parametrize("command", ["sign", "publish", "draft"])
def test_a_clock_behind_the_draft_is_refused(drafted, command):
    drafted.now = NOW - timedelta(hours=1)
    more = drafted.as_("admin-1") if command == "sign" else ()
    assert drafted.refused(command, *more) == "wrong_clock"


def test_a_clock_behind_the_published_version_is_refused(founded):
    founded.now = NOW - timedelta(days=5)
    assert founded.refused("draft") == "wrong_clock"


def test_a_clock_far_ahead_finds_the_draft_expired(drafted):
    drafted.sign(*EVERYBODY)
    drafted.now = NOW + timedelta(days=31)
    assert drafted.refused("publish") == "directory_expired"


def test_a_wrong_passphrase_is_refused(drafted):
    passphrase = ("--passphrase-file", "admin-2.txt")
    assert drafted.refused("sign", "--key", "keys/admin-1.key.pem", *passphrase) == "passphrase_refused"
    Path("keys/other.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----")
    Path("keys/other.pem").chmod(0o600)
    assert drafted.refused("sign", "--key", "keys/other.pem", *passphrase) == "key_file_refused"


def test_a_key_that_others_may_read_is_refused(drafted):
    Path("keys/admin-1.key.pem").chmod(0o644)
    assert drafted.refused("sign", *drafted.as_("admin-1")) == "key_file_refused"


def test_publishing_that_was_cut_short_is_finished_by_publishing_again(founded, monkeypatch):
    """The editors change, so between the new root and the new targets the folder holds for nobody."""
    request = founded.enroll("editor", "new", "--passphrase-file", "new.txt")
    leaving = json.loads(Path("keys/admins.json").read_text())["editors"][1]["key_id"]
    founded("rotate", "editors", "--add", request, "--remove", leaving, *founded.heard("new"))
    founded.sign("admin-1", "admin-2", "editor-1", "new")
    write = trust_folder.write_atomically

    def cut_short(path, data, **options):
        if path.name == "targets.json":
            raise OSError(28, "No space left on device")
        write(path, data, **options)

    with monkeypatch.context() as patched:
        patched.setattr(trust_folder, "write_atomically", cut_short)
        assert founded.refused("publish") == "not_here"
    assert Path("directory/roots/2.json").exists()
    assert founded("publish") | {"hash": ""} == {"version": 2, "root": 2, "hash": "", "warnings": []}
    assert load_folder(Path("directory"), NOW).version == 2


def read_until(stream, prompt):
    said = b""
    while not said.endswith(prompt):
        byte = stream.read(1)
        assert byte, said.decode()
        said += byte
    return said


def test_a_person_at_a_terminal_types_the_passphrase_and_agrees(drafted):
    """A real terminal: a wrong passphrase may be corrected, and nothing is signed before the person agrees."""
    ours, theirs = pty.openpty()
    program = ("import sys; from datetime import datetime; from trust.cli import main; "
               "sys.exit(main(['sign', '--key', 'keys/admin-1.key.pem'], datetime.fromisoformat(sys.argv[1])))")
    command = [sys.executable, "-W", "ignore", "-c", program, NOW.isoformat()]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                          start_new_session=True) as process:
        said = b""
        for prompt, typed in (("口令 passphrase: ", "a wrong passphrase"),
                              ("口令 passphrase: ", passphrase_of("admin-1")), ("[y/N]\n> ", "y")):
            said += read_until(process.stderr, prompt.encode())
            os.write(ours, f"{typed}\n".encode())
        out, err = process.communicate(timeout=20)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, err.decode()
    assert "not its passphrase" in said.decode()
    assert "signed by" in out.decode()
    assert drafted.refused("sign", *drafted.as_("admin-1")) == "signed_already"


def test_nobody_at_the_terminal_means_no(drafted, capsys):
    from trust.cli import main
    assert main(["sign", *drafted.as_("admin-1")], NOW) == 2
    assert "--yes" in capsys.readouterr().err
