import json
import stat
from pathlib import Path

import pytest

from tests.trust.ceremony.admins import PEOPLE, Admins, passphrase_of
from trust.ceremony.begin import read_list
from trust.ceremony.words import words_of
from trust.keys import SigningKey


@pytest.fixture
def admins(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("passphrases").write_text("".join(f"{passphrase_of(person)}\n" for person in PEOPLE))
    return Admins(tmp_path, capsys)


INIT = ("ceremony", "init", "keys", "--admins", "3", "--threshold", "2", "--editors", "2", "--editors-threshold", "2",
        "--passphrases", "passphrases")


def test_makes_one_encrypted_file_a_person_that_only_its_passphrase_opens(admins):
    answer = admins(*INIT)
    for entry, person in zip(answer["keys"], PEOPLE, strict=True):
        path = Path("keys", entry["file"])
        key = SigningKey.load(path, passphrase_of(person).encode())
        assert (entry["key_id"], entry["words"]) == (key.key_id, words_of(key.key_id))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")


def test_writes_the_list_that_everybody_may_know(admins):
    admins(*INIT)
    editors = read_list(Path("keys/admins.json")).quorums[1]
    assert (len(editors.keys), editors.threshold) == (2, 2)
    text = Path("keys/admins.json").read_text()
    assert not any(passphrase_of(person) in text for person in PEOPLE)


def test_prints_a_sheet_of_words_and_qr_codes(admins):
    words = [entry["words"] for entry in admins(*INIT)["keys"]]
    sheet = Path("keys/fingerprints.html").read_text("utf-8")
    assert all(each in sheet for each in words)
    assert sheet.count("<svg") == len(PEOPLE)


def test_never_overwrites_a_key(admins):
    admins(*INIT)
    before = Path("keys/admin-1.key.pem").read_bytes()
    assert admins.refused(*INIT) == "key_file_refused"
    assert Path("keys/admin-1.key.pem").read_bytes() == before


@pytest.mark.parametrize("wrong", [
    ("--threshold", "4"), ("--admins", "100"), ("--threshold", "0"), ("--editors-threshold", "3")])
def test_a_threshold_that_cannot_be_is_refused(admins, wrong):
    assert admins.refused(*INIT, *wrong) == "wrong_use"
    assert not Path("keys").exists()


@pytest.mark.parametrize("text", ["", "too few\n", "short\n" * 5])
def test_too_few_or_too_short_passphrases_are_refused(admins, text):
    Path("passphrases").write_text(text)
    assert admins.refused(*INIT) == "wrong_use"
    assert not Path("keys").exists()


@pytest.mark.parametrize("field", ["key_id", "public"])
def test_a_list_that_was_altered_is_refused(admins, field):
    admins(*INIT)
    admins("ceremony", "template", "alliance", "--libraries", "1")
    document = json.loads(Path("keys/admins.json").read_text())
    document["admins"][0][field] = "ab" * 32
    Path("keys/admins.json").write_text(json.dumps(document))
    request = admins.enroll("gateway", "DELTA-GATEWAY")
    assert admins.refused("draft", "--alliance", "alliance", "--ceremony", "keys/admins.json", "--request", request,
                          *admins.heard("DELTA-GATEWAY")) == "malformed_directory"


def test_the_template_never_overwrites_what_somebody_edited(admins):
    admins("ceremony", "template", "alliance")
    assert len(json.loads(Path("alliance/members.json").read_text())["agencies"]) == 31 + 3
    assert admins.refused("ceremony", "template", "alliance") == "wrong_folder"
