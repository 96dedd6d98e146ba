"""CQL and the RPN tree of Z39.50 (Bib-1), each from the other, so that one tree asks every kind of target.

Both ways by the tables below; they hold what library servers share (the context sets cql, dc, bath and rec). What the
other side cannot say is refused by the diagnostic that names it. Deliberately absent: proximity.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import NamedTuple

from connectors.sru.cql import SERVER_CHOICE, Boolean, Clause, Modifier, Node, Prefixed, SortKey, literal
from connectors.sru.errors import SruDiagnostic
from connectors.z3950.query import USE, And, AndNot, Attribute, Or, Query, ResultSet, Term, Use
from connectors.z3950.sort import Order
from connectors.z3950.sort import SortKey as RpnSortKey

RELATION, POSITION, STRUCTURE, TRUNCATION, COMPLETENESS = 2, 3, 4, 5, 6
"""Bib-1 attribute types beside ``USE``."""
ALWAYS_MATCHES = Attribute(RELATION, 103)
FIRST_IN_FIELD, WHOLE_FIELD, PHRASE = Attribute(POSITION, 1), Attribute(COMPLETENESS, 3), Attribute(STRUCTURE, 1)
TRUNCATIONS: Mapping[tuple[bool, bool], tuple[Attribute, ...]] = {
    (False, False): (),
    (False, True): (Attribute(TRUNCATION, 1),),
    (True, False): (Attribute(TRUNCATION, 2),),
    (True, True): (Attribute(TRUNCATION, 3),),
}
"""Masked on the left, on the right → the attribute."""

CONTEXT_SETS: Mapping[str, str] = {
    "info:srw/cql-context-set/1/cql-v1.1": "cql",
    "info:srw/cql-context-set/1/cql-v1.2": "cql",
    "info:srw/cql-context-set/1/dc-v1.1": "dc",
    "info:srw/cql-context-set/2/rec-1.1": "rec",
    "http://zing.z3950.org/cql/bath/2.0/": "bath",
}
"""The context sets we know, by URI."""

INDEXES: Mapping[str, Use] = {
    "cql.serverchoice": Use.ANY,
    "cql.anywhere": Use.ANY,
    "cql.keywords": Use.ANY,
    "bath.any": Use.ANY,
    "dc.title": Use.TITLE,
    "bath.title": Use.TITLE,
    "dc.creator": Use.AUTHOR,
    "dc.author": Use.AUTHOR,
    "bath.author": Use.AUTHOR,
    "bath.name": Use.AUTHOR,
    "dc.subject": Use.SUBJECT,
    "bath.subject": Use.SUBJECT,
    "dc.publisher": Use.PUBLISHER,
    "bath.publisher": Use.PUBLISHER,
    "dc.date": Use.DATE,
    "bath.isbn": Use.ISBN,
    "bath.issn": Use.ISSN,
    "rec.id": Use.LOCAL_NUMBER,
    "rec.identifier": Use.LOCAL_NUMBER,
}
"""Index, in small letters → Bib-1 use attribute. A name without its set is looked for in ``SETS_IN_TURN``."""
SETS_IN_TURN = ("cql", "dc", "bath", "rec")
ALL_RECORDS, RESULT_SET_ID = "cql.allrecords", "cql.resultsetid"
INDEX_OF: Mapping[int, str] = {
    Use.ANY: SERVER_CHOICE,
    Use.TITLE: "dc.title",
    Use.AUTHOR: "dc.creator",
    Use.SUBJECT: "dc.subject",
    Use.PUBLISHER: "dc.publisher",
    Use.DATE: "dc.date",
    Use.ISBN: "bath.isbn",
    Use.ISSN: "bath.issn",
    Use.LOCAL_NUMBER: "rec.id",
}

COMPARISONS: Mapping[str, int] = {"<": 1, "<=": 2, ">=": 4, ">": 5, "<>": 6}
"""Relations of order → the value of Bib-1's relation attribute; 3, equal, is the default."""
_COMPARATOR_OF = {value: comparator for comparator, value in COMPARISONS.items()}
HARMLESS_MODIFIERS = frozenset({"relevant", "word", "string", "masked", "ignorecase", "ignoreaccents", "isodate",
                                "number"})
