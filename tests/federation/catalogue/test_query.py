import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.catalogue.document import COLUMNS
from federation.catalogue.query import (
    AUTHOR_COLUMNS,
    FIELDS,
    ISBN_COLUMNS,
    PIECES_MAX,
    QUERY_CHARS_MAX,
    All,
    Either,
    Node,
    Term,
    parse,
)
from tests.federation.catalogue.typed import HOSTILE


def shape(node: Node | None) -> object:
    """A tree in brackets: (all …) as a list, one of several as a tuple, what is refused behind a "-"."""
    if isinstance(node, Term):
        return node.text
    if isinstance(node, Either):
        return tuple(shape(part) for part in node.parts)
    if isinstance(node, All):
        refused = ["-", *map(shape, node.refused)] if node.refused else []
        return [*map(shape, node.parts), *refused]
    return None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("东方快车 克里斯蒂", ["东方快车", "克里斯蒂"]),
        ("猫 OR 狗 漫画", [("猫", "狗"), "漫画"]),
        ("猫 或 狗 漫画", [("猫", "狗"), "漫画"]),
        ("猫 AND 狗", ["猫", "狗"]),
        ("猫 与 狗", ["猫", "狗"]),
        ("猫 -漫画", ["猫", "-", "漫画"]),
        ("猫 NOT 漫画", ["猫", "-", "漫画"]),
        ("猫 非 漫画", ["猫", "-", "漫画"]),
        ("猫 AND NOT 漫画", ["猫", "-", "漫画"]),
        ("(猫 狗) OR 漫画", (["猫", "狗"], "漫画")),
        ("（猫 OR 狗） （漫画 OR 小说）", [("猫", "狗"), ("漫画", "小说")]),
        ("猫 -(狗 OR 漫画)", ["猫", "-", ("狗", "漫画")]),
        ("((猫 OR (狗 -旧)))", ("猫", ["狗", "-", "旧"])),
        ('"war and peace" 托尔斯泰', ["war and peace", "托尔斯泰"]),
        ("“war and peace”", "war and peace"),
    ],
)
def test_words_operators_and_brackets_make_a_tree(text: str, expected: object) -> None:
    assert shape(parse(text).root) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("OR", "OR"),
        ("OR 猫", ["OR", "猫"]),
        ("猫 OR", ["猫", "OR"]),
        ("非 诚勿扰", ["非", "诚勿扰"]),
        ("war and peace", ["war", "and", "peace"]),
        ('"猫', '"猫'),
        ("-猫", "猫"),
        ("-(猫)", "猫"),
        ("colour:red", "colour:red"),
        ("title:", "title:"),
        ("平凡的世界（全三部）", "平凡的世界（全三部）"),
        ("(红楼梦(上) OR 水浒)", ("红楼梦(上)", "水浒")),
        ("(猫", "猫"),
        ("猫)", "猫)"),
        ("* - \"\" ()", None),
        ("猫 OR ()", "猫"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_read_as_words(text: str, expected: object) -> None:
    assert shape(parse(text).root) == expected


@pytest.mark.parametrize("text", ["author:鲁迅", "作者：鲁迅", 'AUTHOR:"鲁迅"'])
def test_a_field_narrows_its_term(text: str) -> None:
    root = parse(text).root
    assert isinstance(root, Term)
    assert (root.text, root.columns) == ("鲁迅", AUTHOR_COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        "9787536692930", "978-7-5366-9293-0", "978 7 5366 9293 0", "９７８７５３６６９２９３０", "978–7–5366–9293–0",
        "isbn:9787536692930", "ISBN 978-7-5366-9293-0", "ISBN978-7-5366-9293-0", "isbn-13: 978 7 5366 9293 0",
        "7-5366-9293-5", "ISBN：７５３６６９２９３５",
    ],
)  # fmt: skip
def test_an_isbn_is_read_in_any_form(text: str) -> None:
    assert parse(text).root == Term("9787536692930", ISBN_COLUMNS)


def test_an_isbn_may_stand_among_words() -> None:
    assert parse("三体 978-7-5366-9293-0").root == All((Term("三体"), Term("9787536692930", ISBN_COLUMNS)))


@pytest.mark.parametrize("text", ["1984", "2001 太空漫游", "x", "ISBN"])
def test_a_number_that_is_no_isbn_is_a_word(text: str) -> None:
    assert all(term.columns == () for term in terms(parse(text).root))


def test_a_wrong_isbn_is_looked_up_as_it_was_catalogued() -> None:
    assert parse("isbn:7-5325-1234-5").root == Term("7532512345", ISBN_COLUMNS)
    assert parse("7-5325-1234-5").root == Term("7532512345")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("红楼 梦", "红楼梦"), ("title:红楼 梦", "红楼梦"), ("战争 与 和平", "战争与和平"),
        ("War AND Peace", "warandpeace"),
        ("author:鲁迅", ""), ("猫 OR 狗", ""), ("猫 -狗", ""), ("猫咪*", ""), ("(猫) 狗", ""), ("9787536692930", ""),
    ],
)  # fmt: skip
def test_plain_words_may_be_a_title(text: str, title: str) -> None:
    assert parse(text).title == title


def test_of_several_words_each_may_be_a_title() -> None:
    assert parse("红楼梦 曹雪芹 publisher:人民").words == ("红楼梦", "曹雪芹")
    assert parse("红楼梦").words == ()


def test_a_beginning_of_one_letter_is_a_whole_word() -> None:
    assert [term.prefix for term in terms(parse("a* ab* 猫咪*").root)] == [False, True, True]


def test_a_query_is_bounded() -> None:
    assert len(terms(parse("猫 " * 10_000).root)) == PIECES_MAX
    assert all(len(term.text) <= QUERY_CHARS_MAX for term in terms(parse("x" * 10_000).root))
    assert depth(parse("(" * 200 + "猫 OR 狗").root) <= PIECES_MAX


def test_the_fields_are_columns_of_the_index() -> None:
    assert {column for columns in FIELDS.values() for column in columns} <= set(COLUMNS)


@given(HOSTILE | st.text(max_size=300))
def test_any_text_is_a_query(text: str) -> None:
    root = parse(text).root
    assert depth(root) <= PIECES_MAX
    for term in terms(root):
        assert term.text.strip() or not term.text


def terms(node: Node | None) -> list[Term]:
    if node is None or isinstance(node, Term):
        return [node] if node else []
    refused = node.refused if isinstance(node, All) else ()
    return [term for part in (*node.parts, *refused) for term in terms(part)]


def depth(node: Node | None) -> int:
    if node is None or isinstance(node, Term):
        return 0
    refused = node.refused if isinstance(node, All) else ()
    return 1 + max(depth(part) for part in (*node.parts, *refused))
