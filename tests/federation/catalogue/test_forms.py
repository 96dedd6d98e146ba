"""One form for each fact, however it is written: what cataloguers of two libraries write for one thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.catalogue.forms import (
    bracketed_qualifier,
    normal_book_number,
    normal_edition,
    normal_name,
    normal_publisher,
    normal_volume,
    places,
    printed_year,
    split_volume,
)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("三体", ("三体", "", "")),
        ("三体Ⅲ：死神永生", ("三体", "3", "死神永生")),
        ("平凡的世界 第一部", ("平凡的世界", "1", "")),
        ("平凡的世界（全三部）", ("平凡的世界", "", "")),
        ("红楼梦（上）", ("红楼梦", "上", "")),
        ("红楼梦 下册", ("红楼梦", "下", "")),
        ("红楼梦 上下册", ("红楼梦", "", "")),
        ("红楼梦（上、中、下）", ("红楼梦", "", "")),
        ("天龙八部（四）", ("天龙八部", "4", "")),
        ("天龙八部(5)", ("天龙八部", "5", "")),
        ("天龙八部. 5", ("天龙八部", "5", "")),
        ("汉书 2", ("汉书", "2", "")),
        ("三体之二", ("三体", "2", "")),
        ("资治通鉴 卷三", ("资治通鉴", "3", "")),
        ("红楼梦（1996）", ("红楼梦", "", "")),
        ("中国通史. 第二十三卷", ("中国通史", "23", "")),
        ("The Art of Computer Programming, Vol. 2", ("the art of computer programming", "2", "")),
        ("The Lord of the Rings, Part One", ("the lord of the rings", "1", "")),
        ("Ping fan de shi jie v. 2", ("ping fan de shi jie", "2", "")),
        ("1984", ("1984", "", "")),
        ("中国统计年鉴. 2019", ("中国统计年鉴. 2019", "", "")),
        ("上海的早晨", ("上海的早晨", "", "")),
        ("第二性", ("第二性", "", "")),
        ("第一卷", ("第一卷", "", "")),
        ("一个人的上下五千年", ("一个人的上下五千年", "", "")),
    ],
)
def test_a_volume_is_told_from_its_title(title: str, expected: tuple[str, str, str]) -> None:
    assert split_volume(title) == expected


@pytest.mark.parametrize("text", ["第三册", "3", "Ⅲ", "vol. 3", "v.3", "v. 3", "Part III", "Book three", "第3卷", "三",
                                  "之三", "卷三", "第叁册", "Bd. 3", "t. 3", "（三）"])
def test_a_volume_number_has_one_form(text: str) -> None:
    assert normal_volume(text) == "3"


@pytest.mark.parametrize(("text", "expected"), [
    ("上册", "上"), ("上卷", "上"), ("下", "下"), ("中", "中"), ("十", "10"), ("十二", "12"), ("二十", "20"),
    ("一百零五", "105"), ("xiv", "14"), ("全三册", ""), ("上中下册", ""), ("上、下", ""), ("第1-3册", "1-3"),
    ("宏观经济学分册", "宏观经济学分册"), ("", "")])
def test_other_volumes_are_told_apart(text: str, expected: str) -> None:
    assert normal_volume(text) == expected


def test_a_volume_in_words_may_be_one_in_numbers_and_only_the_set_tells_which_is_last() -> None:
    found = [places(volume) for volume in ("上", "中", "下", "7")]
    assert found == [("上", "1"), ("中", "2"), ("下", "2", "3"), ("7",)]


@pytest.mark.parametrize(("written", "expected"), [
    ("2版", "2"), ("第二版", "2"), ("第2版", "2"), ("Second edition", "2"), ("2nd ed.", "2"), ("2nd rev. ed.", "2r"),
    ("第二版 修订本", "2r"), ("增订本", "r"), ("1版3次", "1"), ("典藏版", ""), ("", "")])
def test_an_edition_has_one_form(written: str, expected: str) -> None:
    assert normal_edition(written) == expected


@pytest.mark.parametrize("text", ["曹雪芹", "（清）曹雪芹著", "[清] 曹雪芹 撰", "曹雪芹 等編著", "曹雪芹，"])
def test_a_name_has_one_form(text: str) -> None:
    assert normal_name(text) == "曹雪芹"


@pytest.mark.parametrize(("text", "expected"), [
    ("勃朗特, 夏洛蒂", "夏洛蒂勃朗特"), ("J.K. 罗琳", "罗琳"), ("Bradley, Timothy J.", "bradley timothy"),
    ("Brontë, Charlotte", "bronte charlotte")])
def test_a_foreign_name_has_one_form(text: str, expected: str) -> None:
    assert normal_name(text) == expected


@pytest.mark.parametrize("text", ["上海译文出版社", "上海譯文出版社有限公司", "上海 译文 出版社"])
def test_a_publisher_has_one_form(text: str) -> None:
    assert normal_publisher(text) == "上海译文"


@pytest.mark.parametrize("text", ["Shanghai yi wen chu ban she", "Shanghai yiwen chubanshe", "Shanghai Yiwen"])
def test_a_publisher_in_pinyin_has_one_form(text: str) -> None:
    assert normal_publisher(text) == "shanghaiyiwen"


def test_a_publisher_that_is_only_a_form_of_company_keeps_its_name() -> None:
    assert normal_publisher("出版社") == "出版社"


@pytest.mark.parametrize("text", ["10019·3456", "10019.3456", "10019－3456", "書號：10019•3456", "10019-3456 定价0.85"])
def test_a_unified_book_number_has_one_form(text: str) -> None:
    assert normal_book_number(text) == "10019-3456"


@pytest.mark.parametrize(("text", "expected"), [
    ("2004", 2004), ("[2004]", 2004), ("c1998", 1998), ("2004-", 2004), ("2013.1", 2013), ("200710", None),
    ("民国二十四年", 1935), ("民國24年[1935]", 1935), ("一九八二", None), ("", None)])
def test_a_printed_year_is_read(text: str, expected: int | None) -> None:
    assert printed_year(text) == expected


@pytest.mark.parametrize(("title", "expected"), [
    ("高等数学（经管类）", "经管类"), ("高等数学（第六版）上册", ""), ("红楼梦（全三册）", ""), ("红楼梦（精装）", ""),
    ("红楼梦", "")])
def test_what_a_title_adds_in_brackets_is_kept_apart(title: str, expected: str) -> None:
    assert bracketed_qualifier(title) == expected


@given(st.text("第一二三四五六七八九十百零卷册部上中下全壹0123456789ivxVol. （）()[]-~至民国年版·", max_size=300))
def test_any_text_has_a_form(text: str) -> None:
    for form in (split_volume, normal_volume, normal_edition, normal_name, normal_publisher, normal_book_number,
                 printed_year, bracketed_qualifier):
        form(text)