"""Relation modifiers that ask for what is done anyway, or for an order that a target may choose."""

_SORT_ORDERS: Mapping[str, Order] = {"ascending": Order.ASCENDING, "descending": Order.DESCENDING}
_OPERATORS: Mapping[str, type[And | Or | AndNot]] = {"and": And, "or": Or, "not": AndNot}
_NAMES: Mapping[type, str] = {operator: name for name, operator in _OPERATORS.items()}
_MASKED_AT_END = re.compile(r"((?:\\.|[^\\])*?)(\**)", re.DOTALL)
_MASKED = re.compile(r"(\\.)|([*?^])", re.DOTALL)


class _Mask(NamedTuple):
    """A term without its masks and anchors, and the attributes that say the same."""

    text: str
    attributes: tuple[Attribute, ...]


def to_rpn(node: Node) -> Query:
    """Return the RPN tree of a CQL tree.

    Raises:
        SruDiagnostic: 15, 16, 19, 20, 28, 31, 39 or 46 names what RPN or we cannot say.
    """
    return _rpn(node, {name: name for name in SETS_IN_TURN})


def to_sort_keys(keys: Iterable[SortKey]) -> tuple[RpnSortKey, ...]:
    """Return the keys of a CQL query's ``sortBy`` as Z39.50 has them.

    Raises:
        SruDiagnostic: 15 or 16 for an index that we do not know, 80 for a modifier that we cannot follow.
    """
    return tuple(_sort_key(key) for key in keys)


def _sort_key(key: SortKey) -> RpnSortKey:
    order = Order.ASCENDING
    for modifier in key.modifiers:
        name = modifier.name.lower().removeprefix("sort.")
        if name not in _SORT_ORDERS:
            raise SruDiagnostic(80, modifier.name)
        order = _SORT_ORDERS[name]
    index = _index(key.index, {name: name for name in SETS_IN_TURN})
    if index not in INDEXES:
        raise SruDiagnostic(80, key.index)
    return RpnSortKey((Attribute(USE, INDEXES[index]),), order)


def to_cql_tree(query: Query) -> Node:
    """Return the CQL tree of an RPN tree.

    Raises:
        SruDiagnostic: 16 or 19 for an attribute that CQL has no word for.
    """
    if isinstance(query, Term):
        return _clause(query)
    if isinstance(query, ResultSet):
        return Clause(literal(query.name), "cql.resultSetId")
    return Boolean(_NAMES[type(query)], to_cql_tree(query.left), to_cql_tree(query.right))


def _rpn(node: Node, prefixes: Mapping[str, str]) -> Query:
    if isinstance(node, Prefixed):
        if node.uri not in CONTEXT_SETS:
            raise SruDiagnostic(15, node.uri)
        return _rpn(node.query, {**prefixes, node.prefix.lower(): CONTEXT_SETS[node.uri]})
    if isinstance(node, Boolean):
        if node.operator == "prox":
            raise SruDiagnostic(39)
        if node.modifiers:
            raise SruDiagnostic(46, node.modifiers[0].name)
        return _OPERATORS[node.operator](_rpn(node.left, prefixes), _rpn(node.right, prefixes))
    return _operand(node, _index(node.index, prefixes))


def _index(name: str, prefixes: Mapping[str, str]) -> str:
    """Return an index with the set it belongs to, both in small letters."""
    prefix, dot, own = name.lower().rpartition(".")
    if dot and prefix not in prefixes:
        raise SruDiagnostic(15, prefix)
    sets = (prefixes[prefix],) if dot else (*filter(None, [prefixes.get("")]), *SETS_IN_TURN)
    found = next((f"{each}.{own}" for each in sets if f"{each}.{own}" in (*INDEXES, ALL_RECORDS, RESULT_SET_ID)), None)
    if found is None:
        raise SruDiagnostic(16, name)
    return found


def _operand(clause: Clause, index: str) -> Query:
    _check_modifiers(clause.modifiers)
    if index == RESULT_SET_ID:
        return ResultSet(clause.term)
    if index == ALL_RECORDS:
        return Term("", (Attribute(USE, Use.ANY), ALWAYS_MATCHES))
    return _relation(clause.relation)(clause.term, Attribute(USE, INDEXES[index]))


