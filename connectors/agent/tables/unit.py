"""All that one transaction of the connector may touch, and the tables it is made of."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from connectors.agent import conflicts, delivery, lockers, views
from connectors.agent.harvest import ledger
from connectors.agent.tables import loans, messages, notes, readers, waiting
from connectors.agent.tables.loans import LoanTables
from connectors.agent.tables.messages import MessageTables
from connectors.agent.tables.notes import NoteTables
from connectors.agent.tables.readers import ReaderTables
from connectors.agent.tables.waiting import WaitingTables

SCHEMA_VERSION = 1
"""Of the tables below. A table that is new beside them needs no other number; one that means something else does."""

DDL = (*messages.DDL, *waiting.DDL, *loans.DDL, *readers.DDL, *notes.DDL, *conflicts.DDL, *delivery.DDL, *lockers.DDL,
       *views.DDL, *ledger.DDL)


class Unit(MessageTables, WaitingTables, LoanTables, ReaderTables, NoteTables):
    """The tables of every subject, on one connection."""

    @property
    def connection(self) -> sqlite3.Connection:
        """The transaction itself, for a part that keeps tables of its own in the journal."""
        return self._db

    @contextmanager
    def part(self) -> Iterator[None]:
        """Undo what is done inside, and only that, where it raises."""
        self._db.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK TO part")
            raise
        finally:
            self._db.execute("RELEASE part")
