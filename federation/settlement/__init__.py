"""The alliance's money: what is posted, what a window holds, and whether the books are still what was posted.

Owns: the ledger's rules, settlement windows, the auditor. Must not: create a transfer (``schemas.tariff`` does), open
a database (``federation.storage.ledger`` does), read a clock, or move real money.
"""

from federation.settlement.audit import Finding, Row, audit
from federation.settlement.ledger import CapExceeded, Ledger, LedgerError, MemoryStore, Result
from federation.settlement.window import Settlement, close_window, settle

__all__ = ["CapExceeded", "Finding", "Ledger", "LedgerError", "MemoryStore", "Result", "Row", "Settlement",
           "audit", "close_window", "settle"]
