"""DSSE v1 with exactly one signature: payload bytes in, envelope bytes out, and back unverified.

The signature covers the payload type and the exact payload bytes (the PAE), so nothing is ever re-serialised. The
envelope's own text is malleable and therefore never hashed. Not here: which key counts (``trust.envelope``,
``trust.freshness``). Source: github.com/secure-systems-lab/dsse, protocol.md.
"""

import hashlib
import json
from binascii import a2b_base64, b2a_base64
from typing import NamedTuple, NoReturn

from schemas.envelope import ENVELOPE_BYTES_MAX, PAYLOAD_TYPE
from schemas.identifiers import MessageHash
from trust.errors import MalformedEnvelope, NonCanonicalBase64, NotOneSignature, Oversize, WrongPayloadType
from trust.keys import SigningKey

_ENVELOPE_FIELDS = {"payloadType", "payload", "signatures"}
_SIGNATURE_FIELDS = {"keyid", "sig"}


class Unverified(NamedTuple):
    """A well-formed envelope that nobody has verified yet; ``signed`` are the bytes its signature must fit."""

    payload: bytes
    signed: bytes
    key_id: str
    signature: bytes


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return the bytes that are signed (DSSE's pre-authentication encoding).

    >>> pae(b"hello world", "http://example.com/HelloWorld")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def hash_signed(signed: bytes) -> MessageHash:
    """Return the id of a message: the SHA-256 of its signed bytes."""
    return MessageHash(hashlib.sha256(signed).hexdigest())


def encode_envelope(payload: bytes, key: SigningKey, payload_type: str = PAYLOAD_TYPE) -> tuple[MessageHash, bytes]:
    """Sign ``payload`` and return its hash and the envelope; raise ``Oversize`` where it is too large to send."""
    signed = pae(payload, payload_type)
    envelope = b'{"payloadType":"%b","payload":"%b","signatures":[{"keyid":"%b","sig":"%b"}]}' % (
        payload_type.encode(),
        b2a_base64(payload, newline=False),
        key.key_id.encode(),
        b2a_base64(key.sign(signed), newline=False),
    )
    _require_size(envelope)
    return hash_signed(signed), envelope


def decode_envelope(raw: bytes, payload_type: str = PAYLOAD_TYPE) -> Unverified:
    """Read an envelope's form.

    Raises:
        EnvelopeRefused: by name, whatever departs from the one form allowed.
    """
    _require_size(raw)
    document = _read_object(raw)
    if document.keys() != _ENVELOPE_FIELDS:
        raise MalformedEnvelope("an envelope has exactly the fields payloadType, payload and signatures")
    if document["payloadType"] != payload_type:
        raise WrongPayloadType(f"expected the payload type {payload_type}")
    key_id, signature = _only_signature(document["signatures"])
    payload = _decode_base64(document["payload"], "payload")
    return Unverified(payload, pae(payload, payload_type), key_id, _decode_base64(signature, "sig"))


def _require_size(envelope: bytes) -> None:
    if len(envelope) > ENVELOPE_BYTES_MAX:
        raise Oversize(f"the envelope has {len(envelope)} bytes, at most {ENVELOPE_BYTES_MAX} are allowed; split it")


def _read_object(raw: bytes) -> dict[str, object]:
    try:
        document = _DECODER.decode(raw.decode())
    except MalformedEnvelope:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedEnvelope(f"the envelope is not JSON in UTF-8 ({type(error).__name__})") from None
    if not isinstance(document, dict):
        raise MalformedEnvelope("the envelope is not a JSON object")
    return document


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise MalformedEnvelope("an object of the envelope names one field twice")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedEnvelope(f"{name} is no JSON (RFC 8259 section 6)")


# Made once: json.loads would make a new decoder for every envelope.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _only_signature(signatures: object) -> tuple[str, object]:
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise NotOneSignature("a message carries exactly one signature")
    signature = signatures[0]
    if not isinstance(signature, dict) or signature.keys() != _SIGNATURE_FIELDS:
        raise MalformedEnvelope("a signature has exactly the fields keyid and sig")
    if not isinstance(signature["keyid"], str):
        raise MalformedEnvelope("a keyid is a string")
    return signature["keyid"], signature["sig"]


def _decode_base64(text: object, field: str) -> bytes:
    if not isinstance(text, str):
        raise MalformedEnvelope(f"{field} is not a string")
    try:
        decoded = a2b_base64(text)
    except ValueError:
        raise NonCanonicalBase64(f"{field} is not base64") from None
    # Decoders skip stray characters and spare bits; only one text per value may pass.
    if b2a_base64(decoded, newline=False).decode() != text:
        raise NonCanonicalBase64(f"{field} is not canonical base64 (RFC 4648 section 4, with padding)")
    return decoded
