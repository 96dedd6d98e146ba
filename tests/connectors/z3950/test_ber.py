"""BER: what is written is read back, however it arrives, and hostile octets cost no more than honest ones."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.z3950.ber import ELEMENTS_MAX, Element, Limits, Reader, context, decode, encode
from connectors.z3950.errors import MalformedBer, TooDeep, TooLarge, Z3950Error

from .strategies import elements, pdus

SMALL = Limits(pdu_bytes_max=1000, depth_max=10)


def encode_indefinite(element: Element) -> bytes:
    """Write as YAZ does: every constructed element in indefinite length."""
    tag, content = element
    if isinstance(content, bytes):
        return encode(element)
    header = encode((tag, []))
    return header[:-1] + b"\x80" + b"".join(map(encode_indefinite, content)) + b"\0\0"


def pieces(data: bytes, size: int) -> list[Element]:
    reader = Reader(Limits())
    found = []
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        while (pdu := reader.next()) is not None:
            found.append(pdu)
    return found


@given(elements)
def test_reads_back_what_it_writes_in_definite_and_indefinite_lengths(element: Element):
    assert decode(encode(element)) == element
    assert decode(encode_indefinite(element)) == element


@given(st.lists(pdus, min_size=1, max_size=4), st.integers(1, 50))
def test_pipelined_pdus_are_cut_apart_whole_and_byte_by_byte(sent: list[Element], size: int):
    stream = b"".join(encode(each) if index % 2 else encode_indefinite(each) for index, each in enumerate(sent))
    assert pieces(stream, len(stream)) == pieces(stream, size) == pieces(stream, 1) == sent


@given(st.binary(max_size=300))
def test_garbage_is_an_element_or_one_of_our_errors(data: bytes):
    for attempt in (lambda: decode(data), lambda: pieces(data, len(data) or 1), lambda: pieces(data, 1)):
        with suppress(Z3950Error):
            attempt()


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("", "0 octets end inside"),
        ("30", "end inside"),
        ("30 05 02 01", "end inside"),
        ("30 80 02 01 05", "end inside"),
        ("30 04 30 80 02 00", "end inside"),
        ("30 03 02 02 05 05", "runs past its container"),
        ("04 80 00 00", "primitive element of indefinite length"),
        ("00 00", "closes nothing"),
        ("30 02 00 00", "closes nothing"),
        ("30 80 00 01 00", "with contents"),
        ("30 80 20 00", "has contents"),
        ("30 ff 00", "length of 127 octets"),
        ("bf ff ff ff 01 00", "tag number"),
        ("02 01 05 02 01 05", "follow the only element"),
    ],
)
def test_names_what_is_wrong(octets: str, reason: str):
    with pytest.raises(MalformedBer, match=reason):
        decode(bytes.fromhex(octets))


@pytest.mark.parametrize("bomb", [b"\x30\x80" * 50_000, b"\xb9\x80\xa0\x80" * 20_000])
def test_a_nesting_bomb_is_refused_at_the_depth_limit(bomb: bytes):
    with pytest.raises(TooDeep):
        decode(bomb)
    with pytest.raises(TooDeep):
        pieces(bomb, 1000)


def test_a_definite_nesting_bomb_is_refused_too():
    bomb: Element = (context(1), b"")
    for _ in range(200):
        bomb = (context(1), [bomb])
    with pytest.raises(TooDeep):
        decode(encode(bomb))


def test_a_pdu_that_claims_too_much_is_refused_before_it_arrives():
    reader = Reader(SMALL)
    reader.feed(b"\xb9\x84\x7f\xff\xff\xff")
    with pytest.raises(TooLarge):
        reader.next()


def test_an_endless_indefinite_pdu_is_refused_at_the_size_limit():
    reader = Reader(SMALL)
    reader.feed(b"\xb9\x80" + b"\x04\x08--------" * 200)
    with pytest.raises(TooLarge):
        reader.next()


def test_a_pdu_of_countless_tiny_elements_is_refused_in_bounded_time():
    crumbs = b"\x05\x00" * (ELEMENTS_MAX * 3)
    started = time.process_time()
    with pytest.raises(TooLarge):
        decode(b"\xb9\x80" + crumbs + b"\0\0")
    with pytest.raises(TooLarge):
        pieces(b"\xb9\x80" + crumbs, len(crumbs))
    assert time.process_time() - started < 5


@pytest.mark.parametrize("beginning", [b"\0\0", b"GET / HTTP/1.1", b"\x16\x03\x01\x02\0"])
def test_another_protocol_is_told_at_its_first_octets(beginning: bytes):
    reader = Reader(SMALL)
    reader.feed(beginning)
    with pytest.raises(MalformedBer, match="no PDU"):
        reader.next()
