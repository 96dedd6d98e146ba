"""What the vectors of the door are made of: an alliance with keys in all parts of their lives, a message, a case."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from schemas.directory import Directory, KeyStatus
from schemas.envelope import GENESIS, StreamPosition
from schemas.identifiers import AgencyId, MessageHash
from tests.trust.samples import (
    HANGZHOU,
    NOW,
    YANGPU,
    Published,
    agency,
    custody_receipt,
    key_record,
    sample_directory,
    signing_key,
)
from trust.directory import TrustedDirectory
from trust.dsse import encode_envelope
from trust.envelope import seal

SUZHOU = AgencyId("CN-JS-SUZHOU")
KEY = signing_key(HANGZHOU)
DAY = timedelta(days=1)
OTHER_KEYS: dict[str, dict[str, Any]] = {
    "revoked": {"status": KeyStatus.REVOKED, "reason": "stolen laptop"},
    "retired": {"status": KeyStatus.RETIRED, "sign_until": NOW - DAY},
    "not yet": {"use_from": NOW + DAY},
    "in a minute": {"use_from": NOW + timedelta(minutes=1)},
    "signed out": {"sign_until": NOW - DAY},
    "over": {"sign_until": NOW - 9 * DAY, "verify_until": NOW - timedelta(seconds=1)},
}
PUBLISHED = Published(directory=sample_directory(agency(YANGPU), agency(HANGZHOU), agency(SUZHOU, keys=tuple(
    key_record(signing_key(f"{SUZHOU} {name}").verifying, **changes) for name, changes in OTHER_KEYS.items()))))
DIRECTORY = PUBLISHED.accept()
SEALED = seal(custody_receipt(DIRECTORY), KEY)
ENVELOPE = json.loads(SEALED.envelope)
PAYLOAD = b64decode(ENVELOPE["payload"])
SIGNATURE = ENVELOPE["signatures"][0]


@dataclass(frozen=True)
class Case:
    """One envelope; without a ``code`` it must be accepted. ``relay``: opened by one who passes it on."""

    name: str
    about: str
    envelope: bytes
    code: str = ""
    spaces_before: int = 0
    relay: bool = False

    def render(self) -> dict[str, Any]:
        expected = {"code": self.code} if self.code else {"hash": hash_of(self.envelope)}
        receiver = {"me": None} if self.relay else {}
        spaces = {"spaces_before": self.spaces_before} if self.spaces_before else {}
        return {"name": self.name, "about": self.about, **receiver, **spaces,
                "envelope_base64": b64encode(self.envelope).decode(), "expected": expected}


def receiver() -> dict[str, Any]:
    directory = {"version": DIRECTORY.version, "hash": DIRECTORY.hash,
                 "document": json.loads(DIRECTORY.files["directory.json"])}
    return {"now": f"{NOW:%FT%TZ}", "me": YANGPU, "directory": directory}


def hash_of(envelope: bytes) -> MessageHash:
    return encode_envelope(b64decode(json.loads(envelope)["payload"]), KEY)[0]


def signed(payload: bytes) -> bytes:
    return encode_envelope(payload, KEY)[1]


def position(**changes: Any) -> StreamPosition:
    return StreamPosition(**{"channel": "loan", "epoch": 0, "seq": 1, "prev": GENESIS, **changes})


def accepted_directory(case: dict[str, Any]) -> TrustedDirectory:
    """Return the directory that a vector says its receiver has accepted."""
    known = case["directory"]
    accepted = Published(directory=Directory.model_validate(known["document"])).accept()
    assert accepted.reference == (known["version"], known["hash"])
    return accepted
