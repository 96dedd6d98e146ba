"""Section 12: the log as RFC 6962 section 2.1 defines it, by recursion over all leaves; and the notes that state it."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

from tests.conformance.second.values import require, verifies


def leaf_bytes(leaf: dict[str, Any]) -> bytes:
    seconds, _, decimals = leaf["arrived"].removesuffix("Z").partition(".")
    return f"{leaf['message']}\n{seconds}.{decimals:0<6}Z\n{leaf['kind']}\n".encode()


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _split(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def root(leaves: Sequence[bytes]) -> bytes:
    """Merkle tree hash."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    middle = _split(len(leaves))
    return _node(root(leaves[:middle]), root(leaves[middle:]))


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Audit path."""
    if len(leaves) == 1:
        return []
    middle = _split(len(leaves))
    if index < middle:
        return [*path(index, leaves[:middle]), root(leaves[middle:])]
    return [*path(index - middle, leaves[middle:]), root(leaves[:middle])]


def proof(old: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """Consistency proof."""
    if old in (0, len(leaves)):
        return [] if whole else [root(leaves)]
    middle = _split(len(leaves))
    if old <= middle:
        return [*proof(old, leaves[:middle], whole=whole), root(leaves[middle:])]
    return [*proof(old - middle, leaves[middle:], whole=False), root(leaves[:middle])]


def open_checkpoint(note: str, origin: str, keys: Sequence[bytes]) -> tuple[int, bytes]:
    broken = "broken_proof"
    text, empty, lines = note.rpartition("\n\n")
    text += "\n"
    parts = text.split("\n")
    require(empty and len(parts) == 4 and parts[0] == origin and parts[1].isdecimal(), broken)
    size, root_hash = int(parts[1]), _base64(parts[2])
    require(len(root_hash) == 32 and text == f"{origin}\n{size}\n{b64encode(root_hash).decode()}\n", broken)
    require(any(_is_signed(line, origin, key, text.encode()) for line in lines.split("\n") for key in keys), broken)
    return size, root_hash


def _is_signed(line: str, name: str, key: bytes, signed: bytes) -> bool:
    stamp = _base64(line.removeprefix(f"— {name} ")) if line.startswith(f"— {name} ") else b""
    mark = hashlib.sha256(name.encode() + b"\n\1" + key).digest()[:4]
    return stamp[:4] == mark and verifies(key, stamp[4:], signed)


def cosigned_at(line: str, text: str, witness: str, keys: Sequence[bytes]) -> int:
    prefix = f"— {witness} "
    require(line.startswith(prefix), "broken_proof")
    stamp = _base64(line.removeprefix(prefix))
    seconds = int.from_bytes(stamp[4:12], "big")
    signed = f"cosignature/v1\ntime {seconds}\n{text}".encode()
    marks = {hashlib.sha256(witness.encode() + b"\n\4" + key).digest()[:4]: key for key in keys}
    require(stamp[:4] in marks and len(stamp) == 76 and verifies(marks[stamp[:4]], stamp[12:], signed), "broken_proof")
    return seconds


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""
