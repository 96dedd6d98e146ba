"""An alliance at work, from one seed: readers order, suppliers send, copies go round and come home.

The libraries and the gateway are the real ones; people, copies, ILSs and the lines between the parts are played here.
A copy is at one place at a time, and up to a day on its way. What carries the mail is a ``Line``: a good one, a weak
one, or a hostile hub.
"""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

from connectors.agent.account import answer_statement
from connectors.agent.counter import SeveralLoans
from connectors.agent.custody import NothingToDo, Step
from connectors.agent.effects import Verb
from connectors.agent.entry import Refused
from connectors.agent.tables import Task, Unit
from connectors.agent.watch import watch_once
from connectors.ils.port import PatronStanding, Reason, Result
from federation.ports import Delivery
from federation.web.operator import close_window
from schemas.identifiers import AgencyId
from schemas.messages import MessageType
from tests.alliance import BARCODES, FIRST, HOME, PICKUP, PRICE_FEN, RECORD, SECOND, THIRD, Alliance, Member, obliging

COPIES = 3
"""Each library has so many copies of the work; one loan uses one."""
ORDERS_OPEN_MAX = 3
"""As many reservations as the home library's net debit cap allows at once."""
JOURNEY = timedelta(days=1)
"""A parcel is never slower, and where nothing else is said never faster: then news is older than the copy."""


@dataclass
class Errand:
    """One copy's way, once a supplier has sent it. ``sent_by`` are all libraries whose staff have sent one."""

    conv: str
    pickup: AgencyId
    returned_at: AgencyId
    sent_by: list[AgencyId] = field(default_factory=list)
    steps: int = 0
    arrives: datetime | None = None

    def next_stop(self) -> tuple[AgencyId, Step] | None:
        """Return who does what next with the copy."""
        if not self.sent_by:
            return None
        supplier = self.sent_by[0]
        back = ([(supplier, Step.COME_HOME)] if self.returned_at == supplier else
                [(self.returned_at, Step.TAKE_BACK), (self.returned_at, Step.SEND_BACK), (supplier, Step.COME_HOME)])
        way = [(self.pickup, Step.ARRIVED), (self.pickup, Step.HAND_OVER), *back]
        return way[self.steps] if self.steps < len(way) else None


class Line:
    """Carries mail between the libraries and the gateway: at once, in order, all of it."""

    def __init__(self, town: Alliance) -> None:
        self.town = town

    async def send(self, me: AgencyId, limit: int = 1000) -> int:
        """Carry a library's outbox to the gateway; return how many messages were answered."""
        member = self.town[me]
        for count in range(limit):
            first = await member.journal.run(lambda unit: unit.outbox(1))
            answer = await self.take_over(me, first[0][1]) if first else None
            if answer is None or not await member.office.answered(first[0][0], answer):
                return count
        return limit

    async def fetch(self, me: AgencyId) -> int:
        """Carry a library's mailbox to its office; return how many entries it has taken in."""
        received = await self.town[me].received()
        mail = await self.town.gateway.mail(me, received, received, 1000)
        return sum([await self.deliver(me, entry) for entry in await self.choose(me, list(mail))])

    async def deliver(self, me: AgencyId, entry: Delivery) -> bool:
        """Hand over one entry of a mailbox; return whether it was taken in."""
        try:
            await self.town[me].office.deliver(entry.number, entry.envelope, entry.accepted)
        except Refused:
            return False
        return True

    async def take_over(self, me: AgencyId, envelope: bytes) -> bytes | None:
        """Return what the gateway answers to a message; ``None`` where no answer comes back."""
        return await self.town.gateway.receive(envelope, me)

    async def choose(self, me: AgencyId, mail: list[Delivery]) -> Sequence[Delivery]:
        """Return which of a mailbox's entries are carried now, in which order."""
        return mail


class WeakLine(Line):
    """What an honest network does: it breaks before or after a message, brings things twice, late, in a heap."""

    def __init__(self, town: Alliance, random: Random) -> None:
        super().__init__(town)
        self._random = random

    async def take_over(self, me: AgencyId, envelope: bytes) -> bytes | None:
        if self._random.random() < 0.15:
            return None
        answer = await super().take_over(me, envelope)
        return None if self._random.random() < 0.15 else answer

    async def choose(self, me: AgencyId, mail: list[Delivery]) -> Sequence[Delivery]:
        """Bring the first few, some of them twice, in any order; the others stay until the next time."""
        few = mail[:self._random.randint(0, len(mail))]
        carried = few + self._random.choices(few, k=self._random.randint(0, 2)) if few else []
        self._random.shuffle(carried)
        return carried


@dataclass(frozen=True)
class Saved:
    """A world at rest: its folder, and what no database keeps."""

    folder: Path
    now: datetime
    orders: int
    errands: tuple[Errand, ...]

    def copy(self, folder: Path) -> Alliance:
        """Open a copy of its alliance in ``folder``."""
        shutil.copytree(self.folder, folder)
        town = Alliance(folder)
        town.clock.now, town.orders = self.now, self.orders
        return town


