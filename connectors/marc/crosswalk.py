"""The crosswalk engine: the row of a table for a field or an element, found by its shape and applied.

A reading is *exact* where writing its values would give the same field again; only an inexact field has to be kept
verbatim beside its values. A catalogue says the same languages, places, subjects and agencies over and over, so plans
and short readings are remembered, a bounded number of each: records can be hostile.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from connectors.marc.record import Field
from connectors.marc.rules import Place, Rule, Values, as_is, unchanged_subfields

_PLANS_MAX = _READINGS_MAX = 8192
_REMEMBERED_CHARACTERS_MAX = 160
_EMPTY = "\x00"
_PUNCTUATION = " :;,=/+"


class Reading(NamedTuple):
    """What one field says: the row it was read by, the elements as the Bib holds them, and whether they say all of it.

    A row of the Bib's own attributes has one element, their values.
    """

    rule: Rule
    elements: Sequence[Any]
    exact: bool


class _Plan(NamedTuple):
    """How a field of one shape (tag, indicators, codes) is read."""

    rule: Rule
    given: dict[str, Any]
    exact: bool
    names: tuple[str, ...]
    """The attributes in order, where each is one text taken as it stands: by far the most common case."""
    places: tuple[tuple[str, bool], ...]
    punctuated: tuple[tuple[str, str], ...]
    """The attributes that ISBD punctuation follows, and the characters to take off."""


_UNREAD = Reading(Rule("", "", ""), (), exact=False)
_reading = partial(tuple.__new__, Reading)  # a named tuple made in C: this runs for each field of each record


class Crosswalk:
    """One format's table, read by tag and written by attribute."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._by_tag: dict[str, list[Rule]] = {}
        for rule in rules:
            self._by_tag.setdefault(rule.tag, []).append(rule)
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
        self._plan = lru_cache(_PLANS_MAX)(self._plan_for)
        self._readings: dict[Field, Reading | None] = {}
        self._fitting = lru_cache(_PLANS_MAX)(self._fitting_rules)

    @property
    def tags(self) -> frozenset[str]:
        """The tags that the table reads."""
        return frozenset(self._by_tag)

    @property
    def attributes(self) -> Iterable[str]:
        """The Bib's attributes that hold elements, in the order they are written."""
        return self._written

    def read(self, field: Field) -> Reading | None:
        """Return what ``field`` says, or None where the table has no row for it or what the row requires is missing."""
        reading = self._readings.get(field, _UNREAD)
        return self._read_anew(field) if reading is _UNREAD else reading

    def _read_anew(self, field: Field) -> Reading | None:
        if field.tag not in self._by_tag:
            return None
        reading = self._read(field)
        if sum(map(len, field.subfields)) <= _REMEMBERED_CHARACTERS_MAX:
            if len(self._readings) >= _READINGS_MAX:
                self._readings.clear()
            self._readings[field] = reading
        return reading

    def _read(self, field: Field) -> Reading | None:
        tag, indicators, subfields = field
        if tag in self._packed:
            subfields = self._packed[tag](subfields)
        codes = "".join([subfield[0] if len(subfield) > 1 else _EMPTY for subfield in subfields])
        plan = self._plan(tag, indicators, codes)
        rule, given, exact, names, _, _ = plan
        if names:
            elements: Sequence[Values] = (dict(zip(names, [s[1:] for s in subfields]), **given),)  # noqa: B905
        else:
            elements, exact = _read_with_care(plan, subfields, field)
        built = rule.built(elements)
        return None if built is None else _reading((rule, built, exact))

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

    def _plan_for(self, tag: str, indicators: str, codes: str) -> _Plan:
        rules = self._by_tag[tag]
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
        names = tuple(name for name, many in places if name and not many)
        is_plain = (
            len(names) == len(places)
            and said.keys().isdisjoint(names)
            and not punctuated
            and rule.into is as_is
            and tag not in self._packed
        )
        return _Plan(rule, said, exact, names if is_plain else (), places, punctuated)


def _read_with_care(plan: _Plan, subfields: Sequence[str], field: Field) -> tuple[Sequence[Values], bool]:
    """Read a field with repeated or unknown subfields, punctuation, an embedded field or values to convert."""
    rule, given, exact, _, places, punctuated = plan
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
    if rule.into is as_is:
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
