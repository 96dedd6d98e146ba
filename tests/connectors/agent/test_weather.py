"""Mail that is lost, doubled, late, out of order, and connectors that die in between: no alarm, and always one end.

Once at one library's door, for any order that hypothesis thinks of; once in the whole alliance, where a loan goes its
way through bad weather and the real gateway.
"""

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.agent.counter import SeveralLoans
from connectors.agent.custody import NothingToDo, Step
from connectors.agent.journal import Journal
from connectors.agent.office import Office
from connectors.agent.resends import ASK_AGAIN
from connectors.agent.tables import Unit
from connectors.agent.watch import watch_once
from federation.ports import Delivery
from schemas.envelope import StreamPosition
from schemas.identifiers import AgencyId
from schemas.lifecycle import Outcome
from schemas.loan import Loan
from schemas.messages import Resend
from tests.alliance import BARCODES, FIRST, HOME, PICKUP, THIRD, Alliance, HandClock, Member, alliance, read, signer_of
from tests.connectors.agent.mail import M, notes, requested, watched
from trust.directory import TrustedDirectory
from trust.envelope import Sealed
from trust.stream import StreamHead

# one library's door

EACH = 4
SENDERS = (HOME, PICKUP)
ROUNDS = 11
PAUSE = ASK_AGAIN + timedelta(seconds=1)
"""After each the library asks again; together less than the hour after which a gap is told."""
RESTART = -1


@dataclass(frozen=True)
class Scene:
    """A library's journal before each of two senders has said four things to it, and these, with their log entries."""

    folder: Path
    directory: TrustedDirectory
    conv: str
    said: Sequence[tuple[Sealed, bytes]]


@dataclass(frozen=True)
class End:
    """How the library stands afterwards; in which order two senders' messages came is no part of it."""

    heads: tuple[StreamHead, ...]
    loan: Loan
    confirmed: tuple[str, ...]
    alarms: tuple[Any, ...]
    waiting: int


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("weather")

    async def prepare() -> Scene:
        async with alliance(folder) as town:
            conv = await requested(town)
            await town[FIRST].send()
            said = [message for src in SENDERS for message in await notes(town, town[FIRST], src, conv, EACH)]
            shown = [(message, town[FIRST].log_entry_of(message, index=100 + place))
                     for place, message in enumerate(said)]
            return Scene(folder / town[FIRST].library.slug, town.directory, conv, shown)

    return asyncio.run(prepare())


class Door:
    """The library under its hub: deliveries as they are drawn, and what the library asks for again."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        shutil.copytree(scene.folder, folder, dirs_exist_ok=True)
        self.scene, self.folder, self.clock = scene, folder, HandClock()
        self.numbers = 100 + len(scene.said)
        self.open()

    def open(self) -> None:
        self.journal = Journal(self.folder / "journal.db")
        self.office = Office(FIRST, signer_of(FIRST), lambda: self.scene.directory, self.journal, self.clock,
                             b"token key")

    async def deliver(self, place: int, number: int) -> None:
        if place == RESTART:
            self.journal.close()
            self.open()
            return
        message, shown = self.scene.said[place]
        await self.office.deliver(number, message.envelope, shown)

    async def answer_resends(self, lost: list[bool]) -> None:
        """Bring what was asked for under new numbers, unless it is lost once more."""
        for hash_, envelope in await self.journal.run(lambda unit: unit.outbox(99)):
            if (asked := read(envelope)).type is M.RESEND:
                await self.journal.run(lambda unit, h=hash_: unit.dequeue(h))
                for place in self.asked(asked.dst, asked.body):
                    self.numbers += 1
                    if not (lost and lost.pop()):
                        await self.deliver(place, self.numbers)

    def asked(self, src: AgencyId, resend: Resend) -> list[int]:
        def is_asked(position: StreamPosition) -> bool:
            return resend.from_seq <= position.seq <= resend.upto_seq

        return [place for place, (message, _) in enumerate(self.scene.said)
                if message.message.src == src and is_asked(message.message.stream)]

    async def end(self) -> End:
        def look(unit: Unit) -> End:
            heads = tuple(unit.head(src, FIRST, "loan") for src in SENDERS)
            loan = unit.loan(self.scene.conv)
            assert loan is not None
            said = [read(envelope) for _, envelope in unit.outbox(99)]
            confirmed = sorted(message.body.message for message in said if message.type is M.CONFIRMATION)
            (waiting,) = unit._db.execute("SELECT (SELECT count(*) FROM early) + (SELECT count(*) FROM gap) + "
                                          "(SELECT count(*) FROM postponed)").fetchone()
            return End(heads, replace(loan, last=None), tuple(confirmed), tuple(unit.alarms()), waiting)

        return await self.journal.run(look)


async def weathered(scene: Scene, order: Sequence[int], lost: list[bool]) -> End:
    """Deliver in this order, then each sender's last message; let time pass until nothing is missing."""
    with TemporaryDirectory() as folder:
        door = Door(scene, Path(folder))
        try:
            for place in (*order, EACH - 1, 2 * EACH - 1):
                await door.deliver(place, 100 + place)
                await door.answer_resends(lost)
            for _ in range(ROUNDS):
                door.clock.now += PAUSE
                await watch_once(door.office, door.journal)
                await door.answer_resends(lost)
            return await door.end()
        finally:
            door.journal.close()


