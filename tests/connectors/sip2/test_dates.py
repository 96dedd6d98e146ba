from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sip2.dates import BLANK_DATE, decode_date, decode_due_date, encode_date
from connectors.sip2.errors import BadDate

SHANGHAI = ZoneInfo("Asia/Shanghai")


@given(st.integers(0, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_a_date_survives_to_the_second(moment: datetime) -> None:
    assert decode_date(encode_date(moment, SHANGHAI), SHANGHAI) == moment


@pytest.mark.parametrize(
    ("zone", "hour_utc"),
    [
        ("    ", 4),
        ("ZZZZ", 4),
        ("   J", 4),
        ("   Z", 12),
        ("   H", 4),
        ("   A", 11),
        ("   M", 0),
        ("   N", 13),
        ("   Y", 24),
    ],
)
def test_every_form_of_zone_is_read(zone: str, hour_utc: int) -> None:
    moment = decode_date(f"20260101{zone}120000", SHANGHAI)
    assert moment is not None
    assert (moment - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds() == hour_utc * 3600


def test_blanks_are_no_date() -> None:
    assert decode_date(BLANK_DATE, SHANGHAI) is None


@pytest.mark.parametrize(
    "text", ["20261301    120000", "2026", "20260101   ?120000", "20260101  AZ120000", "٢٠٢٦0101    120000"]
)
def test_no_date_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadDate):
        decode_date(text, SHANGHAI)


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(BadDate, match="aware"):
        encode_date(datetime.now(UTC).replace(tzinfo=None), SHANGHAI)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20110131    235900", "2011-01-31T23:59:00+08:00"),
        ("2022-02-26", "2022-02-26T23:59:59+08:00"),
        ("2011-10-28 23:59:59", "2011-10-28T23:59:59+08:00"),
        ("2011-10-28T23:59:59Z", "2011-10-28T23:59:59+00:00"),
    ],
)
def test_due_dates_of_real_servers_are_read(text: str, expected: str) -> None:
    due = decode_due_date(text, SHANGHAI)
    assert due is not None
    assert due.isoformat() == expected


@given(st.text(max_size=30))
def test_any_other_due_date_is_none(text: str) -> None:
    due = decode_due_date(text, SHANGHAI)
    assert due is None or due.tzinfo is not None
