"""Queries as trees, and the type-1 RPN query that carries them (ANSI/NISO Z39.50-1995, 3.7).

A tree is made by ``pqf`` or by hand, never by pasting text together::

    And(look_for("三体", Use.TITLE), look_for("刘慈欣", Use.AUTHOR))

A term's charset is a fact about the target, so it is named when the tree is written or read. Absent on purpose:
proximity and the query types other than 1 and 101, which are refused by diagnostic.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Annotated, TypeAlias

from connectors.z3950 import oid
from connectors.z3950.asn1 import (
    INTEGER,
    OCTETS,
    OID,
    STRING,
    Choice,
    implicit,
    sequence,
    sequence_of,
    tag_name,
)
from connectors.z3950.ber import Content, Element, context
from connectors.z3950.errors import MalformedApdu, MalformedQuery, UnsupportedQuery

DEPTH_MAX = 80
"""Operators within operators; with what surrounds a term this stays within the depth that BER may have."""


class Use(IntEnum):
    """Bib-1 use attributes (attribute type 1): what a term is looked for in."""

    TITLE = 4
    ISBN = 7
    ISSN = 8
    LOCAL_NUMBER = 12
    SUBJECT = 21
    DATE = 31
    AUTHOR = 1003
    ANY = 1016
    PUBLISHER = 1018


_QUERIES_MAX = 64
"""One query goes to many targets, and is written once for those that read the same charset."""
USE = 1
"""The attribute type of ``Use``; others are relation 2, position 3, structure 4, truncation 5, completeness 6."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """What qualifies a term. ``attribute_set`` is an OID where it differs from the query's."""

    type: int
    value: int | str
    attribute_set: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase and where to look for it."""

    value: str
    attributes: tuple[Attribute, ...] = ()

    @property
    def use(self) -> int | str | None:
        """Return the value of the use attribute, if there is one."""
        return next((attribute.value for attribute in self.attributes if attribute.type == USE), None)


@dataclass(frozen=True, slots=True)
class ResultSet:
    """The records of an earlier search, by the name of its result set."""

    name: str


@dataclass(frozen=True, slots=True)
class And:
    """Records that both sides find."""

    left: "Query"
    right: "Query"


@dataclass(frozen=True, slots=True)
class Or:
    """Records that either side finds."""

    left: "Query"
    right: "Query"


@dataclass(frozen=True, slots=True)
class AndNot:
    """Records that the left side finds and the right side does not."""

    left: "Query"
    right: "Query"


Query: TypeAlias = Term | ResultSet | And | Or | AndNot

OPERATORS: Mapping[type[And | Or | AndNot], int] = {And: 0, Or: 1, AndNot: 2}
"""The standard's numbers of the operators; 3 is proximity."""

_STRING_OR_NUMERIC = Choice({str: implicit(1, STRING), int: implicit(2, INTEGER)})

_OPERATOR_OF = {context(number): operator for operator, number in OPERATORS.items()}


def look_for(value: str, use: int) -> Term:
    """Return the term ``value`` looked for in ``use``."""
    return Term(value, (Attribute(USE, use),))


@dataclass(frozen=True, slots=True)
class _Complex:
    """An attribute value in words, as one of a list of alternatives."""

    values: Annotated[tuple[str | int, ...], implicit(1, sequence_of(_STRING_OR_NUMERIC))]


@dataclass(frozen=True, slots=True)
class _AttributeElement:
    """An attribute as it travels."""

    attribute_set: Annotated[str | None, implicit(1, OID)] = None
    attribute_type: Annotated[int, implicit(120, INTEGER)] = USE
    numeric: Annotated[int | None, implicit(121, INTEGER)] = None
    complex: Annotated[_Complex | None, implicit(224, sequence(_Complex))] = None


_ATTRIBUTE = sequence(_AttributeElement)
_ATTRIBUTES = sequence_of(_ATTRIBUTE)

