"""Machines gone wild before a real proxy and ILS: each costs bounded memory, and an honest one beside is served."""

import asyncio
import socket
import statistics
import tracemalloc
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress

import pytest

from connectors.kiosk import KioskSettings, fairness, serve_kiosks
from connectors.sip2.codec import Codec
from connectors.sip2.messages import build
from connectors.sip2.profile import Login, Profile
from schemas.identifiers import AgencyId
from tests.connectors.kiosk.city import DATE, LIBRARIES

MEBIBYTE = 1 << 20
HONEST_SECONDS_MAX = 2.0
"""An honest machine's slowest answers beside a hostile one; generous, since it shares two cores with everything."""
CODEC = Codec(Profile(login=Login.NONE))
STATUS = b"9900802.00\r"
FOREIGN = CODEC.encode(build("63", transaction_date=DATE, language="019", summary=" " * 10, AO="",
                             AA=f"{LIBRARIES[1].agency_id}.1")).data


def item(barcode, number=0):
    return CODEC.encode(build("17", transaction_date=DATE, AO="", AB=barcode), number % 10).data


@contextmanager
def memory_within(mebibytes):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < mebibytes * MEBIBYTE
    finally:
        tracemalloc.stop()


class Town:
    """A port with one kiosk's table, hostile machines from one address and an honest one from another."""

    def __init__(self, member, port, stack):
        self.member, self.port, self._stack = member, port, stack

    async def connect(self, address="127.0.0.2", receive_bytes=0):
        connection = socket.socket()
        connection.setblocking(False)
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.bind((address, 0))
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=connection)
        self._stack.callback(writer.close)
        return reader, writer

    async def honest(self):
        return Honest(self.member, *await self.connect("127.0.0.3"))


class Honest:
    """A machine that asks one thing at a time; its latencies in seconds."""

    def __init__(self, member, reader, writer):
        self._member, self._reader, self._writer = member, reader, writer
        self.latencies = []

    async def asks(self, times=20):
        for number in range(times):
            began_at = asyncio.get_running_loop().time()
            self._writer.write(item(self._member.own_barcode(), number))
            answer = await asyncio.wait_for(self._reader.readuntil(b"\r"), 10)
            self.latencies.append(asyncio.get_running_loop().time() - began_at)
            assert answer.startswith(b"1803"), answer

    async def is_served(self, times=20):
        await self.asks(times)
        assert statistics.quantiles(self.latencies, n=20, method="inclusive")[-1] < HONEST_SECONDS_MAX


@asynccontextmanager
async def town_of(member, **table):
    settings = KioskSettings.read([{"port": 0, "place": "1F", **table}])
    async with serve_kiosks(member.connector, settings) as kiosks, AsyncExitStack() as stack:
        yield Town(member, kiosks.ports[0], stack)


@pytest.fixture
async def town(member):
    async with town_of(member) as opened:
        yield opened


async def ends(reader):
    with suppress(ConnectionError):
        while await reader.read(65536):
            pass
    return True


async def drain(reader, frames):
    """Read as many frames as were asked for, and return their ids."""
    return [(await asyncio.wait_for(reader.readuntil(b"\r"), 20))[:2] for _ in range(frames)]


async def test_ten_thousand_requests_at_once_are_all_answered_in_order_and_slow_nobody(town):
    reader, writer = await town.connect()
    honest = await town.honest()
    requests = [STATUS if number % 2 else FOREIGN for number in range(10_000)]
    writer.write(b"".join(requests))
    answers = asyncio.create_task(drain(reader, len(requests)))
    await honest.is_served()
    assert await answers == [b"98" if request is STATUS else b"64" for request in requests]


async def test_many_lines_of_one_address_do_not_take_the_lines_to_the_ils(town):
    """Each asks the ILS without end; one address has few requests at work at a time."""
    flooding = []
    for number in range(40):
        reader, writer = await town.connect()
        writer.write(b"".join(item(f"none-{number}", turn) for turn in range(200)))
        flooding.append(asyncio.create_task(ends(reader)))
    await (await town.honest()).is_served()
    for task in flooding:
        task.cancel()


async def test_a_machine_that_never_reads_is_not_answered_into_the_memory(town):
    _, writer = await town.connect(receive_bytes=4096)
    writer.transport.pause_reading()
    honest = await town.honest()
    with memory_within(32):
        flood = asyncio.create_task(_write_for_ever(writer, FOREIGN * 500))
        await honest.is_served(5)
        assert not flood.done()
    flood.cancel()


