"""What an ILS answered, as small frozen values. Pure: made from a ``Message``, which stays at hand for extensions.

Texts are what the ILS sent. A value that it did not send or that can't be read is None, never a guess.
Money is integer fen of the currency named; dates are aware.
"""

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Self

from connectors.sip2.dates import decode_due_date
from connectors.sip2.fields import PATRON_STATUS, CirculationStatus
from connectors.sip2.messages import Message
from connectors.sip2.profile import Profile

_AMOUNT_DIGITS_MAX = 15
_GUIDE = Profile()


def decode_amount(text: str | None) -> int | None:
    """Return fen for a BV or CC such as ``12.50``, ``-75.00`` (some systems write debts so) or ``0,5``; else None.

    >>> decode_amount("-75.00"), decode_amount("0,5"), decode_amount("free")
    (-7500, 50, None)
    """
    try:
        amount = Decimal((text or "").strip().replace(",", "."))
    except InvalidOperation:
        return None
    if not amount.is_finite() or amount.adjusted() > _AMOUNT_DIGITS_MAX:
        return None
    return int((amount * 100).to_integral_value())


def encode_amount(amount_fen: int) -> str:
    """Return fen as SIP2 writes money.

    >>> encode_amount(1250), encode_amount(-5)
    ('12.50', '-0.05')
    """
    yuan, fen = divmod(abs(amount_fen), 100)
    return f"{'-' if amount_fen < 0 else ''}{yuan}.{fen:02}"


def _yes(message: Message, code: str) -> bool | None:
    return {"Y": True, "N": False}.get((message.get(code) or "").strip())


