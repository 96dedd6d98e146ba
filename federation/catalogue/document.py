"""What of a record is searched and shown: index columns, keys of whole titles and names, the line in a result list.

A cluster's index entry is the union of its members' segments: one segment is the tokens of one distinct text, so thirty
libraries that catalogue a title alike cost one. Deliberately absent: notes and summaries, which find too much.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from federation.catalogue.facets import marks_of
from federation.catalogue.forms import normal_volume, split_volume
from federation.catalogue.pinyin import Pinyin, catalogued_pinyin, pinyins
from federation.catalogue.tokens import compact, tokens
from federation.catalogue.views import ItemView
from schemas.bib import Bib, Holding, Item

COLUMNS = ("title", "pinyin", "author", "author_pinyin", "subject", "publisher", "isbn", "other")
"""The columns of the index, in order."""
AUTHORS_JOINED_BY = "; "
AUTHOR = "@"
"""Begins the keys of authors' names; no title's key does."""
BREAK = "‖"
"""Token between two segments, so that no phrase runs from one into the next."""
SEGMENTS_MAX = 64
"""Distinct texts kept per column: bounds what one book can put into the index."""
TEXT_CHARS_MAX = 500
"""A longer title, name or heading is indexed by its beginning."""
SPOKEN_MAX = 4
"""Titles, and names, of one record that are also indexed by their pinyin."""


class Document(NamedTuple):
    """What a record adds to the index of its cluster: segments per column, and keys.

    A key is a whole title without spaces, or after `AUTHOR` a whole name; in Chinese, in pinyin, or in initials.
    """

    columns: tuple[tuple[str, ...], ...]
    title_keys: tuple[str, ...]


class Summary(NamedTuple):
    """A record's line in a result list and what facets count of it.

    Among a cluster's records the one with the most ``facts`` is shown and counted.
    """

    title: str
    author: str
    publisher: str
    year: int | None
    isbn13: str | None
    marks: str
    facts: int


def document_of(bib: Bib) -> Document:
    """Return what to index for ``bib``."""
    titles = _distinct(text[:TEXT_CHARS_MAX] for text in (bib.title, *bib.further_titles, bib.volume_title))
    names = _distinct(entry.name[:TEXT_CHARS_MAX] for entry in bib.contributors)
    spoken = _spoken(titles[:SPOKEN_MAX], bib.title_pinyin)
    called = _spoken(names[:SPOKEN_MAX], *(entry.pinyin for entry in bib.contributors[:SPOKEN_MAX]))
    further = (entry.title for entry in bib.other_titles)
    connected = (*(entry.title for entry in bib.series), *(entry.title for entry in bib.related_titles))
    columns: tuple[Iterable[str], ...] = (
        _streams((*titles, *_whole_titles(bib), bib.subtitle, *bib.parallel_titles, *further)),
        _segments(spoken),
        _streams((*names, bib.responsibility, *bib.other_responsibilities)),
        _segments(called),
        _streams((*(entry.text for entry in bib.subjects), *(entry.number for entry in bib.classes))),
        _streams((bib.publisher, bib.place)),
        _numbers(bib),
        _streams((*connected, bib.edition, str(bib.year or ""))),
    )
    whole = (text[:TEXT_CHARS_MAX] for text in (*titles, *_whole_titles(bib), *bib.parallel_titles))
    keys = _distinct((*map(compact, whole), *_typed(spoken)))[:SEGMENTS_MAX]
    return Document(tuple(map(_distinct, columns)), (*keys, *_author_keys(names, called)))


def author_keys(name: str) -> tuple[str, ...]:
    """Return the keys of one name: as written, in pinyin, in initials.

    >>> author_keys("鲁迅")
    ('@鲁迅', '@luxun', '@lx')
    """
    return _author_keys((name,), pinyins(name))


def merged(columns: Iterable[str], document: Document) -> tuple[str, ...]:
    """Return the column texts of a cluster after ``document`` has joined it."""
    return tuple(_joined(text, segments) for text, segments in zip(columns, document.columns, strict=True))


def summary_of(bib: Bib) -> Summary:
    """Return the line that shows ``bib`` in a result list."""
    title = " ".join(filter(None, (bib.title, bib.volume, bib.volume_title)))
    author = AUTHORS_JOINED_BY.join(entry.name for entry in bib.contributors[:3]) or bib.responsibility
    isbn13 = next(iter(bib.isbn13s), None)
    shown = (title, author, bib.publisher, bib.year, isbn13)
    described = (bib.subtitle, bib.summary, bib.subjects, bib.classes, bib.extent, bib.edition, bib.languages)
    return Summary(*shown, marks=marks_of(bib), facts=sum(map(bool, (*shown, *described))))


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
    """Return the ways to say the whole title: with its subtitle, and with its volume (三体 2 for 三体Ⅱ：黑暗森林).

    Of a whole set also what it is called without saying so: 史记 for 史记（全十册）.
    """
    base, volume, _rest = split_volume(bib.title)
    number = normal_volume(bib.volume) or volume
    with_volume = (f"{base} {number}", f"{bib.title} {bib.volume} {bib.volume_title}") if number else ()
    return (f"{bib.title} {bib.subtitle}" if bib.subtitle else "", *(with_volume or (base,)))


def _spoken(texts: Iterable[str], *catalogued: str) -> tuple[Pinyin, ...]:
    """Return the pinyin of texts, ours and the cataloguer's: of a rare reading only the library may know."""
    own = (reading for text in texts for reading in pinyins(text))
    theirs = (catalogued_pinyin(text[:TEXT_CHARS_MAX]) for text in catalogued if text)
    return tuple(dict.fromkeys(filter(None, (*own, *theirs))))


def _typed(spoken: Iterable[Pinyin]) -> Iterator[str]:
    return (key for entry in spoken for key in (entry.joined, entry.initials))


def _author_keys(names: Iterable[str], called: Iterable[Pinyin]) -> tuple[str, ...]:
    keys = _distinct((*map(compact, names), *_typed(called)))[:SEGMENTS_MAX]
    return tuple(AUTHOR + key for key in keys)


def _segments(spoken: Iterable[Pinyin]) -> Iterator[str]:
    return (segment for entry in spoken for segment in (" ".join(entry.syllables), entry.joined, entry.initials))


def _numbers(bib: Bib) -> Iterator[str]:
    for isbn in bib.isbns:
        yield isbn.isbn13 or compact(isbn.as_written)
    yield from (compact(issn.number) for issn in bib.issns)
    yield compact(bib.unified_book_number)


def _streams(texts: Iterable[str]) -> Iterator[str]:
    return (_stream(text[:TEXT_CHARS_MAX]) for text in texts if text)


@lru_cache(maxsize=1 << 14)
def _stream(text: str) -> str:
    """Return the tokens of a text; publishers, headings and the titles of popular books come again and again."""
    return " ".join(tokens(text))


def _joined(text: str, segments: tuple[str, ...]) -> str:
    known = text.split(f" {BREAK} ") if text else []
    return f" {BREAK} ".join(_distinct((*known, *segments))[:SEGMENTS_MAX])


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, values)))
