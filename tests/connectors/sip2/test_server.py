import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from connectors.sip2.codec import Codec
from connectors.sip2.messages import REQUESTS, Message, build
from connectors.sip2.profile import CHARSETS, Checksum, Login, Profile, Terminator
from connectors.sip2.server import Limits, LineState, Sip2Server, serve

DATE = "20260101    120000"
NOW = datetime(2026, 1, 1, 4, tzinfo=UTC)
ITEM = build("17", transaction_date=DATE, AO="YP", AB="B1")
OPEN = Profile(login=Login.NONE)


async def shelf(request: Message, line: LineState) -> Message:
    """A small ILS: one user, any item, and a bug in checkout."""
    if request.id == "93":
        return build("94", ok=request.get("CO") == "s3cret")
    if request.id == "17":
        return build("18", circulation_status="03", security_marker="00", fee_type="01", transaction_date=DATE,
                     AB=request.get("AB"), AJ="和珅传 東方", AF=f"{line.user} {line.location}")  # fmt: skip
    raise LookupError("no such thing")


@asynccontextmanager
async def kiosk(server: Sip2Server) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def say(line: tuple[asyncio.StreamReader, asyncio.StreamWriter], data: bytes) -> bytes:
    reader, writer = line
    writer.write(data)
    return await asyncio.wait_for(reader.readuntil(b"\r"), 2)


@pytest.mark.parametrize("charset", ["gbk", "gb18030", "big5", "utf-8"])
@pytest.mark.parametrize("terminator", list(Terminator))
@pytest.mark.parametrize("checksum", list(Checksum))
async def test_it_speaks_the_dialect_of_its_profile(charset: str, terminator: Terminator, checksum: Checksum) -> None:
    profile = Profile(charset=charset, terminator=terminator, checksum=checksum, login=Login.NONE)
    codec = Codec(profile)
    end = terminator.value
    async with serve("127.0.0.1", 0, profile, shelf) as server, kiosk(server) as (reader, writer):
        writer.write(codec.encode(ITEM, 3).data)
        frame = await reader.readuntil(end)
        answer = codec.decode(frame.removesuffix(end))
        assert answer.get("AJ") == "和珅传 東方".encode(CHARSETS[charset][1], "replace").decode(charset).replace(
            "?", "□"
        )
        assert answer.checksum == ("absent" if checksum is Checksum.NONE else "ok")


async def test_nothing_but_93_and_99_before_the_login() -> None:
    codec = Codec(Profile())
    async with serve("127.0.0.1", 0, Profile(), shelf, clock=lambda: NOW) as server, kiosk(server) as line:
        refused = codec.decode((await say(line, codec.encode(ITEM).data))[:-1])
        assert (refused.id, refused.get("AB"), refused.get("AF")) == ("18", "B1", "login required")
        assert refused.fixed["transaction_date"] == DATE
        assert await say(line, b"9300CNkiosk|COwrong|\r") == b"940\r"
        assert await say(line, b"9300CNkiosk|COs3cret|CPdesk|\r") == b"941\r"
        assert codec.decode((await say(line, codec.encode(ITEM).data))[:-1]).get("AF") == "kiosk desk"


async def test_a_failing_handler_gives_an_answer_of_its_kind_and_the_line_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    codec = Codec(OPEN)
    async with serve("127.0.0.1", 0, OPEN, shelf) as server, kiosk(server) as line:
        with caplog.at_level(logging.CRITICAL, "connectors.sip2.server"):
            for request in sorted(REQUESTS - {"97", "17", "93"}):
                blanks = {item.name: None for item in build(request).spec.fixed}
                frame = codec.encode(build(request, AA="P1", **blanks)).data
                answer = codec.decode((await say(line, frame))[:-1])
                assert answer.id == build(request).spec.answer
                assert not answer.problems
        assert (await say(line, codec.encode(ITEM).data)).startswith(b"18")


async def test_a_bad_message_gets_96_and_never_closes_the_line() -> None:
    async with serve("127.0.0.1", 0, OPEN, shelf) as server, kiosk(server) as line:
        for bad in (b"hello\r", b"77\r", b"172026\r", b"\xff\xff\r", b"XS\r", b"941\r"):
            assert await say(line, bad) == b"96AZFEF6\r"
        assert (await say(line, Codec(OPEN).encode(ITEM).data)).startswith(b"18")


