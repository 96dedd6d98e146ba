import json
from base64 import b64decode, b64encode
from binascii import a2b_base64, b2a_base64
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from schemas.directory import KeyStatus
from schemas.envelope import ENVELOPE_BYTES_MAX, PAYLOAD_TYPE
from schemas.messages import Resend
from schemas.problems import ProblemCode
from tests.trust.samples import (
    GATEWAY,
    HANGZHOU,
    NOW,
    SOME_HASH,
    YANGPU,
    Published,
    agency,
    control,
    custody_receipt,
    key_record,
    sample_directory,
    signing_key,
)
from trust import errors
from trust.dsse import decode_envelope, encode_envelope, pae
from trust.envelope import CLOCK_SKEW_MAX, open_archived, open_envelope, require_unexpired, seal
from trust.errors import TrustError

DIRECTORY = Published().accept()
KEY = signing_key(HANGZHOU)
RECEIPT = custody_receipt(DIRECTORY)
SEALED = seal(RECEIPT, KEY)


def open_it(raw=SEALED.envelope, directory=DIRECTORY, now=NOW, me=YANGPU):
    return open_envelope(raw, directory, now=now, me=me)


def resend(**changes):
    return control(DIRECTORY, type="Resend", body=Resend(channel="loan", epoch=0, from_seq=3, upto_seq=4), **changes)


def directory_with(**changes):
    """A directory in which Hangzhou's signing key has another record."""
    changed = agency(HANGZHOU, keys=(key_record(KEY.verifying, **changes),))
    return Published(directory=sample_directory(agency(YANGPU), changed)).accept()


def test_what_was_sealed_opens_as_it_was():
    verified = open_it()
    assert verified.message == RECEIPT
    assert verified.hash == SEALED.hash
    assert verified.envelope == SEALED.envelope
    assert (verified.signer, verified.key_id) == (HANGZHOU, KEY.key_id)


def test_a_copy_opens_and_a_relay_reads_everything():
    copied = seal(custody_receipt(DIRECTORY, copies=(GATEWAY,)), KEY).envelope
    assert open_it(copied, me=GATEWAY).message.dst == YANGPU
    assert open_it(me=None).message.dst == YANGPU


def test_securesystemslib_reads_and_verifies_ours():
    envelope = Envelope.from_dict(json.loads(SEALED.envelope))
    key = SSlibKey(KEY.key_id, "ed25519", "ed25519", {"public": KEY.verifying.raw.hex()})
    assert envelope.verify([key], 1) == {KEY.key_id: key}
    assert envelope.pae() == pae(envelope.payload)


@given(st.binary(max_size=300), st.text(st.characters(codec="utf-8"), max_size=30))
def test_our_pae_equals_securesystemslibs(payload, payload_type):
    assert pae(payload, payload_type) == Envelope(payload, payload_type, {}).pae()


@given(st.binary(max_size=200))
def test_any_payload_survives_the_envelope(payload):
    assert decode_envelope(encode_envelope(payload, KEY)[1]).payload == payload


def edited(**changes):
    document = json.loads(SEALED.envelope)
    return json.dumps({name: value for name, value in {**document, **changes}.items() if value is not ...}).encode()


def signature(**changes):
    return [{**json.loads(SEALED.envelope)["signatures"][0], **changes}]


PAYLOAD = json.loads(SEALED.envelope)["payload"]
SIG = json.loads(SEALED.envelope)["signatures"][0]["sig"]


@pytest.mark.parametrize(("raw", "refusal"), [
    (b" " * (ENVELOPE_BYTES_MAX + 1), errors.Oversize),
    (b"", errors.MalformedEnvelope),
    (b"\xff", errors.MalformedEnvelope),
    (SEALED.envelope.decode().encode("utf-16"), errors.MalformedEnvelope),
    (b"[]", errors.MalformedEnvelope),
    (b"[" * 100_000, errors.MalformedEnvelope),
    (b"1" * 100_000, errors.MalformedEnvelope),
    (edited(extra=1), errors.MalformedEnvelope),
    (edited(payload=...), errors.MalformedEnvelope),
    (edited(payload=7), errors.MalformedEnvelope),
    (SEALED.envelope.replace(b"{", b'{"payload":"",', 1), errors.MalformedEnvelope),
    (edited(payloadType="application/json"), errors.WrongPayloadType),
    (edited(payloadType=None), errors.WrongPayloadType),
    (edited(signatures=[]), errors.NotOneSignature),
    (edited(signatures=signature() * 2), errors.NotOneSignature),
    (edited(signatures={}), errors.NotOneSignature),
    (edited(signatures=["x"]), errors.MalformedEnvelope),
    (edited(signatures=signature(cert="x")), errors.MalformedEnvelope),
    (edited(signatures=signature(keyid=1)), errors.MalformedEnvelope),
    (edited(payload=PAYLOAD + "\n"), errors.NonCanonicalBase64),
    (edited(payload=PAYLOAD.rstrip("=") + "A"), errors.NonCanonicalBase64),
    (edited(payload=PAYLOAD.replace("e", "é", 1)), errors.NonCanonicalBase64),
    (edited(signatures=signature(sig=SIG.replace("==", "") + "=")), errors.NonCanonicalBase64),
    (edited(signatures=signature(keyid="0" * 64)), errors.UnknownKey),
    (edited(signatures=signature(keyid=signing_key(YANGPU).key_id)), errors.BadSignature),
    (edited(signatures=signature(sig=b64encode(bytes(64)).decode())), errors.BadSignature),
    (edited(signatures=signature(sig="")), errors.BadSignature),
    (edited(payload=b64encode(b64decode(PAYLOAD).replace(b"good", b"evil")).decode()), errors.BadSignature),
])
def test_every_departure_from_the_form_is_refused_by_name(raw, refusal):
    with pytest.raises(TrustError) as caught:
        open_it(raw)
    assert type(caught.value) is refusal


