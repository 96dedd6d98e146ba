import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tuf.api.metadata import Root, Targets

from schemas.directory import KeyStatus, Role
from tests.trust.samples import (
    ADMINS,
    EDITORS,
    GATEWAY,
    GATEWAY_KEY,
    HANGZHOU,
    NEW_ADMINS,
    NOW,
    YANGPU,
    Published,
    agency,
    broken_keys,
    key_record,
    sample_directory,
    sealing_key,
    signing_key,
)
from trust import errors
from trust.directory import DIRECTORY_FILE, accept
from trust.errors import TrustError
from trust.freshness import Freshness, check_freshness, seal_freshness
from trust.publish import Quorum, build_root, build_targets, sign_document

FIRST = Published()
KNOWN = FIRST.accept()


def refused(name, act):
    with pytest.raises(TrustError) as caught:
        act()
    assert type(caught.value) is name, caught.value


def test_a_directory_signed_by_enough_editors_is_accepted():
    assert KNOWN.reference == (1, KNOWN.hash)
    holder, record, key = KNOWN.key(signing_key(YANGPU).key_id)
    assert (holder.agency, record.key_id, key) == (YANGPU, key.key_id, signing_key(YANGPU).verifying)
    assert KNOWN.tariff.loan_fee_fen == 300


def test_a_newer_version_replaces_the_known_one_and_the_same_one_stays():
    assert FIRST.but(version=2).accept(KNOWN).version == 2
    assert FIRST.accept(KNOWN).reference == KNOWN.reference


def test_the_hash_does_not_depend_on_who_has_signed():
    assert FIRST.but(editor_signers=EDITORS[1:]).accept(KNOWN).hash == KNOWN.hash


def test_an_older_version_is_refused():
    refused(errors.RolledBack, lambda: FIRST.accept(FIRST.but(version=2).accept()))


def test_two_contents_of_one_version_are_refused():
    other = FIRST.but(directory=sample_directory(agency(YANGPU)))
    refused(errors.MixedFiles, lambda: other.accept(KNOWN))


@pytest.mark.parametrize("wrong", [
    FIRST.but(editor_signers=EDITORS[:1]),
    FIRST.but(editor_signers=(EDITORS[0], GATEWAY_KEY)),
    FIRST.but(editor_signers=ADMINS),
    FIRST.but(root_signers=ADMINS[:2]),
], ids=["one editor", "the gateway's key", "admins instead of editors", "two admins"])
def test_too_few_signatures_are_refused(wrong):
    refused(errors.NotEnoughSignatures, wrong.accept)


def test_a_signature_that_does_not_fit_does_not_count():
    document = json.loads(FIRST.targets)
    document["signatures"][0]["sig"] = "zz"
    broken = json.dumps(document).encode()
    refused(errors.NotEnoughSignatures, lambda: accept([FIRST.root], broken, FIRST.files, NOW))


def test_one_editor_who_signs_twice_counts_once():
    document = json.loads(FIRST.but(editor_signers=EDITORS[:1]).targets)
    document["signatures"] *= 2
    doubled = json.dumps(document).encode()
    refused(errors.MalformedDirectory, lambda: accept([FIRST.root], doubled, FIRST.files, NOW))


def edited_root(edit):
    document = json.loads(FIRST.but(root_signers=()).root)
    edit(document["signed"])
    return sign_document(Root, json.dumps(document).encode(), ADMINS[:3])


def test_one_key_under_two_ids_is_refused():
    def add_alias(root):
        editor = EDITORS[0].key_id
        root["keys"]["ab" * 32] = root["keys"][editor]
        root["roles"]["targets"]["keyids"].append("ab" * 32)
    refused(errors.MalformedDirectory, lambda: accept([edited_root(add_alias)], FIRST.targets, FIRST.files, NOW))


def test_a_weak_key_in_the_root_is_refused():
    def weaken(root):
        root["keys"][EDITORS[0].key_id]["keyval"]["public"] = "01" + "00" * 31
    refused(errors.WeakKey, lambda: accept([edited_root(weaken)], FIRST.targets, FIRST.files, NOW))