def _number(message: Message, code: str) -> int | None:
    text = (message.get(code) or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _AMOUNT_DIGITS_MAX else None


def _due(message: Message, code: str, zone: tzinfo) -> datetime | None:
    return decode_due_date(message.get(code) or "", zone)


def _ready_holds(message: Message, profile: Profile) -> int | None:
    """Some systems count the waiting holds among the first number, and again as unavailable."""
    first, waiting = message.count("hold_items_count"), message.count("unavailable_holds_count")
    if first is None or not profile.hold_items_are_all_holds:
        return first
    return None if waiting is None else max(0, first - waiting)


@dataclass(frozen=True)
class Answer:
    """What every answer has: whether it is a yes, and lines for the screen (AF)."""

    ok: bool
    screen_messages: tuple[str, ...]
    message: Message = field(repr=False, compare=False)


@dataclass(frozen=True)
class PatronInformation(Answer):
    """64. ``ok``: the ILS knows the patron as valid (BL). ``blocks`` are names of ``fields.PATRON_STATUS``.

    Counts are as sent; ``ready_holds_count`` is what they mean by the profile. A ``fee_amount_fen`` above 0 is owed.
    """

    patron_id: str
    name: str = field(repr=False)
    valid_patron: bool | None
    valid_password: bool | None
    blocks: frozenset[str]
    hold_items_count: int | None
    overdue_items_count: int | None
    charged_items_count: int | None
    fine_items_count: int | None
    recall_items_count: int | None
    unavailable_holds_count: int | None
    ready_holds_count: int | None
    charged_items_limit: int | None
    fee_amount_fen: int | None
    currency: str | None
    hold_items: tuple[str, ...]
    overdue_items: tuple[str, ...]
    charged_items: tuple[str, ...]
    fine_items: tuple[str, ...]
    recall_items: tuple[str, ...]
    unavailable_hold_items: tuple[str, ...]

    @classmethod
    def from_message(cls, message: Message, profile: Profile = _GUIDE) -> Self:
        """Read a 64 as the ILS of ``profile`` means it."""
        flags = zip(PATRON_STATUS, message.fixed["patron_status"], strict=True)
        fee_amount_fen = decode_amount(message.get("BV"))
        if fee_amount_fen is not None and profile.negative_fee_is_owed:
            fee_amount_fen = -fee_amount_fen
        return cls(
            ok=_yes(message, "BL") is True,
            screen_messages=message.all("AF"),
            message=message,
            patron_id=message.get("AA") or "",
            name=message.get("AE") or "",
            valid_patron=_yes(message, "BL"),
            valid_password=_yes(message, "CQ"),
            blocks=frozenset(name for name, flag in flags if flag == "Y"),
            hold_items_count=message.count("hold_items_count"),
            overdue_items_count=message.count("overdue_items_count"),
            charged_items_count=message.count("charged_items_count"),
            fine_items_count=message.count("fine_items_count"),
            recall_items_count=message.count("recall_items_count"),
            unavailable_holds_count=message.count("unavailable_holds_count"),
            ready_holds_count=_ready_holds(message, profile),
            charged_items_limit=_number(message, "CB"),
            fee_amount_fen=fee_amount_fen,
            currency=message.get("BH"),
            hold_items=message.all("AS"),
            overdue_items=message.all("AT"),
            charged_items=message.all("AU"),
            fine_items=message.all("AV"),
            recall_items=message.all("BU"),
            unavailable_hold_items=message.all("CD"),
        )


@dataclass(frozen=True)
class ItemInformation(Answer):
    """18. ``ok``: the ILS knows the item: it has a title or a definite status."""

    item_id: str
    title: str
    circulation_status: CirculationStatus
    due_date: datetime | None
    hold_queue_length: int | None
    owner: str | None
    permanent_location: str | None
    current_location: str | None

    @classmethod
    def from_message(cls, message: Message, zone: tzinfo) -> Self:
        """Read an 18; ``zone`` is the library's."""
        status = CirculationStatus(message.fixed["circulation_status"])
        title = message.get("AJ") or ""
        return cls(
            ok=bool(message.get("AB")) and (bool(title.strip()) or status is not CirculationStatus.OTHER),
            screen_messages=message.all("AF"),
            message=message,
            item_id=message.get("AB") or "",
            title=title,
            circulation_status=status,
            due_date=_due(message, "AH", zone),
            hold_queue_length=_number(message, "CF"),
            owner=message.get("BG"),
            permanent_location=message.get("AQ"),
            current_location=message.get("AP"),
        )


@dataclass(frozen=True)
class Checkout(Answer):
    """12 and 30, which share one layout. ``due_date`` None with ``ok``: the ILS wrote it in a way of its own."""

    item_id: str
    title: str
    due_date: datetime | None
    desensitize: bool | None
    transaction_id: str | None
    fee_amount_fen: int | None
    currency: str | None

    @classmethod
    def from_message(cls, message: Message, zone: tzinfo) -> Self:
        """Read a 12 or a 30."""
        return cls(
            ok=message.flag("ok") is True,
            screen_messages=message.all("AF"),
            message=message,
            item_id=message.get("AB") or "",
            title=message.get("AJ") or "",
            due_date=_due(message, "AH", zone),
            desensitize=message.flag("desensitize"),
            transaction_id=message.get("BK"),
            fee_amount_fen=decode_amount(message.get("BV")),
            currency=message.get("BH"),
        )


@dataclass(frozen=True)
class Checkin(Answer):
    """10. ``alert`` means that staff must look: even with ``ok`` False the book has been received."""

    item_id: str
    title: str
    alert: bool | None
    resensitize: bool | None
    permanent_location: str | None
    sort_bin: str | None
    patron_id: str | None
    destination: str | None
    alert_type: str | None

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Read a 10."""
        return cls(
            ok=message.flag("ok") is True,
            screen_messages=message.all("AF"),
            message=message,
            item_id=message.get("AB") or "",
            title=message.get("AJ") or "",
            alert=message.flag("alert"),
            resensitize=message.flag("resensitize"),
            permanent_location=message.get("AQ"),
            sort_bin=message.get("CL"),
            patron_id=message.get("AA"),
            destination=message.get("CT"),
            alert_type=message.get("CV"),
        )


@dataclass(frozen=True)
class Hold(Answer):
    """16. ``available``: the item can be fetched at once."""

    available: bool | None
    item_id: str | None
    title: str | None
    queue_position: int | None
    pickup_location: str | None
    expiration: datetime | None

    @classmethod
    def from_message(cls, message: Message, zone: tzinfo) -> Self:
        """Read a 16."""
        return cls(
            ok=message.flag("ok") is True,
            screen_messages=message.all("AF"),
            message=message,
            available=message.flag("available"),
            item_id=message.get("AB"),
            title=message.get("AJ"),
            queue_position=_number(message, "BR"),
            pickup_location=message.get("BS"),
            expiration=_due(message, "BW", zone),
        )


@dataclass(frozen=True)
class FeePaid(Answer):
    """38."""

    transaction_id: str | None

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Read a 38."""
        return cls(
            ok=message.flag("payment_accepted") is True,
            screen_messages=message.all("AF"),
            message=message,
            transaction_id=message.get("BK"),
        )
