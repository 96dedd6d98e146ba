"""The gateway's composition root: the only file that names concrete classes. ``run_gateway`` runs until left."""

import asyncio
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from federation.config import Settings, SettingsRefused
from federation.gateway import Gateway
from federation.ports import Cache
from federation.storage.cache import MemoryCache
from federation.storage.database import Database, Probe
from federation.storage.redis_cache import RedisCache
from federation.storage.unit import DDL, SqlUnit
from federation.web.api import GATEWAY, LINKS, READERS, add_api, problems
from federation.web.link import Links
from federation.web.operator import make_checkpoint, serve_operator
from federation.web.portal import add_portal
from federation.web.readers import Readers
from schemas.identifiers import ConversationId
from trust.folder import load_folder
from trust.keys import SigningKey


def system_clock() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


def _no_probe(_point: str) -> None:
    return None


@dataclass(frozen=True)
class RunningGateway:
    """A running gateway; ``port`` is where it listens."""

    gateway: Gateway
    links: Links
    port: int


@asynccontextmanager
async def run_gateway(settings: Settings, *, clock: Callable[[], datetime] = system_clock, probe: Probe = _no_probe
                      ) -> AsyncIterator[RunningGateway]:
    """Open the database, listen, and stop in order on the way out.

    Raises:
        SettingsRefused: a file is missing.
        TrustError: the key or the directory is not accepted.
        StorageFailed: the database cannot be opened.
    """
    directory = load_folder(settings.directory, clock())
    key = SigningKey.load(settings.signing_key, _passphrase(settings.passphrase_file))
    cache = await _cache(settings)
    database: Database[SqlUnit] = Database(settings.database, SqlUnit, DDL, probe)
    waking: set[asyncio.Task[None]] = set()

    def wake(agency: str) -> None:
        task = asyncio.get_running_loop().create_task(cache.wake(agency))
        waking.add(task)
        task.add_done_callback(waking.discard)

    gateway = Gateway(directory.directory.gateway.agency, key, lambda: directory, database, clock, wake)
    links = Links(gateway)
    cache.subscribe(links.wake)
    runner = web.AppRunner(build_app(gateway, links, cache), access_log=None)
    await runner.setup()
    checkpoints = asyncio.create_task(_checkpoints(gateway, settings.checkpoint_seconds))
    try:
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
        async with serve_operator(gateway, links, settings.operator_socket):
            yield RunningGateway(gateway, links, runner.addresses[0][1])
    finally:
        checkpoints.cancel()
        with suppress(asyncio.CancelledError):
            await checkpoints
        await links.close()
        await runner.cleanup()
        await cache.close()
        database.close()


def build_app(gateway: Gateway, links: Links, cache: Cache) -> web.Application:
    """Return the application that connectors and readers meet."""
    app = web.Application(middlewares=[problems])
    app[GATEWAY], app[LINKS] = gateway, links
    app[READERS] = Readers(gateway, links, cache, lambda: secrets.token_urlsafe(24),
                           lambda: ConversationId(str(uuid.uuid4())))
    add_api(app)
    add_portal(app)
    return app


async def _checkpoints(gateway: Gateway, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await make_checkpoint(gateway)


async def _cache(settings: Settings) -> Cache:
    memory = MemoryCache(time.monotonic)
    if settings.redis is None:
        return memory
    shared = RedisCache(settings.redis, memory)
    await shared.start()
    return shared


def _passphrase(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise SettingsRefused(f"the passphrase file {path} cannot be read: {error.strerror}") from None