def test_spare_bits_in_base64_are_refused():
    assert SIG.endswith("==")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = SIG[:-3] + alphabet[alphabet.index(SIG[-3]) + 1] + "=="
    assert a2b_base64(twin) == a2b_base64(SIG)
    with pytest.raises(errors.NonCanonicalBase64):
        open_it(edited(signatures=signature(sig=twin)))


def signed_payload(payload):
    return encode_envelope(payload, KEY)[1]


RAW = b64decode(PAYLOAD)


@pytest.mark.parametrize(("payload", "code"), [
    (b"\xff", ProblemCode.MALFORMED_PAYLOAD),
    (b"{}", ProblemCode.UNKNOWN_TYPE),
    (b'"x"', ProblemCode.UNKNOWN_TYPE),
    (b"[" * 50_000, ProblemCode.MALFORMED_PAYLOAD),
    (b"9" * 50_000, ProblemCode.MALFORMED_PAYLOAD),
    (RAW.replace(b"CustodyReceipt", b"CustodyWish"), ProblemCode.UNKNOWN_TYPE),
    (RAW.replace(b'{"v":1', b'{"v":1.0'), ProblemCode.FLOAT_NUMBER),
    (RAW.replace(b'{"v":1', b'{"v":1,"v":1'), ProblemCode.DUPLICATE_KEY),
    (RAW.replace(b'{"v":1', b'{"v":2'), ProblemCode.MALFORMED_PAYLOAD),
    (RAW.replace(b'{"v":1', b'{"v":1,"colour":"red"'), ProblemCode.MALFORMED_PAYLOAD),
    (RAW.replace(b"31000001", b"\\ud800"), ProblemCode.MALFORMED_PAYLOAD),
    (RAW.replace(b"08:00:00Z", b"08:00:00+08:00"), ProblemCode.MALFORMED_PAYLOAD),
])
def test_signed_nonsense_is_refused_by_name(payload, code):
    with pytest.raises(errors.MalformedPayload) as caught:
        open_it(signed_payload(payload))
    assert caught.value.code is code


def test_a_refusal_never_carries_what_the_sender_wrote_at_length():
    with pytest.raises(TrustError) as caught:
        open_it(signed_payload(RAW.replace(b'{"v":1', b'{"v":1,"' + b"x" * 9000 + b'":1')))
    assert len(caught.value.detail) <= 400


@pytest.mark.parametrize(("message", "refusal"), [
    (custody_receipt(DIRECTORY, src=YANGPU), errors.SignerIsNotSrc),
    (custody_receipt(DIRECTORY, dst=GATEWAY), errors.WrongDestination),
    (custody_receipt(DIRECTORY, created=NOW + timedelta(seconds=121)), errors.FromTheFuture),
    (custody_receipt(DIRECTORY, dir=(DIRECTORY.version + 1, SOME_HASH)), errors.NewerDirectory),
    (custody_receipt(DIRECTORY, dir=(DIRECTORY.version, SOME_HASH)), errors.OtherDirectory),
    (custody_receipt(DIRECTORY, created=NOW - timedelta(days=31)), errors.KeyNotValidNow),
    (resend(expires=NOW), errors.Expired),
])
def test_every_broken_promise_of_the_header_is_refused_by_name(message, refusal):
    with pytest.raises(TrustError) as caught:
        open_it(seal(message, KEY).envelope)
    assert type(caught.value) is refusal


