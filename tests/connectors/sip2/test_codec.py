import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sip2.codec import Codec
from connectors.sip2.errors import (
    NotReproducible,
    Sip2Error,
    TruncatedMessage,
    Unencodable,
    UnknownField,
    UnknownMessage,
    WrongWidth,
)
from connectors.sip2.messages import MESSAGES, Message, build
from connectors.sip2.profile import CHARSETS, Checksum, Profile, Terminator
from tests.connectors.sip2.strategies import TREACHEROUS, dialects_with_a_message

DATE = "20260101    120000"
UTF8 = Codec(Profile())


def decode(text: str, codec: Codec = UTF8) -> Message:
    return codec.decode(text.encode(codec.profile.charset))


@settings(max_examples=300)
@given(dialects_with_a_message(), st.integers(0, 9) | st.none())
def test_what_is_encoded_decodes_to_the_same_in_every_dialect(
    case: tuple[Profile, Message], sequence: int | None
) -> None:
    profile, message = case
    codec = Codec(profile)
    data, substitutions = codec.encode(message, sequence)
    assert data.endswith(profile.terminator.value)
    received = codec.decode(data.removesuffix(profile.terminator.value))
    assert received == message
    assert substitutions == ()
    assert received.checksum in ("ok", "absent")
    assert codec.encode(received, received.sequence).data == data
    assert codec.reproduce(replace(received, raw=b"")) == data.removesuffix(profile.terminator.value)


@pytest.mark.parametrize("charset", ["gbk", "gb18030", "big5", "utf-8"])
@pytest.mark.parametrize("checksum", list(Checksum))
def test_characters_that_hold_the_delimiters_byte_survive_everywhere(charset: str, checksum: Checksum) -> None:
    codec = Codec(Profile(charset=charset, checksum=checksum))
    encoder = CHARSETS[charset][1]
    for character in TREACHEROUS:
        if character.encode(encoder, "ignore"):
            for value in (character, f"a{character}", f"{character}b", f"{character}AB{character}AY1AZ0000"):
                message = build("18", transaction_date=DATE, AB=value, AJ=value, CH=value, AF=[value, value])
                received = codec.decode(codec.encode(message, 4).data[:-1])
                assert received == message
                assert not received.problems


def test_gbk_is_read_as_its_superset() -> None:
    frame = b"18030001" + DATE.encode() + b"AB1|AJ" + "㐀".encode("gb18030") + b"|"
    assert Codec(Profile(charset="gbk")).decode(frame).get("AJ") == "㐀"


