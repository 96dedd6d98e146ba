"""What a repository answers: lists, deleted records, refusals by code, and answers that are no OAI-PMH."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.oai.errors import NoMarcFormat, OaiError, OaiMalformed, OaiRefused
from connectors.oai.pages import Identity, Page, marc_prefix, read_identity, read_page
from tests.connectors.oai.repositories import NOW, SLIM, Entry, envelope, error, formats, page

MARC = b'<record xmlns="http://www.loc.gov/MARC21/slim"><leader>00000nam</leader></record>'


def test_a_page_has_records_some_of_them_deleted_and_a_token_for_the_next() -> None:
    told = read_page(page([Entry("oai:a:1", MARC), Entry("oai:a:2", deleted=True)], "next&page", "812"))
    assert [(each.identifier, each.is_deleted) for each in told.records] == [("oai:a:1", False), ("oai:a:2", True)]
    assert (told.token, told.total, told.is_repaired) == ("next&page", 812, False)
    assert b"00000nam" in told.records[0].metadata
    assert told.records[1].metadata == b""


@pytest.mark.parametrize("token", [None, "", "  "])
def test_the_last_page_has_no_token_or_an_empty_one(token: str | None) -> None:
    assert read_page(page([Entry("1", MARC)], token)).token == ""


@pytest.mark.parametrize("size", ["", "many", "-1", "9" * 40, "１２"])
def test_a_size_that_is_no_number_is_none(size: str) -> None:
    assert read_page(page([], "t", size)).total is None


def test_a_list_without_records_is_an_empty_page_and_other_refusals_are_errors() -> None:
    assert read_page(error("noRecordsMatch")) == Page()
    with pytest.raises(OaiRefused, match="badResumptionToken it has expired") as caught:
        read_page(error("badResumptionToken", "it has\n expired"))
    assert caught.value.code == "badResumptionToken"


@pytest.mark.parametrize("raw", [
    b"", b"not XML", b"<html><body>login</body></html>", page([Entry("1", MARC)])[:-20], envelope(""),
    page([Entry("", MARC)]), b"<!DOCTYPE a [<!ENTITY e 'x'>]>" + page([]).partition(b"?>")[2],
    page([Entry("1", b"<a>\xff</a>".decode("latin-1").encode("utf-8"))]).replace("ÿ".encode(), b"\xff"),
])
def test_what_is_no_whole_answer_is_refused_by_name(raw: bytes) -> None:
    with pytest.raises(OaiMalformed):
        read_page(raw)


def test_an_entity_is_never_expanded_nor_a_file_read() -> None:
    raw = page([Entry("1", b"<a>&e;</a>")]).replace(b"?>", b"?><!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>")
    with pytest.raises(OaiMalformed, match="document type"):
        read_page(raw)


@pytest.mark.parametrize("written", ["\x1f", "&#31;", "&#x1F;", "&#x0;", "\x00"])
def test_characters_that_xml_forbids_are_replaced_and_the_page_says_so(written: str) -> None:
    told = read_page(page([Entry("1", f"<a>三{written}体&#10;</a>".encode())]))
    assert told.is_repaired
    assert "三\ufffd体".encode("ascii", "xmlcharrefreplace") in told.records[0].metadata


@settings(max_examples=300)
@given(st.data())
def test_only_the_named_errors_escape_from_a_damaged_answer(data: st.DataObject) -> None:
    raw = bytearray(page([Entry("1", MARC), Entry("2", deleted=True)], "t", "2"))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    for read in (read_page, read_identity, marc_prefix):
        try:
            read(cut)
        except OaiError:
            continue


def test_a_repository_says_what_it_is_by_its_own_clock() -> None:
    told = read_identity(envelope("<Identify><granularity>YYYY-MM-DD</granularity><deletedRecord>transient"
                                  "</deletedRecord></Identify>"))
    assert told == Identity(NOW, keeps_days_only=True, tells_all_deletions=False)
    moment = datetime(2026, 12, 1, 7, 30, 15, tzinfo=UTC)
    assert told.datestamp(moment) == "2026-12-01"
    assert Identity(NOW, False, True).datestamp(moment) == "2026-12-01T07:30:15Z"


def test_marc_is_found_by_the_name_of_its_format_or_by_its_namespace() -> None:
    assert marc_prefix(formats(("oai_dc", "x"), ("unimarc", "y"))) == "unimarc"
    assert marc_prefix(formats(("zz", SLIM), ("marc21", "y"))) == "marc21"
    assert marc_prefix(formats(("oai_dc", "x"), ("bib", SLIM))) == "bib"
    with pytest.raises(NoMarcFormat, match="only mods, oai_dc"):
        marc_prefix(formats(("oai_dc", "x"), ("mods", "y")))
