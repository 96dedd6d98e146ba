"""PQF: what YAZ users type becomes a tree, a tree becomes text, and a slip is explained."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.z3950 import pqf
from connectors.z3950.errors import MalformedQuery
from connectors.z3950.query import And, AndNot, Attribute, Or, Query, ResultSet, Term, Use, look_for

from .strategies import queries


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("三体", Term("三体")),
        (
            '@and @attr 1=4 三体 @attr 1=1003 "Liu Cixin"',
            And(look_for("三体", Use.TITLE), look_for("Liu Cixin", Use.AUTHOR)),
        ),
        ("@or a @not b c", Or(Term("a"), AndNot(Term("b"), Term("c")))),
        ("@attrset bib-1 @attr 1=7 9787536692930", look_for("9787536692930", Use.ISBN)),
        ("@and @set 1 @attr bib-1 1=4 x", And(ResultSet("1"), look_for("x", Use.TITLE))),
        (r'"a \"quoted\" \\ word"', Term('a "quoted" \\ word')),
        ('"@and"', Term("@and")),
        ("@attr 1=title x", Term("x", (Attribute(1, "title"),))),
        ("@attr 1.2.840.10003.3.2 1=1 x", Term("x", (Attribute(1, 1, "1.2.840.10003.3.2"),))),
    ],
)
def test_reads(text: str, query: Query):
    assert pqf.parse(text) == query


def test_attributes_before_an_operator_hold_below_it_unless_set_again():
    assert pqf.parse("@attr 1=4 @attr 4=2 @and x @attr 1=1003 y") == And(
        Term("x", (Attribute(1, 4), Attribute(4, 2))), Term("y", (Attribute(4, 2), Attribute(1, 1003)))
    )


@given(queries)
def test_what_is_printed_is_read_back(query: Query):
    assert pqf.parse(pqf.to_pqf(query)) == query


@given(st.text(st.sampled_from('@andttr 1="\\x 三=') | st.characters(), max_size=60))
def test_any_text_is_a_query_or_malformed(text: str):
    with suppress(MalformedQuery):
        pqf.parse(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ends where a term or an operator should stand"),
        ("@and x", "ends where"),
        ("x y", "whole before 'y'"),
        ('"open', "character 1 is not closed"),
        ('"a"b', "not closed before a space"),
        ("@attr x y z", "an attribute set is"),
        ("@attr 1= x", "as in 1=4"),
        ("@prox 0 1 0 2 k 2 a b", "@prox is not supported"),
        ("@or x " * 200 + "x", "deeper"),
        ("x" * 70_000, "characters"),
    ],
)
def test_explains_a_slip(text: str, reason: str):
    with pytest.raises(MalformedQuery, match=reason):
        pqf.parse(text)
