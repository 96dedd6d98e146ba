"""The client against YAZ's test target, against our own, and against targets that misbehave."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.z3950 import codec, oid
from connectors.z3950.apdu import (
    Close,
    CloseReason,
    IdPass,
    InitResponse,
    PresentRequest,
    PresentResponse,
    SearchResponse,
)
from connectors.z3950.ber import Limits
from connectors.z3950.client import Z3950Client
from connectors.z3950.errors import (
    InitRefused,
    MalformedQuery,
    OutOfTurn,
    TargetClosed,
    TargetDiagnostic,
    TargetSilent,
    TargetUnreachable,
    TooLarge,
    WrongReference,
)
from connectors.z3950.opac import Holdings, decode_opac
from connectors.z3950.pqf import parse
from connectors.z3950.query import Attribute
from connectors.z3950.record import NamePlusRecord, bib1, to_external
from connectors.z3950.server import ServerOptions, ServiceOptions, serve
from connectors.z3950.session import TargetSession
from connectors.z3950.sort import SortKey
from examples.alliance.town import free_port

from .peers import Shelf, scripted_target
from .programs import running_ztest

COMPUTER = parse("@attr 1=4 computer")
BITS = frozenset({0, 1, 2})
ACCEPT = InitResponse(
    protocol_version=BITS, options=BITS, preferred_message_size=9999, exceptional_record_size=9999, result=True
)


@pytest.fixture
async def ztest(tmp_path: Path) -> AsyncIterator[int]:
    """Run yaz-ztest; return its port."""
    async with running_ztest(tmp_path) as port:
        yield port


async def test_searches_and_presents_all_from_yaz_ztest(ztest: int):
    async with Z3950Client("127.0.0.1", ztest, "Default") as client:
        hits = await client.search(COMPUTER)
        records = await client.present(1, hits)
    assert hits == len(records) > 20
    for record in records:
        assert record.syntax == oid.USMARC
        assert int(record.data[:5]) == len(record.data)


@pytest.mark.parametrize(
    ("asked", "beginning"),
    [(oid.USMARC, b"00366nam"), (oid.XML, b"<record xmlns="), (oid.SUTRS, b"This is dummy SUTRS"), (oid.OPAC, b"\x30")],
)
async def test_presents_each_syntax_of_yaz_ztest(ztest: int, asked: str, beginning: bytes):
    async with Z3950Client("127.0.0.1", ztest, "Default", preferred_syntax=asked) as client:
        await client.search(COMPUTER)
        [record] = await client.present(1, 1)
    assert record.syntax == asked
    assert record.data.startswith(beginning)


async def test_reads_the_holdings_of_yaz_ztest(ztest: int):
    async with Z3950Client("127.0.0.1", ztest, "Default", preferred_syntax=oid.OPAC) as client:
        await client.search(COMPUTER)
        [record] = await client.present(1, 1)
    opac = decode_opac(record.data)
    assert opac.bibliographic_record is not None
    assert opac.bibliographic_record.direct_reference == oid.USMARC
    assert opac.holdings
    assert any(isinstance(each, Holdings) and each.circulation for each in opac.holdings)


async def test_tells_the_syntax_that_came_from_the_one_asked_for(ztest: int):
    async with Z3950Client("127.0.0.1", ztest, "Default", preferred_syntax=oid.UNIMARC) as client:
        await client.search(COMPUTER)
        [record] = await client.present(1, 1)
    assert record.syntax == oid.USMARC


async def test_a_diagnostic_of_yaz_ztest_leaves_the_association_usable(ztest: int):
    async with Z3950Client("127.0.0.1", ztest, "no such database") as client:
        with pytest.raises(TargetDiagnostic) as caught:
            await client.search(COMPUTER)
        assert caught.value.code == 109
        with pytest.raises(TargetDiagnostic):
            await client.search(COMPUTER)


async def test_finds_chinese_in_the_charset_of_the_target():
    shelf = Shelf("三体", "三体II", "流浪地球", charset="gb18030")
    options = ServerOptions(service=ServiceOptions(query_charset="gb18030"))
    async with (
        await serve("127.0.0.1", 0, shelf, options) as server,
        Z3950Client("127.0.0.1", server.port, "Default", "gb18030") as client,
    ):
        assert await client.search(parse("@attr 1=4 三体")) == 2
        assert [record.data.decode("gb18030") for record in await client.present(1, 9)] == ["三体", "三体II"]
        with pytest.raises(MalformedQuery):
            await client.search(parse('@attr 1=4 "\ud800"'))
        assert await client.present(3, 1) == []


async def test_a_target_that_sends_little_at_a_time_is_asked_again_where_it_stopped():
    shelf = Shelf(*(f"{number:04} {'x' * 400}" for number in range(30)))
    options = ServerOptions(service=ServiceOptions(message_bytes_max=1500))
    async with (
        await serve("127.0.0.1", 0, shelf, options) as server,
        Z3950Client("127.0.0.1", server.port, "Default") as client,
    ):
        await client.search(parse("x"))
        records = await client.present(1, 30)
    assert [int(record.data[:4]) for record in records] == list(range(30))


async def test_a_record_that_is_missing_leaves_its_place_and_reason():
    async with (
        await serve("127.0.0.1", 0, Shelf("a 1", "lost", "a 3")) as server,
        Z3950Client("127.0.0.1", server.port, "Default") as client,
    ):
        await client.search(parse('""'))
        first, missing, third = await client.present(1, 3)
    assert (first.data, third.data) == (b"a 1", b"a 3")
    assert missing.diagnostic is not None
    assert missing.diagnostic.code == 14


async def accept_then(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *answers: bytes) -> None:
    """Accept the association, then send one of ``answers`` for each thing that comes."""
    for answer in (codec.encode(ACCEPT), *answers):
        await reader.read(9999)
        writer.write(answer)


def found(hits: int, reference_id: bytes | None = None) -> bytes:
    return codec.encode(
        SearchResponse(
            reference_id=reference_id,
            result_count=hits,
            number_of_records_returned=0,
            next_result_set_position=1,
            search_status=True,
        )
    )


async def test_nobody_listens():
    port = free_port()
    with pytest.raises(TargetUnreachable, match=str(port)):
        await Z3950Client("127.0.0.1", port, "Default").connect()


async def test_a_mute_target_is_given_up_at_the_deadline():
    async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with scripted_target(mute) as port:
        started = time.monotonic()
        with pytest.raises(TargetSilent, match=r"Init within 0\.2 s"):
            await Z3950Client("127.0.0.1", port, "Default", deadline_seconds=0.2).connect()
        assert time.monotonic() - started < 1


async def test_a_target_that_dribbles_is_given_up_at_the_same_deadline():
    async def dribble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octet in codec.encode(ACCEPT):
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0.05)

    async with scripted_target(dribble) as port:
        with pytest.raises(TargetSilent):
            await Z3950Client("127.0.0.1", port, "Default", deadline_seconds=0.2).connect()


async def test_a_refused_init_is_named_and_shows_no_password():
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = TargetSession(Limits())
        session.feed(await reader.read(9999))
        request = session.next()
        assert request is not None
        refusal = InitResponse(
            protocol_version=BITS, options=BITS, preferred_message_size=1, exceptional_record_size=1, result=False
        )
        writer.write(session.answer(request, refusal))

    async with scripted_target(refuse) as port:
        credentials = IdPass(None, "delta", "pa55word")
        client = Z3950Client("127.0.0.1", port, "Default", credentials=credentials)
        with pytest.raises(InitRefused) as caught:
            await client.connect()
    assert "pa55word" not in f"{caught.value}{client!r}"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (codec.encode(Close(close_reason=CloseReason.SHUTDOWN, diagnostic_information="maintenance")), TargetClosed),
        (found(1, b"777"), WrongReference),
        (b"\xb7\x84\x7f\xff\xff\xff", TooLarge),
    ],
)
async def test_a_target_that_breaks_off_is_named(answer: bytes, error: type[Exception]):
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_then(reader, writer, answer)

    async with scripted_target(script) as port, Z3950Client("127.0.0.1", port, "Default") as client:
        with pytest.raises(error):
            await client.search(COMPUTER)
        with pytest.raises(TargetClosed, match="not connected"):
            await client.search(COMPUTER)


async def test_a_connection_reset_in_mid_pdu_is_named():
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_then(reader, writer, found(1)[:5])
        writer.transport.abort()

    async with scripted_target(reset) as port, Z3950Client("127.0.0.1", port, "Default") as client:
        with pytest.raises(TargetClosed):
            await client.search(COMPUTER)


async def test_hits_beyond_belief_are_only_a_number():
    async def boast(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_then(reader, writer, found(10 * 2**30))

    async with scripted_target(boast) as port, Z3950Client("127.0.0.1", port, "Default") as client:
        assert await client.search(COMPUTER) == 10 * 2**30


async def test_a_target_that_fails_on_many_is_asked_for_fewer_and_what_came_is_kept():
    """Three at once are too many for this target, and its fourth record cannot be had at all."""
    asked: list[tuple[int, int]] = []

    def answer(request: PresentRequest) -> PresentResponse:
        start, number = request.result_set_start_point, request.number_of_records_requested
        asked.append((start, number))
        failed = number > 2 or start + number > 4
        entry = NamePlusRecord(record=to_external(oid.USMARC, b"marc"))
        return PresentResponse(
            reference_id=request.reference_id,
            number_of_records_returned=0 if failed else number,
            next_result_set_position=0,
            present_status=5 if failed else 0,
            records=None if failed else (entry,) * number,
            non_surrogate_diagnostic=bib1(14, "no") if failed else None,
        )

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_then(reader, writer, found(9))
        while data := await reader.read(9999):
            request = codec.decode(data)
            assert isinstance(request, PresentRequest)
            writer.write(codec.encode(answer(request)))

    async with scripted_target(script) as port, Z3950Client("127.0.0.1", port, "Default") as client:
        await client.search(COMPUTER)
        *records, last = await client.present(1, 6)
        assert [record.data for record in records] == [b"marc"] * 3
        assert last.diagnostic is not None
        assert last.diagnostic.code == 14
        assert asked == [(1, 6), (1, 3), (1, 1), (2, 1), (3, 1), (4, 1)]
        with pytest.raises(TargetDiagnostic):
            await client.present(4, 1)


async def test_one_client_is_one_association():
    async with (
        await serve("127.0.0.1", 0, Shelf("a")) as server,
        Z3950Client("127.0.0.1", server.port, "Default") as client,
    ):
        with pytest.raises(OutOfTurn):
            await client.connect()
        assert await asyncio.gather(*(client.search(parse("a")) for _ in range(5))) == [1] * 5


async def test_sorts_at_yaz_ztest(ztest: int):
    async with Z3950Client("127.0.0.1", ztest, "Default") as client:
        await client.search(COMPUTER)
        await client.sort([SortKey((Attribute(1, 4),))])
        assert len(await client.present(1, 2)) == 2
        assert client.implementation.startswith("GFS/YAZ")


async def test_a_part_of_a_present_is_heard_as_it_comes(ztest: int):
    async with Z3950Client("127.0.0.1", ztest, "Default", chunk_records=4) as client:
        await client.search(COMPUTER)
        sizes = [len(part) async for part in client.stream(1, 20)]
    assert sizes == [4, 8, 8]