# Tolerances: what real peers send, what we read, and the name under which it is counted.
SEEN = [
    ("941|AY4AZ0000", "94", (), "empty_segment"),
    ("17" + DATE + "|AOYP|AB1|", "17", (("AO", "YP"), ("AB", "1")), "empty_segment"),
    ("17" + DATE + "AOYP|AB1", "17", (("AO", "YP"), ("AB", "1")), "final_delimiter_missing"),
    ("17" + DATE + "AOYP|||AB1|", "17", (("AO", "YP"), ("AB", "1")), "empty_segment"),
    ("17" + DATE + "AOY|P|AB1|", "17", (("AO", "Y|P"), ("AB", "1")), "delimiter_in_value"),
    ("17" + DATE + "!|AB1|", "17", (("AB", "1"),), "text_before_fields"),
    ("24" + " " * 14 + "019" + DATE + "AOYP|AA1|AEX|BLYBV7.00|", "24",
     (("AO", "YP"), ("AA", "1"), ("AE", "X"), ("BL", "Y"), ("BV", "7.00")), "delimiter_missing"),
    ("24" + " " * 14 + "019" + DATE + "AA1|BLYCQNBHCNYBV7.00|", "24",
     (("AA", "1"), ("BL", "Y"), ("CQ", "N"), ("BH", "CNY"), ("BV", "7.00")), "delimiter_missing"),
    ("98YYYYYN600003" + DATE + "2.00AOYP|BXYYYYYYYYYYYNNYYY    AY2AZEA1A", "98",
     (("AO", "YP"), ("BX", "YYYYYYYYYYYNNYYY")), "padded"),
    ("98YYYYYN600003" + DATE + "2.00BXYY |y  |", "98", (("BX", "YY |y"),), "padded"),
    ("9900802.13Y", "99", (), "text_before_fields"),
    ("941AY4AZ12", "94", (), "checksum_not_padded"),
    ("17" + DATE + "ABe\u0301|", "17", (("AB", "é"),), "not_nfc"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message_id", "fields", "problem"), SEEN)
def test_what_real_peers_send_is_read_and_named(
    text: str, message_id: str, fields: tuple[tuple[str, str], ...], problem: str
) -> None:
    message = decode(text)
    assert (message.id, message.fields) == (message_id, fields)
    assert problem in message.problems
    assert UTF8.reproduce(replace(message, raw=b"")) == text.encode()


@pytest.mark.parametrize("trailer", ["AY1AZ0000", "AY1AZfb52", "AY1AZFB52  ", "AZ12", "", "AY1AZFB5"])
@pytest.mark.parametrize("body", ["17" + DATE + "AOYP|AB1|", "17" + DATE + "|AO||P||AB1", "941|", "98YYYY"])
@pytest.mark.parametrize("checksum", list(Checksum))
def test_a_frame_can_be_made_again_from_its_parts_however_odd(checksum: Checksum, body: str, trailer: str) -> None:
    codec = Codec(Profile(checksum=checksum))
    frame = (body + trailer).encode()
    try:
        message = codec.decode(frame)
    except TruncatedMessage:
        assert body == "98YYYY"
    else:
        assert codec.reproduce(replace(message, raw=b"")) == frame


def test_what_was_lost_or_altered_is_not_made_again() -> None:
    undecodable = UTF8.decode(b"17" + DATE.encode() + b"AB\xff1|")
    mixed = decode("17" + DATE + "ABe\u0301é|")
    short = replace(decode("17" + DATE + "|AB1|AC|"), fields=(("AB", "1"),))
    for message in (undecodable, mixed, short):
        with pytest.raises(NotReproducible, match="message 17"):
            UTF8.reproduce(message)


def test_a_character_that_has_two_codes_in_big5_is_read_and_named() -> None:
    big5, frame = Codec(Profile(charset="big5")), b"17" + DATE.encode() + b"AB\xa2\xa2|"
    message = big5.decode(frame)
    assert (message.get("AB"), message.problems) == ("╰", ("character_with_two_codes",))
    assert big5.decode(frame.replace(b"\xa2\xa2", "╰".encode("big5hkscs"))).problems == ()
    with pytest.raises(NotReproducible):
        big5.reproduce(message)


def test_a_canonical_message_has_no_problem_and_keeps_its_bytes() -> None:
    raw = b"9300CNLoginUserID|COLoginPassword|CPLocationCode|AY5AZEC7B"
    message = UTF8.decode(raw)
    assert (message.problems, message.raw, message.sequence, message.checksum) == ((), raw, 5, "ok")


def test_small_hexadecimal_digits_pass() -> None:
    assert decode("9300CNLoginUserID|COLoginPassword|CPLocationCode|AY5AZec7b").checksum == "ok"


def test_unknown_codes_are_kept_in_their_order() -> None:
    message = decode("18030001" + DATE + "ABB1|KQ0101|U1Tea|AJT|KQ0202|")
    assert message.fields == (("AB", "B1"), ("KQ", "0101"), ("U1", "Tea"), ("AJ", "T"), ("KQ", "0202"))
    assert message.problems == ()


def test_a_value_that_ends_like_a_checksum_is_a_value() -> None:
    assert decode("17" + DATE + "AOYP|ABXAZ1234").get("AB") == "XAZ1234"
    assert decode("17" + DATE + "AOYP|AB1|AZ1234").checksum == "bad"
    assert decode("94" + "1AZFFFF").checksum == "bad"


def test_a_long_value_passes_whole() -> None:
    assert len(decode("17" + DATE + f"AB{'9' * 5000}|").get("AB") or "") == 5000


def test_undecodable_bytes_are_replaced_and_named() -> None:
    message = UTF8.decode(b"17" + DATE.encode() + b"AB\xff1|")
    assert message.get("AB") == "\ufffd1"
    assert message.problems == ("undecodable_bytes",)


def test_what_is_no_message_is_refused_by_name() -> None:
    with pytest.raises(UnknownMessage, match="'XS'"):
        decode("XS" + DATE)
    with pytest.raises(UnknownMessage):
        decode("")
    with pytest.raises(TruncatedMessage, match="message 17: the fixed part has 4 of 18"):
        decode("172026")
    # The delimiter cannot stand in a fixed part: this print width has two digits only.
    with pytest.raises(TruncatedMessage):
        decode("990401.00|AY1AZFC59")


@pytest.mark.parametrize("charset", sorted(CHARSETS))
@settings(max_examples=60)
@given(data=st.data())
def test_garbage_is_a_message_or_a_named_error(charset: str, data: st.DataObject) -> None:
    start = data.draw(st.sampled_from([b"", *(name.encode() for name in MESSAGES)]))
    noise = st.binary(max_size=60) | st.text("|ABXYZ0189 \r", max_size=60).map(str.encode)
    tail = data.draw(st.sampled_from([b"", b"AY1AZ", b"AZ0000", b"AY1AZFFFF", b"|AY9AZ12"]))
    codec = Codec(Profile(charset=charset, checksum=data.draw(st.sampled_from(Checksum))))
    try:
        message = codec.decode(start + data.draw(noise) + data.draw(noise) + tail)
    except Sip2Error:
        return
    if charset in ("utf-8", "ascii", "latin-1", "cp850") and "undecodable_bytes" not in message.problems:
        assert message.layout.form is None or codec.reproduce(replace(message, raw=b"")) == message.raw
    try:
        encoded = codec.encode(message, message.sequence)
    except Sip2Error:
        return
    assert encoded.data.count(b"\r") == 1


def test_a_delimiter_or_control_in_a_text_is_made_safe_and_reported() -> None:
    data, substitutions = UTF8.encode(build("36", transaction_date=DATE, AF="a|b\r\nc\x00\u2028d"))
    assert "AFa｜b  c  d|".encode() in data
    assert {change.code for change in substitutions} == {"AF"}
    assert len(substitutions) == 5


def test_what_the_charset_lacks_is_substituted_by_rule_and_reported() -> None:
    ascii_, gbk, cp850 = (Codec(Profile(charset=name)) for name in ("ascii", "gbk", "cp850"))
    message = build("36", transaction_date=DATE, AF="Dvořak 㐀 |")
    assert b"AFDvorak ? /|" in ascii_.encode(message).data
    assert "AFDvorak □ ｜|".encode("gbk") in gbk.encode(message).data
    assert b"AFDvorak ? /|" in cp850.encode(message).data
    assert len(ascii_.encode(message).substitutions) == 3


@pytest.mark.parametrize(("code", "value"), [("AB", "书1"), ("AA", "P|1"), ("AD", "é1\r")])
def test_an_identifier_or_password_is_sent_unchanged_or_not_at_all(code: str, value: str) -> None:
    with pytest.raises(Unencodable, match=f"field {code} ") as refused:
        Codec(Profile(charset="ascii")).encode(build("63", summary=" " * 10, transaction_date=DATE, **{code: value}))
    assert value not in str(refused.value)


def test_what_the_table_cannot_say_is_not_sent() -> None:
    for wrong in (Message("17", "short"), Message("17", "é" * 18), Message("17", "|" * 18)):
        with pytest.raises(WrongWidth):
            UTF8.encode(wrong)
    with pytest.raises(UnknownMessage):
        UTF8.encode(Message("77", ""))
    with pytest.raises(UnknownField):
        UTF8.encode(Message("17", DATE, (("ab", "1"),)))


def test_the_two_resends_are_constants() -> None:
    assert UTF8.encode(build("97"), 3).data == b"97AZFEF5\r"
    assert UTF8.encode(build("96")).data == b"96AZFEF6\r"
    assert UTF8.decode(b"97AZFEF5").checksum == "ok"
    assert Codec(Profile(checksum=Checksum.NONE, terminator=Terminator.CRLF)).encode(build("97")).data == b"97\r\n"


def test_another_delimiter_is_the_profiles_choice() -> None:
    codec = Codec(Profile(delimiter="^"))
    message = build("17", transaction_date=DATE, AO="a|b", AB="1")
    assert codec.encode(message).data == b"17" + DATE.encode() + b"AOa|b^AB1^\r"
    assert codec.decode(codec.encode(message, 1).data[:-1]) == message


@pytest.mark.parametrize("piece", ["a|", "|", "AF|", "BLY", "BLYBV", "ZZ1|", "U1", "AY1AZ0000", "\u4e1c|"])
def test_the_largest_frame_of_nonsense_is_read_in_bounded_time(piece: str) -> None:
    frame = ("24" + " " * 14 + "019" + DATE + "AFx|" + piece * (1 << 20))[: 1 << 20].encode()[: 1 << 20]
    started = time.perf_counter()
    message = Codec(Profile(charset="gbk")).decode(frame)
    assert time.perf_counter() - started < 5
    assert len(message.problems) < 10
