"""What a library asks for, as the tree that the index is asked by: the same tree that a reader's words become.

The steps of `schemas.catalogue` are folded from the left: a chain of one operator becomes one node, however long, so
only what really nests is deep. Deliberately absent: indexes, relations and truncations that libraries' protocols know
besides; the connector refuses them by its protocol's own diagnostics.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from federation.catalogue.query import AUTHOR_COLUMNS, ISBN_COLUMNS, TITLE_COLUMNS, All, Either, Node, Query, Term
from federation.catalogue.tokens import compact, phrase
from schemas.bib import normalise_isbn
from schemas.catalogue import CatalogueAnswer, CatalogueQuestion, Index, IndexAnswer, IndexQuestion, Operator, Sought

DEPTH_MAX = 16
"""Nodes within nodes; an index's own parser ends somewhere above (SQLite FTS5: a stack of 100)."""

COLUMNS: Mapping[Index, tuple[str, ...]] = {
    Index.ANY: (),
    Index.TITLE: TITLE_COLUMNS,
    Index.AUTHOR: AUTHOR_COLUMNS,
    Index.SUBJECT: ("subject",),
    Index.PUBLISHER: ("publisher",),
    Index.NUMBER: ISBN_COLUMNS,
    Index.YEAR: ("other",),
}


class UnfitQuestion(ValueError):
    """Steps that are no query, one that nests too deep, or more works than can be put in order."""


class Union(Protocol):
    """The port through which the gateway answers those questions."""

    def find(self, question: CatalogueQuestion) -> CatalogueAnswer:
        """Return a page of works with all who hold them; raise ``UnfitQuestion``."""

    def terms(self, question: IndexQuestion) -> IndexAnswer:
        """Return the terms of an index around a start."""


def query_of(steps: Iterable[Sought | Operator]) -> Query:
    """Return the query that ``steps`` make.

    Raises:
        UnfitQuestion: an operator without two results before it, results without an operator, or too much nesting.

    >>> query_of([Sought(text="红楼梦", index="title"), Sought(text="曹雪芹"), Operator.AND]).root.parts[1].text
    '曹雪芹'
    """
    stack: list[Node | None] = []
    for step in steps:
        if isinstance(step, Sought):
            stack.append(_term(step))
        elif len(stack) < 2:
            raise UnfitQuestion(f"{step}: an operator stands behind what it joins")
        else:
            right = stack.pop()
            stack.append(_combined(step, stack.pop(), right))
    if len(stack) != 1:
        raise UnfitQuestion(f"a query has one result, not {len(stack)}")
    root = stack[0]
    if root is not None and _depth(root) > DEPTH_MAX:
        raise UnfitQuestion(f"operators nest deeper than {DEPTH_MAX} levels")
    return Query(root, _title(root))


def _term(sought: Sought) -> Term | None:
    """Return a term; None for one of which nothing is indexed, such as punctuation. An ISBN may have any form."""
    columns, text = COLUMNS[sought.index], sought.text
    if sought.index in (Index.ANY, Index.NUMBER) and not sought.is_start and (isbn := normalise_isbn(text)):
        return Term(isbn, ISBN_COLUMNS)
    if sought.index is Index.NUMBER:
        text = compact(text)
    return Term(text, columns, prefix=sought.is_start) if phrase(text).tokens else None


def _combined(operator: Operator, left: Node | None, right: Node | None) -> Node | None:
    if left is None or right is None:
        return left if operator is Operator.NOT else left or right
    return _OPERATIONS[operator](left, right)


def _both(left: Node, right: Node) -> Node:
    one, other = _as_all(left), _as_all(right)
    return All((*one.parts, *other.parts), (*one.refused, *other.refused))


def _either(left: Node, right: Node) -> Node:
    return Either((*_alternatives(left), *_alternatives(right)))


def _without(left: Node, right: Node) -> Node:
    one = _as_all(left)
    return All(one.parts, (*one.refused, right))


_OPERATIONS: Mapping[Operator, Callable[[Node, Node], Node]] = {
    Operator.AND: _both, Operator.OR: _either, Operator.NOT: _without,
}


def _as_all(node: Node) -> All:
    return node if isinstance(node, All) else All((node,))


def _alternatives(node: Node) -> tuple[Node, ...]:
    return node.parts if isinstance(node, Either) else (node,)


def _depth(node: Node) -> int:
    if isinstance(node, Term):
        return 0
    parts = (*node.parts, *node.refused) if isinstance(node, All) else node.parts
    return 1 + max(map(_depth, parts))


def _title(root: Node | None) -> str:
    """Return the key of the title that plain words may be."""
    parts = root.parts if isinstance(root, All) and not root.refused else (root,)
    words = [part.text for part in parts
             if isinstance(part, Term) and not part.prefix and part.columns in ((), TITLE_COLUMNS)]
    return compact(" ".join(words)) if len(words) == len(parts) else ""
