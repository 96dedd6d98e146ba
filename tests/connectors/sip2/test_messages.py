import pytest

from connectors.sip2.errors import UnknownField, UnknownMessage, WrongWidth
from connectors.sip2.fields import (
    FIELD_NAMES,
    PATRON_STATUS,
    SUPPORTED_MESSAGES,
    from_supported,
    to_summary,
    to_supported,
)
from connectors.sip2.messages import MESSAGES, REQUESTS, WRITES, Message, build

DATE = "20260101    120000"


def test_the_table_has_the_sixteen_requests_and_their_answers() -> None:
    assert len(REQUESTS) == 16
    assert set(SUPPORTED_MESSAGES) == REQUESTS
    answers = {MESSAGES[name].answer for name in REQUESTS} - {None}
    assert set(MESSAGES) == REQUESTS | answers | {"96"}
    assert WRITES < REQUESTS


@pytest.mark.parametrize(
    ("message_id", "width"),
    [
        ("93", 2),
        ("99", 8),
        ("63", 31),
        ("11", 38),
        ("09", 37),
        ("37", 25),
        ("98", 34),
        ("64", 59),
        ("18", 24),
        ("66", 27),
    ],
)
def test_fixed_parts_have_the_widths_of_the_guide(message_id: str, width: int) -> None:
    assert MESSAGES[message_id].width == width


def test_every_code_of_the_table_has_a_name() -> None:
    assert {code for spec in MESSAGES.values() for code in spec.codes} <= FIELD_NAMES.keys()


def test_building_sends_required_fields_empty_and_leaves_optional_ones_out() -> None:
    message = build("11", sc_renewal_policy=True, no_block=False, transaction_date=DATE, AO="YP", AA="P1", AB="B1")
    assert message.head == "YN" + DATE + " " * 18
    assert message.fields == (("AO", "YP"), ("AA", "P1"), ("AB", "B1"), ("AC", ""))


def test_building_follows_the_tables_order_and_puts_extensions_last() -> None:
    message = build("64", KQ="0101", AU=["B1", "B2"], AA="P1", AO="YP", U5="student", BL=True)
    assert [code for code, _ in message.fields] == ["AO", "AA", "AE", "BL", "AU", "AU", "KQ", "U5"]
    assert message.get("BL") == "Y"
    assert message.all("AU") == ("B1", "B2")


@pytest.mark.parametrize(
    ("message_id", "name", "yes"),
    [
        ("12", "ok", "1"),
        ("38", "payment_accepted", "Y"),
        ("36", "end_session", "Y"),
        ("94", "ok", "1"),
        ("20", "item_properties_ok", "1"),
    ],
)
def test_each_message_has_its_own_letters_for_yes(message_id: str, name: str, yes: str) -> None:
    message = build(message_id, **{name: True})
    assert message.fixed[name] == yes
    assert message.flag(name) is True
    assert build(message_id, **{name: False}).flag(name) is False


def test_a_flag_that_is_neither_yes_nor_no_is_none() -> None:
    assert build("12", magnetic_media="U").flag("magnetic_media") is None
    # Y means yes in 38 and nothing in 12.
    assert build("12", ok="Y").flag("ok") is None


def test_blank_and_odd_counts_are_none() -> None:
    message = build("64", hold_items_count="0012", fine_items_count="1 ٣x")
    assert message.count("hold_items_count") == 12
    assert message.count("overdue_items_count") is None
    assert message.count("fine_items_count") is None


def test_what_the_table_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(UnknownMessage, match="'77'"):
        build("77")
    with pytest.raises(UnknownField, match="colour"):
        build("17", colour="red")
    with pytest.raises(WrongWidth, match="transaction_date must be 18"):
        build("17", transaction_date="2026")


def test_secrets_never_show() -> None:
    shown = repr(build("63", AO="YP", AA="P1", AD="4711", AC="terminal")) + repr(build("93", CN="user", CO="hidden"))
    shown += repr(build("64", AE="Zhang", BD="Road 1", BE="z@example.org", BF="555-1"))
    for secret in ("4711", "terminal", "hidden", "Zhang", "Road", "example", "555"):
        assert secret not in shown
    assert "AA=•••" in shown
    assert "AD=•••" in shown


def test_how_a_message_travelled_is_not_what_it_says() -> None:
    assert Message("97", "", sequence=3, raw=b"97") == Message("97", "")


def test_the_first_of_a_repeated_scalar_counts_and_padding_does_not() -> None:
    message = Message("64", " " * 59, (("AA", "P1"), ("AA", "P2"), ("AV", "1"), ("AV", "")))
    assert message.get("AA") == "P1"
    assert message.all("AV") == ("1",)
    assert message.get("BL") is None


def test_bx_and_summary_speak_by_position() -> None:
    assert from_supported(to_supported(frozenset({"93", "17"}))) == {"93", "17"}
    assert from_supported("YY") == {"23", "11"}
    assert to_summary("charged_items") == "  Y       "
    assert to_summary(None) == " " * 10
    assert len(PATRON_STATUS) == 14
