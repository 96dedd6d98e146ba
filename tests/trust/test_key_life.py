from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.directory import KeyPurpose, KeyStatus
from tests.trust.samples import (
    HANGZHOU,
    NOW,
    YANGPU,
    Published,
    agency,
    custody_receipt,
    key_record,
    sample_directory,
    sealing_key,
    signing_key,
)
from trust import errors
from trust.envelope import open_archived, open_envelope, seal
from trust.key_life import LEAD, OVERLAP, retire, revoke, succeed, warnings_for

DAY = timedelta(days=1)
FIRST = Published(expires=NOW + 999 * DAY, root_expires=NOW + 999 * DAY)


def warned(published, now=NOW):
    return [(warning.subject.split()[0], warning.level) for warning in warnings_for(published.accept(now=NOW), now)]


def with_keys(*records):
    return FIRST.but(directory=sample_directory(agency(YANGPU, keys=records)))


def signing_record(name, **dates):
    return key_record(signing_key(name).verifying, **dates)


class TestWarnings:
    @pytest.mark.parametrize(("days", "level"), [(91, None), (90, 90), (31, 90), (30, 30), (8, 30), (7, 7), (0.5, 7),
                                                 (0, 0)])
    def test_of_a_key_come_at_ninety_thirty_and_seven_days(self, days, level):
        found = warned(with_keys(signing_record("k", sign_until=NOW + days * DAY)))
        assert found == ([] if level is None else [(YANGPU, level)])

    @pytest.mark.parametrize(("days", "level"), [(91, None), (90, 90), (30, 30), (7, 7)])
    def test_of_the_root_too(self, days, level):
        found = warned(FIRST.but(root_expires=NOW + days * DAY))
        assert found == ([] if level is None else [("联盟根", level)])

    @pytest.mark.parametrize(("days", "level"), [(8, None), (7, 7)])
    def test_of_the_directory_in_its_last_week_since_it_is_signed_every_month(self, days, level):
        found = warned(FIRST.but(expires=NOW + days * DAY))
        assert found == ([] if level is None else [("成员名录", level)])

    def test_say_when_it_is_too_late(self):
        late = FIRST.but(expires=NOW + DAY, root_expires=NOW + DAY)
        assert warned(late, NOW + 2 * DAY) == [("成员名录", 0), ("联盟根", 0)]

    def test_are_silent_for_a_key_that_has_its_successor(self):
        old, new = signing_record("old", sign_until=NOW + DAY), signing_record("new")
        assert warned(with_keys(old, new)) == []

    def test_stay_for_a_revoked_key_until_another_is_enrolled(self):
        revoked = signing_record("old", status=KeyStatus.REVOKED, sign_until=NOW)
        assert warned(with_keys(revoked)) == [(YANGPU, 0)]
        assert warned(with_keys(revoked, signing_record("new"))) == []

    def test_count_signing_and_sealing_keys_apart(self):
        seal_record = key_record(sealing_key("k"), sign_until=NOW + DAY)
        assert warned(with_keys(signing_record("k"), seal_record)) == [(YANGPU, 7)]

    def test_tell_what_when_and_what_to_do(self):
        (warning,) = warnings_for(FIRST.but(root_expires=NOW + 5 * DAY).accept(), NOW)
        assert str(warning) == ("联盟根 root: 5 天后到期 runs out in 5 days, 2026-12-06; "
                                "联盟管理员须签发新根 delta-trust rotate admins")


class TestSuccession:
    def rotated(self, old, new="new", made=NOW):
        return succeed(agency(HANGZHOU, keys=(old,)), [signing_record(new, use_from=made)], made)

    @settings(max_examples=60, deadline=None)
    @given(st.integers(-30, 400), st.integers(0, 500))
    def test_never_leaves_a_moment_without_a_key_nor_a_key_without_its_time(self, left_days, after_hours):
        """From when the draft is made on: an old key in force or a new one; none where the old was past already."""
        old = signing_record("old", sign_until=NOW + left_days * DAY, verify_until=NOW + 900 * DAY)
        member, moment = self.rotated(old), NOW + timedelta(hours=after_hours)
        assert member.key_in_use(KeyPurpose.SIGN, moment) is not None

    def test_lets_the_old_key_verify_as_long_as_before(self):
        old = signing_record("old")
        before, after = old, self.rotated(old).keys[0]
        assert after.verify_until == before.verify_until
        assert after.sign_until == NOW + LEAD + OVERLAP

    def test_loses_no_message_in_flight(self):
        """Written by the old key in its last second, delivered weeks later; and by the new key in its first."""
        old = signing_record(HANGZHOU)
        member = self.rotated(old)
        directory = FIRST.but(directory=sample_directory(agency(YANGPU), member)).accept()
        end, begin = member.keys[0].sign_until, member.keys[1].use_from
        last = seal(custody_receipt(directory, created=end, expires=end + 90 * DAY), signing_key(HANGZHOU))
        first = seal(custody_receipt(directory, created=begin, expires=begin + 90 * DAY), signing_key("new"))
        assert open_envelope(last.envelope, directory, now=end + 60 * DAY, me=YANGPU).signer == HANGZHOU
        assert open_envelope(first.envelope, directory, now=begin, me=YANGPU).signer == HANGZHOU
        early = seal(custody_receipt(directory, created=begin - DAY, expires=end), signing_key("new"))
        with pytest.raises(errors.KeyNotValidNow):
            open_envelope(early.envelope, directory, now=begin, me=YANGPU)

    def test_touches_keys_of_the_same_purpose_only(self):
        member = succeed(agency(HANGZHOU), [signing_record("new")], NOW)
        assert [record.purpose for record in member.keys] == ["sign", "seal", "sign"]
        assert member.keys[1] == agency(HANGZHOU).keys[1]

    def test_of_no_key_begins_at_once(self):
        assert succeed(agency(HANGZHOU, keys=()), [signing_record("new")], NOW).keys[0].use_from == NOW


class TestRevocation:
    directory = sample_directory()

    def test_keeps_earlier_evidence_and_voids_later_messages(self):
        key_id = signing_key(HANGZHOU).key_id
        before = FIRST.accept()
        message = seal(custody_receipt(before), signing_key(HANGZHOU))
        after = FIRST.but(version=2, directory=revoke(self.directory, key_id, NOW, reason="stolen",
                                                      invalid_from=7)).accept(before)
        assert open_archived(message.envelope, after, arrived=NOW, index=6).signer == HANGZHOU
        with pytest.raises(errors.KeyRevoked):
            open_archived(message.envelope, after, arrived=NOW, index=7)
        with pytest.raises(errors.KeyRevoked):
            open_envelope(message.envelope, after, now=NOW, me=YANGPU)

    def test_leaves_every_other_key_alone(self):
        revoked = revoke(self.directory, signing_key(HANGZHOU).key_id, NOW, reason="x", invalid_from=0)
        changed = [key_id for key_id, (_, record) in revoked.keys.items() if record != self.directory.keys[key_id][1]]
        assert changed == [signing_key(HANGZHOU).key_id]


def test_a_key_that_no_longer_signs_is_marked_retired_and_kept():
    record = signing_record("k", sign_until=NOW - DAY)
    (retired,) = retire(sample_directory(agency(YANGPU, keys=(record,))), NOW).by_id[YANGPU].keys
    assert retired == record.model_copy(update={"status": KeyStatus.RETIRED})
