"""The ledger's rules: which transfers may be posted, and what the accounts are afterwards.

A group of transfers is linked: all are posted or none. Posting what is already there changes nothing, so every retry
is safe. What breaks a rule is refused by its name, in the order in which the rules stand in ``_refuse``.

Absent on purpose: transactions. The store's owner commits.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from schemas.identifiers import AgencyId
from schemas.ledger import Account, Entry, Transfer, TransferId, TransferKind

NO_CAPS: Mapping[AgencyId, int] = MappingProxyType({})


class LedgerError(ValueError):
    """The ledger refuses a transfer, and with it the whole group.

    LedgerError
    ├── AmountNotPositive, AccountsMustDiffer
    ├── IdExistsWithDifferentContent
    ├── PendingNotFound, PendingAlreadyResolved, DiffersFromPending, AmountExceedsPending
    ├── WindowClosed
    └── CapExceeded
    """


class AmountNotPositive(LedgerError):
    """A transfer moves at least one fen."""


class AccountsMustDiffer(LedgerError):
    """A transfer has two accounts."""


class IdExistsWithDifferentContent(LedgerError):
    """An id is an idempotency key: it never names a second transfer."""


class PendingNotFound(LedgerError):
    """A POST or VOID names a pending transfer that is in the ledger."""


class PendingAlreadyResolved(LedgerError):
    """A pending transfer is posted or voided once."""


class DiffersFromPending(LedgerError):
    """A POST or VOID repeats accounts, code and loan of its pending transfer, a VOID its amount too."""


class AmountExceedsPending(LedgerError):
    """A POST carries at most what was set aside."""


class WindowClosed(LedgerError):
    """A closed window takes no more transfers."""


class CapExceeded(LedgerError):
    """The agency would owe more than its net debit cap; ``available_fen`` is what it could still set aside."""

    def __init__(self, agency: AgencyId, available_fen: int) -> None:
        super().__init__(f"{agency} may set aside {available_fen} fen more under its net debit cap")
        self.agency = agency
        self.available_fen = available_fen


class Result(StrEnum):
    """What became of a transfer."""

    CREATED = "created"
    EXISTS = "exists"


class LedgerStore(Protocol):
    """What the rules ask of storage; nothing is ever changed but accounts."""

    def account(self, agency: AgencyId) -> Account:
        """Return an agency's account; an account nobody has used yet is empty."""
        ...

    def put_account(self, account: Account) -> None:
        """Keep the account in place of its former value."""
        ...

    def transfer(self, id_: TransferId) -> Transfer | None:
        """Return a transfer by its id."""
        ...

    def resolution(self, pending_id: TransferId) -> Transfer | None:
        """Return the POST or VOID of a pending transfer."""
        ...

    def append(self, entry: Entry) -> None:
        """Add an entry to the end of the journal."""
        ...

    def closed_upto(self) -> int:
        """Return the last evidence-log index inside a closed window; −1 before the first."""
        ...


class MemoryStore:
    """A ledger in memory. Laid over another store it is a draft: it reads through and writes only to itself."""

    def __init__(self, beneath: LedgerStore | None = None) -> None:
        self.beneath = beneath
        self.journal: list[Entry] = []
        self.accounts: dict[AgencyId, Account] = {}
        self._transfers: dict[TransferId, Transfer] = {}
        self._resolutions: dict[TransferId, Transfer] = {}

    def account(self, agency: AgencyId) -> Account:
        """Return an agency's account, as the draft has it."""
        if agency in self.accounts or self.beneath is None:
            return self.accounts.get(agency, Account(agency))
        return self.beneath.account(agency)

    def put_account(self, account: Account) -> None:
        """Keep the account in the draft."""
        self.accounts[account.agency] = account

    def transfer(self, id_: TransferId) -> Transfer | None:
        """Return a transfer by its id."""
        return self._transfers.get(id_) or (self.beneath.transfer(id_) if self.beneath else None)

    def resolution(self, pending_id: TransferId) -> Transfer | None:
        """Return the POST or VOID of a pending transfer."""
        return self._resolutions.get(pending_id) or (self.beneath.resolution(pending_id) if self.beneath else None)

    def append(self, entry: Entry) -> None:
        """Add an entry to the draft's journal."""
        self.journal.append(entry)
        self._transfers[entry.transfer.id] = entry.transfer
        if entry.transfer.pending_id is not None:
            self._resolutions[entry.transfer.pending_id] = entry.transfer

    def closed_upto(self) -> int:
        """Return the last index inside a closed window."""
        return self.beneath.closed_upto() if self.beneath else -1


