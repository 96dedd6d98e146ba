"""Erasing what was said in loans that have ended: envelopes go, and whose order it was; leaves, hashes and types stay.

In SQLite overwritten at once (``secure_delete``), and out of the write-ahead log once ``Database.scrub`` has been
called, which in PostgreSQL rewrites the tables; that server's own log and backups are for its keeper to let go.
"""

import json
from collections.abc import Iterable, Sequence

from federation.erasing import EndedLoan
from federation.storage.engine import Connection
from federation.storage.messages import NOTHING

SQLITE_PREPARES = ("PRAGMA secure_delete=ON",)
"""What SQLite is told before anything is erased."""
TABLES = ("message", "reader_loan")
"""Where something is erased."""


class ErasureTable:
    """What retention asks of the tables."""

    def __init__(self, connection: Connection, prepare: Sequence[str]) -> None:
        self._db = connection
        self._prepare = prepare

    def ended_before(self, moment: str) -> Sequence[EndedLoan]:
        """Return the loans whose last change, which ended them, was before, and that still have something to erase."""
        rows = self._db.execute(
            "SELECT loan.conv, min(idx), max(idx), count(*), "
            "EXISTS (SELECT 1 FROM awaited WHERE awaited.conv = loan.conv) OR EXISTS "
            "(SELECT 1 FROM mailbox JOIN message AS waiting USING (idx) WHERE waiting.conv = loan.conv) "
            "FROM loan JOIN message ON message.conv = loan.conv WHERE outcome IS NOT NULL AND changed < ? "
            "AND envelope <> ? GROUP BY loan.conv ORDER BY loan.conv", (moment, NOTHING))
        return [EndedLoan(conv, first, last, messages, bool(waits)) for conv, first, last, messages, waits in rows]

    def statements(self) -> Sequence[bytes]:
        """Return the envelopes of all statements and of what libraries have answered."""
        return [envelope for (envelope,) in self._db.execute(
            "SELECT envelope FROM message "
            "WHERE type IN ('StatementProposal', 'StatementAcceptance', 'StatementDispute')")]

    def erase(self, convs: Iterable[str]) -> None:
        """Erase what was said in these loans."""
        for statement in self._prepare:
            self._db.execute(statement)
        chosen = json.dumps(list(convs))
        self._db.execute("UPDATE message SET envelope = ? WHERE conv IN (SELECT value FROM json_each(?))",
                         (NOTHING, chosen))
        self._db.execute("DELETE FROM reader_loan WHERE conv IN (SELECT value FROM json_each(?))", (chosen,))
