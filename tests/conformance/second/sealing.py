"""Section 13: one JWE and one JWS, by RFC 7516, 7515 and 7518."""

import hashlib
import json
from base64 import urlsafe_b64decode
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from tests.conformance.second.values import Refused, require

CODE = "bad_request"


def open_sealed(text: str, own: dict[str, str]) -> str:
    """Return what a JWE holds."""
    parts = _parts(text, 5)
    header = _header(parts[0])
    require((header.get("alg"), header.get("enc"), parts[1]) == ("ECDH-ES", "A256GCM", ""), CODE)
    numbers = _public(header.get("epk"))
    try:
        private = ec.derive_private_key(int.from_bytes(_bytes(own["d"]), "big"), ec.SECP256R1())
        agreed = private.exchange(ec.ECDH(), numbers.public_key())
        info = _counted(b"A256GCM") + _counted(b"") + _counted(b"") + (256).to_bytes(4, "big")
        key = hashlib.sha256((1).to_bytes(4, "big") + agreed + info).digest()
        closed = _bytes(parts[3]) + _bytes(parts[4])
        return AESGCM(key).decrypt(_bytes(parts[2]), closed, parts[0].encode()).decode()
    except (ValueError, InvalidTag):
        raise Refused(CODE) from None


def open_address(text: str, own: dict[str, str], conv: str) -> str:
    """Return the text of an address for this loan."""
    opened = open_sealed(text, own)
    try:
        document = json.loads(opened)
    except ValueError:
        raise Refused(CODE) from None
    require(isinstance(document, dict) and set(document) == {"conv", "address"} and document["conv"] == conv, CODE)
    require(isinstance(document["address"], str) and len(document["address"]) <= 500, CODE)
    return opened


def signed_by(text: str, key: dict[str, str]) -> str:
    """Return what a JWS says."""
    parts = _parts(text, 3)
    require(_header(parts[0]).get("alg") == "ES256", CODE)
    raw = _bytes(parts[2])
    require(len(raw) == 64, CODE)
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        _public(key).public_key().verify(signature, f"{parts[0]}.{parts[1]}".encode(), ec.ECDSA(SHA256()))
    except (ValueError, InvalidSignature):
        raise Refused(CODE) from None
    return _bytes(parts[1]).decode()


def _parts(text: str, count: int) -> list[str]:
    parts = text.split(".")
    require(len(text) <= 8192 and len(parts) == count, CODE)
    return parts


def _header(part: str) -> dict[str, Any]:
    try:
        header = json.loads(_bytes(part))
    except ValueError:
        raise Refused(CODE) from None
    require(isinstance(header, dict), CODE)
    return dict(header)


def _public(jwk: Any) -> ec.EllipticCurvePublicNumbers:
    require(isinstance(jwk, dict) and (jwk.get("kty"), jwk.get("crv")) == ("EC", "P-256"), CODE)
    x, y = (int.from_bytes(_bytes(jwk[name]), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1())


def _counted(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _bytes(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Refused(CODE) from None
