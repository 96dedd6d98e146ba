"""One writer thread with group commit: a unit of work is one synchronous function run in one transaction.

``run`` returns only after the commit, so whatever a caller answers is durable. Units that wait together share one
commit; each has its own savepoint, so that one that fails does not sink the others. The work runs to its end in the
writer thread even when the waiting task is cancelled: a cancelled caller can never leave half a transaction behind.

One process writes a database, by one connection: a second one would number the same streams and mailboxes. So what a
unit has read or written it may remember, until something is rolled back: then the writer makes a new unit, which
remembers nothing. How a database is opened and kept to one process is its engine's business.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future as ReadyFuture
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

from federation.storage.engine import Connection, Engine, StorageFailed

U = TypeVar("U")
T = TypeVar("T")
Probe = Callable[[str], None]
"""Called with ``before commit`` and ``after commit``; crash tests kill the process there."""

GROUP_MAX = 128


class _Waiting(NamedTuple):
    """A unit of work, and who waits for it."""

    work: Callable[[Any], Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"


class _Outcome(NamedTuple):
    """What became of a unit of work."""

    result: Any
    failure: BaseException | None


def ignore(_point: str) -> None:
    """Probe nothing."""


class Database(Generic[U]):
    """The writer's front: ``unit_of`` turns its connection into what a unit of work may use."""

    def __init__(self, engine: Engine, unit_of: Callable[[Connection], U], ddl: Iterable[str],
                 probe: Probe = ignore) -> None:
        self._engine = engine
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._ready: ReadyFuture[None] = ReadyFuture()
        self._thread = threading.Thread(target=self._open_and_serve, args=(unit_of, tuple(ddl), probe),
                                        name=f"writer {engine.name}", daemon=True)
        self._thread.start()
        self._ready.result()

    async def run(self, work: Callable[[U], T]) -> T:
        """Run ``work`` in a transaction and return its result once that is durable; its exception undoes it.

        Raises:
            StorageFailed: it could not be committed, or the database is closed.
        """
        if not self._thread.is_alive():
            raise StorageFailed(f"{self._engine.name}: closed; nothing more can be kept")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Waiting(work, loop, future))
        return await future

    async def scrub(self) -> None:
        """Let nothing that was erased be left in the files.

        Raises:
            StorageFailed: it cannot be emptied now; asking again later may help.
        """
        await asyncio.to_thread(self._engine.scrub)

    def close(self) -> None:
        """Finish what is queued and close the database."""
        self._queue.put(None)
        self._thread.join()

    def _open_and_serve(self, unit_of: Callable[[Connection], U], ddl: Sequence[str], probe: Probe) -> None:
        try:
            with self._engine.opened(ddl) as connection:
                writer = _Writer(self._engine, connection, unit_of, probe)
                self._ready.set_result(None)
                while group := self._next_group():
                    _tell(group, writer.commit(group))
        except self._engine.failures as error:
            if self._ready.done():
                raise
            self._ready.set_exception(StorageFailed(f"{self._engine.name}: cannot be opened ({error})"))

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

    def __init__(self, engine: Engine, connection: Connection, unit_of: Callable[[Connection], U],
                 probe: Probe) -> None:
        self._engine = engine
        self._connection = connection
        self._unit_of = unit_of
        self._unit = unit_of(connection)
        self._probe = probe

    def commit(self, group: Sequence[_Waiting]) -> list[_Outcome]:
        connection = self._connection
        try:
            connection.execute(self._engine.begin())
            outcomes = [self._attempt(waiting.work) for waiting in group]
            self._probe("before commit")
            connection.execute("COMMIT")
            self._probe("after commit")
        except self._engine.failures as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._unit = self._unit_of(connection)
            return [_Outcome(None, StorageFailed(f"{self._engine.name}: {error}")) for _ in group]
        return outcomes

    def _attempt(self, work: Callable[[U], Any]) -> _Outcome:
        connection = self._connection
        connection.execute("SAVEPOINT unit")
        try:
            result = work(self._unit)
        except Exception as error:  # the caller gets it; only its own savepoint is undone
            if not connection.in_transaction:  # the engine has undone the whole group: a full disk, an I/O error
                raise self._engine.failures[0](str(error)) from error
            connection.execute("ROLLBACK TO unit")
            connection.execute("RELEASE unit")
            self._unit = self._unit_of(connection)
            return _Outcome(None, error)
        connection.execute("RELEASE unit")
        return _Outcome(result, None)


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
