"""The broker as one database of a Z39.50 or SRU server: a client asks it, and it asks all targets.

A record goes out as the target delivered it wherever its syntax is the one asked for; else it is written anew. What
each target came to stands in the answer's additional search information, and in SUTRS beside each work.
"""

import codecs
from collections.abc import Callable, Mapping

from pydantic import ValidationError

from connectors.broker.broker import SECONDS, Broker
from connectors.broker.found import LiveSet
from connectors.broker.merging import Delivered, Work
from connectors.broker.reading import marc_of
from connectors.marc.mapping import bib_from_record, record_from_bib
from connectors.marc.record import MarcError, MarcRecord
from connectors.marc.writer import write_iso2709, write_marcxml
from connectors.z3950 import oid
from connectors.z3950.errors import DiagnosticError
from connectors.z3950.query import Query
from schemas.bib import MarcFormat

DATABASE = "live"
_UNPRESENTABLE, _UNKNOWN_DATABASE, _NOT_IN_SYNTAX, _UNKNOWN_SYNTAX = 14, 235, 238, 239


class LiveBackend:
    """Serves ``broker`` as ``database``."""

    def __init__(self, broker: Broker, database: str = DATABASE, seconds: float = SECONDS) -> None:
        self.database = database
        self._broker = broker
        self._seconds = seconds

    async def search(self, database: str, query: Query) -> LiveSet:
        """Return what the targets found by the deadline."""
        if database.lower() != self.database.lower():
            raise DiagnosticError(_UNKNOWN_DATABASE, database)
        return await LiveSet.search(self._broker, query, self._seconds)

    async def record(self, found: LiveSet, index: int, syntax: str, charset: str | None) -> bytes:
        """Return a work by the first of its records that is, or can be written, in ``syntax``."""
        if syntax not in _WRITERS:
            raise DiagnosticError(_UNKNOWN_SYNTAX, syntax)
        work = await found.work(index)
        if syntax == oid.SUTRS:
            return _text(work).encode(charset or "utf-8", "replace")
        if charset is None:
            own = next((each.record.data for each in work.records if each.record.syntax == syntax), None)
            if own is not None:
                return own
        return self._rewritten(work.records[0], syntax, charset)

    def _rewritten(self, delivered: Delivered, syntax: str, charset: str | None) -> bytes:
        marc = marc_of(delivered.record, self._broker.targets[delivered.target].profile.record_charset or None)
        if marc is None:
            raise DiagnosticError(_UNPRESENTABLE, f"{delivered.target} delivered no MARC")
        if charset and syntax == delivered.record.syntax and _is(marc.charset.name, charset):
            return delivered.record.data
        try:
            return _WRITERS[syntax](marc, charset or "utf-8")
        except (MarcError, ValidationError):
            raise DiagnosticError(_UNPRESENTABLE, "cannot be written so; ask for another syntax") from None


def _is(name: str, charset: str) -> bool:
    try:
        return codecs.lookup(name).name == codecs.lookup(charset).name
    except LookupError:
        return False


def _as(target: MarcFormat, record: MarcRecord, charset: str) -> bytes:
    return write_iso2709(record_from_bib(bib_from_record(record), target), charset)


def _text(work: Work) -> str:
    """Return a work as lines for people: what it is, and who has it."""
    bib = work.bib
    said = [] if bib is None else [bib.title, bib.responsibility, bib.publisher, str(bib.year or "")]
    isbns = [] if bib is None else [isbn.as_written for isbn in bib.isbns]
    held = dict.fromkeys(each.target for each in work.records)
    lines = [*said, *isbns, "馆藏 Held by: " + ", ".join(held)]
    return "\n".join(line for line in lines if line)


_WRITERS: Mapping[str, Callable[[MarcRecord, str], bytes]] = {
    oid.USMARC: lambda record, charset: _as(MarcFormat.MARC21, record, charset),
    oid.UNIMARC: lambda record, charset: _as(MarcFormat.CNMARC, record, charset),
    oid.XML: lambda record, _: write_marcxml(record),
    oid.SUTRS: lambda _record, _charset: b"",
}
"""Record syntaxes, and how a record that is no MARC in it is written; XML is UTF-8 whatever was negotiated."""
