"""What a file of the alliance is, in plain words. Nothing is verified here, and every answer says so."""

import json
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from typing import Any

from schemas.messages import MalformedMessage, decode_message
from trust.archive import unpack
from trust.errors import BadBundle
from trust.statements import describe

NOT_VERIFIED = "(shown, not verified)"


def show(raw: bytes) -> str:
    """Describe a file; raise ``BadBundle`` where it is none of the alliance's."""
    if raw.startswith(b"PK"):
        return "\n".join([f"An archive, such as an evidence bundle {NOT_VERIFIED}:",
                          *(f"  {name}, {len(data)} bytes" for name, data in unpack(raw).items())])
    if raw.startswith(b"-----BEGIN"):
        return "A key file. A private key is never shown; its fingerprint stands in the ceremony's list."
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise BadBundle("neither a bundle, nor an envelope, nor a document of the directory")
    for field, reader in _READERS.items():
        if field in document:
            try:
                return reader(document)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                raise BadBundle(f"looks like a document with {field}, but parts are missing or wrong") from None
    raise BadBundle("a JSON document, but none of the alliance's")


def _show_envelope(document: Mapping[str, Any]) -> str:
    key_id = document["signatures"][0]["keyid"]
    try:
        message = decode_message(a2b_base64(document["payload"]))
    except MalformedMessage as error:
        return f"An envelope by key {key_id[:12]} whose payload is no message: {error} {NOT_VERIFIED}"
    return (f"An envelope by key {key_id[:12]} {NOT_VERIFIED}: {message.type}\n"
            f"  {message.src} {describe(message)}\n  loan {message.conv or '-'}, created {message.created:%FT%TZ}")


def _show_metadata(document: Mapping[str, Any]) -> str:
    signed, signers = document["signed"], [entry["keyid"][:12] for entry in document["signatures"]]
    lines = [f"The {signed['_type']} of the directory {NOT_VERIFIED}",
             f"  version {signed['version']}, expires {signed['expires']}",
             f"  signed by {', '.join(signers) or 'nobody yet'}"]
    for name, role in signed.get("roles", {}).items():
        lines.append(f"  {name}: {role['threshold']} of {', '.join(key[:12] for key in role['keyids'])}")
    lines += [f"  {name}: {entry['length']} bytes" for name, entry in signed.get("targets", {}).items()]
    return "\n".join(lines)


def _show_directory(document: Mapping[str, Any]) -> str:
    lines = [f"The directory of {document['alliance']} {NOT_VERIFIED}: {len(document['agencies'])} agencies"]
    for agency in document["agencies"]:
        keys = ", ".join(f"{key['purpose']} {key['key_id'][:12]} {key['status']}" for key in agency.get("keys", ()))
        lines.append(f"  {agency['agency']} ({agency['role']}) {agency['name_zh']} {agency['name_en']}: {keys}")
    return "\n".join(lines)


_READERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "payloadType": _show_envelope,
    "signed": _show_metadata,
    "agencies": _show_directory,
}
