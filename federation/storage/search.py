"""How the union catalogue is searched: matches, facets, order and suggestions, each within stated bounds.

The work of a query does not grow with the catalogue: past ``CANDIDATES_MAX`` matches the first ones are ranked, past
``FACETED_MAX`` facets are counted over the first ones, and whether a copy is free is asked of the ``AVAILABLE_MAX``
best only; each answer says so. What is on the shelf is known to the libraries alone. "Available" means here: some
library has a copy with a barcode that is on no open loan of the alliance; a work's page then asks the libraries.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any

from federation.catalogue.facets import Facets, Marked, Narrowing, count, narrowed
from federation.catalogue.query import Query, parse
from federation.catalogue.ranking import CANDIDATES_MAX, LAST, Question, Tier, tiers
from federation.catalogue.suggesting import KEYS_MAX, ROWS_MAX, Known, Suggestion, beginnings, suggestions
from federation.catalogue.views import Hit, HoldingView, ItemView, SearchPage
from federation.storage.catalogue_statements import SQLITE, Statements
from federation.storage.engine import Connection
from schemas.identifiers import AgencyId

PAGE_HITS_MAX = 200
"""Hits of one page; a larger ``limit`` is cut to it."""
FACETED_MAX = 5_000
"""Books that facets are counted over."""
AVAILABLE_MAX = 1_000
"""Books that are asked after an available copy: a few look-ups each."""


class Search:
    """The reading side of the catalogue, on one connection."""

    def __init__(self, connection: Connection, statements: Statements = SQLITE) -> None:
        self._db = connection
        self._sql = statements

    def page(self, text: str, limit: int, offset: int, narrowing: Narrowing, cities: Mapping[str, str]) -> SearchPage:
        """Return a page of the books that match and have what was chosen, best first; any text is a query."""
        query = parse(text)
        expression = self._sql.printer(query, ())
        if expression is None:
            return SearchPage(0, ())
        matches = self._numbers(self._sql.match, expression, CANDIDATES_MAX + 1)
        capped, matches = len(matches) > CANDIDATES_MAX, matches[:CANDIDATES_MAX]
        if narrowing.chosen:
            matches = [book.number for book in narrowed(self._marked(matches), narrowing, cities)]
        start, size = min(max(offset, 0), CANDIDATES_MAX), min(max(limit, 0), PAGE_HITS_MAX)
        wanted = AVAILABLE_MAX + 1 if narrowing.available else start + size
        ranked: Iterable[int] = self._ranked(query, matches, is_open=capped and not narrowing.chosen, wanted=wanted)
        if narrowing.available:
            best = list(islice(ranked, AVAILABLE_MAX + 1))
            capped, ranked = capped or len(best) > AVAILABLE_MAX, self._available(best[:AVAILABLE_MAX])
            matches = list(ranked)
        hits = self._hits(list(islice(ranked, start, start + size)))
        return SearchPage(len(matches), hits, capped, self._facets(matches, narrowing, cities))

    def suggest(self, text: str, limit: int) -> tuple[Suggestion, ...]:
        """Return titles and names that begin so, in Chinese, pinyin or initials; those most libraries hold first."""
        found = [Known(*row) for start in beginnings(text)
                 for row in self._db.execute(self._sql.suggested, (start, start + LAST, ROWS_MAX, KEYS_MAX))]
        return suggestions(text, found, limit)

    def _numbers(self, statement: str, *parameters: object) -> list[int]:
        return [number for (number,) in self._db.execute(statement, parameters)]

    def _ranked(self, query: Query, matches: Sequence[int], *, is_open: bool, wanted: int = CANDIDATES_MAX
                ) -> Iterator[int]:
        """Yield the matches, best first; with ``is_open`` also those beyond the cap which a tier has found.

        A tier is asked, and put in order, only when its turn comes; of each the best ``wanted`` are yielded.
        """
        left = dict.fromkeys(matches)
        seen: set[int] = set()
        for tier in tiers(query, self._sql.printer):
            found = [number for number in dict.fromkeys(self._asked(tier))
                     if number not in seen and ((is_open and tier.answers) or number in left)]
            yield from self._best(found, wanted)
            seen.update(found)
        yield from self._best([number for number in left if number not in seen], wanted)

    def _asked(self, tier: Tier) -> list[int]:
        if tier.question is Question.KEY_START:
            return self._numbers(self._sql.key_start, tier.argument, tier.argument + LAST, tier.candidates)
        statement = self._sql.key if tier.question is Question.KEY else self._sql.match
        return self._numbers(statement, tier.argument, tier.candidates)

    def _best(self, numbers: Sequence[int], wanted: int) -> list[int]:
        return self._numbers(self._sql.best, json.dumps(numbers), wanted) if numbers else []

    def _marked(self, numbers: Sequence[int]) -> list[Marked]:
        return [Marked(*row) for row in self._db.execute(self._sql.marked, (json.dumps(numbers),))]

    def _available(self, numbers: Sequence[int]) -> list[int]:
        free = set(self._numbers(self._sql.available, json.dumps(numbers)))
        return [number for number in numbers if number in free]

    def _facets(self, matches: Sequence[int], narrowing: Narrowing, cities: Mapping[str, str]) -> Facets:
        looked_at = matches[:FACETED_MAX]
        available = None
        if narrowing.available:
            available = len(matches)
        elif len(matches) <= AVAILABLE_MAX:
            available = len(self._available(matches))
        return Facets(count(self._marked(looked_at), cities), len(looked_at), available)

    def _hits(self, numbers: Sequence[int]) -> tuple[Hit, ...]:
        wanted = (json.dumps(numbers),)
        lines = {row[0]: row[1:] for row in self._db.execute(self._sql.lines, wanted)}
        copies = groupby(self._db.execute(self._sql.copies, wanted), key=lambda row: row[0])
        holdings = {number: _holdings(rows) for number, rows in copies}
        return tuple(Hit._make((*lines[number], holdings[number])) for number in numbers)


def _holdings(rows: Iterable[Any]) -> tuple[HoldingView, ...]:
    """Gather rows of copies, a record's side by side, into one holding a record; a record may have no copy."""
    return tuple(
        HoldingView(AgencyId(agency), record_id, tuple(ItemView(*row[3:]) for row in group if row[3] is not None))
        for (agency, record_id), group in groupby(rows, key=lambda row: (row[1], row[2]))
    )
