"""Which records of several targets are one book, and how much a merge holds."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.broker.merging import RECORD_BYTES_MAX, Delivered, Merge, in_turn, normal_volume
from connectors.marc.mapping import record_from_bib
from connectors.marc.writer import write_iso2709
from connectors.z3950 import oid
from connectors.z3950.reply import Record
from schemas.bib import Bib, Contributor, Isbn, MarcFormat

ISBN, OTHER = "7-5366-9293-5", "7-5037-1744-0"


def book(title: str, isbn: str = "", volume: str = "", *, number: str = "1", is_set: bool = False,
         **facts: object) -> Bib:
    isbns = (Isbn.parse(isbn, "全三册" if is_set else ""),) if isbn else ()
    return Bib(record_id=number, source=MarcFormat.CNMARC, title=title, isbns=isbns, volume=volume, **facts)  # type: ignore[arg-type]


def delivered(bib: Bib, target: str = "a") -> Delivered:
    octets = write_iso2709(record_from_bib(bib, MarcFormat.CNMARC))
    return Delivered(target, Record(oid.UNIMARC, octets))


def works_of(*bibs: Bib) -> list[int]:
    """Return how many records each work has."""
    merge = Merge()
    for number, bib in enumerate(bibs):
        merge.add(delivered(bib, f"target {number}"))
    return [len(work.records) for work in merge.works]


@pytest.mark.parametrize("other", [
    book("三体", ISBN, number="2"),
    book("三体", "978-7-5366-9293-0", number="2"),
    book("三体 : 地球往事", ISBN, number="2"),
    book("「三体」", ISBN, number="2"),
])
def test_records_of_one_book_meet(other: Bib):
    assert works_of(book("三体", ISBN), other) == [2]


@pytest.mark.parametrize(("one", "other"), [
    (book("三体", ISBN), book("三体", OTHER, number="2")),
    (book("三体", ISBN), book("红楼梦", ISBN, number="2")),
    (book("红楼梦", ISBN, "上册"), book("红楼梦", ISBN, "下册", number="2")),
    (book("红楼梦", ISBN, is_set=True), book("红楼梦", ISBN, is_set=True, number="2")),
    (book("三体"), book("三体", number="2")),
    (book("三体", date_text="2008"), book("三体", date_text="2016", number="2")),
    (book("", ISBN), book("", ISBN, number="2")),
])
def test_what_may_be_two_books_stays_apart(one: Bib, other: Bib):
    assert works_of(one, other) == [1, 1]


def test_without_an_isbn_title_volume_author_and_year_decide():
    facts = {"date_text": "1957", "contributors": (Contributor(name="曹雪芹"),)}
    assert works_of(book("红楼梦", **facts), book("红楼梦", number="2", **facts)) == [2]


def test_every_record_keeps_its_octets():
    merge, records = Merge(), [delivered(book("三体", ISBN, number=number), number) for number in "123"]
    for record in records:
        merge.add(record)
    assert merge.works[0].records == records


def test_what_is_no_marc_is_a_work_of_its_own():
    merge = Merge()
    for text in (b"one", b"two", b"one"):
        merge.add(Delivered("a", Record(oid.SUTRS, text)))
    assert [len(work.records) for work in merge.works] == [2, 1]


def test_large_records_are_left_out_and_counted():
    merge = Merge(bytes_max=3 * RECORD_BYTES_MAX)
    tracemalloc.start()
    try:
        for number in range(20):
            merge.add(Delivered("a", Record(oid.SUTRS, bytes([number]) * 20_000_000)))
        for number in range(5):
            merge.add(Delivered("a", Record(oid.SUTRS, bytes([number]) * RECORD_BYTES_MAX)))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(merge.works), merge.left_out) == (3, 22)
    assert held < 4 * RECORD_BYTES_MAX


@given(st.integers(1, 99))
def test_a_volume_s_number_is_one_however_it_is_written(number: int):
    tens, units = divmod(number, 10)
    digits = "〇一二三四五六七八九"
    chinese = ("" if tens == 0 else "十" if tens == 1 else digits[tens] + "十") + (digits[units] if units else "")
    assert normal_volume(f"第{chinese}册") == normal_volume(f"v. {number:03}") == str(number)


def test_targets_take_turns():
    lists = [[delivered(book("书"), name)] * count for name, count in (("a", 2), ("b", 0), ("c", 1))]
    assert [each.target for each in in_turn(lists)] == ["a", "c", "a"]
