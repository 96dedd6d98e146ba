"""What is noted of a frame: never a secret, in whatever charset, form or place it comes."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sip2.codec import Codec
from connectors.sip2.errors import FormatError
from connectors.sip2.fields import SECRET_CODES
from connectors.sip2.messages import build
from connectors.sip2.profile import CHARSETS, Profile
from connectors.tools.sip2_reader import Reader
from connectors.tools.sip2_shapes import MASK
from tests.connectors.sip2.strategies import TREACHEROUS

ANY = Reader.of(Profile(), is_charset_known=False)
DATE = "20260302    120000"
PATRON_HEAD = f"64{' ' * 14}019{DATE}{'0000' * 6}"
ASK_HEAD = f"63019{DATE}{' ' * 10}"


def noted(frame, reader=ANY):
    """Return what is noted of a frame, as text; of what is no message, nothing is."""
    try:
        return json.dumps(reader.read_json(frame), ensure_ascii=False)
    except FormatError:
        return ""


@pytest.mark.parametrize("charset", ["utf-8", "gbk", "gb18030"])
@pytest.mark.parametrize("code", sorted(SECRET_CODES))
def test_a_secret_in_any_place_is_masked_and_the_rest_is_not(code, charset):
    for character in TREACHEROUS:
        if not character.encode(charset, "ignore"):
            continue
        secret = f"{character}AB99{character}"
        for fields in ([(code, secret), ("AA", "1"), ("AO", "馆")], [("AA", "1"), (code, secret), ("AO", "馆")],
                       [("AA", "1"), ("AO", "馆"), (code, secret)]):
            text = PATRON_HEAD + "".join(f"{name}{value}|" for name, value in fields)
            shown = ANY.read_json(text.encode(charset))
            assert shown["fields"] == [[name, MASK if name == code else value] for name, value in fields]


@pytest.mark.parametrize("charset", sorted(set(CHARSETS) - {"utf-8", "ascii"}))
@pytest.mark.parametrize("known", [True, False])
def test_no_charset_lets_the_rest_of_a_secret_out(charset, known):
    encoder = CHARSETS[charset][1]
    reader = Reader.of(Profile(charset=charset), is_charset_known=known)
    for character in [*TREACHEROUS, "é", "ü", "四", "會"]:
        if not character.encode(encoder, "ignore"):
            continue
        for secret in (f"{character}ABSECRET", f"SECRET{character}", f"{character}12SECRET",
                       f"S{character * 2}AASECRET"):
            for frame in (f"{PATRON_HEAD}AO{character}|AA1|AE{secret}|BD{secret}|BLY|",
                          f"{PATRON_HEAD}AE{secret}|AA{character}|BE{secret}",
                          f"{ASK_HEAD}AO{character}|AD{secret}|AA1|"):
                assert "SECRET" not in noted(frame.encode(encoder), reader)


MALFORMED = {
    "no final delimiter": f"{ASK_HEAD}AA1|ADSECRET",
    "no delimiter before": f"{ASK_HEAD}AA1ADSECRET|",
    "no delimiter after": f"{ASK_HEAD}ADSECRETAA1|",
    "small letters": f"{ASK_HEAD}AA1|adSECRET|",
    "a blank before the code": f"{ASK_HEAD}AA1| ADSECRET|",
    "doubled delimiters": f"{ASK_HEAD}AA1|||ADSECRET|||",
    "a delimiter inside": f"{ASK_HEAD}AA1|ADSE|CRET SECRET|",
    "a short fixed part": f"63019{DATE}ADSECRET|AA1|",
    "a date cut short": "2300120260302    1200ADX12345SECRET|AA1|",
    "a date cut in the code": "2300120260302    12000ADSECRET|AA1|",
    "no fixed part": "63ADSECRET|AA1|",
    "an unknown message": f"ZZ{DATE}AA1|ADSECRET|",
    "a repeated secret": f"{ASK_HEAD}ADSECRET|ADSECRET|AA1|",
    "text before the fields": f"{ASK_HEAD}SECRET|AA1|",
    "a bad trailer": f"{ASK_HEAD}ADSECRET|AY1AZ99999",
    "a trailer inside": f"{ASK_HEAD}ADSECRET|AY1AZ0000|AA1|",
    "NUL inside": f"{ASK_HEAD}AA1|\0ADSECRET|",
    "a login without algorithms": "93CNkiosk|COSECRET|",
    "half an algorithm": "930CO12SECRET|CNkiosk|",
    "a password that begins like a message": "9612SECRET",
    "another": "941SECRET",
    "and another": "97SECRET",
    "an escaped name": f"{PATRON_HEAD}AOx|AA1AESECRET|",
    "a secret where none belongs": f"17{DATE}AB1|ADSECRET|BDSECRET|AESECRET|",
    "in a title": f"18030001{DATE}AB1|AJbook|adSECRET|",
}  # fmt: skip


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("charset", ["utf-8", "gbk", "latin-1"])
def test_a_frame_in_disorder_shows_no_secret(text, charset):
    reader = Reader.of(Profile(charset=charset), is_charset_known=True)
    for form in (text, text.replace("SECRET", "SECRET東" if charset != "latin-1" else "SECRETé")):
        assert "SECRET" not in noted(form.encode(charset), reader)
        assert "SECRET" not in noted(form.encode(charset))


def test_of_a_frame_in_doubt_the_shape_is_noted():
    shown = ANY.read_json(f"{ASK_HEAD}AOx|AA1|XYz|adSECRET|".encode())
    assert (shown["message"], set(shown["fixed"].values())) == ("63", {MASK})
    assert shown["fields"] == [["AO", MASK], ["AA", MASK]]
    assert shown["problems"] == ["delimiter_in_value"]


def test_an_answer_without_secrets_is_noted_whatever_its_form():
    frame = f"18030001{DATE}AOx|y|AB1|AJREADING AND CODES".encode()
    assert ANY.read_json(frame)["fields"] == [["AO", "x|y"], ["AB", "1"], ["AJ", "READING AND CODES"]]


def test_a_card_that_looks_like_a_code_is_shown_where_the_password_stands_in_its_field():
    assert ["AA", "READER01"] in ANY.read_json(f"{ASK_HEAD}AOx|AAREADER01|AD1|".encode())["fields"]


def test_a_delimiter_eaten_by_another_charset_hides_no_secret_behind_an_earlier_one():
    frame = Codec(Profile()).encode(build("64", patron_status=" " * 14, transaction_date=DATE)).data.split(b"AO")[0]
    assert "SECRET" not in noted(frame + "AEx|AOé|AESECRET|".encode("latin-1"))


@settings(max_examples=300)
@given(st.sampled_from(["gbk", "gb18030", "big5", "utf-8", "latin-1", "cp850"]), st.data())
def test_a_secret_among_any_fields_is_not_noted(charset, data):
    encoder = CHARSETS[charset][1]
    texts = st.text(st.sampled_from([*"ABz19 ", *TREACHEROUS, "é", "四"]), max_size=5).filter(
        lambda text: text.encode(encoder, "ignore").decode(encoder) == text)
    codes = st.sampled_from(["AO", "AA", "AF", "AE", "BD", "AD", "AC"])
    values = [(code, data.draw(texts) + ("SECRET" if code in SECRET_CODES else ""))
              for code in data.draw(st.lists(codes, max_size=5))]
    message = build("64", patron_status=" " * 14, transaction_date=DATE)
    frame = Codec(Profile(charset=charset)).encode(message).data[:-1].split(b"AO")[0]
    frame += "".join(f"{code}{value}|" for code, value in values).encode(encoder)
    assert "SECRET" not in noted(frame)
    assert "SECRET" not in noted(frame, Reader.of(Profile(charset=charset), is_charset_known=True))
