"""Hypothesis strategies for elements, queries and APDUs, drawn from the tables of the package itself."""

import dataclasses
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from hypothesis import strategies as st

from connectors.z3950 import oid
from connectors.z3950.apdu import Anonymous, Apdu, OpenAuthentication
from connectors.z3950.ber import Element, context
from connectors.z3950.codec import TAGS
from connectors.z3950.query import And, AndNot, Attribute, Or, Query, ResultSet, Term

elements: st.SearchStrategy[Element] = st.recursive(
    st.tuples(st.integers(1, 30) | st.integers(0, 2**20).map(context), st.binary(max_size=200)),
    lambda inner: st.tuples(st.integers(0, 300).map(context), st.lists(inner, max_size=4)),
    max_leaves=12,
)

pdus = st.tuples(st.integers(20, 50).map(context), st.lists(elements, max_size=4))
words = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
oids = st.sampled_from([oid.USMARC, oid.UNIMARC, oid.SUTRS, oid.XML, "2.999.4294967296", "0.0", "1.39.1"])
attributes = st.builds(
    Attribute,
    st.integers(0, 10**9),
    st.integers(0, 10**9) | st.from_regex(r"[a-z 书=\"\\]{1,8}", fullmatch=True),
    st.none() | st.just("1.2.840.10003.3.2"),
)
terms = st.builds(Term, words, st.lists(attributes, max_size=3).map(tuple))
queries: st.SearchStrategy[Query] = st.recursive(
    terms | st.builds(ResultSet, words),
    lambda inner: st.builds(And, inner, inner) | st.builds(Or, inner, inner) | st.builds(AndNot, inner, inner),
    max_leaves=8,
)

_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**70), 2**70),
    bool: st.booleans(),
    str: words,
    bytes: st.binary(max_size=20),
    frozenset[int]: st.frozensets(st.integers(0, 30)),
    OpenAuthentication: st.builds(OpenAuthentication, words),
    Anonymous: st.just(Anonymous()),
}
_ELEMENT_TAGS = {
    "query": 21,
    "start_point": 102,
    "sort_sequence": 5,
    "composition": 209,
    "additional_search_info": 203,
    "single_asn1": 0,
    "category": 1,
    "retention_time": 7,
    "permissions": 8,
    "suggested_attributes": 44,
}
_OID_FIELDS = {
    "preferred_record_syntax", "attribute_set", "diagnostic_set", "direct_reference", "package_type", "identifier",
}  # fmt: skip


def _values(name: str, hint: Any) -> st.SearchStrategy[Any]:
    """Return what may stand in a field, by its name where a bare type does not say enough."""
    if name in _OID_FIELDS and hint is str:
        return oids
    if get_origin(hint) is UnionType or NoneType in get_args(hint):
        return st.one_of(*(_values(name, each) for each in get_args(hint)))
    if hint is NoneType:
        return st.none()
    if dataclasses.is_dataclass(hint) and hint not in _BY_TYPE:
        return tables(hint)
    if hint in _BY_TYPE:
        return _BY_TYPE[hint]
    if hint == Element:
        return st.tuples(st.just(context(_ELEMENT_TAGS[name])), st.binary(max_size=5) | st.lists(elements, max_size=2))
    return st.lists(_values(name, get_args(hint)[0]), max_size=3).map(tuple)


def tables(table: type[Any]) -> st.SearchStrategy[Any]:
    """Return instances of a dataclass that is an ASN.1 table."""
    fields = {field.name: _values(field.name, get_args(field.type)[0]) for field in dataclasses.fields(table)}
    return st.builds(table, **fields)


apdus: st.SearchStrategy[Apdu] = st.sampled_from(list(TAGS.values())).flatmap(tables)
