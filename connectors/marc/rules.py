"""The crosswalk engine: a field of one format to values of `schemas.Bib` and back, as rows of a table say.

A row (`Rule`) names a tag, where its values live in the Bib, and which subfield is which attribute, in the order they
are written. The row serves both directions, so reading and writing cannot drift apart. A reading is *exact* where
writing its values would give the same field again; only an inexact field has to be kept verbatim beside its values.
Deliberately absent: any tag. The tables are `unimarc` and `marc21`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple

from pydantic import BaseModel

from connectors.marc.record import Field
from schemas.bib import (
    Bib,
    CataloguingSource,
    Classification,
    Contributor,
    Isbn,
    Issn,
    Link,
    Note,
    OtherTitle,
    RelatedTitle,
    Series,
    Subject,
)

Values = Mapping[str, Any]
ELEMENTS: Mapping[str, type[BaseModel]] = {
    "isbns": Isbn,
    "issns": Issn,
    "contributors": Contributor,
    "other_titles": OtherTitle,
    "related_titles": RelatedTitle,
    "series": Series,
    "subjects": Subject,
    "classes": Classification,
    "notes": Note,
    "links": Link,
    "sources": CataloguingSource,
}
REQUIRED: Mapping[str, frozenset[str]] = {
    attribute: frozenset(name for name, info in model.model_fields.items() if info.is_required())
    for attribute, model in ELEMENTS.items()
}
# Hostile records can name any code; the plans of so many shapes of field are remembered, and no more.
_PLANS_MAX = 8192
_EMPTY = "\x00"
_NOTHING: frozenset[str] = frozenset()


def as_is(values: Values) -> Sequence[Values]:
    """Read values as the one element they are."""
    return (values,)


def unchanged(values: Values) -> Values:
    """Write an element's values as they are."""
    return values


def unchanged_subfields(subfields: tuple[str, ...]) -> tuple[str, ...]:
    """Take a field's subfields as they stand."""
    return subfields


class Place(NamedTuple):
    """Where one subfield goes: its code, the attribute, and whether the attribute takes several."""

    code: str
    attribute: str
    many: bool


@dataclass(frozen=True)
class Rule:
    """One row of a crosswalk table.

    ``codes`` lists ``code:attribute`` in writing order (``+`` takes repeated subfields, a second place for one code
    takes what the first left over). ``attribute`` is the Bib's tuple that each such field adds an element to; ``""``
    where the codes name attributes of the Bib itself. ``indicators`` maps indicators to what they say; the first whose
    values an element has is written. ``given`` holds for every field of the row. ``marks`` is the ISBD punctuation
    that stands before a subfield. ``into`` and ``outof`` convert values, ``unpack`` and ``pack`` the subfields before
    the row is applied. A ``read_only`` row is an older place of what another row writes.
    """

    tag: str
    attribute: str
    codes: str
    indicators: Mapping[str, Values] = field(default_factory=lambda: {"  ": {}})
    given: Values = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    into: Callable[[Values], Sequence[Values]] = as_is
    outof: Callable[[Values], Values] = unchanged
    unpack: Callable[[tuple[str, ...]], tuple[str, ...]] = unchanged_subfields
    pack: Callable[[tuple[str, ...]], tuple[str, ...]] = unchanged_subfields
    read_only: bool = False

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The places that ``codes`` lists."""
        pairs = (part.partition(":")[::2] for part in self.codes.split())
        return tuple(Place(code, name.removesuffix("+"), name.endswith("+")) for code, name in pairs)

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The attributes that the row's subfields carry."""
        return frozenset(place.attribute for place in self.places)

    def says(self, indicators: str) -> Values:
        """Return what the row and these indicators give without any subfield."""
        return {**self.given, **self.indicators.get(indicators, {})}

    def write(self, element: Values) -> Field | None:
        """Return the field for an element's values, or None where the row has no place for any of them."""
        fitting = next((ind for ind in self.indicators if _agrees(element, self.says(ind))), None)
        if fitting is None:
            return None
        values, implied = self.outof(element), self.says(fitting)
        subfields: list[str] = []
        written = set(implied)
        for code, attribute, _ in self.places:
            if attribute not in written and (value := values.get(attribute)):
                written.add(attribute)
                texts = (value,) if isinstance(value, str) else value
                subfields += [code + text for text in texts]
        return Field(self.tag, fitting, self.pack(self._punctuated(subfields))) if subfields else None

    def _punctuated(self, subfields: list[str]) -> tuple[str, ...]:
        if not self.marks:
            return tuple(subfields)
        originals = [subfield for subfield in subfields if not subfield[0].isupper()]
        romanised = [subfield for subfield in subfields if subfield[0].isupper()]
        return (*self._joined(originals), *self._joined(romanised))

    def _joined(self, subfields: Sequence[str]) -> Iterator[str]:
        following = [self.mark(subfield[0]) for subfield in subfields[1:]]
        for subfield, mark in zip(subfields, (*following, ""), strict=False):
            yield subfield + mark

    def mark(self, code: str) -> str:
        """Return the punctuation before a subfield, or before its romanised twin."""
        return self.marks.get(code.lower(), "")


