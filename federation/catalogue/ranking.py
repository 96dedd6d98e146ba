"""In which order a reader finds what the query matches.

Whoever types a title wants that book first, then the books whose titles begin so, then what the author of that name has
written, then the books with the words in the title. Whoever types a title and its author wants the book with
that title, not one about both. So the results are a list of tiers, each a question to the index; inside a tier the book
that most libraries hold comes first, then the newest. A page is read from the top tier down and stops when it is
full. What only a part of the query finds counts where all of it matches too: c is no word of 曹雪芹传.
"""

from enum import StrEnum
from typing import NamedTuple

from federation.catalogue.document import AUTHOR
from federation.catalogue.printing import Printer
from federation.catalogue.query import AUTHOR_COLUMNS, TITLE_COLUMNS, Query

CANDIDATES_MAX = 20_000
"""Of a tier's matches at most so many are put in order: it bounds the work of a query that matches everything."""
TITLE_CANDIDATES_MAX = 1_000
"""The same for titles that begin with the query, which are looked up by key."""
LAST = "\U0010ffff"
"""Sorts behind every character: a key's beginning with this behind it ends the range of keys that begin so."""


class Question(StrEnum):
    """What a tier asks: a key, the beginning of one, or an index expression."""

    KEY = "key"
    KEY_START = "key_start"
    MATCH = "match"


class Tier(NamedTuple):
    """One question; ``argument`` is a key or an index expression, ``candidates`` how many are put in order.

    ``answers`` says that whatever it finds matches the whole query; else only what does so otherwise counts.
    """

    question: Question
    argument: str
    candidates: int = CANDIDATES_MAX
    answers: bool = True


# The columns that all words must stand in, best tier first. What matches anywhere follows behind.
_WITHIN = (TITLE_COLUMNS[:1], TITLE_COLUMNS, AUTHOR_COLUMNS)


def tiers(query: Query, printer: Printer) -> tuple[Tier, ...]:
    """Return the questions to ask in turn, before what matches anywhere; empty for a query without terms."""
    found = [Tier(Question.KEY, word, answers=False) for word in query.words]
    if query.title:
        found = [Tier(Question.KEY, query.title), *found,
                 Tier(Question.KEY_START, query.title, TITLE_CANDIDATES_MAX, answers=False),
                 Tier(Question.KEY, AUTHOR + query.title)]
    printed = (printer(query, columns) for columns in _WITHIN)
    return (*found, *(Tier(Question.MATCH, expression) for expression in printed if expression is not None))
