"""Attacks on the directory: frozen, turned back, run forward, signed by too few, mixed with an old tariff."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from connectors.agent.entry import Refused
from connectors.agent.keeper import ASK_AGAIN, DirectoryKeeper
from connectors.agent.office import Office
from federation.web.directory import VOUCH_FOR
from tests.alliance import Member, directory_of
from tests.simulator.hub import Hostile
from tests.trust.samples import EDITORS, GATEWAY_KEY, Published
from trust.directory import TARIFF_FILE, TrustedDirectory
from trust.folder import write_folder
from trust.freshness import Freshness, seal_freshness
from trust.holding import HeldDirectory, pack_directory


@dataclass
class _Desk:
    """A library with a directory of its own, and what the hub shows it."""

    hub: Hostile
    member: Member
    keeper: DirectoryKeeper
    held: HeldDirectory
    vouched: TrustedDirectory
    handed_out: TrustedDirectory
    is_gone: bool = False

    async def serve(self, request: web.Request) -> web.Response:
        if self.is_gone:
            raise web.HTTPServiceUnavailable
        if request.path == "/directory":
            return web.Response(body=pack_directory(self.handed_out))
        word = Freshness(version=self.vouched.version, hash=self.vouched.hash,
                         valid_until=self.hub.town.clock() + VOUCH_FOR)
        return web.Response(body=seal_freshness(word, GATEWAY_KEY))

    @property
    def office(self) -> Office:
        return replace(self.member.office, directory=self.held, refresh=self.keeper.refresh, stale=self.keeper.is_stale)

    async def asks(self) -> None:
        """Let the library ask for the directory, as it does every ten minutes; it has asked, before the attack, too."""
        self.hub.town.clock.now += ASK_AGAIN
        self.hub.strike(self.member.me)
        before = await self.hub.kept()
        await self.keeper.ask()
        assert self.held().version == self.hub.town.directory.version
        assert self.held().tariff == self.hub.town.directory.tariff
        assert await self.hub.kept() == before


@asynccontextmanager
async def _desk(hub: Hostile) -> AsyncIterator[_Desk]:
    """A random library that holds the directory in force, and was told so by the hub while it was honest."""
    town = hub.town
    member, known = town[hub.random.choice(sorted(town.members))], town.directory
    folder = town.folder / "held"
    write_folder(folder, known.root.chain, known.targets, known.files)
    held = HeldDirectory(folder, town.clock())
    opened: list[_Desk] = []
    app = web.Application()

    async def serve(request: web.Request) -> web.Response:
        return await opened[0].serve(request)

    app.router.add_get("/{path:.*}", serve)
    async with TestServer(app) as server, ClientSession() as http:
        url = str(server.make_url("/link"))
        desk = _Desk(hub, member, DirectoryKeeper(http, url, held, member.journal, town.clock), held, known, known)
        opened.append(desk)
        await desk.keeper.ask()
        assert not desk.keeper.is_stale()
        yield desk


async def freeze(hub: Hostile) -> None:
    """Go on vouching for a version that the editors have replaced: until a member's message names the new one."""
    async with _desk(hub) as desk:
        hub.town.publish()
        hub.town.clock.now += ASK_AGAIN
        mail = await hub.any_known()
        office = desk.office
        src = hub.another(office.me)
        said = mail.message
        message = await desk.member.next_from(src, said.type, said.body, conv=said.conv, reply_to=mail.hash,
                                              now=hub.town.clock())
        hub.strike(office.me)
        accepted = await hub.accepted(message.hash, office.me)
        with pytest.raises(Refused, match="refresh"):
            await office.deliver(await desk.member.received() + 1, message.envelope, accepted)


async def turn_back(hub: Hostile) -> None:
    """Vouch again for the version before the one in force, in which a key still counts that is revoked now."""
    old = hub.town.directory
    hub.town.publish(revoked=hub.another())
    async with _desk(hub) as desk:
        desk.vouched = desk.handed_out = old
        await desk.asks()


async def run_forward(hub: Hostile) -> None:
    """Vouch for a version of the far future, so that no true one counts any more."""
    async with _desk(hub) as desk:
        desk.vouched = replace(hub.town.directory, version=10**6)
        await desk.asks()
        hub.town.publish()
        desk.vouched = desk.handed_out = hub.town.directory
        hub.town.clock.now += ASK_AGAIN
        assert await desk.keeper.ask(), "nobody is locked out"


async def sign_by_too_few_editors(hub: Hostile) -> None:
    known = hub.town.directory
    async with _desk(hub) as desk:
        weak = Published(directory=known.directory, version=known.version + 1, editor_signers=EDITORS[:1])
        desk.vouched = replace(known, version=known.version + 1)
        desk.handed_out = replace(desk.vouched, targets=weak.targets)
        await desk.asks()


async def mix_in_an_old_tariff(hub: Hostile) -> None:
    """A new version, truly signed, packed with the tariff of another."""
    known = hub.town.directory
    next_one = directory_of([member.library for member in hub.town.members.values()], version=known.version + 1)
    async with _desk(hub) as desk:
        old = known.tariff.model_copy(update={"loan_fee_fen": 100}).model_dump_json().encode()
        desk.vouched = next_one
        desk.handed_out = replace(next_one, files={**next_one.files, TARIFF_FILE: old})
        await desk.asks()


async def stop_vouching(hub: Hostile) -> None:
    """Show no word of the directory at all: new loans wait after a day, those under way go on."""
    async with _desk(hub) as desk:
        desk.is_gone = True
        hub.strike(desk.member.me)
        hub.town.clock.now += VOUCH_FOR
        await desk.keeper.ask()
        assert desk.keeper.is_stale()
