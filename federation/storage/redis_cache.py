"""The cache that several replicas of the gateway share: Redis or Valkey, or this process alone while that is away.

Redis is never the truth (see ``cache``), so losing it in the middle of anything is no error. The first command that
fails or is late starts an outage: from then on every call is answered by the in-process cache at once, without
trying the network, and one line is logged. One task, the watch, holds the subscription for wake-ups and is also
the only one that looks for the server again; when it is subscribed and could write, the outage is over.

What was put or forgotten during an outage is dropped from Redis before Redis is used again: an old value, or the
session of a reader who signed out meanwhile, must not come back. If this process ends during the outage, such an
entry lives until its own expiry.

Neither names nor values are logged, nor the server's own error texts, which may quote them; nor the URL.
"""

import asyncio
import logging
import random as randomness
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice
from math import ceil
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from federation.ports import Listener
from federation.storage.cache import MemoryCache

__all__ = ["CacheUrlRefused", "RedisCache", "pause_seconds"]

CONNECTIONS_MAX = 32
"""Commands under way at once; more wait their turn within their own deadline."""
HEARTBEAT_SECONDS = 1.0
"""A subscription that is silent this long is pinged; after as long again without an answer it is dead."""
PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.1, 5.0
CHANGED_MAX = 100_000
"""Names changed during an outage that are remembered; beyond that the oldest are left to expire."""
_BATCH = 1_000
_PREFIX = "delta:"
_CHANNEL = _PREFIX + "wake"

_log = logging.getLogger(__name__)


class CacheUrlRefused(ValueError):
    """The address of the Redis or Valkey server cannot be used; not quoted, because it may hold a password."""


class _Away(Exception):
    """Redis is not in use now."""


class RedisCache:
    """See ``ports.Cache``. ``start`` it in a running event loop; until then and in outages ``fallback`` answers.

    ``url`` is ``redis://``, ``rediss://`` (TLS) or ``unix://``; ``fallback`` belongs to this cache from now on.
    No call waits for Redis longer than ``timeout_seconds``. ``random`` (0 to 1) spreads the reconnects of replicas.

    Raises:
        CacheUrlRefused: the address is malformed.
    """

    def __init__(self, url: str, fallback: MemoryCache, *, timeout_seconds: float = 0.5,
                 random: Callable[[], float] = randomness.random) -> None:
        self._client = _client_of(url, timeout_seconds)
        self._place = _place_of(self._client)
        self._fallback = fallback
        self._timeout_seconds = timeout_seconds
        self._random = random
        self._replica = secrets.token_hex(8)
        self._slots = asyncio.Semaphore(CONNECTIONS_MAX)
        self._changed: dict[str, None] = {}
        self._is_available = False
        self._has_tried = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"RedisCache({self._place}, is_available={self._is_available})"

    @property
    def is_available(self) -> bool:
        """Whether Redis is in use now."""
        return self._is_available

    async def start(self) -> None:
        """Begin to watch the server, and return after the first attempt, whether or not it was reached."""
        self._watch = asyncio.create_task(self._keep_watch(), name=f"watch of Redis at {self._place}")
        await self._has_tried.wait()

    async def get(self, name: str) -> str | None:
        """See ``ports.Cache.get``."""
        try:
            value: str | None = await self._ask(self._client.get, _value_key(name))
        except _Away:
            return await self._fallback.get(name)
        return value

    async def put(self, name: str, value: str, seconds: float) -> None:
        """See ``ports.Cache.put``."""
        try:
            await self._ask(self._client.set, _value_key(name), value, px=_milliseconds(seconds))
        except _Away:
            self._note_change(name)
            await self._fallback.put(name, value, seconds)

    async def forget(self, name: str) -> None:
        """See ``ports.Cache.forget``."""
        try:
            await self._ask(self._client.delete, _value_key(name))
        except _Away:
            self._note_change(name)
            await self._fallback.forget(name)

    async def allow(self, name: str, limit: int, seconds: float) -> bool:
        """See ``ports.Cache.allow``; in an outage each replica counts for itself."""
        try:
            calls: int = await self._ask(self._count, f"{_PREFIX}limit:{name}", _milliseconds(seconds))
        except _Away:
            return await self._fallback.allow(name, limit, seconds)
        return calls <= limit

    async def wake(self, agency: str) -> None:
        """See ``ports.Cache.wake``."""
        await self._fallback.wake(agency)
        with suppress(_Away):
            await self._ask(self._client.publish, _CHANNEL, f"{self._replica} {agency}")

    def subscribe(self, listener: Listener) -> None:
        """See ``ports.Cache.subscribe``."""
        self._fallback.subscribe(listener)

    async def close(self) -> None:
        """See ``ports.Cache.close``."""
        self._is_available = False
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        await self._client.aclose()
        await self._fallback.close()

    async def _ask(self, command: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
        """Run one command within the deadline; raise ``_Away`` in an outage, or when this begins one.

        When the deadline or the caller cancels it half-way, redis-py closes that connection, so its late answer
        cannot reach the next caller.
        """
        if not self._is_available:
            raise _Away
        try:
            async with asyncio.timeout(self._timeout_seconds), self._slots:
                return await command(*args, **options)
        except (RedisError, OSError) as error:
            self._lose(error)
            raise _Away from None

    async def _count(self, key: str, milliseconds: int) -> int:
        async with self._client.pipeline(transaction=True) as both:
            both.set(key, 0, px=milliseconds, nx=True)
            both.incr(key)
            _, calls = await both.execute()
            return int(calls)

    async def _keep_watch(self) -> None:
        attempt = 0
        while True:
            try:
                async with self._client.pubsub() as subscription:
                    async with asyncio.timeout(self._timeout_seconds):
                        await self._return_to(subscription)
                    attempt = 0
                    await self._listen(subscription)
            except Exception as error:  # noqa: BLE001  whatever a dying connection raises, the watch goes on
                self._lose(error)
            await asyncio.sleep(pause_seconds(attempt, self._random()))
            attempt += 1

    async def _return_to(self, subscription: PubSub) -> None:
        await subscription.subscribe(_CHANNEL)
        await subscription.get_message(timeout=None)
        # A write, because a server that is read-only or full answers a PING but is of no use here.
        await self._client.set(f"{_PREFIX}replica:{self._replica}", "", ex=1)
        while names := tuple(islice(self._changed, _BATCH)):
            await self._client.delete(*map(_value_key, names))
            for name in names:
                self._changed.pop(name, None)
        self._find()

    async def _listen(self, subscription: PubSub) -> None:
        """Pass wake-ups on until the subscription dies or a command has found that Redis is away."""
        is_pinged = False
        while self._is_available:
            message = await subscription.get_message(timeout=HEARTBEAT_SECONDS)
            if message is not None:
                is_pinged = False
                await self._hear(message)
            elif is_pinged:
                raise TimeoutError
            else:
                await subscription.ping()
                is_pinged = True

    async def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] != "message":
            return
        replica, _, agency = message["data"].partition(" ")
        if agency and replica != self._replica:
            await self._fallback.wake(agency)

    def _note_change(self, name: str) -> None:
        self._changed.pop(name, None)
        self._changed[name] = None
        if len(self._changed) > CHANGED_MAX:
            del self._changed[next(iter(self._changed))]

    def _find(self) -> None:
        _log.info("Redis at %s is in use", self._place)
        # What was kept here during the outage would come back as stale in the next one.
        self._fallback.clear()
        self._is_available = True
        self._has_tried.set()

    def _lose(self, error: Exception) -> None:
        if self._is_available or not self._has_tried.is_set():
            _log.warning("Redis at %s is away (%s): this process goes on alone until it is back",
                         self._place, type(error).__name__)
        self._is_available = False
        self._has_tried.set()


