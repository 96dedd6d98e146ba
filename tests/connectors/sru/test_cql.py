"""CQL: what a query says, in which order, and what is no query."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sru.cql import Boolean, Clause, CqlQuery, Modifier, Prefixed, SortKey, literal, parse, to_cql
from connectors.sru.errors import SruDiagnostic

A, B, C = Clause("a"), Clause("b"), Clause("c")

READ = {
    "a": A,
    '"红楼梦 校注"': Clause("红楼梦 校注"),
    "title = a": Clause("a", "title"),
    "dc.title=a": Clause("a", "dc.title"),
    'title any/relevant/cql.x "a b"': Clause("a b", "title", "any", (Modifier("relevant"), Modifier("cql.x"))),
    "date >= 1987": Clause("1987", "date", ">="),
    "isbn == 9787020002207": Clause("9787020002207", "isbn", "=="),
    "a and b or c": Boolean("or", Boolean("and", A, B), C),
    "a and (b or c)": Boolean("and", A, Boolean("or", B, C)),
    "a NOT b": Boolean("not", A, B),
    "a prox/unit=word/distance<3 b": Boolean("prox", A, B, (Modifier("unit", "=", "word"),
                                                            Modifier("distance", "<", "3"))),
    "title = and": Clause("and", "title"),
    '> dc = "info:srw/cql-context-set/1/dc-v1.1" dc.title = a': Prefixed("dc", "info:srw/cql-context-set/1/dc-v1.1",
                                                                     Clause("a", "dc.title")),
    '>"info:x" (a)': Prefixed("", "info:x", A),
    r'"a \"b\" c\*"': Clause(r'a "b" c\*'),
    r'"ends with \\"': Clause(r"ends with \\"),
    '""': Clause(""),
    '"and"': Clause("and"),
    "((a))": A,
    "  a  ": A,
}


@pytest.mark.parametrize(("text", "root"), READ.items(), ids=READ)
def test_a_query_is_read_as_the_grammar_says(text: str, root: object) -> None:
    assert parse(text) == CqlQuery(root)


def test_the_order_wanted_comes_last() -> None:
    query = parse("a and b sortBy dc.date/sort.descending title")
    assert query.sort == (SortKey("dc.date", (Modifier("sort.descending"),)), SortKey("title"))
    assert query.root == Boolean("and", A, B)


@pytest.mark.parametrize("text", [
    "", "  ", "and", "a and", "a b", "title =", "title any", "(a", "a)", "()", '"a', 'a "', "= a", "a or and b",
    "a sortby", "a/b", "> x = ", ">", "a and/ b", "not a", "a == == b",
])
def test_what_is_no_query_is_a_syntax_error_that_tells_the_place(text: str) -> None:
    with pytest.raises(SruDiagnostic) as error:
        parse(text)
    assert error.value.code == 10
    assert error.value.details


@pytest.mark.parametrize(("text", "code"), [
    ("(" * 100 + "a" + ")" * 100, 10), ("(" * 60_000, 10), ("a and " * 300 + "a", 38), ("a" * 70_000, 12),
    ("> a " * 15_000, 10), ('"' + "\\" * 60_001, 10),
])
def test_a_query_without_end_is_refused_before_it_costs_much(text: str, code: int) -> None:
    with pytest.raises(SruDiagnostic) as error:
        parse(text)
    assert error.value.code == code


words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\\"), max_size=8)
terms = words.map(literal)
names = words.filter(bool)
relations = st.sampled_from(["=", "==", "<", ">", "<=", ">=", "<>", "any", "all", "exact", "within", "cql.encloses"])
modifiers = st.lists(st.builds(Modifier, names) | st.builds(Modifier, names, st.sampled_from(["=", "<", ">="]), words),
                     max_size=2).map(tuple)
clauses = st.builds(Clause, terms) | st.builds(Clause, terms, names, relations, modifiers)
nodes = st.recursive(clauses, lambda inner: st.one_of(
    st.builds(Boolean, st.sampled_from(["and", "or", "not", "prox"]), inner, inner, modifiers),
    st.builds(Prefixed, words, words, inner)), max_leaves=12)
queries = st.builds(CqlQuery, nodes, st.lists(st.builds(SortKey, names, modifiers), max_size=2).map(tuple))


@settings(max_examples=300)
@given(queries)
def test_what_is_printed_is_read_back_as_the_same_tree(query: CqlQuery) -> None:
    assert parse(to_cql(query)) == query


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_a_diagnostic(text: str) -> None:
    try:
        query = parse(text)
    except SruDiagnostic:
        return
    assert parse(to_cql(query)) == query


@given(st.text(st.sampled_from('ab"\\ *^?()<>=/'), max_size=30))
def test_nothing_in_a_term_is_read_as_an_operator(text: str) -> None:
    query = to_cql(CqlQuery(Clause(literal(text).replace('"', "")))) + " and b"
    assert parse(query).root == Boolean("and", Clause(literal(text).replace('"', "")), B)
