"""The ledger's models: transfers between two accounts, and what a transfer does to an account.

TigerBeetle's model (its documentation, "Two-phase transfers"): a transfer is immutable and its id is the idempotency
key; a pending transfer is later posted, in whole or in part, or voided, and once only; a correction is one more
transfer. Amounts are integer fen. An account is named by the agency it belongs to.

Absent on purpose: where balances are kept and what is refused (``federation.settlement.ledger``), and which message
moves what (``schemas.tariff``).
"""

import json
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from hashlib import sha256
from operator import attrgetter

from schemas.identifiers import AgencyId, ConversationId, Identifier, MessageHash

JOURNAL_START = "0" * 64
"""The digest that the journal's first entry follows."""


class TransferId(Identifier):
    """Computed from what the transfer is for, so that both ends and every retry arrive at the same one."""

    pattern = r"^[0-9a-f]{32}$"


class TransferKind(StrEnum):
    """``PENDING`` sets aside; ``POST`` and ``VOID`` resolve a pending transfer; ``DIRECT`` moves at once."""

    PENDING = "pending"
    POST = "post"
    VOID = "void"
    DIRECT = "direct"


SETTLED = frozenset({TransferKind.POST, TransferKind.DIRECT})
"""The kinds that change what is owed; the others only set aside and give back."""


class Code(StrEnum):
    """What a transfer pays for."""

    FEE = "fee"
    CARRIAGE_OUT = "carriage out"
    CARRIAGE_BACK = "carriage back"
    GUARANTEE = "guarantee"
    THIRD_RETURN = "third return"


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement from the ``debit`` account to the ``credit`` account, caused by the message ``evidence``.

    ``POST`` and ``VOID`` name the pending transfer and repeat its accounts; a ``VOID`` repeats its amount, a ``POST``
    may carry less, which gives the rest back.
    """

    id: TransferId
    kind: TransferKind
    pending_id: TransferId | None
    debit: AgencyId
    credit: AgencyId
    amount_fen: int
    code: Code
    conv: ConversationId
    evidence: MessageHash

    @property
    def is_settled(self) -> bool:
        """Whether this changes what is owed."""
        return self.kind in SETTLED


values_of = attrgetter(*(each.name for each in fields(Transfer)))
"""Returns a transfer's values in the order of its fields, as the journal stores and chains them."""


def transfer_id(conv: ConversationId, code: Code, kind: TransferKind) -> TransferId:
    """Return the id: a loan has at most one transfer of each kind for each thing it pays for.

    >>> transfer_id(ConversationId("loan-0001"), Code.FEE, TransferKind.POST)
    'e8665188fdc22e689f7f3278ae47eb43'
    """
    return TransferId(sha256(f"{conv}/{code}/{kind}".encode()).hexdigest()[:32])


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer in the journal, at the evidence-log index of the message that caused it."""

    index: int
    transfer: Transfer

    def digest(self, previous: str) -> str:
        """Return SHA-256 over the entry and the digest of the entry before it: the journal is a chain."""
        row = json.dumps([previous, self.index, *values_of(self.transfer)], separators=(",", ":"))
        return sha256(row.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Account:
    """The sums of one agency's transfers, in fen; all four stay at or above zero."""

    agency: AgencyId
    debits_pending: int = 0
    debits_posted: int = 0
    credits_pending: int = 0
    credits_posted: int = 0

    @property
    def balance_fen(self) -> int:
        """What the alliance owes the agency; negative where the agency owes."""
        return self.credits_posted - self.debits_posted

    @property
    def exposure_fen(self) -> int:
        """What the agency owes at most: its net debit position and all that is set aside."""
        return self.debits_pending - self.balance_fen

    def after(self, transfer: Transfer, pending: Transfer | None) -> "Account":
        """Return the account after a transfer of its own; ``pending`` is what a ``POST`` or ``VOID`` resolves."""
        posted = transfer.amount_fen if transfer.is_settled else 0
        reserved = transfer.amount_fen if transfer.kind is TransferKind.PENDING else 0
        reserved -= pending.amount_fen if pending else 0
        if self.agency == transfer.debit:
            return replace(self, debits_pending=self.debits_pending + reserved,
                           debits_posted=self.debits_posted + posted)
        return replace(self, credits_pending=self.credits_pending + reserved,
                       credits_posted=self.credits_posted + posted)
