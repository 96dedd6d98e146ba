"""How facets look on the search page: what may be chosen, what has been, and where each choice leads.

Every choice is a link, so it needs no script. A facet whose value is chosen is shown as chosen, with the way back,
and offers nothing else; a value that every book has offers nothing either.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from federation.catalogue.facets import Facet, Facets, Narrowing
from federation.web.searching import AVAILABLE
from federation.web.texts import phrase
from schemas.directory import Agency, Directory

VALUES_MAX = 40
"""Of one facet: more than the libraries of an alliance's province; the rarest are left out."""

Link = Callable[..., str]
"""Takes a path and its query; returns a link that keeps the page's language."""
Names = Callable[[Facet, str], str]
"""Tells what a facet's value is called in the page's language."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A link: to narrow by a value that ``count`` books have, or back from it."""

    name: str
    href: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """One facet with the values to choose from."""

    name: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Narrowings:
    """All that the page shows of facets. ``available`` leads to books with a copy free now; None where that is chosen.

    ``sample`` is how many books the counts are of, where that is not all.
    """

    offers: tuple[Offer, ...]
    chosen: tuple[Choice, ...]
    available: Choice | None
    sample: int | None


def narrowings(facets: Facets, narrowing: Narrowing, query: str, total: int, texts: Mapping[str, str], names: Names,
               link: Link) -> Narrowings:
    """Return what the page of a search offers."""
    kept = parameters(query, narrowing)
    offers = tuple(_offer(facet, facets, texts, names, kept, link) for facet in Facet if facet not in narrowing.chosen)
    chosen = [Choice(names(facet, value), link("/", **_without(kept, facet)))
              for facet, value in narrowing.chosen.items()]
    if narrowing.available:
        chosen.append(Choice(phrase(texts, AVAILABLE), link("/", **_without(kept, AVAILABLE))))
    free = Choice(phrase(texts, AVAILABLE), link("/", **{**kept, AVAILABLE: "1"}), facets.available)
    return Narrowings(tuple(offer for offer in offers if offer.choices), tuple(chosen),
                      None if narrowing.available or not total else free,
                      facets.counted if facets.counted < total else None)


def parameters(query: str, narrowing: Narrowing) -> dict[str, str]:
    """Return the query of the address that asks for this."""
    kept = {"q": query, **{str(facet): value for facet, value in narrowing.chosen.items()}}
    return {**kept, AVAILABLE: "1"} if narrowing.available else kept


def names_of(texts: Mapping[str, str], directory: Directory, local: Callable[..., str]) -> Names:
    """Return what values are called: libraries and cities by the directory, the rest by the page's texts."""
    libraries = directory.by_id
    cities = {library.city_zh or library.city_en: library for library in directory.libraries()}

    def name(facet: Facet, value: str) -> str:
        if facet is Facet.LIBRARY:
            return _local(libraries.get(value), value, local, "name")
        if facet is Facet.CITY:
            return _local(cities.get(value), value, local, "city")
        if facet is Facet.DECADE:
            return phrase(texts, "decade", year=value)
        return texts.get(f"{facet}.{value}", value)

    return name


def _offer(facet: Facet, facets: Facets, texts: Mapping[str, str], names: Names, kept: Mapping[str, str],
           link: Link) -> Offer:
    counts = facets.counts.get(facet, ())
    useful = [] if len(counts) == 1 and counts[0][1] == facets.counted else counts[:VALUES_MAX]
    ordered = sorted(useful, reverse=True) if facet is Facet.DECADE else useful
    return Offer(phrase(texts, f"facet.{facet}"), tuple(
        Choice(names(facet, value), link("/", **{**kept, str(facet): value}), number) for value, number in ordered))


def _without(kept: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in kept.items() if key != name}


def _local(agency: Agency | None, value: str, local: Callable[..., str], what: str) -> str:
    return (local(agency, what) if agency else "") or value
