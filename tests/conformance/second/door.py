"""Sections 3, 5 and 6: the door, the relay, the streams."""

import hashlib
from base64 import b64decode
from datetime import datetime, timedelta
from typing import Any

from tests.conformance.second.page import answers, channel, dialogue, fits
from tests.conformance.second.values import Refused, as_time, canonical_base64, pae, read_json, require, verifies

TYPE = "application/vnd.delta-lending.message+json"
AHEAD = timedelta(seconds=120)
Document = dict[str, Any]


def open_envelope(raw: bytes, directory: Document, now: datetime, me: str | None) -> tuple[str, Document]:
    """Return the message's id and the message; the steps are numbered as in section 3."""
    require(len(raw) <= 2_097_152, "oversize")  # 1
    payload, keyid, signature = form(raw, TYPE)
    holder, key = _key(directory["document"], keyid)  # 8
    require(key["status"] != "revoked", "key_revoked")  # 9
    require(as_time(key["use_from"]) - AHEAD <= now <= as_time(key["verify_until"]), "key_not_valid_now")  # 10
    signed = pae(TYPE, payload)
    require(verifies(b64decode(key["public"]), signature, signed), "bad_signature")  # 11
    message = _message(payload)  # 12
    _header(message, holder, key, directory, now, me)
    return hashlib.sha256(signed).hexdigest(), message


def form(raw: bytes, kind: str) -> tuple[bytes, str, bytes]:
    envelope = read_json(raw, "malformed_envelope", "malformed_envelope", None)  # 2
    require(isinstance(envelope, dict) and set(envelope) == {"payloadType", "payload", "signatures"},
            "malformed_envelope")  # 3
    require(envelope["payloadType"] == kind, "wrong_payload_type")  # 4
    signatures = envelope["signatures"]
    require(isinstance(signatures, list) and len(signatures) == 1, "not_one_signature")  # 5
    signature = signatures[0]
    require(isinstance(signature, dict) and set(signature) == {"keyid", "sig"}, "malformed_envelope")  # 6
    texts = signature["keyid"], envelope["payload"], signature["sig"]
    require(all(isinstance(text, str) for text in texts), "malformed_envelope")
    payload = canonical_base64(envelope["payload"], "non_canonical_base64")  # 7
    return payload, signature["keyid"], canonical_base64(signature["sig"], "non_canonical_base64")


def _key(directory: Document, keyid: str) -> tuple[str, Document]:
    for agency in directory["agencies"]:
        for key in agency["keys"]:
            if key["key_id"] == keyid and key["purpose"] == "sign":
                return agency["agency"], key
    raise Refused("unknown_key")


def _message(payload: bytes) -> Document:
    message = read_json(payload, "malformed_payload", "duplicate_key", "float_number")
    require(isinstance(message, dict) and isinstance(message.get("type"), str) and message["type"] in dialogue(),
            "unknown_type")
    require(fits("message", message), "malformed_payload")
    return message


def _header(message: Document, holder: str, key: Document, directory: Document, now: datetime, me: str | None) -> None:
    created = as_time(message["created"])
    stream = message.get("stream")
    require(message["src"] == holder, "signer_is_not_src")  # 13
    require((stream["channel"] if stream else None) == channel(message["type"]), "stream_broken")  # 14
    version, hash_ = message["dir"]
    require(version <= directory["version"], "newer_directory")  # 15
    require(version != directory["version"] or hash_ == directory["hash"], "directory_mixed")  # 16
    require(as_time(key["use_from"]) <= created <= as_time(key["sign_until"]), "key_not_valid_now")  # 17
    require(me is None or me in (message["dst"], *message.get("copies", ())), "wrong_destination")  # 18
    require(created <= now + AHEAD, "from_the_future")  # 19
    require(stream or now < as_time(message["expires"]), "expired")  # 20


def relay(message: Document, known: list[Document], heads: list[Document], directory: Document) -> Document | None:
    """Section 5's steps 2 to 9, where no loan is known; return what has to be sent again, if anything.

    ``Refused.uses_number`` tells whether step 3 was passed.
    """
    row = dialogue()[message["type"]]
    require(row["kind"] != "question" and row["from"] != "gateway", "wrong_role")  # 2
    if place := message.get("stream"):  # 3
        head = _head(message, place["channel"], heads)
        if place["epoch"] == head["epoch"] and place["seq"] > head["seq"] + 1:
            return {"channel": place["channel"], "epoch": place["epoch"], "from_seq": head["seq"] + 1,
                    "upto_seq": min(place["seq"] - 1, head["seq"] + 256)}
        follow(head, place, "of this message")
    try:
        _hearers(message, row, directory)
        _about(message, row, {one["hash"]: one for one in known}, heads)
        _reply(message, {one["hash"]: one for one in known})
        if row["channel"] == "loan":
            require(message.get("conv"), "bad_request")  # 8
            raise Refused("out_of_turn")  # 9: there is no such loan
    except Refused as refused:
        refused.uses_number = message.get("stream") is not None
        raise
    return None


def _head(message: Document, channel_: str, heads: list[Document]) -> Document:
    place = message["src"], message["dst"], channel_
    found = [head for head in heads if (head["src"], head["dst"], head["channel"]) == place]
    return found[0] if found else {"epoch": 0, "seq": 0, "hash": "0" * 64}


def _hearers(message: Document, row: dict[str, str], directory: Document) -> None:
    agencies = {agency["agency"]: agency["role"] for agency in directory["document"]["agencies"]}
    require(message["dst"] in agencies and message["dst"] != message["src"], "wrong_destination")  # 4
    require(row["to"] != "gateway" or agencies[message["dst"]] == "gateway", "wrong_destination")
    require(not message.get("copies") or row["relayed"] == "yes", "wrong_role")  # 5


def _about(message: Document, row: dict[str, str], known: dict[str, Document], heads: list[Document]) -> None:
    conv, ends, body = message.get("conv"), {message["src"], message["dst"]}, message["body"]
    if row["kind"] == "control":  # 6
        about = known.get(body["message"], {}) if "message" in body else {"src": message["src"], "dst": message["dst"]}
        require({about.get("src"), about.get("dst")} == ends and about.get("conv") == conv, "reply_mismatch")
    if message["type"] == "StreamReset":
        require(body["epoch"] > _head(message, body["channel"], heads)["epoch"], "replayed")
    if message["type"] == "Resend":
        require(1 <= body["from_seq"] <= body["upto_seq"] < body["from_seq"] + 256, "bad_request")


def _reply(message: Document, known: dict[str, Document]) -> None:
    conv = message.get("conv")
    if answers(message["type"]):  # 7
        asked = known.get(message.get("reply_to") or "")
        require(asked and asked["type"] in answers(message["type"]) and asked["conv"] == conv, "reply_mismatch")
        require(asked["type"] != "StatementProposal" or asked["dst"] == message["src"], "reply_mismatch")


def follow(head: Document, place: Document, id_: str) -> Document:
    """Section 6's table."""
    require(place["epoch"] == head["epoch"], "stream_broken")
    require(place["seq"] >= head["seq"], "replayed")
    if place["seq"] == head["seq"]:
        raise Refused("replayed" if id_ == head["hash"] else "stream_broken")
    require(place["seq"] == head["seq"] + 1, "out_of_sequence")
    require(place["prev"] == head["hash"], "stream_broken")
    return {"epoch": place["epoch"], "seq": place["seq"], "hash": id_}