_OPERAND, _OPERATION = context(0), context(1)
_TYPE_1, _TYPE_101 = context(1), context(101)
_QUERY, _RESULT_SET, _ATTRIBUTE_LIST, _GENERAL, _OPERATOR = map(context, (21, 31, 44, 45, 46))
_ATTRIBUTES_PLUS_TERM = context(102)

_TERM_READERS: Mapping[int, Callable[[Content, str], str]] = {
    _GENERAL: lambda content, charset: _decode(OCTETS.unpack(content), charset),
    context(215): lambda content, _: str(INTEGER.unpack(content)),
    context(216): lambda content, charset: _decode(OCTETS.unpack(content), charset),
}
"""The kinds of term that we read: general, numeric, characterString."""


def terms(query: Query) -> Iterator[Term]:
    """Yield the terms of ``query`` from left to right."""
    if isinstance(query, Term):
        yield query
    elif not isinstance(query, ResultSet):
        yield from terms(query.left)
        yield from terms(query.right)


def substitute(query: Query, queries: Mapping[str, Query]) -> Query:
    """Return ``query`` with each result set replaced by the query that made it.

    Raises:
        UnsupportedQuery: diagnostic 30, no result set has that name.
    """
    if isinstance(query, Term):
        return query
    if isinstance(query, ResultSet):
        if query.name not in queries:
            raise UnsupportedQuery(30, query.name)
        return queries[query.name]
    return type(query)(substitute(query.left, queries), substitute(query.right, queries))


@lru_cache(maxsize=_QUERIES_MAX)
def encode_query(query: Query, charset: str) -> Element:
    """Return ``query`` as the [21] element of a SearchRequest: type 1, its terms in ``charset``. Do not change it.

    Raises:
        MalformedQuery: it nests too deep, or a term cannot be written in ``charset``.
    """
    with _charset_named(charset):
        return _QUERY, [(_TYPE_1, [OID.write(oid.BIB1_ATTRIBUTES), _write(query, charset, 0)])]


def encode_start_point(start: Term, charset: str) -> Element:
    """Return ``start`` as the [102] element of a ScanRequest.

    Raises:
        MalformedQuery: the term cannot be written in ``charset``.
    """
    with _charset_named(charset):
        return _write_term(start, charset)


def decode_query(element: Element, charset: str) -> Query:
    """Return the tree of a SearchRequest's [21] element, its terms read as ``charset``.

    Raises:
        UnsupportedQuery: it can be read but uses what we do not support.
        MalformedQuery: it is no query.
    """
    try:
        match element:
            case (_, [(context_tag, [(_, attribute_set), structure])]) if context_tag in (_TYPE_1, _TYPE_101):
                return _read(structure, charset, OID.unpack(attribute_set), 0)
            case (_, [(context_tag, _)]) if context_tag not in (_TYPE_1, _TYPE_101):
                raise UnsupportedQuery(107, f"query type {tag_name(context_tag)}")
    except MalformedApdu as error:
        raise MalformedQuery(str(error)) from None
    raise MalformedQuery("an RPN query is one attribute set and one structure")


def decode_start_point(element: Element, charset: str) -> Term:
    """Return the term of a ScanRequest's [102] element.

    Raises:
        UnsupportedQuery, MalformedQuery: as ``decode_query``.
    """
    try:
        return _read_term(element, charset, oid.BIB1_ATTRIBUTES)
    except MalformedApdu as error:
        raise MalformedQuery(str(error)) from None


@contextmanager
def _charset_named(charset: str) -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError as error:
        raise MalformedQuery(f"the query cannot be written in {charset}: {error.reason}") from None


def write_attributes(attributes: Iterable[Attribute]) -> Element:
    """Return the [44] element, an AttributeList."""
    return _ATTRIBUTE_LIST, [_ATTRIBUTE.write(_to_wire(attribute)) for attribute in attributes]


