"""An SRU server on aiohttp: searchRetrieve, explain and scan, versions 1.1 to 2.0, over a backend that has the records.

    add_sru(app, "/sru/union", backend, Offer("union", "长三角联合目录", {"marcxml": "info:srw/schema/1/marcxml-v1.1"}))

Queries reach the backend as the RPN tree that Z39.50 uses too. What a client does wrong is answered by a diagnostic in
its own version, never by an HTTP error. Deliberately absent: result sets by name, and the old
parameter ``sortKeys``: an order stands in the query (``sortBy``).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from aiohttp import web

from connectors.sru.cql import Clause, parse
from connectors.sru.cql_rpn import INDEX_OF, to_rpn, to_sort_keys
from connectors.sru.errors import MESSAGES, SruDiagnostic
from connectors.sru.messages import (
    Diagnostic,
    Explanation,
    Packing,
    ScanAnswer,
    ScanTerm,
    SearchAnswer,
    SruRecord,
    Version,
)
from connectors.sru.writing import DIAGNOSTIC_SCHEMA, write_explain, write_scan, write_search, write_surrogate
from connectors.z3950.backend import Found, IndexPart, Sorts
from connectors.z3950.errors import DiagnosticError
from connectors.z3950.query import Query, Term, substitute
from connectors.z3950.sort import SortKey

_logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

GENERAL, UNSUPPORTED_OPERATION, UNSUPPORTED_VALUE, MISSING, OUT_OF_RANGE = 1, 4, 6, 7, 61
UNKNOWN_SCHEMA, UNKNOWN_PACKING, SORT = 66, 71, 80
OF_BIB1: Mapping[int, int] = {
    2: 2, 3: 48, 5: 38, 11: 12, 13: 61, 14: 64, 30: 51, 107: 48, 110: 37, 113: 48, 114: 16, 117: 19, 118: 48, 119: 31,
    120: 28, 122: 19, 207: 80, 229: 48, 235: 235, 238: 67, 239: 66,
}
"""Bib-1 diagnostics that a backend raises → SRU's own."""
SCAN_TERMS_MAX = 100
_VERSIONS = ("", "1.1", "1.2", "2.0")
_PACKING: Mapping[Version, str] = {Version.V1_2: "recordPacking", Version.V2_0: "recordXMLEscaping"}


class Backend(Protocol[Found]):
    """What a server serves. Any method may raise ``DiagnosticError`` (Bib-1), which is passed on to the client.

    A backend that can sort (``connectors.z3950.backend.Sorts``) is asked to.
    """

    async def search(self, database: str, query: Query) -> Found:
        """Return what ``query`` finds in ``database``; its length is the number of hits."""

    async def xml(self, found: Found, index: int, schema: str) -> bytes:
        """Return record ``index``, counted from 0, as an XML element of the schema with this short name."""

    async def scan(self, database: str, start: Term, before: int, count: int) -> IndexPart:
        """Return ``count`` terms of an index from ``start`` on, and up to ``before`` that precede it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server says it has: schemas by short name with their URIs, the first for who asks for none."""

    database: str
    title: str
    schemas: Mapping[str, str]
    records_default: int = 10
    records_max: int = 100
    indexes: tuple[str, ...] = tuple(INDEX_OF.values())


class _Call(NamedTuple):
    """One request: its version and parameters."""

    version: Version
    parameters: Mapping[str, str]

    def number(self, name: str, default: int, least: int) -> int:
        """Return a parameter that is a whole number. Raises ``SruDiagnostic`` 6."""
        text = self.parameters.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least):
            raise SruDiagnostic(UNSUPPORTED_VALUE, name)
        return int(text)

    def packing_or_xml(self) -> Packing:
        """Return how the records are to lie in the answer; 2.0 gave the old name of the parameter another meaning."""
        wanted = self.parameters.get(_PACKING[self.version]) or Packing.XML
        return Packing(wanted) if wanted in tuple(Packing) else Packing.XML

    def check(self) -> None:
        """Refuse what no answer could be in. Raises ``SruDiagnostic`` 5 or 71."""
        if self.parameters.get("version", "") not in _VERSIONS:
            raise SruDiagnostic(5, "1.2, 2.0")
        wanted = self.parameters.get(_PACKING[self.version])
        if wanted and wanted not in tuple(Packing):
            raise SruDiagnostic(UNKNOWN_PACKING, wanted)

    def required(self, name: str) -> str:
        """Return a parameter that must be there. Raises ``SruDiagnostic`` 7."""
        if not self.parameters.get(name):
            raise SruDiagnostic(MISSING, name)
        return self.parameters[name]


def add_sru(app: web.Application, path: str, backend: Backend[Any], offer: Offer) -> None:
    """Serve ``backend`` at ``path``."""
    service = _Service(backend, offer)
    app.add_routes([web.get(path, service.get), web.post(path, service.post)])


