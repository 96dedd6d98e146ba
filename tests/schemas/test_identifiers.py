"""Typed identifiers: each kind has its pattern, and what does not fit is no identifier."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.identifiers import (
    AgencyId,
    ConversationId,
    Count,
    Fen,
    Identifier,
    ItemBarcode,
    KeyId,
    MessageHash,
    PatronToken,
    ShortText,
    Timestamp,
    Wire,
)

KINDS = (AgencyId, ConversationId, MessageHash, KeyId, PatronToken, ItemBarcode)
GOOD = {
    AgencyId: ("CN-310110-1-YANGPU", "DELTA", "A1"),
    ConversationId: ("loan-0001", "0b0e7b9e-7c1f-4c0c-9d3e-1f2a3b4c5d6e"),
    MessageHash: ("ab" * 32,),
    KeyId: ("0f" * 32,),
    PatronToken: ("A" * 16, "b-_" * 21),
    ItemBarcode: ("1", "00000001", "沪A 0001", "x" * 64),
}
BAD = {
    AgencyId: ("", "A", "cn-31", "-A1", "A" * 65, "CN 31", "CN-31\n", "沪-1"),
    ConversationId: ("", "short", "LOAN-0001", "-loan-001", "loan/../../x", "loan-0001\n", "l" * 65),
    MessageHash: ("", "ab" * 31, "AB" * 32, "ab" * 32 + "\n", "zz" * 32),
    KeyId: ("", "ab" * 33),
    PatronToken: ("", "A" * 15, "A" * 65, "A" * 15 + "="),
    ItemBarcode: ("", "x" * 65, "a\tb", "a\n", "\x00"),
}


def adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in KINDS for text in GOOD[kind]])
def test_what_fits_becomes_an_identifier_of_its_kind(kind: type[Identifier], text: str) -> None:
    value = adapter(kind).validate_json(f'"{text}"', strict=True)
    assert (value, type(value)) == (text, kind)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in KINDS for text in BAD[kind]])
def test_what_does_not_fit_is_refused(kind: type[Identifier], text: str) -> None:
    with pytest.raises(ValidationError):
        adapter(kind).validate_python(text, strict=True)


@pytest.mark.parametrize("amount", [-1, 2**53, 1.5, "100", True])
def test_an_amount_is_a_whole_number_of_fen_that_every_reader_can_hold(amount: Any) -> None:
    with pytest.raises(ValidationError):
        adapter(Fen).validate_python(amount, strict=True)
    with pytest.raises(ValidationError):
        adapter(Count).validate_python(amount, strict=True)


def test_the_largest_amount_is_one() -> None:
    assert adapter(Fen).validate_python(2**53 - 1, strict=True) == 2**53 - 1


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_in_utc_comes_back(moment: datetime) -> None:
    timestamps = adapter(Timestamp)
    assert timestamps.validate_json(timestamps.dump_json(moment), strict=True) == moment


@pytest.mark.parametrize("moment", [
    datetime(2026, 12, 1),  # noqa: DTZ001
    datetime(2026, 12, 1, tzinfo=timezone(timedelta(hours=8))),
    datetime(2026, 12, 1, tzinfo=timezone(timedelta(minutes=-1))),
])
def test_a_moment_that_is_not_in_utc_is_refused(moment: datetime) -> None:
    with pytest.raises(ValidationError):
        adapter(Timestamp).validate_python(moment)


def test_a_short_text_is_short() -> None:
    assert adapter(ShortText).validate_python("字" * 500)
    with pytest.raises(ValidationError):
        adapter(ShortText).validate_python("字" * 501)


def test_models_on_the_wire_are_frozen_and_know_their_fields() -> None:
    class Note(Wire):
        text: ShortText

    note = Note(text="a")
    with pytest.raises(ValidationError):
        note.text = "b"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Note(text="a", also=1)  # type: ignore[call-arg]
