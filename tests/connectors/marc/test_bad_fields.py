"""Nothing that stands in a record's fields stops a harvest: what does not fit is kept as a local field, verbatim."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.marc.mapping import TABLES, bib_from_record, record_from_bib
from connectors.marc.reader import read_record
from connectors.marc.record import Field, MarcRecord, RecordTooLong, UnwritableText
from connectors.marc.writer import write_iso2709, write_json, write_marcxml
from schemas.bib import Bib, LocalField, MarcFormat
from tests.connectors.marc.records import CNMARC_LEADER, field

TEXT = st.text(max_size=6)
CODES = st.sampled_from("abcdefghijnopqrtuvxyz0123456789AEF")
SUBFIELDS = st.one_of(st.just(""), st.builds(str.__add__, CODES, TEXT), TEXT)
INDICATORS = ["  ", "0 ", "1 ", " 0", " 1", " 4", "02", "12", "2 ", "31", "", "9", "123"]
UNMAPPED = ["", "1", "001", "005", "008", "040", "880", "886", "905", "AVA"]


def fields(source: MarcFormat) -> st.SearchStrategy[tuple[Field, ...]]:
    """Fields with every tag that the format's table reads, and anything inside."""
    tags = st.sampled_from(sorted(TABLES[source].tags) + UNMAPPED)
    subfields = st.lists(SUBFIELDS, max_size=5).map(tuple)
    return st.lists(st.builds(Field, tags, st.sampled_from(INDICATORS), subfields), max_size=4).map(tuple)


FIELDS = st.sampled_from(MarcFormat).flatmap(lambda source: st.tuples(st.just(source), fields(source)))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (MarcFormat.CNMARC, "690 __ $v5"),
        (MarcFormat.CNMARC, "606 0_ $x历史"),
        (MarcFormat.CNMARC, "801 _0 $aCN"),
        (MarcFormat.CNMARC, "856 4_ $y全文"),
        (MarcFormat.MARC21, "084 __ $2clc/5"),
        (MarcFormat.MARC21, "650 _7 $2cct"),
        (MarcFormat.MARC21, "700 1_ $eeditor"),
    ],
)
def test_a_field_without_what_its_element_needs_is_kept_as_it_is(source: MarcFormat, text: str) -> None:
    wanting = field(text)
    found = bib_from_record(MarcRecord(CNMARC_LEADER, (field("001 1"), wanting)), source=source)
    assert found.local_fields == (LocalField(**wanting._asdict()),)
    assert wanting in record_from_bib(found, source).fields


@given(FIELDS, st.text(max_size=26))
@settings(max_examples=400)
def test_any_fields_become_a_bib_that_the_wire_takes_and_that_both_formats_write(
    given_fields: tuple[MarcFormat, tuple[Field, ...]], leader: str
) -> None:
    source, arbitrary = given_fields
    found = bib_from_record(MarcRecord(leader, arbitrary), source=source)
    assert Bib.model_validate_json(found.model_dump_json()) == found
    for target in MarcFormat:
        record_from_bib(found, target)


@given(FIELDS, st.text(max_size=26))
@settings(max_examples=300)
def test_a_record_is_written_or_refused_by_name(
    given_fields: tuple[MarcFormat, tuple[Field, ...]], leader: str
) -> None:
    record = MarcRecord(leader, given_fields[1])
    for write in (write_iso2709, write_marcxml, write_json):
        with suppress(UnwritableText, RecordTooLong):
            assert write(record)


def test_a_field_without_indicators_is_a_field_with_blank_ones() -> None:
    raw = write_iso2709(MarcRecord(CNMARC_LEADER, (field("001 1"), field("200 1_ $a三体$f刘慈欣著"))))
    without = raw.replace(b"1 \x1fa", b"\x1fa")
    read = read_record(without)
    assert isinstance(read, MarcRecord)
    assert read.fields[1] == field("200 __ $a三体$f刘慈欣著")
    assert bib_from_record(read).title == "三体"


def test_an_empty_number_is_no_number() -> None:
    records = [MarcRecord(CNMARC_LEADER, (Field("001", "", (" ",)),), raw) for raw in (b"one", b"two")]
    assert len({bib_from_record(record).record_id for record in records}) == 2
