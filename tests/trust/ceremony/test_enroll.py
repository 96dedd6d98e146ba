import stat
from pathlib import Path

import pytest

from tests.trust.ceremony.admins import Admins
from trust.ceremony.request import Applicant, read_request
from trust.ceremony.words import words_of
from trust.keys import SealingKey, SigningKey


@pytest.fixture
def admins(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    return Admins(tmp_path, capsys)


def test_a_library_gets_a_signing_and_a_sealing_key_that_its_connector_can_open(admins):
    admins.enroll("library", "CN-LIB-01")
    passphrase = Path("CN-LIB-01/passphrase").read_bytes()
    signing = SigningKey.load(Path("CN-LIB-01/sign.pem"), passphrase)
    sealing = SealingKey.load(Path("CN-LIB-01/seal.pem"), passphrase)
    request = read_request(Path("CN-LIB-01/request.json").read_bytes())
    assert [key.key_id for key in request.enrolment.keys] == [signing.key_id, sealing.key_id]
    assert stat.S_IMODE(Path("CN-LIB-01/passphrase").stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["gateway", "witness"])
def test_a_gateway_and_a_witness_sign_only(admins, kind):
    admins.enroll(kind, "DELTA-1")
    request = read_request(Path("DELTA-1/request.json").read_bytes())
    assert (request.enrolment.applicant, len(request.enrolment.keys)) == (Applicant(kind), 1)
    assert not Path("DELTA-1/seal.pem").exists()


def test_the_words_are_those_of_the_whole_request(admins):
    admins.enroll("library", "CN-LIB-01")
    request = read_request(Path("CN-LIB-01/request.json").read_bytes())
    assert Path("CN-LIB-01/words.txt").read_text() == f"CN-LIB-01 {words_of(request.hash)}\n"
    assert "<svg" in Path("CN-LIB-01/request.html").read_text()


def test_a_qr_code_can_be_shown_at_the_terminal(admins, capsys):
    from trust.cli import main
    assert main(["enroll", "library", "here", "--agency", "CN-LIB-01", "--yes", "--qr"], admins.now) == 0
    assert "█" in capsys.readouterr().out


def test_keys_are_never_overwritten(admins):
    admins.enroll("library", "CN-LIB-01")
    assert admins.refused("enroll", "library", "CN-LIB-01", "--agency", "CN-LIB-01") == "key_file_refused"
    assert admins.refused("enroll", "library", "other", "--agency", "CN-LIB-01", "--renew") == "key_file_refused"


@pytest.mark.parametrize("wrong", [
    ("library", "x"), ("library", "x", "--agency", "lower case"), ("admin", "x", "--agency", "CN-LIB-01"),
    ("library", "x", "--agency", "CN-LIB-01", "--name", "n" * 501)])
def test_what_cannot_be_enrolled_is_refused(admins, wrong):
    assert admins.refused("enroll", *wrong) in {"wrong_use", "malformed_request"}


def test_a_person_without_a_terminal_gives_a_passphrase_file(admins):
    assert admins.refused("enroll", "editor", "wang", "--name", "wang") == "wrong_use"
    Path("p").write_text("short")
    assert admins.refused("enroll", "editor", "wang", "--name", "wang", "--passphrase-file", "p") == "wrong_use"
    assert admins.refused("enroll", "editor", "wang", "--name", "wang", "--passphrase-file", "q") == "key_file_refused"


def test_a_folder_that_cannot_be_written_is_told(admins):
    Path("file").touch()
    assert admins.refused("enroll", "library", "file", "--agency", "CN-LIB-01") == "key_file_refused"
