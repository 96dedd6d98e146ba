"""One loan, and everything that people, clocks and mail may do to it in any order: it ends, and all the books agree.

Each seed is another interleaving of the parts' steps, with readers who change their minds, suppliers that are silent
and copies that are lost. The copy itself is at one place at a time; news of it may be slow, slower than the parcel,
and every mailbox may come shuffled.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import pytest

from connectors.agent.account import answer_statement
from connectors.agent.counter import SeveralLoans
from connectors.agent.custody import NothingToDo, Step
from connectors.agent.effects import Verb
from connectors.agent.entry import Refused
from connectors.agent.watch import watch_once
from connectors.ils.port import Reason, Result
from federation.web.operator import close_window
from schemas.identifiers import AgencyId
from schemas.lending import AmendmentAction
from schemas.lifecycle import Outcome
from schemas.loan import Loan
from schemas.messages import MessageType
from tests.alliance import FIRST, HOME, PICKUP, SECOND, THIRD, Alliance, Member, obliging
from tests.simulator.seeds import SEEDS

HAPPENINGS = ("hours pass", "deadlines pass", "cancel", "renew", *["scan"] * 4, "not on shelf", "lost")
LAY_ABOUT = {"not_confirmed"}
"""The one alarm that honest mail may raise: it has lain about for a day or two."""
MAY_FAIL = (Verb.PLACE_HOLD, Verb.CHECK_OUT, Verb.RENEW)


@dataclass
class Play:
    """One loan under way. ``copy`` says which library the copy lies at; with the reader it may come to any."""

    town: Alliance
    random: Random
    pickup: AgencyId
    conv: str
    copy: AgencyId | None = None
    with_reader: bool = False

    async def loan(self) -> Loan:
        return await self.town.loan(self.conv)

    async def mail_moves(self, steps: int) -> None:
        """Let a few parts do one thing each: send one message, take one in, finish one task."""
        for _ in range(steps):
            member = self.random.choice(list(self.town.members.values()))
            act = self.random.choice((member.send, self.shuffled(member), None))
            if act is not None:
                await act(1)
            elif tasks := await member.tasks():
                task = self.random.choice(tasks)
                fails = task.do.verb in MAY_FAIL and self.random.random() < 0.25
                answer = Result(False, reason=Reason.ON_LOAN) if fails else obliging(task, self.town.clock())
                await member.office.finish(task, answer)

    def shuffled(self, member: Member) -> Callable[[int], Awaitable[int]]:
        """Return what brings a few entries of a mailbox in any order."""
        few = self.random.choice((1, 1, 2, 5))
        return lambda _: member.fetch(few, lambda entries: self.random.sample(entries, len(entries)))

    async def happens(self, what: str) -> None:
        town, random = self.town, self.random
        if what == "hours pass":
            town.clock.forward(hours=13)
        elif what == "deadlines pass":
            await self.deadlines_pass()
        elif what in ("cancel", "renew"):
            await town.amend(self.conv, AmendmentAction(what.capitalize()))
        elif what == "scan":
            await self.scan()
        else:
            counter = town[random.choice((FIRST, SECOND))].counter
            with suppress(NothingToDo, Refused):
                await (counter.not_on_shelf if what == "not on shelf" else counter.declare_lost)(self.conv)

    async def deadlines_pass(self) -> None:
        for member in self.town.members.values():
            await watch_once(member.office, member.journal)

    async def scan(self) -> None:
        loan = await self.loan()
        if self.copy is None:
            self.copy = self.pickup if loan.due_date else loan.supplier
        here = self.random.choice(list(self.town.members)) if self.with_reader else self.copy
        if here is None or loan.barcode is None:
            return
        with suppress(NothingToDo, SeveralLoans, Refused):
            step = await self.town[here].scan(loan.barcode, self.conv)
            self.with_reader = step is Step.HAND_OVER
            self.copy = {Step.DISPATCH: None, Step.SEND_BACK: loan.supplier}.get(step, here)
        if not (await self.loan()).due_date:
            self.copy = None

    async def goes_to_its_end(self) -> None:
        for _ in range(30):
            await self.town.rest()
            if (await self.loan()).outcome is not None:
                return
            self.town.clock.forward(hours=25)
            await self.deadlines_pass()
            await self.scan()


async def played(town: Alliance, seed: int) -> Play:
    random = Random(seed)
    pickup = random.choice((HOME, PICKUP, FIRST))
    play = Play(town, random, pickup, await town.order(FIRST, SECOND, pickup=pickup))
    for _ in range(30):
        await play.mail_moves(random.choice((0, 3, 10, 30, 200)))
        if (await play.loan()).outcome is not None:
            break
        await play.happens(random.choice(HAPPENINGS))
    await play.goes_to_its_end()
    await town.rest()
    return play


async def all_accept_their_statements(town: Alliance) -> bool:
    await close_window(town.gateway)
    await town.rest()
    for member in town.members.values():
        await answer_statement(member.office, member.journal)
    await town.rest()
    kinds = await town.database.run(lambda unit: unit.messages.count_by_type())
    return kinds.get(MessageType.STATEMENT_ACCEPTANCE) == len(town.members)


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_in_whatever_order_the_loan_ends_and_all_books_agree(town: Alliance, seed: int) -> None:
    play = await played(town, seed)
    loan = await play.loan()
    seen_at_home = await town[HOME].loan(play.conv)
    assert loan.outcome in set(Outcome)
    assert (seen_at_home.outcome, seen_at_home.supplier, seen_at_home.due_date) == (
        loan.outcome, loan.supplier, loan.due_date)
    assert not (await town[HOME].slot(play.conv)).taken

    balances = (await town.balances()).values()
    assert (sum(balance for balance, _ in balances), sum(pending for _, pending in balances)) == (0, 0)
    assert await all_accept_their_statements(town)
    for member in town.members.values():
        assert (member.refused, await member.outbox(), await member.tasks()) == ([], [], [])
        assert set(await member.alarms()) <= LAY_ABOUT


async def test_a_library_that_was_passed_over_and_took_the_copy_back_later_finds_its_fee(town: Alliance) -> None:
    """It knows the loan twice: from its own place in the rota, and from the copy that was handed in."""
    await town[FIRST].journal.run(lambda unit: unit._db.execute("DELETE FROM item"))
    conv = await town.order(FIRST, SECOND)
    await town.rest()
    barcode = (await town.loan(conv)).barcode
    for library in (SECOND, HOME, HOME, FIRST):
        await town[library].scan(barcode, conv if library != FIRST else None)
        await town.rest()
    assert (await town.balances())[FIRST] == (town.directory.tariff.third_return_fen, 0)
    assert await all_accept_their_statements(town)


async def test_places_in_the_log_that_no_loan_allows_are_a_dispute_and_no_crash(town: Alliance) -> None:
    """The hub signs the places; it must not be able to stop a connector by them."""
    conv = await town.order(FIRST)
    await town.rest()
    for library in (FIRST, HOME, HOME, HOME, HOME, FIRST):
        await town[library].scan((await town.loan(conv)).barcode, conv)
        await town.rest()
    first, size = town[FIRST], await town.log_size()
    await first.journal.run(lambda unit: unit._db.execute("UPDATE message SET idx = ? - idx WHERE conv <> ''", (size,)))
    await close_window(town.gateway)
    await town.rest()
    assert await answer_statement(first.office, first.journal)
    assert [m.type for m in await first.outbox()] == [MessageType.STATEMENT_DISPUTE]
    assert THIRD not in await town.balances()
