"""Writes ``tests/vectors/envelope``: ``python -m tests.trust.make_vectors``. The same code gives the same files."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from schemas.directory import KeyStatus
from schemas.envelope import ENVELOPE_BYTES_MAX
from schemas.identifiers import AgencyId
from schemas.messages import Message, Resend
from tests.trust.samples import (
    GATEWAY,
    HANGZHOU,
    NOW,
    SOME_HASH,
    YANGPU,
    Published,
    agency,
    custody_receipt,
    key_record,
    sample_directory,
    signing_key,
)
from trust.dsse import encode_envelope
from trust.envelope import seal

FOLDER = Path(__file__).resolve().parents[1] / "vectors" / "envelope"
SUZHOU = AgencyId("CN-JS-SUZHOU")
KEY = signing_key(HANGZHOU)
OLD_KEYS = {
    "revoked": {"status": KeyStatus.REVOKED, "reason": "stolen laptop"},
    "not yet": {"use_from": NOW + timedelta(days=1)},
    "signed out": {"sign_until": NOW - timedelta(days=1)},
    "over": {"sign_until": NOW - timedelta(days=9), "verify_until": NOW - timedelta(days=1)},
}
PUBLISHED = Published(directory=sample_directory(agency(YANGPU), agency(HANGZHOU), agency(SUZHOU, keys=tuple(
    key_record(signing_key(f"{SUZHOU} {name}").verifying, **changes) for name, changes in OLD_KEYS.items()))))
DIRECTORY = PUBLISHED.accept()
RECEIPT = custody_receipt(DIRECTORY)
SEALED = seal(RECEIPT, KEY)
ENVELOPE = json.loads(SEALED.envelope)
PAYLOAD = b64decode(ENVELOPE["payload"])
SIG = ENVELOPE["signatures"][0]["sig"]

Case = tuple[str, str, str | bytes, str]
"""Name, what it shows, the envelope, and the code expected; an empty code where it must be accepted."""


def main() -> None:
    """Write every file anew."""
    for name, data in render().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def render() -> dict[str, bytes]:
    """Return every generated file by its name in the folder."""
    files = {f"directory/{name}": data for name, data in PUBLISHED.files.items()}
    files |= {"directory/root.json": PUBLISHED.root, "directory/targets.json": PUBLISHED.targets}
    for name, about, envelope, code in (*_accepted(), *_form(), *_payloads(), *_headers(), *_keys()):
        raw = envelope if isinstance(envelope, bytes) else envelope.encode()
        files[f"{name}.json"] = _render_case(about, raw, code)
    return files


def _render_case(about: str, raw: bytes, code: str) -> bytes:
    stripped = raw.lstrip(b" ")
    case: dict[str, Any] = {"about": about, "now": f"{NOW:%FT%TZ}", "me": YANGPU,
                            "spaces_before": len(raw) - len(stripped), "envelope_base64": b64encode(stripped).decode()}
    case["expected"] = {"code": code} if code else {"hash": _hash_of(raw)}
    return json.dumps(case, indent=1, ensure_ascii=False).encode() + b"\n"


def _hash_of(raw: bytes) -> str:
    return encode_envelope(b64decode(json.loads(raw)["payload"]), KEY)[0]


def _edited(**changes: Any) -> str:
    document = {**ENVELOPE, **changes}
    return json.dumps({name: value for name, value in document.items() if value is not ...})


def _signature(**changes: Any) -> list[dict[str, Any]]:
    return [{**ENVELOPE["signatures"][0], **changes}]


def _signed(payload: bytes) -> bytes:
    return encode_envelope(payload, KEY)[1]


def _accepted() -> Iterator[Case]:
    yield "good_durable", "a custody receipt, signed, addressed to me", SEALED.envelope, ""
    yield ("good_other_spelling", "spaces and another order of fields: the envelope's text is not signed",
           json.dumps(dict(reversed(ENVELOPE.items())), indent=2), "")
    copy = seal(custody_receipt(DIRECTORY, dst=GATEWAY, copies=(YANGPU,)), KEY)
    yield "good_copy", "I am among the copies", copy.envelope, ""
    control = seal(_resend(), KEY)
    yield "good_control", "a control message that has not expired", control.envelope, ""
    past = seal(custody_receipt(DIRECTORY, expires=NOW - timedelta(days=1)), KEY)
    yield "good_past_business_date", "the expires of a durable message is a business date", past.envelope, ""


def _form() -> Iterator[Case]:
    yield "oversize", "one byte more than is allowed", b" " * (ENVELOPE_BYTES_MAX + 1), "oversize"
    yield "not_json", "half an envelope", SEALED.envelope[:200], "malformed_envelope"
    yield "utf_16", "the same text in UTF-16", SEALED.envelope.decode().encode("utf-16-le"), "malformed_envelope"
    yield "extra_field", "a fourth field", _edited(note="hello"), "malformed_envelope"
    yield "missing_field", "no payload", _edited(payload=...), "malformed_envelope"
    yield ("field_twice", "payload twice: readers differ in which one they keep",
           SEALED.envelope.replace(b"{", b'{"payload":"",', 1), "malformed_envelope")
    yield "other_payload_type", "another type", _edited(payloadType="application/json"), "wrong_payload_type"
    yield "no_signature", "nobody signed", _edited(signatures=[]), "not_one_signature"
    yield "two_signatures", "the same signature twice", _edited(signatures=_signature() * 2), "not_one_signature"
    yield "extra_signature_field", "a field beside keyid and sig", _edited(signatures=_signature(alg="none")), \
        "malformed_envelope"
    yield ("base64_line_break", "a line break in base64", _edited(payload=ENVELOPE["payload"] + "\n"),
           "non_canonical_base64")
    yield "base64_no_padding", "padding left away", _edited(signatures=_signature(sig=SIG.rstrip("="))), \
        "non_canonical_base64"
    yield "base64_spare_bits", "spare bits that are not zero", _edited(signatures=_signature(sig=_spare_bits(SIG))), \
        "non_canonical_base64"
    yield ("altered_payload", "one word of the payload altered",
           _edited(payload=b64encode(PAYLOAD.replace(b"good", b"gone")).decode()), "bad_signature")
    yield ("another_members_key", "the keyid of another member",
           _edited(signatures=_signature(keyid=signing_key(YANGPU).key_id)), "bad_signature")
    yield "unknown_key", "a key nobody listed", seal(RECEIPT, signing_key("stranger")).envelope, "unknown_key"


def _spare_bits(text: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-3] + alphabet[alphabet.index(text[-3]) + 1] + "=="


def _payloads() -> Iterator[Case]:
    start = b'{"v":1'
    edits: dict[str, tuple[str, bytes, str]] = {
        "payload_key_twice": ("a key twice in the payload", b'{"v":1,"v":1', "duplicate_key"),
        "payload_float": ("a number with a decimal point", b'{"v":1.0', "float_number"),
        "payload_exponent": ("a number with an exponent", b'{"v":1e0', "float_number"),
        "payload_unknown_field": ("a field the protocol does not know", b'{"v":1,"x":1', "malformed_payload"),
        "payload_other_version": ("a version that is not spoken", b'{"v":2', "malformed_payload"),
    }
    for name, (about, put, code) in edits.items():
        yield name, about, _signed(PAYLOAD.replace(start, put, 1)), code
    yield "payload_unknown_type", "a type the table does not list", \
        _signed(PAYLOAD.replace(b"CustodyReceipt", b"CustodyWish")), "unknown_type"
    yield "payload_local_time", "a time that is not in UTC", \
        _signed(PAYLOAD.replace(b"08:00:00Z", b"16:00:00+08:00")), "malformed_payload"
    yield "payload_not_json", "signed bytes that are not JSON", _signed(b"hello"), "malformed_payload"


def _resend(**changes: Any) -> Message[Resend]:
    header = {"type": "Resend", "src": HANGZHOU, "dst": YANGPU, "created": NOW, "dir": DIRECTORY.reference,
              "expires": NOW + timedelta(minutes=1), "body": Resend(channel="loan", epoch=0, from_seq=3)}
    return Message[Resend](**{**header, **changes})


def _headers() -> Iterator[Case]:
    wrong: Callable[..., bytes] = lambda **changes: seal(custody_receipt(DIRECTORY, **changes), KEY).envelope  # noqa: E731
    yield "in_anothers_name", "src is not the signer's library", wrong(src=SUZHOU), "signer_is_not_src"
    yield "to_somebody_else", "neither dst nor among the copies", wrong(dst=SUZHOU), "wrong_destination"
    yield "three_minutes_ahead", "created 180 s after the receiver's clock", \
        wrong(created=NOW + timedelta(seconds=180)), "from_the_future"
    yield "newer_directory", "names a version that is not known here", wrong(dir=(2, SOME_HASH)), "newer_directory"
    yield "other_directory", "names the known version with another hash", wrong(dir=(1, SOME_HASH)), "directory_mixed"
    yield "expired_control", "a control message after its expires", seal(_resend(expires=NOW), KEY).envelope, "expired"


def _keys() -> Iterator[Case]:
    codes = {"revoked": "key_revoked"}
    for name in OLD_KEYS:
        sealed = seal(custody_receipt(DIRECTORY, src=SUZHOU), signing_key(f"{SUZHOU} {name}"))
        yield f"key_{name.replace(' ', '_')}", f"a key that is {name}", sealed.envelope, \
            codes.get(name, "key_not_valid_now")


if __name__ == "__main__":
    main()