class _Service:
    """The three operations, each from its parameters to its XML."""

    def __init__(self, backend: Backend[Any], offer: Offer) -> None:
        self._backend = backend
        self._offer = offer
        self._operations: Mapping[str, Callable[[_Call, web.Request], Awaitable[bytes]]] = {
            "searchRetrieve": self._search, "scan": self._scan, "explain": self._explain}

    async def get(self, request: web.Request) -> web.Response:
        """Answer a request whose parameters stand in the address."""
        return await self._answer(dict(request.query), request)

    async def post(self, request: web.Request) -> web.Response:
        """Answer a request whose parameters come as a form."""
        form = await request.post()
        return await self._answer({name: value for name, value in form.items() if isinstance(value, str)}, request)

    async def _answer(self, parameters: Mapping[str, str], request: web.Request) -> web.Response:
        operation = parameters.get("operation") or _operation(parameters)
        call = _Call(_version(parameters), parameters)
        if operation not in self._operations:
            body = self._description(call, request, _diagnostic(SruDiagnostic(UNSUPPORTED_OPERATION, operation)))
        else:
            body = await self._operations[operation](call, request)
        return web.Response(body=body, content_type="application/xml", charset="utf-8")

    async def _search(self, call: _Call, _request: web.Request) -> bytes:
        def failed(diagnostic: Diagnostic) -> SearchAnswer:
            return SearchAnswer(0, diagnostics=(diagnostic,))

        answer = await _or_diagnostic(self._find(call), failed)
        return write_search(answer, call.version, call.packing_or_xml())

    async def _find(self, call: _Call) -> SearchAnswer:
        call.check()
        query, schema = call.required("query"), self._schema(call.parameters.get("recordSchema", ""))
        start = call.number("startRecord", 1, 1)
        count = min(call.number("maximumRecords", self._offer.records_default, 0), self._offer.records_max)
        cql = parse(query)
        if call.parameters.get("sortKeys"):
            raise SruDiagnostic(SORT, "sort by the query: ... sortBy dc.title")
        found = await self._backend.search(self._offer.database, substitute(to_rpn(cql.root), {}))
        if cql.sort:
            found = await self._sorted(found, to_sort_keys(cql.sort))
        hits = len(found)
        if start > hits and hits:
            raise SruDiagnostic(OUT_OF_RANGE, str(start))
        end = min(start + count, hits + 1)
        records = [await self._record(found, place, schema) for place in range(start, end)]
        return SearchAnswer(hits, tuple(records), next_start=end if end <= hits else None)

    async def _sorted(self, found: Any, keys: Sequence[SortKey]) -> Any:
        if not isinstance(self._backend, Sorts):
            raise SruDiagnostic(SORT)
        return await self._backend.sort(found, keys)

    async def _record(self, found: Any, place: int, schema: str) -> SruRecord:
        """Return a record, or the diagnostic in its place."""
        try:
            data = await self._backend.xml(found, place - 1, schema)
        except DiagnosticError as error:
            return SruRecord(DIAGNOSTIC_SCHEMA, write_surrogate(_diagnostic(error)), place)
        return SruRecord(self._offer.schemas[schema], data, place)

    async def _scan(self, call: _Call, _request: web.Request) -> bytes:
        def failed(diagnostic: Diagnostic) -> ScanAnswer:
            return ScanAnswer(diagnostics=(diagnostic,))

        return write_scan(await _or_diagnostic(self._terms(call), failed), call.version)

    async def _terms(self, call: _Call) -> ScanAnswer:
        call.check()
        clause = parse(call.required("scanClause")).root
        if not isinstance(clause, Clause):
            raise SruDiagnostic(UNSUPPORTED_VALUE, "scanClause: one index and one term")
        start = to_rpn(clause)
        if not isinstance(start, Term):
            raise SruDiagnostic(UNSUPPORTED_VALUE, "scanClause")
        count = min(call.number("maximumTerms", 20, 1), SCAN_TERMS_MAX)
        position = call.number("responsePosition", 1, 0)
        before = max(0, min(position - 1, count))
        part = await self._backend.scan(self._offer.database, start, before, count - before)
        return ScanAnswer(tuple(ScanTerm(term.text, term.hits, term.shown) for term in part.terms))

    async def _explain(self, call: _Call, request: web.Request) -> bytes:
        return self._description(call, request)

    def _description(self, call: _Call, request: web.Request, *diagnostics: Diagnostic) -> bytes:
        offer = self._offer
        explanation = Explanation(offer.database, offer.title, offer.indexes, offer.schemas,
                                  offer.records_default, offer.records_max, diagnostics)
        host, port = request.url.host or "", request.url.port or 80
        return write_explain(explanation, call.version, host, port, call.packing_or_xml())

    def _schema(self, wanted: str) -> str:
        """Return the short name of the schema asked for by name or URI, in any case of letters."""
        for name, uri in self._offer.schemas.items():
            if wanted.lower() in ("", name.lower(), uri.lower()):
                return name
        raise SruDiagnostic(UNKNOWN_SCHEMA, wanted)


def _operation(parameters: Mapping[str, str]) -> str:
    """Return the operation that the parameters alone tell, as version 2.0 has it."""
    return "searchRetrieve" if "query" in parameters else "scan" if "scanClause" in parameters else "explain"


def _version(parameters: Mapping[str, str]) -> Version:
    """Return the version to answer in: 2.0 names neither itself nor its operation."""
    named = parameters.get("version", "")
    if named.startswith("1.") or (not named and "operation" in parameters):
        return Version.V1_2
    return Version.V2_0


async def _or_diagnostic(answer: Awaitable[Answer], failed: Callable[[Diagnostic], Answer]) -> Answer:
    """Await an answer; what is wrong becomes its diagnostic, and a fault of the backend's stays in our log."""
    try:
        return await answer
    except (SruDiagnostic, DiagnosticError) as error:
        return failed(_diagnostic(error))
    except Exception:
        _logger.exception("the backend of an SRU server failed")
        return failed(_diagnostic(SruDiagnostic(GENERAL)))


def _diagnostic(error: SruDiagnostic | DiagnosticError) -> Diagnostic:
    if isinstance(error, SruDiagnostic):
        return Diagnostic(error.code, MESSAGES.get(error.code, ""), error.details)
    code = OF_BIB1.get(error.code, GENERAL)
    return Diagnostic(code, MESSAGES.get(code, ""), error.text)
