"""In which order a reader finds what the query matches.

Whoever types a title wants that book first, then the books whose titles begin so, then those with the words in the
title, then the author's. So the results are a list of tiers, each a question to the index; inside a tier the book that
most libraries hold comes first, then the newest. A page is read from the top tier down and stops when it is full.
Titles that merely begin with the typed letters count only where the whole query matches too: c is no word of 曹雪芹传.
"""

from enum import StrEnum
from typing import NamedTuple

from federation.catalogue.query import Query, match_expression

CANDIDATES_MAX = 20_000
"""Of a tier's matches at most so many are put in order: it bounds the work of a query that matches everything."""
TITLE_CANDIDATES_MAX = 1_000
"""The same for titles that begin with the query, which are looked up by key."""


class Question(StrEnum):
    """What a tier asks: a whole title, the beginning of one, or an index expression."""

    TITLE = "title"
    TITLE_PREFIX = "title_prefix"
    MATCH = "match"


class Tier(NamedTuple):
    """One question; ``argument`` is a title key or an index expression, ``candidates`` how many are put in order."""

    question: Question
    argument: str
    candidates: int = CANDIDATES_MAX


WHOLE: tuple[str, ...] = ()
"""The columns of the last tier, which is the whole query: any."""

# The columns that all words must stand in, best tier first.
_MATCHES = (("title",), ("title", "pinyin"), ("author",), WHOLE)


def tiers(query: Query) -> tuple[Tier, ...]:
    """Return the questions to ask in turn; empty for a query without terms."""
    if not query.groups:
        return ()
    title = query.title
    by_key = (Tier(Question.TITLE, title), Tier(Question.TITLE_PREFIX, title, TITLE_CANDIDATES_MAX)) if title else ()
    return (*by_key, *(Tier(Question.MATCH, match_expression(query, columns)) for columns in _MATCHES))
