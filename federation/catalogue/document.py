"""What of a record is searched and shown: the index columns, the keys of whole titles, the line in a result list.

A cluster's index entry is the union of its members' segments: one segment is the tokens of one distinct text, so thirty
libraries that catalogue a title alike cost one. Deliberately absent: notes and summaries, which find too much.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from federation.catalogue.features import normal_volume, split_volume
from federation.catalogue.tokens import Pinyin, compact, fold, pinyin, tokens
from federation.catalogue.views import ItemView
from schemas.bib import Bib, Holding, Item

COLUMNS = ("title", "pinyin", "author", "subject", "publisher", "isbn", "other")
"""The columns of the index, in order."""
BREAK = "‖"
"""Token between two segments, so that no phrase runs from one into the next."""
SEGMENTS_MAX = 64
"""Distinct texts kept per column: bounds what one book can put into the index."""
TEXT_CHARS_MAX = 500
"""A longer title, name or heading is indexed by its beginning."""
SPOKEN_MAX = 4
"""Titles of one record that are also indexed by their pinyin."""


class Document(NamedTuple):
    """What a record adds to the index of its cluster: segments per column, and the keys of its whole titles."""

    columns: tuple[tuple[str, ...], ...]
    title_keys: tuple[str, ...]


class Summary(NamedTuple):
    """A record's line in a result list; among a cluster's records the one with the most ``facts`` is shown."""

    title: str
    author: str
    publisher: str
    year: int | None
    isbn13: str | None
    facts: int


def document_of(bib: Bib) -> Document:
    """Return what to index for ``bib``."""
    titles = _distinct(text[:TEXT_CHARS_MAX] for text in (bib.title, *bib.further_titles, bib.volume_title))
    spoken = _spoken(bib, titles[:SPOKEN_MAX])
    further = (entry.title for entry in bib.other_titles)
    connected = (*(entry.title for entry in bib.series), *(entry.title for entry in bib.related_titles))
    columns: tuple[Iterable[str], ...] = (
        _streams((*titles, *_whole_titles(bib), bib.subtitle, *bib.parallel_titles, *further)),
        (segment for entry in spoken for segment in (" ".join(entry.syllables), entry.joined, entry.initials)),
        _streams((*(entry.name for entry in bib.contributors), bib.responsibility, *bib.other_responsibilities)),
        _streams((*(entry.text for entry in bib.subjects), *(entry.number for entry in bib.classes))),
        _streams((bib.publisher, bib.place)),
        _numbers(bib),
        _streams((*connected, bib.edition, str(bib.year or ""))),
    )
    keys = (
        *(compact(text[:TEXT_CHARS_MAX]) for text in (*titles, *_whole_titles(bib), *bib.parallel_titles)),
        *(key for entry in spoken for key in (entry.joined, entry.initials)),
    )
    return Document(tuple(map(_distinct, columns)), _distinct(keys)[:SEGMENTS_MAX])


def merged(columns: Iterable[str], document: Document) -> tuple[str, ...]:
    """Return the column texts of a cluster after ``document`` has joined it."""
    return tuple(_joined(text, segments) for text, segments in zip(columns, document.columns, strict=True))


def summary_of(bib: Bib) -> Summary:
    """Return the line that shows ``bib`` in a result list."""
    title = " ".join(filter(None, (bib.title, bib.volume, bib.volume_title)))
    author = "; ".join(entry.name for entry in bib.contributors[:3]) or bib.responsibility
    isbn13 = next(iter(bib.isbn13s), None)
    shown = (title, author, bib.publisher, bib.year, isbn13)
    described = (bib.subtitle, bib.summary, bib.subjects, bib.classes, bib.extent, bib.edition, bib.languages)
    return Summary(*shown, facts=sum(map(bool, (*shown, *described))))


def items_of(bib: Bib) -> tuple[ItemView, ...]:
    """Return the record's copies with their place, call number and price as far as the record tells them."""
    return tuple(_item(bib, holding, item) for holding in bib.holdings for item in holding.items)


def _item(bib: Bib, holding: Holding, item: Item) -> ItemView:
    return ItemView(
        item.barcode,
        item.location or holding.location or holding.branch,
        item.call_number or holding.call_number,
        bib.price_fen if item.price_fen is None else item.price_fen,
    )


def _whole_titles(bib: Bib) -> tuple[str, ...]:
    """Return the ways to say the whole title: with its subtitle, and with its volume (三体 2 for 三体Ⅱ：黑暗森林)."""
    base, volume, _rest = split_volume(bib.title)
    number = normal_volume(bib.volume) or volume
    with_volume = (f"{base} {number}", f"{bib.title} {bib.volume} {bib.volume_title}") if number else ()
    return (f"{bib.title} {bib.subtitle}" if bib.subtitle else "", *with_volume)


def _spoken(bib: Bib, titles: tuple[str, ...]) -> tuple[Pinyin, ...]:
    """Return the titles' pinyin, ours and the cataloguer's: 传 is chuan or zhuan, and only the library knows."""
    words = fold(bib.title_pinyin[:TEXT_CHARS_MAX]).replace("v", "u").split()
    syllables = tuple(word for word in words if word.isalnum())
    catalogued = Pinyin.of(syllables) if syllables else None
    return tuple(dict.fromkeys(filter(None, (*map(pinyin, titles), catalogued))))


def _numbers(bib: Bib) -> Iterator[str]:
    for isbn in bib.isbns:
        yield isbn.isbn13 or compact(isbn.as_written)
    yield from (compact(issn.number) for issn in bib.issns)
    yield compact(bib.unified_book_number)


def _streams(texts: Iterable[str]) -> Iterator[str]:
    return (" ".join(tokens(text[:TEXT_CHARS_MAX])) for text in texts if text)


def _joined(text: str, segments: tuple[str, ...]) -> str:
    known = text.split(f" {BREAK} ") if text else []
    return f" {BREAK} ".join(_distinct((*known, *segments))[:SEGMENTS_MAX])


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
