"""From decisions about pairs to books: which of some records form one group each, whatever their order.

Two records are tied where they share a match key and the scorer calls them one. Ties are taken by score, the surest
first, and each joins all that stands at its two ends, unless a difference there outweighs everything (a veto). Pins
come before: what is pinned together is one group from the start, what is pinned apart never meets. A veto only counts
among records that the scorer itself has joined, so that a pin can unite two books that it would keep apart.

The result follows from the set of records and pins alone. Deliberately absent: where records are kept and how those
that may be tied are found (`federation.storage.clusters`).
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from federation.catalogue.clustering import compare, keys_of
from federation.catalogue.features import Features
from federation.catalogue.pinning import UNPINNED, Constraints


class _Tie(NamedTuple):
    """Two positions that agree; sorted, the surest comes first."""

    against: int
    one: int
    other: int


def tied(left: Features, right: Features) -> bool:
    """Whether two records are one book by themselves: they share a match key and the scorer calls them one."""
    return _share_a_key(left, right) and compare(left, right).same


def belongs(features: Features, members: Iterable[Features]) -> tuple[bool, bool]:
    """Return whether a record is tied to one of a cluster's members, and whether one of them forbids it."""
    decided = [(compare(features, member), member) for member in members]
    is_tied = any(decision.same and _share_a_key(features, member) for decision, member in decided)
    return is_tied, any(decision.vetoed for decision, _ in decided)


def grouped(records: Sequence[Features], pins: Constraints = UNPINNED) -> list[tuple[int, ...]]:
    """Return the groups that ``records`` form, each by its positions, in the order of their first members.

    Alike descriptions count once, so the work grows with the square of the different ones. The order of ``records``
    matters only between ties of one score among alike descriptions, where it makes no difference to the result.
    """
    held = {position for pair in (*pins.together, *pins.apart) for position in pair}
    stands_for = _alike(records, held)
    nodes = sorted(set(stands_for), key=lambda position: (repr(records[position]), position))
    ties, vetoes = _judged(records, nodes)
    groups, strands = _Sets(len(records), pins.apart), _Sets(len(records), vetoes)
    for pair in (*pins.together, *enumerate(stands_for)):
        groups.join(*pair)
    for _, one, other in sorted(ties):
        if strands.may_join(nodes[one], nodes[other]) and groups.may_join(nodes[one], nodes[other]):
            strands.join(nodes[one], nodes[other])
            groups.join(nodes[one], nodes[other])
    return [tuple(sorted(group)) for group in groups.all()]


def chain(records: Sequence[Features], pins: Constraints, start: int, end: int) -> list[int]:
    """Return the positions that lead from one record to another by ties and pins; empty where none do."""
    ways = {start: [start]}
    waiting = [start]
    for here in waiting:
        for there in range(len(records)):
            if there not in ways and (_pinned(pins, here, there) or tied(records[here], records[there])):
                ways[there] = [*ways[here], there]
                waiting.append(there)
    return ways.get(end, [])


class _Sets:
    """Disjoint sets of positions, and which positions may not meet."""

    def __init__(self, size: int, enemies: Iterable[tuple[int, int]]) -> None:
        self._members = [{position} for position in range(size)]
        self._enemies: list[set[int]] = [set() for _ in range(size)]
        for one, other in enemies:
            self._enemies[one].add(other)
            self._enemies[other].add(one)

    def may_join(self, one: int, other: int) -> bool:
        return self._members[one].isdisjoint(self._enemies[other])

    def are_one(self, one: int, other: int) -> bool:
        return other in self._members[one]

    def join(self, one: int, other: int) -> None:
        if self.are_one(one, other):
            return
        members = self._members[one] | self._members[other]
        enemies = self._enemies[one] | self._enemies[other]
        for position in members:
            self._members[position], self._enemies[position] = members, enemies

    def all(self) -> list[set[int]]:
        return [members for position, members in enumerate(self._members) if position == min(members)]


def _alike(records: Sequence[Features], held: set[int]) -> list[int]:
    """Return for each record the first that says the same, where that makes them one and no pin holds either."""
    first: dict[Features, int] = {}
    return [position if position in held or not tied(features, features) else first.setdefault(features, position)
            for position, features in enumerate(records)]


def _judged(records: Sequence[Features], nodes: Sequence[int]) -> tuple[list[_Tie], list[tuple[int, int]]]:
    """Return the ties between ``nodes``, by their places among them, and the positions that a veto keeps apart."""
    ties, vetoes = [], []
    for one, other in combinations(range(len(nodes)), 2):
        left, right = records[nodes[one]], records[nodes[other]]
        decision = compare(left, right)
        if decision.vetoed:
            vetoes.append((nodes[one], nodes[other]))
        elif decision.same and _share_a_key(left, right):
            ties.append(_Tie(-decision.score, one, other))
    return ties, vetoes


def _pinned(pins: Constraints, one: int, other: int) -> bool:
    return (one, other) in pins.together or (other, one) in pins.together


def _share_a_key(left: Features, right: Features) -> bool:
    return not _match_keys(left).isdisjoint(_match_keys(right))


@lru_cache(maxsize=1 << 12)
def _match_keys(features: Features) -> frozenset[str]:
    return frozenset(keys_of(features))
