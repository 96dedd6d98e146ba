"""Real processes: a library and the gateway get their next keys while they run, and no restart is needed."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import unused_port
from tuf.api.metadata import Root

from connectors.tools.desk import ask
from examples.alliance.ground import GATEWAY, Ground, lay_ground, write_connector_settings
from schemas.directory import Directory
from tests.examples.desk import BY_SLUG, HandClock, open_ils
from tests.trust.samples import ADMINS, EDITORS, Published
from trust.dsse import decode_envelope
from trust.folder import load_folder, write_folder
from trust.keys import SigningKey, VerifyingKey
from trust.publish import Quorum, build_root, record_of, sign_document

YANGPU, SUZHOU = BY_SLUG["yangpu"], BY_SLUG["suzhou"]
WITHIN_SECONDS = 90
SOON_SECONDS = 1
"""Whether both processes have looked into the directory's folder by then is left to chance: neither may mind."""
LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(days=300)


@dataclass
class Place:
    """A gateway and a library, each a process of its own. ``signs`` are the gateway's keys, as the root lists them."""

    ground: Ground
    signs: list[VerifyingKey]

    @property
    def directory(self) -> Path:
        return self.ground.folder / "directory"

    def publish(self, listed: Directory, version: int) -> None:
        """Put a version, and a root of the same number, into the folder that both processes look into."""
        published = Published(directory=listed, version=version, expires=datetime.now(UTC) + timedelta(days=30))
        roots = [self.root(number) for number in range(1, version + 1)]
        write_folder(self.directory, roots, published.targets, published.files)

    def root(self, number: int) -> bytes:
        draft = build_root(version=number, expires=LATER, gateway=Quorum(tuple(self.signs[:number]), 1),
                           admins=Quorum(tuple(key.verifying for key in ADMINS), 3),
                           editors=Quorum(tuple(key.verifying for key in EDITORS), 2))
        return sign_document(Root, draft, ADMINS[:3])

    def make_key(self, folder: str) -> SigningKey:
        """Put a member's next key beside its present one."""
        key = SigningKey.generate(os.urandom)
        key.save(self.ground.folder / folder / "sign-2.pem", passphrase(self.ground, folder))
        return key

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        return await ask(self.ground.desk_socket(YANGPU), method, path, body)

    def logged(self, src: str) -> list[str]:
        """Return the keys of all that the gateway has logged from one member, each once."""
        with closing(sqlite3.connect(self.ground.folder / "gateway" / "gateway.db")) as db:
            rows = db.execute("SELECT envelope FROM message WHERE src = ? ORDER BY idx", (src,)).fetchall()
        return list(dict.fromkeys(decode_envelope(envelope).key_id for (envelope,) in rows))


def passphrase(ground: Ground, folder: str) -> bytes:
    return (ground.folder / folder / "passphrase").read_bytes()


def with_next(listed: Directory, keys: Mapping[str, SigningKey], use_from: datetime) -> Directory:
    """Return the directory with a next key of each of these members."""
    records = {agency: record_of(key.verifying, use_from=use_from, sign_until=LATER, verify_until=LATER)
               for agency, key in keys.items()}
    return listed.model_copy(update={"agencies": tuple(
        member.model_copy(update={"keys": (*member.keys, records[member.agency])}) if member.agency in records
        else member for member in listed.agencies)})


@asynccontextmanager
async def process(*words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(sys.executable, "-m", *words, stdout=asyncio.subprocess.PIPE)
    assert started.stdout is not None
    try:
        assert await asyncio.wait_for(started.stdout.readline(), WITHIN_SECONDS)
        yield started
        assert started.returncode is None, "it runs on without a restart"
    finally:
        if started.returncode is None:
            started.terminate()
        await started.wait()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    port = unused_port()
    ground = lay_ground(tmp_path, [YANGPU, SUZHOU], datetime.now(UTC), port)
    listed = load_folder(ground.folder / "directory", datetime.now(UTC)).directory
    present = SigningKey.load(ground.folder / "gateway" / "sign.pem", passphrase(ground, "gateway"))
    opened = Place(ground, [present.verifying])
    opened.publish(listed, 1)
    async with open_ils(YANGPU, tmp_path, HandClock()) as ils, AsyncExitStack() as running:
        write_connector_settings(ground, [YANGPU], {YANGPU.slug: ils.ports}, port)
        for words in (("federation.cli", "--config", str(ground.gateway_settings), "serve"),
                      ("connectors.cli", "serve", "--config", str(ground.connector_settings(YANGPU)))):
            await running.enter_async_context(process(*words))
        yield opened


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while not await holds():
            await asyncio.sleep(0.2)


async def test_keys_are_replaced_in_running_processes(place: Place) -> None:
    async def has_signed_anew() -> bool:
        await place.ask("POST", "/reset-streams", {"reason": "to say something"})
        await until(confirmed)
        return len(place.logged(YANGPU.agency_id)) == 2

    async def confirmed() -> bool:
        status = await place.ask("GET", "/status")
        return status["waiting"] == 0 and status["link_up"]

    await place.ask("POST", "/harvest")
    await until(confirmed)
    assert len(place.logged(YANGPU.agency_id)) == 1
    listed = load_folder(place.directory, datetime.now(UTC)).directory
    keys = {GATEWAY: place.make_key("gateway"), YANGPU.agency_id: place.make_key(YANGPU.slug)}
    place.signs.append(keys[GATEWAY].verifying)
    use_from = datetime.now(UTC) + timedelta(seconds=SOON_SECONDS)
    place.publish(with_next(listed, keys, use_from), 2)
    await until(has_signed_anew)
    assert place.logged(YANGPU.agency_id)[-1] == keys[YANGPU.agency_id].key_id
    with closing(sqlite3.connect(place.ground.folder / "gateway" / "gateway.db")) as db:
        [(accepted,)] = db.execute("SELECT accepted FROM message ORDER BY idx DESC LIMIT 1")
    assert decode_envelope(accepted).key_id == keys[GATEWAY].key_id
    assert (await place.ask("GET", "/status"))["alarms"] == []
