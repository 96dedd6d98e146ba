from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sip2.answers import Checkin, Checkout, ItemInformation, PatronInformation, decode_amount, encode_amount
from connectors.sip2.codec import Codec
from connectors.sip2.fields import CirculationStatus
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import Profile

DATE = "20260101    120000"
ZONE = ZoneInfo("Asia/Shanghai")


def patron(**values: str) -> PatronInformation:
    defaults = {"patron_status": " " * 14, "language": "019", "transaction_date": DATE, "AA": "P1"}
    return PatronInformation.from_message(build("64", **defaults | values))


@given(st.integers(-(10**12), 10**12))
def test_money_survives(amount_fen: int) -> None:
    assert decode_amount(encode_amount(amount_fen)) == amount_fen


@given(st.text(max_size=40) | st.none())
def test_any_text_is_an_amount_or_none(text: str | None) -> None:
    amount = decode_amount(text)
    assert amount is None or isinstance(amount, int)


@pytest.mark.parametrize("text", ["1e999999999", "NaN", "Infinity", "9" * 400, "", "¥5"])
def test_absurd_amounts_are_none(text: str) -> None:
    assert decode_amount(text) is None


def test_a_patron_is_valid_only_if_the_ils_says_so() -> None:
    assert patron(BL="Y").ok
    assert not patron(BL="N").ok
    assert not patron().ok
    assert patron().valid_patron is None
    assert (patron(CQ="Y").valid_password, patron(CQ="N").valid_password) == (True, False)


def test_blocks_are_named() -> None:
    assert patron(patron_status="Y  Y      Y   ").blocks == {"charge_denied", "hold_denied", "excessive_fines"}
    assert patron().blocks == frozenset()


def test_counts_limits_and_lists_may_be_unpadded_blank_or_odd() -> None:
    answer = patron(charged_items_count="0003", CB="10", BV="-75.00", BH="CNY")
    assert (answer.charged_items_count, answer.hold_items_count, answer.charged_items_limit) == (3, None, 10)
    assert (answer.fee_amount_fen, answer.currency) == (-7500, "CNY")
    assert patron(CB="HASH(0x1)").charged_items_limit is None


def test_names_never_show() -> None:
    assert "Zhang" not in repr(patron(AE="Zhang Wei", BD="Zhang road"))


def item(**values: str) -> ItemInformation:
    defaults = {"circulation_status": "03", "security_marker": "00", "fee_type": "01", "transaction_date": DATE}
    return ItemInformation.from_message(build("18", **defaults | values), ZONE)


def test_an_item_without_title_and_status_is_unknown() -> None:
    assert item(AB="B1", AJ="和珅传").ok
    assert item(AB="B1").ok
    assert not item(AB="B1", circulation_status="01").ok
    assert not item(AJ="和珅传").ok
    assert item(circulation_status="99").circulation_status is CirculationStatus.OTHER


def test_due_dates_are_aware_or_none() -> None:
    due = item(AH="2026-02-01").due_date
    assert due is not None
    assert due.isoformat() == "2026-02-01T23:59:59+08:00"
    assert item(AH="next week").due_date is None


def test_no_answer_of_the_wrong_letters_is_a_yes() -> None:
    for text in ("12YYNN", "120NNY", "12 NNN"):
        assert not Checkout.from_message(read(text + DATE + "AOYP|"), ZONE).ok
    assert Checkout.from_message(read("121NNY" + DATE + "AOYP|"), ZONE).desensitize is True


def test_a_refused_checkin_may_still_alert_the_staff() -> None:
    answer = Checkin.from_message(read("100YNY" + DATE + "AOYP|ABB1|AQmain|CLbin 2|CTNanjing|CV04|AFroute it|"))
    assert (answer.ok, answer.alert, answer.destination, answer.alert_type) == (False, True, "Nanjing", "04")
    assert (answer.sort_bin, answer.screen_messages) == ("bin 2", ("route it",))


def read(text: str) -> Message:
    return Codec(Profile()).decode(text.encode())


def test_hold_counts_mean_what_the_profile_says() -> None:
    message = build("64", hold_items_count="0005", unavailable_holds_count="0003", BV="-75.00")
    koha = PatronInformation.from_message(message, Profile.shipped("koha"))
    evergreen = PatronInformation.from_message(message, Profile.shipped("evergreen-sipserver"))
    assert (koha.ready_holds_count, evergreen.ready_holds_count) == (5, 2)
    unknown = build("64", hold_items_count="0005")
    assert PatronInformation.from_message(unknown, Profile.shipped("evergreen-sipserver")).ready_holds_count is None


def test_a_debt_is_above_zero_however_the_ils_writes_it() -> None:
    message = build("64", BV="-75.00")
    assert PatronInformation.from_message(message, Profile.shipped("dp2")).fee_amount_fen == 7500
    assert PatronInformation.from_message(message).fee_amount_fen == -7500
