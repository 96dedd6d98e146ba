"""Attacks on money: an old tariff, a line that no message has caused, a window that leaves something out."""

from collections.abc import Callable
from dataclasses import replace

from federation.loans.reaction import Reply
from federation.road import Road
from federation.settlement.closing import close
from federation.web.operator import close_window
from schemas.identifiers import AgencyId
from schemas.messages import MessageType, StatementLine, StatementProposal
from schemas.statement import Statement, Window
from tests.alliance import THIRD, a_hash
from tests.simulator.hub import Hostile
from tests.simulator.world import JOURNEY, ORDERS_OPEN_MAX


async def _lend_until(hub: Hostile, earns: AgencyId | None) -> None:
    """Let loans go round until a library has earned something more, or anybody has earned something."""
    before = await _earned(hub, earns)
    for _ in range(15):
        if await hub.world.open_loans() < ORDERS_OPEN_MAX:
            await hub.world.order(earns)
        await hub.world.settle()
        await hub.world.wait(JOURNEY)
        if await _earned(hub, earns) - before or (earns is None and before):
            return
    raise AssertionError("nobody has earned anything")


async def _earned(hub: Hostile, agency: AgencyId | None) -> int:
    balances = await hub.town.balances()
    return sum(max(balance, 0) for name, (balance, _) in balances.items() if agency in (None, name))


async def post_by_an_old_tariff(hub: Hostile) -> None:
    """What a library earns by taking back another's copy is posted as it was last year."""
    known = hub.town.directory
    old = known.tariff.model_copy(update={"third_return_fen": known.tariff.third_return_fen - 50})
    hub.town.gateway = hub.with_directory(replace(known, tariff=old))
    await _lend_until(hub, THIRD)
    await close_window(hub.town.gateway)
    hub.strike(THIRD)


async def _propose(hub: Hostile, change: Callable[[Statement], Statement]) -> None:
    """Close the window as an honest gateway does, but for the statement of one library that has lines in it."""
    await _lend_until(hub, None)

    def work(road: Road) -> AgencyId:
        closing = close(road.unit.accounts, hub.town.directory, road.unit.log.size() - 1)
        me = hub.random.choice([agency for agency, proposal in closing.proposals.items() if proposal.lines])
        for agency, proposal in closing.proposals.items():
            body = change(_statement(agency, proposal)).propose() if agency == me else proposal
            road.say(Reply(MessageType.STATEMENT_PROPOSAL, agency, body, None), None)
        return me

    hub.strike(await hub.town.gateway.act(work))


def _statement(party: AgencyId, proposal: StatementProposal) -> Statement:
    return Statement(party, Window(proposal.window, proposal.after_index, proposal.upto_index), proposal.lines)


async def invent_a_fee(hub: Hostile) -> None:
    """A line more than the library's own messages have caused; sum and digest fit."""
    def change(own: Statement) -> Statement:
        line = StatementLine(transfer="made-up", evidence=a_hash("none"), index=own.window.upto_index, code="fee",
                             conv="loan-0001", amount_fen=-hub.random.randint(1, 500))
        return replace(own, lines=(*own.lines, line))

    await _propose(hub, change)


async def leave_a_window_out(hub: Hostile) -> None:
    """Begin the window behind what has happened, so that it is in no window at all."""
    def change(own: Statement) -> Statement:
        return replace(own, window=replace(own.window, after_index=own.window.upto_index), lines=())

    await _propose(hub, change)
