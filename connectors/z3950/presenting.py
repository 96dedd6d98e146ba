"""The records of one answer: how many fit into a message, and what stands in the place of one that cannot be had."""

import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from connectors.z3950.apdu import PresentResponse, PresentStatus
from connectors.z3950.backend import Backend
from connectors.z3950.errors import DiagnosticError
from connectors.z3950.query import Query
from connectors.z3950.record import Diagnostic, NamePlusRecord, bib1, to_external

_logger = logging.getLogger(__name__)

_WHOLE_ANSWER_DIAGNOSTICS = frozenset({238, 239})
"""Diagnostics about the syntax asked for: they hold for every record, so they take the place of them all."""
_OVERHEAD_BYTES = 128
"""What a record takes in a message beside its own octets: database name, syntax, tags and lengths."""


@dataclass(frozen=True, slots=True)
class ResultSet:
    """What a search found, under the query that found it."""

    database: str
    query: Query
    found: Any


@dataclass(frozen=True, slots=True)
class Presenter:
    """Presents from a backend within the sizes that were agreed at Init; ``charset`` is the one negotiated."""

    backend: Backend[Any]
    message_bytes: int
    record_bytes: int
    charset: str | None = None

    async def present(self, result_set: ResultSet, start: int, wanted: int, syntax: str) -> PresentResponse:
        """Return as many of the ``wanted`` records from ``start``, counted from 0, as one message may carry."""
        try:
            records = await self._records(result_set, start, wanted, syntax)
        except DiagnosticError as error:
            return failed_present(bib1(error.code, error.text), start + 1)
        end = start + len(records)
        return PresentResponse(
            number_of_records_returned=len(records),
            next_result_set_position=end + 1 if end < len(result_set.found) else 0,
            present_status=PresentStatus.SUCCESS if len(records) == wanted else PresentStatus.PARTIAL_MESSAGE_SIZE,
            records=records,
        )

    async def _records(
        self, result_set: ResultSet, start: int, wanted: int, syntax: str
    ) -> tuple[NamePlusRecord, ...]:
        records: list[NamePlusRecord] = []
        room = self.message_bytes
        for index in range(start, start + wanted):
            record, size = await self._record(result_set, index, syntax, alone=wanted == 1)
            if records and size > room:
                break
            room -= size
            records.append(record)
        return tuple(records)

    async def _record(
        self, result_set: ResultSet, index: int, syntax: str, *, alone: bool
    ) -> tuple[NamePlusRecord, int]:
        """Return a record, or the diagnostic in its place, and its size; one too large must be asked for alone."""
        try:
            data = await guarded(self.backend.record(result_set.found, index, syntax, self.charset))
        except DiagnosticError as error:
            if error.code in _WHOLE_ANSWER_DIAGNOSTICS:
                raise
            return _missing(result_set, bib1(error.code, error.text))
        size = len(data) + _OVERHEAD_BYTES
        if size > (self.record_bytes if alone else self.message_bytes):
            condition = 17 if size > self.record_bytes else 16
            return _missing(result_set, bib1(condition, str(size)))
        return NamePlusRecord(name=result_set.database, record=to_external(syntax, data)), size


async def guarded(call: Awaitable[Any]) -> Any:
    """Await the backend; a fault of its own becomes diagnostic 2, and its details stay in our log."""
    try:
        return await call
    except DiagnosticError:
        raise
    except Exception:
        _logger.exception("the backend of a Z39.50 target failed")
        raise DiagnosticError(2) from None


def failed_present(diagnostic: Diagnostic, next_position: int = 0) -> PresentResponse:
    """Return the response of a present that could not be served."""
    return PresentResponse(
        number_of_records_returned=0,
        next_result_set_position=next_position,
        present_status=PresentStatus.FAILURE,
        non_surrogate_diagnostic=diagnostic,
    )


def _missing(result_set: ResultSet, diagnostic: Diagnostic) -> tuple[NamePlusRecord, int]:
    return NamePlusRecord(name=result_set.database, record=diagnostic), _OVERHEAD_BYTES
