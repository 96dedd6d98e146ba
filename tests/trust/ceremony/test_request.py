import json
from base64 import b64decode, b64encode
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.identifiers import AgencyId
from tests.trust.samples import NOW, YANGPU, sealing_key, signing_key
from trust.ceremony.errors import MalformedRequest, NoProofOfPossession
from trust.ceremony.request import Applicant, make_request, read_request
from trust.errors import TrustError, WeakKey
from trust.keys import SMALL_ORDER_ENCODINGS

NEW, NEW_SEAL, OLD = signing_key("new"), sealing_key("new"), signing_key(YANGPU)
RAW = make_request(Applicant.LIBRARY, [NEW, NEW_SEAL], name="杨浦", agency=YANGPU, now=NOW, old_key=OLD)


def edited(payload=None, **envelope):
    document = json.loads(RAW)
    if payload is not None:
        whole = json.loads(b64decode(document["payload"])) | payload
        document["payload"] = b64encode(json.dumps(whole).encode()).decode()
    return json.dumps(document | envelope).encode()


def test_a_request_names_who_asks_with_which_keys():
    request = read_request(RAW)
    assert (request.enrolment.agency, request.enrolment.name) == (YANGPU, "杨浦")
    assert [key.key_id for key in request.enrolment.keys] == [NEW.key_id, NEW_SEAL.key_id]
    assert request.signing_key == NEW.verifying


def test_the_present_key_speaks_for_its_successor():
    assert read_request(RAW).is_signed_by(OLD.verifying)
    assert not read_request(RAW).is_signed_by(signing_key("other").verifying)


def test_the_words_depend_on_everything_that_is_signed():
    other = make_request(Applicant.LIBRARY, [NEW, NEW_SEAL], name="杨浦", agency=AgencyId("CN-OTHER"), now=NOW)
    assert read_request(other).hash != read_request(RAW).hash


@pytest.mark.parametrize("key", [0, 1], ids=["signing", "sealing"])
def test_each_new_key_must_have_signed(key):
    signatures = json.loads(RAW)["signatures"]
    with pytest.raises(NoProofOfPossession):
        read_request(edited(signatures=[entry for place, entry in enumerate(signatures) if place != key]))


def test_somebody_elses_key_cannot_be_enrolled():
    """Whoever saw another library's request cannot ask for its keys in an own name."""
    with pytest.raises(NoProofOfPossession):
        read_request(edited({"agency": "CN-OTHER"}))


def test_a_weak_key_is_refused():
    weak = b64encode(sorted(SMALL_ORDER_ENCODINGS)[0]).decode()
    keys = [{"purpose": "sign", "public": weak}, {"purpose": "seal", "public": b64encode(NEW_SEAL.public).decode()}]
    with pytest.raises(WeakKey):
        read_request(edited({"keys": keys}))


@pytest.mark.parametrize("raw", [
    b"", b"{}", b"x" * 20_000, edited(payload={"v": 2}), edited(payload={"keys": []}), edited(payload={"agency": None}),
    edited(payload={"applicant": "admin"}), edited(payload={"applicant": "fund"}), edited(payload={"extra": 1}),
    edited(payloadType="application/other"), edited(signatures=[]), edited(payload={"created": "2026-12-01T08:00:00"}),
    edited(payload={"keys": [{"purpose": "sign", "public": "!"}, {"purpose": "seal", "public": "AAAA"}]})])
def test_other_documents_are_refused(raw):
    with pytest.raises(MalformedRequest):
        read_request(raw)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, len(RAW)), st.integers(0, 40), st.binary(max_size=6))
def test_a_garbled_request_is_the_same_request_or_a_named_refusal(at, cut, put):
    with suppress(TrustError):
        assert read_request(RAW[:at] + put + RAW[at + cut:]).hash == read_request(RAW).hash
