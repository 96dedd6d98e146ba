"""CQL to the RPN tree and back: what each word means, and what is refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sru.cql import CqlQuery, parse, to_cql
from connectors.sru.cql_rpn import INDEX_OF, to_cql_tree, to_rpn
from connectors.sru.errors import SruDiagnostic
from connectors.z3950.pqf import parse as pqf
from connectors.z3950.query import And, AndNot, Attribute, Or, Query, ResultSet, Term

MEANS = {
    "三体": "@attr 1=1016 三体",
    "title = 三体": "@attr 1=4 三体",
    "dc.title = 三体 and dc.creator = 刘慈欣": "@and @attr 1=4 三体 @attr 1=1003 刘慈欣",
    'title = "dream of"': '@attr 1=4 @attr 4=1 "dream of"',
    'title all "a b c"': "@and @and @attr 1=4 a @attr 1=4 b @attr 1=4 c",
    'title any "a b"': "@or @attr 1=4 a @attr 1=4 b",
    "title == 三体": "@attr 1=4 @attr 3=1 @attr 4=1 @attr 6=3 三体",
    "title = algor*": "@attr 1=4 @attr 5=1 algor",
    "title = *rithm": "@attr 1=4 @attr 5=2 rithm",
    "title = *gori*": "@attr 1=4 @attr 5=3 gori",
    r"title = C\*": "@attr 1=4 C*",
    "title = ^红楼": "@attr 1=4 @attr 3=1 红楼",
    "date >= 1987 not date > 1999": "@not @attr 1=31 @attr 2=4 1987 @attr 1=31 @attr 2=5 1999",
    "BATH.ISBN = 9787020002207": "@attr 1=7 9787020002207",
    "isbn = 9787020002207": "@attr 1=7 9787020002207",
    "cql.allRecords = 1": '@attr 1=1016 @attr 2=103 ""',
    "cql.resultSetId = 7": "@set 7",
    '> x = "info:srw/cql-context-set/1/dc-v1.1" x.title = a': "@attr 1=4 a",
    '> "info:srw/cql-context-set/1/dc-v1.1" creator = a': "@attr 1=1003 a",
    "title =/relevant/cql.word a": "@attr 1=4 a",
}


@pytest.mark.parametrize(("cql", "rpn"), MEANS.items(), ids=MEANS)
def test_a_clause_means_attributes(cql: str, rpn: str) -> None:
    assert to_rpn(parse(cql).root) == pqf(rpn)


@pytest.mark.parametrize(("cql", "code"), [
    ("zeerex.title = a", 15), ('> x = "info:unknown" x.title = a', 15), ("shoesize = 43", 16), ("dc.shoesize = 43", 16),
    ("title within a", 19), ("title =/stem a", 20), ("title = a?b", 28), ("title = a*b", 28), ("title = ab^", 31),
    ("a prox b", 39), ("a and/rel.combine=sum b", 46),
])
def test_what_cannot_be_said_is_refused_by_name(cql: str, code: int) -> None:
    with pytest.raises(SruDiagnostic) as error:
        to_rpn(parse(cql).root)
    assert error.value.code == code


@pytest.mark.parametrize(("rpn", "code"), [
    ("@attr 1=9999 a", 16), ("@attr 1=title a", 16), ("@attr 1=4 @attr 2=100 a", 19), ("@attr 1=4 @attr 5=102 a", 28),
])
def test_attributes_without_a_word_in_cql_are_refused_by_name(rpn: str, code: int) -> None:
    with pytest.raises(SruDiagnostic) as error:
        to_cql_tree(pqf(rpn))
    assert error.value.code == code


terms = st.builds(
    lambda value, use, more: Term(value, (Attribute(1, use), *more)),
    st.text(st.characters(exclude_categories=("Cs", "Z", "C")), min_size=1, max_size=6),
    st.sampled_from(sorted(INDEX_OF)),
    st.sampled_from([(), (Attribute(5, 1),), (Attribute(5, 3),), (Attribute(2, 4),), (Attribute(3, 1),)]))
trees: st.SearchStrategy[Query] = st.recursive(
    terms | st.builds(ResultSet, st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)),
    lambda inner: st.one_of(*(st.builds(operator, inner, inner) for operator in (And, Or, AndNot))), max_leaves=8)


@given(trees)
def test_a_tree_survives_the_way_through_cql(query: Query) -> None:
    text = to_cql(CqlQuery(to_cql_tree(query)))
    assert to_rpn(parse(text).root) == query
