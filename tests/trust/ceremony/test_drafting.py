"""Drafts, rotations and revocations, by the very commands, from the request to the version that is published."""

import json
from base64 import b64decode, b64encode
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.directory import KeyPurpose, KeyStatus
from tests.trust.ceremony.admins import Admins
from tests.trust.samples import NOW
from trust.folder import load_folder
from trust.key_life import LEAD, OVERLAP
from trust.keys import SealingKey, SigningKey

LIBRARY = "CN-LIB-01"


@pytest.fixture
def admins(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    return Admins(tmp_path, capsys)


@pytest.fixture
def founded(admins):
    admins.found()
    return admins


def keys_of(agency=LIBRARY, now=NOW):
    return load_folder(Path("directory"), now).directory.by_id[agency].keys


def publish(admins, *people):
    admins.sign(*(people or ("editor-1", "editor-2")))
    return admins("publish")


class TestTheFirstDraft:
    def test_needs_the_alliances_files_and_the_ceremonys_list(self, admins):
        assert admins.refused("draft") == "wrong_use"
        admins.make_keys()
        assert admins.refused("draft", "--alliance", "alliance") == "wrong_use"
        ceremony = ("--alliance", "alliance", "--ceremony", "keys/admins.json")
        assert admins.refused("draft", *ceremony) == "malformed_directory", "there is no gateway yet"
        request = admins.enroll("gateway", "DELTA-GATEWAY")
        taken = ("draft", "--alliance", "alliance", "--request", request, *admins.heard("DELTA-GATEWAY"))
        assert admins.refused(*taken) == "wrong_use"
        assert admins.refused(*taken, "--ceremony", "alliance/members.json") == "wrong_folder"

    def test_tells_what_to_mend_in_a_file_that_somebody_edited(self, admins):
        admins.make_keys()
        Path("alliance/tariff.json").write_text('{"loan_fee_fen": 1.5}')
        assert admins.refused("draft", "--alliance", "alliance", "--ceremony", "keys/admins.json") == "wrong_use"

    def test_takes_no_keys_from_the_members_file(self, founded):
        members = Path("directory/1/directory.json").read_text()
        Path("alliance/members.json").write_text(members)
        assert founded.refused("draft", "--alliance", "alliance") == "wrong_use"

    def test_never_forgets_a_member_that_has_keys(self, founded):
        members = json.loads(Path("alliance/members.json").read_text())
        members["agencies"].pop()
        Path("alliance/members.json").write_text(json.dumps(members))
        assert founded.refused("draft", "--alliance", "alliance") == "not_a_member"


class TestTwoPeopleCheck:
    @pytest.fixture
    def request_of_gateway(self, admins):
        admins.make_keys()
        return admins.enroll("gateway", "DELTA-GATEWAY")

    def draft(self, admins, request, *heard):
        return admins.refused("draft", "--alliance", "alliance", "--ceremony", "keys/admins.json", "--request", request,
                              *heard)

    def test_one_list_is_not_enough(self, admins, request_of_gateway):
        heard = admins.heard("DELTA-GATEWAY")
        assert self.draft(admins, request_of_gateway, *heard[:2]) == "not_confirmed"
        assert self.draft(admins, request_of_gateway, *heard[:2], *heard[:2]) == "not_confirmed"

    def test_both_must_have_heard_the_requests_words(self, admins, request_of_gateway):
        heard = admins.heard("DELTA-GATEWAY")
        Path("li").write_text("DELTA-GATEWAY " + "abandon " * 12)
        assert self.draft(admins, request_of_gateway, *heard) == "not_confirmed"

    def test_a_list_that_is_not_one_is_refused(self, admins, request_of_gateway):
        heard = admins.heard("DELTA-GATEWAY")
        for text in (b"two words\n", b"\xff"):
            Path("li").write_bytes(text)
            assert self.draft(admins, request_of_gateway, *heard) == "wrong_use"

    def test_without_lists_the_people_are_asked_and_nobody_is_there(self, admins, request_of_gateway):
        assert self.draft(admins, request_of_gateway) == "wrong_use"

    def test_each_signer_checks_again_that_two_people_confirmed(self, admins, request_of_gateway):
        from trust.archive import pack, unpack
        admins("draft", "--alliance", "alliance", "--ceremony", "keys/admins.json", "--request", request_of_gateway,
               *admins.heard("DELTA-GATEWAY"))
        files = unpack(Path("draft.zip").read_bytes())
        manifest = json.loads(files["draft.json"]) | {"confirmed": []}
        Path("draft.zip").write_bytes(pack(files | {"draft.json": json.dumps(manifest).encode()}))
        assert admins.refused("sign", *admins.as_("editor-1")) == "not_confirmed"


class TestRotatingAMember:
    def test_needs_no_telephone_where_the_present_key_has_signed(self, founded):
        founded("rotate", "member", founded.enroll("library", LIBRARY, "--renew"))
        assert publish(founded)["version"] == 2
        assert len(keys_of()) == 4

    def test_lets_both_keys_count_for_a_while(self, founded):
        founded("rotate", "member", founded.enroll("library", LIBRARY, "--renew"))
        publish(founded)
        old, _, new, _ = keys_of()
        assert new.use_from == NOW + LEAD
        assert old.sign_until == NOW + LEAD + OVERLAP
        assert old.status is KeyStatus.ACTIVE
        library = load_folder(Path("directory"), NOW).directory.by_id[LIBRARY]
        assert library.key_in_use(KeyPurpose.SIGN, NOW) == old
        assert library.key_in_use(KeyPurpose.SIGN, NOW + LEAD) == new

    def test_retires_the_old_key_in_a_later_version(self, founded):
        founded("rotate", "member", founded.enroll("library", LIBRARY, "--renew"))
        publish(founded)
        founded.now += timedelta(days=20)
        founded("draft")
        publish(founded)
        assert [key.status for key in keys_of(now=founded.now)] == ["retired", "retired", "active", "active"]

    def test_makes_numbered_key_files_that_open_with_the_same_passphrase(self, founded):
        founded.enroll("library", LIBRARY, "--renew")
        passphrase = Path(LIBRARY, "passphrase").read_bytes()
        assert SigningKey.load(Path(LIBRARY, "sign-2.pem"), passphrase).key_id != SigningKey.load(
            Path(LIBRARY, "sign.pem"), passphrase).key_id
        assert SealingKey.load(Path(LIBRARY, "seal-2.pem"), passphrase)

    def test_by_a_new_folder_needs_the_telephone(self, founded):
        Path(LIBRARY).rename("lost")
        request = founded.enroll("library", LIBRARY)
        assert founded.refused("rotate", "member", request) == "wrong_use"
        founded("rotate", "member", request, *founded.heard(LIBRARY))
        assert publish(founded)["version"] == 2

    def test_is_not_done_by_enrolling_once_more(self, founded):
        request = founded.enroll("library", LIBRARY, "--renew")
        assert founded.refused("draft", "--request", request) == "already_enrolled"

    def test_takes_a_request_in_once(self, founded):
        request = founded.enroll("library", LIBRARY, "--renew")
        founded("rotate", "member", request)
        assert founded.refused("rotate", "member", request) == "already_enrolled"

    def test_of_the_gateway_changes_the_root_too(self, founded):
        drafted = founded("rotate", "member", founded.enroll("gateway", "DELTA-GATEWAY", "--renew"))
        assert any("gateway keys" in line for line in drafted["changes"])
        assert publish(founded, "admin-1", "admin-2", "editor-1", "editor-2") | {"hash": ""} == {
            "version": 2, "root": 2, "hash": "", "warnings": []}
        assert len(load_folder(Path("directory"), NOW).root.freshness_keys()) == 2


class TestRevoking:
    def revoke(self, founded, *keys):
        return founded("revoke", *keys, "--reason", "stolen", "--from-index", "7")

    def test_voids_what_stands_behind_an_index_of_the_log_and_keeps_the_record(self, founded):
        key = keys_of()[0].key_id
        changed = self.revoke(founded, key)["changes"]
        assert any("REVOKED (stolen)" in line for line in changed)
        publish(founded)
        record = keys_of()[0]
        assert (record.key_id, record.status, record.invalid_from) == (key, KeyStatus.REVOKED, 7)

    def test_leaves_a_warning_until_the_member_has_a_new_key(self, founded):
        self.revoke(founded, *(key.key_id[:12] for key in keys_of()))
        assert len(publish(founded)["warnings"]) == 2
        Path(LIBRARY).rename("stolen")
        founded("draft", "--request", founded.enroll("library", LIBRARY), *founded.heard(LIBRARY))
        assert publish(founded)["warnings"] == []
        assert load_folder(Path("directory"), NOW).directory.by_id[LIBRARY].key_in_use(KeyPurpose.SIGN, NOW)

    def test_of_the_gateways_only_key_asks_for_a_new_one_first(self, founded):
        key = keys_of("DELTA-GATEWAY")[0].key_id
        revoke = ("revoke", key, "--reason", "stolen", "--from-index", "0")
        assert founded.refused(*revoke) == "malformed_directory"
        Path("DELTA-GATEWAY").rename("stolen")
        founded("rotate", "member", founded.enroll("gateway", "DELTA-GATEWAY"), *founded.heard("DELTA-GATEWAY"))
        founded(*revoke)
        publish(founded, "admin-1", "admin-2", "editor-1", "editor-2")
        assert key not in load_folder(Path("directory"), NOW).root.freshness_keys()

    @pytest.mark.parametrize("key", ["abandon-abandon-abandon", "00", "0" * 12])
    def test_wants_one_key(self, founded, key):
        assert founded.refused("revoke", key, "--reason", "x", "--from-index", "0") == "wrong_use"

    def test_wants_an_index_of_the_log(self, founded):
        key = keys_of()[0].key_id
        assert founded.refused("revoke", key, "--reason", "x", "--from-index", "-1") == "wrong_use"


class TestRotatingPeople:
    def leaving(self, role, number):
        return json.loads(Path("keys/admins.json").read_text())[f"{role}s"][number]["key_id"]

    def rotate(self, founded, role, number, *more):
        request = founded.enroll(role, "new", "--passphrase-file", "new.txt")
        return founded("rotate", f"{role}s", "--add", request, "--remove", self.leaving(role, number),
                       *founded.heard("new"), *more)

    def test_needs_the_present_admins_and_the_new_ones(self, founded):
        self.rotate(founded, "admin", 0, "--threshold", "3")
        founded.sign("admin-1", "admin-2", "new")
        assert founded.refused("publish") == "half_signed"
        founded.sign("admin-3")
        assert founded("publish")["root"] == 2
        assert load_folder(Path("directory"), NOW).root.version == 2

    def test_of_an_editor_lets_the_new_editors_sign_the_directory_again(self, founded):
        self.rotate(founded, "editor", 1)
        founded.sign("admin-1", "admin-2", "editor-1")
        assert founded.refused("sign", *founded.as_("editor-2")) == "not_a_signer"
        founded.sign("new")
        assert founded("publish")["version"] == 2

    def test_without_changes_renews_the_root(self, founded):
        founded.now += timedelta(days=400)
        founded("rotate", "admins")
        founded("draft")
        assert publish(founded, "admin-1", "admin-2", "editor-1", "editor-2")["root"] == 2
        assert load_folder(Path("directory"), founded.now).root.expires > founded.now + timedelta(days=700)

    def test_needs_the_telephone_and_the_right_kind_of_request(self, founded):
        request = founded.enroll("editor", "new", "--passphrase-file", "new.txt")
        assert founded.refused("rotate", "editors", "--add", request) == "wrong_use"
        assert founded.refused("rotate", "admins", "--add", request, *founded.heard("new")) == "not_a_member"

    def test_needs_a_root_to_follow_and_a_threshold_that_can_be_reached(self, founded):
        assert founded.refused("rotate", "admins", "--directory", "nowhere") == "wrong_folder"
        assert founded.refused("rotate", "admins", "--threshold", "4") == "malformed_directory"


def test_a_request_from_the_future_is_refused(founded):
    founded.now += timedelta(hours=1)
    request = founded.enroll("library", LIBRARY, "--renew")
    founded.now -= timedelta(hours=1)
    assert founded.refused("rotate", "member", request) == "wrong_clock"


def test_a_request_that_was_altered_is_refused(founded):
    request = Path(founded.enroll("library", LIBRARY, "--renew"))
    document = json.loads(request.read_text())
    payload = json.loads(b64decode(document["payload"])) | {"agency": "CN-LIB-02"}
    document["payload"] = b64encode(json.dumps(payload).encode()).decode()
    request.write_text(json.dumps(document))
    assert founded.refused("rotate", "member", str(request)) == "no_proof_of_possession"
    request.write_text("{}")
    assert founded.refused("rotate", "member", str(request)) == "malformed_request"