def _check_modifiers(modifiers: Iterable[Modifier]) -> None:
    for each in modifiers:
        if each.name.lower().removeprefix("cql.") not in HARMLESS_MODIFIERS:
            raise SruDiagnostic(20, each.name)


def _relation(name: str) -> Callable[[str, Attribute], Query]:
    relation = name.lower().removeprefix("cql.")
    if relation not in _RELATIONS:
        raise SruDiagnostic(19, name)
    return _RELATIONS[relation]


def _phrase(text: str, use: Attribute) -> Query:
    term, attributes = _unmasked(text)
    return Term(term, (use, *((PHRASE,) if re.search(r"\s", term.strip()) else ()), *attributes))


def _whole(text: str, use: Attribute) -> Query:
    term, attributes = _unmasked(text)
    return Term(term, (use, FIRST_IN_FIELD, PHRASE, *attributes, WHOLE_FIELD))


def _words(operator: type[And | Or]) -> Callable[[str, Attribute], Query]:
    def each_word(text: str, use: Attribute) -> Query:
        masks = [_unmasked(word) for word in text.split() or [text]]
        terms: list[Query] = [Term(mask.text, (use, *mask.attributes)) for mask in masks]
        return reduce(operator, terms)

    return each_word


def _compared(value: int) -> Callable[[str, Attribute], Query]:
    def compared(text: str, use: Attribute) -> Query:
        return Term(_unmasked(text).text, (use, Attribute(RELATION, value)))

    return compared


_RELATIONS: Mapping[str, Callable[[str, Attribute], Query]] = {
    "=": _phrase,
    "scr": _phrase,
    "adj": _phrase,
    "==": _whole,
    "exact": _whole,
    "all": _words(And),
    "any": _words(Or),
    **{comparator: _compared(value) for comparator, value in COMPARISONS.items()},
}


def _unmasked(text: str) -> _Mask:
    """Return the term with masks at its ends, and an anchor at its beginning, turned into attributes."""
    anchored, text = text.startswith("^"), text.removeprefix("^")
    on_left, text = text.startswith("*"), text.lstrip("*")
    found = _MASKED_AT_END.fullmatch(text)
    if found is None:
        raise SruDiagnostic(10, "a backslash before nothing")
    bare, masks = found.groups()
    for escaped, special in _MASKED.findall(bare):
        if special and not escaped:
            raise SruDiagnostic(31 if special == "^" else 28, special)
    truncation = TRUNCATIONS[on_left, bool(masks)]
    position = (FIRST_IN_FIELD,) if anchored else ()
    return _Mask(re.sub(r"\\(.)", r"\1", bare, flags=re.DOTALL), (*position, *truncation))


def _clause(term: Term) -> Clause:
    attributes = {attribute.type: attribute.value for attribute in term.attributes}
    use = attributes.pop(USE, Use.ANY)
    if not isinstance(use, int) or use not in INDEX_OF:
        raise SruDiagnostic(16, f"use attribute {use}")
    if attributes.get(RELATION) == ALWAYS_MATCHES.value:
        return Clause("1", "cql.allRecords")
    relation = _comparator(attributes.get(RELATION, 3), is_whole=attributes.get(COMPLETENESS) == WHOLE_FIELD.value)
    on_left, on_right = _truncated(attributes.get(TRUNCATION, 100))
    anchor = "^" if attributes.get(POSITION) == FIRST_IN_FIELD.value and relation == "=" else ""
    return Clause(f"{anchor}{'*' * on_left}{literal(term.value)}{'*' * on_right}", INDEX_OF[use], relation)


def _comparator(value: int | str, *, is_whole: bool) -> str:
    if value in (3, 102):  # equal, relevance
        return "==" if is_whole else "="
    if value not in _COMPARATOR_OF:
        raise SruDiagnostic(19, f"relation attribute {value}")
    return _COMPARATOR_OF[int(value)]


def _truncated(value: int | str) -> tuple[bool, bool]:
    for sides, attributes in TRUNCATIONS.items():
        if any(attribute.value == value for attribute in attributes):
            return sides
    if value != 100:  # do not truncate
        raise SruDiagnostic(28, f"truncation attribute {value}")
    return False, False
