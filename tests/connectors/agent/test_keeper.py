"""A library's directory stays fresh from the gateway; a gateway that freezes it or turns it back is noticed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.agent.journal import Journal
from connectors.agent.keeper import ASK_AGAIN, DirectoryKeeper
from connectors.agent.tables import Unit
from federation.web.directory import VOUCH_FOR
from tests.alliance import HandClock
from tests.trust.samples import EDITORS, GATEWAY_KEY, NOW, Published, signing_key
from trust.directory import TrustedDirectory
from trust.folder import write_folder
from trust.freshness import Freshness, seal_freshness
from trust.holding import HeldDirectory, pack_directory
from trust.keys import SigningKey

FIRST, SECOND = Published().accept(), Published(version=2).accept()


@dataclass
class Hub:
    """A gateway that vouches for one version and hands out another, as a test likes it."""

    clock: HandClock
    vouched: TrustedDirectory = FIRST
    handed_out: TrustedDirectory = FIRST
    answers: int = 0
    is_up: bool = True
    signs: SigningKey = GATEWAY_KEY

    async def serve(self, request: web.Request) -> web.Response:
        self.answers += 1
        if not self.is_up:
            raise web.HTTPServiceUnavailable
        if request.path == "/directory":
            return web.Response(body=pack_directory(self.handed_out))
        word = Freshness(version=self.vouched.version, hash=self.vouched.hash, valid_until=self.clock() + VOUCH_FOR)
        return web.Response(body=seal_freshness(word, self.signs))


@dataclass
class Desk:
    """One library's keeper."""

    hub: Hub
    held: HeldDirectory
    keeper: DirectoryKeeper
    journal: Journal
    clock: HandClock

    async def alarms(self) -> list[str]:
        return [alarm["code"] for alarm in await self.journal.run(Unit.alarms)]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Desk]:
    clock = HandClock()
    hub = Hub(clock)
    write_folder(folder / "directory", FIRST.root.chain, FIRST.targets, FIRST.files)
    app = web.Application()
    app.router.add_get("/{path:.*}", hub.serve)
    journal = Journal(folder / "journal.db")
    try:
        async with TestServer(app) as server:
            held = HeldDirectory(folder / "directory", NOW)
            url = str(server.make_url("/link")).replace("http", "ws")
            yield Desk(hub, held, DirectoryKeeper(url, held, journal, clock), journal, clock)
    finally:
        journal.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as one:
        yield one


async def test_nobody_vouches_before_the_gateway_was_asked(desk: Desk) -> None:
    assert desk.keeper.is_stale()
    assert not await desk.keeper.ask()
    assert not desk.keeper.is_stale()
    assert await desk.alarms() == []


async def test_a_newer_version_is_fetched_verified_and_in_force(desk: Desk) -> None:
    desk.hub.vouched = desk.hub.handed_out = SECOND
    assert await desk.keeper.ask()
    assert desk.held().version == 2
    assert not desk.keeper.is_stale()


async def test_a_gateway_that_is_away_for_a_day_changes_nothing_and_for_longer_holds_new_loans(desk: Desk) -> None:
    await desk.keeper.ask()
    desk.hub.is_up = False
    desk.clock.forward(hours=23)
    await desk.keeper.ask()
    assert not desk.keeper.is_stale()
    assert await desk.alarms() == []
    desk.clock.forward(hours=2)
    await desk.keeper.ask()
    assert desk.keeper.is_stale()
    assert await desk.alarms() == ["freshness_expired"]
    desk.hub.is_up = True
    await desk.keeper.ask()
    assert not desk.keeper.is_stale()


async def test_signatures_that_ran_out_are_stale_whoever_vouches(desk: Desk) -> None:
    await desk.keeper.ask()
    desk.clock.forward(days=31)
    await desk.keeper.ask()
    assert desk.keeper.is_stale()


async def test_a_message_that_needs_a_newer_version_brings_it_at_once(desk: Desk) -> None:
    await desk.keeper.ask()
    desk.hub.vouched = desk.hub.handed_out = SECOND
    assert await desk.keeper.refresh()


async def test_the_gateways_next_key_which_only_the_next_root_names_is_found_there(desk: Desk) -> None:
    desk.hub.signs = signing_key("the gateway's next")
    desk.hub.vouched = desk.hub.handed_out = Published(version=2, root_version=2, gateway_key=desk.hub.signs).accept(
        FIRST)
    assert await desk.keeper.ask()
    assert not desk.keeper.is_stale()
    assert await desk.alarms() == []


async def test_a_gateway_that_freezes_the_directory_is_noticed_and_not_asked_without_end(desk: Desk) -> None:
    await desk.keeper.ask()
    assert not await desk.keeper.refresh()
    answers = desk.hub.answers
    for _ in range(50):
        assert not await desk.keeper.refresh()
    assert desk.hub.answers == answers
    assert await desk.alarms() == ["directory_frozen"]
    desk.clock.now += ASK_AGAIN
    assert not await desk.keeper.refresh()
    assert desk.hub.answers > answers


async def test_a_gateway_that_turns_the_directory_back_is_noticed(desk: Desk) -> None:
    desk.hub.vouched = desk.hub.handed_out = SECOND
    await desk.keeper.ask()
    desk.hub.vouched = desk.hub.handed_out = FIRST
    await desk.keeper.ask()
    assert desk.held().version == 2
    assert await desk.alarms() == ["directory_rolled_back"]


async def test_a_gateway_that_runs_the_version_forward_locks_nobody_out(desk: Desk) -> None:
    await desk.keeper.ask()
    desk.hub.vouched = Published(version=10**6).accept()
    assert not await desk.keeper.ask()
    assert desk.held().version == 1
    desk.hub.vouched = desk.hub.handed_out = SECOND
    assert await desk.keeper.ask()


async def test_a_version_that_too_few_editors_signed_is_refused(desk: Desk) -> None:
    weak = Published(version=2, editor_signers=EDITORS[:1])
    desk.hub.vouched = SECOND
    desk.hub.handed_out = replace(SECOND, targets=weak.targets)
    assert not await desk.keeper.ask()
    assert desk.held().version == 1
    assert "not_enough_signatures" in await desk.alarms()


async def test_what_was_vouched_for_holds_across_a_restart(desk: Desk, tmp_path: Path) -> None:
    await desk.keeper.ask()
    held = HeldDirectory(tmp_path / "directory", NOW)
    again = DirectoryKeeper("ws://127.0.0.1:9/link", held, desk.journal, desk.clock)
    await again.remember()
    assert not again.is_stale()
    desk.clock.now += VOUCH_FOR + timedelta(seconds=1)
    assert again.is_stale()
