import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.catalogue.facets import (
    CLASSES,
    LANGUAGES_MAX,
    NOWHERE,
    Facet,
    Marked,
    Narrowing,
    count,
    marks_from,
    marks_of,
    narrowed,
)
from federation.web.texts import load_texts
from schemas.bib import Bib, Classification, Scheme
from tests.federation.catalogue.books import book

CITIES = {"CN-1": "上海", "CN-2": "上海", "CN-3": "杭州"}
BOOKS = (
    Marked(1, "1990|chi|I", "CN-1,CN-2"),
    Marked(2, "1990|chi eng|I K", "CN-3"),
    Marked(3, "|eng|", "CN-1,CN-4"),
)


def classified(*numbers: str, **fields: object) -> Bib:
    return book("书", classes=tuple(Classification(number=number) for number in numbers), **fields)


def test_marks_are_decade_languages_and_top_classes() -> None:
    bib = classified("I242.4", "K827", "I206", year=1996, languages=("chi", "ENG"))
    assert marks_from(marks_of(bib)) == (("1990",), ("chi", "eng"), ("I", "K"))


@pytest.mark.parametrize(("year", "decades"), [(2000, ("2000",)), (1989, ("1980",)), (None, ()), (-50, ()), (0, ())])
def test_a_year_belongs_to_its_decade(year: int | None, decades: tuple[str, ...]) -> None:
    assert marks_from(marks_of(book("书", year=year))).decades == decades


def test_another_scheme_an_unknown_letter_and_a_damaged_code_count_nowhere() -> None:
    other = book("书", classes=(Classification(number="QA76", scheme=Scheme.LCC), Classification(number="W1")),
                 languages=("c|i", "", "chinese"))
    assert marks_from(marks_of(other)) == ((), (), ())


def test_a_dictionary_of_many_languages_counts_under_its_first() -> None:
    bib = book("书", languages=("chi", "eng", "fre", "ger", "rus", "jpn"))
    assert len(marks_from(marks_of(bib)).languages) == LANGUAGES_MAX


def test_a_city_counts_a_book_once_however_many_of_its_libraries_hold_it() -> None:
    counts = count(BOOKS, CITIES)
    assert counts[Facet.CITY] == (("上海", 2), ("杭州", 1))
    assert counts[Facet.LIBRARY] == (("CN-1", 2), ("CN-2", 1), ("CN-3", 1), ("CN-4", 1))
    assert counts[Facet.DECADE] == (("1990", 2),)
    assert counts[Facet.LANGUAGE] == (("chi", 2), ("eng", 2))
    assert counts[Facet.CLASS] == (("I", 2), ("K", 1))


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        ({}, [1, 2, 3]),
        ({Facet.CITY: "上海"}, [1, 3]),
        ({Facet.LIBRARY: "CN-3"}, [2]),
        ({Facet.LANGUAGE: "eng", Facet.DECADE: "1990"}, [2]),
        ({Facet.CLASS: "I", Facet.CITY: "上海"}, [1]),
        ({Facet.CLASS: "V"}, []),
        ({Facet.LIBRARY: "CN"}, []),
    ],
)
def test_every_chosen_value_narrows(chosen: dict[Facet, str], left: list[int]) -> None:
    assert [one.number for one in narrowed(BOOKS, Narrowing(chosen), CITIES)] == left


MARKED = st.builds(
    Marked, st.just(1), st.builds("{}|{}|{}".format, st.sampled_from(["", "1990", "2000"]),
                                  st.sampled_from(["", "chi", "chi eng"]), st.sampled_from(["", "I", "I K"])),
    st.lists(st.sampled_from(["CN-1", "CN-2", "CN-3", "CN-4"]), min_size=1, unique=True).map(",".join))


@given(st.lists(MARKED), st.sampled_from(Facet))
def test_a_count_is_what_choosing_that_value_leaves(books: list[Marked], facet: Facet) -> None:
    for value, number in count(books, CITIES)[facet]:
        assert len(narrowed(books, Narrowing({facet: value}), CITIES)) == number


def test_without_a_directory_there_are_no_cities() -> None:
    assert count(BOOKS, NOWHERE)[Facet.CITY] == ()


@pytest.mark.parametrize("texts", load_texts().values())
def test_every_class_has_its_name(texts: dict[str, dict[str, str]]) -> None:
    assert {f"class.{letter}" for letter in CLASSES} <= texts["facets"].keys()
    assert {f"facet.{facet}" for facet in Facet} <= texts["facets"].keys()


@given(st.lists(st.text(max_size=6), max_size=5).map(tuple), st.lists(st.text(max_size=6), max_size=3))
def test_any_record_has_marks_that_can_be_read_again(languages: tuple[str, ...], numbers: list[str]) -> None:
    marks = marks_from(marks_of(classified(*numbers, languages=languages)))
    assert all(len(code) == 3 for code in marks.languages)
    assert set(marks.classes) <= set(CLASSES)
