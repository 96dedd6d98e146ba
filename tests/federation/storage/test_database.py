"""The writer: what is answered is durable, one failure is nobody else's, and a bad file is refused by name."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from federation.storage.database import GROUP_MAX, Database
from federation.storage.engine import SCHEMA, StorageFailed
from federation.storage.sqlite import SqliteFile
from federation.storage.unit import DDL, SqlUnit

Connection = sqlite3.Connection
NOTES = ("CREATE TABLE note (text TEXT PRIMARY KEY) STRICT",)


def put(text: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute("INSERT INTO note VALUES (?)", (text,))
        return text

    return work


def notes(connection: Connection) -> set[str]:
    return {text for (text,) in connection.execute("SELECT text FROM note")}


def fail(connection: Connection) -> None:
    put("half")(connection)
    raise KeyError("the unit's own")


def run_now(database: Database[Any], work: Callable[[Any], Any]) -> Any:
    """Run a unit of work from a thread that has no event loop."""
    return asyncio.run(database.run(work))


@contextmanager
def opened(path: Path, probe: Callable[[str], None] = lambda _point: None) -> Iterator[Database[Connection]]:
    database = Database(SqliteFile(path), lambda connection: connection, NOTES, probe)
    try:
        yield database
    finally:
        database.close()


def on_disk(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    try:
        return notes(connection)
    finally:
        connection.close()


@contextmanager
def held(database: Database[Connection]) -> Iterator[None]:
    """Keep the writer busy, so that what is asked for meanwhile waits together."""
    begun, go = threading.Event(), threading.Event()

    def work(_connection: Connection) -> None:
        begun.set()
        go.wait(10)

    waiting = threading.Thread(target=run_now, args=(database, work))
    waiting.start()
    begun.wait(10)
    try:
        yield
    finally:
        go.set()
        waiting.join()


async def test_what_is_answered_is_on_disk(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as database:
        assert await database.run(put("one")) == "one"
        assert on_disk(tmp_path / "a.db") == {"one"}


async def test_units_that_wait_together_share_one_commit(tmp_path: Path) -> None:
    points: list[str] = []
    with opened(tmp_path / "a.db", points.append) as database:
        with held(database):
            waiting = [asyncio.create_task(database.run(put(str(number)))) for number in range(2 * GROUP_MAX)]
            await asyncio.sleep(0.05)
        assert await asyncio.gather(*waiting) == [str(number) for number in range(2 * GROUP_MAX)]
    assert points == ["before commit", "after commit"] * 3


async def test_a_unit_that_fails_leaves_nothing_and_sinks_nobody(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as database:
        with held(database):
            waiting = [asyncio.create_task(database.run(work)) for work in (put("one"), fail, put("two"))]
            await asyncio.sleep(0.05)
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert answers[0] == "one"
        assert isinstance(answers[1], KeyError)
        assert answers[2] == "two"
        assert await database.run(notes) == {"one", "two"}


async def test_a_unit_sees_what_the_one_before_it_did(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as database:
        with held(database):
            waiting = [asyncio.create_task(database.run(put("one"))), asyncio.create_task(database.run(notes))]
            await asyncio.sleep(0.05)
        assert (await asyncio.gather(*waiting))[1] == {"one"}


async def test_a_constraint_that_refuses_is_the_units_own_failure(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as database:
        await database.run(put("one"))
        with pytest.raises(sqlite3.IntegrityError):
            await database.run(put("one"))
        assert await database.run(put("two")) == "two"


async def test_a_waiter_that_is_cancelled_leaves_the_work_done(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as database:
        with held(database):
            waiting = asyncio.create_task(database.run(put("one")))
            await asyncio.sleep(0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert await database.run(notes) == {"one"}


async def test_a_commit_that_fails_is_told_to_all_and_the_writer_goes_on(tmp_path: Path) -> None:
    full = ["disk I/O error"]

    def probe(point: str) -> None:
        if point == "before commit" and full:
            raise sqlite3.OperationalError(full.pop())

    with opened(tmp_path / "a.db", probe) as database:
        with pytest.raises(StorageFailed, match=r"a\.db: disk I/O error"):
            await database.run(put("one"))
        assert await database.run(notes) == set()
        await database.run(put("two"))
    assert on_disk(tmp_path / "a.db") == {"two"}


async def test_a_full_disk_sinks_the_group_by_name_and_the_writer_goes_on(tmp_path: Path) -> None:
    def too_much(connection: Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")
        try:
            connection.executemany("INSERT INTO note VALUES (?)", ((f"{n}" * 2000,) for n in range(500)))
        finally:
            connection.execute("PRAGMA max_page_count=1000000")

    with opened(tmp_path / "a.db") as database:
        with held(database):
            waiting = [asyncio.create_task(database.run(work)) for work in (put("lost"), too_much)]
            await asyncio.sleep(0.05)
        for answer in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(answer, StorageFailed)
            assert str(answer).endswith("a.db: database or disk is full")
        assert await database.run(put("one")) == "one"
        assert await database.run(notes) == {"one"}


def test_closing_finishes_what_is_queued(tmp_path: Path) -> None:
    done: list[str] = []
    with opened(tmp_path / "a.db") as database:
        workers = [threading.Thread(target=lambda n=n: done.append(run_now(database, put(str(n))))) for n in range(9)]
        with held(database):
            for worker in workers:
                worker.start()
        for worker in workers:
            worker.join()
    assert on_disk(tmp_path / "a.db") == set(done) == {str(n) for n in range(9)}


@pytest.mark.timeout(10)
async def test_a_closed_database_says_so_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as database:
        pass
    with pytest.raises(StorageFailed, match=r"a\.db: closed"):
        await database.run(put("late"))


async def test_one_database_has_one_writer_and_the_next_comes_when_it_has_gone(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as database:
        with pytest.raises(StorageFailed, match=r"a\.db: cannot be opened \(another gateway has it open"):
            Database(SqliteFile(tmp_path / "a.db"), lambda connection: connection, NOTES)
        await database.run(put("one"))
    with opened(tmp_path / "a.db") as database:
        assert await database.run(notes) == {"one"}


class Counting:
    """A unit that remembers, as the gateway's own tables do."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.remembered: set[str] = set()

    def put(self, text: str) -> None:
        put(text)(self.connection)
        self.remembered.add(text)


