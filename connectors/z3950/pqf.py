"""Prefix Query Format, the query notation of YAZ: text to tree and back.

    @and @attr 1=4 三体 @attr 1=1003 "Liu Cixin"

Read: ``@attrset``, ``@and``, ``@or``, ``@not``, ``@attr [set] type=value``, ``@set name``, ``@term type``, terms bare
or in double quotes with ``\\\\"`` and ``\\\\\\\\``. Absent on purpose: ``@prox``, which ``query`` has no tree for.
"""

import re
from collections.abc import Iterator, Mapping

from connectors.z3950 import oid
from connectors.z3950.errors import MalformedQuery
from connectors.z3950.query import DEPTH_MAX, And, AndNot, Attribute, Or, Query, ResultSet, Term

QUERY_CHARACTERS_MAX = 64 * 1024

_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"(?=\s|$)|([^\s"]\S*))', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_OPERATORS: Mapping[str, type[And | Or | AndNot]] = {"@and": And, "@or": Or, "@not": AndNot}
_NAMES = {operator: name for name, operator in _OPERATORS.items()}
_NUMBER = re.compile(r"[0-9]{1,18}")
_OID = re.compile(r"[0-2](\.[0-9]{1,9}){1,20}")


def parse(text: str) -> Query:
    """Return the tree of a query in PQF.

    Raises:
        MalformedQuery: says what was expected and where.
    """
    if len(text) > QUERY_CHARACTERS_MAX:
        raise MalformedQuery(f"a query of more than {QUERY_CHARACTERS_MAX} characters")
    parser = _Parser(text)
    query = parser.query(())
    parser.end()
    return query


def to_pqf(query: Query) -> str:
    """Return ``query`` as text that ``parse`` reads back to the same tree."""
    if isinstance(query, Term):
        return " ".join([*map(_attribute_text, query.attributes), _quoted(query.value)])
    if isinstance(query, ResultSet):
        return f"@set {_quoted(query.name)}"
    return f"{_NAMES[type(query)]} {to_pqf(query.left)} {to_pqf(query.right)}"


def _attribute_text(attribute: Attribute) -> str:
    prefix = f"{attribute.attribute_set} " if attribute.attribute_set else ""
    return f"@attr {prefix}{_quoted(f'{attribute.type}={attribute.value}')}"


def _quoted(value: str) -> str:
    if value and not re.search(r'[\s"\\]|^@', value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


class _Parser:
    """One token of look-ahead over the text."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._depth = 0

    def query(self, inherited: tuple[Attribute, ...]) -> Query:
        """Read one query; attributes before an operator hold for the terms under it that do not set their own."""
        own: list[Attribute] = []
        while True:
            token, is_quoted = self._next("a term or an operator")
            keyword = "" if is_quoted else token.lower()
            if keyword == "@attrset":
                _attribute_set(self._next("an attribute set")[0])
            elif keyword == "@attr":
                own.append(self._attribute())
            elif keyword in _OPERATORS:
                return self._operation(_OPERATORS[keyword], _merged(inherited, own))
            elif keyword == "@set":
                return ResultSet(self._next("the name of a result set")[0])
            elif keyword.startswith("@"):
                raise MalformedQuery(f"{token[:20]} is not supported; known: @and @or @not @attr @attrset @set")
            else:
                return Term(token, _merged(inherited, own))

    def end(self) -> None:
        """Refuse what follows a whole query."""
        if rest := next(self._tokens, None):
            raise MalformedQuery(f"the query is whole before {rest[0][:20]!r}; is @and missing, or quotes?")

    def _operation(self, operator: type[And | Or | AndNot], attributes: tuple[Attribute, ...]) -> Query:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise MalformedQuery(f"operators nest deeper than {DEPTH_MAX} levels")
        left, right = self.query(attributes), self.query(attributes)
        self._depth -= 1
        return operator(left, right)

    def _attribute(self) -> Attribute:
        token, _ = self._next("an attribute, type=value")
        attribute_set = None
        if "=" not in token:
            attribute_set = _attribute_set(token)
            token, _ = self._next("an attribute, type=value")
        kind, _, value = token.partition("=")
        if not _NUMBER.fullmatch(kind) or not value:
            raise MalformedQuery(f"an attribute is a number, = and a value, as in 1=4; not {token[:20]!r}")
        return Attribute(int(kind), int(value) if _NUMBER.fullmatch(value) else value, attribute_set)

    def _next(self, expected: str) -> tuple[str, bool]:
        token = next(self._tokens, None)
        if token is None:
            raise MalformedQuery(f"the query ends where {expected} should stand")
        return token


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each word, and whether it was in quotes."""
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position, end)
        if match is None:
            raise MalformedQuery(f"a quote at character {position + 1} is not closed, or is not closed before a space")
        quoted, bare = match.groups()
        yield (bare, False) if quoted is None else (_ESCAPE.sub(r"\1", quoted), True)
        position = match.end()


def _merged(inherited: tuple[Attribute, ...], own: list[Attribute]) -> tuple[Attribute, ...]:
    types = {attribute.type for attribute in own}
    return (*(attribute for attribute in inherited if attribute.type not in types), *own)


def _attribute_set(name: str) -> str | None:
    """Return the OID that ``name`` means; ``None`` for Bib-1, which every query has."""
    if name.lower() in ("bib-1", "bib1", oid.BIB1_ATTRIBUTES):
        return None
    if not _OID.fullmatch(name):
        raise MalformedQuery(f"an attribute set is bib-1 or an OID, not {name[:20]!r}")
    return name
