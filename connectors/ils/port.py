"""What the agent asks of an ILS: eight verbs with typed results, whatever protocol answers them.

A refusal by the ILS is a result, with the reason in the ILS's own words. Only a failure to learn the result raises.
"""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from schemas.bib import CirculationStatus


class IlsFailed(Exception):
    """The result is not known."""


class IlsUnavailable(IlsFailed):
    """The ILS did not take the request; nothing happened there. Try again later."""


class IlsInDoubt(IlsFailed):
    """A write was sent and its answer was lost: it may have happened. Settle it by asking, never by repeating."""


@dataclass(frozen=True, slots=True)
class PatronStanding:
    """What the home ILS says of a reader; ``reason`` is its screen message where it says no."""

    known: bool
    pin_accepted: bool
    may_borrow: bool
    patron_type: str
    charged_items: int
    reason: str


@dataclass(frozen=True, slots=True)
class ItemState:
    """One copy in the ILS now."""

    known: bool
    status: CirculationStatus
    due_date: date | None


@dataclass(frozen=True, slots=True)
class Result:
    """Whether the ILS did it, and what it said."""

    ok: bool
    due_date: date | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CardItems:
    """The barcodes on a card: what it has on loan and what it has reserved."""

    charged: frozenset[str]
    held: frozenset[str]


class Ils(Protocol):
    """One library's ILS. ``card`` is a patron's, or the institutional card of the alliance."""

    async def patron(self, card: str, pin: str | None = None) -> PatronStanding:
        """Ask who the reader is and whether the reader may borrow; with ``pin``, whether that is right."""

    async def item(self, barcode: str) -> ItemState:
        """Ask where a copy is."""

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
