"""What witnesses make of the log: final checkpoints in the status and in a loan's bundle, and who is silent."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from connectors.agent.witness import Witness
from examples.alliance.people import JsonPeer, over_socket
from federation.status_text import status_text
from federation.web.operator import serve_operator
from tests.alliance import FIRST, HOME, PICKUP, SECOND, Alliance
from tests.federation.web.front import Front, front_of
from tests.trust import samples
from trust.bundle import Report, verify_bundle


@dataclass
class City:
    """A town with an operator, whose libraries can look at the log; two of them make a checkpoint final."""

    front: Front
    peer: JsonPeer
    http: ClientSession

    @property
    def town(self) -> Alliance:
        return self.front.town

    async def look(self, *agencies: str) -> None:
        url = str(self.front.http.make_url("/link")).replace("http", "ws")
        for agency in agencies:
            member = self.town[agency]
            await Witness(url, member.office, member.journal).look(self.http)

    async def lend(self) -> str:
        conv = await self.town.order(FIRST, SECOND)
        await self.town.rest()
        return conv

    async def sign(self) -> int:
        return int((await self.peer.ask("POST", "/checkpoints"))["size"])

    async def status(self) -> Any:
        return await self.peer.ask("GET", "/status")

    async def evidence(self, conv: str) -> Report:
        return verify_bundle(await self.peer.ask("GET", f"/evidence/{conv}"), samples.Published().root)


@pytest.fixture
async def city(town: Alliance, tmp_path: Path) -> AsyncIterator[City]:
    policies = town.directory.policies.model_copy(update={"witnesses_min": 2})
    object.__setattr__(town.directory, "policies", policies)
    async with front_of(town) as front, serve_operator(front.gateway, front.links, tmp_path / "o.sock"):
        peer = over_socket(tmp_path / "o.sock")
        async with peer.http, ClientSession() as http:
            yield City(front, peer, http)


async def test_a_checkpoint_is_final_once_enough_members_have_cosigned_it(city: City) -> None:
    await city.lend()
    size = await city.sign()
    assert (await city.status())["checkpoint"] == {
        "size": size, "witnesses": 0, "witnesses_min": 2, "is_final": False, "final_size": None}
    await city.look(HOME)
    assert not (await city.status())["checkpoint"]["is_final"]
    await city.look(FIRST)
    assert (await city.status())["checkpoint"] == {
        "size": size, "witnesses": 2, "witnesses_min": 2, "is_final": True, "final_size": size}
    assert "2/2 馆见证 witnesses, 已定 final" in status_text(await city.status())


async def test_who_has_cosigned_nothing_for_an_hour_is_named(city: City) -> None:
    await city.lend()
    await city.sign()
    await city.look(HOME, FIRST)
    assert set((await city.status())["silent_witnesses"]) == set(city.town.members) - {HOME, FIRST}
    city.town.clock.forward(minutes=59)
    await city.look(HOME)
    city.town.clock.forward(minutes=2)
    silent = (await city.status())["silent_witnesses"]
    assert FIRST in silent
    assert HOME not in silent
    assert f"一小时未见证 No cosignature for an hour: {', '.join(silent)}" in status_text(await city.status())


async def test_a_loans_bundle_is_under_the_newest_final_checkpoint_that_covers_it(city: City) -> None:
    conv = await city.lend()
    await city.sign()
    await city.look(HOME, FIRST, PICKUP)
    await city.lend()
    await city.sign()
    await city.look(HOME)
    report = await city.evidence(conv)
    assert set(report.witnesses) == {HOME, FIRST, PICKUP}
    assert report.leaves == len(await city.town.said(conv))


async def test_what_no_final_checkpoint_covers_yet_is_under_the_newest_with_the_cosignatures_it_has(city: City) -> None:
    await city.lend()
    await city.sign()
    await city.look(HOME, FIRST)
    conv = await city.lend()
    await city.sign()
    await city.look(PICKUP)
    report = await city.evidence(conv)
    assert report.witnesses == (PICKUP,)
    assert report.leaves == len(await city.town.said(conv))
    await city.look(HOME)
    assert set((await city.evidence(conv)).witnesses) == {HOME, PICKUP}


async def test_keys_that_run_out_are_told_to_whoever_runs_the_gateway(city: City) -> None:
    assert (await city.status())["trust"]["warnings"] == []
    city.town.clock.forward(days=300)
    status = await city.status()
    assert {warning["level"] for warning in status["trust"]["warnings"]} >= {0, 90}
    text = status_text(status)
    assert "提醒 Warnings" in text
    assert f"{FIRST} 签名密钥 sign key" in text
