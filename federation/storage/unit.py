"""All that one transaction of the gateway may touch, and the tables it is made of."""

import sqlite3

from federation.settlement.ledger import Ledger
from federation.storage import catalogue, evidence, ledger, loans, messages
from federation.storage.catalogue import Catalogue
from federation.storage.erasure import ErasureTable
from federation.storage.evidence import EvidenceTable
from federation.storage.ledger import SqlLedgerStore
from federation.storage.loans import LoanTable
from federation.storage.messages import MailboxTable, MessageTable, StreamTable

DDL = (*messages.DDL, *loans.DDL, *evidence.DDL, *ledger.DDL, *catalogue.DDL)


class SqlUnit:
    """The stores on one connection; see ``federation.ports.Unit``. After a rollback it is replaced by a new one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.messages = MessageTable(connection)
        self.streams = StreamTable(connection)
        self.log = EvidenceTable(connection)
        self.mailboxes = MailboxTable(connection)
        self.loans = LoanTable(connection)
        self.accounts = SqlLedgerStore(connection)
        self.ledger = Ledger(self.accounts)
        self.erasure = ErasureTable(connection)
        self.catalogue = Catalogue(connection)
