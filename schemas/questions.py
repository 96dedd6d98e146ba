"""What the gateway and a library ask each other: asked once, answered at once, never stored, numbered or logged."""

from datetime import date
from typing import Annotated

from pydantic import Field

from schemas import lending
from schemas.bib import CirculationStatus
from schemas.identifiers import (
    AgencyId,
    ConversationId,
    Count,
    ItemBarcode,
    MessageHash,
    PatronToken,
    ShortText,
    Timestamp,
    Wire,
)


class ItemStatus(Wire):
    """One copy, as its library's circulation system sees it now."""

    barcode: ItemBarcode
    status: CirculationStatus
    due_date: date | None = None


class AvailabilityQuestion(Wire):
    """Gateway → library: which of these copies are on the shelf?"""

    barcodes: Annotated[tuple[ItemBarcode, ...], Field(max_length=50)]


class AvailabilityAnswer(Wire):
    """Library → gateway."""

    items: tuple[ItemStatus, ...]


class ChallengeQuestion(Wire):
    """Gateway → home: a reader wants to sign in."""

    session: ShortText


class ChallengeAnswer(Wire):
    """Home → gateway → page: what the page must seal together with card and PIN; opens once."""

    challenge: ShortText
    valid_until: Timestamp


class SignInQuestion(Wire):
    """Gateway → home: card and PIN, sealed in the page to the home library (JWE, ECDH-ES P-256, A256GCM)."""

    session: ShortText
    sealed: Annotated[str, Field(max_length=8192)]


class SignInAnswer(Wire):
    """Home → gateway: whether the ILS knows this reader, under a pseudonym."""

    signed_in: bool
    patron: PatronToken | None = None
    items_max: Count = 0
    items_open: Count = 0
    reason: ShortText = ""


class LoanQuestion(Wire):
    """Library → gateway: a copy was handed in here; whose loan is it?"""

    barcode: ItemBarcode


class OpenLoan(Wire):
    """What a library must know to sign for a copy that is not its own; ``last`` is the receipt it follows."""

    conv: ConversationId
    home: AgencyId
    owner: AgencyId
    pickup: lending.PickupPoint
    barcode: ItemBarcode
    title: ShortText
    last: MessageHash


class LoanAnswer(Wire):
    """Gateway → library: every open loan of a copy with that barcode; more than one is for staff to decide."""

    loans: tuple[OpenLoan, ...]