@pytest.mark.parametrize("change", [
    {"directory.json": b"{}"}, {"tariff.json": b""}, {"policies.json": None},
])
def test_a_file_that_is_not_the_signed_one_is_refused(change):
    files = {name: data for name, data in {**FIRST.files, **change}.items() if data is not None}
    refused(errors.MixedFiles, lambda: accept([FIRST.root], FIRST.targets, files, NOW))


def test_expired_targets_are_refused():
    refused(errors.DirectoryExpired, FIRST.but(expires=NOW).accept)


def test_an_expired_final_root_is_refused():
    refused(errors.DirectoryExpired, FIRST.but(root_expires=NOW).accept)


class TestRootChain:
    """Root 2 brings five new admins; the three old and three new that sign it are given by each test."""

    first = FIRST.but(root_expires=NOW - timedelta(days=1)).root

    @staticmethod
    def second(*signers, version=2):
        return FIRST.but(root_version=version, admins=NEW_ADMINS, root_signers=signers).root

    def accept(self, *chain, known=None):
        return accept(chain, FIRST.targets, FIRST.files, NOW, known)

    def test_is_followed_where_old_and_new_admins_have_signed(self):
        directory = self.accept(self.first, self.second(*ADMINS[:3], *NEW_ADMINS[:3]))
        assert directory.root.version == 2

    def test_an_expired_root_on_the_way_is_fine(self):
        refused(errors.DirectoryExpired, lambda: self.accept(self.first))

    def test_is_followed_from_the_known_root_on(self):
        second = self.second(*ADMINS[:3], *NEW_ADMINS[:3])
        assert self.accept(second, known=KNOWN).root.version == 2
        assert self.accept(FIRST.root, second, known=KNOWN).root.version == 2
        assert self.accept(known=KNOWN).root.version == 1

    @pytest.mark.parametrize("signers", [
        (*ADMINS[:2], *NEW_ADMINS[:3]), (*ADMINS[:3], *NEW_ADMINS[:2]), NEW_ADMINS, ADMINS])
    def test_needs_both_thresholds(self, signers):
        refused(errors.NotEnoughSignatures, lambda: self.accept(self.first, self.second(*signers)))

    def test_may_not_skip_a_root(self):
        third = self.second(*ADMINS, *NEW_ADMINS, version=3)
        refused(errors.BrokenRootChain, lambda: self.accept(self.first, third))

    def test_may_not_go_back(self):
        known = self.accept(self.first, self.second(*ADMINS[:3], *NEW_ADMINS[:3]))
        refused(errors.RolledBack, lambda: self.accept(self.first, known=known))

    def test_may_not_show_two_roots_of_one_version(self):
        twin = FIRST.but(root_expires=NOW + timedelta(days=99)).root
        refused(errors.MixedFiles, lambda: self.accept(twin, known=KNOWN))

    def test_may_not_be_empty(self):
        refused(errors.BrokenRootChain, self.accept)


@pytest.mark.parametrize("documents", [
    {"root": b"x"}, {"root": b"{}"}, {"root": FIRST.targets}, {"targets": FIRST.root}, {"targets": b"[1.5]"},
    {"targets": FIRST.targets.replace(b'"version":1', b'"version":1.5')},
    {"targets": FIRST.targets.replace(b'"version":1', b'"version":true')},
])
def test_documents_of_another_kind_are_refused(documents):
    root, targets = documents.get("root", FIRST.root), documents.get("targets", FIRST.targets)
    refused(errors.MalformedDirectory, lambda: accept([root], targets, FIRST.files, NOW))


def record(**changes):
    return key_record(signing_key(YANGPU).verifying, **changes)


BROKEN = {**broken_keys(), "no_base64": (record(public="!"),)}


@pytest.mark.parametrize("name", BROKEN)
def test_keys_that_break_a_rule_are_refused_though_the_editors_signed(name):
    refusal = errors.WeakKey if name == "weak_key" else errors.MalformedDirectory
    refused(refusal, FIRST.but(directory=sample_directory(agency(HANGZHOU, keys=BROKEN[name]))).accept)


