"""The readers' query language: what is typed, as a tree.

Words must all match, anywhere. ``"a phrase"``, a field (``author:鲁迅``, ``作者:鲁迅``), a beginning (``algor*``), one
or the other (``猫 OR 狗``, ``猫 或 狗``), a refusal (``-漫画``, ``NOT 漫画``, ``非 漫画``) and brackets narrow it; AND
and 与 say what is so anyway. OR binds closer than the space between words. An ISBN may be typed in any form. There is
no wrong query: what makes no sense as an operator is read as words. How a tree is put to an index is the business of
`federation.catalogue.printing`.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import islice
from typing import NamedTuple

from federation.catalogue.tokens import compact, phrase
from schemas.bib import normalise_isbn

QUERY_CHARS_MAX = 256
"""What is typed beyond this is not read."""
PIECES_MAX = 24
"""Words, operators and brackets of one query beyond this are not read; it also bounds how deep brackets go."""
NUMBER_CHARS_MIN = 8
"""A number at least so long is looked up without its hyphens: an ISSN, or an ISBN that is wrong in the book too."""
PREFIX_CHARS_MIN = 2
"""A beginning shorter than this is read as a whole word: it would match a large part of the index."""

TITLE_COLUMNS = ("title", "pinyin")
AUTHOR_COLUMNS = ("author", "author_pinyin")
ISBN_COLUMNS = ("isbn",)

# What a reader may write before a colon → the columns searched.
FIELDS: dict[str, tuple[str, ...]] = {
    "title": TITLE_COLUMNS,
    "题名": TITLE_COLUMNS,
    "书名": TITLE_COLUMNS,
    "author": AUTHOR_COLUMNS,
    "作者": AUTHOR_COLUMNS,
    "isbn": ISBN_COLUMNS,
    "subject": ("subject",),
    "主题": ("subject",),
    "publisher": ("publisher",),
    "出版社": ("publisher",),
}

_PIECE = re.compile(
    rf'(-?)(?:([(（])|(?:({"|".join(FIELDS)})[:：])?(?:["“]([^"“”]*)["”]|(\S+)))', re.IGNORECASE)
_NUMBER = re.compile(r"(?:isbn(?:-?1[03])?[:：\s]*)?([\dXxＸｘ\s‐-―－-]+)", re.IGNORECASE)
_CLOSING = "）)"


class Term(NamedTuple):
    """One thing to find: the tokens of ``text`` side by side, in ``columns`` or, where there are none, in any."""

    text: str
    columns: tuple[str, ...] = ()
    prefix: bool = False
    quoted: bool = False


class Either(NamedTuple):
    """One of several must match."""

    parts: tuple["Node", ...]


class All(NamedTuple):
    """Every part must match, and nothing refused; there is at least one part."""

    parts: tuple["Node", ...]
    refused: tuple["Node", ...] = ()


Node = Term | Either | All


class Query(NamedTuple):
    """What is asked, None where nothing is; ``title`` is the key of the title that plain words may be, else ``""``."""

    root: Node | None = None
    title: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The keys of those of several words that may each be a whole title."""
        return () if isinstance(self.root, Term) else tuple(map(compact, _titles(self.root)))


class _Kind(Enum):
    TERM, OPEN, CLOSE, AND, OR, NOT = range(6)


class _Piece(NamedTuple):
    kind: _Kind
    term: Term = Term("")
    minus: bool = False


def parse(text: str) -> Query:
    """Return what ``text`` asks for; never raises.

    >>> parse("红楼梦 author:曹雪芹").root.parts[1]
    Term(text='曹雪芹', columns=('author', 'author_pinyin'), prefix=False, quoted=False)
    """
    text = text[:QUERY_CHARS_MAX].strip()
    if isbn := _isbn(text):
        return Query(Term(isbn, ISBN_COLUMNS))
    pieces = tuple(_operators(list(islice(_pieces(text), PIECES_MAX))))
    return Query(_clause(deque(pieces)), _title(pieces))


def _pieces(text: str) -> Iterator[_Piece]:
    """Yield words, operators as they are spelt, and brackets where they stand around words, not inside one."""
    depth = 0
    for minus, opening, field, quoted, word in _PIECE.findall(text):
        if opening:
            depth += 1
            yield _Piece(_Kind.OPEN, minus=bool(minus))
            continue
        closed = 0
        while closed < depth and word.endswith(tuple(_CLOSING)) and _closes_more(word):
            word, closed = word[:-1], closed + 1
        columns = FIELDS.get(field.lower(), ())
        term = _word(word, columns) if word or closed else Term(quoted, columns, quoted=True)
        if phrase(term.text).tokens:
            yield _Piece(_Kind.TERM if minus or field else _spelt(word), term, bool(minus))
        yield from (_Piece(_Kind.CLOSE) for _ in range(closed))
        depth -= closed


