"""Vectors for the door: what a library must say to an envelope that arrives."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

from schemas.envelope import ENVELOPE_BYTES_MAX
from tests.conformance import header_cases, payload_cases
from tests.conformance.door import (
    DIRECTORY,
    ENVELOPE,
    KEY,
    PAYLOAD,
    SEALED,
    SIGNATURE,
    SUZHOU,
    Case,
    receiver,
    signed,
)
from tests.trust.samples import GATEWAY, HANGZHOU, YANGPU, control, custody_receipt, sealing_key, signing_key
from trust.envelope import seal


def files() -> dict[str, Any]:
    parts = {
        "form": ("the envelope's own text", _form()),
        "base64": ("payload and signature as base64", _base64()),
        "signature": ("who signed, and whether the signature fits", _signatures()),
        "payload": ("the signed document", payload_cases.cases()),
        "header": ("addresses, times and directory", header_cases.cases()),
        "key_life": ("a key's time of use", header_cases.key_lives()),
    }
    return {f"envelope/{name}": {"about": about, **receiver(), "cases": [case.render() for case in cases]}
            for name, (about, cases) in parts.items()}


def _edited(**changes: Any) -> bytes:
    document = {**ENVELOPE, **changes}
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


def _signature(**changes: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in {**SIGNATURE, **changes}.items() if value is not ...}]


def _form() -> Iterator[Case]:
    raw = SEALED.envelope
    escaped = raw.replace(b"application/vnd", b"application\\/\\u0076nd")
    yield Case("good", "a custody receipt, signed, addressed to me", raw)
    yield Case("good_other_spelling", "spaces and another order of fields: the envelope's text is not signed",
               json.dumps(dict(reversed(ENVELOPE.items())), indent=2).encode())
    yield Case("good_escapes", "JSON escapes in a string of the envelope", escaped)
    yield Case("good_at_the_limit", "exactly as large as is allowed", raw,
               spaces_before=ENVELOPE_BYTES_MAX - len(raw))
    yield Case("oversize", "one byte more than is allowed", raw, "oversize", ENVELOPE_BYTES_MAX - len(raw) + 1)
    yield Case("oversize_first", "too large and no envelope: the size is looked at before anything is decoded",
               b"\xff", "oversize", ENVELOPE_BYTES_MAX)
    yield from (Case(name, about, bytes_, "malformed_envelope") for name, about, bytes_ in _malformed())
    yield Case("other_payload_type", "another type", _edited(payloadType="application/json"), "wrong_payload_type")
    yield Case("payload_type_null", "no type", _edited(payloadType=None), "wrong_payload_type")
    yield Case("payload_type_number", "a number, which is JSON", _edited(payloadType=1.5), "wrong_payload_type")
    yield Case("no_signature", "nobody signed", _edited(signatures=[]), "not_one_signature")
    yield Case("two_signatures", "the same signature twice", _edited(signatures=_signature() * 2), "not_one_signature")
    yield Case("signatures_no_list", "a signature that stands in no list", _edited(signatures=_signature()[0]),
               "not_one_signature")


def _malformed() -> Iterator[tuple[str, str, bytes]]:
    raw = SEALED.envelope
    sig = b'"sig":"%b"' % SIGNATURE["sig"].encode()
    yield "empty", "no bytes at all", b""
    yield "not_json", "half an envelope", raw[:200]
    yield "trailing", "something behind the envelope", raw + b"{}"
    yield "no_object", "an envelope in a list", b"[" + raw + b"]"
    yield "byte_order_mark", "a byte order mark before the text", b"\xef\xbb\xbf" + raw
    yield "utf_16", "the same text in UTF-16", raw.decode().encode("utf-16-le")
    yield "invalid_utf_8", "a byte that UTF-8 does not have", raw.replace(b"application", b"applicati\xffn")
    yield "utf_8_surrogate", "half a surrogate pair as three bytes", raw.replace(b"application", b"\xed\xa0\x80", 1)
    yield "deep", "ten thousand lists in one another", _edited(signatures=...)[:-1] + (
        b', "signatures": ' + b"[" * 10_000 + b"]" * 10_000 + b"}")
    yield "extra_field", "a fourth field", _edited(note="hello")
    yield "missing_field", "no payload", _edited(payload=...)
    yield "field_twice", "payload twice: readers differ in which one they keep", raw.replace(
        b"{", b'{"payload":"",', 1)
    yield "field_twice_escaped", "payload twice, once with an escape", raw.replace(
        b"{", b'{"\\u0070ayload":"",', 1)
    yield "payload_number", "a payload that is no string", _edited(payload=1)
    yield "payload_nan", "what is no JSON, though many parsers read it", _edited(payload=float("nan"))
    yield "payload_type_nan", "the same, where another refusal would follow", _edited(payloadType=float("nan"))
    yield "extra_signature_field", "a field beside keyid and sig", _edited(signatures=_signature(alg="none"))
    yield "signature_without_keyid", "nobody named", _edited(signatures=_signature(keyid=...))
    yield "signature_null", "sig is null", _edited(signatures=_signature(sig=None))
    yield "keyid_number", "a keyid that is no string", _edited(signatures=_signature(keyid=1))
    yield "sig_twice", "sig twice in the signature", raw.replace(sig, sig + b"," + sig)


def _base64() -> Iterator[Case]:
    payload, sig = ENVELOPE["payload"], SIGNATURE["sig"]
    texts = {
        "line_break": ("a line break at the end", sig + "\n"),
        "space_before": ("a space before it", " " + sig),
        "space_inside": ("a space inside", sig[:4] + " " + sig[4:]),
        "no_padding": ("padding left away", sig.rstrip("=")),
        "more_padding": ("padding too much", sig + "===="),
        "spare_bits": ("spare bits that are not zero: the same bytes in another text", _spare_bits(sig)),
        "url_safe": ("the alphabet for URLs", sig.translate(str.maketrans("+/", "-_"))),
        "full_width": ("a full-width letter", "\uff21" + sig[1:]),
        "one_character": ("a length that no bytes have", "A"),
    }
    for name, (about, text) in texts.items():
        yield Case(f"sig_{name}", about, _edited(signatures=_signature(sig=text)), "non_canonical_base64")
    for name, text in {"line_break": payload[:76] + "\r\n" + payload[76:], "no_padding": payload.rstrip("="),
                       "url_safe": _with_plus(payload).replace("+", "-")}.items():
        yield Case(f"payload_{name}", "the same in the payload", _edited(payload=text), "non_canonical_base64")
    yield Case("payload_empty", "no payload at all, correctly signed", signed(b""), "malformed_payload")
    for name, size in {"sig_empty": 0, "sig_short": 63, "sig_long": 65}.items():
        yield Case(name, f"a signature of {size} bytes", _edited(signatures=_signature(
            sig=b64encode((b64decode(sig) * 2)[:size]).decode())), "bad_signature")


def _spare_bits(text: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-3] + alphabet[alphabet.index(text[-3]) + 1] + "=="


def _with_plus(text: str) -> str:
    return "+" + text[1:]


def _signatures() -> Iterator[Case]:
    sig = b64decode(SIGNATURE["sig"])
    order = 2**252 + 27742317777372353535851937790883648493
    plus_order = sig[:32] + (int.from_bytes(sig[32:], "little") + order).to_bytes(32, "little")
    stranger = seal(custody_receipt(DIRECTORY), signing_key("stranger")).envelope
    yield Case("unknown_key", "a key that the directory does not list", stranger, "unknown_key")
    for name, about, keyid, code in (
        ("keyid_upper_case", "the key's id in capitals is another id", KEY.key_id.upper(), "unknown_key"),
        ("keyid_of_a_sealing_key", "a key that seals does not sign", sealing_key(HANGZHOU).key_id, "unknown_key"),
        ("keyid_empty", "nobody named", "", "unknown_key"),
        ("another_members_key", "another member's key", signing_key(YANGPU).key_id, "bad_signature"),
    ):
        yield Case(name, about, _edited(signatures=_signature(keyid=keyid)), code)
    altered = PAYLOAD.replace(b"Wushan", b"Hushan")
    yield Case("altered_payload", "one letter of the payload altered", _edited(payload=b64encode(altered).decode()),
               "bad_signature")
    for name, about, value in (
        ("altered_signature", "one bit of the signature altered", bytes([sig[0] ^ 1]) + sig[1:]),
        ("signature_plus_order", "S plus the group's order: lax verifiers take this second signature", plus_order),
        ("signature_zero", "64 zero bytes", bytes(64)),
        ("payload_signed_alone", "the payload signed without the PAE around it", KEY.sign(PAYLOAD)),
        ("base64_signed", "the payload's base64 signed", KEY.sign(ENVELOPE["payload"].encode())),
    ):
        yield Case(name, about, _edited(signatures=_signature(sig=b64encode(value).decode())), "bad_signature")
    yield Case("in_anothers_name", "src is not the signer's library",
               seal(custody_receipt(DIRECTORY, src=SUZHOU), KEY).envelope, "signer_is_not_src")
    yield Case("in_the_gateways_name", "a library speaks for the gateway",
               seal(control(DIRECTORY, src=GATEWAY), KEY).envelope, "signer_is_not_src")
