"""MARCXML in any namespace or wrapper is read; entities, document types and the network are not."""

import io

from connectors.marc.marcxml import read_marcxml
from connectors.marc.record import BadRecord, MarcRecord, Reason
from connectors.marc.writer import write_marcxml
from tests.connectors.marc.records import THREE_BODY
from tests.peers import require_shared_data

CNMARC_IN_SRU = """<?xml version="1.0"?>
<searchRetrieveResponse xmlns="http://www.loc.gov/zing/srw/"><records><record><recordSchema>cnmarcxml</recordSchema>
<recordData><record xmlns="http://www.nlc.cn/"><leader>00000nam0 2200000   450 </leader>
<controlfield tag="001">7</controlfield><datafield tag="200" ind1="1" ind2=" "><subfield code="a">活着</subfield>
</datafield></record></recordData></record></records></searchRetrieveResponse>"""


def read(text: bytes) -> list[MarcRecord | BadRecord]:
    return list(read_marcxml(io.BytesIO(text)))


def test_our_own_xml_comes_back() -> None:
    (record,) = read(write_marcxml(THREE_BODY))
    assert isinstance(record, MarcRecord)
    assert (record.leader, record.fields) == (THREE_BODY.leader, THREE_BODY.fields)


def test_a_cnmarc_record_is_found_inside_its_sru_answer() -> None:
    (record,) = read(CNMARC_IN_SRU.encode())
    assert isinstance(record, MarcRecord)
    assert [f.value("a") for f in record.every("200")] == ["活着"]


def test_a_cut_document_yields_its_whole_records_and_one_bad_one() -> None:
    whole = b"<collection>" + write_marcxml(THREE_BODY) + b"<record><leader>"
    first, cut = read(whole)
    assert isinstance(first, MarcRecord)
    assert isinstance(cut, BadRecord)
    assert (cut.reason, cut.position) == (Reason.XML, 1)


def test_a_document_type_is_refused() -> None:
    document = b'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><record><leader>&e;</leader></record>'
    assert read(document) == [BadRecord(0, Reason.DOCTYPE, b"")]


def test_a_record_without_a_leader_is_named() -> None:
    (bad,) = read(b"<record><controlfield tag='001'>7</controlfield></record>")
    assert isinstance(bad, BadRecord)
    assert bad.reason is Reason.NO_LEADER


def test_ten_real_records_come_out_of_both_xml_shapes_alike() -> None:
    plain = read(require_shared_data("marc", "cnmarc-dp2-sample.marcxml.xml").read_bytes())
    wrapped = read(require_shared_data("marc", "cnmarc-dp2-sample_cnmarcxml.sru.xml").read_bytes())
    assert len(plain) == 10
    assert [r.fields for r in plain] == [r.fields for r in wrapped]  # type: ignore[union-attr]