class World:
    """The people of an alliance; ``line`` carries their mail."""

    def __init__(self, town: Alliance, random: Random, line: Line | None = None,
                 errands: Sequence[Errand] = (), fastest: timedelta = JOURNEY) -> None:
        self.town = town
        self.random = random
        self.line = line or Line(town)
        self.fastest = fastest
        self.errands = [replace(errand, sent_by=list(errand.sent_by)) for errand in errands]

    def save(self, folder: Path) -> Saved:
        """Remember a world whose alliance is about to be closed."""
        return Saved(folder, self.town.clock(), self.town.orders, tuple(self.errands))

    async def stock(self) -> None:
        """Give every library its copies."""
        for member in self.town.members.values():
            rows = [(RECORD, barcode, PRICE_FEN) for barcode in barcodes_of(member.me)]
            await member.journal.run(partial(Unit.put_items, items=rows))

    async def order(self, returned_at: AgencyId | None = None) -> str:
        """Let a reader order."""
        pickup = self.random.choice((HOME, PICKUP))
        returned_at = returned_at or self.random.choice((pickup, HOME, THIRD, FIRST))
        conv = await self.town.order(*self.random.choice([(FIRST, SECOND), (SECOND, FIRST)]), pickup=pickup)
        self.errands.append(Errand(conv, pickup, returned_at))
        return conv

    async def open_loans(self) -> int:
        loans = [await self.town.loan(errand.conv) for errand in self.errands]
        return sum(loan.outcome is None for loan in loans)

    async def step(self) -> None:
        """Let one random thing happen."""
        me, chance = self.random.choice(list(self.town.members)), self.random.random()
        if chance < 0.3:
            await self.line.send(me, self.random.randint(1, 5))
        elif chance < 0.6:
            await self.line.fetch(me)
        elif chance < 0.75:
            await self.work(self.town[me])
        elif chance < 0.95:
            await self.staff(me)
        elif await self.open_loans() < ORDERS_OPEN_MAX - 1:
            await self.order()

    async def work(self, member: Member) -> int:
        """Let a library's ILS do what is asked of it."""
        tasks = await member.tasks()
        for task in tasks:
            await member.office.finish(task, self._ils(task))
        return len(tasks)

    def _ils(self, task: Task) -> Result | PatronStanding:
        if task.do.verb is not Verb.PLACE_HOLD:
            return obliging(task, self.town.clock())
        if self.random.random() < 0.1:
            return Result(False, reason=Reason.ON_LOAN)
        barcodes = task.do.argument["barcodes"].split()
        return Result(True, barcode=barcodes[int(task.conv[-4:]) % len(barcodes)])

    async def staff(self, me: AgencyId) -> int:
        """Let a library's staff send what is on the pull list, and do what is next with the copies that lie there."""
        member, done, now = self.town[me], 0, self.town.clock()
        errands = {errand.conv: errand for errand in self.errands}
        for loan in await member.counter.pull_list():
            if await self._scanned(member, loan.conv, loan.barcode or "", Step.DISPATCH):
                errands[loan.conv].sent_by.append(me)
                errands[loan.conv].arrives = now + self._journey()
                done += 1
        for errand in self.errands:
            stop = errand.next_stop()
            if stop is None or stop[0] != me or (errand.arrives and now < errand.arrives):
                continue
            barcode = (await self.town[errand.sent_by[0]].loan(errand.conv)).barcode
            if await self._scanned(member, errand.conv, barcode or "", stop[1]):
                errand.steps += 1
                errand.arrives = now + self._journey() if stop[1] is Step.SEND_BACK else None
                done += 1
        return done

    def _journey(self) -> timedelta:
        spread = JOURNEY - self.fastest
        return self.fastest + self.random.random() * spread if spread else JOURNEY

    async def _scanned(self, member: Member, conv: str, barcode: str, step: Step) -> bool:
        """Whether the scan did what was meant; news that has not come yet makes staff wait."""
        with suppress(NothingToDo, SeveralLoans):
            return await member.scan(barcode, conv, step) is step
        return False

    async def settle(self) -> None:
        """Let all happen that needs no time to pass."""
        moved = 1
        while moved:
            moved = 0
            for me, member in self.town.members.items():
                moved += await self.line.send(me) + await self.line.fetch(me)
                moved += await self.work(member) + await self.staff(me)

    async def wait(self, time: timedelta) -> None:
        """Let time pass, and every library look at its clock."""
        self.town.clock.now += time
        for member in self.town.members.values():
            await watch_once(member.office, member.journal)

    async def settle_accounts(self) -> None:
        """Close a window, and let every library answer its statement."""
        await close_window(self.town.gateway)
        await self.settle()
        for member in self.town.members.values():
            await answer_statement(member.office, member.journal)
        await self.settle()

    async def answers_to_statements(self) -> tuple[int, int]:
        """Return how many statements were accepted and how many disputed."""
        kinds = await self.town.database.run(lambda unit: unit.messages.count_by_type())
        return kinds.get(MessageType.STATEMENT_ACCEPTANCE, 0), kinds.get(MessageType.STATEMENT_DISPUTE, 0)


def barcodes_of(agency: AgencyId) -> list[str]:
    """Return the barcodes of a library's copies."""
    return [str(int(BARCODES[agency]) + number) for number in range(COPIES)]
