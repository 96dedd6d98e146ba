"""The auditor: are the books still what was posted?

It trusts nothing but the journal's own order. Each row must follow the row before it in the chain of digests and obey
the ledger's rules when it is posted again to an empty ledger; the balances that this gives must be the stored ones.
Whoever changes, adds or removes a row in the database is named by one of the three.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from federation.settlement.ledger import Ledger, LedgerError, MemoryStore
from schemas.ledger import JOURNAL_START, Account, Entry, TransferId


@dataclass(frozen=True, slots=True)
class Row:
    """One stored row of the journal; without an entry where it says nothing a transfer could mean."""

    id: TransferId
    entry: Entry | None
    digest: str


class BooksStore(Protocol):
    """What the auditor reads."""

    def rows(self) -> Iterable[Row]:
        """Return the whole journal in the order it was posted."""
        ...

    def stored_accounts(self) -> Iterable[Account]:
        """Return every account there is."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One row or account that is not what it must be; ``name`` is the transfer's id or the account's agency."""

    name: str
    what: str


def audit(store: BooksStore) -> tuple[Finding, ...]:
    """Return everything that is wrong with the books; nothing, if they are whole."""
    replayed = MemoryStore()
    findings = list(_replay(store.rows(), replayed))
    stored = {account.agency: account for account in store.stored_accounts()}
    for agency in sorted(stored.keys() | replayed.accounts.keys()):
        found, derived = stored.get(agency, Account(agency)), replayed.account(agency)
        if found != derived:
            findings.append(Finding(agency, f"the account says {_sums(found)}, its transfers say {_sums(derived)}"))
    return tuple(findings)


def _replay(rows: Iterable[Row], replayed: MemoryStore) -> Iterator[Finding]:
    ledger, previous = Ledger(replayed), JOURNAL_START
    for row in rows:
        if row.entry is None or row.entry.digest(previous) != row.digest:
            yield Finding(row.id, "the row is not the one that was posted after the row before it")
        previous = row.digest
        if row.entry is not None:
            yield from _post_again(ledger, row.entry)


def _post_again(ledger: Ledger, entry: Entry) -> Iterator[Finding]:
    try:
        ledger.post([entry.transfer], entry.index)
    except LedgerError as error:
        yield Finding(entry.transfer.id, str(error))


def _sums(account: Account) -> str:
    return (f"debits {account.debits_posted} + {account.debits_pending} pending, "
            f"credits {account.credits_posted} + {account.credits_pending} pending")
