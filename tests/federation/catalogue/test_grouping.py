"""From pairs to books: groups that follow from the records and pins alone."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from federation.catalogue.clustering import compare
from federation.catalogue.features import Features, features_of
from federation.catalogue.grouping import chain, grouped
from federation.catalogue.pinning import UNPINNED, Constraints
from schemas.bib import Bib
from tests.federation.catalogue.books import book

ISBN = "9787020002207"
RED = {"author": "曹雪芹", "publisher": "人民文学出版社", "year": 1996}
BY_ISBN, BY_TITLE, BOTH = book("红楼梦", isbn=ISBN), book("红楼梦", **RED), book("红楼梦", isbn=ISBN, **RED)
OTHER = book("三体")
SECOND, THIRD = (book("红楼梦", isbn=ISBN, edition=edition, **RED) for edition in ("第2版", "第3版"))
SHELF = (BY_ISBN, BY_TITLE, BOTH, OTHER, SECOND, THIRD, book("红楼梦", isbn=ISBN, volume="上"))


def groups_of(*bibs: Bib, pins: Constraints = UNPINNED) -> list[tuple[int, ...]]:
    return grouped([features_of(bib) for bib in bibs], pins)


def test_groups_follow_ties_through_a_third() -> None:
    assert groups_of(BY_ISBN, BY_TITLE, OTHER, BOTH) == [(0, 1, 3), (2,)]


def test_a_difference_between_two_keeps_their_companions_apart() -> None:
    assert sorted(map(len, groups_of(SECOND, BOTH, THIRD))) == [1, 2]


def test_records_that_say_the_same_count_once() -> None:
    assert groups_of(*(BOTH,) * 50, OTHER, OTHER) == [tuple(range(50)), (50,), (51,)]


def test_a_pin_joins_what_differs_with_all_that_hangs_on_it() -> None:
    assert groups_of(SECOND, SECOND, THIRD, THIRD, pins=Constraints(together=((0, 2),))) == [(0, 1, 2, 3)]


def test_a_pin_parts_what_agrees() -> None:
    assert groups_of(BOTH, BOTH, pins=Constraints(apart=((0, 1),))) == [(0,), (1,)]


def test_a_chain_tells_through_whom_two_are_joined() -> None:
    records = [features_of(bib) for bib in (BY_ISBN, BY_TITLE, BOTH, OTHER)]
    assert chain(records, UNPINNED, 0, 1) == [0, 2, 1]
    assert chain(records, UNPINNED, 0, 3) == []
    assert chain(records, Constraints(together=((3, 0),)), 3, 1) == [3, 0, 2, 1]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(SHELF).map(features_of), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_records_makes_no_difference(records: list[Features], chance: random.Random) -> None:
    order = list(range(len(records)))
    chance.shuffle(order)
    shuffled = grouped([records[position] for position in order])
    found = {tuple(sorted(str(records[order[position]]) for position in group)) for group in shuffled}
    assert found == {tuple(sorted(str(records[position]) for position in group))
                     for group in grouped(records)}


@settings(max_examples=60)
@given(st.lists(st.sampled_from(SHELF).map(features_of), max_size=8))
def test_nothing_is_lost_and_nothing_that_must_not_meet_is_joined(records: list[Features]) -> None:
    groups = grouped(records)
    assert sorted(position for group in groups for position in group) == list(range(len(records)))
    assert not any(compare(records[one], records[other]).vetoed
                   for group in groups for one in group for other in group)
