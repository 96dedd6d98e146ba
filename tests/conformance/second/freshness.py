"""Section 11: the gateway's word for a directory."""

import json
from base64 import b64decode
from datetime import datetime, timedelta
from typing import Any

from tests.conformance.second.door import form
from tests.conformance.second.values import as_time, pae, read_json, require, verifies

TYPE = "application/vnd.delta-lending.freshness+json"


def vouched_until(raw: bytes, root: dict[str, Any], directory: dict[str, Any], now: datetime) -> str:
    payload, keyid, signature = form(raw, TYPE)
    roles, keys = root["signed"]["roles"], root["signed"]["keys"]
    require(all(keyid in roles[role]["keyids"] for role in ("timestamp", "snapshot")), "unknown_key")
    require(verifies(bytes.fromhex(keys[keyid]["keyval"]["public"]), signature, pae(TYPE, payload)), "bad_signature")
    said = read_json(payload, *["malformed_payload"] * 3)
    require(isinstance(said, dict) and set(said) == {"version", "hash", "valid_until"}, "malformed_payload")
    until = as_time(said["valid_until"])
    require(until is not None and until.tzinfo, "malformed_payload")
    require(said["version"] <= directory["version"], "newer_directory")
    require(said["version"] >= directory["version"], "directory_rolled_back")
    require(said["hash"] == directory["hash"], "directory_mixed")
    require(until and now < until <= now + timedelta(hours=24), "freshness_expired")
    return str(said["valid_until"])


def of_case(case: dict[str, Any]) -> str:
    now = as_time(case["now"])
    assert now is not None
    return vouched_until(b64decode(case["statement_base64"]), json.loads(b64decode(case["root_base64"])),
                         case["directory"], now)
