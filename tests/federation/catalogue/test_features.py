import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.catalogue.features import (
    NAME_CHARS_MAX,
    features_of,
    normal_edition,
    normal_name,
    normal_publisher,
    normal_volume,
    split_volume,
)
from schemas.bib import Contributor
from tests.federation.catalogue.books import book


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("三体", ("三体", "", "")),
        ("三体Ⅲ：死神永生", ("三体", "3", "死神永生")),
        ("平凡的世界 第一部", ("平凡的世界", "1", "")),
        ("平凡的世界（全三部）", ("平凡的世界", "", "")),
        ("红楼梦（上）", ("红楼梦", "上", "")),
        ("红楼梦 下册", ("红楼梦", "下", "")),
        ("中国通史. 第二十三卷", ("中国通史", "23", "")),
        ("The Art of Computer Programming, Vol. 2", ("the art of computer programming", "2", "")),
        ("1984", ("1984", "", "")),
        ("上海的早晨", ("上海的早晨", "", "")),
        ("第二性", ("第二性", "", "")),
        ("第一卷", ("第一卷", "", "")),
    ],
)
def test_a_volume_is_told_from_its_title(title: str, expected: tuple[str, str, str]) -> None:
    assert split_volume(title) == expected


@pytest.mark.parametrize("text", ["第三册", "3", "Ⅲ", "vol. 3", "Part III", "第3卷", "三"])
def test_a_volume_number_has_one_form(text: str) -> None:
    assert normal_volume(text) == "3"


def test_numerals_are_read() -> None:
    assert [normal_volume(text) for text in ("十", "十二", "二十", "一百零五", "xiv")] == [
        "10",
        "12",
        "20",
        "105",
        "14",
    ]


def test_an_edition_has_one_form() -> None:
    written = ("2版", "Second edition", "2nd rev. ed.", "增订本")
    assert [normal_edition(text) for text in written] == ["2", "2", "2r", "r"]


@pytest.mark.parametrize("text", ["曹雪芹", "（清）曹雪芹著", "[清] 曹雪芹 撰", "曹雪芹 等編著"])
def test_a_name_has_one_form(text: str) -> None:
    assert normal_name(text) == "曹雪芹"


@pytest.mark.parametrize("text", ["上海译文出版社", "上海譯文出版社有限公司", "上海 译文 出版社"])
def test_a_publisher_has_one_form(text: str) -> None:
    assert normal_publisher(text) == "上海译文"


def test_a_publisher_that_is_only_a_form_of_company_keeps_its_name() -> None:
    assert normal_publisher("出版社") == "出版社"


def test_authors_and_translators_are_told_apart_in_a_statement_of_responsibility() -> None:
    features = features_of(book("无人生还", responsibility="（英）阿加莎·克里斯蒂著；夏阳译"))
    assert features.authors == ("阿加莎克里斯蒂",)
    assert features.translators == ("夏阳",)


def test_an_inverted_name_is_the_direct_one() -> None:
    direct = book("Book", contributors=(Contributor(name="Timothy Bradley"),))
    inverted = book("Book", contributors=(Contributor(name="Bradley, Timothy", inverted=True),))
    assert features_of(direct).authors == features_of(inverted).authors


def test_the_isbn_of_a_set_is_kept_apart_from_the_volumes_own() -> None:
    features = features_of(book("红楼梦", isbn="9787020002207", qualifier="全三册"))
    assert (features.isbns, features.set_isbns) == ((), ("9787020002207",))


@given(st.text(max_size=60), st.text("第一二三四五六七八九十百零卷册上中下0123456789ivxVol. （）()", max_size=20))
def test_any_text_has_features_of_bounded_size(text: str, volume: str) -> None:
    features = features_of(book((text + volume) * 50, text, volume=volume, edition=text + "版", publisher=text * 50))
    assert all(len(title) <= NAME_CHARS_MAX for title in (*features.titles, *features.publishers))
