"""A catalogue card in short form, and the `Bib` it stands for.

A card is a table of texts: ``by`` is ``name/role/pinyin; …`` (``@`` before a body's name), ``isbn`` a list of
``number|qualifier|price``, ``wrong_isbn`` the same for a number the library itself marks as wrong. The keys are those
of `Bib` where they can be.
"""

import re
from typing import Any

from schemas.bib import AgentKind, Bib, Contributor, Entry, Isbn, MarcFormat, OtherTitle, Series, TitleKind

Card = dict[str, Any]

_TEXTS = {"title": "title", "pinyin": "title_pinyin", "subtitle": "subtitle", "volume": "volume",
          "volume_title": "volume_title", "resp": "responsibility", "ubn": "unified_book_number", "edition": "edition",
          "place": "place", "publisher": "publisher", "date": "date_text", "extent": "extent", "country": "country"}
_OTHER_KEYS = {"format", "by", "isbn", "wrong_isbn", "lang", "orig", "series", "cover", "parallel"}
_YEAR = re.compile(r"\d{4}")


def bib_of(card: Card, record_id: str) -> dict[str, Any]:
    """The card as `Bib` JSON, without the fields that say nothing."""
    if unknown := card.keys() - _TEXTS.keys() - _OTHER_KEYS:
        raise ValueError(f"card {record_id}: unknown keys {sorted(unknown)}")
    source = MarcFormat(card.get("format", "CNMARC"))
    year = _YEAR.search(card.get("date", ""))
    orig = tuple(card.get("orig", "").split())
    bib = Bib(
        record_id=record_id,
        source=source,
        contributors=_contributors(card.get("by", ""), source),
        isbns=(*(_isbn(text) for text in card.get("isbn", [])),
               *(_isbn(text, cancelled=True) for text in card.get("wrong_isbn", []))),
        year=int(year[0]) if year else None,
        languages=tuple(card.get("lang", "").split()),
        original_languages=orig,
        is_translation=bool(orig),
        series=tuple(Series(title=title) for title in card.get("series", [])),
        parallel_titles=tuple(card.get("parallel", [])),
        other_titles=tuple(OtherTitle(title=title, kind=TitleKind.COVER) for title in card.get("cover", [])),
        **{field: card[key] for key, field in _TEXTS.items() if key in card},
    )
    return bib.model_dump(mode="json", exclude_defaults=True)


def _isbn(text: str, *, cancelled: bool = False) -> Isbn:
    number, *rest = text.split("|")
    return Isbn.parse(with_check_digit(number), *rest, cancelled=cancelled)


def with_check_digit(number: str) -> str:
    """The number with its check digit (ISO 2108) in the place of a final ``?``."""
    if not number.endswith("?"):
        return number
    digits = [int(char) for char in number if char.isdigit()]
    if len(digits) == 12:
        check = str(-sum(digit * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10)
    else:
        check = "0123456789X"[-sum(digit * (10 - place) for place, digit in enumerate(digits)) % 11]
    return number[:-1] + check


def _contributors(text: str, source: MarcFormat) -> tuple[Contributor, ...]:
    return tuple(_contributor(entry, main=source is MarcFormat.MARC21 and index == 0)
                 for index, entry in enumerate(text.split("; ")) if entry)


def _contributor(entry: str, *, main: bool) -> Contributor:
    name, role, pinyin = (*entry.split("/"), "", "")[:3]
    kind = AgentKind.CORPORATE if name.startswith("@") else AgentKind.PERSON
    qualifier = re.match(r"\((.+?)\)", name)
    return Contributor(
        name=re.sub(r"^\(.+?\)\s*", "", name.removeprefix("@")), role=role, pinyin=pinyin, kind=kind,
        qualifier=qualifier[0] if qualifier else "",
        entry=Entry.MAIN if main else Entry.SECONDARY if "译" in role else Entry.EQUAL, inverted="," in name)
