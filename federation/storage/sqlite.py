"""SQLite as the stores' engine: one file, one connection that writes and checkpoints, ``synchronous=FULL``.

A lock on a file beside the database keeps a second process out, which would number the same streams and mailboxes.
"""

import fcntl
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from federation.storage.engine import SCHEMA, StorageFailed

LOG_SECONDS_MAX = 10.0
"""How long emptying the write-ahead log waits for the writer."""


class SqliteFile:
    """The database in one file; see ``federation.storage.engine.Engine``."""

    failures: tuple[type[Exception], ...] = (sqlite3.Error, OSError)

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    def begin(self) -> str:
        """Return the statement that begins a transaction which may write."""
        return "BEGIN IMMEDIATE"

    @contextmanager
    def opened(self, ddl: Iterable[str]) -> Iterator[sqlite3.Connection]:
        """Open the file as its one writer; create the tables in an empty one."""
        with _lock_beside(self._path), closing(open_connection(self._path, ddl)) as connection:
            yield connection

    def scrub(self) -> None:
        """Write what the write-ahead log holds into the file and empty the log."""
        empty_log(self._path)


def open_connection(path: Path, ddl: Iterable[str]) -> sqlite3.Connection:
    """Open the file as its one writer; create the tables in an empty one.

    Raises:
        sqlite3.Error: it cannot be opened, or is no database.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, ddl)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, ddl: Iterable[str]) -> None:
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON",
                      "PRAGMA busy_timeout=5000"):
        connection.execute(statement)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in (0, SCHEMA):
        raise sqlite3.DatabaseError(f"schema {version}, this program knows {SCHEMA}")
    if version == 0:
        connection.execute("BEGIN IMMEDIATE")
        for statement in (*ddl, f"PRAGMA user_version={SCHEMA}"):
            connection.execute(statement)
        connection.execute("COMMIT")


def empty_log(path: Path) -> None:
    """Checkpoint the write-ahead log and cut it to nothing, beside the writer; raise ``StorageFailed`` otherwise."""
    try:
        with closing(sqlite3.connect(path, timeout=LOG_SECONDS_MAX)) as connection:
            (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise StorageFailed(f"{path.name}: {error}") from error
    if is_busy:
        raise StorageFailed(f"{path.name}: its write-ahead log is in use; try again in a quiet moment")


def _lock_beside(path: Path) -> IO[bytes]:
    """Take the lock that this process holds while it has the database open; the system frees it when it dies.

    Raises:
        OSError: another process has it, or the folder cannot be written.
    """
    lock = path.with_name(f"{path.name}.lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise BlockingIOError("another gateway has it open; a database has one: stop that one first") from None
    return lock
