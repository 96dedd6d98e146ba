"""One writer thread with group commit: a unit of work is one synchronous function run in one transaction.

``run`` returns only after the commit, so whatever a caller answers is durable. Units that wait together share one
commit; each has its own savepoint, so that one that fails does not sink the others. The work runs to its end in the
writer thread even when the waiting task is cancelled: a cancelled caller can never leave half a transaction behind.

SQLite is used with one connection that writes and checkpoints, ``synchronous=FULL``.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

U = TypeVar("U")
T = TypeVar("T")
Probe = Callable[[str], None]
"""Called with ``before commit`` and ``after commit``; crash tests kill the process there."""

GROUP_MAX = 50
SCHEMA = 1
"""The tables' version, kept in the file."""


class StorageFailed(RuntimeError):
    """The database could not commit; nothing of the group is durable."""


def _ignore(_point: str) -> None:
    return None


class Database(Generic[U]):
    """The writer: ``unit_of`` turns its connection into what a unit of work may use."""

    def __init__(self, path: Path, unit_of: Callable[[sqlite3.Connection], U], ddl: Iterable[str],
                 probe: Probe = _ignore) -> None:
        self._path = path
        self._unit_of = unit_of
        self._ddl = tuple(ddl)
        self._probe = probe
        self._queue: SimpleQueue[tuple[Callable[[U], Any], Future[Any]] | None] = SimpleQueue()
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._serve, name=f"writer {path.name}", daemon=True)
        self._thread.start()
        self._ready.result()

    async def run(self, work: Callable[[U], T]) -> T:
        """Run ``work`` in a transaction and return its result once that is durable; its exception undoes it.

        Raises:
            StorageFailed: it could not be committed, or the database is closed.
        """
        return await asyncio.wrap_future(self._enqueue(work))

    def run_now(self, work: Callable[[U], T]) -> T:
        """Run ``work`` from a thread that has no event loop."""
        return self._enqueue(work).result()

    def close(self) -> None:
        """Finish what is queued and close the file."""
        self._queue.put(None)
        self._thread.join()

    def _enqueue(self, work: Callable[[U], T]) -> Future[T]:
        if not self._thread.is_alive():
            raise StorageFailed(f"{self._path.name}: closed; nothing more can be kept")
        future: Future[T] = Future()
        self._queue.put((work, future))
        return future

    def _serve(self) -> None:
        try:
            connection = open_connection(self._path, self._ddl)
        except sqlite3.Error as error:
            self._ready.set_exception(StorageFailed(f"{self._path}: cannot be opened ({error})"))
            return
        self._ready.set_result(None)
        unit = self._unit_of(connection)
        while (group := self._next_group()) is not None:
            self._commit(connection, unit, group)
        connection.close()

    def _next_group(self) -> list[tuple[Callable[[U], Any], Future[Any]]] | None:
        first = self._queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < GROUP_MAX and not self._queue.empty():
            entry = self._queue.get()
            if entry is None:
                self._queue.put(None)
                break
            group.append(entry)
        return group

    def _commit(self, connection: sqlite3.Connection, unit: U,
                group: list[tuple[Callable[[U], Any], Future[Any]]]) -> None:
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            outcomes.extend((future, *_attempt(connection, unit, work)) for work, future in group)
            self._probe("before commit")
            connection.execute("COMMIT")
            self._probe("after commit")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            outcomes = [(future, None, StorageFailed(f"{self._path.name}: {error}")) for _, future in group]
        for future, result, failure in outcomes:
            _resolve(future, result, failure)


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


def _attempt(connection: sqlite3.Connection, unit: U, work: Callable[[U], Any]) -> tuple[Any, BaseException | None]:
    connection.execute("SAVEPOINT unit")
    try:
        result = work(unit)
    except Exception as error:  # the caller gets it; only its own savepoint is undone
        if not connection.in_transaction:  # SQLite has undone the whole group: a full disk, an I/O error
            raise sqlite3.OperationalError(str(error)) from error
        connection.execute("ROLLBACK TO unit")
        connection.execute("RELEASE unit")
        return None, error
    connection.execute("RELEASE unit")
    return result, None


def _resolve(future: "Future[Any]", result: Any, failure: BaseException | None) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if failure is not None:
        future.set_exception(failure)
    else:
        future.set_result(result)
