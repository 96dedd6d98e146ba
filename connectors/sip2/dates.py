"""SIP2 dates: 18 characters ``YYYYMMDDZZZZHHMMSS``, and the other forms that real servers put into AH.

ZZZZ is four blanks for the library's own local time, ``   Z`` for UTC, or a military zone letter. Some peers
send the letters ZZZZ themselves, copied from the guide: read as local time.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from connectors.sip2.errors import BadDate

BLANK_DATE = " " * 18

_SIP2_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)([A-Z ]{4})(\d\d)(\d\d)(\d\d)", re.ASCII)
# A = +1 … M = +12 (J is skipped, it means local), N = -1 … Y = -12, Z = 0
_MILITARY_HOURS = {letter: hours for hours, letter in enumerate("ABCDEFGHIKLM", 1)} | {
    letter: -hours for hours, letter in enumerate("NOPQRSTUVWXY", 1)
}


def encode_date(moment: datetime, zone: tzinfo) -> str:
    """Return ``moment`` as the library's local time, the zone left blank as SIP2 wants it.

    >>> encode_date(datetime(2026, 1, 1, tzinfo=UTC), timezone(timedelta(hours=8)))
    '20260101    080000'
    """
    if moment.tzinfo is None:
        raise BadDate("a SIP2 date is made from an aware datetime")
    return moment.astimezone(zone).strftime("%Y%m%d    %H%M%S").zfill(18)


def decode_date(text: str, zone: tzinfo) -> datetime | None:
    """Return the moment that 18 characters name, or None for blanks; ``zone`` is the library's own.

    Raises:
        BadDate: neither blank nor a date of the calendar.
    """
    if not text.strip():
        return None
    parts = _SIP2_DATE.fullmatch(text)
    if parts is None:
        raise BadDate("not a SIP2 date: expected YYYYMMDDZZZZHHMMSS")
    year, month, day, zone_text, hour, minute, second = parts.groups()
    try:
        return datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=_zone(zone_text, zone)
        )
    except ValueError as error:
        raise BadDate(f"not a SIP2 date: {error}") from None


def decode_due_date(text: str, zone: tzinfo) -> datetime | None:
    """Return the moment in an AH, in SIP2's form or ISO 8601's; None where it can't be told.

    AH is free text in SIP2 2.00: servers send ISO dates, locale formats and nothing. A day without a time is due
    at its last second.
    """
    text = text.strip()
    try:
        return decode_date(text, zone)
    except BadDate:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) <= len("YYYY-MM-DD"):
        moment = moment.replace(hour=23, minute=59, second=59)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _zone(text: str, library: tzinfo) -> tzinfo:
    letters = text.strip()
    if letters in ("", "J", "ZZZZ"):
        return library
    if letters == "Z":
        return UTC
    if letters in _MILITARY_HOURS:
        return timezone(timedelta(hours=_MILITARY_HOURS[letters]))
    raise BadDate(f"not a SIP2 zone: {letters!r}")
