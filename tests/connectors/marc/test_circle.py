"""CNMARC to MARC 21 and home, or the other way: what has no words there travels in 886; nothing comes home twice."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.marc.mapping import bib_from_record, record_from_bib
from connectors.marc.record import Field, MarcRecord
from schemas.bib import Contributor, MarcFormat
from tests.connectors.marc.records import CNMARC_LEADER, MARC21_LEADER, THREE_BODY, cnmarc, field, marc21
from tests.connectors.marc.test_bad_fields import fields as fields_of
from tests.connectors.marc.test_mapping import FIELDS, comparable, only

CNMARC, MARC21 = MarcFormat.CNMARC, MarcFormat.MARC21


def there(record: MarcRecord) -> MarcRecord:
    return record_from_bib(bib_from_record(record, source=CNMARC), MARC21)


def home(record: MarcRecord) -> MarcRecord:
    return record_from_bib(bib_from_record(record, source=MARC21), CNMARC)


@pytest.mark.parametrize(
    "text",
    [
        "801 _0 $aCN$bNLC$c20080501$gCNMARC",
        "510 1_ $aHarry Potter$Aharry$zeng",
        "225 2_ $a丛书$dSeries$e副题$f主编$h第1辑$i文学$v3",
        "200 1_ $a三体$dThree body$b专著$f刘慈欣著",
        "454 _0 $12001 $aPride and prejudice$Aao man",
        "105 __ $aa   z   000fy",
        "304 __ $a题名取自封面",
        "701 _0 $a刘慈欣$4著",
        "010 __ $a978-7-5366-9293-0$b平装",
        "100 __ $a20080501d2008    em y0chiy50      ea",
    ],
)
def test_a_fact_that_marc21_has_no_words_for_comes_home(text: str) -> None:
    record = cnmarc("001 1", text)
    assert [f for f in home(there(record)).fields if f.tag == text[:3]] == [field(text)]


def test_what_marc21_says_as_well_needs_no_copy() -> None:
    record = cnmarc("001 1", "205 __ $a2版", "210 __ $a北京$d2001", "606 0_ $a诗歌$y中国", "712 02 $a大学$b馆")
    assert list(there(record).every("886")) == []


def test_the_three_body_problem_comes_home_as_it_left() -> None:
    assert comparable(home(there(THREE_BODY))) == comparable(THREE_BODY)


@given(st.lists(FIELDS, max_size=6))
@settings(max_examples=200, deadline=None)
def test_cnmarc_to_marc21_and_home_loses_nothing(fields: list[Field]) -> None:
    record = MarcRecord(CNMARC_LEADER, (Field("001", "", ("1",)), *fields))
    came, left = comparable(home(there(record))), comparable(record)
    assert came >= left
    assert {tag for tag, *_ in came - left} <= {"100", "102", "886"}, "no field comes twice, and 008 says a little"


@given(fields_of(MARC21).filter(lambda fields: not any(f.is_control and not f.subfields for f in fields)))
@settings(max_examples=150, deadline=None)
def test_marc21_to_cnmarc_and_home_loses_nothing(fields: tuple[Field, ...]) -> None:
    found = bib_from_record(MarcRecord(MARC21_LEADER, (Field("001", "", ("1",)), *fields)), source=MARC21)
    away = bib_from_record(record_from_bib(found, CNMARC), source=CNMARC)
    assert comparable(record_from_bib(away, MARC21)) >= comparable(record_from_bib(found, MARC21))


def test_a_correction_made_in_marc21_is_not_undone_at_home() -> None:
    away = bib_from_record(there(cnmarc("001 1", "200 1_ $a三休$b专著$f刘慈欣著")), source=MARC21)
    corrected = record_from_bib(away.model_copy(update={"title": "三体"}), CNMARC)
    assert "三体" in [f.value("a") for f in corrected.every("200")]


def test_the_units_of_a_body_have_their_subfields() -> None:
    record = cnmarc("001 1", "711 02 $a清华大学$b图书馆$4编")
    assert bib_from_record(record).contributors[0].units == ("图书馆",)
    assert only(there(record), "710") == field("710 2_ $a清华大学.$b图书馆,$e编")
    assert isinstance(bib_from_record(record).contributors[0], Contributor)


def test_105_and_106_fill_the_positions_of_008_for_books() -> None:
    written = there(cnmarc("001 1", "105 __ $aach z   011ay", "106 __ $as", "200 1_ $a三体")).control("008")
    assert (written[18:22], written[23], written[24:28]) == ("ach ", "s", "    ")
    assert (written[29:32], written[33], written[34]) == ("011", "1", " ")


def test_a_code_that_no_field_gives_keeps_its_008() -> None:
    text = "080501s2008    cc a   b    000 0 chi d"
    record = marc21("001 1", f"008 {text}", "245 00 $aA")
    assert record_from_bib(bib_from_record(record), MARC21).control("008") == text
