import re
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.catalogue.document import COLUMNS
from federation.catalogue.query import FIELDS, QUERY_CHARS_MAX, TERMS_MAX, match_expression, parse
from federation.catalogue.ranking import Question, tiers

OPERATORS = ["OR", "AND", "NOT", "NEAR", "title:", "author:", "--", "/*"]
PIECES = [*OPERATORS, *"\"'*:()-+^{}[];\\ \t\x00‖“”：", "红楼梦", "hong", "a", "1"]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


def words(text: str) -> list[list[str]]:
    return [[term.text for term in group] for group in parse(text).groups]


def test_all_words_must_match() -> None:
    assert words("东方快车 克里斯蒂") == [["东方快车"], ["克里斯蒂"]]


def test_or_joins_its_neighbours() -> None:
    assert words("猫 OR 狗 漫画") == [["猫", "狗"], ["漫画"]]


def test_a_refused_term_is_excluded() -> None:
    query = parse("猫 -漫画")
    assert [term.text for term in query.excluded] == ["漫画"]


@pytest.mark.parametrize("text", ['"war and peace"', "“war and peace”"])
def test_a_quoted_phrase_is_one_term(text: str) -> None:
    assert words(text) == [["war and peace"]]


@pytest.mark.parametrize("text", ["author:鲁迅", "作者：鲁迅", 'AUTHOR:"鲁迅"'])
def test_a_field_narrows_its_term(text: str) -> None:
    assert parse(text).groups[0][0].columns == ("author",)


@pytest.mark.parametrize("text", ["9787536692930", "978-7-5366-9293-0", "978 7 5366 9293 0", "isbn:9787536692930"])
def test_an_isbn_is_read_in_any_form(text: str) -> None:
    assert match_expression(parse(text)) == '({isbn} : ("9787536692930"))'


def test_an_isbn_of_ten_digits_is_the_one_of_thirteen() -> None:
    assert words("7-5037-1744-0") == [["9787503717444"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("OR", [["OR"]]),
        ("OR 猫", [["OR"], ["猫"]]),
        ("猫 OR", [["猫"], ["OR"]]),
        ('"猫', [['"猫']]),
        ("-猫", [["猫"]]),
        ("colour:red", [["colour:red"]]),
        ("title:", [["title:"]]),
        ("* - \"\" ()", []),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_read_as_words(text: str, expected: list[list[str]]) -> None:
    assert words(text) == expected


def test_a_word_also_finds_the_chinese_it_spells() -> None:
    assert '{pinyin} : "hong lou meng"' in match_expression(parse("hongloumeng"))


def test_a_beginning_of_one_letter_is_a_whole_word() -> None:
    assert match_expression(parse("a*")) == '("a")'
    assert match_expression(parse("ab*")) == '("ab" *)'


def test_a_query_is_bounded() -> None:
    assert len(parse("猫 " * 10_000).groups) == TERMS_MAX
    assert all(len(term) <= QUERY_CHARS_MAX for group in words("x" * 10_000) for term in group)


def test_the_fields_are_columns_of_the_index() -> None:
    assert {column for columns in FIELDS.values() for column in columns} <= set(COLUMNS)


@pytest.fixture(scope="module")
def index() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE i USING fts5 ({', '.join(COLUMNS)}, tokenize=\"ascii tokenchars '+#'\")")
    return connection


@given(HOSTILE | st.text(max_size=40))
def test_no_input_can_break_the_index_syntax(index: sqlite3.Connection, text: str) -> None:
    query = parse(text)
    for tier in tiers(query):
        if tier.question is Question.MATCH:
            index.execute("SELECT rowid FROM i WHERE i MATCH ?", (tier.argument,)).fetchall()


@given(HOSTILE)
def test_typed_text_reaches_the_index_only_as_quoted_tokens(text: str) -> None:
    query = parse(text)
    if not query.groups:
        return
    pieces = match_expression(query).split('"')
    syntax = set(re.findall(r"[^\s(){}:]+", " ".join(pieces[0::2])))
    assert syntax <= {"*", "AND", "OR", "NOT", *COLUMNS}
    assert all(char.isalnum() or char in " +#" for char in "".join(pieces[1::2]))
