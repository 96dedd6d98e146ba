"""Searches in the tables: facets that narrow, what is available, bounds that are told, suggestions."""

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.catalogue.facets import Facet, Narrowing
from federation.storage import search
from federation.storage.catalogue import Catalogue
from schemas.bib import Bib, Classification
from schemas.identifiers import AgencyId
from tests.databases import sqlite_tables
from tests.federation.catalogue.books import book

YANGPU, SUZHOU, NINGBO = AgencyId("CN-310110-1-YPQ"), AgencyId("CN-320500-1-SZT"), AgencyId("CN-330200-1-NBT")
CITIES = {YANGPU: "上海", SUZHOU: "苏州"}
NOVEL, HISTORY = (Classification(number="I247.5"),), (Classification(number="K827"),)


def shelf(place: str) -> tuple[Bib, ...]:
    return (
        book("红楼梦", "曹雪芹", isbn="9787020002207", record_id="red", year=1996, classes=NOVEL, languages=("chi",),
             barcodes=(f"{place}1", f"{place}2")),
        book("曹雪芹传", "周汝昌", isbn="9787530653814", record_id="life", year=2001, classes=HISTORY,
             languages=("chi",), barcodes=(f"{place}3",)),
        book("红楼梦图", "孙温", record_id=f"{place}4", year=1999, classes=NOVEL, languages=("chi",)),
    )  # fmt: skip


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with sqlite_tables() as connection:
        yield connection


@pytest.fixture
def catalogue(connection: sqlite3.Connection) -> Catalogue:
    catalogue = Catalogue(connection)
    catalogue.upsert(YANGPU, shelf("Y"))
    catalogue.upsert(SUZHOU, shelf("S"))
    catalogue.upsert(NINGBO, shelf("N")[1:2])
    return catalogue


def titles(catalogue: Catalogue, query: str, available: bool = False, **chosen: str) -> list[str]:
    narrowing = Narrowing({Facet(facet): value for facet, value in chosen.items()}, available)
    return [hit.title for hit in catalogue.search(query, narrowing=narrowing, cities=CITIES).hits]


def lend(connection: sqlite3.Connection, agency: AgencyId, *barcodes: str, outcome: str | None = None) -> None:
    for barcode in barcodes:
        connection.execute(
            "INSERT INTO loan (conv, home, supplier, barcode, outcome, lent, changed, state) "
            "VALUES (?, 'home', ?, ?, ?, 1, '', '')", (f"{agency} {barcode}", agency, barcode, outcome))


def test_facets_count_what_was_found(catalogue: Catalogue) -> None:
    page = catalogue.search("曹雪芹", cities=CITIES)
    assert page.facets.counts == {
        Facet.CITY: (("上海", 2), ("苏州", 2)),
        Facet.LIBRARY: ((YANGPU, 2), (SUZHOU, 2), (NINGBO, 1)),
        Facet.DECADE: (("1990", 1), ("2000", 1)),
        Facet.LANGUAGE: (("chi", 2),),
        Facet.CLASS: (("I", 1), ("K", 1)),
    }
    assert (page.facets.counted, page.facets.available) == (2, 2)


@pytest.mark.parametrize(("chosen", "left"), [
    ({"library": NINGBO}, ["曹雪芹传"]), ({"decade": "1990"}, ["红楼梦"]), ({"class": "K"}, ["曹雪芹传"]),
    ({"city": "苏州", "class": "I"}, ["红楼梦"]), ({"city": "宁波"}, []), ({"language": "chi"}, ["曹雪芹传", "红楼梦"]),
])
def test_a_choice_narrows_and_keeps_the_order(catalogue: Catalogue, chosen: dict[str, str], left: list[str]) -> None:
    assert titles(catalogue, "曹雪芹", **chosen) == left


def test_counts_are_those_of_what_was_chosen(catalogue: Catalogue) -> None:
    page = catalogue.search("曹雪芹", narrowing=Narrowing({Facet.CLASS: "I"}), cities=CITIES)
    assert (page.total, page.facets.counts[Facet.LIBRARY]) == (1, ((YANGPU, 1), (SUZHOU, 1)))


def test_the_facets_follow_the_records(catalogue: Catalogue) -> None:
    catalogue.upsert(YANGPU, [shelf("Y")[0].model_copy(update={"year": 2020, "classes": HISTORY})])
    catalogue.delete(SUZHOU, ["red"])
    page = catalogue.search("9787020002207", cities=CITIES)
    assert page.facets.counts[Facet.LIBRARY] == ((YANGPU, 1),)
    assert (page.facets.counts[Facet.DECADE], page.facets.counts[Facet.CLASS]) == ((("2020", 1),), (("K", 1),))


