"""From a Bib-1 query to the gateway's question: words, phrases, indexes, and whatever cannot be asked."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.faces.asking import INDEX_OF_USE, index_of, steps_of
from connectors.z3950.errors import DiagnosticError
from connectors.z3950.pqf import parse
from connectors.z3950.query import And, AndNot, Or, Query, Term, look_for, terms
from federation.catalogue.asking import UnfitQuestion, query_of
from schemas.catalogue import STEPS_MAX, Index, Operator, Sought

AND, OR, NOT = Operator.AND, Operator.OR, Operator.NOT
WORDS = st.text(st.characters(exclude_categories=("Cs", "Z", "C")), min_size=1, max_size=8)
TERMS = st.builds(look_for, WORDS, st.sampled_from(sorted(INDEX_OF_USE)))
QUERIES: st.SearchStrategy[Query] = st.recursive(
    TERMS, lambda inner: st.builds(lambda kind, left, right: kind(left, right), st.sampled_from((And, Or, AndNot)),
                                   inner, inner), max_leaves=20)


def sought(text: str, index: Index = Index.ANY, **more: bool) -> Sought:
    return Sought(text=text, index=index, **more)


@pytest.mark.parametrize(("pqf", "steps"), [
    ("三体", (sought("三体"),)),
    ("@attr 1=4 '三体 黑暗'", (sought("三体", Index.TITLE), sought("黑暗", Index.TITLE), AND)),
    ("@attr 1=4 @attr 4=1 '三体 黑暗'", (sought("三体 黑暗", Index.TITLE),)),
    ("@attr 1=7 '978 7 5366 9293 0'", (sought("978 7 5366 9293 0", Index.NUMBER),)),
    ("'7-5366-9293-2 '", (sought("7-5366-9293-2"),)),
    ("@attr 1=1003 @attr 5=1 刘", (sought("刘", Index.AUTHOR, is_start=True),)),
    ("@attr 2=3 @attr 3=3 @attr 5=100 @attr 6=1 a", (sought("a"),)),
    ("@not @or a b c", (sought("a"), sought("b"), OR, sought("c"), NOT)),
])
def test_a_query_becomes_its_words_and_operators(pqf: str, steps: tuple[Sought | Operator, ...]) -> None:
    assert steps_of(parse(pqf.replace("'", '"'))) == steps


@given(QUERIES)
def test_every_tree_is_a_question_that_the_gateway_reads(query: Query) -> None:
    steps = steps_of(query)
    assert [step.text for step in steps if isinstance(step, Sought)] == [term.value for term in terms(query)]
    try:
        query_of(steps)
    except UnfitQuestion as error:
        assert "nest deeper" in str(error)  # noqa: PT017  a tree may be as deep as Z39.50 allows


def test_more_words_than_a_question_holds_are_refused() -> None:
    most = reduce(And, (look_for("a", 4) for _ in range(60)))
    assert len(steps_of(most)) == 119
    with pytest.raises(DiagnosticError) as refused:
        steps_of(Term(" ".join("a" * (STEPS_MAX // 2 + 2))))
    assert refused.value.code in (5, 11)


def test_a_name_for_a_use_attribute_is_none_that_we_know() -> None:
    with pytest.raises(DiagnosticError) as refused:
        index_of(parse("@attr 1=title a"))
    assert refused.value.code == 114