@settings(max_examples=25, deadline=None)
@given(order=st.lists(st.integers(RESTART, 2 * EACH - 1), max_size=20), lost=st.lists(st.booleans(), max_size=12))
@example(order=[], lost=[])
@example(order=[7, 3, RESTART, 7, 2, 3, 1, RESTART, 0], lost=[True] * 8)
def test_whatever_the_hub_loses_doubles_delays_or_reorders_the_library_comes_to_the_same_end(
        scene: Scene, order: list[int], lost: list[bool]) -> None:
    calm = asyncio.run(weathered(scene, range(2 * EACH), []))
    assert (calm.alarms, calm.waiting, len(calm.confirmed)) == ((), 0, 2 * EACH)
    assert asyncio.run(weathered(scene, order, lost)) == calm


# the whole alliance

STORY = ((FIRST, Step.DISPATCH), (PICKUP, Step.ARRIVED), (PICKUP, Step.HAND_OVER), (THIRD, Step.TAKE_BACK),
         (THIRD, Step.SEND_BACK), (FIRST, Step.COME_HOME))


def rough(member: AgencyId, random: Random) -> Any:
    """Lose, double and reorder what is numbered for a library; copies have no number and come as they were sent.

    What nothing follows is not lost: an honest hub brings it again, and of another only its sender can know.
    """
    def weather(entries: Sequence[Delivery]) -> list[Delivery]:
        blown: list[Delivery] = []
        messages = [read(entry.envelope) for entry in entries]
        last = {message.src: message.stream.seq for message in messages if message.stream}
        for entry, message in zip(entries, messages, strict=True):
            if message.stream is None or message.dst != member:
                blown.append(entry)
                continue
            times = random.choice((0, 0, 1, 2) if message.stream.seq < last[message.src] else (1, 1, 2))
            place = random.randint(0, len(blown))
            blown[place:place] = [entry] * times
        return blown

    return weather


async def carry(town: Alliance, random: Random) -> None:
    """Carry mail through the weather once; now and then a connector dies."""
    for agency in list(town.members):
        if random.random() < 0.1:
            town.restart(agency)
        member = town[agency]
        await member.send()
        await member.fetch(weather=rough(agency, random))
        await member.work()
        town.clock.now += ASK_AGAIN / 4
        await watched(member)


async def is_up_to_date(town: Alliance, member: Member, conv: str) -> bool:
    """Whether the library knows where the copy is: staff who are faster than the mail cross it on its way."""
    loan = await member.journal.run(lambda unit: unit.loan(conv))
    return loan is None or loan.custody is (await town.loan(conv)).custody


async def done(town: Alliance, member: Member, step: Step, conv: str) -> bool:
    if await is_up_to_date(town, member, conv):
        with suppress(NothingToDo, SeveralLoans):
            return await member.scan(BARCODES[FIRST], conv, step) is step
    return False


@pytest.mark.parametrize("seed", range(12))
async def test_a_loan_comes_through_any_weather_without_an_alarm(town: Alliance, seed: int) -> None:
    random = Random(seed)
    conv = await town.order(FIRST, pickup=PICKUP)
    for agency, step in STORY:
        for _ in range(40):
            if await done(town, town[agency], step, conv):
                break
            await carry(town, random)
        else:
            pytest.fail(f"{agency} never came to {step}")
    for _ in range(20):
        await carry(town, random)
    await town.rest()
    seen = [await town.loan(conv), *[await town[agency].loan(conv) for agency in (HOME, FIRST, PICKUP)]]
    assert {(loan.outcome, loan.status, loan.custody, loan.supplier, loan.due_date) for loan in seen} == {
        (Outcome.COMPLETED, seen[0].status, seen[0].custody, FIRST, seen[0].due_date)}
    assert [(member.refused, await member.alarms()) for member in town.members.values()] == [([], [])] * 5
