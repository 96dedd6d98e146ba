"""Bib-1 queries to the questions that the gateway takes; what it has no answer to is refused by its own diagnostic.

A term without a structure, or of words, is a list of words that must all be found; a phrase stays together.
Deliberately absent: comparisons, masks on the left, and searches for a field's beginning or whole.
"""

from collections.abc import Iterator, Mapping

from connectors.sru.cql_rpn import COMPLETENESS, POSITION, RELATION, STRUCTURE, TRUNCATION
from connectors.z3950.errors import DiagnosticError
from connectors.z3950.query import USE, And, AndNot, Attribute, Or, Query, ResultSet, Term, Use
from schemas.bib import normalise_isbn
from schemas.catalogue import STEPS_MAX, Index, Operator, Sought

INDEX_OF_USE: Mapping[int, Index] = {
    Use.TITLE: Index.TITLE,
    1: Index.AUTHOR,  # personal name
    Use.AUTHOR: Index.AUTHOR,
    1004: Index.AUTHOR,  # author, personal
    1005: Index.AUTHOR,  # author, corporate
    Use.SUBJECT: Index.SUBJECT,
    Use.PUBLISHER: Index.PUBLISHER,
    Use.ISBN: Index.NUMBER,
    Use.ISSN: Index.NUMBER,
    1007: Index.NUMBER,  # identifier, standard
    Use.DATE: Index.YEAR,
    Use.ANY: Index.ANY,
    1035: Index.ANY,  # anywhere
}
"""Bib-1 use attribute → where the union catalogue looks."""
TEXT_CHARACTERS_MAX = 500
_DO_NOT_TRUNCATE, _RIGHT = 100, 1
_PHRASES = frozenset({1, 3, 101, 108})
"""Structures that keep a term together: phrase, key, name, string."""
_ALLOWED: Mapping[int, tuple[frozenset[int | str], int]] = {
    RELATION: (frozenset({3, 100, 101, 102}), 117),
    POSITION: (frozenset({3}), 119),
    STRUCTURE: (frozenset({1, 2, 3, 4, 6, 101, 105, 106, 108}), 118),
    TRUNCATION: (frozenset({_RIGHT, _DO_NOT_TRUNCATE}), 120),
    COMPLETENESS: (frozenset({1}), 122),
}
"""Attribute type → the values that we can follow, and the diagnostic for any other."""
_OPERATORS: Mapping[type, Operator] = {And: Operator.AND, Or: Operator.OR, AndNot: Operator.NOT}


def steps_of(query: Query) -> tuple[Sought | Operator, ...]:
    """Return a query as the gateway takes it.

    Raises:
        DiagnosticError: 113 to 122 for an attribute, 5 or 11 for too many words or characters.
    """
    steps = tuple(_steps(query))
    if len(steps) > STEPS_MAX:
        raise DiagnosticError(5, str((STEPS_MAX + 1) // 2))
    return steps


def index_of(term: Term) -> Index:
    """Return where a term is looked for; raise ``DiagnosticError`` 113 to 122 where we cannot."""
    for attribute in term.attributes:
        _check(attribute)
    use = Use.ANY if term.use is None else term.use
    if not isinstance(use, int) or use not in INDEX_OF_USE:
        raise DiagnosticError(114, str(use))
    return INDEX_OF_USE[use]


def _steps(query: Query) -> Iterator[Sought | Operator]:
    if isinstance(query, Term):
        yield from _words(query)
        return
    assert not isinstance(query, ResultSet), "the service puts the query in the place of its result set"
    yield from _steps(query.left)
    yield from _steps(query.right)
    yield _OPERATORS[type(query)]


def _words(term: Term) -> Iterator[Sought | Operator]:
    index, text = index_of(term), term.value.strip()
    if len(text) > TEXT_CHARACTERS_MAX:
        raise DiagnosticError(11, str(TEXT_CHARACTERS_MAX))
    values = {attribute.type: attribute.value for attribute in term.attributes}
    is_one = values.get(STRUCTURE) in _PHRASES or index is Index.NUMBER or normalise_isbn(text) is not None
    for number, word in enumerate([text] if is_one else text.split() or [text]):
        yield Sought(text=word, index=index, is_start=values.get(TRUNCATION) == _RIGHT)
        if number:
            yield Operator.AND


def _check(attribute: Attribute) -> None:
    if attribute.attribute_set is not None:
        raise DiagnosticError(121, attribute.attribute_set)
    if attribute.type == USE:
        return
    if attribute.type not in _ALLOWED:
        raise DiagnosticError(113, str(attribute.type))
    allowed, code = _ALLOWED[attribute.type]
    if attribute.value not in allowed:
        raise DiagnosticError(code, str(attribute.value))
