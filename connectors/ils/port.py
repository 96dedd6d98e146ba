"""What the agent asks of an ILS: its verbs with typed results and typed reasons, whatever protocol answers them.

A refusal by the ILS is a result: a ``Reason`` that rules decide by, and the ILS's own words, which are for this
library's staff and go no further, since they may name a reader. Only a failure to learn the result raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol

from schemas.bib import CirculationStatus


class IlsFailed(Exception):
    """The result is not known."""


class IlsUnavailable(IlsFailed):
    """The ILS did not take the request; nothing happened there. Try again later."""


class IlsInDoubt(IlsFailed):
    """A write was sent and its answer was lost: it may have happened. Settle it by asking, never by repeating."""


class Reason(StrEnum):
    """Why an ILS says no: of the card, of the copy, of the request. Words of SIP2's patron status and of ISO ILL."""

    UNKNOWN_PATRON = "UnknownPatron"
    WRONG_PIN = "WrongPin"
    PATRON_BLOCKED = "PatronBlocked"
    CARD_LOST = "CardLost"
    CARD_EXPIRED = "CardExpired"
    TOO_MANY_CHARGED = "TooManyCharged"
    TOO_MANY_OVERDUE = "TooManyOverdue"
    EXCESSIVE_FEES = "ExcessiveFees"
    NOT_HELD = "NotHeld"
    ON_LOAN = "OnLoan"
    ON_HOLD = "OnHold"
    NON_CIRCULATING = "NonCirculating"
    NOT_AVAILABLE = "NotAvailable"
    ALREADY_HELD = "AlreadyHeld"
    NO_SUCH_HOLD = "NoSuchHold"
    NOT_CHARGED = "NotCharged"
    TOO_MANY_RENEWALS = "TooManyRenewals"
    OVERDUE = "Overdue"
    NOT_OWED = "NotOwed"
    UNSUPPORTED = "Unsupported"
    OTHER = "Other"


class Block(StrEnum):
    """What stands against a card: the fourteen flags of SIP2's patron status, in their order."""

    CHARGE_DENIED = "charge_denied"
    RENEWAL_DENIED = "renewal_denied"
    RECALL_DENIED = "recall_denied"
    HOLD_DENIED = "hold_denied"
    CARD_LOST = "card_lost"
    TOO_MANY_CHARGED = "too_many_charged"
    TOO_MANY_OVERDUE = "too_many_overdue"
    TOO_MANY_RENEWALS = "too_many_renewals"
    TOO_MANY_CLAIMS_RETURNED = "too_many_claims_returned"
    TOO_MANY_LOST = "too_many_lost"
    EXCESSIVE_FINES = "excessive_fines"
    EXCESSIVE_FEES = "excessive_fees"
    RECALL_OVERDUE = "recall_overdue"
    TOO_MANY_BILLED = "too_many_billed"


class CardList(StrEnum):
    """The lists of a card that an ILS can be asked for, as in SIP2's summary. Hold items wait on the shelf."""

    HOLD_ITEMS = "hold_items"
    OVERDUE_ITEMS = "overdue_items"
    CHARGED_ITEMS = "charged_items"
    FINE_ITEMS = "fine_items"
    RECALL_ITEMS = "recall_items"
    UNAVAILABLE_HOLD_ITEMS = "unavailable_hold_items"


@dataclass(frozen=True, slots=True)
class PatronStanding:
    """What the ILS says of a card. ``None``, or a count that is missing: it does not say.

    ``reason`` is set where the card may not borrow. A ``fee_fen`` above 0 is owed.
    """

    known: bool
    pin_accepted: bool
    may_borrow: bool
    patron_type: str
    charged_items: int
    charged_items_max: int | None = None
    blocks: frozenset[Block] = frozenset()
    counts: Mapping[CardList, int] = field(default_factory=dict)
    fee_fen: int | None = None
    reason: Reason | None = None
    words: str = field(default="", repr=False)

    @property
    def has_room(self) -> bool:
        """Whether one more copy can be promised on this card: what is on hold will be charged too."""
        if not self.may_borrow or self.charged_items_max is None:
            return self.may_borrow
        holds = (CardList.HOLD_ITEMS, CardList.UNAVAILABLE_HOLD_ITEMS)
        return self.charged_items + sum(self.counts.get(name, 0) for name in holds) < self.charged_items_max


