r"""CQL, the Contextual Query Language of SRU 1.2 and 2.0 (OASIS searchRetrieve part 5): text to tree and back.

    title all "红楼梦 校注" and (dc.creator = 曹雪芹 or cql.anywhere == hongloumeng) sortBy date/descending

A term keeps its masks (``*``, ``?``), anchors (``^``) and backslashes as written, since only who searches knows what
they mean; ``literal`` writes a term that has none. ``parse`` and ``to_cql`` are each other's inverse on trees.
Deliberately absent: what an index or relation means, which is the business of ``cql_rpn`` and of a server's backend.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from connectors.sru.errors import SruDiagnostic

QUERY_CHARACTERS_MAX = 64 * 1024
DEPTH_MAX = 80
"""Parentheses within parentheses."""
BOOLEANS_MAX = 200
"""Boolean operators of one query: they are left-associative, so each is one level of the tree."""

SYNTAX, TOO_LONG, TOO_MANY_BOOLEANS = 10, 12, 38
SERVER_CHOICE = "cql.serverChoice"
"""The index that a bare term is looked for in."""
BOOLEANS = ("and", "or", "not", "prox")

_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(==|<=|>=|<>|[=<>()/])|((?:[^\s()=<>"/\\]|\\[^\s"])+))', re.DOTALL)
_ESCAPED = re.compile(r'(\\.)|"|\\$', re.DOTALL)
_COMPARATORS = frozenset({"=", "==", "<", ">", "<=", ">=", "<>"})
_BARE = re.compile(r'[^\s()=<>"/\\]+')
_RESERVED = frozenset({*BOOLEANS, "sortby"})


@dataclass(frozen=True, slots=True)
class Modifier:
    """What follows a slash: ``/relevant``, ``/distance<3``."""

    name: str
    comparator: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Clause:
    """One term, its index and relation; both are as written, and CQL ignores their case."""

    term: str
    index: str = SERVER_CHOICE
    relation: str = "="
    modifiers: tuple[Modifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Boolean:
    """Two queries and ``and``, ``or``, ``not`` (the left without the right) or ``prox``."""

    operator: str
    left: "Node"
    right: "Node"
    modifiers: tuple[Modifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Prefixed:
    """A query in which ``prefix`` (``""`` for the default) stands for the context set ``uri``."""

    prefix: str
    uri: str
    query: "Node"


Node: TypeAlias = Clause | Boolean | Prefixed


@dataclass(frozen=True, slots=True)
class SortKey:
    """One index to sort by."""

    index: str
    modifiers: tuple[Modifier, ...] = ()


@dataclass(frozen=True, slots=True)
class CqlQuery:
    """A whole query: what is looked for, and the order wanted."""

    root: Node
    sort: tuple[SortKey, ...] = ()


def parse(text: str) -> CqlQuery:
    """Return the tree of a CQL query.

    Raises:
        SruDiagnostic: 10 says what was expected and where; 12 and 38 where it is too long.
    """
    if len(text) > QUERY_CHARACTERS_MAX:
        raise SruDiagnostic(TOO_LONG, str(QUERY_CHARACTERS_MAX))
    parser = _Parser(text)
    root = parser.query(0)
    sort = parser.sort_keys() if parser.take_word("sortby") else ()
    parser.end()
    return CqlQuery(root, sort)


def to_cql(query: CqlQuery) -> str:
    """Return ``query`` as text that ``parse`` reads back to the same tree."""
    keys = " ".join(_quoted(key.index) + _modifiers(key.modifiers) for key in query.sort)
    return _text(query.root) + (f" sortBy {keys}" if keys else "")


def literal(text: str) -> str:
    r"""Return the term that means ``text`` itself: its masks, anchors and backslashes escaped.

    >>> literal("C*-algebras")
    'C\\*-algebras'
    """
    return re.sub(r"([\\*?^])", r"\\\1", text)


def _text(node: Node) -> str:
    if isinstance(node, Clause):
        if (node.index, node.relation, node.modifiers) == (SERVER_CHOICE, "=", ()):
            return _quoted(node.term)
        return f"{_quoted(node.index)} {node.relation}{_modifiers(node.modifiers)} {_quoted(node.term)}"
    if isinstance(node, Prefixed):
        name = f"{_quoted(node.prefix)} = " if node.prefix else ""
        return f"> {name}{_quoted(node.uri)} {_text(node.query)}"
    left = f"({_text(node.left)})" if isinstance(node.left, Prefixed) else _text(node.left)
    right = _text(node.right) if isinstance(node.right, Clause) else f"({_text(node.right)})"
    return f"{left} {node.operator}{_modifiers(node.modifiers)} {right}"


def _modifiers(modifiers: tuple[Modifier, ...]) -> str:
    return "".join(f"/{_quoted(each.name)}" + (f"{each.comparator}{_quoted(each.value)}" if each.comparator else "")
                   for each in modifiers)


def _quoted(value: str) -> str:
    if _BARE.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    return '"' + _ESCAPED.sub(lambda found: found[1] or "\\" + found[0], value) + '"'


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    kind: str
    """``quoted``, ``symbol``, ``word``, or ``end``."""

    @property
    def is_name(self) -> bool:
        return self.kind in ("quoted", "word")


_END = _Token("the end", "end")


class _Parser:
    """One token of look-ahead over the text."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._token = next(self._tokens)
        self._booleans = 0

    def query(self, depth: int) -> Node:
        """Read a query up to what can not belong to it."""
        if depth > DEPTH_MAX:
            raise SruDiagnostic(SYNTAX, f"parentheses nest deeper than {DEPTH_MAX} levels")
        if self._token == _Token(">", "symbol"):
            return self._prefixed(depth)
        node = self._search_clause(depth)
        while self._token.kind == "word" and self._token.text.lower() in BOOLEANS:
            self._booleans += 1
            if self._booleans > BOOLEANS_MAX:
                raise SruDiagnostic(TOO_MANY_BOOLEANS, str(BOOLEANS_MAX))
            operator = self._advance().text.lower()
            modifiers = self._modifiers()
            node = Boolean(operator, node, self._search_clause(depth), modifiers)
        return node

    def sort_keys(self) -> tuple[SortKey, ...]:
        """Read what follows sortBy."""
        keys = [SortKey(self._name("an index to sort by"), self._modifiers())]
        while self._token.is_name:
            keys.append(SortKey(self._advance().text, self._modifiers()))
        return tuple(keys)

    def take_word(self, word: str) -> bool:
        """Step over the bare word if it comes next."""
        found = self._token.kind == "word" and self._token.text.lower() == word
        if found:
            self._advance()
        return found

    def end(self) -> None:
        """Refuse what follows a whole query."""
        if self._token is not _END:
            raise self._unexpected("and, or, not, sortBy or the end")

    def _prefixed(self, depth: int) -> Node:
        self._advance()
        name = self._name("a prefix or the URI of a context set")
        if not self._take_symbol("="):
            return Prefixed("", name, self.query(depth + 1))
        return Prefixed(name, self._name("the URI of a context set"), self.query(depth + 1))

    def _search_clause(self, depth: int) -> Node:
        if self._take_symbol("("):
            node = self.query(depth + 1)
            if not self._take_symbol(")"):
                raise self._unexpected("a closing parenthesis")
            return node
        if self._token.kind == "word" and self._token.text.lower() in _RESERVED:
            raise self._unexpected("a term or an index")
        first = self._name("a term or an index")
        if not self._at_relation():
            return Clause(first)
        relation = self._advance().text
        modifiers = self._modifiers()
        return Clause(self._name("a term"), first, relation, modifiers)

    def _at_relation(self) -> bool:
        token = self._token
        is_named = token.kind == "word" and token.text.lower() not in _RESERVED
        return token.text in _COMPARATORS if token.kind == "symbol" else is_named

    def _modifiers(self) -> tuple[Modifier, ...]:
        found = []
        while self._take_symbol("/"):
            name = self._name("a modifier")
            if self._token.kind == "symbol" and self._token.text in _COMPARATORS:
                found.append(Modifier(name, self._advance().text, self._name("the value of a modifier")))
            else:
                found.append(Modifier(name))
        return tuple(found)

    def _name(self, wanted: str) -> str:
        if not self._token.is_name:
            raise self._unexpected(wanted)
        return self._advance().text

    def _take_symbol(self, text: str) -> bool:
        found = self._token == _Token(text, "symbol")
        if found:
            self._advance()
        return found

    def _advance(self) -> _Token:
        token, self._token = self._token, next(self._tokens, _END)
        return token

    def _unexpected(self, wanted: str) -> SruDiagnostic:
        return SruDiagnostic(SYNTAX, f"{wanted} was expected where {self._token.text[:40]!r} stands")


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text.rstrip()):
        found = _TOKEN.match(text, position)
        if found is None:
            raise SruDiagnostic(SYNTAX, f"a quotation mark without its second one, or a backslash before nothing, "
                                        f"after character {position}")
        quoted, symbol, word = found.groups()
        if quoted is not None:
            yield _Token(_unquoted(quoted), "quoted")
        else:
            yield _Token(symbol, "symbol") if symbol else _Token(word, "word")
        position = found.end()
    yield _END


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(lambda found: '"' if found[0] == r"\"" else found[0], text)
