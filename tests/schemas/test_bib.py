"""Numbers, prices and the record itself: what identifies a book, what only helps to find it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.bib import (
    Bib,
    CirculationStatus,
    Classification,
    Isbn,
    Item,
    MarcFormat,
    Scheme,
    normalise_isbn,
    price_fen,
)


@pytest.mark.parametrize(
    ("text", "isbn13"),
    [
        ("978-7-302-48812-5", "9787302488125"),
        ("7-113-05198-7", "9787113051983"),
        ("7-5037-2790-X", "9787503727900"),
        ("7-5037-2790-x (精装)", "9787503727900"),
        ("ISBN 978 7 5366 9293 0", "9787536692930"),
        ("９７８７５３６６９２９３０", "9787536692930"),
        ("978－7－5366－9293－0", "9787536692930"),
        ("7–5037–1744–0", "9787503717444"),
        ("7-5325-1234-5", None),
        ("978-7-302-48812-6", None),
        ("9797302488125", None),
        ("CNY68.00", None),
        ("", None),
    ],
)
def test_an_isbn_has_one_normal_form_or_none(text: str, isbn13: str | None) -> None:
    assert normalise_isbn(text) == isbn13


@given(st.text(alphabet="0123456789Xx-－ ()ISBN", max_size=30))
def test_whatever_is_normalised_is_thirteen_digits_with_a_right_check_digit(text: str) -> None:
    isbn13 = normalise_isbn(text)
    if isbn13 is not None:
        assert len(isbn13) == 13
        assert sum(int(d) * (1 + 2 * (i % 2)) for i, d in enumerate(isbn13)) % 10 == 0
        assert normalise_isbn(isbn13) == isbn13


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("CNY68.00", 6800),
        ("￥66.00（全三册）", 6600),
        ("CNY79.00 (含光盘)", 7900),
        ("CNY赠90.00", 9000),
        ("¥9.8", 980),
        ("35", 3500),
        ("NT$500", None),
        ("USD12.00", None),
        ("HK$80", None),
        ("12.00美元", None),
        ("非卖品", None),
        ("CNY1.2.3", None),
        ("", None),
    ],
)
def test_a_price_in_yuan_is_fen_and_another_currency_is_none(text: str, fen: int | None) -> None:
    assert price_fen(text) == fen


def test_an_isbn_with_a_wrong_check_digit_is_kept_and_not_valid() -> None:
    wrong = Isbn.parse("7-5325-1234-5", price_text="CNY25.00")
    assert (wrong.as_written, wrong.isbn13, wrong.valid) == ("7-5325-1234-5", None, False)


def test_a_cancelled_isbn_is_never_valid() -> None:
    cancelled = Isbn.parse("7-5037-1744-0", cancelled=True)
    assert (cancelled.isbn13, cancelled.valid) == ("9787503717444", False)


@pytest.mark.parametrize(
    ("qualifier", "is_set"),
    [("全三册", True), ("全2册 : 精装", True), ("套装", True), ("set", True), ("精装", False), ("上册", False)],
)
def test_a_set_is_told_by_its_qualifier(qualifier: str, is_set: bool) -> None:
    assert Isbn.parse("7-5037-1744-0", qualifier).is_set is is_set


def test_a_bib_is_frozen_and_refuses_what_it_does_not_know() -> None:
    bib = Bib(record_id="1", source=MarcFormat.CNMARC, title="三体")
    with pytest.raises(ValidationError, match="frozen"):
        bib.title = "活着"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Bib.model_validate({"record_id": "1", "source": "CNMARC", "author": "刘慈欣"})


def test_only_the_chinese_classification_is_clc() -> None:
    classes = (Classification(number="I247.5"), Classification(number="823", scheme=Scheme.DEWEY))
    assert Bib(record_id="1", source=MarcFormat.CNMARC, classes=classes).clc == ("I247.5",)


def test_circulation_status_has_the_thirteen_codes_of_sip2() -> None:
    assert [status.value for status in CirculationStatus] == [f"{code:02d}" for code in range(1, 14)]
    assert CirculationStatus("03") is CirculationStatus.AVAILABLE


@pytest.mark.parametrize("change", [{"year": 2**70}, {"record_id": "x" * 501}])
def test_what_no_database_or_message_can_hold_is_no_bib(change):
    with pytest.raises(ValidationError):
        Bib.model_validate({"record_id": "1", "source": "CNMARC", **change})


def test_a_price_is_money_that_every_end_can_count():
    with pytest.raises(ValidationError):
        Item(barcode="1", price_fen=2**70)