@pytest.mark.parametrize("members", [
    (agency(YANGPU), agency(YANGPU)), (agency(YANGPU), agency(HANGZHOU, keys=(record(),))),
    (agency(YANGPU, Role.GATEWAY),)], ids=["agency twice", "one key of two", "two gateways"])
def test_members_that_break_a_rule_are_refused_though_the_editors_signed(members):
    refused(errors.MalformedDirectory, FIRST.but(directory=sample_directory(*members)).accept)


@pytest.mark.parametrize("text", [
    b'{"alliance":"a","alliance":"b","agencies":[]}', b'{"alliance":1.5}', b"{", b"[" * 9999, b'{"alliance":"a"}',
    b"\xff"])
def test_a_signed_file_that_is_no_directory_is_refused(text):
    files = {**FIRST.files, DIRECTORY_FILE: text}
    targets = sign_document(Targets, build_targets(version=1, expires=FIRST.expires, files=files), EDITORS)
    refused(errors.MalformedDirectory, lambda: accept([FIRST.root], targets, files, NOW))


class TestSealingKeys:
    def test_the_newest_in_use_is_given(self):
        newer = key_record(sealing_key("newer"), use_from=NOW - timedelta(days=1))
        later = key_record(sealing_key("later"), use_from=NOW + timedelta(days=1))
        old = key_record(sealing_key(YANGPU))
        directory = FIRST.but(directory=sample_directory(agency(YANGPU, keys=(old, newer, later)))).accept()
        assert directory.sealing_key(YANGPU, NOW)[0] == newer

    def test_none_in_use_is_refused(self):
        revoked = key_record(sealing_key(YANGPU), status=KeyStatus.REVOKED)
        directory = FIRST.but(directory=sample_directory(agency(YANGPU, keys=(revoked,)))).accept()
        refused(errors.UnknownKey, lambda: directory.sealing_key(YANGPU, NOW))


def test_signing_keys_are_those_that_still_count():
    assert KNOWN.signing_keys(GATEWAY) == (GATEWAY_KEY.verifying,)


def test_a_quorum_that_nobody_can_reach_is_refused():
    keys = (ADMINS[0].verifying,)
    for threshold, of in ((2, keys), (0, keys), (1, keys * 2)):
        with pytest.raises(errors.MalformedDirectory):
            Quorum(of, threshold)
    with pytest.raises(errors.MalformedDirectory):
        sign_document(Targets, build_root(version=1, expires=NOW, admins=Quorum(keys, 1), editors=Quorum(keys, 1),
                                          gateway=Quorum(keys, 1)), ())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["root", "targets"]), st.integers(0, 2500), st.integers(0, 30), st.binary(max_size=6))
def test_garbled_documents_yield_a_directory_or_a_named_refusal(which, at, cut, put):
    documents = {"root": FIRST.root, "targets": FIRST.targets}
    documents[which] = documents[which][:at] + put + documents[which][at + cut:]
    with suppress(TrustError):
        assert accept([documents["root"]], documents["targets"], FIRST.files, NOW).hash == KNOWN.hash


def test_known_stays_untouched_by_a_refusal():
    before = replace(KNOWN)
    with suppress(TrustError):
        FIRST.but(version=2, editor_signers=()).accept(KNOWN)
    assert before == KNOWN


class TestKeysAreNeverForgotten:
    """What a key has signed must be verifiable for ever, so no version may drop its record or give it away."""

    def test_a_version_without_a_known_key_is_refused(self):
        second = FIRST.but(version=2, directory=sample_directory(agency(YANGPU)))
        refused(errors.KeyForgotten, lambda: second.accept(KNOWN))
        assert second.accept().version == 2, "whoever knew nothing before misses nothing"

    def test_a_version_that_gives_a_key_to_another_member_is_refused(self):
        both = (*agency(YANGPU).keys, *agency(HANGZHOU).keys)
        second = FIRST.but(version=2, directory=sample_directory(agency(YANGPU, keys=both), agency(HANGZHOU, keys=())))
        refused(errors.KeyForgotten, lambda: second.accept(KNOWN))

    def test_a_revoked_or_retired_key_stays_listed(self):
        key = key_record(signing_key(HANGZHOU).verifying, status=KeyStatus.REVOKED, invalid_from=7)
        member = agency(HANGZHOU, keys=(key, *agency(HANGZHOU).keys[1:]))
        second = FIRST.but(version=2, directory=sample_directory(agency(YANGPU), member))
        assert second.accept(KNOWN).key(key.key_id)[1].invalid_from == 7


