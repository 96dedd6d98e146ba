"""Queries: a tree goes out as type-1 RPN and comes back; what cannot be served gets the right diagnostic."""

from contextlib import suppress

import pytest
from hypothesis import given

from connectors.z3950 import ber, oid
from connectors.z3950.asn1 import OID
from connectors.z3950.ber import Element, context
from connectors.z3950.errors import MalformedQuery, UnsupportedQuery, Z3950Error
from connectors.z3950.query import (
    DEPTH_MAX,
    And,
    Attribute,
    Or,
    Query,
    ResultSet,
    Term,
    Use,
    decode_query,
    decode_start_point,
    encode_query,
    encode_start_point,
    look_for,
    substitute,
    terms,
)

from .strategies import elements, queries

THREE_BODY = And(look_for("三体", Use.TITLE), look_for("刘慈欣", Use.AUTHOR))


@given(queries)
def test_a_tree_is_read_back_as_it_was_written(query: Query):
    sent = ber.decode(ber.encode(encode_query(query, "utf-8")))
    assert decode_query(sent, "utf-8") == query


@pytest.mark.parametrize("charset", ["gb18030", "gbk", "big5", "utf-8"])
def test_terms_travel_in_the_charset_of_the_target(charset: str):
    octets = ber.encode(encode_query(look_for("三体", Use.TITLE), charset))
    assert "三体".encode(charset) in octets


def test_a_term_that_the_charset_lacks_is_refused():
    with pytest.raises(MalformedQuery, match="latin-1"):
        encode_query(THREE_BODY, "latin-1")


def test_octets_in_another_charset_are_diagnostic_125():
    with pytest.raises(UnsupportedQuery) as caught:
        decode_query(encode_query(THREE_BODY, "gb18030"), "utf-8")
    assert caught.value.code == 125


def test_a_scan_starts_at_a_term():
    start = Term("三体", (Attribute(1, 4), Attribute(1, "title")))
    assert decode_start_point(encode_start_point(start, "gb18030"), "gb18030") == start


@given(elements)
def test_garbage_is_a_query_or_one_of_our_errors(element: Element):
    for read in (decode_query, decode_start_point):
        with suppress(Z3950Error):
            read(element, "utf-8")


BIB1 = OID.write(oid.BIB1_ATTRIBUTES)
TERM: Element = (context(0), [encode_start_point(Term("x"), "utf-8")])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ((context(2), b"CQL"), 107),
        ((context(1), [BIB1, (context(1), [TERM, TERM, (context(46), [(context(3), [])])])]), 110),
        ((context(1), [BIB1, (context(0), [(context(214), [])])]), 3),
        ((context(1), [BIB1, (context(0), [(context(102), [(context(44), []), (context(221), b"")])])]), 229),
    ],
)
def test_what_we_do_not_support_has_its_diagnostic(query: Element, code: int):
    with pytest.raises(UnsupportedQuery) as caught:
        decode_query((context(21), [query]), "utf-8")
    assert caught.value.code == code


@pytest.mark.parametrize(
    "content",
    [
        b"",
        [(context(1), b"")],
        [(context(1), [BIB1])],
        [(context(1), [BIB1, (context(1), [TERM, TERM])])],
        [(context(1), [(6, b""), TERM])],
        [(context(1), [BIB1, (context(0), [(context(102), [])])])],
    ],
)
def test_what_is_no_query_is_malformed(content: bytes | list[Element]):
    with pytest.raises(MalformedQuery):
        decode_query((context(21), content), "utf-8")


def test_a_deep_tree_is_refused_on_both_ways():
    deep: Query = Term("x")
    element = TERM
    for _ in range(DEPTH_MAX + 1):
        deep = Or(deep, Term("x"))
        element = (context(1), [element, TERM, (context(46), [(context(1), b"")])])
    with pytest.raises(MalformedQuery, match="deeper"):
        encode_query(deep, "utf-8")
    with pytest.raises(MalformedQuery, match="deeper"):
        decode_query((context(21), [(context(1), [BIB1, element])]), "utf-8")


def test_a_tree_at_the_limit_fits_the_depth_of_a_pdu():
    query: Query = Term("x", (Attribute(1, "title"),))
    for _ in range(DEPTH_MAX):
        query = Or(query, Term("x"))
    pdu = (context(22), [encode_query(query, "utf-8")])
    assert ber.decode(ber.encode(pdu)) == pdu


def test_result_sets_become_the_queries_that_made_them():
    refined = And(ResultSet("1"), look_for("2008", Use.DATE))
    assert substitute(refined, {"1": THREE_BODY}) == And(THREE_BODY, look_for("2008", Use.DATE))
    assert [term.use for term in terms(THREE_BODY)] == [Use.TITLE, Use.AUTHOR]
    with pytest.raises(UnsupportedQuery) as caught:
        substitute(refined, {})
    assert caught.value.code == 30
