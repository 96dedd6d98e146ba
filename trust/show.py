"""What a file of the alliance is, in plain words. Of a single file nothing is verified, and every answer says so.

A whole directory is verified from its own first root on, run out or not, and what runs out soon is told.
"""

import json
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.messages import MalformedMessage, decode_message
from trust.archive import unpack
from trust.ceremony.draft import LONG_AGO
from trust.ceremony.errors import MalformedRequest
from trust.ceremony.request import REQUEST_TYPE, read_request
from trust.ceremony.words import words_of
from trust.errors import BadBundle
from trust.folder import load_folder
from trust.key_life import warnings_for
from trust.statements import describe

NOT_VERIFIED = "(shown, not verified)"
_KEY_FIELDS = {"key_id", "purpose", "use_from", "sign_until", "verify_until", "status", "reason", "invalid_from"}


def show(raw: bytes) -> str:
    """Describe a file; raise ``BadBundle`` where it is none of the alliance's."""
    if raw.startswith(b"PK"):
        files = unpack(raw)
        return _show_draft(files) if "draft.json" in files else "\n".join([
            f"An archive, such as an evidence bundle {NOT_VERIFIED}:",
            *(f"  {name}, {len(data)} bytes" for name, data in files.items())])
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
            except (KeyError, TypeError, ValueError, AttributeError, IndexError, MalformedRequest):
                raise BadBundle(f"looks like a document with {field}, but parts are missing or wrong") from None
    raise BadBundle("a JSON document, but none of the alliance's")


def show_folder(folder: Path, now: datetime) -> tuple[dict[str, object], list[str]]:
    """Describe a published directory, for programs and for people.

    Raises:
        DirectoryRefused: by name, what lies there does not hold.
    """
    directory = load_folder(folder, LONG_AGO)
    warnings = [str(warning) for warning in warnings_for(directory, now)]
    members = [{"agency": agency.agency, "role": agency.role, "name_zh": agency.name_zh, "name_en": agency.name_en,
                "keys": [key.model_dump(mode="json", include=_KEY_FIELDS) for key in agency.keys]}
               for agency in directory.directory.agencies]
    document = {"version": directory.version, "expires": f"{directory.expires:%FT%TZ}", "hash": directory.hash,
                "root": directory.root.version, "root_expires": f"{directory.root.expires:%FT%TZ}",
                "members": members, "warnings": warnings}
    lines = [directory.directory.alliance,
             f"  名录 directory {directory.version}, 有效至 good until {directory.expires:%F}",
             f"  联盟根 root {directory.root.version}, 有效至 good until {directory.root.expires:%F}",
             _show_directory(directory.directory.model_dump(mode="json")).replace(f" {NOT_VERIFIED}", ""),
             *(warnings or ["无到期提醒 nothing runs out soon"])]
    return document, lines


def _show_draft(files: Mapping[str, bytes]) -> str:
    """Who signs and what changes is told by ``delta-trust sign``, which knows the version that the draft follows."""
    lines = [f"A draft of the next version of the directory {NOT_VERIFIED}"]
    lines += [show(files[name]) for name in ("root.json", "targets.json") if name in files]
    lines += [show(data) for name, data in files.items() if name.startswith("requests/")]
    return "\n".join(lines)


def _show_envelope(document: Mapping[str, Any]) -> str:
    if document["payloadType"] == REQUEST_TYPE:
        request = read_request(json.dumps(document).encode())
        return "\n".join((f"A request to be enrolled, signed by its keys: {request}",
                          f"  made {request.enrolment.created:%FT%TZ}", f"  {words_of(request.hash)}"))
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


def _show_list(document: Mapping[str, Any]) -> str:
    admins, editors = document["admins"], document["editors"]
    return "\n".join([
        f"The list of a ceremony {NOT_VERIFIED}",
        f"  {document['threshold']} of {len(admins)} admins must sign the root",
        f"  {document['editors_threshold']} of {len(editors)} editors must sign the directory",
        *(f"  {person['file']}  {words_of(person['key_id'])}" for person in (*admins, *editors))])


_READERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "payloadType": _show_envelope,
    "signed": _show_metadata,
    "agencies": _show_directory,
    "admins": _show_list,
}