class TestAttacksOfTheSpecificationByName:
    """TUF specification 1.5.2. Whoever holds every online key, as the hub does, can do none of these unnoticed."""

    def test_rollback(self):
        refused(errors.RolledBack, lambda: FIRST.accept(FIRST.but(version=2).accept()))

    def test_indefinite_freeze(self):
        """Serving old documents works only until they run out, and freshness runs out within hours."""
        refused(errors.DirectoryExpired, lambda: FIRST.accept(KNOWN, now=FIRST.expires))
        stale = Freshness(version=1, hash=KNOWN.hash, valid_until=NOW)
        refused(errors.FreshnessExpired, lambda: check_freshness(seal_freshness(stale, GATEWAY_KEY), KNOWN, NOW))

    def test_mix_and_match(self):
        second = FIRST.but(version=2, directory=sample_directory(agency(YANGPU), agency(HANGZHOU), agency("CN-THIRD")))
        mixed = {**FIRST.files, DIRECTORY_FILE: second.files[DIRECTORY_FILE]}
        refused(errors.MixedFiles, lambda: accept([FIRST.root], FIRST.targets, mixed, NOW))

    def test_fast_forward(self):
        """The hub has no counter: it can neither sign a high version nor make anybody remember one."""
        far = FIRST.but(version=2**31, editor_signers=(GATEWAY_KEY,))
        refused(errors.NotEnoughSignatures, lambda: far.accept(KNOWN))
        claim = Freshness(version=2**31, hash=KNOWN.hash, valid_until=NOW + timedelta(hours=1))
        refused(errors.NewerDirectory, lambda: check_freshness(seal_freshness(claim, GATEWAY_KEY), KNOWN, NOW))
        assert FIRST.but(version=2).accept(KNOWN).version == 2

    def test_under_signing(self):
        refused(errors.NotEnoughSignatures, FIRST.but(editor_signers=EDITORS[:1]).accept)
        refused(errors.NotEnoughSignatures, FIRST.but(root_signers=ADMINS[:2]).accept)

    @pytest.mark.parametrize("role", ["root", "targets", "timestamp"])
    def test_one_key_id_twice_in_a_role(self, role):
        document = json.loads(FIRST.root)
        document["signed"]["roles"][role]["keyids"] *= 2
        raw = json.dumps(document).encode()
        refused(errors.MalformedDirectory, lambda: accept([raw], FIRST.targets, FIRST.files, NOW))

    @pytest.mark.parametrize("document", ["root", "targets"])
    def test_one_signature_twice(self, document):
        documents = {"root": FIRST.but(root_signers=ADMINS[:2]).root,
                     "targets": FIRST.but(editor_signers=EDITORS[:1]).targets}
        doubled = json.loads(documents[document])
        doubled["signatures"].append(doubled["signatures"][0])
        raw = {"root": FIRST.root, "targets": FIRST.targets} | {document: json.dumps(doubled).encode()}
        refused(errors.MalformedDirectory, lambda: accept([raw["root"]], raw["targets"], FIRST.files, NOW))

    def test_an_expired_final_root(self):
        refused(errors.DirectoryExpired, FIRST.but(root_expires=NOW).accept)

    def test_a_revoked_editor_signs_no_more(self):
        """Root 2 replaces editor 0; what the three before it signed is refused from then on."""
        editors = (*EDITORS[1:], signing_key("new editor"))
        second = FIRST.but(root_version=2, editors=editors)
        chain = [FIRST.root, second.root]
        refused(errors.NotEnoughSignatures, lambda: accept(chain, FIRST.targets, FIRST.files, NOW, KNOWN))
        signed = second.but(version=2, editor_signers=editors[:2])
        assert accept(chain, signed.targets, signed.files, NOW, KNOWN).root.version == 2