class Ledger:
    """The rules over a store."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    def post(self, transfers: Iterable[Transfer], index: int,
             caps_fen: Mapping[AgencyId, int] = NO_CAPS) -> tuple[Result, ...]:
        """Post a linked group caused by the message at evidence-log index ``index``; all of it or nothing.

        ``caps_fen`` names the agencies whose exposure this group may not raise above their net debit cap.

        Raises:
            LedgerError: the named rule that is broken; the store is as it was.
        """
        draft = MemoryStore(self._store)
        results = tuple(_apply(draft, Entry(index, transfer)) for transfer in transfers)
        for agency in draft.accounts.keys() & caps_fen.keys():
            self._require_cover(draft.account(agency), caps_fen[agency])
        for entry in draft.journal:
            self._store.append(entry)
        for account in draft.accounts.values():
            self._store.put_account(account)
        return results

    def available(self, agency: str, cap_fen: int) -> int:
        """Return what an agency may still set aside, in fen: cap − (net debit position + pending)."""
        return cap_fen - self._store.account(AgencyId(agency)).exposure_fen

    def reserve_is_allowed(self, agency: str, amount_fen: int, cap_fen: int) -> bool:
        """Whether the agency's net debit cap has room for the amount."""
        return amount_fen <= self.available(agency, cap_fen)

    def _require_cover(self, wanted: Account, cap_fen: int) -> None:
        now = self._store.account(wanted.agency)
        if wanted.exposure_fen > max(cap_fen, now.exposure_fen):
            raise CapExceeded(wanted.agency, cap_fen - now.exposure_fen)


def _apply(draft: MemoryStore, entry: Entry) -> Result:
    transfer = entry.transfer
    existing = draft.transfer(transfer.id)
    if existing == transfer:
        return Result.EXISTS
    if existing is not None:
        raise IdExistsWithDifferentContent(f"{_name(transfer)}: the ledger has another transfer with this id")
    if entry.index <= draft.closed_upto():
        raise WindowClosed(f"{_name(transfer)}: index {entry.index} lies in a closed window")
    pending = draft.transfer(transfer.pending_id) if transfer.pending_id else None
    _refuse_malformed(transfer)
    _refuse_unresolvable(draft, transfer, pending)
    for agency in (transfer.debit, transfer.credit):
        draft.put_account(draft.account(agency).after(transfer, pending))
    draft.append(entry)
    return Result.CREATED


def _refuse_malformed(transfer: Transfer) -> None:
    if transfer.amount_fen <= 0:
        raise AmountNotPositive(f"{_name(transfer)}: {transfer.amount_fen} fen")
    if transfer.debit == transfer.credit:
        raise AccountsMustDiffer(f"{_name(transfer)}: {transfer.debit} on both sides")


def _refuse_unresolvable(draft: MemoryStore, transfer: Transfer, pending: Transfer | None) -> None:
    resolves = transfer.kind in (TransferKind.POST, TransferKind.VOID)
    if not resolves and transfer.pending_id is None:
        return
    if not resolves or pending is None or pending.kind is not TransferKind.PENDING:
        raise PendingNotFound(f"{_name(transfer)}: {transfer.pending_id} is no pending transfer it could resolve")
    if earlier := draft.resolution(pending.id):
        raise PendingAlreadyResolved(f"{_name(transfer)}: {pending.id} was resolved by {_name(earlier)}")
    if _terms(transfer) != _terms(pending):
        raise DiffersFromPending(f"{_name(transfer)}: not the accounts, code and loan of {pending.id}")
    if transfer.kind is TransferKind.VOID and transfer.amount_fen != pending.amount_fen:
        raise DiffersFromPending(f"{_name(transfer)}: a VOID gives back all of the {pending.amount_fen} fen")
    if transfer.amount_fen > pending.amount_fen:
        raise AmountExceedsPending(f"{_name(transfer)}: {transfer.amount_fen} of {pending.amount_fen} fen")


def _terms(transfer: Transfer) -> tuple[str, ...]:
    return transfer.debit, transfer.credit, transfer.code, transfer.conv


def _name(transfer: Transfer) -> str:
    return f"{transfer.kind} {transfer.id} ({transfer.code} of {transfer.conv})"