def read_attributes(element: Element, attribute_set: str) -> tuple[Attribute, ...]:
    """Return the attributes of a [44] element; ``attribute_set`` is the OID of those that name none.

    Raises:
        MalformedQuery, MalformedApdu: it is no AttributeList.
    """
    tag, content = element
    if tag != _ATTRIBUTE_LIST:
        raise MalformedQuery(f"an AttributeList has the tag [44], not {tag_name(tag)}")
    return tuple(_from_wire(each, attribute_set) for each in _ATTRIBUTES.unpack(content))


def _write_term(term: Term, charset: str) -> Element:
    return _ATTRIBUTES_PLUS_TERM, [write_attributes(term.attributes), (_GENERAL, term.value.encode(charset))]


def _write(query: Query, charset: str, depth: int) -> Element:
    _check_depth(depth)
    if isinstance(query, Term):
        return _OPERAND, [_write_term(query, charset)]
    if isinstance(query, ResultSet):
        return _OPERAND, [(_RESULT_SET, STRING.pack(query.name))]
    operator: Element = (_OPERATOR, [(context(OPERATORS[type(query)]), b"")])
    return _OPERATION, [_write(query.left, charset, depth + 1), _write(query.right, charset, depth + 1), operator]


def _read(element: Element, charset: str, attribute_set: str, depth: int) -> Query:
    _check_depth(depth)
    match element:
        case (tag, [left, right, (_, [(operator, _)])]) if tag == _OPERATION:
            if operator not in _OPERATOR_OF:
                raise UnsupportedQuery(110, f"operator {tag_name(operator)}")
            sides = (_read(side, charset, attribute_set, depth + 1) for side in (left, right))
            return _OPERATOR_OF[operator](*sides)
        case (tag, [(kind, content) as operand]) if tag == _OPERAND:
            if kind == _RESULT_SET:
                return ResultSet(STRING.unpack(content))
            return _read_term(operand, charset, attribute_set)
    raise MalformedQuery("an RPN structure is an operand, or two structures and an operator")


def _read_term(element: Element, charset: str, attribute_set: str) -> Term:
    tag, content = element
    if tag != _ATTRIBUTES_PLUS_TERM:
        raise UnsupportedQuery(3, f"operand {tag_name(tag)}")
    match content:
        case [(list_tag, _) as attributes, (kind, value)] if list_tag == _ATTRIBUTE_LIST:
            if kind not in _TERM_READERS:
                raise UnsupportedQuery(229, f"term of type {tag_name(kind)}")
            return Term(_TERM_READERS[kind](value, charset), read_attributes(attributes, attribute_set))
    raise MalformedQuery("an operand is a list of attributes and a term")


def _to_wire(attribute: Attribute) -> _AttributeElement:
    if isinstance(attribute.value, str):
        return _AttributeElement(attribute.attribute_set, attribute.type, complex=_Complex((attribute.value,)))
    return _AttributeElement(attribute.attribute_set, attribute.type, attribute.value)


def _from_wire(wire: _AttributeElement, attribute_set: str) -> Attribute:
    """Return the attribute with its set named only where that is not Bib-1; the first of several values counts."""
    own_set = wire.attribute_set or attribute_set
    values = [wire.numeric] if wire.complex is None else wire.complex.values
    if not values or values[0] is None:
        raise MalformedQuery(f"attribute type {wire.attribute_type} has no value")
    return Attribute(wire.attribute_type, values[0], None if own_set == oid.BIB1_ATTRIBUTES else own_set)


def _decode(octets: bytes, charset: str) -> str:
    try:
        return octets.decode(charset)
    except UnicodeDecodeError:
        raise UnsupportedQuery(125, f"a term is not {charset}") from None


def _check_depth(depth: int) -> None:
    if depth > DEPTH_MAX:
        raise MalformedQuery(f"operators nest deeper than {DEPTH_MAX} levels")
