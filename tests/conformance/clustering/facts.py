"""Reads ``works.toml`` and ``names.toml``: works, their editions and volumes, people, publishers.

What the facts leave open (a number, a price, the pages) is made up here from a hash, the same at every run: an ISBN
under the publisher's real prefix with a right check digit.
"""

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.conformance.clustering.cards import with_check_digit

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "clustering"
T = TypeVar("T")


def number_from(key: str, limit: int) -> int:
    """A number in 0…limit-1 that is always the same for a key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % limit


def choose(key: str, options: Sequence[T]) -> T:
    """One of the options, always the same for a key."""
    return options[number_from(key, len(options))]


@dataclass(frozen=True)
class Person:
    """A name on the title page, and what catalogues make of it."""

    name: str
    role: str
    origin: str = ""
    latin: str = ""
    traditional: str = ""
    variants: tuple[str, ...] = ()
    corporate: bool = False


@dataclass(frozen=True)
class Publisher:
    """A publisher's name with its forms, and the prefix of its ISBNs."""

    name: str
    place: str
    prefix: str
    short: str
    pinyin: str = ""
    traditional: str = ""


@dataclass(frozen=True)
class Unit:
    """One publication a library may lend: an edition, or one volume of it. ``isbn13`` of a volume may be its set's."""

    work: str
    edition_number: int
    title: str
    publisher: Publisher
    year: int
    people: tuple[Person, ...]
    translators: tuple[Person, ...]
    isbn13: str
    hardback_isbn13: str
    price: str
    pages: int
    pinyin: str = ""
    traditional: str = ""
    subtitle: str = ""
    edition: str = ""
    volume: str = ""
    volume_title: str = ""
    volumes: int = 0
    is_set_isbn: bool = False
    ubn: str = ""
    lang: str = "chi"
    form: str = ""
    kin: str = ""
    volume_kind: str = "volume_of_set"
    country: str = ""
    printings: tuple[int, ...] = ()


def families() -> dict[str, tuple[Unit, ...]]:
    """The units of each work, under its name."""
    names = tomllib.loads((FOLDER / "names.toml").read_text("utf-8"))
    works = tomllib.loads((FOLDER / "works.toml").read_text("utf-8"))["work"]
    return {work["name"]: tuple(unit for number, edition in enumerate(work["editions"])
                                for unit in _units(work, edition, number, names)) for work in works}


def handwritten(file: str) -> list[dict[str, Any]]:
    """The pairs written by hand, as they stand in a file of the folder."""
    pairs: list[dict[str, Any]] = tomllib.loads((FOLDER / file).read_text("utf-8"))["pair"]
    return pairs


def isbn_under(prefix: str, key: str) -> str:
    """A made-up ISBN-13 with the publisher's prefix."""
    width = 12 - len(prefix)
    return with_check_digit(prefix + str(number_from(key, 10**width)).zfill(width) + "?")


def _units(work: dict[str, Any], edition: dict[str, Any], number: int, names: dict[str, Any]) -> list[Unit]:
    if "volumes" not in edition:
        return [_unit(work, edition, number, names, edition.get("volume", ""), edition.get("volume_title", ""), 0)]
    volumes = [volume.partition(":") for volume in edition["volumes"]]
    return [_unit(work, edition, number, names, volume, title, place)
            for place, (volume, _, title) in enumerate(volumes)]


def _unit(work: dict[str, Any], edition: dict[str, Any], number: int, names: dict[str, Any],
          volume: str, volume_title: str, place: int) -> Unit:
    own = edition.get("title", work["name"]) != work["name"]
    house = Publisher(edition["publisher"], **names["publishers"][edition["publisher"]])
    key = f"{work['name']}/{number}/{place}"
    return Unit(
        work=work["name"], edition_number=number, title=edition.get("title", work["name"]), publisher=house,
        year=edition["year"], people=_people(edition.get("by", work["by"]), names),
        translators=_people("; ".join(f"{name}/译" for name in edition.get("tr", "").split("; ") if name), names),
        isbn13=_isbn(edition, house, key, place),
        hardback_isbn13=isbn_under(house.prefix, key + "/hardback") if edition.get("hardback") else "",
        price=edition.get("price", f"{12 + number_from(key + '/price', 70)}.00"),
        pages=edition.get("pages", 180 + number_from(key + "/pages", 420)),
        pinyin=edition.get("pinyin", "" if own else work.get("pinyin", "")),
        traditional=edition.get("traditional", "" if own else work.get("traditional", "")),
        volume=volume, volume_title=volume_title, volumes=len(edition.get("volumes", ())),
        is_set_isbn="set_isbn" in edition, lang=edition.get("lang", work.get("lang", "chi")),
        volume_kind=work.get("volume_kind", "volume_of_set"), printings=tuple(edition.get("printings", ())),
        **{name: edition[name] for name in ("subtitle", "edition", "ubn", "form", "kin", "country") if name in edition},
    )


def _isbn(edition: dict[str, Any], house: Publisher, key: str, place: int) -> str:
    if "set_isbn" in edition:
        given = edition["set_isbn"]
        key = key.rpartition("/")[0]
    else:
        given = edition["isbns"][place] if "isbns" in edition else edition.get("isbn", "?")
    return isbn_under(house.prefix, key) if given == "?" else str(given)


def _people(text: str, names: dict[str, Any]) -> tuple[Person, ...]:
    parts = [entry.partition("/") for entry in text.split("; ") if entry]
    return tuple(_person(name, role, names["people"].get(name, {})) for name, _, role in parts)


def _person(name: str, role: str, facts: dict[str, Any]) -> Person:
    return Person(name, role, **{**facts, "variants": tuple(facts.get("variants", ()))})
