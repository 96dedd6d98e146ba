"""Why two records are one book, or are not, as a librarian may ask: the scorer's findings, ties, vetoes and pins.

Two records of one cluster are joined directly, by a pin, or through others; two of different clusters have never been
compared, agree too little, differ in what outweighs everything, or are kept apart by a pin or by their companions. Pure
over the members of the one or two clusters. Deliberately absent: words for people (`federation.curating`).
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise, product
from typing import NamedTuple

from federation.catalogue.clustering import Decision, compare, keys_of
from federation.catalogue.features import Features
from federation.catalogue.grouping import chain, tied
from federation.catalogue.pinning import Constraints, Pin, PinKind, RecordName, constraints

FORBIDDING_MAX = 5
"""Differences between companions that are named; one is enough to keep two books apart."""

Records = Mapping[RecordName, Features]
_decided = lru_cache(maxsize=1 << 12)(compare)
"""Most records of a cluster say what others of it say."""


class Verdict(StrEnum):
    """How two records come to be in one cluster, or in two."""

    AGREE = "agree"
    THROUGH_OTHERS = "through_others"
    PINNED_TOGETHER = "pinned_together"
    PINNED_APART = "pinned_apart"
    NEVER_COMPARED = "never_compared"
    AGREE_TOO_LITTLE = "agree_too_little"
    FORBIDDEN = "forbidden"
    FORBIDDEN_BY_OTHERS = "forbidden_by_others"
    OUTDATED = "outdated"
    """Other rules were in force when they were last compared; the catalogue wants a reindex."""


class Link(NamedTuple):
    """Two records with the scorer's decision about them, and the pin that names both, if one stands."""

    one: RecordName
    other: RecordName
    decision: Decision
    pin: Pin | None = None


class Reasons(NamedTuple):
    """The answer about two records: ``shared`` are the match keys of both.

    ``links`` lead from one to the other where they are one book; otherwise they are what keeps them apart.
    """

    verdict: Verdict
    between: Link
    shared: tuple[str, ...]
    links: tuple[Link, ...]


def why_one(records: Records, pins: Sequence[Pin]) -> tuple[Link, ...]:
    """Return for each record of a cluster the link to the one that it agrees with most; a lone record has none."""
    return tuple(max((_link(records, pins, one, other) for other in records if other != one),
                     key=lambda link: (link.pin is not None, tied(records[one], records[link.other]),
                                       link.decision.score))
                 for one in records if len(records) > 1)


def why_together(records: Records, pins: Sequence[Pin], one: RecordName, other: RecordName) -> Reasons:
    """Return why two of one cluster's records are one book."""
    names = sorted(records)
    wanted = constraints(pins, names)
    path = chain([records[name] for name in names], wanted, names.index(one), names.index(other))
    links = tuple(_link(records, pins, names[here], names[there]) for here, there in pairwise(path))
    if not links:
        verdict = Verdict.OUTDATED
    elif any(link.pin or not tied(records[link.one], records[link.other]) for link in links):
        verdict = Verdict.PINNED_TOGETHER
    else:
        verdict = Verdict.AGREE if len(links) == 1 else Verdict.THROUGH_OTHERS
    return Reasons(verdict, _link(records, pins, one, other), _shared(records[one], records[other]), links)


def why_apart(mine: Records, yours: Records, pins: Sequence[Pin], one: RecordName, other: RecordName) -> Reasons:
    """Return why two records of different clusters, with the members of each, are not one book."""
    records = {**mine, **yours}
    between, shared = _link(records, pins, one, other), _shared(records[one], records[other])
    parted = _parted(mine, yours, pins)
    forbidding = [_link(records, pins, *pair) for pair in product(mine, yours) if _decided(
        records[pair[0]], records[pair[1]]).vetoed][:FORBIDDING_MAX]
    agrees = bool(shared) and between.decision.same
    verdict, links = next((verdict, links) for applies, verdict, links in (
        (bool(parted), Verdict.PINNED_APART, [_link(records, parted, pin.one, pin.other) for pin in parted
                                              if pin.records <= records.keys()]),
        (between.decision.vetoed, Verdict.FORBIDDEN, [between]),
        (not shared, Verdict.NEVER_COMPARED, []),
        (not agrees, Verdict.AGREE_TOO_LITTLE, [between]),
        (bool(forbidding), Verdict.FORBIDDEN_BY_OTHERS, forbidding),
        (True, Verdict.OUTDATED, []),
    ) if applies)
    return Reasons(verdict, between, shared, tuple(links))


def _parted(mine: Iterable[RecordName], yours: Iterable[RecordName], pins: Sequence[Pin]) -> list[Pin]:
    """Return the pins that keep two clusters apart."""
    sides = [*mine, *yours]
    return [pin for pin in pins if pin.kind is PinKind.APART and _meet(constraints(
        [entry for entry in pins if entry is pin or entry.kind is PinKind.TOGETHER], sides), len([*mine]))]


def _meet(wanted: Constraints, border: int) -> bool:
    """Whether one of the pairs that are kept apart has an end on each side of the border."""
    return any((one < border) != (other < border) for one, other in wanted.apart)


def _link(records: Records, pins: Iterable[Pin], one: RecordName, other: RecordName) -> Link:
    pin = next((pin for pin in pins if pin.records == {one, other}), None)
    return Link(one, other, _decided(records[one], records[other]), pin)


def _shared(left: Features, right: Features) -> tuple[str, ...]:
    others = set(keys_of(right))
    return tuple(key for key in dict.fromkeys(keys_of(left)) if key in others)
