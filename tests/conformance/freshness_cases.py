"""Vectors for freshness: the gateway's short-lived word for a directory, and what it may not vouch for."""

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.trust.samples import EDITORS, GATEWAY_KEY, NOW, SOME_HASH, Published, custody_receipt, signing_key
from trust.dsse import encode_envelope
from trust.envelope import seal
from trust.freshness import FRESHNESS_MAX, FRESHNESS_TYPE, Freshness, seal_freshness
from trust.keys import SigningKey

PUBLISHED = Published(version=2)
DIRECTORY = PUBLISHED.accept()
SECOND = timedelta(seconds=1)


def files() -> dict[str, Any]:
    return {"freshness": {
        "about": "what a gateway vouches for, to one who has accepted a directory; root_base64 is the root in force",
        "now": f"{NOW:%FT%TZ}",
        "directory": {"version": DIRECTORY.version, "hash": DIRECTORY.hash},
        "root_base64": b64encode(PUBLISHED.root).decode(),
        "cases": list(_cases()),
    }}


def _cases() -> Iterator[dict[str, Any]]:
    yield _says("good", "it vouches for six hours")
    yield _says("good_longest", "24 hours, no longer", valid_until=NOW + FRESHNESS_MAX)
    yield _says("good_shortest", "the last second", valid_until=NOW + SECOND)
    yield _says("over", "its time is over at this very moment", "freshness_expired", valid_until=NOW)
    yield _says("too_long", "it claims to hold for longer than 24 hours", "freshness_expired",
                valid_until=NOW + FRESHNESS_MAX + SECOND)
    yield _says("newer", "a version that must be fetched first", "newer_directory", version=3)
    yield _says("far_ahead", "a version of the far future locks nobody out", "newer_directory", version=999)
    yield _says("older", "a version that has been replaced", "directory_rolled_back", version=1)
    yield _says("another", "another directory of the known version", "directory_mixed", hash=SOME_HASH)
    yield _case("by_an_editor", "a key that may not state freshness", _sealed(EDITORS[0]), "unknown_key")
    yield _case("by_a_stranger", "a key of nobody", _sealed(signing_key("stranger")), "unknown_key")
    yield _case("altered", "one bit of the payload", _altered(_sealed()), "bad_signature")
    yield _case("a_message", "a message is no statement", seal(custody_receipt(DIRECTORY), GATEWAY_KEY).envelope,
                "wrong_payload_type")
    for name, about, payload in (
        ("not_json", "no JSON", b"x"),
        ("nothing_said", "an empty object", b"{}"),
        ("one_more_field", "a field that is not known", _payload(counter=7)),
        ("a_float", "the version as 2.0", _payload().replace(b'"version":2', b'"version":2.0')),
        ("a_key_twice", "the version twice", _payload().replace(b'"version":2', b'"version":2,"version":2')),
        ("a_time_without_zone", "valid_until without its Z", _payload().replace(b'Z"', b'"')),
    ):
        signed = encode_envelope(payload, GATEWAY_KEY, FRESHNESS_TYPE)[1]
        yield _case(name, about, signed, "malformed_payload")


def _statement(**changes: Any) -> Freshness:
    return Freshness(**{"version": DIRECTORY.version, "hash": DIRECTORY.hash, "valid_until": NOW + timedelta(hours=6),
                        **changes})


def _payload(**more: Any) -> bytes:
    return json.dumps({**json.loads(_statement().model_dump_json()), **more}, separators=(",", ":")).encode()


def _sealed(key: SigningKey = GATEWAY_KEY) -> bytes:
    return seal_freshness(_statement(), key)


def _altered(envelope: bytes) -> bytes:
    document = json.loads(envelope)
    document["payload"] = ("f" if document["payload"][0] == "e" else "e") + document["payload"][1:]
    return json.dumps(document, separators=(",", ":")).encode()


def _says(name: str, about: str, code: str = "", **changes: Any) -> dict[str, Any]:
    return _case(name, about, seal_freshness(_statement(**changes), GATEWAY_KEY), code, _statement(**changes))


def _case(name: str, about: str, envelope: bytes, code: str, freshness: Freshness | None = None) -> dict[str, Any]:
    expected = {"code": code} if code or freshness is None else {"valid_until": f"{freshness.valid_until:%FT%TZ}"}
    return {"name": name, "about": about, "statement_base64": b64encode(envelope).decode(), "expected": expected}