@dataclass(frozen=True, slots=True)
class ItemState:
    """One copy in the ILS now."""

    known: bool
    status: CirculationStatus
    due_date: date | None


@dataclass(frozen=True, slots=True)
class Result:
    """Whether the ILS did it. ``barcode`` names the copy that a hold was set on.

    Where it did not: ``reason``, and in ``words`` what it said.
    """

    ok: bool
    due_date: date | None = None
    reason: Reason | None = None
    words: str = field(default="", repr=False)
    barcode: str = ""


@dataclass(frozen=True, slots=True)
class CardEntries:
    """One list of a card, each entry as the ILS writes it: a barcode, a title, or both.

    ``is_whole`` is False where the ILS counts more than it lists or does not know the card.
    """

    entries: tuple[str, ...] = field(repr=False)
    is_whole: bool


@dataclass(frozen=True, slots=True)
class CardItems:
    """The barcodes on a card: what it has on loan and what it has reserved.

    Only where this ``is_whole`` is a barcode that is missing here surely not on the card.
    """

    charged: frozenset[str]
    held: frozenset[str]
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Fees:
    """What a card owes: the sum where the ILS gives it, and each fee as the ILS writes it."""

    amount_fen: int | None
    entries: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Payment:
    """A fee that was paid here. ``before`` is what the card owed then, without which no doubt could be settled.

    ``transaction_id`` is ours and unique. Keep all of it before ``pay``: it settles a doubt even after a crash.
    """

    card: str = field(repr=False)
    amount_fen: int
    transaction_id: str
    before: Fees
    fee_id: str | None = None

    def __post_init__(self) -> None:
        if self.amount_fen <= 0 or not self.transaction_id:
            raise ValueError("a payment has an amount above 0 and a transaction id of its own")

    def is_seen_in(self, after: Fees) -> bool | None:
        """Whether the ILS has booked it, by what the card owes now; ``None`` where that fits neither yes nor no."""
        if self.before.amount_fen is not None and after.amount_fen is not None:
            booked = self.before.amount_fen - after.amount_fen
            return {0: False, self.amount_fen: True}.get(booked)
        owed, still_owed = set(self.before.entries), set(after.entries)
        if not owed or not still_owed <= owed:
            return None
        return still_owed < owed


class Ils(Protocol):
    """One library's ILS. ``card`` is a patron's, or an institutional card of the alliance."""

    async def patron(self, card: str, pin: str | None = None) -> PatronStanding:
        """Ask who the reader is and whether the reader may borrow; with ``pin``, whether that is right."""

    async def item(self, barcode: str) -> ItemState:
        """Ask where a copy is."""

    async def listed(self, card: str, name: CardList) -> CardEntries:
        """Ask for one list of a card."""

    async def items_of(self, card: str) -> CardItems:
        """Ask what is on a card: how a write in doubt is settled."""

    async def place_hold(self, barcode: str, card: str) -> Result:
        """Set a copy aside."""

    async def cancel_hold(self, barcode: str, card: str) -> Result:
        """Let a copy go."""

    async def check_out(self, barcode: str, card: str) -> Result:
        """Lend a copy to the card; the due date comes back."""

    async def renew(self, barcode: str, card: str) -> Result:
        """Prolong; the new due date comes back."""

    async def check_in(self, barcode: str) -> Result:
        """Take a copy back."""

    async def fees(self, card: str) -> Fees:
        """Ask what a card owes."""

    async def pay(self, payment: Payment) -> Result:
        """Book a payment, once: in doubt ask whether it was booked, and raise ``IlsInDoubt`` unless it surely was."""

    async def was_paid(self, payment: Payment) -> bool:
        """Ask whether a payment in doubt was booked; ``IlsInDoubt`` where what is owed fits neither yes nor no."""
