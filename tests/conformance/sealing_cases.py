"""Vectors for what a reader's page seals to a library, and for what it signs with its session's key.

The sealed texts are made here from the primitives of RFC 7518, by keys and numbers that follow from names: the same
bytes in every run, and not by the library that opens them.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from tests.trust.samples import LOAN, YANGPU, random_bytes, sealing_key
from trust.keys import generate_p256
from trust.sealing import SEALED_CHARACTERS_MAX, to_jwk

LIBRARY, SESSION = sealing_key(YANGPU).private, generate_p256(random_bytes("session"))
STRANGER = generate_p256(random_bytes("stranger"))
SIGN_IN = json.dumps({"card": "310110000001", "pin": "271828", "challenge": "c-0001", "public_key": to_jwk(
    SESSION.public_key())}, ensure_ascii=False, separators=(",", ":"))
ADDRESS = json.dumps({"conv": LOAN, "address": "上海市杨浦区 1 号 101 室"}, ensure_ascii=False, separators=(",", ":"))
ORDER = json.dumps({"conv": LOAN, "home": YANGPU}, separators=(",", ":"))
JWE, JWS = {"alg": "ECDH-ES", "enc": "A256GCM"}, {"alg": "ES256"}


def files() -> dict[str, Any]:
    return {"sealing": {
        "about": "opens: a text that was sealed to library_jwk (with its private d, as only here), for the loan conv "
                 "where it is an address; signed: a text that session_jwk has signed",
        "library_jwk": _private_jwk(LIBRARY), "session_jwk": dict(to_jwk(SESSION.public_key())), "conv": LOAN,
        "opens": list(_opens()), "signed": list(_signed()),
    }}


def _opens() -> Iterator[dict[str, Any]]:
    yield _open("good_sign_in", "card, PIN, challenge and the session's public key", sealed(SIGN_IN), SIGN_IN)
    yield _open("good_address", "where a copy is brought, for this loan", sealed(ADDRESS), ADDRESS, address=True)
    yield _open("to_another_library", "sealed to a key that is not this library's",
                sealed(SIGN_IN, to=STRANGER.public_key()))
    sealed_text = sealed(SIGN_IN)
    for place, part in enumerate(("header", "key", "iv", "ciphertext", "tag")):
        if part != "key":
            yield _open(f"altered_{part}", f"one character of the {part}", _altered(sealed_text, place))
    yield _open("four_parts", "a part is missing", sealed_text.rpartition(".")[0])
    yield _open("no_jwe", "no JWE at all", "sealed")
    yield _open("a_signed_text", "a JWS is no JWE", signed(ORDER))
    yield _open("another_encryption", "A128GCM is not this protocol's", sealed(SIGN_IN, {**JWE, "enc": "A128GCM"}, 16))
    yield _open("another_agreement", "the header names ECDH-ES+A256KW",
                sealed(SIGN_IN, {**JWE, "alg": "ECDH-ES+A256KW"}))
    yield _open("direct", "the header names dir", sealed(SIGN_IN, {**JWE, "alg": "dir"}))
    yield _open("no_point", "the ephemeral key lies not on the curve",
                sealed(SIGN_IN, epk={"x": _b64(bytes(31) + b"\7")}))
    yield _open("another_curve", "the ephemeral key names another curve", sealed(SIGN_IN, epk={"crv": "P-384"}))
    yield _open("too_long", "more than 8,192 characters", sealed("x" * SEALED_CHARACTERS_MAX))
    for name, about, text in (
        ("address_of_another_loan", "it opens for its own loan alone", ADDRESS.replace(LOAN, "loan-0000-0002")),
        ("address_with_more", "a field that is not known", ADDRESS.replace('{"', '{"tip":"1","')),
        ("address_without_loan", "no loan is named", '{"address":"x"}'),
        ("address_too_long", "more than 500 characters", ADDRESS.replace("上海", "上" * 500)),
        ("address_no_json", "no JSON", "上海市"),
    ):
        yield _open(name, about, sealed(text), address=True)


def _signed() -> Iterator[dict[str, Any]]:
    good = signed(ORDER)
    yield _sign("good", "what the session has signed", good, ORDER)
    yield _sign("good_other_spelling", "the same signature with n - s: so no JWS is ever an id", _respelt(good), ORDER)
    yield _sign("another_session", "signed by another key", signed(ORDER, STRANGER))
    for place, part in enumerate(("header", "payload", "signature")):
        yield _sign(f"altered_{part}", f"one character of the {part}", _altered(good, place))
    yield _sign("no_algorithm", "the header says none, and nothing is signed",
                f"{_part({'alg': 'none'})}.{_b64(b'{}')}.")
    yield _sign("public_key_as_secret", "HS256 over a key that everybody knows", _hs256())
    yield _sign("another_algorithm", "the header names ES384", signed(ORDER, header={"alg": "ES384"}))
    yield _sign("two_parts", "a part is missing", good.rpartition(".")[0])
    yield _sign("der", "the signature as DER", signed(ORDER, raw=False))
    yield _sign("a_sealed_text", "a JWE is no JWS", sealed(SIGN_IN))
    yield _sign("too_long", "more than 8,192 characters", signed("x" * SEALED_CHARACTERS_MAX))


def sealed(text: str, header: dict[str, str] = JWE, key_bytes: int = 32, to: ec.EllipticCurvePublicKey | None = None,
           epk: dict[str, str] | None = None) -> str:
    """Seal a text by ECDH-ES and AES-GCM (RFC 7518, 4.6 and 5.3)."""
    name = f"{text} {header} {epk}"
    ephemeral, iv = generate_p256(random_bytes(f"epk {name}")), random_bytes(f"iv {name}")(12)
    protected = _part({**header, "epk": {**to_jwk(ephemeral.public_key()), **(epk or {})}})
    agreed = ephemeral.exchange(ec.ECDH(), to or LIBRARY.public_key())
    key = sha256(_number(1) + agreed + _counted(header["enc"].encode()) + _counted(b"") * 2
                 + _number(key_bytes * 8)).digest()[:key_bytes]
    closed = AESGCM(key).encrypt(iv, text.encode(), protected.encode())
    return ".".join((protected, "", _b64(iv), _b64(closed[:-16]), _b64(closed[-16:])))


def signed(text: str, key: ec.EllipticCurvePrivateKey = SESSION, header: dict[str, str] = JWS, *,
           raw: bool = True) -> str:
    """Sign a text by ES256 (RFC 7518, 3.4), with the nonce of RFC 6979."""
    data = f"{_part(header)}.{_b64(text.encode())}"
    der = key.sign(data.encode(), ec.ECDSA(SHA256(), deterministic_signing=True))
    return f"{data}.{_b64(b''.join(n.to_bytes(32, 'big') for n in decode_dss_signature(der)) if raw else der)}"


def _respelt(text: str) -> str:
    data, _, signature = text.rpartition(".")
    order = int("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
    raw = _bytes(signature)
    return f"{data}.{_b64(raw[:32] + (order - int.from_bytes(raw[32:], 'big')).to_bytes(32, 'big'))}"


def _hs256() -> str:
    data = f"{_part({'alg': 'HS256'})}.{_b64(ORDER.encode())}"
    secret = json.dumps(dict(to_jwk(SESSION.public_key())), sort_keys=True).encode()
    return f"{data}.{_b64(hmac.new(secret, data.encode(), sha256).digest())}"


def _altered(text: str, place: int) -> str:
    """Change the first character of a part: the last one may hold bits that count for nothing."""
    parts = text.split(".")
    parts[place] = ("A" if parts[place][0] != "A" else "B") + parts[place][1:]
    return ".".join(parts)


def _private_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    return {**to_jwk(key.public_key()), "d": _b64(key.private_numbers().private_value.to_bytes(32, "big"))}


def _part(document: dict[str, Any]) -> str:
    return _b64(json.dumps(document, separators=(",", ":")).encode())


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _counted(data: bytes) -> bytes:
    return _number(len(data)) + data


def _open(name: str, about: str, text: str, plaintext: str = "", *, address: bool = False) -> dict[str, Any]:
    expected = {"plaintext": plaintext} if plaintext else {"code": "bad_request"}
    return {"name": name, "about": about, "is_address": address, "sealed": text, "expected": expected}


def _sign(name: str, about: str, text: str, payload: str = "") -> dict[str, Any]:
    expected = {"payload": payload} if payload else {"code": "bad_request"}
    return {"name": name, "about": about, "signed": text, "expected": expected}
