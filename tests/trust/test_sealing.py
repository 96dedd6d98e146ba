import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey
from pydantic import ValidationError

from schemas.identifiers import Wire
from tests.trust.samples import random_bytes, sealing_key
from trust.errors import SealRefused
from trust.sealing import (
    SEALED_CHARACTERS_MAX,
    SECRET_CHARACTERS_MAX,
    Secret,
    SessionKey,
    open_address,
    open_sealed,
    open_with,
    seal_address,
    seal_to,
    to_jwk,
    verify_session_jws,
)

KEY = sealing_key("home")
JWK = to_jwk(KEY.private.public_key())
SESSION = SessionKey.generate(random_bytes("session"))
SEALED = seal_to(JWK, b"card and PIN")
SIGNED = SESSION.sign(b'{"conv":"loan-0001"}')


def test_only_the_holder_of_the_key_opens_what_was_sealed():
    assert open_sealed(KEY, SEALED) == b"card and PIN"
    with pytest.raises(SealRefused):
        open_sealed(sealing_key("other"), SEALED)


def test_the_text_has_the_form_that_webcrypto_and_jose_share():
    header = json.loads(urlsafe_b64decode(SEALED.split(".")[0] + "=="))
    assert (header["alg"], header["enc"], header["epk"]["crv"]) == ("ECDH-ES", "A256GCM", "P-256")
    assert set(JWK) == {"kty", "crv", "x", "y"}


def with_header(token, header):
    encoded = urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return ".".join([encoded, *token.split(".")[1:]])


@pytest.mark.parametrize("sealed", [
    "", "....", "a.b.c.d.e", SEALED[:-4], "é" * 9, "x" * (SEALED_CHARACTERS_MAX + 1),
    with_header(SEALED, {"alg": "dir", "enc": "A256GCM"}),
    with_header(SEALED, {"alg": "ECDH-ES", "enc": "A128CBC-HS256"}),
    with_header(SEALED, {"alg": "ECDH-ES", "enc": "A256GCM"}),
    with_header(SEALED, {"alg": "ECDH-ES", "enc": "A256GCM", "epk": 3}),
    with_header(SEALED, {"alg": "ECDH-ES", "enc": "A256GCM", "epk": {**JWK, "x": "AA"}}),
    with_header(SEALED, {"alg": ["ECDH-ES"], "enc": {}}),
    with_header(SEALED, 7),
], ids=lambda text: f"{len(text)} characters")
def test_every_other_text_is_refused(sealed):
    with pytest.raises(SealRefused):
        open_sealed(KEY, sealed)


@pytest.mark.parametrize("jwk", [
    {}, {**JWK, "crv": "P-384"}, {**JWK, "kty": "oct"}, {**JWK, "x": "AAAA"}, {**JWK, "y": "!"}])
def test_only_p256_keys_are_sealed_to(jwk):
    with pytest.raises(SealRefused):
        seal_to(jwk, b"x")


def test_a_text_too_long_to_be_opened_is_not_sealed():
    with pytest.raises(SealRefused):
        seal_to(JWK, bytes(SEALED_CHARACTERS_MAX))


def test_the_session_signs_and_the_home_library_verifies():
    assert verify_session_jws(SIGNED, SESSION.public_jwk) == b'{"conv":"loan-0001"}'


OTHER = ECKey.import_key(generate_private_key(SECP256R1()))


@pytest.mark.parametrize("signed", [
    "", "..", SIGNED[:-4], SIGNED.replace(".", "."[:0], 1), with_header(SIGNED, {"alg": "none"}),
    with_header(SIGNED, {"alg": "HS256"}), with_header(SIGNED, {"alg": "ES256", "crit": ["x"], "x": 1}),
    with_header(SIGNED, {"alg": 5}), with_header(SIGNED, []), "x" * (SEALED_CHARACTERS_MAX + 1),
    jws.serialize_compact({"alg": "ES256"}, b"x", OTHER),
    jws.serialize_compact({"alg": "HS256"}, b"x", OctKey.import_key("0" * 32)),
    with_header(SIGNED, {"alg": "ES256", "b64": False, "crit": ["b64"]}),
])
def test_nobody_else_and_no_other_algorithm_can_sign_for_the_reader(signed):
    with pytest.raises(SealRefused):
        verify_session_jws(signed, SESSION.public_jwk)


