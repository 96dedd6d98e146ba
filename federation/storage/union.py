"""The union catalogue as member libraries' own programs ask it: a page of whole works, and the terms of an index.

A page is asked for by a tree and in an order; nothing is kept between two pages, so a result set of any size costs the
gateway nothing. Every answer is bounded in works, copies and bytes. Titles, names and ISBNs are read from their keys,
subjects from SQLite's full-text index itself, whose terms are words and pairs of characters; PostgreSQL's cannot be
read so. Text is ordered as GB 18030 has it: the common characters by their pinyin.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby, islice
from typing import Any

from federation.catalogue.asking import COLUMNS, UnfitQuestion, query_of
from federation.catalogue.document import AUTHOR, AUTHORS_JOINED_BY, author_keys
from federation.catalogue.facets import NOWHERE, Facet, count
from federation.catalogue.query import Query
from federation.catalogue.ranking import CANDIDATES_MAX, LAST
from federation.catalogue.tokens import compact, fold
from federation.storage.catalogue_statements import SQLITE
from federation.storage.search import FACETED_MAX, Search
from schemas.bib import Bib
from schemas.catalogue import (
    SORTED_MAX,
    CatalogueAnswer,
    CatalogueQuestion,
    FoundWork,
    HeldCopy,
    Holder,
    Index,
    IndexAnswer,
    IndexQuestion,
    IndexTerm,
    LibraryShare,
    Order,
    SortedBy,
)
from schemas.identifiers import AgencyId

ANSWER_BYTES_MAX = 1_000_000
"""Of the works in one answer, which has to fit into an envelope."""
COPIES_MAX = 1_000
"""Copies that are told of one work."""
_TEXT_CHARACTERS_MAX = 500
_VOCABULARY_MAX = 20_000
"""Terms of the full-text index that one question looks at; those of other columns stand among them."""
ISBN = "isbn:"
"""Begins the match keys of valid ISBNs (`federation.catalogue.clustering`)."""
_SIGNS = {Index.TITLE: "", Index.AUTHOR: AUTHOR, Index.NUMBER: ISBN}
_BEFORE_LETTERS = "A"
"""Keys of names begin with a sign that sorts between digits and letters: titles stand on both sides of them."""

_FIRST_LIBRARY = "SELECT min(agency) FROM bib_member WHERE agency > ?"
_LEADS = """SELECT c.number, c.id, m.bib FROM json_each(?) n
    JOIN bib_cluster c ON c.number = CAST(n.value AS BIGINT) JOIN bib_member m ON m.number = c.lead"""
_COPIES = """SELECT m.cluster, m.agency, m.record_id, i.barcode, i.location, i.call_number,
    (SELECT l.state FROM loan l
     WHERE l.barcode = i.barcode AND l.supplier = m.agency AND l.outcome IS NULL LIMIT 1)
    FROM json_each(?) n JOIN bib_member m ON m.cluster = CAST(n.value AS BIGINT)
    LEFT JOIN bib_item i ON i.member = m.number ORDER BY m.cluster, m.agency, m.record_id, i.position"""
_KEYS = """SELECT t.key, min(m.title), min(m.author), count(*) FROM bib_title t
    JOIN bib_cluster c ON c.number = t.cluster JOIN bib_member m ON m.number = c.lead
    WHERE t.key >= ? AND t.key < ? GROUP BY t.key ORDER BY t.key {} LIMIT ?"""
_NUMBERS = """SELECT k.key, '', '', count(DISTINCT m.cluster) FROM bib_match_key k
    JOIN bib_member m ON m.number = k.member WHERE k.key >= ? AND k.key < ? GROUP BY k.key ORDER BY k.key {} LIMIT ?"""
_VOCABULARY = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.bib_vocabulary USING fts5vocab('main', 'bib_index', 'col')"
_TERMS = "SELECT term, col, doc FROM temp.bib_vocabulary WHERE term >= ? LIMIT ?"


class UnionTable(Search):
    """Answers the questions of `schemas.catalogue` on one connection."""

    def find(self, question: CatalogueQuestion) -> CatalogueAnswer:
        """Return a page of works.

        Raises:
            UnfitQuestion: the steps are no query, or more works match than can be put in order.
        """
        query = query_of(question.query)
        expression = self._sql.printer(query, ())
        if expression is None:
            return CatalogueAnswer(total=0, libraries=tuple(self._shares(())) if question.by_library else ())
        matches = self._numbers(self._sql.match, expression, CANDIDATES_MAX + 1)
        capped, matches = len(matches) > CANDIDATES_MAX, matches[:CANDIDATES_MAX]
        page = islice(self._in_order(query, matches, question.order), question.offset, None)
        numbers = list(islice(page, question.limit)) if question.offset < len(matches) else []
        shares = tuple(self._shares(matches[:FACETED_MAX])) if question.by_library else ()
        return CatalogueAnswer(total=len(matches), capped=capped, works=tuple(self._works(numbers)), libraries=shares)

    def terms(self, question: IndexQuestion) -> IndexAnswer:
        """Return the terms of an index around a start; raise ``UnfitQuestion`` for one that cannot be read."""
        if question.index in _SIGNS:
            return self._keys(question)
        if self._sql is not SQLITE:
            raise UnfitQuestion(f"{question.index}: the terms of this index cannot be read here")
        columns = COLUMNS[question.index]
        start = fold(question.start).split(" ")[0]
        self._db.execute(_VOCABULARY)
        rows = self._db.execute(_TERMS, (start, _VOCABULARY_MAX))
        terms = (IndexTerm(text=term[:_TEXT_CHARACTERS_MAX], works=works) for term, column, works in rows
                 if column in columns or not columns)
        return IndexAnswer(terms=tuple(islice(terms, question.count)))

    def _shares(self, numbers: Sequence[int]) -> Iterator[LibraryShare]:
        """Yield every library that has a record here, with how many of the works it has."""
        held = dict(count(self._marked(numbers), NOWHERE)[Facet.LIBRARY])
        (agency,) = self._db.execute(_FIRST_LIBRARY, ("",)).fetchone()
        while agency is not None:
            yield LibraryShare(agency=agency, works=held.get(agency, 0))
            (agency,) = self._db.execute(_FIRST_LIBRARY, (agency,)).fetchone()

    def _in_order(self, query: Query, matches: Sequence[int], order: Sequence[SortedBy]) -> Iterator[int]:
        ranked = self._ranked(query, matches, is_open=False)
        if not order:
            return ranked
        if len(matches) > SORTED_MAX:
            raise UnfitQuestion(f"{len(matches)} works match, and no more than {SORTED_MAX} can be put in order")
        lines = {row[0]: row for row in self._db.execute(self._sql.lines, (json.dumps(list(matches)),))}
        found = list(ranked)
        for by in reversed(order):
            if by.order is Order.RELEVANCE:
                continue
            keys = {number: _key(lines[number], by.order) for number in found}
            found.sort(key=keys.__getitem__, reverse=by.descending)
            found.sort(key={number: not key for number, key in keys.items()}.__getitem__)
        return iter(found)

    def _works(self, numbers: Sequence[int]) -> Iterator[FoundWork]:
        """Yield works, whole, as long as they fit; the first always does."""
        wanted = (json.dumps(numbers),)
        leads = {number: (id_, text) for number, id_, text in self._db.execute(_LEADS, wanted)}
        rows = groupby(self._db.execute(_COPIES, wanted), key=lambda row: row[0])
        held = {number: tuple(_holders(islice(copies, COPIES_MAX))) for number, copies in rows}
        room = ANSWER_BYTES_MAX
        for number in numbers:
            id_, text = leads[number]
            bib, holders = _fitting(text), held[number]
            room -= min(len(text.encode()), ANSWER_BYTES_MAX) + 300 * sum(1 + len(each.copies) for each in holders)
            if room < 0 and number != numbers[0]:
                return
            yield FoundWork(cluster=id_, bib=bib, holders=holders)

    def _keys(self, question: IndexQuestion) -> IndexAnswer:
        sign, start = _SIGNS[question.index], compact(question.start)
        before = self._key_range(sign, "", start, question.before, backwards=True)[::-1]
        after = self._key_range(sign, start, LAST, question.count)
        return IndexAnswer(terms=(*before, *after), before=len(before))

    def _key_range(self, sign: str, first: str, end: str, count: int, *, backwards: bool = False) -> list[IndexTerm]:
        """Return up to ``count`` terms whose keys stand from ``first`` to before ``end``."""
        ranges = [(sign + first, sign + end)]
        if not sign:
            ranges = [(first, min(end, AUTHOR)), (max(first, _BEFORE_LETTERS), end)]
        statement = (_NUMBERS if sign == ISBN else _KEYS).format("DESC" if backwards else "ASC")
        found: list[IndexTerm] = []
        for low, high in reversed(ranges) if backwards else ranges:
            if low < high and len(found) < count:
                found += (_named(*row) for row in self._db.execute(statement, (low, high, count - len(found))))
        return found


def _key(line: Sequence[Any], order: Order) -> Any:
    """Return what a line sorts by; something empty where it has none."""
    _, _, title, author, _, year, _ = line
    if order is Order.YEAR:
        return year or 0
    return fold(title if order is Order.TITLE else author).encode("gb18030")


def _named(key: str, title: str, author: str, works: int) -> IndexTerm:
    """Return a key as a term; of a book's title and names, that which has this key is what the term stands for."""
    if key.startswith(ISBN):
        return IndexTerm(text=key.removeprefix(ISBN), works=works)
    if key.startswith(AUTHOR):
        key = key.removeprefix(AUTHOR)
        written = next((name for name in author.split(AUTHORS_JOINED_BY) if AUTHOR + key in author_keys(name)), "")
    else:
        written = title
    written = written[:_TEXT_CHARACTERS_MAX]
    if compact(written) == key:
        return IndexTerm(text=written, works=works)
    return IndexTerm(text=key[:_TEXT_CHARACTERS_MAX], shown=written, works=works)


