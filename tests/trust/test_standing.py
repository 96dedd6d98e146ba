"""How a member stands with the directory: its version, the own keys, and what runs out."""

from datetime import timedelta

import pytest

from schemas.directory import KeyStatus
from tests.trust.samples import HANGZHOU, NOW, YANGPU, Published, agency, key_record, sample_directory, signing_key
from trust.standing import standing, standing_lines, warning_lines

DAY = timedelta(days=1)
LONG = NOW + 999 * DAY
OLD, NEW = signing_key("old"), signing_key("new")


def published(**old):
    keys = (key_record(OLD.verifying, **{"sign_until": NOW + 20 * DAY, **old}),
            key_record(NEW.verifying, use_from=NOW + 10 * DAY, sign_until=LONG, verify_until=LONG))
    other = agency(HANGZHOU, keys=(key_record(signing_key("other").verifying, sign_until=NOW + 29 * DAY),))
    return Published(directory=sample_directory(agency(YANGPU, keys=keys), other), expires=LONG,
                     root_expires=LONG).accept()


def test_the_key_in_use_and_the_one_to_come_are_shown():
    shown = standing(published(), YANGPU, {OLD.key_id}, NOW)
    assert (shown["version"], shown["until"]) == (1, LONG.isoformat())
    assert [(key["key_id"], key["in_use"], key["is_here"]) for key in shown["keys"]] == [
        (OLD.key_id, True, True), (NEW.key_id, False, False)]
    text = "\n".join(f"{title} {value}" for title, value in standing_lines(shown))
    assert f"签名密钥 signing key {OLD.key_id[:12]} 使用中 in use → 2026-12-21" in text
    assert f"{NEW.key_id[:12]} 2026-12-11 → " in text


def test_a_key_whose_file_is_not_here_is_told_before_its_day():
    [warning] = warning_lines(standing(published(), YANGPU, {OLD.key_id}, NOW))
    assert warning.startswith(f"签名密钥 signing key {NEW.key_id[:12]}: 密钥文件不在本机")
    assert warning_lines(standing(published(), YANGPU, {OLD.key_id, NEW.key_id}, NOW)) == []


def test_a_revoked_key_and_one_that_is_over_are_no_longer_shown():
    for changes in ({"status": KeyStatus.REVOKED}, {"sign_until": NOW - DAY}):
        assert [key["key_id"] for key in standing(published(**changes), YANGPU, set(), NOW)["keys"]] == [NEW.key_id]


@pytest.mark.parametrize(("me", "everybody", "levels"), [
    (YANGPU, False, []), (HANGZHOU, False, [30]), (YANGPU, True, [30])])
def test_a_member_is_warned_of_its_own_keys_and_whoever_runs_the_gateway_of_all(me, everybody, levels):
    shown = standing(published(), me, {OLD.key_id, NEW.key_id}, NOW, everybody=everybody)
    assert [warning["level"] for warning in shown["warnings"]] == levels
    assert all("天后到期 runs out in" in warning["text"] for warning in shown["warnings"])


def test_one_that_is_not_listed_has_no_keys():
    assert standing(published(), "CN-NOBODY", set(), NOW)["keys"] == []