def _operators(pieces: Sequence[_Piece]) -> Iterator[_Piece]:
    """Yield the pieces, an operator only where something stands on both its sides; elsewhere it is a word."""
    before = _Kind.OR
    afterwards = (*(piece.kind for piece in pieces[1:]), _Kind.CLOSE)
    for piece, after in zip(pieces, afterwards, strict=False):
        kind = piece.kind
        if kind in _OPERATORS:
            follows = before in (_Kind.TERM, _Kind.CLOSE) or (kind is _Kind.NOT and before is _Kind.AND)
            leads = after in (_Kind.TERM, _Kind.OPEN) or (kind is _Kind.AND and after is _Kind.NOT)
            kind = kind if follows and leads else _Kind.TERM
        yield piece._replace(kind=kind)
        before = kind


def _clause(pieces: deque[_Piece]) -> Node | None:
    """Take the pieces up to the closing bracket that belongs to them, or all; return what they ask for."""
    groups: list[list[Node]] = []
    refused: list[Node] = []
    operator = _Kind.AND
    while pieces and (piece := pieces.popleft()).kind is not _Kind.CLOSE:
        if piece.kind in _OPERATORS:
            operator = piece.kind
            continue
        node = _clause(pieces) if piece.kind is _Kind.OPEN else piece.term
        if node is None:
            continue
        if piece.minus or operator is _Kind.NOT:
            refused.append(node)
        elif operator is _Kind.OR and groups:
            groups[-1].append(node)
        else:
            groups.append([node])
        operator = _Kind.AND
    return _joined([group[0] if len(group) == 1 else Either(tuple(group)) for group in groups], refused)


def _joined(parts: list[Node], refused: list[Node]) -> Node | None:
    """Return the parts as one node; refusals alone would leave the whole catalogue, and are read as words."""
    if not parts:
        parts, refused = refused, []
    if len(parts) == 1 and not refused:
        return parts[0]
    return All(tuple(parts), tuple(refused)) if parts else None


def _word(word: str, columns: tuple[str, ...]) -> Term:
    number = _NUMBER.fullmatch(word) if columns in ((), ISBN_COLUMNS) else None
    if number and (isbn := normalise_isbn(number[1])):
        return Term(isbn, ISBN_COLUMNS)
    is_number = columns == ISBN_COLUMNS or (number and len(compact(number[1])) >= NUMBER_CHARS_MIN)
    text = compact(number[1] if number else word) if is_number else word
    return Term(text, columns, prefix=word.endswith("*") and len(compact(word)) >= PREFIX_CHARS_MIN)


def _isbn(text: str) -> str | None:
    """Return the normal form of an ISBN, typed with or without its name, in any form."""
    found = _NUMBER.fullmatch(text)
    return normalise_isbn(found[1]) if found else None


def _title(pieces: Sequence[_Piece]) -> str:
    """Return the key of the title that the pieces may be: plain words, an AND being one too (战争 与 和平)."""
    is_plain = all(piece.kind in (_Kind.TERM, _Kind.AND) and not piece.minus for piece in pieces)
    is_title = is_plain and all(_may_be_title(piece.term) for piece in pieces)
    return compact(" ".join(piece.term.text for piece in pieces)) if is_title else ""


def _titles(node: Node | None) -> Iterator[str]:
    if isinstance(node, Term):
        yield from [node.text] if _may_be_title(node) else []
    elif node is not None:
        yield from (title for part in node.parts for title in _titles(part))


def _spelt(word: str) -> _Kind:
    return next((kind for kind, spellings in _OPERATORS.items() if word in spellings), _Kind.TERM)


def _closes_more(word: str) -> bool:
    return sum(char in _CLOSING for char in word) > sum(char in "（(" for char in word)


def _may_be_title(term: Term) -> bool:
    return not term.prefix and term.columns in ((), TITLE_COLUMNS)


_OPERATORS = {
    _Kind.AND: frozenset({"AND", "与"}), _Kind.OR: frozenset({"OR", "或"}), _Kind.NOT: frozenset({"NOT", "非"}),
}
