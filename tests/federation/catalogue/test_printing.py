import re
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.catalogue.document import BREAK, COLUMNS
from federation.catalogue.printing import POSITION_MAX, TAGS, fts5, tsquery, tsvector
from federation.catalogue.query import parse
from federation.catalogue.ranking import Question, tiers
from tests.federation.catalogue.typed import HOSTILE


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("红楼梦", (), '"红楼 楼梦"'),
        ("梦", ("title",), '{title} : "梦" *'),
        ("ab* c", (), '("ab" * AND "c")'),
        ("猫咪 OR 小狗", ("title",), '({title} : "猫咪" OR {title} : "小狗")'),
        ("红楼梦 -author:高鹗", ("title",), '({title} : "红楼 楼梦" NOT {author author_pinyin} : "高鹗")'),
        ("hongloumeng", (), '("hongloumeng" OR {pinyin author_pinyin} : "hong lou meng")'),
        ("title:hongloumeng", (), '({title pinyin} : "hongloumeng" OR {pinyin} : "hong lou meng")'),
        ('"hongloumeng"', (), '"hongloumeng"'),
        ("author:鲁迅", ("title",), None),
        ("author:鲁迅 OR 故事新编", ("title",), '{title} : "故事 事新 新编"'),
        ("author:鲁迅 故事新编", ("title",), None),
        ("()", (), None),
    ],
)
def test_a_query_in_the_words_of_fts5(text: str, columns: tuple[str, ...], expected: str | None) -> None:
    assert fts5(parse(text), columns) == expected


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("红楼梦", ("title",), "('t红楼' <-> 't楼梦')"),
        ("梦", ("title",), "'t梦':*"),
        ("author:鲁迅", (), "('a鲁迅' | 'n鲁迅')"),
        ("猫咪 OR 小狗", ("title",), "('t猫咪' | 't小狗')"),
        ("红楼梦 -publisher:人民", ("title",), "(('t红楼' <-> 't楼梦') & !'k人民')"),
        ("title:honglou", (), "(('thonglou' | 'phonglou') | ('phong' <-> 'plou'))"),
        ("author:鲁迅", ("title",), None),
    ],
)
def test_a_query_in_the_words_of_a_tsquery(text: str, columns: tuple[str, ...], expected: str | None) -> None:
    assert tsquery(parse(text), columns) == expected


def test_every_column_has_a_tag_of_its_own() -> None:
    assert len(set(TAGS.values())) == len(COLUMNS)


def test_no_phrase_runs_from_one_column_or_segment_into_the_next() -> None:
    assert tsvector([f"a b {BREAK} c", "d"]) == "'ta':1 'tb':2 'tc':4 'pd':6"


def test_positions_are_those_that_a_tsvector_can_hold() -> None:
    places = re.findall(r"'tx':([\d,]+)", tsvector(["x " * 300 + " ".join(map(str, range(POSITION_MAX))) + " last"]))
    assert len(places[0].split(",")) == 255
    assert f"'tlast':{POSITION_MAX}" in tsvector([" ".join(map(str, range(POSITION_MAX))) + " last"])


@pytest.fixture(scope="module")
def index() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE i USING fts5 ({', '.join(COLUMNS)}, tokenize=\"ascii tokenchars '+#'\")")
    return connection


@given(HOSTILE | st.text(max_size=40))
def test_no_input_can_break_the_index_syntax(index: sqlite3.Connection, text: str) -> None:
    query = parse(text)
    expressions = [tier.argument for tier in tiers(query, fts5) if tier.question is Question.MATCH]
    for expression in (*expressions, *filter(None, [fts5(query)])):
        index.execute("SELECT rowid FROM i WHERE i MATCH ?", (expression,)).fetchall()


@given(HOSTILE)
def test_typed_text_reaches_fts5_only_as_quoted_tokens(text: str) -> None:
    pieces = (fts5(parse(text)) or "").split('"')
    syntax = set(re.findall(r"[^\s(){}:]+", " ".join(pieces[0::2])))
    assert syntax <= {"*", "AND", "OR", "NOT", *COLUMNS}
    assert all(char.isalnum() or char in " +#" for char in "".join(pieces[1::2]))


@given(HOSTILE)
def test_typed_text_reaches_a_tsquery_only_as_quoted_lexemes(text: str) -> None:
    pieces = (tsquery(parse(text)) or "").split("'")
    assert set("".join(pieces[0::2])) <= set("()&|!<->:* ")
    assert all(lexeme[0] in TAGS.values() for lexeme in pieces[1::2])
    assert all(char.isalnum() or char in "+#" for char in "".join(pieces[1::2]))
