"""Who is proposed to supply, in which order, and the reasons that add up to it."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.loans.rota import BALANCE_POINTS_MAX, Candidate, distance_km, propose
from schemas.directory import Agency, Role
from schemas.identifiers import AgencyId
from schemas.lending import RotaEntry

POINTS = re.compile(r"\(([+-]\d+)\)$")


def library(name: str, latitude: float = 31.2, longitude: float = 121.5) -> Agency:
    return Agency(agency=AgencyId(name), role=Role.LIBRARY, name_zh=name, name_en=name,
                  latitude_microdegrees=round(latitude * 1e6), longitude_microdegrees=round(longitude * 1e6))


HOME = library("CN-SH-YANGPU")
HANGZHOU, NANJING = library("CN-ZJ-HANGZHOU", 30.27, 120.15), library("CN-JS-NANJING", 32.06, 118.79)


def candidate(agency: Agency, **facts: Any) -> Candidate:
    return Candidate(agency, **{"record_id": "1", "on_shelf": True, "open_loans": 0, "lent": 0, "borrowed": 0, **facts})


def rota(*candidates: Candidate, entries_max: int = 5, pickup: Agency = HOME) -> tuple[RotaEntry, ...]:
    return propose(candidates, HOME, pickup, entries_max)


def order(*candidates: Candidate, **how: Any) -> list[str]:
    return [entry.agency for entry in rota(*candidates, **how)]


def test_the_home_library_never_supplies_its_own_reader() -> None:
    assert order(candidate(HOME), candidate(HANGZHOU)) == [HANGZHOU.agency]


def test_who_has_no_copy_on_the_shelf_is_not_asked() -> None:
    assert order(candidate(NANJING, on_shelf=False), candidate(HANGZHOU)) == [HANGZHOU.agency]
    assert rota(candidate(NANJING, on_shelf=False)) == ()


def test_a_copy_on_the_shelf_goes_before_one_nobody_could_say_anything_of() -> None:
    near, far = library("CN-SH-PUDONG"), library("CN-AH-HEFEI", 31.8, 117.2)
    assert order(candidate(near, on_shelf=None), candidate(far)) == [far.agency, near.agency]


def test_the_nearer_to_the_pickup_point_goes_first() -> None:
    assert order(candidate(NANJING), candidate(HANGZHOU)) == [HANGZHOU.agency, NANJING.agency]
    assert order(candidate(NANJING), candidate(HANGZHOU), pickup=NANJING) == [NANJING.agency, HANGZHOU.agency]


def test_the_pickup_library_may_supply() -> None:
    assert order(candidate(HANGZHOU), candidate(NANJING), pickup=NANJING)[0] == NANJING.agency


def test_work_in_hand_counts_against_a_library() -> None:
    one, other = library("CN-SH-A"), library("CN-SH-B")
    assert order(candidate(one, open_loans=1), candidate(other)) == [other.agency, one.agency]


def test_who_has_borrowed_more_than_lent_is_asked_first_within_a_limit() -> None:
    one, other = library("CN-SH-A"), library("CN-SH-B")
    assert order(candidate(one), candidate(other, borrowed=1)) == [other.agency, one.agency]
    scores = [entry.score for n in (-1000, -BALANCE_POINTS_MAX, 0, BALANCE_POINTS_MAX, 1000)
              for entry in rota(candidate(one, borrowed=max(n, 0), lent=max(-n, 0)))]
    assert scores == [900, 900, 1000, 1100, 1100]


def test_ties_are_broken_by_the_librarys_id() -> None:
    same = [candidate(library(f"CN-SH-{letter}")) for letter in "CAB"]
    assert order(*same) == ["CN-SH-A", "CN-SH-B", "CN-SH-C"]


def test_a_rota_is_as_long_as_the_policies_allow() -> None:
    many = [candidate(library(f"CN-SH-{number}"), open_loans=number) for number in range(9)]
    assert order(*many, entries_max=3) == ["CN-SH-0", "CN-SH-1", "CN-SH-2"]
    assert order(*many, entries_max=0) == []


def test_an_entry_names_the_librarys_own_record() -> None:
    assert rota(candidate(HANGZHOU, record_id="012345"))[0].record_id == "012345"


def test_the_reasons_are_in_plain_words() -> None:
    (entry,) = rota(candidate(HANGZHOU, open_loans=2, lent=5, borrowed=3))
    assert entry.reasons == ("在架(+1000)", "距取书点 165 公里(-165)", "在办 2 件(-40)",
                             "已借出 5 件、借入 3 件(-20)")


FACTS = st.builds(candidate, st.sampled_from([HANGZHOU, NANJING, *(library(f"CN-{n}") for n in "ABC")]),
                  on_shelf=st.sampled_from([True, None, False]), open_loans=st.integers(0, 50),
                  lent=st.integers(0, 500), borrowed=st.integers(0, 500))


@settings(max_examples=80, deadline=None)
@given(st.lists(FACTS, max_size=6, unique_by=lambda one: one.agency.agency), st.randoms())
def test_reasons_add_up_and_the_same_facts_give_the_same_rota(found: list[Candidate], random: Any) -> None:
    entries = rota(*found)
    assert [entry.score for entry in entries] == sorted((entry.score for entry in entries), reverse=True)
    for entry in entries:
        assert entry.score == sum(int(POINTS.search(reason)[1]) for reason in entry.reasons)  # type: ignore[index]
    random.shuffle(found)
    assert rota(*found) == entries


@pytest.mark.parametrize(("one", "other", "km"), [
    (HOME, HOME, 0.0), (library("A1", 0, 0), library("B1", 0, 1), 111.2), (library("A1", 0, 0), library("B1", 90, 0),
                                                                         10007.5),
    (library("A1", 0, 0), library("B1", 0, 180), 20015.1), (library("A1", 0, 179.5), library("B1", 0, -179.5), 111.2)])
def test_distances_are_those_of_the_globe(one: Agency, other: Agency, km: float) -> None:
    assert distance_km(one, other) == pytest.approx(km, abs=0.1)
    assert distance_km(other, one) == pytest.approx(km, abs=0.1)
