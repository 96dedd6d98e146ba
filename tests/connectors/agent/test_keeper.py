"""A library's directory stays fresh from the gateway; a gateway that freezes it or turns it back is noticed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
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
    sends_elsewhere: bool = False
    signs: SigningKey = GATEWAY_KEY

    async def serve(self, request: web.Request) -> web.Response:
        self.answers += 1
        if self.sends_elsewhere and request.path != "/elsewhere":
            raise web.HTTPTemporaryRedirect("/elsewhere")
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
        async with TestServer(app) as server, ClientSession() as http:
            held = HeldDirectory(folder / "directory", NOW)
            url = str(server.make_url("/link")).replace("http", "ws")
            yield Desk(hub, held, DirectoryKeeper(http, url, held, journal, clock), journal, clock)
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
    async with ClientSession() as http:
        again = DirectoryKeeper(http, "ws://127.0.0.1:9/link", held, desk.journal, desk.clock)
        await again.remember()
    assert not again.is_stale()
    desk.clock.now += VOUCH_FOR + timedelta(seconds=1)
    assert again.is_stale()


async def test_a_gateway_that_sends_the_library_elsewhere_is_not_followed(desk: Desk) -> None:
    desk.hub.sends_elsewhere = True
    assert not await desk.keeper.ask()
    assert (desk.hub.answers, desk.keeper.is_stale()) == (1, True)


# how often it asks


async def looks(desk: Desk, **time: float) -> int:
    """Let it look every second for a while; return how often it has asked."""
    before, until = desk.hub.answers, desk.clock() + timedelta(**time)
    while desk.clock() < until:
        await desk.keeper.look()
        desk.clock.forward(seconds=1)
    return desk.hub.answers - before


async def test_it_asks_at_the_start_and_every_ten_minutes_after_that(desk: Desk) -> None:
    assert await looks(desk, seconds=1) == 1
    assert await looks(desk, minutes=9) == 0
    assert await looks(desk, hours=1) == 6


async def test_through_a_long_outage_it_asks_with_growing_pauses(desk: Desk) -> None:
    desk.hub.is_up = False
    assert await looks(desk, minutes=1) == 6, "at 0, 1, 3, 7, 15 and 31 seconds"
    assert await looks(desk, hours=3) <= 3 * 6 + 4


async def test_when_the_link_comes_up_it_asks_at_once(desk: Desk) -> None:
    desk.hub.is_up = False
    await looks(desk, hours=1)
    desk.hub.is_up = True
    desk.keeper.link_came_up()
    assert await looks(desk, seconds=1) == 1
    assert not desk.keeper.is_stale()


async def test_a_gateway_that_comes_up_slowly_is_asked_soon_again(desk: Desk) -> None:
    desk.hub.is_up = False
    await looks(desk, hours=1)
    desk.keeper.link_came_up()
    assert await looks(desk, seconds=4) == 3


async def test_signatures_that_have_run_out_make_it_ask_no_faster_than_an_outage(desk: Desk) -> None:
    await desk.keeper.ask()
    desk.clock.forward(days=31)
    assert await looks(desk, hours=1) <= 6 + 10


async def test_a_clock_that_is_set_back_keeps_it_from_nothing(desk: Desk) -> None:
    await desk.keeper.look()
    desk.clock.forward(days=-1)
    assert await looks(desk, seconds=1) == 1


async def test_a_version_in_the_folder_serves_a_message_that_needs_it_without_asking(desk: Desk, tmp_path: Path
                                                                                      ) -> None:
    await desk.keeper.ask()
    write_folder(tmp_path / "directory", SECOND.root.chain, SECOND.targets, SECOND.files)
    before = desk.hub.answers
    assert await desk.keeper.refresh()
    assert (desk.held().version, desk.hub.answers) == (2, before)
