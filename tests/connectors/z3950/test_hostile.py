"""Targets that lie, flood, fall mute or break off: a named error, bounded time and memory, and no other one suffers."""

import asyncio
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.z3950 import ber, codec, oid
from connectors.z3950.apdu import (
    Apdu,
    Close,
    CloseReason,
    InitRequest,
    PresentRequest,
    PresentResponse,
    SearchRequest,
)
from connectors.z3950.association import Association
from connectors.z3950.ber import Limits, Reader, context
from connectors.z3950.errors import (
    InitRefused,
    MalformedApdu,
    MalformedBer,
    OutOfTurn,
    TargetClosed,
    TargetDiagnostic,
    TargetSilent,
    TooDeep,
    TooLarge,
    WrongReference,
    Z3950Error,
)
from connectors.z3950.pqf import parse
from connectors.z3950.profile import Profile
from connectors.z3950.record import External, NamePlusRecord, to_external
from connectors.z3950.session import OriginSession

from .peers import Script, scripted_target
from .strategies import apdus
from .test_ber import encode_indefinite
from .test_client import ACCEPT, accept_then, found

A = parse("a")
MEGABYTE = 1 << 20


def presented(*records: NamePlusRecord, returned: int | None = None) -> PresentResponse:
    return PresentResponse(number_of_records_returned=returned or len(records), next_result_set_position=1 << 60,
                           present_status=0, records=records)  # fmt: skip


def marc(size: int) -> NamePlusRecord:
    return NamePlusRecord(record=to_external(oid.USMARC, b"m" * size))


