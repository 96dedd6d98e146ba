"""SRU's answers: written in both versions and read back; read from strangers without harm."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sru.errors import NotSru
from connectors.sru.messages import (
    Diagnostic,
    Explanation,
    Packing,
    ScanAnswer,
    ScanTerm,
    SearchAnswer,
    SruRecord,
    Version,
)
from connectors.sru.reading import parse_xml, read_explain, read_scan, read_search
from connectors.sru.writing import write_explain, write_scan, write_search

MARC = '<record xmlns="http://www.loc.gov/MARC21/slim"><leader>x</leader>红楼梦 &amp; &lt;石头记&gt;</record>'.encode()
versions = pytest.mark.parametrize("version", Version)
packings = pytest.mark.parametrize("packing", Packing)


@versions
@packings
def test_a_search_answer_is_read_back_as_it_was_written(version: Version, packing: Packing) -> None:
    answer = SearchAnswer(3, (SruRecord("marcxml", MARC, 1, "id1"), SruRecord("marcxml", MARC, 2)),
                          (Diagnostic(66, "Unknown schema for retrieval", "mods"),), 3)
    assert read_search(write_search(answer, version, packing)) == answer


@versions
def test_a_scan_answer_is_read_back_as_it_was_written(version: Version) -> None:
    answer = ScanAnswer((ScanTerm("红楼", 7, "红楼"), ScanTerm("红楼梦"), ScanTerm("", 0)), (Diagnostic(16, "x", "y"),))
    assert read_scan(write_scan(answer, version)) == answer


@versions
@packings
def test_a_server_s_description_is_read_back_as_it_was_written(version: Version, packing: Packing) -> None:
    indexes = ("dc.title", "cql.anywhere")
    explanation = Explanation("union", "长三角联合目录", indexes, {"marcxml": "info:srw/schema/1/x"}, 10, 50)
    assert read_explain(write_explain(explanation, version, "127.0.0.1", 210, packing)) == explanation


@given(st.text(max_size=30), st.integers(0, 2**62))
def test_whatever_text_is_written_is_xml(text: str, hits: int) -> None:
    answer = read_search(write_search(SearchAnswer(hits, diagnostics=(Diagnostic(10, "m", f"x{text}"),)), Version.V1_2))
    assert (answer.hits, answer.diagnostics[0].code) == (hits, 10)


def test_a_diagnostic_in_the_place_of_a_record_is_a_diagnostic() -> None:
    data = b"""<searchRetrieveResponse xmlns="http://www.loc.gov/zing/srw/"><numberOfRecords>2</numberOfRecords>
    <records><record><recordSchema>info:srw/schema/1/diagnostics-v1.1</recordSchema><recordData>
    <diagnostic xmlns="http://www.loc.gov/zing/srw/diagnostic/"><uri>info:srw/diagnostic/1/67</uri></diagnostic>
    </recordData></record><record><recordData>no xml</recordData></record></records></searchRetrieveResponse>"""
    answer = read_search(data)
    assert (answer.hits, answer.records) == (2, ())
    assert [each.code for each in answer.diagnostics] == [67, 64]


DOUBLED = "".join(f'<!ENTITY {chr(98 + i)} "&{chr(97 + i)};&{chr(97 + i)};">' for i in range(20))
BOMB = (f'<!DOCTYPE a [<!ENTITY a "ha">{DOUBLED}]><searchRetrieveResponse>&u;</searchRetrieveResponse>').encode()
OUTSIDE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><searchRetrieveResponse>&x;</searchRetrieveResponse>'


@pytest.mark.parametrize("data", [
    b"", b"no xml", b"<a/>", b"<html><body>502</body></html>", BOMB, OUTSIDE, b"\xff\xfe<", b"<a>" * 100_000,
    b"<searchRetrieveResponse>", b'<?xml version="1.0" encoding="klingon"?><a/>',
    b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><searchRetrieveResponse/>',
], ids=range(11))
def test_what_is_no_sru_answer_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(NotSru):
        read_search(data)


@pytest.mark.parametrize("count", ["-1", "", "many", "9" * 400, "٣"])
def test_a_count_that_is_none_is_not_believed(count: str) -> None:
    data = f"<searchRetrieveResponse><numberOfRecords>{count}</numberOfRecords></searchRetrieveResponse>".encode()
    assert read_search(data).hits is None


@given(st.binary(max_size=200))
def test_any_bytes_are_xml_or_refused(data: bytes) -> None:
    with suppress(NotSru):
        parse_xml(data)
