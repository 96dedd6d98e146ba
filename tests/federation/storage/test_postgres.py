"""The writer on a real PostgreSQL: the same promises, and a connection that comes back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from federation.storage.database import Database
from federation.storage.engine import SCHEMA, Connection, StorageFailed
from federation.storage.postgres import PostgresServer, translated
from tests.databases import new_database

NOTES = tuple(map(translated, ("CREATE TABLE note (number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT",)))


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    with new_database(postgres) as own:
        yield own


def opened(url: str) -> Database[Connection]:
    return Database(PostgresServer(url, ("note",)), lambda connection: connection, NOTES)


def put(text: str) -> Any:
    return lambda connection: connection.execute("INSERT INTO note (text) VALUES (?)", (text,)).rowcount


def notes(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM note ORDER BY text")]


async def test_what_is_answered_is_durable_and_one_failure_is_nobody_elses(url: str) -> None:
    database = opened(url)
    answers = await asyncio.gather(*map(database.run, map(put, ("a", "b", "a", "c"))), return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, int, psycopg.errors.UniqueViolation, int]
    assert notes(url) == ["a", "b", "c"]
    database.close()


async def test_text_sorts_by_its_code_points_and_holds_whatever_came(url: str) -> None:
    database = opened(url)
    for text in ("b", "B", "中", "a%b?", "nul\0"):
        await database.run(put(text))
    found = await database.run(lambda connection: connection.execute("SELECT text FROM note ORDER BY text").fetchall())
    assert [text for (text,) in found] == ["B", "a%b?", "b", "nul\N{REPLACEMENT CHARACTER}", "中"]
    database.close()


async def test_a_lost_connection_fails_by_name_and_comes_back(url: str) -> None:
    database = opened(url)
    await database.run(put("before"))
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                      "WHERE datname = current_database() AND pid <> pg_backend_pid()")
    with pytest.raises(StorageFailed):
        await database.run(put("lost"))
    await database.run(put("after"))
    assert notes(url) == ["after", "before"]
    database.close()


def test_a_second_gateway_is_kept_out_until_the_first_has_gone(url: str) -> None:
    first = opened(url)
    with pytest.raises(StorageFailed, match="another gateway has it open"):
        opened(url)
    first.close()
    opened(url).close()


def test_a_database_of_another_version_is_refused(url: str) -> None:
    opened(url).close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE schema_version SET version = version + 1")
    with pytest.raises(StorageFailed, match=f"schema {SCHEMA + 1}, this program knows {SCHEMA}"):
        opened(url)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(StorageFailed) as error:
        opened("postgresql://delta:hunter2@127.0.0.1:1/gateway")
    assert "postgresql://127.0.0.1/gateway: cannot be opened" in str(error.value)
    assert "hunter2" not in str(error.value)


async def test_what_was_erased_is_in_no_file_of_the_table(url: str, tmp_path: Path) -> None:
    database = opened(url)
    await database.run(put("the reader's secret"))
    await database.run(lambda connection: connection.execute("UPDATE note SET text = 'x'").rowcount)
    await database.scrub()
    with psycopg.connect(url, autocommit=True) as connection:
        (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        (path,) = connection.execute("SELECT pg_relation_filepath('note')").fetchone() or ("",)
        connection.execute("CHECKPOINT")
    assert b"secret" not in Path(folder, path).read_bytes()
    database.close()
