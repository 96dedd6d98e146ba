"""A library follows the evidence log, and notices a hub that shows another one."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from connectors.agent import views
from connectors.agent.hub import HubUnreachable
from connectors.agent.views import Views
from connectors.agent.witness import SHORT_LOOKS_MAX, WITHHELD_LOOKS_MAX, Witness
from federation.web.operator import make_checkpoint
from tests.alliance import FIRST, GATEWAY, HOME, SECOND, Alliance, alliance
from tests.federation.web.front import front_of
from trust.checkpoint import open_checkpoint
from trust.cosignature import cosigners


@dataclass
class Watched:
    """A town whose log can be looked at by its libraries, at the address of any front door."""

    town: Alliance
    url: str
    http: ClientSession

    async def look(self, agency: str, url: str = "", times: int = 1) -> None:
        member = self.town[agency]
        witness = Witness(url or self.url, member.office, member.journal)
        for _ in range(times):
            await witness.look(self.http)

    async def lend(self) -> None:
        """Let a loan be asked for, and the log be signed as it then stands."""
        await self.town.order(FIRST, SECOND)
        await self.town.rest()
        await make_checkpoint(self.town.gateway)


@asynccontextmanager
async def watched(town: Alliance) -> AsyncIterator[Watched]:
    async with front_of(town) as front, ClientSession() as http:
        yield Watched(town, str(front.http.make_url("/link")).replace("http", "ws"), http)


@pytest.fixture
async def city(town: Alliance) -> AsyncIterator[Watched]:
    async with watched(town) as opened:
        yield opened


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Watched]:
    """The same gateway, by its keys, with another history."""
    (tmp_path / "other").mkdir()
    async with alliance(tmp_path / "other") as town, watched(town) as opened:
        yield opened


async def places(city: Watched, agency: str) -> int:
    return len(await city.town[agency].journal.run(lambda unit: Views(unit.connection).places(10**6, 1000)))


async def test_a_growing_log_is_followed_cosigned_and_proven_without_an_alarm(city: Watched) -> None:
    for _ in range(3):
        await city.lend()
        for agency in (HOME, FIRST):
            assert await places(city, agency) > 0
            await city.look(agency)
            assert await places(city, agency) == 0
            assert await city.town[agency].alarms() == []
    size = city.town[HOME].office.seen.last[0]
    assert size == await city.town.log_size()
    async with city.http.get(city.url.replace("ws:", "http:").replace("link", "log/checkpoint")) as answer:
        note = (await answer.json())["note"].encode()
    directory = city.town.directory
    checkpoint = open_checkpoint(note, GATEWAY, directory.signing_keys(GATEWAY))
    assert set(cosigners(note, checkpoint, directory)) == {HOME, FIRST}


async def test_no_more_own_states_are_kept_than_spare_a_proof(city: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another member names of an older one is proven against the newest, like anything that is unknown here."""
    monkeypatch.setattr(views, "CHECKPOINTS_MAX", 2)
    for _ in range(4):
        await city.lend()
        await city.look(HOME)
    kept = await city.town[HOME].journal.run(
        lambda unit: unit.connection.execute("SELECT size FROM checkpoint ORDER BY size").fetchall())
    assert len(kept) == 2
    assert kept[-1][0] == city.town[HOME].office.seen.last[0]


async def test_what_a_library_signs_says_how_far_it_has_seen_the_log(city: Watched) -> None:
    await city.lend()
    await city.look(HOME)
    await city.town.order(FIRST)
    await city.town[HOME].fetch()
    [*_, said] = await city.town[HOME].outbox()
    assert said.cp == city.town[HOME].office.seen.last


async def test_a_log_that_goes_back_is_noticed(city: Watched, other: Watched) -> None:
    await city.lend()
    await city.lend()
    await city.look(HOME)
    await make_checkpoint(other.town.gateway)
    await city.look(HOME, other.url)
    assert await city.town[HOME].alarms() == ["split_view"]


async def test_another_history_is_noticed_however_long_it_is(city: Watched, other: Watched) -> None:
    await city.lend()
    await city.look(HOME)
    for _ in range(3):
        await other.lend()
    await city.look(HOME, other.url)
    assert await city.town[HOME].alarms() == ["split_view"]
    assert city.town[HOME].office.seen.last[0] < await other.town.log_size()


async def test_two_libraries_that_were_shown_two_histories_notice_by_their_messages(
        city: Watched, other: Watched) -> None:
    await city.lend()
    for _ in range(2):
        await other.lend()
    await city.look(HOME)
    await city.look(FIRST, other.url)
    await city.lend()
    await city.lend()
    await city.look(HOME)
    await city.look(FIRST)
    assert "split_view" in await city.town[HOME].alarms()