def test_what_a_refresh_can_cure_says_so():
    ahead = NOW + timedelta(hours=1)
    for message in (custody_receipt(DIRECTORY, dir=(2, SOME_HASH)), custody_receipt(DIRECTORY, created=ahead)):
        with pytest.raises(TrustError) as caught:
            open_it(seal(message, KEY).envelope)
        assert caught.value.may_retry


def test_a_clock_that_is_two_minutes_ahead_is_forgiven():
    assert open_it(seal(custody_receipt(DIRECTORY, created=NOW + CLOCK_SKEW_MAX), KEY).envelope)


def test_a_durable_message_may_arrive_after_its_business_date():
    late = NOW + timedelta(days=10)
    message = open_it(now=late).message
    with pytest.raises(errors.Expired):
        require_unexpired(message, late)


def test_a_control_message_opens_before_it_expires():
    assert open_it(seal(resend(), KEY).envelope).message.body.from_seq == 3


@pytest.mark.parametrize(("changes", "refusal"), [
    ({"status": KeyStatus.REVOKED}, errors.KeyRevoked),
    ({"use_from": NOW + timedelta(days=1)}, errors.KeyNotValidNow),
    ({"sign_until": NOW - timedelta(seconds=1)}, errors.KeyNotValidNow),
    ({"sign_until": NOW - timedelta(days=2), "verify_until": NOW - timedelta(days=1)}, errors.KeyNotValidNow),
])
def test_a_key_outside_its_life_is_refused_by_name(changes, refusal):
    directory = directory_with(**changes)
    with pytest.raises(TrustError) as caught:
        open_it(seal(custody_receipt(directory), KEY).envelope, directory)
    assert type(caught.value) is refusal


def test_a_message_in_flight_survives_the_rotation_of_its_key():
    directory = directory_with(status=KeyStatus.RETIRED, sign_until=NOW + timedelta(hours=1))
    sealed = seal(custody_receipt(directory), KEY)
    assert open_it(sealed.envelope, directory, now=NOW + timedelta(days=2))


def test_a_sealing_key_never_signs():
    with pytest.raises(errors.UnknownKey):
        open_it(edited(signatures=signature(keyid=DIRECTORY.directory.by_id[HANGZHOU].keys[1].key_id)))


class TestArchived:
    def test_old_evidence_outlives_its_key(self):
        assert open_archived(SEALED.envelope, DIRECTORY, arrived=NOW, index=5).message == RECEIPT

    def test_a_compromised_key_counts_up_to_the_index_from_which_it_is_void(self):
        directory = directory_with(status=KeyStatus.REVOKED, invalid_from=10)
        raw = seal(custody_receipt(directory), KEY).envelope
        assert open_archived(raw, directory, arrived=NOW, index=9)
        with pytest.raises(errors.KeyRevoked):
            open_archived(raw, directory, arrived=NOW, index=10)

    def test_a_message_that_arrived_after_the_end_of_its_key_does_not_count(self):
        with pytest.raises(errors.KeyNotValidNow):
            open_archived(SEALED.envelope, DIRECTORY, arrived=NOW + timedelta(days=1000), index=5)


def test_too_large_a_message_is_not_even_sealed():
    with pytest.raises(errors.Oversize):
        encode_envelope(bytes(ENVELOPE_BYTES_MAX), KEY)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
                    max_leaves=10)
NEARLY = st.fixed_dictionaries({
    "payloadType": st.just(PAYLOAD_TYPE) | JSON, "payload": st.just(PAYLOAD) | st.text(max_size=30) | JSON,
    "signatures": st.lists(st.fixed_dictionaries({
        "keyid": st.just(KEY.key_id) | JSON, "sig": st.just(SIG) | st.binary(max_size=70).map(
            lambda raw: b2a_base64(raw, newline=False).decode()) | JSON}), max_size=2) | JSON,
}).map(lambda document: json.dumps(document).encode())
CUTS = st.tuples(st.integers(0, len(SEALED.envelope)), st.integers(0, 40), st.binary(max_size=8)).map(
    lambda cut: SEALED.envelope[:cut[0]] + cut[2] + SEALED.envelope[cut[0] + cut[1]:])


@settings(max_examples=400)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()) | NEARLY | CUTS)
@example(SEALED.envelope)
def test_garbage_yields_a_message_or_a_named_refusal_and_nothing_else(raw):
    with suppress(TrustError):
        assert open_it(raw).hash == SEALED.hash


@settings(max_examples=200)
@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60) | st.tuples(
    st.integers(0, len(RAW)), st.integers(0, 20), st.binary(max_size=8)).map(
    lambda cut: RAW[:cut[0]] + cut[2] + RAW[cut[0] + cut[1]:]))
def test_signed_garbage_yields_a_message_or_a_named_refusal_and_nothing_else(payload):
    with suppress(TrustError):
        assert open_it(signed_payload(payload)).payload == payload
