"""One row of a crosswalk table: a field of one format, and which subfield of it is which attribute of `schemas.Bib`.

A row serves both directions, so reading and writing cannot drift apart. Deliberately absent: any tag, which are the
tables' (`unimarc`, `marc21`), and how the row for a field or an element is found (`crosswalk`).
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property
from typing import Any, NamedTuple

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
    element_of,
)

Values = Mapping[str, Any]
ELEMENTS: Mapping[str, type[Any]] = {
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
_REQUIRED: Mapping[str, frozenset[str]] = {
    attribute: frozenset(item.name for item in fields(element) if item.default is MISSING)
    for attribute, element in ELEMENTS.items()
}
_TEXT = frozenset({"text"})


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
    that stands before a subfield. ``into`` and ``outof`` convert values, wherever one of ``converted`` is said, or
    always; ``unpack`` and ``pack`` the subfields before the row is applied. ``makes`` names what ``into`` gives beyond
    the codes' attributes. A ``read_only`` row is another place of what a row before it writes. In a field that
    ``repeats_entry`` the first indicator repeats whether the record has a main entry: the row knows it as 0.
    """

    tag: str
    attribute: str
    codes: str
    indicators: Mapping[str, Values] = field(default_factory=lambda: {"  ": {}})
    given: Values = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    into: Callable[[Values], Sequence[Values]] = as_is
    outof: Callable[[Values], Values] = unchanged
    converted: frozenset[str] = frozenset()
    unpack: Callable[[tuple[str, ...]], tuple[str, ...]] = unchanged_subfields
    pack: Callable[[tuple[str, ...]], tuple[str, ...]] = unchanged_subfields
    makes: frozenset[str] = frozenset()
    read_only: bool = False
    repeats_entry: bool = False

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The places that ``codes`` lists."""
        pairs = (part.partition(":")[::2] for part in self.codes.split())
        return tuple(Place(code, name.removesuffix("+"), name.endswith("+")) for code, name in pairs)

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The attributes that the row's subfields carry."""
        return frozenset(place.attribute for place in self.places)

    @cached_property
    def implied(self) -> tuple[tuple[str, Values], ...]:
        """What the row gives without any subfield, by the indicators, in the order they are tried."""
        return tuple((indicators, {**self.given, **said}) for indicators, said in self.indicators.items())

    @cached_property
    def telling(self) -> frozenset[str]:
        """The attributes that decide whether an element is written by this row, and with which indicators."""
        return frozenset(name for _, said in self.implied for name in said)

    @cached_property
    def carried(self) -> frozenset[str]:
        """The attributes of the Bib itself that a field of this row says, where it says any."""
        return (self.attributes | self.telling | self.makes) & Bib.model_fields.keys()

    @cached_property
    def required(self) -> frozenset[str]:
        """What an element of the Bib's attribute cannot be without."""
        if not self.attribute:
            return frozenset()
        return _REQUIRED.get(self.attribute, _TEXT)

    def says(self, indicators: str) -> Values:
        """Return what the row and these indicators give without any subfield."""
        return {**self.given, **self.indicators.get(indicators, {})}

    def fitting(self, element: Values) -> tuple[str, Values] | None:
        """Return the first indicators that say of an element what it is, and what they say."""
        return next((each for each in self.implied if _agrees(element, each[1])), None)

    def write(self, element: Values, fitting: tuple[str, Values] | None = None) -> Field | None:
        """Return the field for an element's values, or None where the row has no place for any of them."""
        fitting = fitting or self.fitting(element)
        if fitting is None:
            return None
        indicators, implied = fitting
        values = element if self.outof is unchanged else self.outof(element)
        subfields: list[str] = []
        written = set(implied)
        for code, attribute, _ in self.places:
            if (value := values.get(attribute)) and attribute not in written:
                written.add(attribute)
                if isinstance(value, str):
                    subfields.append(code + value)
                else:
                    subfields += [code + text for text in value]
        return Field(self.tag, indicators, self.pack(self._punctuated(subfields))) if subfields else None

    def _punctuated(self, subfields: list[str]) -> tuple[str, ...]:
        if not self.marks or len(subfields) < 2:
            return tuple(subfields)
        originals = [subfield for subfield in subfields if not subfield[0].isupper()]
        romanised = [subfield for subfield in subfields if subfield[0].isupper()]
        return (*self._joined(originals), *self._joined(romanised))

    def _joined(self, subfields: Sequence[str]) -> list[str]:
        following = [self.mark(subfield[0]) for subfield in subfields[1:]]
        return [subfield + mark for subfield, mark in zip(subfields, (*following, ""), strict=False)]

    def mark(self, code: str) -> str:
        """Return the punctuation before a subfield, or before its romanised twin."""
        return self.marks.get(code.lower(), "")

    @cached_property
    def element(self) -> type[Any] | None:
        """What the Bib's attribute holds; None where it holds texts, or where the row is of the Bib itself."""
        return ELEMENTS.get(self.attribute)

    def converts(self, names: Set[str]) -> bool:
        """Whether values of these names have to be converted."""
        return self.into is not as_is and (not self.converted or not self.converted.isdisjoint(names))

    def built(self, elements: Sequence[Values]) -> Sequence[Any] | None:
        """Return elements as the Bib holds them: models, or texts; None where one lacks what it cannot be without."""
        if not all(self.required <= element.keys() for element in elements):
            return None
        if not self.attribute:
            return elements
        if self.element is None:
            return [element["text"] for element in elements]
        return [element_of(self.element, element) for element in elements]


def _agrees(element: Values, said: Values) -> bool:
    return all((element.get(name) or None) == (value or None) for name, value in said.items())
