"""Vectors for evidence: leaves, roots, both kinds of proof, checkpoints. Wrong ones beside right ones."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from schemas.identifiers import MessageHash
from tests.trust.samples import GATEWAY, GATEWAY_KEY, HANGZHOU, NOW, YANGPU, signing_key
from trust.checkpoint import Checkpoint, sign_checkpoint
from trust.cosignature import cosign
from trust.evidence import Frontier, consistency_proof, inclusion_proof, leaf_bytes, leaf_hash, root_at

LEAVES = 11
KINDS = ("Order", "ReservationAsked", "ReservationGranted", "Request", "SupplyingAgencyMessage", "refused")
INCLUDED = ((0, 1), (0, 2), (1, 2), (2, 3), (0, 7), (3, 7), (6, 7), (4, 8), (10, 11), (5, 11))
CONTINUED = ((0, 5), (1, 1), (1, 2), (2, 3), (3, 7), (4, 8), (6, 8), (7, 11), (8, 11), (11, 11))


class Log:
    """A log of a few messages with every node that a database would hold."""

    def __init__(self) -> None:
        self.leaves = [(MessageHash(hashlib.sha256(b"message %d" % number).hexdigest()),
                        NOW + timedelta(seconds=number, microseconds=number % 3), KINDS[number % len(KINDS)])
                       for number in range(LEAVES)]
        frontier = Frontier()
        self.nodes = {(level, index): value for leaf in self.leaves
                      for level, index, value in frontier.append(leaf_hash(*leaf))}

    def node(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def root(self, size: int) -> bytes:
        return root_at(size, self.node)


LOG = Log()


def files() -> dict[str, Any]:
    return {
        "evidence": {
            "about": "an RFC 6962 log: its leaves in order, its root at every size, and proofs that hold or do not",
            "leaves": [_leaf(*leaf) for leaf in LOG.leaves],
            "roots": [LOG.root(size).hex() for size in range(LEAVES + 1)],
            "inclusion": list(_inclusion()),
            "consistency": list(_consistency()),
        },
        "checkpoints": {
            "about": "signed notes that state a log's size and root, and whether this log has signed them",
            "origin": GATEWAY, "keys_base64": [b64encode(GATEWAY_KEY.verifying.raw).decode()],
            "cases": list(_checkpoints()),
        },
        "cosignatures": {
            "about": "lines that witnesses add under a checkpoint, and when the witness signed",
            "checkpoint": str(Checkpoint(GATEWAY, 7, LOG.root(7))), "witness": YANGPU,
            "keys_base64": [b64encode(signing_key(YANGPU).verifying.raw).decode()], "cases": list(_cosignatures()),
        },
    }


def _leaf(message: MessageHash, arrived: datetime, kind: str) -> dict[str, Any]:
    return {"message": message, "arrived": arrived.isoformat().replace("+00:00", "Z"), "kind": kind,
            "bytes_base64": b64encode(leaf_bytes(message, arrived, kind)).decode(),
            "hash": leaf_hash(message, arrived, kind).hex()}


def _inclusion() -> Iterator[dict[str, Any]]:
    for index, size in INCLUDED:
        yield _included(f"{index} of {size}", index, size, inclusion_proof(index, size, LOG.node), holds=True)
    good = inclusion_proof(3, 7, LOG.node)
    yield _included("one hash missing", 3, 7, good[:-1])
    yield _included("one hash too many", 3, 7, [*good, good[0]])
    yield _included("in the wrong order", 3, 7, good[::-1])
    yield _included("another index", 2, 7, good)
    yield _included("another size", 3, 8, good)
    yield _included("a short hash", 3, 7, [good[0][:31], *good[1:]])
    yield _included("outside the log", 7, 7, good)
    yield _included("no proof", 0, 2, [])


def _included(name: str, index: int, size: int, proof: list[bytes], *, holds: bool = False) -> dict[str, Any]:
    return {"name": name, "leaf": leaf_hash(*LOG.leaves[index]).hex(), "index": index, "size": size,
            "root": LOG.root(size).hex(), "proof": [value.hex() for value in proof], "expected": _expected(holds)}


def _consistency() -> Iterator[dict[str, Any]]:
    for old, new in CONTINUED:
        yield _continued(f"{old} to {new}", old, new, consistency_proof(old, new, LOG.node), holds=True)
    good = consistency_proof(3, 7, LOG.node)
    yield _continued("one hash missing", 3, 7, good[:-1])
    yield _continued("one hash too many", 3, 7, [*good, good[0]])
    yield _continued("another beginning", 3, 7, good, old_root=LOG.root(4))
    yield _continued("another end", 3, 7, good, new_root=LOG.root(8))
    yield _continued("shrunk", 7, 3, good)
    yield _continued("same size, other root", 7, 7, [], new_root=LOG.root(8))
    yield _continued("a proof where none is needed", 7, 7, good)
    yield _continued("no proof", 3, 7, [])


def _continued(name: str, old: int, new: int, proof: list[bytes], *, old_root: bytes | None = None,
               new_root: bytes | None = None, holds: bool = False) -> dict[str, Any]:
    return {"name": name, "old": old, "old_root": (old_root or LOG.root(old)).hex(), "new": new,
            "new_root": (new_root or LOG.root(new)).hex(), "proof": [value.hex() for value in proof],
            "expected": _expected(holds)}


def _expected(holds: bool) -> dict[str, Any]:
    return {"holds": True} if holds else {"code": "broken_proof"}


def _checkpoints() -> Iterator[dict[str, Any]]:
    checkpoint, empty = Checkpoint(GATEWAY, 7, LOG.root(7)), Checkpoint(GATEWAY, 0, LOG.root(0))
    elsewhere = Checkpoint("OTHER", 7, LOG.root(7))
    note = sign_checkpoint(checkpoint, GATEWAY_KEY).decode()
    text, _, signature = note.partition("\n\n")
    stamp = "\N{EM DASH} CN-SH-YANGPU " + "A" * 96
    yield _noted("good", "signed by the log", note, checkpoint)
    yield _noted("good_with_a_witness", "lines of others are passed over", f"{text}\n\n{stamp}\n{signature}",
                 checkpoint)
    yield _noted("good_empty", "the empty log", sign_checkpoint(empty, GATEWAY_KEY).decode(), empty)
    for name, about, changed in (
        ("other_size", "one digit of the size altered", note.replace("\n7\n", "\n8\n")),
        ("size_with_zero", "another spelling of the size", note.replace("\n7\n", "\n07\n")),
        ("size_negative", "no log has fewer than no leaves", note.replace("\n7\n", "\n-7\n")),
        ("root_url_safe", "another alphabet", note.replace("=\n\n", "-\n\n")),
        ("unsigned", "nobody has signed", f"{text}\n\n"),
        ("witness_alone", "only somebody else has signed", f"{text}\n\n{stamp}\n"),
        ("no_empty_line", "the signature follows at once", note.replace("\n\n", "\n")),
        ("fourth_line", "a line that was not signed", note.replace("\n\n", "\nmore\n\n")),
        ("line_ends", "line ends of another system", note.replace("\n", "\r\n")),
        ("hyphen", "a hyphen for the dash of a signature line", note.replace("\N{EM DASH}", "-")),
        ("other_key", "signed by a key of somebody else in the log's name",
         sign_checkpoint(checkpoint, signing_key(YANGPU)).decode()),
        ("other_log", "another log's checkpoint", sign_checkpoint(elsewhere, GATEWAY_KEY).decode()),
    ):
        yield _noted(name, about, changed)


def _noted(name: str, about: str, note: str, checkpoint: Checkpoint | None = None) -> dict[str, Any]:
    expected = {"size": checkpoint.size, "root": checkpoint.root.hex()} if checkpoint else {"code": "broken_proof"}
    return {"name": name, "about": about, "note": note, "expected": expected}


def _cosignatures() -> Iterator[dict[str, Any]]:
    checkpoint, witness, key = Checkpoint(GATEWAY, 7, LOG.root(7)), YANGPU, signing_key(YANGPU)
    good = cosign(checkpoint, witness, key, NOW)
    stamp = b64decode(good.split(" ")[2])
    later = b64encode(stamp[:4] + (int.from_bytes(stamp[4:12]) + 1).to_bytes(8) + stamp[12:]).decode()
    yield _cosigned("good", "the library has seen this state of the log", good, NOW)
    for name, about, line in (
        ("other_time", "a second later than was signed", good.replace(b64encode(stamp).decode(), later)),
        ("other_witness", "another library's line", cosign(checkpoint, HANGZHOU, signing_key(HANGZHOU), NOW)),
        ("in_anothers_name", "another key in this library's name", cosign(checkpoint, witness,
                                                                          signing_key(HANGZHOU), NOW)),
        ("other_state", "signed for another state of the log",
         cosign(Checkpoint(GATEWAY, 8, LOG.root(8)), witness, key, NOW)),
        ("cut_short", "a byte is missing", good.replace(b64encode(stamp).decode(), b64encode(stamp[:-1]).decode())),
        ("not_base64", "something else than base64", f"\N{EM DASH} {witness} ???"),
        ("log_signature", "the log's own kind of signature is no cosignature",
         sign_checkpoint(Checkpoint(witness, 7, LOG.root(7)), key).decode().splitlines()[-1]),
    ):
        yield _cosigned(name, about, line)


def _cosigned(name: str, about: str, line: str, at: datetime | None = None) -> dict[str, Any]:
    expected = {"seconds": int(at.timestamp())} if at else {"code": "broken_proof"}
    return {"name": name, "about": about, "line": line, "expected": expected}