def pause_seconds(attempt: int, random: float) -> float:
    """Return how long to wait after failed ``attempt`` (0, 1 ...): doubling, bounded, spread by ``random`` (0 to 1).

    >>> [pause_seconds(attempt, 1.0) for attempt in (0, 1, 2, 99)]
    [0.1, 0.2, 0.4, 5.0]
    >>> pause_seconds(99, 0.0)
    2.5
    """
    longest = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN * 2.0 ** min(attempt, 10))
    return longest * (1 + random) / 2


def _client_of(url: str, timeout_seconds: float) -> Redis:
    try:
        if "@" in "".join(urlsplit(url)[2:]):
            raise ValueError("the password was cut short by one of its / ? #")
        client = Redis.from_url(
            url, decode_responses=True, encoding_errors="replace", retry=Retry(NoBackoff(), 0),
            # A socket timeout would send by asyncio.wait_for, which can swallow a cancellation before Python 3.12;
            # _ask has the deadline. With RESP3, redis-py 8 does not look for unread answers on a pooled connection.
            socket_timeout=None, socket_connect_timeout=timeout_seconds, protocol=2)
        # Options in the address that no connection knows would otherwise show only at the first connect.
        client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)
    except (ValueError, TypeError, RedisError):
        raise CacheUrlRefused("the Redis address is malformed: write redis://host:port/0, rediss://… or unix://path, "
                              "with / ? # @ in the password percent-encoded") from None
    return client


def _place_of(client: Redis) -> str:
    options = client.connection_pool.connection_kwargs
    place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
    return str(place)


def _value_key(name: str) -> str:
    return f"{_PREFIX}value:{name}"


def _milliseconds(seconds: float) -> int:
    return max(1, ceil(seconds * 1000))