def answering(*answers: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_then(reader, writer, *answers)
        await reader.read()

    return script


async def meet(script: Script, errand: Callable[[Association], object], seconds: float = 1.0) -> None:
    async with scripted_target(script) as port:
        association = Association(Profile(host="127.0.0.1", port=port, deadline_seconds=seconds))
        async with association:
            await errand(association)  # type: ignore[misc]


async def find_and_present(association: Association) -> list[bytes]:
    await association.search(A)
    return [record.data for record in await association.present(1, 10)]


@pytest.mark.parametrize(("answer", "error"), [
    (b"\xb7\x80" + b"\xa0\x80" * 5000, TooDeep),
    (b"\xb7\x84\x7f\xff\xff\xff", TooLarge),
    (b"\xb7\x88\x7f\xff\xff\xff\xff\xff\xff\xff", TooLarge),
    (b"\xb7\xff", MalformedBer),
    (b"\xb7\x03\x97\x05\x01", MalformedBer),
    (b"HTTP/1.1 400 Bad Request\r\n", MalformedBer),
    (b"\xb7\x03\x97\x01\x05", MalformedApdu),
    (found(1, b"another's"), WrongReference),
    (codec.encode(ACCEPT), OutOfTurn),
    (found(1)[:5], TargetSilent),
    (b"", TargetSilent),
])  # fmt: skip
async def test_what_a_target_answers_a_search_with_is_named(answer: bytes, error: type[Z3950Error]):
    started = time.monotonic()
    with pytest.raises(error):
        await meet(answering(answer), lambda association: association.search(A), seconds=0.3)
    assert time.monotonic() - started < 2


async def test_a_record_of_twenty_megabytes_comes_whole_and_is_held_few_times():
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_then(reader, writer, found(1))
        request = codec.decode(await reader.read(9999))
        assert isinstance(request, PresentRequest)
        writer.write(encode_indefinite(ber.decode(codec.encode(presented(marc(20 * MEGABYTE))))))
        await writer.drain()
        await reader.read()

    sizes: list[int] = []

    async def errand(association: Association) -> None:
        sizes.extend(map(len, await find_and_present(association)))

    tracemalloc.start()
    try:
        await meet(script, errand, seconds=10)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sizes == [20 * MEGABYTE]
    assert peak < 200 * MEGABYTE  # the target's own copies are among them


async def test_a_longer_one_ends_the_association_before_it_has_come():
    huge = b"\xb9\x80\xbc\x80\x30\x80\xa1\x80\xa1\x80\x28\x80\x81\x84\x40\x00\x00\x00" + b"m" * MEGABYTE
    with pytest.raises(TooLarge):
        await meet(answering(found(1), huge), find_and_present)


async def test_more_records_than_asked_for_are_cut_off():
    got: list[bytes] = []

    async def errand(association: Association) -> None:
        await association.search(A)
        got.extend(record.data for record in await association.present(1, 3))

    await meet(answering(found(5), codec.encode(presented(*[marc(4)] * 1000))), errand)
    assert got == [b"mmmm"] * 3


async def test_hits_beyond_all_bounds_are_asked_for_only_as_far_as_wanted():
    places: list[int] = []

    async def errand(association: Association) -> None:
        assert await association.search(A) == 10 << 30
        places.append(len(await association.present(1, 5)))

    await meet(answering(found(10 << 30), codec.encode(presented(marc(1)))), errand)
    assert places == [5]  # the target says that it passed over the last four


async def test_one_record_that_cannot_be_read_spoils_no_other():
    empty = NamePlusRecord(record=External(oid.USMARC))
    script = answering(found(3), codec.encode(presented(marc(1), empty, marc(2))))
    async with scripted_target(script) as port, Association(Profile(host="127.0.0.1", port=port)) as association:
        await association.search(A)
        one, bad, two = await association.present(1, 3)
    assert (one.data, two.data) == (b"m", b"mm")
    assert isinstance(bad.diagnostic, TargetDiagnostic)


async def test_a_flood_that_nobody_asked_for_ends_the_association():
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_then(reader, writer)
        with suppress(ConnectionError):
            for _ in range(1000):
                writer.write(found(1) * 1000)
                await writer.drain()

    async with scripted_target(flood) as port, Association(Profile(host="127.0.0.1", port=port)) as association:
        for _ in range(100):
            await asyncio.sleep(0.01)
        assert not association.is_open
        with pytest.raises(TargetClosed):
            await association.search(A)


async def test_a_close_in_place_of_the_init_response_is_a_refusal():
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(9999)
        writer.write(codec.encode(Close(close_reason=CloseReason.SECURITY_VIOLATION)))

    with pytest.raises(InitRefused):
        await meet(script, find_and_present, seconds=0.3)


async def test_a_mute_target_delays_no_other():
    async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def visit(script: Script) -> float:
        started = time.monotonic()
        with suppress(TargetSilent):
            await meet(script, lambda association: association.search(A), seconds=0.5)
        return time.monotonic() - started

    quick, slow = await asyncio.gather(visit(answering(found(1))), visit(mute))
    assert quick < 0.3 < slow < 1


INIT = InitRequest(
    protocol_version=frozenset({1}), options=frozenset(), preferred_message_size=1, exceptional_record_size=1
)
SEARCH = SearchRequest(database_names=("d",), query=(context(21), []))


@settings(max_examples=150, deadline=None)
@given(apdus, st.data())
def test_whatever_answers_a_present_is_an_answer_or_one_of_our_errors(apdu: Apdu, data: st.DataObject):
    session = OriginSession(Limits(pdu_bytes_max=10_000))
    for request, answer in ((INIT, codec.encode(ACCEPT)), (SEARCH, found(1))):
        session.request(request)
        session.feed(answer)
        assert session.next() is not None
    session.request(PresentRequest(result_set_start_point=1, number_of_records_requested=2))
    octets = bytearray(codec.encode(apdu))
    for place in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=3)):
        octets[place] = data.draw(st.integers(0, 255))
    with suppress(Z3950Error):
        for octet in octets:
            session.feed(bytes([octet]))
            session.next()


def test_a_stream_of_crumbs_costs_no_more_than_its_length():
    """Octet by octet, a long element is put together once, not once for every octet."""
    octets = ber.encode((context(24), [(context(1), b"x" * 100)] * 5000))
    reader = Reader(Limits())
    started = time.process_time()
    elements = []
    for octet in octets:
        reader.feed(bytes([octet]))
        if (element := reader.next()) is not None:
            elements.append(element)
    assert len(elements) == 1
    assert time.process_time() - started < 5
