"""Erasing what was said in loans that have ended: envelopes go, and whose order it was; leaves, hashes and types stay.

Overwritten at once (``secure_delete``); out of the write-ahead log once ``Database.scrub`` has been called.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence

from federation.ports import EndedLoan

ERASED = b""
"""What stands in an erased message's place."""


class ErasureTable:
    """What retention asks of the tables."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def ended_before(self, moment: str) -> Sequence[EndedLoan]:
        """Return the loans whose last change, which ended them, was before, and that still have something to erase."""
        rows = self._db.execute(
            "SELECT loan.conv, min(idx), max(idx), count(*), "
            "EXISTS (SELECT 1 FROM awaited WHERE awaited.conv = loan.conv) OR EXISTS "
            "(SELECT 1 FROM mailbox JOIN message AS waiting USING (idx) WHERE waiting.conv = loan.conv) "
            "FROM loan JOIN message ON message.conv = loan.conv WHERE outcome IS NOT NULL AND changed < ? "
            "AND envelope <> ? GROUP BY loan.conv ORDER BY loan.conv", (moment, ERASED))
        return [EndedLoan(conv, first, last, messages, bool(waits)) for conv, first, last, messages, waits in rows]

    def statements(self) -> Sequence[bytes]:
        """Return the envelopes of all statements that were proposed and accepted."""
        return [envelope for (envelope,) in self._db.execute(
            "SELECT envelope FROM message WHERE type IN ('StatementProposal', 'StatementAcceptance')")]

    def erase(self, convs: Iterable[str]) -> None:
        """Erase what was said in these loans."""
        self._db.execute("PRAGMA secure_delete=ON")
        chosen = json.dumps(list(convs))
        self._db.execute("UPDATE message SET envelope = ? WHERE conv IN (SELECT value FROM json_each(?))",
                         (ERASED, chosen))
        self._db.execute("DELETE FROM reader_loan WHERE conv IN (SELECT value FROM json_each(?))", (chosen,))
