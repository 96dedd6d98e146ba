"""The one backend behind both faces: the union catalogue in every syntax that we write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.faces.asking import index_of, steps_of
from connectors.faces.ordering import Ordering
from connectors.faces.records import iso2709_of
from connectors.faces.texts import Names, opac_holdings, text_of
from connectors.faces.union import Union, Works
from connectors.faces.xml import MARCXML, xml_of
from connectors.z3950 import oid
from connectors.z3950.apdu import Credentials
from connectors.z3950.backend import IndexPart, IndexTerm
from connectors.z3950.errors import DiagnosticError
from connectors.z3950.opac import write_opac
from connectors.z3950.query import USE, Query, Term, Use
from connectors.z3950.sort import Order as Direction
from connectors.z3950.sort import SortKey
from schemas.bib import MarcFormat
from schemas.catalogue import SORTED_MAX, TERMS_MAX, FoundWork, Index, IndexQuestion, Order, SortedBy

_UNKNOWN_DATABASE, _UNKNOWN_SYNTAX, _CANNOT_SORT_SO, _CANNOT_SCAN = 235, 239, 207, 114
_KEYS_MAX = 4
_SCANNED = frozenset({Index.TITLE, Index.AUTHOR, Index.SUBJECT, Index.NUMBER})
_ORDER_OF_USE: Mapping[int, Order] = {
    Use.TITLE: Order.TITLE, 1: Order.AUTHOR, Use.AUTHOR: Order.AUTHOR, 1004: Order.AUTHOR, 30: Order.YEAR,
    Use.DATE: Order.YEAR,
}
_ORDER_OF_FIELD: Mapping[str, Order] = {
    "title": Order.TITLE, "author": Order.AUTHOR, "date": Order.YEAR, "year": Order.YEAR,
}


@dataclass(frozen=True)
class Face:
    """Serves ``union`` as one ``database``."""

    database: str
    union: Union
    ordering: Ordering

    async def search(self, database: str, query: Query) -> Works:
        """Return what ``query`` finds."""
        self._require(database)
        return await self.union.works(steps_of(query))

    async def record(self, found: Works, index: int, syntax: str, charset: str | None) -> bytes:
        """Return a work in a record syntax of Z39.50."""
        writer = _SYNTAXES.get(syntax)
        if writer is None:
            raise DiagnosticError(_UNKNOWN_SYNTAX, syntax)
        return writer(await found.work(index), charset, found.names)

    async def xml(self, found: Works, index: int, schema: str) -> bytes:
        """Return a work in a schema of SRU."""
        return xml_of(await found.work(index), schema)

    async def scan(self, database: str, start: Term, before: int, count: int) -> IndexPart:
        """Return the terms of an index."""
        self._require(database)
        index = index_of(start)
        if index not in _SCANNED:
            raise DiagnosticError(_CANNOT_SCAN, f"scan {index}")
        answer = await self.union.terms(IndexQuestion(
            index=index, start=start.value[:500], before=min(before, TERMS_MAX), count=min(count, TERMS_MAX)))
        return IndexPart([IndexTerm(term.text, term.shown, term.works) for term in answer.terms], answer.before)

    async def sort(self, found: Works, keys: Sequence[SortKey]) -> Works:
        """Return the same works in another order."""
        if len(found) > SORTED_MAX or len(keys) > _KEYS_MAX:
            raise DiagnosticError(_CANNOT_SORT_SO, f"at most {SORTED_MAX} records by {_KEYS_MAX} keys")
        return await self.union.works(found.query, tuple(map(_sorted_by, keys)))

    async def order(self, found: Works, index: int, credentials: Credentials | None) -> str:
        """Order a work for a reader of this library, and return the loan's id."""
        return await self.ordering.order((await found.work(index)).cluster, credentials)

    def _require(self, database: str) -> None:
        if database.lower() != self.database.lower():
            raise DiagnosticError(_UNKNOWN_DATABASE, database)


def _sorted_by(key: SortKey) -> SortedBy:
    if isinstance(key.by, str):
        order = _ORDER_OF_FIELD.get(key.by.lower())
    else:
        use: Any = next((attribute.value for attribute in key.by if attribute.type == USE), None)
        order = _ORDER_OF_USE.get(use)
    if order is None:
        raise DiagnosticError(_CANNOT_SORT_SO, "by title, author or date")
    return SortedBy(order=order, descending=key.order is Direction.DESCENDING)


def _text(work: FoundWork, charset: str | None, names: Names) -> bytes:
    return text_of(work, names).encode(charset or "utf-8", "replace")


def _opac(work: FoundWork, charset: str | None, names: Names) -> bytes:
    def string(text: str) -> str:
        return text.encode(charset or "utf-8", "replace").decode("utf-8", "surrogateescape")

    record = iso2709_of(work, MarcFormat.MARC21, charset, copies=False)
    return write_opac(oid.USMARC, record, opac_holdings(work, names, string))


_SYNTAXES: Mapping[str, Callable[[FoundWork, str | None, Names], bytes]] = {
    oid.USMARC: lambda work, charset, _: iso2709_of(work, MarcFormat.MARC21, charset),
    oid.UNIMARC: lambda work, charset, _: iso2709_of(work, MarcFormat.CNMARC, charset),
    oid.XML: lambda work, _charset, _names: xml_of(work, MARCXML),
    oid.SUTRS: _text,
    oid.OPAC: _opac,
}
"""Record syntaxes and how a work is written in each; XML is UTF-8 whatever was negotiated."""
