"""The names, widths and enumerations of SIP2 2.00 fields, and what may never be shown or altered.

Deliberately absent: the meaning of vendor extensions. The same code means different things at different
vendors, so unknown codes stay plain (code, value) pairs.
"""

import re
from enum import Enum

FIELD_NAMES = {
    "AA": "patron identifier", "AB": "item identifier", "AC": "terminal password", "AD": "patron password",
    "AE": "personal name", "AF": "screen message", "AG": "print line", "AH": "due date", "AJ": "title identifier",
    "AL": "blocked card message", "AM": "library name", "AN": "terminal location", "AO": "institution id",
    "AP": "current location", "AQ": "permanent location", "AS": "hold items", "AT": "overdue items",
    "AU": "charged items", "AV": "fine items", "BD": "home address", "BE": "e-mail address",
    "BF": "home phone number", "BG": "owner", "BH": "currency type", "BI": "cancel", "BK": "transaction id",
    "BL": "valid patron", "BM": "renewed items", "BN": "unrenewed items", "BO": "fee acknowledged",
    "BP": "start item", "BQ": "end item", "BR": "queue position", "BS": "pickup location", "BT": "fee type",
    "BU": "recall items", "BV": "fee amount", "BW": "expiration date", "BX": "supported messages",
    "BY": "hold type", "BZ": "hold items limit", "CA": "overdue items limit", "CB": "charged items limit",
    "CC": "fee limit", "CD": "unavailable hold items", "CF": "hold queue length", "CG": "fee identifier",
    "CH": "item properties", "CI": "security inhibit", "CJ": "recall date", "CK": "media type", "CL": "sort bin",
    "CM": "hold pickup date", "CN": "login user id", "CO": "login password", "CP": "location code",
    "CQ": "valid patron password",
    # 3M extensions, revision 1.20 (2005)
    "CR": "collection code", "CS": "call number", "CT": "destination location", "CV": "alert type",
    "CY": "hold patron id", "DA": "hold patron name",
}  # fmt: skip

# Coded fields of a fixed width. They still end with the delimiter; the width lets us find a missing one.
FIELD_WIDTHS = {
    "BH": 3, "BI": 1, "BL": 1, "BO": 1, "BT": 2, "BW": 18, "BX": 16, "BY": 1, "BZ": 4, "CA": 4, "CB": 4,
    "CI": 1, "CJ": 18, "CK": 3, "CM": 18, "CQ": 1,
}  # fmt: skip

#: Passwords, and what names or locates a reader: needed by nobody who looks at a line.
SECRET_CODES = frozenset({"AC", "AD", "CO", "AE", "BD", "BE", "BF", "DA"})

#: Shown as ``•••`` in every repr: these, and card numbers.
HIDDEN_CODES = SECRET_CODES | {"AA", "CY"}

#: Sent unchanged or not at all: a substituted character would name somebody or something else.
EXACT_CODES = frozenset({"AA", "AB", "AC", "AD", "AO", "BK", "CG", "CN", "CO", "CP"})

CODE = re.compile("[A-Z0-9]{2}")

#: Patron status of 23, 26 and 64, position by position: Y means the block stands.
PATRON_STATUS = (
    "charge_denied", "renewal_denied", "recall_denied", "hold_denied", "card_lost", "too_many_charged",
    "too_many_overdue", "too_many_renewals", "too_many_claims_returned", "too_many_lost", "excessive_fines",
    "excessive_fees", "recall_overdue", "too_many_billed",
)  # fmt: skip

#: Summary of 63: at most one position is Y and asks for that list.
SUMMARY = ("hold_items", "overdue_items", "charged_items", "fine_items", "recall_items", "unavailable_hold_items")

#: BX of 98, position by position, as the request ids.
SUPPORTED_MESSAGES = (
    "23", "11", "09", "01", "99", "97", "93", "63", "35", "37", "17", "19", "25", "15", "29", "65",
)  # fmt: skip


class CirculationStatus(Enum):
    """Where an item stands, first fixed field of 18."""

    OTHER = "01"
    ON_ORDER = "02"
    AVAILABLE = "03"
    CHARGED = "04"
    CHARGED_NO_RECALL_YET = "05"
    IN_PROCESS = "06"
    RECALLED = "07"
    WAITING_ON_HOLD_SHELF = "08"
    WAITING_TO_BE_RESHELVED = "09"
    IN_TRANSIT = "10"
    CLAIMED_RETURNED = "11"
    LOST = "12"
    MISSING = "13"

    @classmethod
    def _missing_(cls, _value: object) -> "CirculationStatus":
        return cls.OTHER


class HoldMode(Enum):
    """What 15 does to a hold, first fixed field of 15."""

    ADD = "+"
    DELETE = "-"
    CHANGE = "*"


class HoldType(Enum):
    """Which copies may fill a hold, field BY of 15."""

    OTHER = "1"
    ANY_COPY = "2"
    SPECIFIC_COPY = "3"
    ANY_COPY_AT_ONE_BRANCH = "4"


def to_summary(wanted: str | None) -> str:
    """Return the ten characters of 63's summary that ask for one list of ``SUMMARY``, or for none."""
    return "".join("Y" if name == wanted else " " for name in SUMMARY).ljust(10)


def to_supported(message_ids: frozenset[str]) -> str:
    """Return BX, for an ACS that answers these request ids.

    >>> to_supported(frozenset({"11", "09", "99", "97", "93", "63", "17"}))
    'NYYNYYYYNNYNNNNN'
    """
    return "".join("Y" if message_id in message_ids else "N" for message_id in SUPPORTED_MESSAGES)


def from_supported(text: str) -> frozenset[str]:
    """Return the request ids that BX claims. A hint only: real servers claim what they refuse, and the reverse."""
    return frozenset(name for name, flag in zip(SUPPORTED_MESSAGES, text, strict=False) if flag == "Y")
