"""What is written, other software reads: pymarc takes our ISO 2709, our XML and our JSON."""

import io
import json

import pymarc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.marc.mapping import bib_from_record, record_from_bib
from connectors.marc.reader import read_record
from connectors.marc.record import Field, MarcRecord, RecordTooLong, UnwritableText
from connectors.marc.writer import write_iso2709, write_json, write_marcxml
from schemas.bib import Bib, MarcFormat
from tests.connectors.marc.records import CNMARC_LEADER, THREE_BODY, cnmarc

TEXTS = st.text(st.characters(codec="gb18030", exclude_categories=("Cc", "Cs", "Co", "Cn")), min_size=1, max_size=12)


def test_pymarc_reads_our_utf8() -> None:
    record = pymarc.Record(write_iso2709(THREE_BODY), force_utf8=True)
    assert record["200"]["a"] == "三体"
    assert int(str(record.leader)[:5]) == len(write_iso2709(THREE_BODY))


def test_pymarc_reads_our_gb18030() -> None:
    (record,) = pymarc.MARCReader(io.BytesIO(write_iso2709(THREE_BODY, "gb18030")), file_encoding="gb18030")
    assert record["210"]["c"] == "重庆出版社"


def test_pymarc_reads_the_marc21_we_make_of_cnmarc_without_a_hint() -> None:
    converted = record_from_bib(bib_from_record(THREE_BODY), MarcFormat.MARC21)
    (record,) = pymarc.MARCReader(io.BytesIO(write_iso2709(converted)))
    assert (record.title, record.isbn, record.pubyear) == ("三体 /", "9787536692930", "2008.1")
    assert record.as_marc() == write_iso2709(converted)


@given(st.lists(TEXTS, min_size=1, max_size=5), st.sampled_from(["utf-8", "gb18030"]))
def test_every_text_comes_back(texts: list[str], charset: str) -> None:
    fields = (Field("001", "", ("1",)), *(Field("300", "  ", ("a" + text,)) for text in texts))
    back = read_record(write_iso2709(MarcRecord(CNMARC_LEADER, fields), charset), charset)
    assert isinstance(back, MarcRecord)
    assert back.fields == fields
    assert back.problems == ()


def test_a_record_beyond_iso2709_is_refused_by_name_and_fits_into_xml() -> None:
    long = cnmarc("001 42", "330 __ $a" + "长" * 4000)
    with pytest.raises(RecordTooLong, match=r"'42'.*write MARCXML instead"):
        write_iso2709(long)
    assert "长" * 4000 in write_marcxml(long).decode()


def test_what_a_charset_cannot_write_is_refused_with_field_and_character() -> None:
    with pytest.raises(UnwritableText, match="field 200 holds 'é', which big5"):
        write_iso2709(cnmarc("001 1", "200 1_ $aCafé"), "big5")


def test_a_delimiter_inside_a_text_is_refused() -> None:
    with pytest.raises(UnwritableText, match="delimiters"):
        write_iso2709(cnmarc("001 1", "200 1_ $aA\x1eB"))
    with pytest.raises(UnwritableText, match="control character"):
        write_marcxml(cnmarc("001 1", "200 1_ $aA\x1eB"))


def test_marc8_is_not_written() -> None:
    with pytest.raises(UnwritableText, match="choose utf-8"):
        write_iso2709(THREE_BODY, "marc-8")


def test_pymarc_reads_our_xml_and_json() -> None:
    (from_xml,) = pymarc.parse_xml_to_array(io.BytesIO(write_marcxml(THREE_BODY)))
    (from_json,) = pymarc.JSONReader(write_json(THREE_BODY))
    assert from_xml["200"]["a"] == from_json["200"]["a"] == "三体"
    assert json.loads(write_json(THREE_BODY))["fields"][0] == {"001": "012003"}


@pytest.mark.parametrize(
    ("target", "leader"),
    [(MarcFormat.MARC21, "00000nam a2200000   4500"), (MarcFormat.CNMARC, "00000nam0 2200000   450 ")],
)
def test_a_bib_without_a_leader_gets_its_formats_own(target: MarcFormat, leader: str) -> None:
    written = record_from_bib(Bib(record_id="1", source=target, title="三体"), target)
    assert written.leader == leader
    assert pymarc.Record(write_iso2709(written)).leader[9] == leader[9]


@pytest.mark.parametrize(
    "record",
    [
        MarcRecord(CNMARC_LEADER, (Field("2\x1e0", "  ", ("aA",)),)),
        MarcRecord(CNMARC_LEADER, (Field("200", "1\x00", ("aA",)),)),
        MarcRecord(CNMARC_LEADER, (Field("200", "1 ", ("\x01A",)),)),
        MarcRecord(CNMARC_LEADER, (Field("200", "123", ("aA",)),)),
        MarcRecord(CNMARC_LEADER, (Field("20", "1 ", ("aA",)),)),
        MarcRecord("00000nam\x02", ()),
        MarcRecord(CNMARC_LEADER + "0", ()),
        MarcRecord("00000名", ()),
    ],
)
def test_what_xml_cannot_hold_is_refused_wherever_it_stands(record: MarcRecord) -> None:
    with pytest.raises(UnwritableText):
        write_marcxml(record)


def test_a_control_field_with_letters_for_its_tag_keeps_its_text() -> None:
    aleph = MarcRecord(CNMARC_LEADER, (Field("FMT", "", ("BK",)), Field("009", "1 ", ("aodd",))))
    assert json.loads(write_json(aleph))["fields"][0] == {"FMT": "BK"}
    assert b'<controlfield tag="FMT">BK</controlfield>' in write_marcxml(aleph)
    assert b'<subfield code="a">odd</subfield>' in write_marcxml(aleph)
