"""The connector's durable journal: what it sent, received and wrote to its ILS, in one SQLite file.

A unit of work is one synchronous function run in one transaction by the journal's own thread (``synchronous=FULL``).
One connector owns one file; its traffic is a library's, so every unit is its own commit.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from connectors.agent.tables import DDL, SCHEMA_VERSION, Unit

T = TypeVar("T")
Probe = Callable[[str], None]
"""Called with ``before commit`` and ``after commit``; crash tests kill the process there."""


class JournalFailed(RuntimeError):
    """The journal could not be opened or written; nothing of the unit is durable."""


def _ignore(_point: str) -> None:
    return None


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Let go of a connection that turns out to be none."""
    try:
        yield connection
    except BaseException:
        connection.close()
        raise


class Journal:
    """Runs units of work, one at a time, each in its own transaction."""

    def __init__(self, path: Path, probe: Probe = _ignore) -> None:
        self._path = path
        self._probe = probe
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"journal {path.stem}")
        try:
            self._connection = self._thread.submit(self._open).result()
        except JournalFailed:
            self._thread.shutdown()
            raise

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.touch(mode=0o600)
            self._path.chmod(0o600)  # before SQLite makes the files beside it, which take over its mode
            with _closed_on_error(sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)) as opened:
                self._require_known(opened)
                for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA busy_timeout=5000",
                                  "PRAGMA secure_delete=ON",  # what is forgotten leaves no free page with it
                                  "BEGIN IMMEDIATE", *DDL, f"PRAGMA user_version={SCHEMA_VERSION}", "COMMIT"):
                    opened.execute(statement)
        except (sqlite3.Error, OSError) as error:
            raise JournalFailed(f"{self._path}: cannot be opened ({error}); is it a connector's journal?") from error
        return opened

    def _require_known(self, opened: sqlite3.Connection) -> None:
        """Leave a journal alone whose tables another version of this program has made; a new file has version 0."""
        (version,) = opened.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):
            raise JournalFailed(f"{self._path}: its tables are of version {version}, this program knows "
                                f"{SCHEMA_VERSION}; start the program that made them, or a newer one")

    async def run(self, work: Callable[[Unit], T]) -> T:
        """Run ``work`` and return its result once that is durable; its exception undoes it."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, work)
        return await asyncio.shield(future)

    async def scrub(self) -> None:
        """Empty the write-ahead log, so that nothing that was erased is left in the files.

        Raises:
            JournalFailed: somebody else reads the journal now.
        """
        def checkpoint() -> bool:
            return bool(self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])

        if await asyncio.get_running_loop().run_in_executor(self._thread, checkpoint):
            raise JournalFailed(f"{self._path}: its write-ahead log is in use, by a backup perhaps; erase again later")

    def _transaction(self, work: Callable[[Unit], T]) -> T:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(Unit(connection))
            self._probe("before commit")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has undone it already
                connection.execute("ROLLBACK")
            raise
        self._probe("after commit")
        return result

    def close(self) -> None:
        """Finish the unit at hand and close the file."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()
