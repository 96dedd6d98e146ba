"""The gateway's composition root: the only file that names concrete classes. ``run_gateway`` runs until left."""

import asyncio
import logging
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from federation.config import Settings
from federation.folder_watch import FolderWatch
from federation.gateway import Gateway
from federation.ports import Cache
from federation.quota import Quota
from federation.storage.cache import MemoryCache
from federation.storage.database import Probe
from federation.storage.redis_cache import RedisCache
from federation.storage.unit import open_database
from federation.tls import ServerTls
from federation.web.api import GATEWAY, LINKS, READERS, add_api, problems
from federation.web.directory import add_directory
from federation.web.link import Links
from federation.web.live import add_live
from federation.web.log import add_log
from federation.web.operator import make_checkpoint, serve_operator
from federation.web.portal import add_portal
from federation.web.readers import Readers
from federation.web.searching import add_searching
from schemas.identifiers import ConversationId
from trust.errors import NoKeyInUse
from trust.holding import HeldDirectory
from trust.keys import SigningKey
from trust.own_keys import OwnKeys, Signer
from trust.settings import read_passphrase_file

log = logging.getLogger(__name__)

CHECKPOINT_ENTRIES = 256


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
        SettingsRefused: a file is missing, or is no certificate or key.
        TrustError: the key or the directory is not accepted.
        StorageFailed: the database cannot be opened.
    """
    tls = ServerTls(settings.tls) if settings.tls else None
    held = HeldDirectory(settings.directory, clock())
    watch = FolderWatch(held, clock)
    passphrase = read_passphrase_file(settings.passphrase_file)
    keys = OwnKeys(settings.signing_key, "sign*.pem", lambda path: SigningKey.load(path, passphrase))
    database = open_database(settings.database, probe)
    cache = await _cache(settings)
    waking: set[asyncio.Task[None]] = set()

    def wake(agency: str) -> None:
        task = asyncio.get_running_loop().create_task(cache.wake(agency))
        waking.add(task)
        task.add_done_callback(waking.discard)

    quota = Quota(cache, {"messages": settings.messages_per_minute, "questions": settings.questions_per_minute})
    me = held().directory.gateway.agency
    gateway = Gateway(me, Signer(me, keys), held, database, clock, wake, quota.allow, watch.refresh)
    links = Links(gateway)
    cache.subscribe(links.wake)
    runner = web.AppRunner(build_app(gateway, links, cache), access_log=None)
    await runner.setup()
    loops = [asyncio.create_task(loop) for loop in (
        _checkpoints(gateway, settings.checkpoint_seconds), watch.run(), *([tls.run()] if tls else []))]
    try:
        site = web.TCPSite(runner, settings.host, settings.port, ssl_context=tls.context if tls else None)
        await site.start()
        async with serve_operator(gateway, links, settings.operator_socket):
            yield RunningGateway(gateway, links, runner.addresses[0][1])
    finally:
        for task in loops:
            task.cancel()
        await asyncio.wait(loops)
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
    add_searching(app)
    add_live(app)
    add_directory(app)
    add_log(app)
    add_portal(app)
    return app


async def _checkpoints(gateway: Gateway, seconds: float) -> None:
    """Sign a checkpoint when so much time has passed, or so many entries have come."""
    signed, waited = 0, 0.0
    while True:
        await asyncio.sleep(pause := min(seconds, 1.0))
        waited += pause
        if waited >= seconds or await gateway.store.run(lambda unit: unit.log.size()) >= signed + CHECKPOINT_ENTRIES:
            waited = 0.0
            try:
                signed = (await make_checkpoint(gateway)).size
            except NoKeyInUse as error:
                log.error("nothing is signed (%s): %s", error.code, error)  # noqa: TRY400  a trace would say no more


async def _cache(settings: Settings) -> Cache:
    memory = MemoryCache(time.monotonic)
    if settings.redis is None:
        return memory
    shared = RedisCache(settings.redis, memory)
    await shared.start()
    return shared
