"""APDUs: the tables carry every value both ways, and what is no APDU is refused by name."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.z3950 import ber, codec, oid
from connectors.z3950.apdu import (
    Anonymous,
    Apdu,
    Close,
    Credentials,
    IdPass,
    InitRequest,
    OpenAuthentication,
    Option,
    PresentResponse,
    SearchResponse,
)
from connectors.z3950.asn1 import BITS, INTEGER, OID, reread
from connectors.z3950.ber import context
from connectors.z3950.errors import MalformedApdu, UnsupportedApdu, Z3950Error
from connectors.z3950.record import External, from_external, to_external

from .strategies import apdus
from .test_ber import encode_indefinite

# Sent by yaz-client 5.34 to open an association.
YAZ_INIT_REQUEST = bytes.fromhex(
    "b4528302 00e08403 00e9a285 04040000 00860404 0000009f 6e023831 9f6f0359 415a9f70 2f352e33 342e3020 64656330"
    "63386130 62373632 31333234 36386363 38323634 63316232 32306561 65316336 37626437"
)
# Sent by yaz-ztest 5.34 for two records in SUTRS, in indefinite lengths.
YAZ_PRESENT_RESPONSE = bytes.fromhex(
    "b9809801029901049b0100bc803040800744656661756c74a135a133283106072a8648ce130565a0261b24546869732069732064"
    "756d6d79205355545253207265636f7264206e756d62657220320a3040800744656661756c74a135a133283106072a8648ce1305"
    "65a0261b24546869732069732064756d6d79205355545253207265636f7264206e756d62657220330a00000000"
)


@given(apdus)
def test_every_apdu_is_read_back_as_it_was_written(apdu: Apdu):
    assert codec.decode(codec.encode(apdu)) == apdu


@given(apdus)
def test_indefinite_lengths_change_nothing(apdu: Apdu):
    assert codec.decode(encode_indefinite(ber.decode(codec.encode(apdu)))) == apdu


@given(apdus, st.data())
def test_a_damaged_apdu_is_an_apdu_or_one_of_our_errors(apdu: Apdu, data: st.DataObject):
    octets = bytearray(codec.encode(apdu))
    for place in data.draw(st.lists(st.integers(0, len(octets) - 1), min_size=1, max_size=4)):
        octets[place] = data.draw(st.integers(0, 255))
    with suppress(Z3950Error):
        codec.decode(bytes(octets))


def test_reads_what_yaz_client_opens_with():
    request = codec.decode(YAZ_INIT_REQUEST)
    assert isinstance(request, InitRequest)
    assert request.protocol_version == {0, 1, 2}
    assert {Option.SEARCH, Option.PRESENT, Option.NAMED_RESULT_SETS} <= request.options
    assert (request.preferred_message_size, request.implementation_name) == (64 * 1024 * 1024, "YAZ")
    assert codec.encode(request) == YAZ_INIT_REQUEST


def test_reads_the_indefinite_lengths_of_yaz_ztest():
    response = codec.decode(YAZ_PRESENT_RESPONSE)
    assert isinstance(response, PresentResponse)
    assert response.records is not None
    assert [entry.name for entry in response.records] == ["Default", "Default"]
    for number, entry in enumerate(response.records, start=2):
        assert isinstance(entry.record, External)
        assert entry.record.direct_reference == oid.SUTRS
        assert from_external(entry.record) == b"This is dummy SUTRS record number %d\n" % number


@pytest.mark.parametrize("syntax", [oid.USMARC, oid.UNIMARC, oid.XML, oid.SUTRS])
def test_a_record_comes_out_of_its_external_as_it_went_in(syntax: str):
    data = "题名 三体\x1e".encode("gb18030")
    assert from_external(to_external(syntax, data)) == data


def test_a_structured_record_travels_as_its_own_ber():
    data = ber.encode((16, [(context(1), b"holdings")]))
    external = to_external(oid.OPAC, data)
    assert external.octet_aligned is None
    assert from_external(external) == data


@pytest.mark.parametrize(
    "credentials", [OpenAuthentication("guest/pa55"), IdPass("group", "guest", "pa55"), Anonymous()]
)
def test_credentials_travel_but_are_never_shown(credentials: Credentials):
    request = InitRequest(
        protocol_version=frozenset({1}),
        options=frozenset(),
        preferred_message_size=1,
        exceptional_record_size=1,
        id_authentication=credentials,
    )
    assert codec.decode(codec.encode(request)) == request
    assert "pa55" not in repr(request)
    assert "guest" not in repr(request)


def test_integers_of_any_honest_length():
    for value in (0, 127, 128, -128, -129, 10 * 2**30, 2**63, -(2**200)):
        assert INTEGER.unpack(INTEGER.pack(value)) == value
    with pytest.raises(MalformedApdu):
        INTEGER.unpack(b"\x7f" * 5000)


def test_object_identifiers_of_all_three_roots():
    for dotted in ("0.9.2342", "1.2.840.10003.5.109.10", "2.999.3"):
        assert OID.unpack(OID.pack(dotted)) == dotted


def test_bits_beyond_those_we_know_are_kept():
    assert BITS.unpack(bytes.fromhex("02 e4")) == {0, 1, 2, 5}


def test_text_that_is_not_utf8_can_be_read_again_in_the_charset_of_the_target():
    content: list[ber.Element] = [(context(211), b"\1"), (context(3), "维护".encode("gb18030"))]
    close = codec.decode(ber.encode((context(48), content)))
    assert isinstance(close, Close)
    assert ber.decode(codec.encode(close)) == (context(48), content)
    assert reread(close.diagnostic_information or "", "gb18030") == "维护"


@pytest.mark.parametrize(
    ("pdu", "error", "reason"),
    [
        ("bc 00", UnsupportedApdu, r"\[28\]"),
        ("30 00", UnsupportedApdu, "UNIVERSAL 16"),
        ("97 00", MalformedApdu, "octets stand where a sequence should"),
        ("b7 03 97 01 05", MalformedApdu, "SearchResponse lacks number_of_records_returned"),
        ("b7 06 97 01 05 97 01 05", MalformedApdu, "result_count: stands twice"),
        ("b7 02 97 00", MalformedApdu, "result_count: an INTEGER has"),
        ("b7 05 bc 03 02 01 05", MalformedApdu, "records: unexpected tag UNIVERSAL 2"),
    ],
)
def test_says_what_is_wrong_and_where(pdu: str, error: type[Z3950Error], reason: str):
    with pytest.raises(error, match=reason):
        codec.decode(bytes.fromhex(pdu))


def test_parameters_of_later_editions_are_stepped_over():
    response = SearchResponse(
        result_count=1, number_of_records_returned=0, next_result_set_position=1, search_status=True
    )
    tag, content = ber.decode(codec.encode(response))
    assert isinstance(content, list)
    assert codec.decode(ber.encode((tag, [*content, (context(299), b"new")]))) == response