async def test_what_a_unit_remembers_is_what_is_there_whatever_was_rolled_back(tmp_path: Path) -> None:
    broken = [False]

    def probe(point: str) -> None:
        if point == "before commit" and broken[0]:
            broken[0] = False
            raise sqlite3.OperationalError("disk I/O error")

    def fails(unit: Counting) -> None:
        unit.put("half")
        raise KeyError("the unit's own")

    database = Database(SqliteFile(tmp_path / "a.db"), Counting, NOTES, probe)
    try:
        await database.run(lambda unit: unit.put("one"))
        assert await database.run(lambda unit: unit.remembered) == {"one"}
        waiting = [database.run(work) for work in (lambda unit: unit.put("two"), fails, lambda unit: unit.remembered)]
        assert (await asyncio.gather(*waiting, return_exceptions=True))[2] == set()
        await database.run(lambda unit: unit.put("three"))
        broken[0] = True
        with pytest.raises(StorageFailed):
            await database.run(lambda unit: unit.put("four"))
        assert await database.run(lambda unit: unit.remembered) == set()
        assert await database.run(lambda unit: notes(unit.connection)) == {"one", "two", "three"}
    finally:
        database.close()


def test_what_was_kept_is_there_after_opening_again(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with opened(tmp_path / "a.db") as database:
            run_now(database, put(text))
    assert on_disk(tmp_path / "a.db") == {"one", "two"}


def test_every_commit_is_synced(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as database:
        facts = {name: run_now(database, lambda connection, name=name: connection.execute(f"PRAGMA {name}").fetchone())
                 for name in ("synchronous", "journal_mode", "foreign_keys")}
    assert facts == {"synchronous": (2,), "journal_mode": ("wal",), "foreign_keys": (1,)}


def test_another_version_of_the_tables_is_refused_by_name(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as database:
        run_now(database, lambda connection: connection.execute(f"PRAGMA user_version={SCHEMA + 1}"))
    with pytest.raises(StorageFailed, match=rf"a\.db: cannot be opened \(schema {SCHEMA + 1}, .* {SCHEMA}\)"):
        Database(SqliteFile(tmp_path / "a.db"), lambda connection: connection, NOTES)


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.mrc"
    path.write_bytes(b"00714cam0 2200205   450 " * 200)
    with pytest.raises(StorageFailed, match=r"catalogue\.mrc: cannot be opened"):
        Database(SqliteFile(path), lambda connection: connection, NOTES)
    assert path.read_bytes() == b"00714cam0 2200205   450 " * 200


def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match=r"a\.db: cannot be opened"):
        Database(SqliteFile(tmp_path / "missing" / "a.db"), lambda connection: connection, NOTES)


def test_another_programs_database_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("CREATE TABLE note (other TEXT)")
    connection.close()
    with pytest.raises(StorageFailed, match="already exists"):
        Database(SqliteFile(tmp_path / "a.db"), lambda connection: connection, (*NOTES, "CREATE TABLE more (a)"))
    with pytest.raises(sqlite3.OperationalError):
        on_disk(tmp_path / "a.db")


def test_the_gateways_tables_open_twice(tmp_path: Path) -> None:
    for _ in range(2):
        database: Database[SqlUnit] = Database(SqliteFile(tmp_path / "gateway.db"), SqlUnit, DDL)
        assert run_now(database, lambda unit: unit.log.size()) == 0
        database.close()
