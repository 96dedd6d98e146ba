"""The circulation tables on SQLite, and the one thread that works on them.

Every operation is one function run in one transaction (``synchronous=FULL``): once it has answered, it survives
a crash. Where a copy stands is derived from loans and holds, never stored beside them, so it cannot drift.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from examples.alliance.clock import Clock

P = ParamSpec("P")
T = TypeVar("T")

Probe = Callable[[str], None]
"""Called with ``before commit`` and ``after commit`` around every write; crash tests kill the process there."""

# Moments are whole seconds since the epoch; money is fen. ``event`` only grows: the circulation history.
_TABLES = """
CREATE TABLE IF NOT EXISTS patron (
    card TEXT PRIMARY KEY, pin_hash BLOB NOT NULL, name TEXT NOT NULL, patron_type TEXT NOT NULL, block TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS item (
    barcode TEXT PRIMARY KEY, record_id TEXT NOT NULL, title TEXT NOT NULL, author TEXT NOT NULL, isbn TEXT NOT NULL,
    call_number TEXT NOT NULL, location TEXT NOT NULL, price_fen INTEGER);
CREATE TABLE IF NOT EXISTS loan (
    barcode TEXT PRIMARY KEY REFERENCES item, card TEXT NOT NULL REFERENCES patron, due_at INTEGER NOT NULL,
    renewals INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS loan_card ON loan (card);
CREATE TABLE IF NOT EXISTS hold (
    id INTEGER PRIMARY KEY, barcode TEXT NOT NULL REFERENCES item, card TEXT NOT NULL REFERENCES patron,
    UNIQUE (barcode, card));
CREATE INDEX IF NOT EXISTS hold_card ON hold (card);
CREATE TABLE IF NOT EXISTS fee (
    id INTEGER PRIMARY KEY, card TEXT NOT NULL REFERENCES patron, barcode TEXT NOT NULL, amount_fen INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS fee_card ON fee (card);
CREATE TABLE IF NOT EXISTS payment (
    transaction_id TEXT PRIMARY KEY, card TEXT NOT NULL REFERENCES patron, amount_fen INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, verb TEXT NOT NULL, card TEXT NOT NULL, barcode TEXT NOT NULL);
"""


def no_probe(_point: str) -> None:
    """Watch nothing."""


class DatabaseFailed(RuntimeError):
    """The circulation database could not be opened."""


@dataclass(frozen=True)
class Unit:
    """What one operation works with: the tables, and the moment it happens at."""

    db: sqlite3.Connection
    now: datetime


class Database:
    """One library's database and its thread. ``clock`` says what day it is."""

    def __init__(self, path: Path, clock: Clock, probe: Probe = no_probe) -> None:
        self._path = path
        self._clock = clock
        self._probe = probe
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"ils {path.parent.name}")
        try:
            self._connection = self._thread.submit(self._open).result()
        except sqlite3.Error as error:
            self._thread.shutdown()
            raise DatabaseFailed(f"{path}: cannot be opened ({error}); is it a circulation database?") from error

    async def read(self, work: Callable[Concatenate[Unit, P], T], *args: P.args, **options: P.kwargs) -> T:
        """Return what ``work`` finds."""
        call = partial(work, self._unit(), *args, **options)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def write(self, work: Callable[Concatenate[Unit, P], T], *args: P.args, **options: P.kwargs) -> T:
        """Run ``work`` in a transaction and return its result once that is durable; an exception undoes it.

        Once begun it runs to its end, even if the caller is cancelled.
        """
        call = partial(work, self._unit(), *args, **options)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, call)

    def close(self) -> None:
        """Finish the work at hand and close the file."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(_TABLES)
        return connection

    def _unit(self) -> Unit:
        return Unit(self._connection, self._clock())

    def _transaction(self, call: Callable[[], T]) -> T:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = call()
            self._probe("before commit")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        self._probe("after commit")
        return result
