import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.catalogue.document import author_keys
from federation.catalogue.suggesting import TYPED_CHARS_MAX, Known, beginnings, suggestions

RED = Known("红楼梦", 9, "红楼梦", "曹雪芹; 高鹗")
STUDY = Known("红楼梦研究", 20, "红楼梦研究", "俞平伯")


def texts(typed: str, *known: Known, limit: int = 8) -> list[str]:
    return [one.text for one in suggestions(typed, known, limit)]


@pytest.mark.parametrize("typed", ["", " ", "h", "《", "x" * (TYPED_CHARS_MAX + 1)])
def test_too_little_and_too_much_begin_nothing(typed: str) -> None:
    assert beginnings(typed) == ()


@pytest.mark.parametrize(("typed", "key"), [
    ("红", "红"), ("HongLou", "honglou"), ("紅樓", "红楼"), ("hong'lou", "honglou"), ("ｈｌ", "hl"),
])
def test_what_is_typed_is_folded_as_keys_are(typed: str, key: str) -> None:
    assert beginnings(typed) == (key, f"@{key}")


def test_the_whole_title_comes_first_then_what_most_libraries_hold() -> None:
    assert texts("红楼", RED, STUDY) == ["红楼梦研究", "红楼梦"]
    assert texts("红楼梦", RED, STUDY) == ["红楼梦", "红楼梦研究"]


def test_a_title_is_suggested_once_and_its_editions_count_together() -> None:
    other = RED._replace(agencies=12)
    assert texts("红楼", STUDY, RED, other) == ["红楼梦", "红楼梦研究"]


@pytest.mark.parametrize("typed", ["高", "gaoe", "GE", "高鹗"])
def test_of_a_books_authors_only_those_of_that_name_are_suggested(typed: str) -> None:
    keys = [RED._replace(key=key) for key in author_keys("高鹗")]
    found = suggestions(typed, keys, 8)
    assert [(one.kind, one.text) for one in found] == [("author", "高鹗")]


def test_suggestions_are_few() -> None:
    many = [Known(f"书{number}", 1, f"书{number}", "") for number in range(100)]
    assert len(texts("书", *many, limit=5)) == 5


@given(st.text(max_size=80))
def test_anything_may_be_typed(typed: str) -> None:
    assert len(beginnings(typed)) in (0, 2)
    assert suggestions(typed, [RED, STUDY], 1)
