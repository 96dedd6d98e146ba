"""All that one transaction of the gateway may touch, and the tables it is made of."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

from federation.config import POSTGRES_SCHEMES
from federation.settlement.ledger import Ledger
from federation.storage import catalogue, erasure, evidence, ledger, loans, messages
from federation.storage.catalogue import Catalogue
from federation.storage.catalogue_statements import POSTGRES, SQLITE, Statements
from federation.storage.curation import Curation
from federation.storage.database import Database, Probe, ignore
from federation.storage.engine import Connection
from federation.storage.erasure import ErasureTable
from federation.storage.evidence import EvidenceTable
from federation.storage.ledger import SqlLedgerStore
from federation.storage.loans import LoanTable
from federation.storage.messages import MailboxTable, MessageTable, StreamTable
from federation.storage.postgres import PostgresServer, translated
from federation.storage.restoring import RestoringTable
from federation.storage.sqlite import SqliteFile
from federation.storage.union import UnionTable

_TABLES = (*messages.DDL, *loans.DDL, *evidence.DDL, *ledger.DDL, *catalogue.DDL)
DDL = (*_TABLES, *ledger.SQLITE_GUARDS, *catalogue.SQLITE_INDEX)
POSTGRES_DDL = (*map(translated, _TABLES), *ledger.POSTGRES_GUARDS, *catalogue.POSTGRES_INDEX)


class Dialect(NamedTuple):
    """What a unit says otherwise on one engine."""

    before_erasing: tuple[str, ...]
    catalogue: Statements


ON_SQLITE = Dialect(erasure.SQLITE_PREPARES, SQLITE)
ON_POSTGRES = Dialect((), POSTGRES)


class SqlUnit:
    """The stores on one connection; see ``federation.ports.Unit``. After a rollback it is replaced by a new one."""

    def __init__(self, connection: Connection, dialect: Dialect = ON_SQLITE) -> None:
        self.messages = MessageTable(connection)
        self.streams = StreamTable(connection)
        self.log = EvidenceTable(connection)
        self.mailboxes = MailboxTable(connection)
        self.restoring = RestoringTable(connection, self.mailboxes)
        self.loans = LoanTable(connection)
        self.accounts = SqlLedgerStore(connection)
        self.ledger = Ledger(self.accounts)
        self.erasure = ErasureTable(connection, dialect.before_erasing)
        self.catalogue = Catalogue(connection, dialect.catalogue)
        self.curation = Curation(connection, dialect.catalogue)
        self.union = UnionTable(connection, dialect.catalogue)


def open_database(where: str, probe: Probe = ignore) -> Database[SqlUnit]:
    """Open the gateway's database: a file of SQLite's, or one on a PostgreSQL server by its URL.

    Raises:
        StorageFailed: it cannot be opened.
    """
    if not where.startswith(POSTGRES_SCHEMES):
        return Database(SqliteFile(Path(where)), SqlUnit, DDL, probe)
    unit_of = partial(SqlUnit, dialect=ON_POSTGRES)
    return Database(PostgresServer(where, erasure.TABLES), unit_of, POSTGRES_DDL, probe)
