"""One writer thread with group commit: a unit of work is one synchronous function run in one transaction.

``run`` returns only after the commit, so whatever a caller answers is durable. Units that wait together share one
commit; each has its own savepoint, so that one that fails does not sink the others. The work runs to its end in the
writer thread even when the waiting task is cancelled: a cancelled caller can never leave half a transaction behind.

SQLite is used with one connection that writes and checkpoints, ``synchronous=FULL``, by one process: a lock on a file
beside the database keeps a second one out, which would number the same streams and mailboxes. So what a unit has read
or written it may remember, until something is rolled back: then the writer makes a new unit, which remembers nothing.
"""

import asyncio
import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future as ReadyFuture
from contextlib import closing, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, Generic, NamedTuple, TypeVar

U = TypeVar("U")
T = TypeVar("T")
Probe = Callable[[str], None]
"""Called with ``before commit`` and ``after commit``; crash tests kill the process there."""

GROUP_MAX = 128
LOG_SECONDS_MAX = 10.0
"""How long emptying the write-ahead log waits for the writer."""
SCHEMA = 2
"""The tables' version, kept in the file."""


class StorageFailed(RuntimeError):
    """The database could not be opened, or could not commit; nothing of the group is durable."""


class _Waiting(NamedTuple):
    """A unit of work, and who waits for it."""

    work: Callable[[Any], Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"


class _Outcome(NamedTuple):
    """What became of a unit of work."""

    result: Any
    failure: BaseException | None


def _ignore(_point: str) -> None:
    return None


class Database(Generic[U]):
    """The writer's front: ``unit_of`` turns its connection into what a unit of work may use."""

    def __init__(self, path: Path, unit_of: Callable[[sqlite3.Connection], U], ddl: Iterable[str],
                 probe: Probe = _ignore) -> None:
        self._path = path
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._ready: ReadyFuture[None] = ReadyFuture()
        self._thread = threading.Thread(target=self._open_and_serve, args=(unit_of, tuple(ddl), probe),
                                        name=f"writer {path.name}", daemon=True)
        self._thread.start()
        self._ready.result()

    async def run(self, work: Callable[[U], T]) -> T:
        """Run ``work`` in a transaction and return its result once that is durable; its exception undoes it.

        Raises:
            StorageFailed: it could not be committed, or the database is closed.
        """
        if not self._thread.is_alive():
            raise StorageFailed(f"{self._path.name}: closed; nothing more can be kept")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Waiting(work, loop, future))
        return await future

    async def scrub(self) -> None:
        """Write what the write-ahead log holds into the file and empty the log, so that nothing erased is left there.

        Raises:
            StorageFailed: it cannot be emptied now; asking again later may help.
        """
        await asyncio.to_thread(empty_log, self._path)

    def close(self) -> None:
        """Finish what is queued and close the file."""
        self._queue.put(None)
        self._thread.join()

    def _open_and_serve(self, unit_of: Callable[[sqlite3.Connection], U], ddl: Sequence[str], probe: Probe) -> None:
        try:
            with _lock_beside(self._path), closing(open_connection(self._path, ddl)) as connection:
                writer = _Writer(connection, unit_of, probe, self._path.name)
                self._ready.set_result(None)
                while group := self._next_group():
                    _tell(group, writer.commit(group))
        except (sqlite3.Error, OSError) as error:
            if self._ready.done():
                raise
            self._ready.set_exception(StorageFailed(f"{self._path}: cannot be opened ({error})"))

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        while not group or (len(group) < GROUP_MAX and not self._queue.empty()):
            entry = self._queue.get()
            if entry is None:
                if group:
                    self._queue.put(None)
                break
            group.append(entry)
        return group


class _Writer(Generic[U]):
    """What the thread does: one transaction for each group."""

    def __init__(self, connection: sqlite3.Connection, unit_of: Callable[[sqlite3.Connection], U], probe: Probe,
                 name: str) -> None:
        self._connection = connection
        self._unit_of = unit_of
        self._unit = unit_of(connection)
        self._probe = probe
        self._name = name

    def commit(self, group: Sequence[_Waiting]) -> list[_Outcome]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(waiting.work) for waiting in group]
            self._probe("before commit")
            connection.execute("COMMIT")
            self._probe("after commit")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._unit = self._unit_of(connection)
            return [_Outcome(None, StorageFailed(f"{self._name}: {error}")) for _ in group]
        return outcomes

    def _attempt(self, work: Callable[[U], Any]) -> _Outcome:
        connection = self._connection
        connection.execute("SAVEPOINT unit")
        try:
            result = work(self._unit)
        except Exception as error:  # the caller gets it; only its own savepoint is undone
            if not connection.in_transaction:  # SQLite has undone the whole group: a full disk, an I/O error
                raise sqlite3.OperationalError(str(error)) from error
            connection.execute("ROLLBACK TO unit")
            connection.execute("RELEASE unit")
            self._unit = self._unit_of(connection)
            return _Outcome(None, error)
        connection.execute("RELEASE unit")
        return _Outcome(result, None)


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


def _tell(group: Sequence[_Waiting], outcomes: Sequence[_Outcome]) -> None:
    """Wake up who waits, each event loop once."""
    told: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], _Outcome]]] = {}
    for waiting, outcome in zip(group, outcomes, strict=True):
        told.setdefault(waiting.loop, []).append((waiting.future, outcome))
    for loop, resolved in told.items():
        with suppress(RuntimeError):  # a loop that has ended waits for nothing
            loop.call_soon_threadsafe(_resolve, resolved)


def _resolve(resolved: Iterable[tuple["asyncio.Future[Any]", _Outcome]]) -> None:
    for future, outcome in resolved:
        if future.done():  # cancelled meanwhile
            continue
        if outcome.failure is not None:
            future.set_exception(outcome.failure)
        else:
            future.set_result(outcome.result)
