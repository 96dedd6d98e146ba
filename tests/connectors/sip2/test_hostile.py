"""Peers that mean harm, or behave as if they did: each costs bounded memory and time, and stalls nobody else."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from connectors.sip2.answers import PatronInformation
from connectors.sip2.client import Credentials, Sip2Client
from connectors.sip2.codec import Codec
from connectors.sip2.errors import InDoubt, LineDown, LineError, NoAnswer, RequestRefused
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import Login, Profile
from connectors.sip2.server import Limits, LineState, Sip2Server, serve
from tests.connectors.sip2.scripted import LOGIN_OK, STATUS

DATE = "20260101    120000"
OPEN = Profile(login=Login.NONE)
ITEM = build("17", transaction_date=DATE, AB="B1")
CHECKOUT = build("11", transaction_date=DATE, AA="P1", AB="B1")
ITEM_FRAME = Codec(OPEN).encode(ITEM).data
MEBIBYTE = 1 << 20

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def memory_within(mebibytes: float) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < mebibytes * MEBIBYTE
    finally:
        tracemalloc.stop()


# A hostile ILS


@asynccontextmanager
async def hostile(
    behaviour: Behaviour, profile: Profile = OPEN, deadline_seconds: float = 0.3
) -> AsyncIterator[Sip2Client]:
    tasks: set[asyncio.Task[None] | None] = set()

    async def line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await behaviour(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(line, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = Sip2Client("127.0.0.1", port, profile, Credentials("k", "p"), deadline_seconds=deadline_seconds)
    try:
        async with client:
            yield client
    finally:
        server.close()
        for task in tasks:
            assert task is not None
            task.cancel()
        await asyncio.sleep(0.01)


async def flows_for_ever(writer: asyncio.StreamWriter, piece: bytes) -> None:
    while True:
        writer.write(piece)
        await writer.drain()


async def frame_of(reader: asyncio.StreamReader) -> bytes:
    return (await reader.readuntil(b"\r"))[:-1]


async def fails_in_time(client: Sip2Client, message: Message, seconds: float) -> LineError:
    with pytest.raises(LineError) as failed:
        await asyncio.wait_for(client.request(message), seconds)
    return failed.value


async def test_a_line_that_never_ends_is_cut_at_the_limit() -> None:
    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STATUS)
        await flows_for_ever(writer, b"18" * 20_000)

    async with hostile(behaviour, deadline_seconds=5) as client:
        with memory_within(8):
            assert isinstance(await fails_in_time(client, CHECKOUT, 5), InDoubt | LineDown)


async def test_an_answer_that_never_ends_leaves_a_write_in_doubt() -> None:
    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await frame_of(reader)
        writer.write(STATUS)
        await frame_of(reader)
        await flows_for_ever(writer, b"12" * 20_000)

    async with hostile(behaviour, deadline_seconds=5) as client:
        with memory_within(8):
            assert isinstance(await fails_in_time(client, CHECKOUT, 5), InDoubt)


async def test_a_server_that_accepts_and_stays_mute_costs_one_deadline_and_then_nothing() -> None:
    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with hostile(behaviour) as client:
        assert isinstance(await fails_in_time(client, CHECKOUT, 1), LineDown)
        assert isinstance(await fails_in_time(client, CHECKOUT, 0.05), LineDown)


async def test_an_answer_that_drips_is_late() -> None:
    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await frame_of(reader)
        writer.write(STATUS)
        while True:
            writer.write(b"1")
            await asyncio.sleep(0.01)

    async with hostile(behaviour) as client:
        assert isinstance(await fails_in_time(client, CHECKOUT, 1), InDoubt)


@pytest.mark.parametrize("garbage", [b"\xff\xfe\r", b"Problems handling the request\r", b"\r\n\0", b"98\r", b"941\r"])
async def test_garbage_after_the_login_ends_by_name(garbage: bytes) -> None:
    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await frame_of(reader)
        writer.write(LOGIN_OK)
        await flows_for_ever(writer, garbage * 100)

    async with hostile(behaviour, Profile()) as client:
        with memory_within(8):
            assert isinstance(await fails_in_time(client, ITEM, 2), LineDown)


@pytest.mark.parametrize("said", [b"96AZFEF6\r", b"96\r"])
async def test_96_for_ever_is_refused_even_at_the_login(said: bytes) -> None:
    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await frame_of(reader)
            writer.write(said)

    async with hostile(behaviour, Profile()) as client:
        assert isinstance(await fails_in_time(client, CHECKOUT, 1), RequestRefused | LineDown)


@pytest.mark.parametrize("other", [b"1080" * 20, b"24" + b" " * 35, b"97", b"940", STATUS[:-1]])
async def test_the_answer_to_another_question_is_never_taken_for_ours(other: bytes) -> None:
    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            frame = await frame_of(reader)
            writer.write(STATUS if frame[:2] == b"99" else other + b"\r")

    async with hostile(behaviour) as client:
        assert isinstance(await fails_in_time(client, CHECKOUT, 2), InDoubt)
        assert isinstance(await fails_in_time(client, ITEM, 2), NoAnswer)


async def test_answers_nobody_asked_for_are_not_given_to_the_next() -> None:
    wrong = Codec(OPEN).encode(build("18", circulation_status="03", transaction_date=DATE, AB="other")).data
    right = Codec(OPEN).encode(build("18", circulation_status="03", transaction_date=DATE, AB="B1")).data

    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            frame = await frame_of(reader)
            writer.write(STATUS if frame[:2] == b"99" else right + wrong * 1000)

    async with hostile(behaviour) as client:
        for _ in range(3):
            assert (await client.request(ITEM)).get("AB") == "B1"


def test_absurd_counts_and_lists_are_read_in_proportion() -> None:
    head = b"64" + b" " * 14 + b"019" + DATE.encode() + b"9999" * 6
    answer = PatronInformation.from_message(
        Codec(OPEN).decode(head + b"BZ99999999999999999999|BV1e9999|CF-1|" + b"AUx|" * 200_000)
    )
    assert answer.hold_items_count == 9999
    assert answer.fee_amount_fen is None
    assert answer.charged_items_limit is None
    assert len(answer.charged_items) == 200_000


# A hostile kiosk


async def shelf(request: Message, line: LineState) -> Message:
    return build("18", circulation_status="03", transaction_date=DATE, AB=request.get("AB"))


@asynccontextmanager
async def beside(limits: Limits | None = None) -> AsyncIterator[tuple[Sip2Server, Callable[[], Awaitable[None]]]]:
    """A server, and a check that an honest kiosk beside is answered at once."""
    async with serve("127.0.0.1", 0, OPEN, shelf, limits=limits) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

        async def is_answered() -> None:
            writer.write(ITEM_FRAME)
            assert (await asyncio.wait_for(reader.readuntil(b"\r"), 1)).startswith(b"18")

        try:
            yield server, is_answered
        finally:
            writer.close()


async def test_a_frame_that_never_ends_costs_its_limit_and_one_96() -> None:
    async with beside() as (server, is_answered):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        with memory_within(12):
            for _ in range(160):
                writer.write(b"x" * 65536)
                await writer.drain()
            await is_answered()
            writer.write(b"\r" + ITEM_FRAME)
            assert await asyncio.wait_for(reader.readuntil(b"\r"), 2) == b"96AZFEF6\r"
            assert (await asyncio.wait_for(reader.readuntil(b"\r"), 2)).startswith(b"18")
        writer.close()


async def test_a_frame_that_drips_is_cut_off_and_an_idle_line_beside_it_is_not() -> None:
    async with beside(Limits(frame_seconds=0.3)) as (server, is_answered):
        await is_answered()
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"1720")
        while len(server.lines) < 2:
            await asyncio.sleep(0.01)
        for _ in range(500):
            if len(server.lines) < 2:
                break
            writer.write(b"1")
            await asyncio.sleep(0.01)
        assert len(server.lines) == 1
        writer.close()
        await is_answered()


async def test_a_kiosk_that_never_logs_in_is_let_go() -> None:
    limits = Limits(login_seconds=0.2)
    async with serve("127.0.0.1", 0, Profile(), shelf, limits=limits) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await asyncio.wait_for(reader.read(), 1) == b""
        writer.close()


async def test_three_wrong_passwords_close_the_line() -> None:
    async def refuse(request: Message, line: LineState) -> Message:
        return build("94", ok=False)

    async with serve("127.0.0.1", 0, Profile(), refuse) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for number in range(5):
            writer.write(b"9300CNk|CO%d|\r" % number)
        assert await asyncio.wait_for(reader.read(), 1) == b"940\r" * 3
        writer.close()


async def test_a_flood_while_a_request_is_worked_on_is_left_in_the_network() -> None:
    go_on = asyncio.Event()

    async def slow(request: Message, line: LineState) -> Message:
        await go_on.wait()
        return await shelf(request, line)

    async with serve("127.0.0.1", 0, OPEN, slow) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        with memory_within(8):
            writer.write(ITEM_FRAME)
            flood = asyncio.create_task(flows_for_ever(writer, b"77\r" * 1000))
            await asyncio.sleep(0.3)
            assert not flood.done()
        flood.cancel()
        go_on.set()
        writer.close()


async def test_97_and_96_for_ever_get_what_they_ask_for_and_no_more() -> None:
    async with beside() as (server, is_answered):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(ITEM_FRAME + b"97AZFEF5\r96AZFEF6\r" * 1000)
        answer = await asyncio.wait_for(reader.readuntil(b"\r"), 1)
        for _ in range(1000):
            assert await asyncio.wait_for(reader.readuntil(b"\r"), 1) == answer
        await is_answered()
        writer.close()
