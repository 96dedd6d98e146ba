"""The union catalogue as libraries' programs ask it: pages of whole works in any order, and terms of its indexes."""

import sqlite3
from datetime import UTC, date, datetime

import pytest

from federation.catalogue.asking import DEPTH_MAX, UnfitQuestion
from federation.storage import union
from federation.storage.catalogue import Catalogue
from federation.storage.engine import Connection
from federation.storage.loans import LoanTable
from federation.storage.union import UnionTable
from schemas.catalogue import (
    CatalogueQuestion,
    Index,
    IndexQuestion,
    Operator,
    Order,
    SortedBy,
    Sought,
)
from schemas.lending import PickupPoint
from schemas.loan import Loan
from tests.databases import dialect_of
from tests.federation.catalogue.books import book
from tests.federation.storage.test_catalogue import NINGBO, RED, SHELF, SUZHOU, YANGPU

AND, OR, NOT = Operator.AND, Operator.OR, Operator.NOT


@pytest.fixture
def table(connection: Connection) -> UnionTable:
    catalogue = catalogue_on(connection)
    catalogue.upsert(YANGPU, SHELF)
    catalogue.upsert(SUZHOU, [book("红楼梦", record_id="s-9", barcodes=("S1",), **RED)])
    return UnionTable(connection, dialect_of(connection).catalogue)


def catalogue_on(connection: Connection) -> Catalogue:
    return Catalogue(connection, dialect_of(connection).catalogue)


def titles(table: UnionTable, *query: Sought | Operator, **question: object) -> list[str]:
    return [work.bib.title for work in table.find(CatalogueQuestion(query=query, **question)).works]


def sought(text: str, index: Index = Index.ANY, **more: bool) -> Sought:
    return Sought(text=text, index=index, **more)


@pytest.mark.parametrize("term", [
    sought("红楼梦"), sought("hongloumeng", Index.TITLE), sought("hong lou meng"), sought("9787020002207"),
    sought("7-02-000220-X", Index.NUMBER), sought("曹雪芹", Index.AUTHOR), sought("红楼", Index.TITLE, is_start=True),
    sought("1996", Index.YEAR), sought("人民文学", Index.PUBLISHER)])
def test_a_work_is_found_by_each_of_its_indexes(table: UnionTable, term: Sought) -> None:
    assert titles(table, term)[0] == "红楼梦"


def test_operators_join_what_stands_before_them(table: UnionTable) -> None:
    red, cao, life = sought("红楼梦"), sought("曹雪芹", Index.AUTHOR), sought("曹雪芹", Index.TITLE)
    assert titles(table, red, cao, AND) == ["红楼梦"]
    assert titles(table, red, cao, NOT) == ["红楼梦研究"]
    assert set(titles(table, red, life, OR)) == {"红楼梦", "红楼梦研究", "曹雪芹传"}
    assert titles(table, red, cao, life, OR, NOT) == ["红楼梦研究"]


def test_of_what_has_no_words_nothing_is_asked(table: UnionTable) -> None:
    assert titles(table, sought("——")) == []
    assert titles(table, sought("红楼梦"), sought("——"), AND) == titles(table, sought("红楼梦"))


@pytest.mark.parametrize("query", [
    (), (AND,), (sought("a"), AND), (sought("a"), sought("b")),
    tuple(step for n in range(DEPTH_MAX) for step in (sought("a"), sought("b"), OR, AND, sought("c"), OR)[n == 0:])])
def test_steps_that_are_no_query_are_refused(table: UnionTable, query: tuple[Sought | Operator, ...]) -> None:
    with pytest.raises(UnfitQuestion):
        titles(table, *query)


def test_a_long_chain_is_one_node_however_long(table: UnionTable) -> None:
    words = [sought("红楼梦"), *(step for _ in range(199) for step in (sought("楼"), AND))]
    assert "红楼梦" in titles(table, *words)


def test_the_deepest_nesting_is_still_asked(table: UnionTable) -> None:
    steps = [sought("红楼梦")]
    for n in range(DEPTH_MAX):
        steps += [sought("曹雪芹" if n % 2 else "楼"), OR if n % 2 else AND]
    assert "红楼梦" in titles(table, *steps)


def test_a_work_is_told_with_all_who_hold_it_and_what_is_out(table: UnionTable, connection: Connection) -> None:
    loan = Loan(conv="loan-0001", home=SUZHOU, pickup=PickupPoint(agency=SUZHOU, point="总服务台"), supplier=YANGPU,
                barcode="A2", due_date=date(2026, 10, 1))
    LoanTable(connection).put(loan, datetime(2026, 9, 1, tzinfo=UTC))
    (work,) = table.find(CatalogueQuestion(query=(sought("红楼梦"), sought("曹雪芹", Index.AUTHOR), AND))).works
    assert work.bib.holdings == ()
    assert [(holder.agency, holder.record_id) for holder in work.holders] == [(YANGPU, "red"), (SUZHOU, "s-9")]
    assert [(copy.barcode, copy.on_loan, copy.due_date) for copy in work.holders[0].copies] == [
        ("A1", False, None), ("A2", True, date(2026, 10, 1))]
    assert work.holders[0].copies[0].call_number == "I/1"


