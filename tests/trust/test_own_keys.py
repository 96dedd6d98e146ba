"""A member's own keys: which of those in its folder signs, and what is said where none may."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.directory import KeyStatus, PublicKeyRecord
from schemas.problems import ProblemCode
from tests.trust.samples import (
    HANGZHOU,
    NOW,
    Published,
    agency,
    key_record,
    sample_directory,
    sealing_key,
    signing_key,
)
from trust.directory import TrustedDirectory
from trust.errors import KeyFileRefused, NoKeyInUse, PassphraseRefused
from trust.keys import SealingKey, SigningKey
from trust.own_keys import OwnKeys, Signer

PASSPHRASE = b"four random words"
OLD, NEW = signing_key("old"), signing_key("new")
SWITCH = NOW + timedelta(days=3)
OVER = SWITCH + timedelta(days=7)


def listed(key: SigningKey, **changes: Any) -> PublicKeyRecord:
    return key_record(key.verifying, **changes)


def directory_with(*records: PublicKeyRecord) -> TrustedDirectory:
    return Published(directory=sample_directory(agency(HANGZHOU, keys=records))).accept()


ROTATED = directory_with(listed(OLD, sign_until=OVER), listed(NEW, use_from=SWITCH))


def in_folder(folder: Path) -> OwnKeys[SigningKey]:
    return OwnKeys(folder / "sign.pem", "sign*.pem", lambda path: SigningKey.load(path, PASSPHRASE))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    OLD.save(tmp_path / "sign.pem", PASSPHRASE)
    return tmp_path


def test_the_key_that_the_directory_names_in_use_signs(folder: Path) -> None:
    NEW.save(folder / "sign-2.pem", PASSPHRASE)
    signer = Signer(HANGZHOU, in_folder(folder))
    moments = (NOW, SWITCH - timedelta(microseconds=1), SWITCH, OVER + timedelta(days=1))
    assert [signer.key(ROTATED, moment).key_id for moment in moments] == [
        OLD.key_id, OLD.key_id, NEW.key_id, NEW.key_id]


def test_a_file_that_is_put_beside_the_others_counts_at_once(folder: Path) -> None:
    signer = Signer(HANGZHOU, in_folder(folder))
    assert signer.key(ROTATED, SWITCH).key_id == OLD.key_id, "while both count the one that is here goes on"
    NEW.save(folder / "sign-2.pem", PASSPHRASE)
    assert signer.key(ROTATED, SWITCH).key_id == NEW.key_id


def test_a_file_that_is_taken_away_is_forgotten(folder: Path) -> None:
    NEW.save(folder / "sign-2.pem", PASSPHRASE)
    keys = in_folder(folder)
    assert len(list(keys)) == 2
    (folder / "sign-2.pem").unlink()
    assert [key.key_id for key in keys] == [OLD.key_id]


def test_other_files_in_the_folder_are_left_alone(folder: Path) -> None:
    sealing_key("any").save(folder / "seal.pem", PASSPHRASE)
    (folder / "sign.txt").write_text("no key")
    assert [key.key_id for key in in_folder(folder)] == [OLD.key_id]
    sealing = OwnKeys(folder / "seal.pem", "seal*.pem", lambda path: SealingKey.load(path, PASSPHRASE))
    assert [key.key_id for key in sealing] == [sealing_key("any").key_id]


def test_a_file_that_cannot_be_used_is_refused_at_the_start(folder: Path) -> None:
    NEW.save(folder / "sign-2.pem", b"another passphrase")
    with pytest.raises(PassphraseRefused, match=r"sign-2\.pem"):
        in_folder(folder)
    (folder / "sign.pem").unlink()
    (folder / "sign-2.pem").unlink()
    with pytest.raises(KeyFileRefused, match=r"sign\.pem"):
        in_folder(folder)


def test_one_that_comes_later_is_told_once_and_stops_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys = in_folder(folder)
    NEW.save(folder / "sign-2.pem", b"another passphrase")
    with caplog.at_level(logging.WARNING):
        assert [key.key_id for key in keys] == [key.key_id for key in keys] == [OLD.key_id]
    assert len([record for record in caplog.records if "sign-2.pem" in record.getMessage()]) == 1
    (folder / "sign-2.pem").unlink()
    NEW.save(folder / "sign-2.pem", PASSPHRASE)
    assert {key.key_id for key in keys} == {OLD.key_id, NEW.key_id}


@pytest.mark.parametrize(("directory", "code", "told"), [
    (directory_with(listed(OLD, status=KeyStatus.REVOKED, invalid_from=7, reason="stolen")),
     ProblemCode.KEY_REVOKED, r"revoked.*\(stolen\).*enrol again"),
    (directory_with(listed(OLD, status=KeyStatus.REVOKED, invalid_from=7), listed(NEW)),
     ProblemCode.UNKNOWN_KEY, "put the file beside the others"),
    (directory_with(listed(OLD, sign_until=NOW - timedelta(days=1))), ProblemCode.KEY_NOT_VALID_NOW, "--renew"),
    (directory_with(listed(OLD, status=KeyStatus.RETIRED)), ProblemCode.KEY_NOT_VALID_NOW, "no key of"),
    (directory_with(listed(OLD, use_from=NOW + timedelta(days=1))), ProblemCode.KEY_NOT_VALID_NOW, "no key of"),
    (directory_with(), ProblemCode.KEY_NOT_VALID_NOW, "no key of"),
], ids=["revoked", "not here", "over", "retired", "not yet", "none"])
def test_where_no_key_may_sign_the_refusal_says_why(directory: TrustedDirectory, code: ProblemCode, told: str) -> None:
    with pytest.raises(NoKeyInUse, match=told) as refused:
        Signer(HANGZHOU, [OLD]).key(directory, NOW)
    assert refused.value.code is code


def test_a_member_that_the_directory_does_not_list_signs_nothing() -> None:
    with pytest.raises(NoKeyInUse):
        Signer(HANGZHOU, [OLD]).key(Published(directory=sample_directory(agency("CN-OTHER"))).accept(), NOW)
