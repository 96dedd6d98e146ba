"""The crosswalk engine: the row of a table for a field or an element, found by its shape and applied.

A reading is *exact* where writing its values would give the same field again; only an inexact field has to be kept
verbatim beside its values. How a field of one shape (tag, indicators, codes) is read is planned once and remembered, a
bounded number of shapes: records can be hostile. What a field says is not remembered (decision 0012).
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from connectors.marc.record import Field
from connectors.marc.rules import Place, Rule, Values, unchanged_subfields

_PLANS_MAX = 8192
_EMPTY = "\x00"
_PUNCTUATION = " :;,=/+"

Reading = tuple[Rule, Sequence[Any], bool]
"""What one field says: the row it was read by, the values of its elements, and whether they say all of it.

A row of the Bib's own attributes has one element, their values.
"""


class Plan(NamedTuple):
    """How a field of one shape (tag, indicators, codes) is read."""

    rule: Rule
    element: type[Any] | None
    given: dict[str, Any]
    exact: bool
    names: tuple[str, ...]
    """The attributes in order, where each is one text that needs no conversion: by far the most common case."""
    several: tuple[str, ...]
    """Those of ``names`` that hold several texts, of which there is one."""
    punctuated: tuple[tuple[str, str], ...]
    """The attributes that ISBD punctuation follows, and the characters to take off."""
    places: tuple[tuple[str, bool], ...]


class Crosswalk:
    """One format's table, read by tag and written by attribute."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._by_tag: dict[str, list[Rule]] = {}
        for rule in rules:
            self._by_tag.setdefault(rule.tag, []).append(rule)
        self.tags = frozenset(self._by_tag)
        self._packed = {rule.tag: rule.unpack for rule in rules if rule.unpack is not unchanged_subfields}
        written = [rule for rule in rules if not rule.read_only]
        self.own = [rule for rule in written if not rule.attribute]
        self._written: dict[str, list[Rule]] = {}
        for rule in written:
            if rule.attribute:
                self._written.setdefault(rule.attribute, []).append(rule)
        self._telling = {
            attribute: tuple(sorted(frozenset().union(*(rule.telling for rule in rules))))
            for attribute, rules in self._written.items()
        }
        self.plan_of = lru_cache(_PLANS_MAX)(self._plan_for)
        self._fitting = lru_cache(_PLANS_MAX)(self._fitting_rules)

    @property
    def attributes(self) -> Iterable[str]:
        """The Bib's attributes that hold elements, in the order they are written."""
        return self._written

    def read_with_care(self, field: Field) -> Reading | None:
        """Read any field the table has a row for: with repeated, empty or unknown subfields, or values to convert.

        Return None where what the row requires is missing.
        """
        tag, indicators, subfields = field
        if tag in self._packed:
            subfields = self._packed[tag](subfields)
        codes = "".join([subfield[0] if len(subfield) > 1 else _EMPTY for subfield in subfields])
        rule, _, given, exact, _, _, punctuated, places = self.plan_of(tag, indicators, codes)
        values = given.copy()
        for (attribute, many), subfield in zip(places, subfields, strict=True):
            if many:
                values[attribute] = (*values.get(attribute, ()), subfield[1:])
            elif attribute:
                values[attribute] = subfield[1:]
        for attribute, characters in punctuated:
            values[attribute] = values[attribute].rstrip(characters)
        if rule.pack is not unchanged_subfields:
            exact = exact and rule.write(values) == field
        elements, exact = _converted(rule, values, exact)
        built = rule.built(elements)
        return None if built is None else (rule, built, exact)

    def write(self, attribute: str, element: Values) -> Field | None:
        """Return the field for one element of the Bib's ``attribute``, or None where the format has none for it."""
        facts = tuple([element.get(name) or None for name in self._telling.get(attribute, ())])
        for rule, said in self._fitting(attribute, facts):
            if (found := rule.write(element, said)) is not None:
                return found
        return None

    def _fitting_rules(self, attribute: str, facts: tuple[object, ...]) -> list[tuple[Rule, tuple[str, Values]]]:
        """Return the rows for elements of which the telling ``facts`` hold, each with its indicators."""
        element = dict(zip(self._telling.get(attribute, ()), facts, strict=True))
        fitting = ((rule, rule.fitting(element)) for rule in self._written.get(attribute, ()))
        return [(rule, said) for rule, said in fitting if said is not None]

    def _plan_for(self, tag: str, indicators: str, codes: str) -> Plan:
        rules = self._by_tag[tag]
        if rules[0].repeats_entry:
            indicators = "0" + indicators[1:]
        rule = next((rule for rule in rules if indicators in rule.indicators), rules[0])
        places = tuple(_assigned(rule, codes))
        said = dict(rule.says(indicators))
        first = next((ind for ind in rule.indicators if rule.says(ind) == said), None)
        in_order = "".join(
            code * sum(name == attribute for name, _ in places) for code, attribute, _ in _first_places(rule)
        )
        is_placed = all(name for name, _ in places)
        exact = is_placed and not rule.read_only and first == indicators and _plain(in_order) == _plain(codes)
        followed = zip(places, codes[1:])  # noqa: B905  # nothing follows the last subfield
        marked = ((name, rule.mark(code)) for (name, many), code in followed if name and not many)
        punctuated = tuple((name, _PUNCTUATION + mark) for name, mark in marked if mark)
        names = tuple(name for name, _ in places)
        said_of = {*names, *said}
        is_plain = (
            is_placed
            and len(said_of) == len(names) + len(said)
            and rule.pack is unchanged_subfields
            and rule.required <= said_of
            and not rule.converts(said_of)
        )
        several = tuple(name for name, many in places if many)
        return Plan(rule, rule.element, said, exact, names if is_plain else (), several, punctuated, places)


def _converted(rule: Rule, values: Values, exact: bool) -> tuple[Sequence[Values], bool]:
    """Return the elements that values make, and whether the field would come back from them."""
    if not rule.converts(values.keys()):
        return (values,), exact
    elements = rule.into(values)
    return elements, exact and len(elements) == 1 and _restores(rule, elements[0], values)


def _assigned(rule: Rule, codes: str) -> Iterator[tuple[str, bool]]:
    """Yield the attribute for each code in turn; ``""`` where the row has none or it is taken."""
    taken: set[str] = set()
    for code in codes:
        free = (place for place in rule.places if place.code == code and place.attribute not in taken)
        place = next(free, Place(code, "", False))
        if not place.many:
            taken.add(place.attribute)
        yield place.attribute, place.many


def _first_places(rule: Rule) -> Iterator[Place]:
    seen: set[str] = set()
    for place in rule.places:
        if place.attribute not in seen:
            seen.add(place.attribute)
            yield place


def _plain(codes: str) -> str:
    """Return the codes without those of pinyin ($9, $A, $E, $F), which every library puts elsewhere."""
    return "".join(code for code in codes if not (code.isupper() or code == "9"))


def _restores(rule: Rule, element: Values, values: Values) -> bool:
    written = rule.outof(element)
    if written is values:
        return True
    return all((written.get(name) or None) == (values.get(name) or None) for name in rule.attributes)
