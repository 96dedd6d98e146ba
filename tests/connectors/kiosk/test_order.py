"""Each copy's records are done in the order in which they happened, once, through crashes; the rest is on the list."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.agent.conflicts import Cause, Conflicts
from connectors.agent.journal import Journal
from connectors.kiosk.backlog import Backlog, Entry, Place
from connectors.kiosk.clerk import Clerk
from connectors.kiosk.settling import WAITING, Outcome, State
from connectors.sip2.messages import build
from tests.connectors.kiosk.city import HOME, nothing_waits, open_lone_member, open_member, until

MORNING = datetime(2026, 9, 1, tzinfo=UTC)
ROOM = Place("地铁站")


@dataclass
class Shelf:
    """Does what entries say while it is there, as ``Settling`` does; remembers what and when it happened."""

    journal: Journal
    is_away: bool = False
    done: list[Entry] = field(default_factory=list)

    @property
    def library(self):
        return SimpleNamespace(counter=SimpleNamespace(journal=self.journal,
                                                       link=SimpleNamespace(is_up=asyncio.Event())))

    async def settle(self, entry: Entry) -> Outcome:
        if await self.journal.run(lambda unit: Backlog(unit).is_overtaken(entry)):
            return Outcome(State.CONFLICT, cause=Cause.OUT_OF_ORDER)
        if self.is_away:
            return WAITING
        self.done.append(entry)
        return Outcome(State.DONE)


RECORDS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.sampled_from(["09", "11"])), max_size=12)
EVENTS = st.lists(st.sampled_from(["away", "back", "restart", "work"]), max_size=12)


@settings(max_examples=40, deadline=None)
@given(RECORDS, EVENTS, st.randoms(use_true_random=False))
def test_in_any_order_of_arrival_and_through_any_restart(records, events, random):
    steps = [*records, *events]
    random.shuffle(steps)
    with TemporaryDirectory() as folder:
        asyncio.run(_live_through(steps, Path(folder) / "journal.db"))


async def _live_through(steps, path):
    journal = Journal(path)
    await journal.run(lambda unit: Backlog(unit).create())
    shelf = Shelf(journal)
    clerk = Clerk(shelf, lambda: MORNING)
    for step in steps:
        if isinstance(step, tuple):
            barcode, minute, id_ = step
            at = MORNING + timedelta(minutes=minute)
            request = build(id_, no_block=True, AB=barcode, transaction_date=f"20260901    {minute:06}")
            await clerk.accept(barcode, request, ROOM, at)
        elif step == "restart":
            await clerk.close()
            journal.close()
            journal = shelf.journal = Journal(path)
            clerk = Clerk(shelf, lambda: MORNING)
        elif step == "work":
            await _work_off(clerk, journal)
        else:
            shelf.is_away = step == "away"
    shelf.is_away = False
    await _work_off(clerk, journal)
    conflicts = await journal.run(lambda unit: Conflicts(unit.connection).open())
    assert await journal.run(lambda unit: Backlog(unit).subjects()) == []
    journal.close()
    _check({step for step in steps if isinstance(step, tuple)}, shelf.done, conflicts)


async def _work_off(clerk, journal):
    for subject in await journal.run(lambda unit: Backlog(unit).subjects()):
        await clerk.work_off(subject)


def _check(records, done, conflicts):
    """All that was handed in, each record once: done in the order of its copy, or on the list."""
    assert len(done) + len(conflicts) == len(records)
    times = defaultdict(list)
    for entry in done:
        times[entry.subject].append(entry.happened_at)
    assert all(row == sorted(row) for row in times.values())
    for conflict in conflicts:
        assert conflict.cause is Cause.OUT_OF_ORDER
        assert conflict.happened_at < max(times[conflict.barcode]).isoformat()


async def test_a_record_that_comes_after_a_later_one_was_done_is_staffs(member):
    """One locker was offline for longer than the other: what it tells is over."""
    card, barcode = member.reader().card, member.own_barcode()
    assert (await member.takes(card, barcode, no_block=True, transaction_date="20260831    080000")).flag("ok")
    assert (await member.returns(barcode, no_block=True, return_date="20260831    100000")).flag("ok")
    late = await member.takes(member.reader(1).card, barcode, no_block=True, transaction_date="20260831    090000")
    assert late.flag("ok")
    (conflict,) = await member.conflicts()
    assert (conflict.cause, conflict.card) == (Cause.OUT_OF_ORDER, member.reader(1).card)
    assert await member.shelf(barcode) == "03"


async def test_an_offline_record_from_before_an_online_return_is_staffs_too(member):
    card, barcode = member.reader().card, member.own_barcode()
    assert (await member.takes(card, barcode)).flag("ok")
    assert (await member.returns(barcode)).flag("ok")
    await member.returns(barcode, no_block=True, return_date="20260831    090000")
    assert await member.causes() == [Cause.OUT_OF_ORDER]


async def test_what_waits_is_done_in_its_order_by_the_connector_that_comes_after(tmp_path):
    async with open_lone_member(tmp_path) as member:
        card, other, ils = member.reader().card, member.reader(1).card, member.ils
        first, second = member.own_barcode(0), member.own_barcode(1)
        await ils._sip2.close()
        # Handed in backwards: the locker sends its newest records first.
        await member.takes(other, first, no_block=True, transaction_date="20260831    100000")
        await member.returns(first, no_block=True, return_date="20260831    090000")
        await member.takes(card, first, no_block=True, transaction_date="20260831    080000")
        await member.takes("no-such-card", second, no_block=True, transaction_date="20260831    080000")
        await member.close()
        async with open_member(tmp_path, HOME, ils, member.clock) as again:
            assert sorted(await again.kiosks.waiting()) == sorted([first, second])
            await ils._sip2.start()
            await until(partial(nothing_waits, again))
            assert (await again.ask("63", AA=other, summary="  Y       ")).all("AU") == (first,)
            assert (await again.ask("63", AA=card)).count("charged_items_count") == 0
            (conflict,) = await again.conflicts()
            assert (conflict.cause, conflict.card) == (Cause.ILS_REFUSED, "no-such-card")


async def test_the_list_outlives_the_connector(tmp_path):
    async with open_lone_member(tmp_path) as member:
        await member.takes("no-such-card", member.own_barcode(), no_block=True)
        before = await member.conflicts()
        await member.close()
        async with open_member(tmp_path, HOME, member.ils, member.clock) as again:
            assert await again.conflicts() == before
            assert [conflict.cause for conflict in before] == [Cause.ILS_REFUSED]
