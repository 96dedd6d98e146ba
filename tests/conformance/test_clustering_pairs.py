"""The labelled pairs that judge the clustering: two halves, the fresh and the unseen, none of which share a book."""

import json
from collections import Counter
from itertools import combinations
from typing import Any

import pytest

from schemas.bib import Bib
from tests.conformance.clustering.files import FOLDER, FRESH, HALVES, SETS, UNSEEN, half_of, render

KINDS_IN_BOTH_HALVES_FROM = 4
"""Pairs of a kind; a rarer kind may stand in one half alone."""


@pytest.fixture(scope="module")
def pairs() -> list[dict[str, Any]]:
    return [json.loads(line) for half in SETS
            for line in (FOLDER / f"{half}.jsonl").read_text("utf-8").splitlines()]


def records(pairs: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Bib]]:
    return [(pair, Bib.model_validate(pair[side])) for pair in pairs for side in ("a", "b")]


def test_the_files_are_what_the_generator_makes() -> None:
    for name, text in render().items():
        assert (FOLDER / name).read_text("utf-8") == text, "python -m tests.conformance.clustering writes them anew"


def test_every_record_is_a_bib_written_without_what_says_nothing(pairs: list[dict[str, Any]]) -> None:
    for pair in pairs:
        for side in ("a", "b"):
            bib = Bib.model_validate(pair[side])
            assert bib.model_dump(mode="json", exclude_defaults=True) == pair[side]
            assert bib.title


def test_there_are_enough_pairs_of_both_labels(pairs: list[dict[str, Any]]) -> None:
    labels = Counter(pair["label"] for pair in pairs)
    assert len(pairs) >= 700
    assert set(labels) == {"same", "different"}
    assert 0.35 <= labels["same"] / len(pairs) <= 0.45
    assert sum(pair["origin"] == "handwritten" for pair in pairs) >= 150


def test_both_halves_have_every_kind_and_about_as_many_pairs(pairs: list[dict[str, Any]]) -> None:
    pairs = [pair for pair in pairs if pair["half"] in HALVES]
    by_kind = Counter(pair["kind"] for pair in pairs)
    by_half = Counter((pair["kind"], pair["half"]) for pair in pairs)
    frequent = [kind for kind, number in by_kind.items() if number >= KINDS_IN_BOTH_HALVES_FROM]
    assert [kind for kind in frequent for half in HALVES if not by_half[kind, half]] == []
    sizes = Counter(pair["half"] for pair in pairs)
    assert min(sizes.values()) >= 0.45 * len(pairs)


@pytest.mark.parametrize(("half", "at_least"), [(FRESH, 200), (UNSEEN, 160)])
def test_the_pairs_written_apart_are_of_known_kinds_and_both_labels(
        pairs: list[dict[str, Any]], half: str, at_least: int) -> None:
    apart = [pair for pair in pairs if pair["half"] == half]
    labels = Counter(pair["label"] for pair in apart)
    assert len(apart) >= at_least
    assert 0.35 <= labels["same"] / len(apart) <= 0.45
    assert {pair["kind"] for pair in apart} <= {pair["kind"] for pair in pairs if pair["half"] in HALVES}


def test_no_work_stands_in_two_files(pairs: list[dict[str, Any]]) -> None:
    works = {half: {pair["work"] for pair in pairs if pair["half"] == half} for half in SETS}
    assert all(half == half_of(work) for half in HALVES for work in works[half])
    assert all(works[one].isdisjoint(works[other]) for one, other in combinations(SETS, 2))
    for of in (lambda bib: set(bib.isbn13s), lambda bib: {(bib.title, bib.volume_title)},
               lambda bib: {bib.unified_book_number} - {""}):
        files = [{key for pair, bib in records(pairs) if pair["half"] == half for key in of(bib)}
                 for half in SETS]
        assert all(one & other == set() for one, other in combinations(files, 2))


def test_a_pair_is_asked_once_and_its_records_differ(pairs: list[dict[str, Any]]) -> None:
    written = [{json.dumps({**pair[side], "record_id": ""}, sort_keys=True) for side in ("a", "b")} for pair in pairs]
    assert [pair["id"] for pair, texts in zip(pairs, written, strict=True) if len(texts) == 1] == []
    assert max(Counter(map(frozenset, written)).values()) == 1


def test_a_label_follows_from_the_records(pairs: list[dict[str, Any]]) -> None:
    """Two records of one publication share a number, or else name the year or the publisher on both sides."""
    for pair in pairs:
        one, other = Bib.model_validate(pair["a"]), Bib.model_validate(pair["b"])
        if pair["label"] == "same" and not set(one.isbn13s) & set(other.isbn13s):
            assert (one.year and other.year) or (one.publisher and other.publisher), pair["id"]