def test_a_book_is_available_until_its_last_copy_is_on_a_loan(catalogue: Catalogue, connection: sqlite3.Connection
                                                              ) -> None:
    assert titles(catalogue, "红楼梦", available=True) == ["红楼梦"]  # the other has no copies
    lend(connection, YANGPU, "Y1", "Y2")
    lend(connection, SUZHOU, "S1")
    assert titles(catalogue, "红楼梦", available=True) == ["红楼梦"]
    lend(connection, SUZHOU, "S2")
    assert titles(catalogue, "红楼梦", available=True) == []
    assert catalogue.search("红楼梦").facets.available == 0


def test_a_loan_that_has_ended_or_of_another_librarys_barcode_takes_nothing_away(
        catalogue: Catalogue, connection: sqlite3.Connection) -> None:
    lend(connection, YANGPU, "Y3", outcome="Completed")
    lend(connection, SUZHOU, "Y3", "S3")
    lend(connection, YANGPU, "N3")
    assert titles(catalogue, "曹雪芹传", available=True) == ["曹雪芹传"]
    assert titles(catalogue, "曹雪芹传", available=True, library=NINGBO) == ["曹雪芹传"]


def test_what_is_bounded_is_told(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue.upsert(YANGPU, [book(f"红楼梦 {number}", record_id=f"r{number}", barcodes=(f"B{number}",))
                              for number in range(30)])
    monkeypatch.setattr(search, "CANDIDATES_MAX", 20)
    monkeypatch.setattr(search, "FACETED_MAX", 10)
    monkeypatch.setattr(search, "AVAILABLE_MAX", 5)
    page = catalogue.search("红楼梦", cities=CITIES)
    assert (page.total, page.capped) == (20, True)
    assert (page.facets.counted, page.facets.available) == (10, None)
    page = catalogue.search("红楼梦", narrowing=Narrowing(available=True))
    assert 0 < page.total == page.facets.available < 5  # of the five best, those with a copy
    assert page.capped


def test_the_title_itself_is_found_beyond_the_bound(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue.upsert(YANGPU, [book("梦的解析", "弗洛伊德", record_id="freud"), book("梦", record_id="dream")])
    monkeypatch.setattr(search, "CANDIDATES_MAX", 1)
    page = catalogue.search("梦", limit=1)
    assert ([hit.title for hit in page.hits], page.capped) == (["梦"], True)


def test_pages_of_a_narrowed_search_follow_each_other(catalogue: Catalogue) -> None:
    catalogue.upsert(YANGPU, [book(f"红楼梦 {number}", record_id=f"r{number}", year=1990) for number in range(25)])
    narrowing = Narrowing({Facet.DECADE: "1990"})
    whole = [hit.cluster_id for hit in catalogue.search("红楼", 200, 0, narrowing).hits]
    pages = [catalogue.search("红楼", 10, offset, narrowing).hits for offset in (0, 10, 20)]
    assert [hit.cluster_id for page in pages for hit in page] == whole
    assert len(whole) == 28


def test_a_withdrawn_book_is_suggested_no_more(catalogue: Catalogue) -> None:
    assert ("author", "孙温") in catalogue.suggest("sunwen")
    catalogue.delete(YANGPU, ["Y4"])
    catalogue.delete(SUZHOU, ["S4"])
    assert catalogue.suggest("sunwen") == ()


@pytest.mark.parametrize("typed", ["hl", "hongl", "红楼", "《红楼"])
def test_titles_are_suggested_in_chinese_pinyin_and_initials(catalogue: Catalogue, typed: str) -> None:
    assert {one.text for one in catalogue.suggest(typed)} == {"红楼梦", "红楼梦图"}


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80), st.dictionaries(st.sampled_from(Facet), st.text(max_size=8)), st.booleans())
def test_anything_may_be_typed_and_chosen(text: str, chosen: dict[Facet, str], available: bool) -> None:
    with sqlite_tables() as connection:
        catalogue = Catalogue(connection)
        catalogue.upsert(YANGPU, shelf("Y"))
        page = catalogue.search(text, narrowing=Narrowing(chosen, available), cities=CITIES)
        assert page.total >= len(page.hits)
        assert len(catalogue.suggest(text)) <= 8
