"""What a librarian has decided about two records, and what follows from several such pins.

A pin says that two records describe one book or that they do not, whatever the scorer finds; it stands under the
records' own names, so it outlives harvests, merges and rebuilds of the catalogue. Pins of one book follow through: of
a and b, and of b and c, makes a and c one. A pin that contradicts those that stand is refused. Deliberately absent:
where pins are kept (`federation.storage.pins`) and what the scorer makes of the rest (`federation.catalogue.grouping`).

    PinRefused
    ├── PinsConflict     contradicts pins that stand
    ├── AlreadyPinned    the same is pinned already, or one record with itself
    ├── NoSuchPin        unknown, or undone already
    └── NoSuchRecord     no record and no work of this name
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from schemas.identifiers import AgencyId


class PinRefused(Exception):
    """Base of every refusal; the text says which and what to do."""


class PinsConflict(PinRefused):
    """The pin contradicts others that stand."""


class AlreadyPinned(PinRefused):
    """The pin would say nothing new."""


class NoSuchPin(PinRefused):
    """No pin of this number stands."""


class NoSuchRecord(PinRefused):
    """The catalogue has neither a record nor a work of this name."""


class RecordName(NamedTuple):
    """One library's record; written ``agency/record id``."""

    agency: AgencyId
    record_id: str

    def __str__(self) -> str:
        return f"{self.agency}/{self.record_id}"


class PinKind(StrEnum):
    """What a pin says of its two records."""

    TOGETHER = "together"
    APART = "apart"


class Act(NamedTuple):
    """Who did something, when, and why."""

    by: str
    at: datetime
    reason: str


class Pin(NamedTuple):
    """A librarian's decision; one that was undone is kept as history and has no effect."""

    number: int
    kind: PinKind
    one: RecordName
    other: RecordName
    made: Act
    undone: Act | None = None

    @property
    def records(self) -> frozenset[RecordName]:
        """The two records, in no order."""
        return frozenset((self.one, self.other))


class Constraints(NamedTuple):
    """What pins ask of records, as pairs of their positions in a list."""

    together: tuple[tuple[int, int], ...] = ()
    apart: tuple[tuple[int, int], ...] = ()


UNPINNED = Constraints()
"""Where no librarian has said anything."""


def require_new(standing: Sequence[Pin], kind: PinKind, one: RecordName, other: RecordName) -> None:
    """Refuse a pin that says nothing new or contradicts one of ``standing``.

    Raises:
        AlreadyPinned: the two are one record, or the same pin stands.
        PinsConflict: the text names the pins to undo first.
    """
    if one == other:
        raise AlreadyPinned(f"{one} 是同一条记录 is one record; name two")
    for pin in standing:
        if pin.kind is kind and pin.records == {one, other}:
            raise AlreadyPinned(f"第 {pin.number} 号已如此规定 pin {pin.number} says so already")
    against = _against(standing, kind, one, other)
    if against:
        named = ", ".join(str(pin.number) for pin in against)
        raise PinsConflict(f"与第 {named} 号规定矛盾,请先撤销 contradicts pin {named}; undo that one first")


def constraints(standing: Sequence[Pin], records: Sequence[RecordName]) -> Constraints:
    """Return what the pins ask of ``records``; one between them that is not in the catalogue carries through."""
    book_of = _books(standing)
    present: dict[RecordName, list[int]] = defaultdict(list)
    for position, record in enumerate(records):
        present[book_of.get(record, record)].append(position)
    together = [(group[0], other) for group in present.values() for other in group[1:]]
    apart = [(present[one][0], present[other][0])
             for one, other in ((book_of.get(pin.one, pin.one), book_of.get(pin.other, pin.other))
                                for pin in standing if pin.kind is PinKind.APART)
             if one in present and other in present]
    return Constraints(tuple(together), tuple(apart))


def _against(standing: Sequence[Pin], kind: PinKind, one: RecordName, other: RecordName) -> list[Pin]:
    if kind is PinKind.APART:
        return _path(standing, one, other)
    book_of = _books(standing)
    books = {book_of.get(one, one), book_of.get(other, other)}
    return [pin for pin in standing if pin.kind is PinKind.APART
            and {book_of.get(pin.one, pin.one), book_of.get(pin.other, pin.other)} == books]


def _books(standing: Iterable[Pin]) -> Mapping[RecordName, RecordName]:
    """Return for each record that is pinned to others the first name of all that it is one book with."""
    members: dict[RecordName, set[RecordName]] = {}
    for pin in standing:
        if pin.kind is PinKind.TOGETHER:
            joined = members.get(pin.one, {pin.one}) | members.get(pin.other, {pin.other})
            members.update(dict.fromkeys(joined, joined))
    return {record: min(joined) for record, joined in members.items()}


def _path(standing: Sequence[Pin], one: RecordName, other: RecordName) -> list[Pin]:
    """Return the pins that make two records one book, from one to the other; none where they do not."""
    ways: dict[RecordName, list[Pin]] = {one: []}
    waiting = deque([one])
    while waiting and other not in ways:
        here = waiting.popleft()
        for pin in standing:
            if pin.kind is PinKind.TOGETHER and here in pin.records:
                there = pin.other if pin.one == here else pin.one
                if there not in ways:
                    ways[there] = [*ways[here], pin]
                    waiting.append(there)
    return ways.get(other, [])
