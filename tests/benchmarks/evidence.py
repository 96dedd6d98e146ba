"""The evidence log: appending and inclusion proofs beside PyPI ``pymerkle``, and a whole loan's bundle verified.

Both sides hash the leaf and keep the tree in memory; ours computes the leaf's bytes too. pymerkle's tree is made new
for each round of appends, as ours is. A proof's place is drawn at random over the whole log.
"""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from itertools import cycle
from random import Random

from pymerkle import InmemoryTree  # type: ignore[import-untyped]

from schemas.identifiers import MessageHash
from tests.benchmarks.conversation import Alliance
from tests.benchmarks.harness import Effort, Line, race
from tests.trust.samples import NOW
from trust.bundle import verify_bundle
from trust.evidence import Frontier, inclusion_proof, leaf_bytes, leaf_hash, verify_inclusion

APPENDS = 20_000
COMPARED_LEAVES = 1 << 16
"""Leaves under which proofs are compared; pymerkle's tree of a million would take minutes to build."""

MANY_LEAVES = 1_000_000
MESSAGE = MessageHash("ab" * 32)


class Tree:
    """A log in memory: every level's hashes side by side."""

    def __init__(self) -> None:
        self.frontier = Frontier()
        self._levels: list[list[bytes]] = [[] for _ in range(64)]

    def append(self, leaf: bytes) -> None:
        for level, _, value in self.frontier.append(leaf):
            self._levels[level].append(value)

    def node(self, level: int, index: int) -> bytes:
        return self._levels[level][index]


def run(effort: Effort) -> Iterator[Line]:
    """Measure appends, proofs and a bundle."""
    yield from _append(effort)
    yield from _prove(effort)
    yield _verify_bundle(effort)


def _append(effort: Effort) -> Iterator[Line]:
    moments = [NOW + timedelta(microseconds=number) for number in range(APPENDS)]
    payloads = [leaf_bytes(MESSAGE, moment, "Request") for moment in moments]

    def ours() -> None:
        tree = Tree()
        for moment in moments:
            tree.append(leaf_hash(MESSAGE, moment, "Request"))

    def theirs() -> None:
        tree = InmemoryTree(algorithm="sha256")
        for payload in payloads:
            tree.append_entry(payload)

    mine, other = (rate * APPENDS for rate in race(effort, ours, theirs))
    yield Line("evidence append", "leaves/s", mine, other, "pymerkle append")
    yield Line.within("evidence append, alone", "leaves/s", mine, 200_000)


def _prove(effort: Effort) -> Iterator[Line]:
    tree, reference = _tree(COMPARED_LEAVES), InmemoryTree(algorithm="sha256")
    for number in range(COMPARED_LEAVES):
        reference.append_entry(_payload(number))
    assert reference.get_state() == tree.frontier.root()
    places, their_places = _places(COMPARED_LEAVES), _places(COMPARED_LEAVES)
    mine, other = race(effort, lambda: inclusion_proof(next(places), COMPARED_LEAVES, tree.node),
                       lambda: reference.prove_inclusion(next(their_places) + 1))
    yield Line(f"inclusion proof, {COMPARED_LEAVES:,} leaves", "proofs/s", mine, other, "pymerkle prove_inclusion")
    leaves = COMPARED_LEAVES if effort.is_quick else MANY_LEAVES
    tree = _tree(leaves)
    places = _places(leaves)
    [mine] = race(effort, lambda: inclusion_proof(next(places), leaves, tree.node))
    verify_inclusion(tree.node(0, 5), 5, leaves, inclusion_proof(5, leaves, tree.node), tree.frontier.root())
    yield Line.within(f"inclusion proof, {leaves:,} leaves", "proofs/s", mine, 50_000)


def _verify_bundle(effort: Effort) -> Line:
    alliance = Alliance(pairs=16)
    bundle, root = alliance.bundle_of_one_loan(), alliance.published.root
    [rate] = race(effort, lambda: verify_bundle(bundle, root))
    return Line.within("bundle of a whole loan verified", "ms", 1000 / rate, 50)


def _tree(leaves: int) -> Tree:
    tree = Tree()
    for number in range(leaves):
        tree.append(sha256(b"\0" + _payload(number)).digest())
    return tree


def _payload(number: int) -> bytes:
    return b"%d" % number


def _places(leaves: int) -> Iterator[int]:
    random = Random(leaves)
    return cycle([random.randrange(leaves) for _ in range(4096)])
