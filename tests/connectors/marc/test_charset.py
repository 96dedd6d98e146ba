"""One charset for a whole record, decided in a fixed order and never in silence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymarc.marc8 import marc8_to_unicode

from connectors.marc.charset import charset_named, decode
from connectors.marc.marc8 import decode_marc8
from connectors.marc.reader import read_record
from connectors.marc.record import Charset, Evidence, MarcRecord, Problem
from tests.connectors.marc.records import cnmarc, iso

MIXED = cnmarc("001 1", "200 1_ $a中国发展报告", "215 __ $a320页$c图")
RESUME = b"r\xe2esum\xe2e"


def test_a_subfield_that_is_valid_in_both_charsets_follows_the_whole_record() -> None:
    assert "320页".encode("gbk").decode("utf-8") == "320ҳ"
    record = read_record(iso(MIXED, "gbk"))
    assert isinstance(record, MarcRecord)
    assert record.fields[2].value("a") == "320页"
    assert record.charset == Charset("gb18030", Evidence.VALID)


def test_the_configured_charset_comes_first() -> None:
    text, charset = decode("臺灣".encode("big5"), "big5")
    assert (text, charset) == ("臺灣", Charset("big5", Evidence.CONFIGURED))


def test_a_configured_charset_that_does_not_fit_is_noted_and_the_others_are_tried() -> None:
    record = read_record(iso(MIXED, "gb18030"), "utf-8")
    assert isinstance(record, MarcRecord)
    assert record.charset == Charset("gb18030", Evidence.VALID)
    assert record.problems == (Problem.CHARSET,)


def test_marc8_is_told_by_its_escape_sequences_though_its_bytes_are_valid_utf8() -> None:
    data = b"  \x1fa\x1b$1!0%\x1b(B 2008\x1e"
    assert data.decode("utf-8")
    assert decode(data) == ("  \x1fa下 2008\x1e", Charset("marc-8", Evidence.ESCAPES))


@pytest.mark.parametrize(("data", "text"), [
    (b"1 \x1faJos\xe2e Mart\xe2i\x1e", "1 \x1faJosé Martí\x1e"),
    (b"1 \x1faS\xb2ren Kierkegaard\x1e", "1 \x1faSøren Kierkegaard\x1e"),
])
def test_lone_bytes_are_guessed_to_be_marc8_though_they_are_valid_gb18030(data: bytes, text: str) -> None:
    assert data.decode("gb18030")
    assert decode(data) == (text, Charset("marc-8", Evidence.GUESSED))


def test_a_guess_is_a_problem_of_the_record_until_the_charset_is_named() -> None:
    raw = iso(cnmarc("001 1", "200 1_ $aStrækøvelser"), "latin-1")
    guessed, named = read_record(raw), read_record(raw, "latin-1")
    assert isinstance(guessed, MarcRecord)
    assert isinstance(named, MarcRecord)
    assert (guessed.problems, named.problems) == ((Problem.GUESSED,), ())
    assert named.fields[1].value("a") == "Strækøvelser"


@pytest.mark.parametrize("text", ["三体", "朱镕基讲话实录", "Zhu Rongji 朱镕基", "和珅传", "東方快車謀殺案"])
def test_chinese_is_never_taken_for_diacritics(text: str) -> None:
    assert decode(text.encode("gb18030")) == (text, Charset("gb18030", Evidence.VALID))


def test_what_no_charset_fits_is_replaced_and_counted() -> None:
    damaged = iso(MIXED, "gb18030").replace("图".encode("gb18030"), b"\xff\xff")
    record = read_record(damaged)
    assert isinstance(record, MarcRecord)
    assert record.charset == Charset("gb18030", Evidence.REPLACED, 2)
    assert record.problems == (Problem.REPLACED,)
    assert record.fields[2].value("a") == "320页"


@pytest.mark.parametrize("name", ["GB2312", "gbk", "GB18030"])
def test_the_chinese_national_charsets_are_read_as_their_superset(name: str) -> None:
    assert charset_named(name) == "gb18030"


def test_marc8_diacritics_move_behind_their_letter() -> None:
    assert decode_marc8(RESUME) == "résumé"


def test_each_marc8_subfield_begins_in_the_default_sets() -> None:
    assert decode_marc8(b"\x1b$1!0%\x1fa!0%") == "下\x1fa!0%"


def test_a_cut_or_unknown_marc8_character_is_marked() -> None:
    assert decode_marc8(b"\x1b$1!0") == "\ufffd"


@given(st.lists(st.sampled_from([b"abc ", b"\xe2e", b"\xe8u", b"\x1b$1!0%\x1b(B", b"\x1b(NA\x1b(B", b"\xa1"])))
def test_marc8_agrees_with_pymarc_where_its_tables_reach(parts: list[bytes]) -> None:
    data = b"".join(parts)
    assert decode_marc8(data) == marc8_to_unicode(data)