@settings(max_examples=150)
@given(st.text(max_size=40) | st.tuples(st.integers(0, 300), st.integers(0, 5), st.text("Ab._-{", max_size=5)).map(
    lambda cut: SEALED[:cut[0]] + cut[2] + SEALED[cut[0] + cut[1]:]), st.recursive(
    st.none() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["alg", "enc", "epk", "crv", "x", "y", "kty", "zip", "crit", "apu"]), inner, max_size=5)))
def test_garbage_is_refused_by_name(text, header):
    for sealed in (text, with_header(SEALED, header)):
        with suppress(SealRefused):
            assert open_sealed(KEY, sealed) == b"card and PIN"
        with pytest.raises(SealRefused):
            verify_session_jws(sealed, SESSION.public_jwk)


def test_secrets_are_dots_wherever_they_are_printed():
    pin = Secret("4711")
    assert f"{pin} {pin!r} {[pin]}" == "••• ••• [•••]"
    assert pin.reveal() == "4711"
    assert pin == Secret("4711") != Secret("4712")
    assert repr(SESSION) == "SessionKey(•••)"
    assert len({pin, Secret("4711")}) == 1


class Planted(Wire):
    pin: Secret


def test_a_secret_in_a_model_is_dots_in_all_that_it_is_turned_into():
    planted = Planted.model_validate_json('{"pin": "4711"}', strict=True)
    assert planted.pin.reveal() == "4711"
    shown = f"{planted} {planted!r} {planted.model_dump()} {planted.model_dump_json()} {[planted.model_copy()]}"
    assert "4711" not in shown
    assert "•••" in shown


def test_a_secret_is_a_text_and_no_endless_one():
    for wrong in ("4711", "null", '["4711"]', json.dumps("x" * (SECRET_CHARACTERS_MAX + 1))):
        with pytest.raises(ValidationError):
            Planted.model_validate_json(f'{{"pin": {wrong}}}', strict=True)


# addresses

LOAN, ADDRESS = "loan-0001", Secret("上海市杨浦区平凉路1490弄")


@settings(max_examples=40)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=SECRET_CHARACTERS_MAX))
def test_an_address_comes_out_as_it_went_in(text):
    assert open_address([KEY], seal_address(JWK, LOAN, Secret(text)), LOAN).reveal() == text


def test_an_address_opens_in_its_own_loan_and_in_no_other():
    sealed = seal_address(JWK, LOAN, ADDRESS)
    assert open_address([KEY], sealed, LOAN) == ADDRESS
    for other in ("loan-0002", "loan-00011", ""):
        with pytest.raises(SealRefused, match="not sealed for loan"):
            open_address([KEY], sealed, other)


def test_a_former_key_opens_as_well_and_a_strange_one_does_not():
    sealed = seal_address(JWK, LOAN, ADDRESS)
    assert open_address([sealing_key("new"), KEY], sealed, LOAN) == ADDRESS
    for keys in ([], [sealing_key("new")]):
        with pytest.raises(SealRefused, match="no sealing key"):
            open_with(keys, sealed)


@pytest.mark.parametrize("document", [
    b"", b"[]", b'{"conv":"loan-0001"}', b'{"conv":"loan-0001","address":7}',
    b'{"conv":"loan-0001","address":"x","pin":"4711"}',
    b'{"card":"1","pin":"4711","challenge":"c","public_key":{}}'])
def test_what_is_no_address_is_refused_without_a_word_of_it(document):
    with pytest.raises(SealRefused, match="is not an address") as refused:
        open_address([KEY], seal_to(JWK, document), LOAN)
    assert "4711" not in str(refused.value)
