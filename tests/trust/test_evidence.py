import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from tests.trust.samples import SOME_HASH
from trust.errors import BrokenProof
from trust.evidence import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_bytes,
    leaf_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)

SIZE_MAX = 130


def leaf_data(number):
    return b"leaf %d" % number


def leaf(number):
    return hashlib.sha256(b"\0" + leaf_data(number)).digest()


class Log:
    """The nodes that a database would hold."""

    def __init__(self, size):
        self.nodes, self.frontier, self.roots = {}, Frontier(), [EMPTY_ROOT]
        for number in range(size):
            for level, index, value in self.frontier.append(leaf(number)):
                assert (level, index) not in self.nodes
                self.nodes[level, index] = value
            self.roots.append(self.frontier.root())

    def node(self, level, index):
        return self.nodes[level, index]


LOG = Log(SIZE_MAX)
SIZES = st.integers(1, SIZE_MAX)


def test_roots_equal_pymerkles_at_every_size():
    tree = InmemoryTree(algorithm="sha256")
    for size in range(1, SIZE_MAX + 1):
        tree.append_entry(leaf_data(size - 1))
        assert LOG.roots[size] == tree.get_root()


def test_a_stored_tree_gives_every_earlier_root_and_its_own_frontier():
    for size in range(SIZE_MAX + 1):
        assert root_at(size, LOG.node) == LOG.roots[size]
        assert Frontier.load(size, LOG.node).root() == LOG.roots[size]


def test_every_leaf_proves_its_place_at_every_size():
    for size in range(1, 70):
        for index in range(size):
            verify_inclusion(leaf(index), index, size, inclusion_proof(index, size, LOG.node), LOG.roots[size])


def test_every_state_proves_that_it_continues_every_earlier_one():
    for new in range(70):
        for old in range(new + 1):
            verify_consistency(old, LOG.roots[old], new, LOG.roots[new], consistency_proof(old, new, LOG.node))


def test_proofs_are_as_short_as_rfc_6962_allows():
    for size in range(1, SIZE_MAX + 1):
        assert all(len(inclusion_proof(index, size, LOG.node)) <= (size - 1).bit_length() for index in range(size))


@given(SIZES, st.data())
def test_a_proof_of_another_leaf_place_or_root_is_refused(size, data):
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, LOG.node)
    wrong = [
        (leaf(index + 1), index, size, proof, LOG.roots[size]),
        (leaf(index), index, size, proof, bytes(32)),
        (leaf(index), index, size, [*proof, bytes(32)], LOG.roots[size]),
        (leaf(index), size, size, proof, LOG.roots[size]),
    ]
    wrong += [(leaf(index), index, size, proof[:-1], LOG.roots[size])] if proof else []
    wrong += [(leaf(index), index ^ 1, size, proof, LOG.roots[size])] if index ^ 1 < size else []
    for arguments in wrong:
        with pytest.raises(BrokenProof):
            verify_inclusion(*arguments)


@given(SIZES, st.data())
def test_a_rewritten_history_has_no_consistency_proof(new, data):
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(old, new, LOG.node)
    for arguments in [
        (old, bytes(32), new, LOG.roots[new], proof), (old, LOG.roots[old], new, bytes(32), proof),
        (old, LOG.roots[old], new, LOG.roots[new], [*proof, bytes(32)]),
        (new + 1, LOG.roots[old], new, LOG.roots[new], proof),
    ] + ([(old, LOG.roots[old], new, LOG.roots[new], proof[:-1])] if proof else []):
        with pytest.raises(BrokenProof):
            verify_consistency(*arguments)


@settings(max_examples=300)
@given(st.integers(-1, 2**60), st.integers(-1, 2**60), st.lists(st.binary(min_size=30, max_size=33), max_size=70))
def test_arbitrary_proofs_are_refused_in_bounded_time(index, size, proof):
    with pytest.raises(BrokenProof):
        verify_inclusion(bytes(32), index, size, proof, b"x" * 32)
    with pytest.raises(BrokenProof):
        verify_consistency(index, bytes(32), size, b"x" * 32, proof)


def test_nothing_can_be_proved_about_what_is_not_there():
    with pytest.raises(BrokenProof):
        inclusion_proof(3, 3, LOG.node)
    with pytest.raises(BrokenProof):
        consistency_proof(4, 3, LOG.node)
    with pytest.raises(BrokenProof):
        verify_consistency(0, bytes(32), 3, LOG.roots[3], [])


def test_a_leaf_commits_to_hash_arrival_and_kind():
    noon = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
    leaves = {leaf_hash(SOME_HASH, noon, "Request"), leaf_hash(SOME_HASH, noon, "Order"),
              leaf_hash(SOME_HASH, noon + timedelta(microseconds=1), "Request")}
    assert len(leaves) == 3
    beijing = noon.astimezone(timezone(timedelta(hours=8)))
    assert leaf_bytes(SOME_HASH, beijing, "Request") == leaf_bytes(SOME_HASH, noon, "Request")
