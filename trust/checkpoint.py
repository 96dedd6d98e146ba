"""Checkpoints: the log's size and root under its key, as C2SP signed notes.

A checkpoint is three lines (origin, size, root in base64), an empty line, and signature lines. Others may add their
own lines as witnesses (``trust.cosignature``); those that are not asked for are passed over. Source: C2SP
tlog-checkpoint and signed-note.
"""

import hashlib
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Collection
from dataclasses import dataclass

from trust.errors import BadCheckpoint, BadSignature
from trust.keys import SigningKey, VerifyingKey

NOTE_BYTES_MAX = 65_536
_ED25519 = b"\x01"
_DASH = "\N{EM DASH} "


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of one log: ``size`` leaves under ``root``."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """Return the signed note; the log signs in the name of its origin."""
    if not checkpoint.origin or any(c.isspace() or c == "+" for c in checkpoint.origin):
        raise BadCheckpoint("an origin has no spaces and no plus sign (signed-note)")
    text = str(checkpoint).encode()
    stamp = b64encode(_key_hash(checkpoint.origin, key.verifying) + key.sign(text)).decode()
    return text + f"\n{_DASH}{checkpoint.origin} {stamp}\n".encode()


def open_checkpoint(note: bytes, origin: str, keys: Collection[VerifyingKey]) -> Checkpoint:
    """Return the checkpoint of the log ``origin``; raise ``BadCheckpoint`` unless one of its keys has signed it."""
    if len(note) > NOTE_BYTES_MAX:
        raise BadCheckpoint(f"a checkpoint has at most {NOTE_BYTES_MAX} bytes")
    try:
        text, _, signatures = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise BadCheckpoint("a checkpoint is UTF-8 text") from None
    checkpoint = _read_text(text + "\n")
    if checkpoint.origin != origin:
        raise BadCheckpoint(f"this checkpoint is of the log {checkpoint.origin[:64]}, expected {origin}")
    signed = str(checkpoint).encode()
    if not any(_is_signed(line, signed, origin, key) for line in signatures.splitlines() for key in keys):
        raise BadCheckpoint(f"the log {origin} has not signed this checkpoint")
    return checkpoint


def note_lines(note: bytes) -> list[str]:
    """Return the signature lines of a note that was opened."""
    return note.decode().rpartition("\n\n")[2].splitlines()


def _key_hash(name: str, key: VerifyingKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + key.raw).digest()[:4]


def _read_text(text: str) -> Checkpoint:
    try:
        origin, size, root, rest = text.split("\n")
        checkpoint = Checkpoint(origin, int(size), a2b_base64(root))
    except ValueError:
        raise BadCheckpoint("a checkpoint has three lines: origin, size, root in base64") from None
    # What was signed is the text; only one text per checkpoint may pass.
    if rest or str(checkpoint) != text or len(checkpoint.root) != 32 or checkpoint.size < 0:
        raise BadCheckpoint("a checkpoint has one form only: origin, decimal size, canonical base64 of 32 bytes")
    return checkpoint


def _is_signed(line: str, signed: bytes, name: str, key: VerifyingKey) -> bool:
    prefix = f"{_DASH}{name} "
    if not line.startswith(prefix):
        return False
    try:
        stamp = a2b_base64(line.removeprefix(prefix), strict_mode=True)
        if stamp[:4] != _key_hash(name, key):
            return False
        key.verify(stamp[4:], signed)
    except (ValueError, BadSignature):
        return False
    return True
