"""A Z39.50 target as a source: its whole database, from the first record to the last.

Z39.50 cannot say what has changed, nor whether places in a new result set are those of the old one. So a run always
reads everything, and one that went on after a cut never deletes.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from connectors.agent.harvest.sources import SLICE_RECORDS, Bad, Found, Reading, Slice, found_as
from connectors.marc.reader import read_record
from connectors.z3950.client import Record, Z3950Client
from connectors.z3950.errors import TargetDiagnostic
from connectors.z3950.query import Attribute, Term, Use

BAD_PLACE = "bad_place"
RELATION, ALWAYS_MATCHES = 2, 103
"""Bib-1 relation attribute 103: the term is ignored, every record of the database matches."""
ALL_RECORDS = Term("", (Attribute(1, Use.ANY), Attribute(RELATION, ALWAYS_MATCHES)))
FAILURES_MAX = 20
"""So many places in a row that cannot be had are no bad records: the target is broken."""


@dataclass(frozen=True)
class Target:
    """A database of a Z39.50 target. ``charset`` is the configured one of its records, if any."""

    host: str
    port: int
    database: str
    syntax: str
    charset: str | None
    resumes_exactly = False

    @property
    def name(self) -> str:
        """Its address and database."""
        return f"z39.50 {self.host}:{self.port}/{self.database}"

    async def survey(self, since: str) -> Reading:  # noqa: ARG002  this source cannot tell
        """Return everything; where the number of records is still the same, a cut run may go on."""
        async with self._client() as client:
            return Reading(True, "", str(await client.search(ALL_RECORDS)), self._slices)

    async def _slices(self, cursor: str) -> AsyncIterator[Slice]:
        async with self._client() as client:
            hits, start, failures = await client.search(ALL_RECORDS), int(cursor or 0) + 1, 0
            while start <= hits:
                try:
                    records = await client.present(start, min(SLICE_RECORDS, hits + 1 - start))
                    failures = 0
                except TargetDiagnostic as diagnostic:
                    failures += 1
                    if failures > FAILURES_MAX:
                        raise
                    records = [Record("", b"", diagnostic=diagnostic)]
                found = [self._found(record, place) for place, record in enumerate(records, start)]
                start += len(records)  # the last one may stand for a place where the target failed
                yield Slice(found, str(start - 1), (start - 1) / hits)

    def _found(self, record: Record, place: int) -> Found:
        if record.diagnostic is not None:
            return Bad(f"place {place}", BAD_PLACE, str(record.diagnostic))
        return found_as(read_record(record.data, self.charset), f"place {place}")

    def _client(self) -> Z3950Client:
        return Z3950Client(self.host, self.port, self.database, preferred_syntax=self.syntax)
