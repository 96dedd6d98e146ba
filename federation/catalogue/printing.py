"""A query's tree in the syntax of an index: FTS5's for SQLite, tsquery's for PostgreSQL.

Both get the same tokens of `federation.catalogue.tokens`, always quoted and nothing else that was typed, so no text can
become syntax. FTS5 has columns. A tsvector has none: there each token stands with its column's tag before it, at
its position, and neither side uses PostgreSQL's own parser (``::tsvector``, ``::tsquery``), which would split C++.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from federation.catalogue.document import BREAK, COLUMNS
from federation.catalogue.pinyin import pinyin_readings
from federation.catalogue.query import AUTHOR_COLUMNS, TITLE_COLUMNS, All, Node, Query, Term
from federation.catalogue.tokens import phrase

PINYIN_COLUMNS = ("pinyin", "author_pinyin")
TAGS = dict(zip(COLUMNS, "tpanskio", strict=True))
"""The letter before each token of a column in a tsvector."""
POSITION_MAX = 16_383
"""Of a tsvector (PostgreSQL, Text Search Limitations); what stands behind is found, but not as a phrase."""
POSITIONS_MAX = 255
"""Of one lexeme in a tsvector."""

Printer = Callable[[Query, tuple[str, ...]], str | None]
"""Prints a query, of which all that must match stands within the columns, or in any where there are none.

None stands for what nothing can match: an author's name within titles.
"""


class _Wanted(NamedTuple):
    """Tokens side by side, in one of the columns, or in any where there are none; the last may be a beginning."""

    columns: tuple[str, ...]
    tokens: tuple[str, ...]
    prefix: bool


class _Syntax(NamedTuple):
    """How an index writes tokens, and what joins expressions; ``refusing`` stands before what must not match."""

    wanted: Callable[[_Wanted], str]
    both: str
    either: str
    refusing: str


def fts5(query: Query, columns: tuple[str, ...] = ()) -> str | None:
    """Return the FTS5 expression (sqlite.org/fts5.html §3); see `Printer`.

    >>> from federation.catalogue.query import parse
    >>> fts5(parse("红楼梦 -author:高鹗"))
    '("红楼 楼梦" NOT {author author_pinyin} : "高鹗")'
    """
    return _query(_FTS5, query, columns)


def tsquery(query: Query, columns: tuple[str, ...] = ()) -> str | None:
    """Return the text of a tsquery (PostgreSQL §8.11.2) over `tsvector`; see `Printer`.

    >>> from federation.catalogue.query import parse
    >>> tsquery(parse("title:红楼梦 -author:高鹗"), ("title",))
    "(('t红楼' <-> 't楼梦') & !('a高鹗' | 'n高鹗'))"
    """
    return _query(_TSQUERY, query, columns)


def tsvector(columns: Iterable[str]) -> str:
    """Return the text of a tsvector for a book's index columns, in their order.

    >>> tsvector(["红楼 楼梦 梦", "hong lou meng ‖ hlm"])
    "'t红楼':1 't楼梦':2 't梦':3 'phong':5 'plou':6 'pmeng':7 'phlm':9"
    """
    places: defaultdict[str, list[int]] = defaultdict(list)
    tagged = ((tag, token) for tag, text in zip(TAGS.values(), columns, strict=False)
              for token in (*text.split(), BREAK))
    for position, (tag, token) in enumerate(tagged, 1):
        if token != BREAK:
            places[tag + token].append(min(position, POSITION_MAX))
    return " ".join(f"'{lexeme}':{','.join(map(str, found[:POSITIONS_MAX]))}" for lexeme, found in places.items())


def _query(syntax: _Syntax, query: Query, columns: tuple[str, ...]) -> str | None:
    return _node(syntax, query.root, columns) if query.root is not None else None


def _node(syntax: _Syntax, node: Node, columns: tuple[str, ...]) -> str | None:
    if isinstance(node, Term):
        return _any(syntax, [syntax.wanted(wanted) for wanted in _wanted(node, columns)])
    printed = [_node(syntax, part, columns) for part in node.parts]
    possible = [part for part in printed if part is not None]
    if not isinstance(node, All):
        return _any(syntax, possible)
    if len(possible) < len(printed):
        return None
    wanted = syntax.both.join(possible)
    refused = filter(None, (_node(syntax, part, ()) for part in node.refused))
    return f"({syntax.refusing.join((wanted, *refused))})"


def _any(syntax: _Syntax, printed: list[str]) -> str | None:
    return f"({syntax.either.join(printed)})" if len(printed) > 1 else next(iter(printed), None)


def _wanted(term: Term, within: tuple[str, ...]) -> Iterator[_Wanted]:
    """Yield the ways to match a term: its tokens, and where one word spells Chinese, each reading of it."""
    found = phrase(term.text)
    columns = _common(term.columns, within)
    if columns is not None:
        yield _Wanted(columns, found.tokens, found.prefix or term.prefix)
    if len(found.tokens) > 1 or term.quoted or term.columns not in ((), TITLE_COLUMNS, AUTHOR_COLUMNS):
        return
    columns = _common(tuple(column for column in PINYIN_COLUMNS if column in (term.columns or COLUMNS)), within)
    if columns is not None:
        yield from (_Wanted(columns, reading, term.prefix) for reading in pinyin_readings(found.tokens[0]))


def _common(asked: tuple[str, ...], within: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the columns that are in both, where none at all stands for every column; None where there is no such."""
    if not asked or not within:
        return asked or within
    return tuple(column for column in asked if column in within) or None


def _fts5_wanted(wanted: _Wanted) -> str:
    asked = f'"{" ".join(wanted.tokens)}"{" *" if wanted.prefix else ""}'
    return f"{{{' '.join(wanted.columns)}}} : {asked}" if wanted.columns else asked


def _tsquery_wanted(wanted: _Wanted) -> str:
    end = ":*" if wanted.prefix else ""
    phrases = [" <-> ".join(f"'{TAGS[column]}{token}'" for token in wanted.tokens) + end
               for column in wanted.columns or COLUMNS]
    if len(wanted.tokens) > 1:
        phrases = [f"({found})" for found in phrases]
    return phrases[0] if len(phrases) == 1 else f"({' | '.join(phrases)})"


_FTS5 = _Syntax(_fts5_wanted, both=" AND ", either=" OR ", refusing=" NOT ")
_TSQUERY = _Syntax(_tsquery_wanted, both=" & ", either=" | ", refusing=" & !")
