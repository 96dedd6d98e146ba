"""A hub that lies: it holds the gateway's key, sees all mail, and may do with it whatever it likes.

It holds no library's key, no editor's and no admin's. Beside what it is told to do to some messages it goes on as an
honest gateway would: an attack is seen by itself.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from connectors.agent.tables import Unit
from connectors.agent.witness import SHORT_LOOKS_MAX, Witness
from federation.gateway import Gateway
from federation.ports import Delivery
from federation.storage.database import Database
from federation.storage.unit import SqlUnit
from federation.web.api import GATEWAY as SERVED
from federation.web.directory import add_directory
from federation.web.log import add_log
from federation.web.operator import make_checkpoint
from schemas.dialogue import rule_of
from schemas.identifiers import AgencyId, MessageHash
from schemas.messages import Accepted, AnyMessage, MessageType
from tests.alliance import GATEWAY, Alliance, key_of, read, sealed
from tests.simulator.world import JOURNEY, ORDERS_OPEN_MAX, Line, World
from trust.directory import TrustedDirectory
from trust.dsse import decode_envelope, hash_signed
from trust.envelope import Sealed
from trust.keys import SigningKey

KEPT = ("message", "stream", "sent", "outbox", "early", "postponed", "loan", "task", "slot", "session")


@dataclass(frozen=True)
class Mail:
    """A relayed message as the hub knows it, with its log entry."""

    hash: MessageHash
    message: AnyMessage
    envelope: bytes
    accepted: bytes

    @property
    def stream(self) -> tuple[AgencyId, AgencyId, str]:
        assert self.message.stream is not None
        return self.message.src, self.message.dst, self.message.stream.channel

    @property
    def number(self) -> int:
        assert self.message.stream is not None
        return self.message.stream.seq


def mail_of(entry: Delivery) -> Mail:
    """Read an entry of a mailbox."""
    return Mail(hash_signed(decode_envelope(entry.envelope).signed), read(entry.envelope), entry.envelope,
                entry.accepted)


def is_relayed(mail: Mail) -> bool:
    """Whether a library says it to another, in a loan."""
    return rule_of(mail.message.type).relayed


@dataclass
class Hostile(Line):
    """The hub. ``struck_at`` is when its attack first touched something that an honest library relies on.

    ``withholds`` chooses what is not delivered, ``answers`` what is said in place of the gateway's answer; both are
    asked for everything that passes, and ``held`` and ``passed`` are what came of it. ``told`` is what somebody at a
    desk was told, ``shown`` which log a library sees.
    """

    town: Alliance
    world: World
    random: Random
    struck_at: datetime | None = None
    victim: AgencyId | None = None
    withholds: Callable[[AgencyId, Mail], bool] = lambda _me, _mail: False
    answers: Callable[[AgencyId, bytes], Awaitable[bytes | None]] | None = None
    held: list[tuple[AgencyId, Delivery]] = field(default_factory=list)
    passed: list[tuple[datetime, AgencyId, Mail]] = field(default_factory=list)
    caught_at: datetime | None = None
    backwards: bool = False
    told: list[tuple[datetime, str]] = field(default_factory=list)
    shown: dict[AgencyId, Gateway] = field(default_factory=dict)
    copies: list[Database[SqlUnit]] = field(default_factory=list)

    def strike(self, victim: AgencyId) -> None:
        """Note when the attack begins to count, and who must notice it."""
        if self.struck_at is None:
            self.struck_at, self.victim = self.town.clock(), victim

    async def choose(self, me: AgencyId, mail: list[Delivery]) -> Sequence[Delivery]:
        passed = []
        for entry in mail:
            known = mail_of(entry)
            if self.withholds(me, known):
                self.held.append((me, entry))
            else:
                self.passed.append((self.town.clock(), me, known))
                passed.append(entry)
        return passed[::-1] if self.backwards else passed

    async def take_over(self, me: AgencyId, envelope: bytes) -> bytes | None:
        if self.answers is not None:
            return await self.answers(me, envelope)
        return await super().take_over(me, envelope)

    # what it knows

    async def known(self, of: Callable[[Mail], bool] = is_relayed) -> list[Mail]:
        """Return what it has in its log, oldest first."""
        rows = await self.town.database.run(lambda unit: unit.messages._db.execute(
            "SELECT hash, envelope, accepted FROM message WHERE type <> 'Refused' ORDER BY idx").fetchall())
        mails = [Mail(MessageHash(hash_), read(envelope), envelope, answer) for hash_, envelope, answer in rows]
        return [mail for mail in mails if of(mail)]

    async def any_known(self, of: Callable[[Mail], bool] = is_relayed) -> Mail:
        """Return something of what it knows."""
        return self.random.choice(await self.known(of))

    def another(self, *but: AgencyId) -> AgencyId:
        """Return a library that is none of these."""
        return self.random.choice([agency for agency in self.town.members if agency not in but])

    # what it can sign, and show

    def signed(self, kind: MessageType, dst: AgencyId, body: Any, src: AgencyId = GATEWAY,
               key: SigningKey | None = None, **header: Any) -> Sealed:
        """Sign anything, in anybody's name, by its own key or another that is not in the directory."""
        return sealed(self.town.directory, kind, src, dst, body, key or key_of(GATEWAY),
                      now=self.town.clock(), **header)

    async def accepted(self, hash_: MessageHash, dst: AgencyId, index: int | None = None) -> bytes:
        """Sign that a message stands in the log."""
        body = Accepted(message=hash_, index=await self.town.log_size() if index is None else index,
                        arrived=self.town.clock())
        return self.signed(MessageType.ACCEPTED, dst, body, reply_to=hash_).envelope

    async def show(self, me: AgencyId, envelope: bytes, accepted: bytes = b"") -> bool:
        """Deliver something under the next number of a mailbox; the attack has struck by then."""
        self.strike(me)
        number = await self.town[me].received() + 1
        return await self.deliver(me, Delivery(number, envelope, accepted))

    async def show_as_logged(self, me: AgencyId, envelope: bytes) -> bool:
        """Deliver something together with the log entry that it ought to have."""
        hash_ = hash_signed(decode_envelope(envelope).signed)
        return await self.show(me, envelope, await self.accepted(hash_, me))

    async def show_in_vain(self, me: AgencyId, envelope: bytes, accepted: bytes | None = None) -> None:
        """Deliver something that must not be let in: nothing that any library keeps is another afterwards."""
        before = await self.kept()
        if accepted is None:
            accepted = await self.accepted(hash_signed(decode_envelope(envelope).signed), me)
        assert not await self.show(me, envelope, accepted)
        assert await self.kept() == before

    async def kept(self) -> list[Any]:
        """Return all that the libraries keep of loans, streams, messages and readers' credit."""
        return [await member.journal.run(lambda unit: [unit._db.execute(f"SELECT * FROM {table}").fetchall()
                                                       for table in KEPT]) for member in self.town.members.values()]

    async def catch(self, of: Callable[[Mail], bool] = is_relayed, skip: int | None = None) -> Mail:
        """Let traffic go on until a message of a kind is on its way to its receiver, and hold it back."""
        caught: list[Mail] = []
        left = iter(range(self.random.randrange(3) if skip is None else skip))

        def withholds(me: AgencyId, mail: Mail) -> bool:
            is_it = bool(caught) and mail.hash == caught[0].hash
            if not caught and of(mail) and next(left, None) is None and me == mail.message.dst:
                caught.append(mail)
                self.caught_at = self.town.clock()
                is_it = True
            return is_it and me == mail.message.dst

        self.withholds = withholds
        await self.until(lambda: bool(caught))
        return caught[0]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let readers order and copies go round until something is so."""
        for _ in range(12):
            await self.world.settle()
            if condition():
                return
            if await self.world.open_loans() < ORDERS_OPEN_MAX:
                await self.world.order()
                await self.world.settle()
            if condition():
                return
            await self.world.wait(JOURNEY)
        raise AssertionError("the seed's traffic never came to the point of the attack")

    async def release(self) -> None:
        """Deliver what was held back."""
        held, self.held, self.withholds = self.held, [], lambda _me, _mail: False
        for me, entry in dict.fromkeys(held):
            await self.deliver(me, entry)

    # what is noticed

    async def noticed(self) -> list[tuple[datetime, str]]:
        """Return what the victim was alarmed by, told at its desk, and said to the hub itself, with the time."""
        assert self.victim is not None
        member = self.town[self.victim]
        alarms = await member.journal.run(Unit.alarms)
        rows = await member.journal.run(lambda unit: unit._db.execute(
            "SELECT envelope FROM message WHERE type IN ('OrderRefused', 'StatementDispute')").fetchall())
        said = [read(envelope) for (envelope,) in rows]
        return [*self.told, *((datetime.fromisoformat(alarm["at"]), alarm["code"]) for alarm in alarms),
                *((m.created, str(m.body.reason if m.type is MessageType.ORDER_REFUSED else m.type)) for m in said)]

    # what it serves over HTTP

    @asynccontextmanager
    async def serving(self, gateway: Gateway) -> AsyncIterator[str]:
        """Serve a log and a directory; yields the address of the link beside them."""
        app = web.Application()
        app[SERVED] = gateway
        add_log(app)
        add_directory(app)
        async with TestServer(app) as server:
            yield str(server.make_url("/link"))

    async def look(self) -> None:
        """Let libraries look at the logs that they are shown, a few times, as they do every few seconds."""
        for agency, gateway in self.shown.items():
            await make_checkpoint(gateway)
            async with self.serving(gateway) as url, ClientSession() as http:
                witness = Witness(url, self.town[agency].office, self.town[agency].journal)
                for _ in range(SHORT_LOOKS_MAX):
                    await witness.look(http)

    def with_directory(self, directory: TrustedDirectory) -> Gateway:
        """Return the gateway as it would be with another directory."""
        return replace(self.town.gateway, directory=lambda: directory)
