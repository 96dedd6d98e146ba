"""By what a reader narrows a search: city, library, decade, language, class, available now; and how many each leaves.

Decade, language and class are those of the record that is shown, so that a result never contradicts its facet; they
are stored as one short text, its marks. A library counts where it holds any record of the book, and a city once,
however many of its libraries do. Languages are ISO 639-2 codes; classes are the 22 letters of the Chinese Library
Classification (中图法). Deliberately absent: the names of values, and who is in which city, which the caller knows.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import NamedTuple

from schemas.bib import Bib

CLASSES = "ABCDEFGHIJKNOPQRSTUVXZ"
"""The top classes of the Chinese Library Classification; its letters L, M, W and Y are not in use."""
_LETTERS = frozenset(CLASSES)
_LANGUAGE = re.compile("[a-z]{3}")
LANGUAGES_MAX = 4
"""Languages of one record that count; a dictionary may list dozens."""

Counts = tuple[tuple[str, int], ...]
"""Values, each with how many books have it, the commonest first."""


class Facet(StrEnum):
    """Something with values to choose from."""

    CITY = "city"
    LIBRARY = "library"
    DECADE = "decade"
    LANGUAGE = "language"
    CLASS = "class"


class Marks(NamedTuple):
    """What facets know of one record: at most one decade, by its first year; languages; classes."""

    decades: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


class Narrowing(NamedTuple):
    """What a reader has chosen: at most one value of each facet, and whether a copy must be available now."""

    chosen: Mapping[Facet, str] = MappingProxyType({})
    available: bool = False

    def __bool__(self) -> bool:
        """Whether anything is chosen."""
        return bool(self.chosen) or self.available


EVERYTHING = Narrowing()
NOWHERE: Mapping[str, str] = MappingProxyType({})
"""No library's city is told."""


class Facets(NamedTuple):
    """How many books each value leaves.

    ``counted`` books were looked at: fewer than were found, where very many were. ``available`` is None where too many
    were found to ask after each.
    """

    counts: Mapping[Facet, Counts] = MappingProxyType({})
    counted: int = 0
    available: int | None = None


NO_FACETS = Facets()


class Marked(NamedTuple):
    """One book as the catalogue stores it for facets: its marks, and the ids of its libraries, both as text."""

    number: int
    marks: str
    holders: str


def marks_of(bib: Bib) -> str:
    """Return a record's marks as they are stored.

    >>> from schemas.bib import Bib, Classification
    >>> novel = Classification(number="I247.5")
    >>> marks_of(Bib(record_id="1", source="CNMARC", year=1996, languages=("chi",), classes=(novel,)))
    '1990|chi|I'
    """
    decade = str(bib.year // 10 * 10) if bib.year and bib.year > 0 else ""
    codes = (code.lower() for code in bib.languages[:LANGUAGES_MAX])
    languages = dict.fromkeys(code for code in codes if _LANGUAGE.fullmatch(code))
    classes = dict.fromkeys(letter for letter in (number[:1].upper() for number in bib.clc) if letter in _LETTERS)
    return f"{decade}|{' '.join(languages)}|{' '.join(classes)}"


@lru_cache(maxsize=1 << 12)
def marks_from(text: str) -> Marks:
    """Return the marks stored as ``text``."""
    return Marks(*(tuple(part.split()) for part in text.split("|")))


def narrowed(books: Iterable[Marked], narrowing: Narrowing, cities: Mapping[str, str]) -> list[Marked]:
    """Return the books that have every chosen value; ``cities`` tells each library's. Availability is not asked."""
    readers = _readers(cities)
    left = list(books)
    for facet, value in narrowing.chosen.items():
        text, values = readers[facet]
        having = {one for one in set(map(text, left)) if value in values(one)}
        left = [book for book in left if text(book) in having]
    return left


def count(books: Iterable[Marked], cities: Mapping[str, str]) -> Mapping[Facet, Counts]:
    """Return for each facet how many of the books have each value."""
    books = list(books)
    alike = {text: Counter(map(text, books)) for text in (_MARKS, _HOLDERS)}
    return {facet: _tally(alike[text], values) for facet, (text, values) in _readers(cities).items()}


_Text = Callable[[Marked], str]
_Values = Callable[[str], Iterable[str]]
_MARKS: _Text = attrgetter("marks")
_HOLDERS: _Text = attrgetter("holders")


def _readers(cities: Mapping[str, str]) -> Mapping[Facet, tuple[_Text, _Values]]:
    """Return for each facet which text of a book tells its values, and how."""
    return {
        Facet.CITY: (_HOLDERS, lambda text: {cities[one] for one in text.split(",") if one in cities}),
        Facet.LIBRARY: (_HOLDERS, lambda text: text.split(",")),
        Facet.DECADE: (_MARKS, lambda text: marks_from(text).decades),
        Facet.LANGUAGE: (_MARKS, lambda text: marks_from(text).languages),
        Facet.CLASS: (_MARKS, lambda text: marks_from(text).classes),
    }


def _tally(alike: Mapping[str, int], values: _Values) -> Counts:
    """Return each value's count, given how many books have the same text: texts are read once, however many have it."""
    found: Counter[str] = Counter()
    for text, times in alike.items():
        for value in values(text):
            found[value] += times
    return tuple(sorted(found.items(), key=lambda entry: (-entry[1], entry[0])))