async def test_an_identifier_that_cannot_be_repeated_gets_96_and_the_line_goes_on() -> None:
    profile = Profile(charset="ascii", login=Login.NONE)
    frame = Codec(profile).encode(ITEM).data
    async with serve("127.0.0.1", 0, profile, shelf) as server, kiosk(server) as line:
        assert await say(line, frame.replace(b"B1", b"\xff\xfe")) == b"96AZFEF6\r"
        assert (await say(line, frame)).startswith(b"18")


async def test_a_kiosk_that_leaves_does_not_cut_its_request_in_half() -> None:
    began, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(request: Message, line: LineState) -> Message:
        began.set()
        await go_on.wait()
        done.set()
        return await shelf(request, line)

    async with serve("127.0.0.1", 0, OPEN, slow) as server:
        async with kiosk(server) as (_, writer):
            writer.write(Codec(OPEN).encode(ITEM).data)
            await asyncio.wait_for(began.wait(), 1)
        while server.lines:
            await asyncio.sleep(0.01)
        go_on.set()
        await asyncio.wait_for(done.wait(), 1)


async def test_a_flood_of_small_frames_does_not_stall_the_others() -> None:
    async with serve("127.0.0.1", 0, OPEN, shelf) as server, kiosk(server) as (_, writer), kiosk(server) as other:
        writer.write(b"77\r" * 100_000)
        started = asyncio.get_running_loop().time()
        assert await say(other, b"77\r") == b"96AZFEF6\r"
        assert asyncio.get_running_loop().time() - started < 1


async def test_joined_and_split_requests_are_answered_in_their_order() -> None:
    codec = Codec(OPEN)
    items = [build("17", transaction_date=DATE, AB=f"B{number}") for number in range(50)]
    data = b"".join(codec.encode(item, number % 10).data for number, item in enumerate(items))
    async with serve("127.0.0.1", 0, OPEN, shelf) as server, kiosk(server) as (reader, writer):
        for start in range(0, len(data), 7):
            writer.write(data[start : start + 7])
            await asyncio.sleep(0)
        answers = [codec.decode((await reader.readuntil(b"\r"))[:-1]) for _ in items]
        assert [answer.get("AB") for answer in answers] == [item.get("AB") for item in items]


async def test_a_repeated_frame_is_executed_once() -> None:
    executed = []

    async def handler(request: Message, line: LineState) -> Message:
        executed.append(request.id)
        return build("10", ok=True, resensitize=True, magnetic_media=False, alert=False, transaction_date=DATE)

    codec = Codec(OPEN)
    frame = codec.encode(build("09", no_block=False, transaction_date=DATE, return_date=DATE, AB="B1"), 5).data
    async with serve("127.0.0.1", 0, OPEN, handler) as server, kiosk(server) as line:
        first = await say(line, frame)
        assert await say(line, frame) == first
        assert await say(line, b"97AZFEF5\r") == first
        assert executed == ["09"]


async def test_a_kiosk_that_never_reads_is_cut_off_and_stalls_nobody() -> None:
    async def verbose(request: Message, line: LineState) -> Message:
        return build("18", circulation_status="03", security_marker="00", fee_type="01", transaction_date=DATE,
                     AB="B1", AF=["x" * 60_000])  # fmt: skip

    codec = Codec(OPEN)
    limits = Limits(write_seconds=0.2)
    async with (
        serve("127.0.0.1", 0, OPEN, verbose, limits=limits) as server,
        kiosk(server) as (reader, writer),
        kiosk(server) as other,
    ):
        reader._limit = 1  # type: ignore[attr-defined]
        writer.write(codec.encode(ITEM).data * 2000)
        assert (await say(other, b"nonsense\r")) == b"96AZFEF6\r"
        for _ in range(100):
            if len(server.lines) < 2:
                break
            await asyncio.sleep(0.05)
        assert len(server.lines) == 1


async def test_an_idle_line_is_closed_and_too_many_are_refused() -> None:
    limits = Limits(idle_seconds=0.2, lines_max=1)
    async with (
        serve("127.0.0.1", 0, OPEN, shelf, limits=limits) as server,
        kiosk(server) as (reader, _),
        kiosk(server) as (second, _),
    ):
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(second.readexactly(1), 1)
        assert await asyncio.wait_for(reader.read(), 1) == b""


async def test_closing_ends_lines_and_handlers() -> None:
    started = asyncio.Event()

    async def forever(request: Message, line: LineState) -> Message:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with serve("127.0.0.1", 0, OPEN, forever) as server, kiosk(server) as (_, writer):
        writer.write(Codec(OPEN).encode(ITEM).data)
        await asyncio.wait_for(started.wait(), 1)
    assert server.lines == set()
