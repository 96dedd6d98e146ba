"""What follows from several pins, and which cannot stand together."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.catalogue.pinning import (
    Act,
    AlreadyPinned,
    Constraints,
    Pin,
    PinKind,
    PinRefused,
    PinsConflict,
    RecordName,
    constraints,
    require_new,
)
from schemas.identifiers import AgencyId

MADE = Act("王馆员", datetime(2026, 3, 1, tzinfo=UTC), "同书")
A, B, C, D = (RecordName(AgencyId("CN-310110-1-YPQ"), letter) for letter in "abcd")


def pins(*wishes: str) -> list[Pin]:
    """Return pins written as ``a=b`` and ``a#b``."""
    names = {record.record_id: record for record in (A, B, C, D)}
    kinds = {"=": PinKind.TOGETHER, "#": PinKind.APART}
    return [Pin(number, kinds[wish[1]], names[wish[0]], names[wish[2]], MADE)
            for number, wish in enumerate(wishes, 1)]


def test_a_record_is_written_with_its_library() -> None:
    assert str(A) == "CN-310110-1-YPQ/a"


def test_together_follows_through_and_apart_follows_the_book() -> None:
    standing = pins("a=b", "b=c", "c#d")
    assert constraints(standing, [A, C, D]) == Constraints(((0, 1),), ((0, 2),))
    assert constraints(standing, [A, C]) == Constraints(((0, 1),), ())
    assert constraints(standing, [D]) == Constraints()


@pytest.mark.parametrize(("standing", "kind", "one", "other", "named"), [
    (("a=b", "b=c"), PinKind.APART, A, C, "pin 1, 2;"),
    (("a=b", "c#b"), PinKind.TOGETHER, A, C, "pin 2;"),
    (("a=b", "c=d", "d#a"), PinKind.TOGETHER, B, C, "pin 3;"),
    (("a#b",), PinKind.TOGETHER, B, A, "pin 1;"),
])
def test_a_contradiction_is_refused_and_names_what_to_undo(standing: tuple[str, ...], kind: PinKind, one: RecordName,
                                                           other: RecordName, named: str) -> None:
    with pytest.raises(PinsConflict, match=named):
        require_new(pins(*standing), kind, one, other)


@pytest.mark.parametrize(("standing", "kind", "one", "other"), [
    ((), PinKind.TOGETHER, A, A), (("a=b",), PinKind.TOGETHER, B, A), (("a#b",), PinKind.APART, A, B)])
def test_nothing_is_pinned_twice(standing: tuple[str, ...], kind: PinKind, one: RecordName, other: RecordName) -> None:
    with pytest.raises(AlreadyPinned):
        require_new(pins(*standing), kind, one, other)


RECORDS = st.sampled_from([A, B, C, D])


@given(st.lists(st.tuples(st.sampled_from(PinKind), RECORDS, RECORDS), max_size=12))
def test_pins_that_were_let_stand_never_contradict_each_other(
        wishes: list[tuple[PinKind, RecordName, RecordName]]) -> None:
    standing: list[Pin] = []
    for number, (kind, one, other) in enumerate(wishes):
        try:
            require_new(standing, kind, one, other)
        except PinRefused:
            continue
        standing.append(Pin(number, kind, one, other, MADE))
    wanted = constraints(standing, [A, B, C, D])
    book = list(range(4))
    for one_at, other_at in wanted.together:
        book = [book[one_at] if entry == book[other_at] else entry for entry in book]
    assert all(book[one_at] != book[other_at] for one_at, other_at in wanted.apart)
