"""Cosignatures: a witness's word that it has seen this state of the log, as the continuation of all it saw before.

A line under the checkpoint's note, named like its witness. What is signed is the time and the checkpoint's text, so a
cosignature can't be mistaken for the log's own signature. A log that shows two histories must lie to a witness each,
and any two of them notice. Source: C2SP tlog-cosignature, ``cosignature/v1``.
"""

import hashlib
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from trust.checkpoint import NOTE_BYTES_MAX, Checkpoint, note_lines
from trust.directory import TrustedDirectory
from trust.errors import BadCheckpoint, BadSignature
from trust.keys import SigningKey, VerifyingKey

_COSIGNATURE_V1 = b"\x04"
_STAMP_BYTES = 4 + 8 + 64


def cosign(checkpoint: Checkpoint, witness: str, key: SigningKey, now: datetime) -> str:
    """Return the witness's line. The caller has verified that the log only grew."""
    seconds = int(now.timestamp())
    signature = key.sign(_signed_text(checkpoint, seconds))
    stamp = _key_hash(witness, key.verifying) + seconds.to_bytes(8) + signature
    return f"\N{EM DASH} {witness} {b64encode(stamp).decode()}"


def read_cosignature(line: str, checkpoint: Checkpoint, witness: str, keys: Iterable[VerifyingKey]) -> datetime:
    """Return when a witness signed; raise ``BadCheckpoint`` unless one of its keys did."""
    prefix = f"\N{EM DASH} {witness} "
    try:
        stamp = a2b_base64(line.removeprefix(prefix), strict_mode=True) if line.startswith(prefix) else b""
    except ValueError:
        stamp = b""
    if len(stamp) == _STAMP_BYTES:
        seconds = int.from_bytes(stamp[4:12])
        for key in keys:
            if stamp[:4] == _key_hash(witness, key) and _is_signed(key, stamp[12:], checkpoint, seconds):
                return datetime.fromtimestamp(seconds, UTC)
    raise BadCheckpoint(f"{witness} has not cosigned this checkpoint of {checkpoint.size} leaves")


def cosigners(note: bytes, checkpoint: Checkpoint, directory: TrustedDirectory) -> Mapping[str, datetime]:
    """Return the members that have cosigned an opened note, with their times. Lines that do not hold are passed over:
    anybody may have added them."""
    found: dict[str, datetime] = {}
    for line in note_lines(note):
        witness = line.split(" ")[1] if line.count(" ") == 2 else ""
        member = directory.directory.by_id.get(witness)
        if member is None or witness == checkpoint.origin or witness in found:
            continue
        try:
            found[witness] = read_cosignature(line, checkpoint, witness, directory.signing_keys(member.agency))
        except BadCheckpoint:
            continue
    return found


def with_cosignatures(note: bytes, lines: Iterable[str]) -> bytes:
    """Return a note with witnesses' lines added, as many as fit into a note."""
    for line in lines:
        longer = note + f"{line}\n".encode()
        if len(longer) > NOTE_BYTES_MAX:
            break
        note = longer
    return note


def _signed_text(checkpoint: Checkpoint, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{checkpoint}".encode()


def _key_hash(name: str, key: VerifyingKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _COSIGNATURE_V1 + key.raw).digest()[:4]


def _is_signed(key: VerifyingKey, signature: bytes, checkpoint: Checkpoint, seconds: int) -> bool:
    try:
        key.verify(signature, _signed_text(checkpoint, seconds))
    except BadSignature:
        return False
    return True
