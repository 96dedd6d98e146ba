"""What a reader may be typing: titles and names that begin so, in Chinese, in pinyin or in initials.

A beginning is looked up among the keys of whole titles and names. Those that are the whole key come first, then what
most libraries hold; one text is suggested once, however many editions have it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from federation.catalogue.document import AUTHOR, AUTHORS_JOINED_BY, author_keys
from federation.catalogue.tokens import compact

TYPED_CHARS_MAX = 64
"""More than this is no beginning any more, but a query."""
SUGGESTIONS = 8
"""As many as a phone shows above its keyboard."""
LATIN_CHARS_MIN = 2
"""One letter begins too much to suggest anything."""
ROWS_MAX = 1_000
"""Keys that are looked at, of titles and of names each: bounds the work for a short beginning."""
KEYS_MAX = 60
"""Keys that are kept, those whose books most libraries hold."""


class SuggestionKind(StrEnum):
    """What is suggested."""

    TITLE = "title"
    AUTHOR = "author"


class Suggestion(NamedTuple):
    """A title or a name that what has been typed may become."""

    kind: SuggestionKind
    text: str


class Known(NamedTuple):
    """A key that begins so, how many libraries hold its book, and the book's line: its title and authors."""

    key: str
    agencies: int
    title: str
    author: str


def beginnings(text: str) -> tuple[str, ...]:
    """Return the beginnings of keys to look up; none where too little, or too much, has been typed.

    >>> beginnings("Hong lou"), beginnings("h"), beginnings("红")
    (('honglou', '@honglou'), (), ('红', '@红'))
    """
    typed = compact(text[: TYPED_CHARS_MAX + 1])
    is_enough = len(typed) >= (LATIN_CHARS_MIN if typed.isascii() else 1)
    return (typed, AUTHOR + typed) if is_enough and len(typed) <= TYPED_CHARS_MAX else ()


def suggestions(text: str, known: Iterable[Known], limit: int) -> tuple[Suggestion, ...]:
    """Return what to suggest, the likeliest first, at most ``limit``."""
    typed = compact(text[: TYPED_CHARS_MAX + 1])
    weights: defaultdict[Suggestion, list[int]] = defaultdict(lambda: [0, 0])
    for entry in known:
        for suggestion in _named(entry, typed):
            weight = weights[suggestion]
            weight[0] |= entry.key.removeprefix(AUTHOR) == typed
            weight[1] += entry.agencies
    ordered = sorted(weights, key=lambda one: (-weights[one][0], -weights[one][1], one.kind != "title", one.text))
    return tuple(ordered[:limit])


def _named(entry: Known, typed: str) -> Iterator[Suggestion]:
    """Yield what a key stands for; of a book's authors, those whose name begins so."""
    if not entry.key.startswith(AUTHOR):
        yield Suggestion(SuggestionKind.TITLE, entry.title)
        return
    for name in entry.author.split(AUTHORS_JOINED_BY):
        if any(key.startswith(AUTHOR + typed) for key in author_keys(name)):
            yield Suggestion(SuggestionKind.AUTHOR, name)
