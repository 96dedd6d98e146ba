"""Section 10: the signed directory."""

import hashlib
import json
from base64 import b64decode
from datetime import datetime
from typing import Any

from tests.conformance.second.page import fits
from tests.conformance.second.values import (
    Refused,
    accept_key,
    as_time,
    canonical_base64,
    key_id,
    read_json,
    require,
    verifies,
)

Document = dict[str, Any]
FILES = ("directory", "tariff", "policies")
SCHEME = {"sign": "ed25519", "seal": "ecdh-es-p256"}


def canonical(value: Any) -> bytes:
    """TUF's canonical JSON."""
    if isinstance(value, dict):
        return b"{" + b",".join(canonical(key) + b":" + canonical(value[key]) for key in sorted(value)) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    if isinstance(value, str):
        return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"')).encode()
    return json.dumps(value).encode()


def digest(document: Document) -> str:
    return hashlib.sha256(canonical(document["signed"])).hexdigest()


def take_over(roots: list[bytes], targets: bytes, files: dict[str, bytes], now: datetime,
              known: Document | None) -> Document:
    """Return the version, hash, root and directory accepted."""
    root = _follow(roots, known["root"] if known else None)
    require(as_time(root["signed"]["expires"]) > now, "directory_expired")  # 6
    document = json.loads(targets)
    signed, hash_ = document["signed"], digest(document)
    _require_signed(root, "targets", document)  # 7
    version = signed["version"]
    require(not known or version >= known["version"], "directory_rolled_back")  # 8
    require(not known or version > known["version"] or hash_ == known["hash"], "directory_mixed")  # 9
    require(as_time(signed["expires"]) > now, "directory_expired")  # 10
    held = {name: _file(name, signed["targets"], files) for name in FILES}  # 11
    documents = {name: read_json(data, *["malformed_payload"] * 3) for name, data in held.items()}  # 12
    require(all(fits(name, documents[name]) for name in FILES), "malformed_payload")
    directory = documents["directory"]
    _contents(directory)
    require(not known or _keys(known["directory"]) <= _keys(directory), "directory_mixed")  # 16
    return {"version": version, "hash": hash_, "root": root, "directory": directory}


def _follow(roots: list[bytes], known: Document | None) -> Document:
    chain = [json.loads(root) for root in roots]
    for root in chain:  # 1
        require(all(key_id("ed25519", bytes.fromhex(key["keyval"]["public"])) == name
                    for name, key in root["signed"]["keys"].items()), "malformed_payload")
    current = known or chain[0]
    _require_signed(current, "root", current)  # 2
    for root in chain:
        current = _step(current, root)
    require(chain[-1]["signed"]["version"] >= current["signed"]["version"], "directory_rolled_back")  # 5
    return current


def _step(current: Document, root: Document) -> Document:
    ahead = root["signed"]["version"] - current["signed"]["version"]
    require(ahead != 0 or digest(root) == digest(current), "directory_mixed")  # 3
    require(ahead <= 1, "directory_mixed")
    if ahead < 1:
        return current
    _require_signed(current, "root", root)  # 4
    _require_signed(root, "root", root)
    return root


def _require_signed(root: Document, role: str, document: Document) -> None:
    asked, keys = root["signed"]["roles"][role], root["signed"]["keys"]
    good = {signature["keyid"] for signature in document["signatures"] if signature["keyid"] in asked["keyids"]
            and verifies(bytes.fromhex(keys[signature["keyid"]]["keyval"]["public"]),
                         bytes.fromhex(signature["sig"]), canonical(document["signed"]))}
    require(len(good) >= asked["threshold"], "not_enough_signatures")


def _file(name: str, listed: Document, files: dict[str, bytes]) -> bytes:
    data, entry = files.get(f"{name}.json"), listed.get(f"{name}.json")
    require(data is not None and entry is not None, "directory_mixed")
    require((len(data), hashlib.sha256(data).hexdigest()) == (entry["length"], entry["hashes"]["sha256"]),
            "directory_mixed")
    return data


def _contents(directory: Document) -> None:
    agencies = directory["agencies"]
    keys = [key for agency in agencies for key in agency["keys"]]
    require(len({agency["agency"] for agency in agencies}) == len(agencies), "malformed_payload")  # 13
    require(len({key["key_id"] for key in keys}) == len(keys), "malformed_payload")
    require([agency["role"] for agency in agencies].count("gateway") == 1, "malformed_payload")
    for key in keys:  # 14
        raw = canonical_base64(key["public"], "malformed_payload")
        times = [as_time(key[name]) for name in ("use_from", "sign_until", "verify_until")]
        require(key["scheme"] == SCHEME[key["purpose"]] and times == sorted(times), "malformed_payload")
        require(key_id(key["scheme"], raw) == key["key_id"], "malformed_payload")
        if key["purpose"] == "sign":
            accept_key(raw)  # 15


def _keys(directory: Document) -> set[tuple[str, str]]:
    return {(agency["agency"], key["key_id"]) for agency in directory["agencies"] for key in agency["keys"]}


def of_case(case: Document) -> Document:
    """Take over what a vector offers."""
    held = {name: b64decode(text) for name, text in case["documents_base64"].items()}
    now, known = as_time(case["now"]), case["known"]

    def offered(given: Document, before: Document | None) -> Document:
        return take_over([held[name] for name in given["roots"]], held[given["targets"]],
                         {name: held[document] for name, document in given["files"].items()}, now, before)

    if now is None:
        raise Refused("bad_request")
    return offered(case, offered(known, None) if known else None)
