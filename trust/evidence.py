"""The evidence log: an RFC 6962 Merkle tree over what happened, and its proofs.

A leaf commits to a message's hash, when it arrived, and its kind; payloads can be erased, leaves stay. Storage is the
caller's: appending returns the nodes to store, proofs read complete subtrees through ``node(level, index)``, the one
over leaves ``[index << level, (index + 1) << level)``. Source: RFC 6962 §2.1, for verifying RFC 9162 §2.1.3 and §2.1.4.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from schemas.identifiers import MessageHash
from trust.errors import BrokenProof

Node = tuple[int, int, bytes]
"""A complete subtree: level, index within the level, hash."""

NodeReader = Callable[[int, int], bytes]

EMPTY_ROOT = hashlib.sha256(b"").digest()
PROOF_HASHES_MAX = 64


def leaf_bytes(message: MessageHash, arrived: datetime, kind: str) -> bytes:
    """Return what a leaf commits to: three lines of text, the time in UTC with microseconds.

    >>> leaf_bytes(MessageHash("ab"), datetime(2026, 1, 2, 3, 4, 5, 60, UTC), "Request")
    b'ab\\n2026-01-02T03:04:05.000060Z\\nRequest\\n'
    """
    return f"{message}\n{arrived.astimezone(UTC).isoformat(timespec='microseconds')[:26]}Z\n{kind}\n".encode()


def leaf_hash(message: MessageHash, arrived: datetime, kind: str) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\0" + leaf_bytes(message, arrived, kind)).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\1" + left + right).digest()


@dataclass(slots=True)
class Frontier:
    """The right edge of the tree: its complete subtrees, largest first; all that appending needs."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    @classmethod
    def load(cls, size: int, node: NodeReader) -> "Frontier":
        """Return the frontier of a stored tree."""
        return cls(size, [node(level, index) for level, index in _cover(0, size)])

    def append(self, leaf: bytes) -> list[Node]:
        """Add a leaf; return the nodes it completes, from the leaf upwards, for the caller to store."""
        completed, carry, level, index = [(0, self.size, leaf)], leaf, 0, self.size
        while index & 1:
            carry, level, index = node_hash(self.peaks.pop(), carry), level + 1, index >> 1
            completed.append((level, index, carry))
        self.peaks.append(carry)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """Return the root of the tree as it stands."""
        return _join(self.peaks)


def root_at(size: int, node: NodeReader) -> bytes:
    """Return the root of the tree's first ``size`` leaves."""
    return _range_root(0, size, node)


def inclusion_proof(index: int, size: int, node: NodeReader) -> list[bytes]:
    """Return the audit path of leaf ``index`` in the tree of ``size`` leaves, from the leaf upwards."""
    if not 0 <= index < size:
        raise BrokenProof(f"leaf {index} is not in a log of {size} leaves")
    path, position, complete = [], index, size
    for level in range((size - 1).bit_length()):
        sibling = position ^ 1
        if sibling < complete:
            path.append(node(level, sibling))
        elif sibling << level < size:
            path.append(_range_root(sibling << level, size, node))
        position, complete = position >> 1, complete >> 1
    return path


def consistency_proof(old: int, new: int, node: NodeReader) -> list[bytes]:
    """Return the proof that the tree of ``old`` leaves is the beginning of the one of ``new`` (RFC 6962 §2.1.2)."""
    if not 0 <= old <= new:
        raise BrokenProof(f"a log of {new} leaves has no earlier state of {old} leaves")
    proof: list[bytes] = []
    begin, end, whole = 0, new, True
    while 0 < old < end:
        split = begin + _split(end - begin)
        if old <= split:
            proof.append(_range_root(split, end, node))
            end = split
        else:
            proof.append(_range_root(begin, split, node))
            begin, whole = split, False
    if old and not whole:
        proof.append(_range_root(begin, end, node))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return if the path leads from the leaf to the root; raise ``BrokenProof`` otherwise (RFC 9162 §2.1.3.2)."""
    _require_hashes(proof)
    if not 0 <= index < size:
        raise BrokenProof(f"leaf {index} is not in a log of {size} leaves")
    position, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise BrokenProof(f"leaf {index}: the path is longer than the tree is high")
        if position & 1 or position == last:
            value = node_hash(sibling, value)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        position, last = position >> 1, last >> 1
    if last or value != root:
        raise BrokenProof(f"leaf {index}: the path does not lead to the root of {size} leaves")


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Return if the old tree is the beginning of the new one; raise ``BrokenProof`` otherwise (RFC 9162 §2.1.4.2)."""
    _require_hashes(proof)
    if not 0 <= old <= new:
        raise BrokenProof(f"a log of {new} leaves cannot continue one of {old}")
    if old in (0, new):
        if proof or (old == new and old_root != new_root) or (old == 0 and old_root != EMPTY_ROOT):
            raise BrokenProof(f"two different logs of {old} leaves")
        return
    roots = _fold_consistency(old, new, list(proof) if old & (old - 1) else [old_root, *proof])
    if roots != (old_root, new_root):
        raise BrokenProof(f"the log of {new} leaves does not continue the log of {old} leaves")


def _fold_consistency(old: int, new: int, proof: list[bytes]) -> tuple[bytes, bytes] | None:
    """Rebuild both roots from a proof; ``None`` where its length does not fit."""
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    if not proof:
        return None
    old_value = new_value = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            return None
        if position & 1 or position == last:
            old_value, new_value = node_hash(sibling, old_value), node_hash(sibling, new_value)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new_value = node_hash(new_value, sibling)
        position, last = position >> 1, last >> 1
    return None if last else (old_value, new_value)


def _require_hashes(proof: Sequence[bytes]) -> None:
    if len(proof) > PROOF_HASHES_MAX or any(len(value) != 32 for value in proof):
        raise BrokenProof(f"a proof has at most {PROOF_HASHES_MAX} hashes of 32 bytes")


def _split(size: int) -> int:
    """Return the largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1


def _cover(begin: int, end: int) -> list[tuple[int, int]]:
    """Return the complete subtrees that make up ``[begin, end)``, where ``begin`` is aligned; largest first."""
    cover = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        cover.append((level, begin >> level))
        begin += 1 << level
    return cover


def _range_root(begin: int, end: int, node: NodeReader) -> bytes:
    return _join([node(level, index) for level, index in _cover(begin, end)])


def _join(peaks: Sequence[bytes]) -> bytes:
    if not peaks:
        return EMPTY_ROOT
    value = peaks[-1]
    for peak in reversed(peaks[:-1]):
        value = node_hash(peak, value)
    return value