async def test_a_state_that_the_gateway_shows_to_others_only_is_noticed_after_an_hour(city: Watched) -> None:
    await city.lend()
    await city.look(HOME)
    ahead = (10**6, city.town[HOME].office.seen.last[1])
    now = city.town.clock().isoformat()
    await city.town[HOME].journal.run(lambda unit: Views(unit.connection).claim(ahead, FIRST, now))
    await city.look(HOME)
    assert await city.town[HOME].alarms() == []
    city.town.clock.forward(hours=1, seconds=1)
    await city.look(HOME, times=SHORT_LOOKS_MAX)
    assert await city.town[HOME].alarms() == ["split_view"]


async def test_a_message_that_the_gateway_took_over_and_left_out_of_its_log_is_noticed(city: Watched) -> None:
    await city.lend()
    with closing(sqlite3.connect(city.town.folder / "gateway.db", isolation_level=None)) as db:
        for statement in ("DELETE FROM node", "DELETE FROM checkpoint",
                          "UPDATE leaf SET kind = 'CustodyReceipt' WHERE kind = 'Request'"):
            db.execute(statement)
    await make_checkpoint(city.town.gateway)
    await city.look(FIRST)
    assert await city.town[FIRST].alarms() == ["broken_proof"]
    await city.look(FIRST)
    assert await city.town[FIRST].alarms() == ["broken_proof"], "it is told once"


async def test_a_message_that_no_checkpoint_covers_is_noticed_after_an_hour(city: Watched) -> None:
    await city.lend()
    await city.town.order(FIRST)
    await city.town.rest()
    await city.look(FIRST)
    assert await city.town[FIRST].alarms() == []
    city.town.clock.forward(hours=1, seconds=1)
    await city.look(FIRST, times=SHORT_LOOKS_MAX - 1)
    assert await city.town[FIRST].alarms() == [], "a clock may have jumped"
    await city.look(FIRST, times=SHORT_LOOKS_MAX)
    assert await city.town[FIRST].alarms() == ["broken_proof"]


async def test_a_gateway_that_withholds_the_proofs_is_noticed(city: Watched) -> None:
    await city.lend()

    async def only_checkpoints(request: web.Request) -> web.StreamResponse:
        if request.path != "/log/checkpoint":
            raise web.HTTPServiceUnavailable
        async with city.http.get(city.url.replace("ws:", "http:").replace("/link", request.path_qs)) as answer:
            return web.json_response(await answer.json())

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", only_checkpoints)
    async with TestServer(app) as server:
        member = city.town[FIRST]
        witness = Witness(str(server.make_url("/link")), member.office, member.journal)
        for _ in range(WITHHELD_LOOKS_MAX - 1):
            with pytest.raises(HubUnreachable):
                await witness.look(city.http)
        assert await member.alarms() == []
        await witness.look(city.http)
        assert await member.alarms() == ["broken_proof"]


@pytest.mark.parametrize("answer", [
    b"", b"[]", b"{}", b'{"note": 3, "proof": []}', b'{"note": "x", "old": 0, "proof": ["zz"]}', b"[" * 100_000,
    b'{"note": "' + b"x" * 2_000_000 + b'"}'])
async def test_an_answer_that_proves_nothing_changes_nothing(city: Watched, answer: bytes) -> None:
    async def nonsense(_request: web.Request) -> web.Response:
        return web.Response(body=answer, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", nonsense)
    async with TestServer(app) as server:
        member = city.town[FIRST]
        witness = Witness(str(server.make_url("/link")), member.office, member.journal)
        with suppress(HubUnreachable):
            await witness.look(city.http)
        assert member.office.seen.last is None
        assert set(await member.alarms()) <= {"broken_proof"}


async def test_a_stranger_and_the_gateway_itself_are_no_witnesses(city: Watched) -> None:
    await city.lend()
    await city.look(HOME)
    address = city.url.replace("ws:", "http:").replace("link", "log/cosignatures")
    offers: list[dict[str, Any]] = [
        {"size": 10**6, "witness": HOME, "line": "— x"}, {"size": 1, "witness": GATEWAY, "line": "— x"},
        {"size": await city.town.log_size(), "witness": FIRST, "line": f"— {FIRST} AAAA"}, {"size": "1"}]
    for offer in offers:
        async with city.http.post(address, json=offer) as answer:
            assert answer.status in (400, 409)
