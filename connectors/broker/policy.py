"""What to do where a target lacks an attribute: the table of substitutes, and what a diagnostic teaches. Pure.

A substitute is written as a profile's ``attributes`` are (``1=1003`` → ``1=1016``, or ``""`` to leave it out), so that
what is learned from a diagnostic goes the way of what a profile's author knew. A search that finds more than was asked
is better than none, as long as the answer says so: ``adapt`` names every change.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from connectors.z3950.errors import TargetDiagnostic
from connectors.z3950.profile import DROP
from connectors.z3950.query import USE, Query, Use, terms

INSTEAD: Mapping[str, str] = MappingProxyType({
    "1=1": "1=1003",  # personal name → author
    "1=1004": "1=1003",  # author, a person
    "1=5": "1=4",  # title of a series → title
    "1=6": "1=4",  # uniform title
    "1=1016": DROP,  # any: the target's own choice
})
"""Use attribute → the wider one that more targets have; ``ANYWHERE`` where it is not named."""
ANYWHERE = f"{USE}={int(Use.ANY)}"

_LACKED: Mapping[int, frozenset[int]] = MappingProxyType({
    114: frozenset({USE}),
    117: frozenset({2}),
    118: frozenset({4}),
    119: frozenset({3}),
    120: frozenset({5}),
    122: frozenset({6}),
    123: frozenset({2, 3, 4, 5, 6}),
})
"""Bib-1 diagnostics about attributes → the types that are meant. 123 is about their combination: only the use stays."""
_UNSUPPORTED_TYPE = 113


def remedies(asked: Query, diagnostic: TargetDiagnostic) -> Mapping[str, str]:
    """Return what to put in the place of the attributes of ``asked`` that the target complains of; none if it does not.

    Where its text does not name one of them, all of the type that is meant are replaced.
    """
    kinds = _kinds(diagnostic)
    found = {name: INSTEAD.get(name, ANYWHERE) if kind == USE else DROP
             for kind, name in _attributes(asked) if kind in kinds}
    named = {name: instead for name, instead in found.items() if name.partition("=")[2] == diagnostic.text.strip()}
    return named or found


def learned(known: Mapping[str, str], found: Mapping[str, str]) -> Mapping[str, str]:
    """Return the table ``known`` with what ``found`` adds, also about attributes that stand in the place of others."""
    return {**{name: found.get(instead, instead) for name, instead in known.items()}, **found}


def _kinds(diagnostic: TargetDiagnostic) -> frozenset[int]:
    if diagnostic.code == _UNSUPPORTED_TYPE:
        text = diagnostic.text.strip()
        return frozenset({int(text)}) if text in {"1", "2", "3", "4", "5", "6"} else _LACKED[123]
    return _LACKED.get(diagnostic.code, frozenset())


def _attributes(query: Query) -> Iterator[tuple[int, str]]:
    """Yield type and name of the Bib-1 attributes of a query."""
    for term in terms(query):
        for attribute in term.attributes:
            if attribute.attribute_set is None:
                yield attribute.type, f"{attribute.type}={attribute.value}"