def test_pages_follow_each_other_and_end(table: UnionTable) -> None:
    query = (sought("刘慈欣"), sought("曹雪芹"), OR)
    whole = titles(table, *query)
    pages = [titles(table, *query, offset=n, limit=1) for n in range(len(whole) + 1)]
    assert [title for page in pages for title in page] == whole
    assert table.find(CatalogueQuestion(query=query, limit=0)).total == len(whole) == 4
    assert titles(table, *query, offset=2**52) == []


def test_works_come_in_the_order_asked_for_and_those_without_a_key_last(table: UnionTable) -> None:
    query = (sought("刘慈欣"), sought("曹雪芹"), OR)
    by_year = SortedBy(order=Order.YEAR)
    assert titles(table, *query, order=(by_year,))[:2] == ["红楼梦", "三体"]
    assert titles(table, *query, order=(SortedBy(order=Order.YEAR, descending=True),))[:2] == ["三体", "红楼梦"]
    by_title = (SortedBy(order=Order.TITLE),)
    assert titles(table, *query, order=by_title) == ["曹雪芹传", "红楼梦", "三体", "三体Ⅱ：黑暗森林"]
    by_author = (SortedBy(order=Order.AUTHOR), SortedBy(order=Order.TITLE, descending=True))
    assert titles(table, *query, order=by_author)[1:3] == ["三体Ⅱ：黑暗森林", "三体"]


def test_too_many_works_are_not_put_in_order(table: UnionTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(union, "SORTED_MAX", 1)
    with pytest.raises(UnfitQuestion):
        titles(table, sought("红楼梦"), order=(SortedBy(order=Order.TITLE),))


def test_an_answer_has_no_more_than_it_has_room_for(table: UnionTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(union, "ANSWER_BYTES_MAX", 1_500)
    answer = table.find(CatalogueQuestion(query=(sought("刘慈欣"), sought("曹雪芹"), OR)))
    assert (answer.total, len(answer.works)) == (4, 1)
    monkeypatch.setattr(union, "ANSWER_BYTES_MAX", 10)
    assert titles(table, sought("曹雪芹", Index.AUTHOR)) == ["红楼梦"]


def terms(table: UnionTable, index: Index, start: str, before: int = 0, count: int = 3) -> list[tuple[str, str, int]]:
    answer = table.terms(IndexQuestion(index=index, start=start, before=before, count=count))
    return [(term.text, term.shown, term.works) for term in answer.terms]


def test_titles_and_names_are_told_in_their_order(table: UnionTable) -> None:
    assert terms(table, Index.TITLE, "红") == [("红楼梦", "", 1), ("红楼梦研究", "", 1)]
    assert terms(table, Index.TITLE, "hongl", count=1) == [("hongloumeng", "红楼梦", 1)]
    assert terms(table, Index.TITLE, "design", count=1) == [("Design Patterns", "", 1)]
    assert terms(table, Index.AUTHOR, "刘", count=1) == [("刘慈欣", "", 2)]
    assert terms(table, Index.AUTHOR, "caox", count=1) == [("caoxueqin", "曹雪芹", 1)]


def test_terms_that_precede_are_told_before_the_one_asked_for(table: UnionTable) -> None:
    answer = table.terms(IndexQuestion(index=Index.TITLE, start="红楼梦研究", before=1, count=1))
    assert ([term.text for term in answer.terms], answer.before) == (["红楼梦", "红楼梦研究"], 1)


def test_titles_stand_on_both_sides_of_the_names_keys(table: UnionTable, connection: Connection) -> None:
    catalogue_on(connection).upsert(NINGBO, [book("1984", "Orwell", record_id="o")])
    assert [text for text, _, _ in terms(table, Index.TITLE, "1", count=2)] == ["1984", "C++ Primer"]


def test_isbns_are_told_in_their_order(table: UnionTable) -> None:
    assert terms(table, Index.NUMBER, "978-75") == [("9787536692930", "", 1), ("9787536693968", "", 1)]
    assert table.terms(IndexQuestion(index=Index.NUMBER, start="97875", before=5, count=0)).before == 1


def test_subjects_are_told_by_the_words_of_sqlites_index_and_no_other(table: UnionTable, connection: Connection
                                                                      ) -> None:
    if isinstance(connection, sqlite3.Connection):
        assert terms(table, Index.SUBJECT, "红", count=1) == [("红楼", "", 1)]
    else:
        with pytest.raises(UnfitQuestion):
            terms(table, Index.SUBJECT, "红")


def test_every_term_of_an_index_finds_as_many_works_as_it_tells(table: UnionTable) -> None:
    for index in (Index.TITLE, Index.AUTHOR, Index.NUMBER):
        for text, _, works in terms(table, index, "", count=100):
            assert len(titles(table, sought(text, index), limit=50)) >= works, text