def _agrees(element: Values, said: Values) -> bool:
    return all((element.get(name) or None) == (value or None) for name, value in said.items())


class Reading(NamedTuple):
    """What one field says: the row it was read by, the values, and whether they say all of it."""

    rule: Rule
    elements: Sequence[Values]
    exact: bool


class _Plan(NamedTuple):
    """How a field of one shape (tag, indicators, codes) is read."""

    rule: Rule
    given: dict[str, Any]
    exact: bool
    names: tuple[str, ...]
    """The attributes in order, where each is one text taken as it stands: by far the most common case."""
    places: tuple[tuple[str, bool], ...]
    punctuated: tuple[str, ...]


_reading = partial(tuple.__new__, Reading)  # a named tuple made in C: this runs for each field of each record


class Crosswalk:
    """One format's table, read by tag and written by attribute."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._by_tag: dict[str, list[Rule]] = {}
        for rule in rules:
            self._by_tag.setdefault(rule.tag, []).append(rule)
        self._packed = {rule.tag: rule.unpack for rule in rules if rule.unpack is not unchanged_subfields}
        self._written = [rule for rule in rules if not rule.read_only]
        self.attributes = tuple(dict.fromkeys(rule.attribute for rule in self._written if rule.attribute))
        self._plan = lru_cache(_PLANS_MAX)(self._plan_for)

    def read(self, field: Field) -> Reading | None:
        """Return what ``field`` says, or None where the table has no row for it or what the row requires is missing."""
        tag, indicators, subfields = field
        if tag not in self._by_tag:
            return None
        if tag in self._packed:
            subfields = self._packed[tag](subfields)
        codes = "".join([subfield[0] if len(subfield) > 1 else _EMPTY for subfield in subfields])
        plan = self._plan(tag, indicators, codes)
        if plan is None:
            return None
        rule, given, exact, names, _, _ = plan
        if names:
            values = dict(zip(names, [subfield[1:] for subfield in subfields]), **given)  # noqa: B905  # equally long
            return _reading((rule, (values,), exact))
        return _read_with_care(plan, subfields, field)

    def write(self, attribute: str, element: Values) -> Field | None:
        """Return the field for one element of the Bib's ``attribute``, or None where the format has none for it."""
        candidates = (rule.write(element) for rule in self._written if rule.attribute == attribute)
        return next((found for found in candidates if found is not None), None)

    def write_bib(self, bib: Bib, spoken_for: set[str]) -> Iterator[Field]:
        """Yield the fields that hold the Bib's own attributes, but for those ``spoken_for`` by kept fields."""
        for rule in self._written:
            if not rule.attribute and not rule.attributes & spoken_for and (found := rule.write(bib.__dict__)):
                yield found

    def _plan_for(self, tag: str, indicators: str, codes: str) -> _Plan | None:
        rules = self._by_tag[tag]
        rule = next((rule for rule in rules if indicators in rule.indicators), rules[0])
        places = tuple(_assigned(rule, codes))
        said = dict(rule.says(indicators))
        if rule.into is as_is and not REQUIRED.get(rule.attribute, _NOTHING) <= {*said, *(name for name, _ in places)}:
            return None
        first = next((ind for ind in rule.indicators if rule.says(ind) == said), None)
        in_order = "".join(
            code * sum(name == attribute for name, _ in places) for code, attribute, _ in _first_places(rule)
        )
        is_placed = all(name for name, _ in places)
        exact = is_placed and not rule.read_only and first == indicators and _plain(in_order) == _plain(codes)
        followed = zip(places, codes[1:])  # noqa: B905  # nothing follows the last subfield
        punctuated = tuple(name for (name, many), code in followed if name and not many and rule.mark(code))
        names = tuple(name for name, many in places if name and not many)
        is_plain = (
            len(names) == len(places)
            and said.keys().isdisjoint(names)
            and not punctuated
            and rule.into is as_is
            and tag not in self._packed
        )
        return _Plan(rule, said, exact, names if is_plain else (), places, punctuated)


def _read_with_care(plan: _Plan, subfields: Sequence[str], field: Field) -> Reading:
    """Read a field with repeated or unknown subfields, punctuation, an embedded field or values to convert."""
    rule, given, exact, _, places, punctuated = plan
    values = given.copy()
    for (attribute, many), subfield in zip(places, subfields, strict=True):
        if many:
            values[attribute] = (*values.get(attribute, ()), subfield[1:])
        elif attribute:
            values[attribute] = subfield[1:]
    for attribute in punctuated:
        values[attribute] = values[attribute].rstrip(" :;,=/+")
    if rule.pack is not unchanged_subfields:
        exact = exact and rule.write(values) == field
    if rule.into is as_is:
        return Reading(rule, (values,), exact)
    elements = rule.into(values)
    return Reading(rule, elements, exact and len(elements) == 1 and _restores(rule, elements[0], values))


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
