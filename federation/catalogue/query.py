"""The readers' query language, and what it asks of the index.

Words must all match, anywhere. ``"a phrase"``, a field (``author:鲁迅``, ``作者:鲁迅``), a beginning (``algor*``), one
or the other (``猫 OR 狗``) and a refusal (``-漫画``) narrow it. An ISBN may be typed in any form; a word of pinyin also
finds the Chinese it spells. There is no wrong query: what makes no sense as an operator is read as words. Only tokens
of `federation.catalogue.tokens` reach the index's own query syntax, always quoted, so none can be injected.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from federation.catalogue.tokens import compact, phrase, pinyin_readings
from schemas.bib import normalise_isbn

QUERY_CHARS_MAX = 256
"""What is typed beyond this is not read."""
TERMS_MAX = 16
"""Terms of one query beyond this are not read."""
PREFIX_CHARS_MIN = 2
"""A beginning shorter than this is read as a whole word: it would match a large part of the index."""

# What a reader may write before a colon → the columns searched.
FIELDS: dict[str, tuple[str, ...]] = {
    "title": ("title", "pinyin"),
    "题名": ("title", "pinyin"),
    "书名": ("title", "pinyin"),
    "author": ("author",),
    "作者": ("author",),
    "isbn": ("isbn",),
    "subject": ("subject",),
    "主题": ("subject",),
    "publisher": ("publisher",),
    "出版社": ("publisher",),
}

_TERM = re.compile(rf'(-?)(?:({"|".join(FIELDS)})[:：])?(?:["“]([^"“”]*)["”]|(\S+))', re.IGNORECASE)
_NUMBER = re.compile(r"[\dXx０-９\s‐-―－-]+")


class Term(NamedTuple):
    """One thing to find: the tokens of ``text`` side by side, in ``columns`` or, where there are none, in any."""

    text: str
    columns: tuple[str, ...] = ()
    prefix: bool = False
    quoted: bool = False


class Query(NamedTuple):
    """Each group must match by one of its terms, and no excluded term may match."""

    groups: tuple[tuple[Term, ...], ...] = ()
    excluded: tuple[Term, ...] = ()

    @property
    def title(self) -> str:
        """The key of the whole title this query may be, ``""`` where it asks for something else."""
        if self.excluded or any(len(group) > 1 for group in self.groups):
            return ""
        terms = [group[0] for group in self.groups]
        if any(term.prefix or term.columns not in ((), FIELDS["title"]) for term in terms):
            return ""
        return compact(" ".join(term.text for term in terms))


def parse(text: str) -> Query:
    """Return what ``text`` asks for; never raises.

    >>> [[term.text for term in group] for group in parse("猫 OR 狗 漫画 -旧").groups]
    [['猫', '狗'], ['漫画']]
    """
    text = text[:QUERY_CHARS_MAX].strip()
    if _NUMBER.fullmatch(text) and (isbn := normalise_isbn(text)):
        return Query(((Term(isbn, FIELDS["isbn"]),),))
    groups: list[list[Term]] = []
    excluded: list[Term] = []
    joins = False
    for negative, term in _terms(text):
        if term is None:
            joins = bool(groups)
        elif negative:
            excluded.append(term)
        elif joins:
            groups[-1].append(term)
            joins = False
        else:
            groups.append([term])
    if not groups:  # a query of refusals alone would be the whole catalogue: read them as words
        groups, excluded = [[term] for term in excluded], []
    return Query(tuple(map(tuple, groups)), tuple(excluded))


def match_expression(query: Query, columns: tuple[str, ...] = ()) -> str:
    """Return the FTS5 expression of a query with terms, all of them within ``columns`` if any are given.

    >>> match_expression(parse("红楼梦 -author:高鹗"))
    '(("红楼 楼梦")) NOT ({author} : ("高鹗"))'
    """
    wanted = " AND ".join(f"({' OR '.join(map(_expression, group))})" for group in query.groups)
    filtered = _within(columns, wanted)
    if not query.excluded:
        return filtered
    return f"({filtered}) NOT ({' OR '.join(map(_expression, query.excluded))})"


def _terms(text: str) -> Iterator[tuple[bool, Term | None]]:
    """Yield each term and whether it is refused; None stands for an OR that has something on both sides."""
    parts = [found.groups() for found in _TERM.finditer(text)][:TERMS_MAX]
    for position, (minus, field, quoted, word) in enumerate(parts):
        if word == "OR" and not minus and not field and 0 < position < len(parts) - 1:
            yield False, None
            continue
        term = _term(FIELDS.get((field or "").lower(), ()), quoted, word)
        if phrase(term.text).tokens:
            yield bool(minus), term


def _term(columns: tuple[str, ...], quoted: str | None, word: str | None) -> Term:
    if quoted is not None:
        return Term(quoted, columns, quoted=True)
    word = word or ""
    if columns in ((), FIELDS["isbn"]) and _NUMBER.fullmatch(word):
        isbn = normalise_isbn(word)
        if isbn or columns:
            return Term(isbn or compact(word), FIELDS["isbn"])
    return Term(word, columns, prefix=word.endswith("*") and len(compact(word)) >= PREFIX_CHARS_MIN)


def _expression(term: Term) -> str:
    found = phrase(term.text)
    asked = _quoted(found.tokens, prefix=found.prefix or term.prefix)
    if len(found.tokens) == 1 and not term.quoted and term.columns in ((), FIELDS["title"]):
        readings = (_quoted(reading) for reading in pinyin_readings(found.tokens[0]))
        asked = " OR ".join((asked, *(f"{{pinyin}} : {reading}" for reading in readings)))
    return _within(term.columns, asked)


def _within(columns: tuple[str, ...], expression: str) -> str:
    return f"{{{' '.join(columns)}}} : ({expression})" if columns else expression


def _quoted(words: tuple[str, ...], *, prefix: bool = False) -> str:
    return f'"{" ".join(words)}"{" *" if prefix else ""}'