def _holders(rows: Iterable[Any]) -> Iterator[Holder]:
    for (agency, record_id), copies in groupby(rows, key=lambda row: (row[1], row[2])):
        yield Holder(agency=AgencyId(agency), record_id=record_id,
                     copies=tuple(_copy(*row[3:]) for row in copies if row[3] is not None))


def _copy(barcode: str, location: str, call_number: str, loan: str | None) -> HeldCopy:
    due = json.loads(loan)["due_date"] if loan else None
    return HeldCopy(barcode=barcode[:_TEXT_CHARACTERS_MAX], location=location[:_TEXT_CHARACTERS_MAX],
                    call_number=call_number[:_TEXT_CHARACTERS_MAX], on_loan=loan is not None,
                    due_date=date.fromisoformat(due) if due else None)


def _fitting(text: str) -> Bib:
    """Return a record without its holdings; of one that no answer has room for, no more than its line."""
    bib = Bib.model_validate_json(text).model_copy(update={"holdings": ()})
    if len(text.encode()) <= ANSWER_BYTES_MAX:
        return bib
    return Bib(record_id=bib.record_id, source=bib.source, title=bib.title[:_TEXT_CHARACTERS_MAX],
               responsibility=bib.responsibility[:_TEXT_CHARACTERS_MAX], year=bib.year, isbns=bib.isbns[:1])
