"""The same catalogue as Z39.50 clients see it: a backend for ``connectors.z3950.server``.

Hands out each record's own bytes, in the library's own format and charset, as old systems do. A term is found anywhere
in its field, whatever its case. Deliberately absent: ranking, truncation and position attributes.
"""

from collections.abc import Callable, Iterable, Mapping

from connectors.marc.record import MarcRecord
from connectors.z3950 import oid
from connectors.z3950.errors import DiagnosticError
from connectors.z3950.query import And, AndNot, Query, ResultSet, Term, Use
from connectors.z3950.server import ServerOptions
from connectors.z3950.service import ServiceOptions
from examples.alliance.roster import Library, Z3950Access
from schemas.bib import Bib, MarcFormat, normalise_isbn

_SYNTAXES = {MarcFormat.CNMARC: oid.UNIMARC, MarcFormat.MARC21: oid.USMARC}

_ALWAYS_MATCHES = (2, 103)  # Bib-1 relation attribute: the term is ignored

# Bib-1 diagnostics
_UNSUPPORTED_USE, _UNKNOWN_DATABASE, _UNSUPPORTED_SYNTAX = 114, 235, 239

_FIELDS: Mapping[int, Callable[[Bib], Iterable[str]]] = {
    Use.TITLE: lambda bib: (bib.title,),
    Use.AUTHOR: lambda bib: (bib.responsibility,),
    Use.ISBN: lambda bib: bib.isbn13s,
    Use.LOCAL_NUMBER: lambda bib: (bib.record_id,),
    Use.ANY: lambda bib: (bib.title, bib.responsibility, bib.publisher, *bib.isbn13s),
}


def target_options(library: Library, access: Z3950Access) -> ServerOptions:
    """Return how this library's target reads terms and what it sends where nothing is asked for."""
    service = ServiceOptions(query_charset=access.query_charset, default_syntax=_SYNTAXES[library.marc.format])
    return ServerOptions(service)


class Z3950Face:
    """Searches one library's catalogue, held in memory."""

    def __init__(self, library: Library, database: str, records: Iterable[tuple[MarcRecord, Bib]]) -> None:
        self._database = database
        self._syntax = _SYNTAXES[library.marc.format]
        self._records = tuple((record.raw, bib) for record, bib in records)

    async def search(self, database: str, query: Query) -> list[int]:
        """Return the places of the records that ``query`` finds. Raises ``DiagnosticError``."""
        if database.lower() != self._database.lower():
            raise DiagnosticError(_UNKNOWN_DATABASE, database)
        return sorted(self._find(query))

    async def record(self, result_set: list[int], index: int, syntax: str, _charset: str | None) -> bytes:
        """Return a record as it stands in the catalogue file. Raises ``DiagnosticError``."""
        if syntax != self._syntax:
            raise DiagnosticError(_UNSUPPORTED_SYNTAX, syntax)
        return self._records[result_set[index]][0]

    def _find(self, query: Query) -> set[int]:
        if isinstance(query, Term):
            return self._find_term(query)
        assert not isinstance(query, ResultSet), "the service puts the query in the place of its result set"
        left, right = self._find(query.left), self._find(query.right)
        if isinstance(query, And):
            return left & right
        return left - right if isinstance(query, AndNot) else left | right

    def _find_term(self, term: Term) -> set[int]:
        if any((attribute.type, attribute.value) == _ALWAYS_MATCHES for attribute in term.attributes):
            return set(range(len(self._records)))
        use = Use.ANY if term.use is None else term.use
        fields = _FIELDS.get(use) if isinstance(use, int) else None
        if fields is None:
            raise DiagnosticError(_UNSUPPORTED_USE, str(use))
        wanted = (normalise_isbn(term.value) if use == Use.ISBN else None) or term.value
        wanted = wanted.strip().casefold()
        return {
            place
            for place, (_, bib) in enumerate(self._records)
            if any(wanted in text.casefold() for text in fields(bib))
        }
