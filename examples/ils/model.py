"""What a library system knows, as frozen values, and the lending rules of each patron type as a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from connectors.sip2.fields import CirculationStatus

ALLIANCE_CARD = "DELTA-ALLIANCE"
"""The institutional card on which this library lends to partners: it has no PIN and belongs to no person."""


@dataclass(frozen=True)
class Policy:
    """What one patron type may do. ``fine_fen`` is per copy and day overdue."""

    charged_items_max: int
    overdue_items_max: int
    loan_days: int
    renewals_max: int
    fine_fen: int


POLICIES: Mapping[str, Policy] = {
    "adult": Policy(charged_items_max=10, overdue_items_max=3, loan_days=30, renewals_max=1, fine_fen=10),
    "senior": Policy(charged_items_max=15, overdue_items_max=3, loan_days=45, renewals_max=2, fine_fen=0),
    "child": Policy(charged_items_max=5, overdue_items_max=3, loan_days=30, renewals_max=1, fine_fen=0),
    "alliance": Policy(charged_items_max=9999, overdue_items_max=9999, loan_days=60, renewals_max=2, fine_fen=0),
}

FEES_MAX_FEN = 5000
"""Whoever owes more may not borrow."""

LOST_AFTER_DAYS = 90
"""A copy overdue for longer counts as lost."""


class Refusal(StrEnum):
    """Why an operation is refused."""

    UNKNOWN_PATRON = "unknown patron"
    WRONG_PIN = "wrong pin"
    PATRON_BLOCKED = "patron blocked"
    LIMIT_REACHED = "limit reached"
    UNKNOWN_ITEM = "unknown item"
    OTHER_LIBRARY = "other library"
    ALREADY_CHARGED = "already charged"
    HELD_FOR_ANOTHER = "held for another"
    ALREADY_HELD = "already held"
    NOT_HELD = "not held"
    NOT_CHARGED = "not charged"
    RENEWALS_USED = "renewals used"
    OVERDUE = "overdue"
    NOTHING_TO_PAY = "nothing to pay"
    PAYMENT_DIFFERS = "payment differs"
    UNSUPPORTED = "unsupported"


class Refused(Exception):
    """An operation that the rules do not allow; nothing was changed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True)
class Loan:
    """One copy on one card."""

    barcode: str
    card: str
    due_at: datetime
    renewals: int


@dataclass(frozen=True)
class ItemRecord:
    """One copy, and where it stands now. ``holders`` are the cards that wait for it, first come first."""

    barcode: str
    title: str
    call_number: str
    location: str
    loan: Loan | None
    holders: tuple[str, ...]
    status: CirculationStatus


@dataclass(frozen=True)
class PatronRecord:
    """One card with everything on it. ``block`` is what staff set: a name of SIP2's patron status, or empty."""

    card: str
    name: str = field(repr=False)
    patron_type: str
    policy: Policy
    block: str
    loans: tuple[Loan, ...]
    overdue: tuple[Loan, ...]
    ready_holds: tuple[str, ...]
    waiting_holds: tuple[str, ...]
    fees: tuple[tuple[str, int], ...]

    @property
    def fees_fen(self) -> int:
        """What the patron owes."""
        return sum(amount for _, amount in self.fees)
