"""Our tables and our BER against asn1tools, which compiles the same facts from ``z3950.asn``: octet for octet."""

from functools import cache
from pathlib import Path
from typing import Any

import asn1tools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.z3950 import ber, charneg, codec, oid
from connectors.z3950.apdu import SearchRequest
from connectors.z3950.apdu_services import (
    Billing,
    BillInvoice,
    Contact,
    ExtendedServicesRequest,
    ItemOrder,
    OrderPackage,
    PartNotToKeep,
    PartToKeep,
    ResultSetItem,
    TargetPart,
    order_from_external,
    order_to_external,
)
from connectors.z3950.apdu_sets import SortRequest
from connectors.z3950.opac import decode_opac, encode_opac
from connectors.z3950.query import Query, decode_query, encode_query
from connectors.z3950.record import External, value_of
from connectors.z3950.sort import SortKey, decode_sort, encode_sort

from .strategies import attributes, oids, queries, words
from .test_ber import encode_indefinite

FACTS = Path(__file__).with_name("z3950.asn")
SPECIFICATION = asn1tools.compile_files(str(FACTS), "ber")
TYPES = asn1tools.parse_files(str(FACTS))["Z3950"]["types"]

# whole octets, as YAZ and we write them, the last one not empty
bits = st.binary(max_size=2).flatmap(
    lambda head: st.integers(1, 255).map(lambda last: (head + bytes([last]), 8 * len(head) + 8))
)
PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "INTEGER": st.integers(-(2**70), 2**70),
    "BOOLEAN": st.booleans(),
    "OCTET STRING": st.binary(max_size=200),
    "BIT STRING": bits,
    "OBJECT IDENTIFIER": oids,
    "NULL": st.none(),
    "UTF8String": words,
    "VisibleString": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
}


def values(kind: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return what may stand for a type of the parsed module."""
    name = kind["type"]
    if name == "SEQUENCE":
        members = {member["name"]: values(member) for member in kind["members"]}
        optional = {member["name"] for member in kind["members"] if member.get("optional")}
        required = {name: each for name, each in members.items() if name not in optional}
        return st.fixed_dictionaries(required, optional={name: members[name] for name in optional})
    if name == "SEQUENCE OF":
        return st.lists(values(kind["element"]), max_size=3)
    if name == "CHOICE":
        return st.one_of(*(st.tuples(st.just(member["name"]), values(member)) for member in kind["members"]))
    return PRIMITIVES[name] if name in PRIMITIVES else st.deferred(lambda: of_type(name))


@cache
def of_type(name: str) -> st.SearchStrategy[Any]:
    return values(TYPES[name])


@settings(max_examples=150, deadline=None)
@given(of_type("PDU"))
def test_every_pdu_of_theirs_is_read_and_written_alike(pdu: Any):
    octets = SPECIFICATION.encode("PDU", pdu)
    apdu = codec.decode(octets)
    assert codec.encode(apdu) == octets
    assert codec.decode(encode_indefinite(ber.decode(octets))) == apdu


@settings(max_examples=50, deadline=None)
@given(of_type("OpacRecord"))
def test_every_opac_record_of_theirs_is_read_and_written_alike(record: Any):
    octets = SPECIFICATION.encode("OpacRecord", record)
    assert encode_opac(decode_opac(octets)) == octets


@settings(max_examples=60, deadline=None)
@given(queries)
def test_they_read_our_queries(query: Query):
    request = SearchRequest(database_names=("Default",), query=encode_query(query, "utf-8"))
    octets = codec.encode(request)
    assert SPECIFICATION.encode("PDU", SPECIFICATION.decode("PDU", octets)) == octets
    read = codec.decode(octets)
    assert isinstance(read, SearchRequest)
    assert decode_query(read.query, "utf-8") == query


@settings(max_examples=40, deadline=None)
@given(st.lists(st.builds(SortKey, words | st.lists(attributes, max_size=2).map(tuple)), min_size=1, max_size=3))
def test_they_read_our_sort_keys(keys: list[SortKey]):
    element = encode_sort(keys)
    octets = codec.encode(SortRequest(input_result_set_names=("a",), sorted_result_set_name="b", sort_sequence=element))
    assert SPECIFICATION.encode("PDU", SPECIFICATION.decode("PDU", octets)) == octets
    assert decode_sort(element) == tuple(keys)


ILL_REQUEST = External(oid.ILL_APDU, octet_aligned=b"ILL-Request")


@pytest.mark.parametrize("order", [
    ItemOrder(None, PartNotToKeep(ResultSetItem("default", 3))),
    ItemOrder(PartToKeep(None, Contact("值班 desk", "021-1", "ill@example.org"), Billing(BillInvoice(), "A-1", "P-2")),
              PartNotToKeep(ResultSetItem("s", 1), ILL_REQUEST)),
    OrderPackage(None, TargetPart(ILL_REQUEST, None, 2)),
])  # fmt: skip
def test_they_read_our_orders(order: ItemOrder | OrderPackage):
    external = order_to_external(order)
    octets = ber.encode(value_of(external))
    assert SPECIFICATION.encode("ItemOrder", SPECIFICATION.decode("ItemOrder", octets)) == octets
    request = ExtendedServicesRequest(task_specific_parameters=external)
    read = codec.decode(codec.encode(request))
    assert isinstance(read, ExtendedServicesRequest)
    assert order_from_external(read.task_specific_parameters) == order
    assert "021-1" not in repr(order)


@pytest.mark.parametrize("charsets", [["utf-8"], ["gb18030", "utf-8"], ["big5", "utf-16-be"]])
def test_they_read_our_charset_negotiation(charsets: list[str]):
    for information in (charneg.propose(charsets), charneg.select(charsets[0]), charneg.select(None)):
        assert information.external is not None
        octets = ber.encode(value_of(information.external))
        assert SPECIFICATION.encode("Negotiation", SPECIFICATION.decode("Negotiation", octets)) == octets
    assert charneg.proposed([charneg.propose(charsets)]) == charsets
    assert charneg.selected([charneg.select(charsets[0])]) == charsets[0]
    assert charneg.selected([charneg.select(None)]) is None
    assert charneg.selected(None) is None
    assert charneg.proposed([charneg.select("utf-8")]) == []
