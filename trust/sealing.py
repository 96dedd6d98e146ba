"""The reader's secrets: sealed to one library, and orders signed by the reader's own session.

A page seals card and PIN, or an address, to the home library (JWE, ECDH-ES on P-256 with A256GCM: what WebCrypto has),
so the gateway that carries the text cannot read it; it signs orders with a session key (JWS, ES256), so the gateway
cannot order for a reader. One algorithm each, never the header's choice. Not here: that a challenge opens once (the
home connector). Whoever holds a sealing key opens all that was ever sealed to it: libraries replace it in time.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hmac import compare_digest
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from joserfc import jwe, jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import ConfigDict, ValidationError
from pydantic_core import CoreSchema, core_schema

from schemas.identifiers import ConversationId, Wire
from trust.errors import SealRefused
from trust.keys import RandomBytes, SealingKey, generate_p256

SEALED_CHARACTERS_MAX = 8192
SECRET_CHARACTERS_MAX = 500
_JWE_HEADER = {"alg": "ECDH-ES", "enc": "A256GCM"}
_JWS_HEADER = {"alg": "ES256"}
# What a hostile text can make the library raise besides its own errors: bad points, wrong types in the header.
_LIBRARY_ERRORS = (JoseError, ValueError, TypeError, KeyError, AttributeError, AssertionError)

Jwk = Mapping[str, str]
"""A public key as the page knows it: kty, crv, x, y."""


class Secret:
    """A PIN, a card number, an address: shown as dots wherever it is printed; ``reveal`` says so in the code.

    It may be a field of a model: read as a text, and dots again in what that model is dumped to.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "•••"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        """Validate the text, then hide it."""
        return core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(max_length=SECRET_CHARACTERS_MAX),
            serialization=core_schema.to_string_ser_schema())


class _SealedAddress(Wire):
    """Where a copy is to be brought, and the one loan it holds for."""

    model_config = ConfigDict(hide_input_in_errors=True)

    conv: ConversationId
    address: Secret


class SessionKey:
    """A reader's key for one session (P-256). In a browser it never leaves WebCrypto; this is the one for programs."""

    __slots__ = ("_private",)

    def __init__(self, private: EllipticCurvePrivateKey) -> None:
        self._private = private

    @classmethod
    def generate(cls, random_bytes: RandomBytes) -> Self:
        """Make a new key."""
        return cls(generate_p256(random_bytes))

    @property
    def public_jwk(self) -> Jwk:
        """The public key, which the page seals together with card and PIN."""
        return to_jwk(self._private.public_key())

    def sign(self, payload: bytes) -> str:
        """Return a compact JWS."""
        return jws.serialize_compact(dict(_JWS_HEADER), payload, ECKey.import_key(self._private),
                                     algorithms=list(_JWS_HEADER.values()))

    def __repr__(self) -> str:
        return "SessionKey(•••)"


def to_jwk(public: EllipticCurvePublicKey) -> Jwk:
    """Return a public key in the form WebCrypto imports."""
    return {name: str(value) for name, value in ECKey.import_key(public).as_dict(private=False).items()
            if name in {"kty", "crv", "x", "y"}}


def seal_to(public: Jwk, plaintext: bytes) -> str:
    """Seal a text to the holder of the key.

    Raises:
        SealRefused: the key is not one to seal to, or the text is too long.
    """
    sealed = jwe.encrypt_compact(dict(_JWE_HEADER), plaintext, _public_key(public),
                                 algorithms=list(_JWE_HEADER.values()))
    _require_size(sealed)
    return sealed


def open_sealed(key: SealingKey, sealed: str) -> bytes:
    """Open a text that was sealed to this key; raise ``SealRefused`` otherwise."""
    _require_size(sealed)
    try:
        opened = jwe.decrypt_compact(sealed, ECKey.import_key(key.private), algorithms=list(_JWE_HEADER.values()))
        plaintext, header = opened.plaintext, opened.protected
    except _LIBRARY_ERRORS:
        plaintext, header = None, {}
    if plaintext is None or not _JWE_HEADER.items() <= header.items():
        raise SealRefused(f"the text does not open with key {key.key_id[:12]}; the page must fetch the library's "
                          "present key and seal again")
    return plaintext


def open_with(keys: Iterable[SealingKey], sealed: str) -> bytes:
    """Open a text that was sealed to one of these keys, present or former; raise ``SealRefused`` otherwise."""
    for key in keys:
        with suppress(SealRefused):
            return open_sealed(key, sealed)
    raise SealRefused("the text opens with no sealing key of this library; whoever sealed it must fetch its present "
                      "key and seal again")


def seal_address(public: Jwk, conv: str, address: Secret) -> str:
    """Seal where a copy is to be brought, for one loan."""
    document = {"conv": conv, "address": address.reveal()}
    return seal_to(public, json.dumps(document, ensure_ascii=False).encode())


def open_address(keys: Iterable[SealingKey], sealed: str, conv: str) -> Secret:
    """Return the address that was sealed to one of these keys for this very loan.

    Raises:
        SealRefused: it does not open, is no address, or was sealed for another loan.
    """
    try:
        opened = _SealedAddress.model_validate_json(open_with(keys, sealed), strict=True)
    except ValidationError:
        raise SealRefused("what was sealed is not an address") from None
    if opened.conv != conv:
        raise SealRefused(f"the address was not sealed for loan {conv}; the reader must order again")
    return opened.address


def verify_session_jws(signed: str, public: Jwk) -> bytes:
    """Return the payload that the session signed; raise ``SealRefused`` otherwise.

    An ES256 signature has a second valid spelling: never use the JWS text as an id.
    """
    _require_size(signed)
    key = _public_key(public)
    try:
        verified = jws.deserialize_compact(signed, key, algorithms=list(_JWS_HEADER.values()))
    except _LIBRARY_ERRORS:
        raise SealRefused("this is not signed by the reader's session; the reader must sign in again") from None
    return verified.payload


def _public_key(public: Jwk) -> ECKey:
    problem = "not a P-256 public key in JWK form (kty EC, crv P-256, x, y)"
    if public.get("kty") != "EC" or public.get("crv") != "P-256":
        raise SealRefused(problem)
    try:
        return ECKey.import_key({name: public[name] for name in ("kty", "crv", "x", "y")})
    except _LIBRARY_ERRORS:
        raise SealRefused(problem) from None


def _require_size(text: str) -> None:
    if len(text) > SEALED_CHARACTERS_MAX:
        raise SealRefused(f"a sealed or signed text has at most {SEALED_CHARACTERS_MAX} characters")