async def _write_for_ever(writer, data):
    while True:
        writer.write(data)
        await writer.drain()


@pytest.mark.parametrize("piece", [b"x", b"AB|", b"|", b"ABx|ACy|", b"\xff"])
async def test_lines_of_a_mebibyte_are_answered_and_slow_nobody(town, piece):
    reader, writer = await town.connect()
    honest = await town.honest()
    frame = f"17{DATE}".encode() + piece * ((MEBIBYTE - 100) // len(piece)) + b"\r"
    with memory_within(64):
        writer.write(frame)
        answer = asyncio.create_task(drain(reader, 1))
        await honest.is_served(5)
        assert await answer == [b"96"]
    writer.write(FOREIGN)
    assert (await drain(reader, 1)) == [b"64"]


async def test_a_line_that_never_ends_is_cut_at_the_limit(town):
    reader, writer = await town.connect()
    honest = await town.honest()
    with memory_within(32):
        for _ in range(64):
            writer.write(b"x" * 65536)
            await writer.drain()
        await honest.is_served(10)
        writer.write(b"\r" + FOREIGN)
        assert await drain(reader, 2) == [b"96", b"64"]


async def test_wrong_checksums_for_ever_get_96_each_and_no_more(town):
    reader, writer = await town.connect()
    honest = await town.honest()
    wrong = FOREIGN[:-1] + b"AY1AZ0000\r"
    writer.write(wrong * 2000)
    answers = asyncio.create_task(drain(reader, 2000))
    await honest.is_served()
    assert set(await answers) == {b"96"}
    writer.write(FOREIGN)
    assert await drain(reader, 1) == [b"64"]


async def test_machines_that_vanish_in_the_middle_leave_nothing_behind(town):
    honest = await town.honest()
    for number in range(30):
        _, writer = await town.connect()
        writer.write(item("none", number) * 3 + b"1720260901")
        await asyncio.sleep(0)
        writer.transport.abort()
    await honest.is_served()
    server = town.member.kiosks.servers[0]
    assert len(server.lines) <= 2


async def test_a_silent_line_and_a_half_line_are_let_go(member):
    async with town_of(member, idle_seconds=0.3) as town:
        silent, _ = await town.connect()
        half, writer = await town.connect()
        writer.write(b"1720")
        assert await asyncio.wait_for(asyncio.gather(ends(silent), ends(half)), 5) == [True, True]


async def test_a_flood_of_connections_leaves_room_for_the_others(member):
    async with town_of(member, lines_max=20) as town:
        readers = [(await town.connect())[0] for _ in range(60)]
        refused = [asyncio.create_task(ends(reader)) for reader in readers]
        honest = await town.honest()
        await honest.is_served()
        await asyncio.sleep(0.1)
        assert sum(task.done() for task in refused) == 60 - 15
        for task in refused:
            task.cancel()


async def test_a_flood_before_the_login_leaves_room_too(member, monkeypatch):
    monkeypatch.setattr("connectors.kiosk.profiles.WAITING_MAX", 20)
    settings = KioskSettings.read([
        {"port": 0, "place": "1F", "user": "k", "password": "p", "login": "sip"}, {"port": 0, "place": "2F"}])
    async with serve_kiosks(member.connector, settings) as kiosks, AsyncExitStack() as stack:
        town = Town(member, kiosks.ports[0], stack)
        flood = [asyncio.create_task(ends((await town.connect())[0])) for _ in range(60)]
        await (await town.honest()).is_served()
        await asyncio.sleep(0.1)
        assert sum(task.done() for task in flood) == 60 - 15
        for task in flood:
            task.cancel()


async def test_one_address_has_few_requests_at_work():
    turns, most, now = fairness.Turns(), 0, 0

    async def work():
        nonlocal most, now
        async with turns.of("10.0.0.1"):
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    await asyncio.gather(*(work() for _ in range(50)))
    assert most == fairness.AT_WORK_MAX
    async with asyncio.timeout(1), turns.of("10.0.0.2"):
        pass


async def test_returns_of_nothing_that_exists_are_kept_and_the_list_stays_readable(town):
    reader, writer = await town.connect()
    member = AgencyId(LIBRARIES[1].agency_id)
    frames = [CODEC.encode(build("09", no_block=False, transaction_date=DATE, return_date=DATE, AO="",
                                 AB=f"{member}.{'9' * 200}{number}")).data for number in range(50)]
    writer.write(b"".join(frames))
    assert set(await drain(reader, 50)) == {b"10"}
    assert len(await town.member.conflicts()) == 50
