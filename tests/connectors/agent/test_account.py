"""A library's own account: what an honest gateway proposes is accepted, anything else is disputed line by line."""

from collections.abc import Callable
from typing import Any

import pytest

from connectors.agent.account import answer_statement, recompute
from connectors.agent.custody import Step
from federation.loans.reaction import Reply
from federation.web.operator import close_window
from schemas.ledger import Code
from schemas.messages import (
    MessageType,
    StatementAcceptance,
    StatementDispute,
    StatementLine,
    StatementProposal,
)
from schemas.statement import Statement, Window
from tests.alliance import (
    BARCODES,
    COURIER,
    FIRST,
    HOME,
    PICKUP,
    QUOTE,
    SECOND,
    TARIFF,
    THIRD,
    Alliance,
    Member,
    a_hash,
)


async def lend(town: Alliance, upto: Step = Step.COME_HOME, returned_at: Any = HOME) -> str:
    """Let a loan go on until a step is done; the copy comes home from ``returned_at``."""
    conv = await town.order(FIRST, pickup=HOME)
    await town.rest()
    back = () if returned_at == FIRST else ((returned_at, Step.TAKE_BACK), (returned_at, Step.SEND_BACK))
    for agency, step in ((FIRST, Step.DISPATCH), (HOME, Step.ARRIVED), (HOME, Step.HAND_OVER), *back,
                         (FIRST, Step.COME_HOME)):
        assert await town[agency].scan(BARCODES[FIRST], conv) is step
        await town.rest()
        if step is upto:
            break
    return conv


async def answers(member: Member) -> list[Any]:
    """Let a library answer all its statements, each when the one before is logged; return the answers."""
    said = []
    while await answer_statement(member.office, member.journal):
        said += [message.body for message in await member.outbox()]
        await member.send()
    return said


async def settle(town: Alliance) -> dict[Any, StatementProposal]:
    closing = await close_window(town.gateway)
    await town.rest()
    return closing.proposals


async def say(town: Alliance, proposal: StatementProposal) -> None:
    """Let a gateway that cheats propose this to the home library, signed as ever."""
    await town.gateway.act(lambda road: road.say(Reply(MessageType.STATEMENT_PROPOSAL, HOME, proposal, None), None))
    await town.rest()


def stated(window: Window, *lines: StatementLine) -> StatementProposal:
    """A statement that is right in itself, whatever its lines say."""
    return Statement(HOME, window, lines).propose()


async def due(town: Alliance, window: Window) -> StatementProposal:
    """What the home library's own messages say of a window."""
    proposal = stated(window)
    own = await town[HOME].journal.run(lambda unit: recompute(unit, town.directory, HOME, proposal))
    return own.propose()


async def whole(town: Alliance) -> Window:
    return Window(1, -1, await town.log_size() - 1)


@pytest.mark.parametrize(("upto", "returned_at"), [
    (Step.DISPATCH, HOME), (Step.ARRIVED, HOME), (Step.HAND_OVER, HOME), (Step.TAKE_BACK, HOME), (Step.COME_HOME, HOME),
    (Step.TAKE_BACK, THIRD), (Step.COME_HOME, THIRD), (Step.COME_HOME, FIRST)])
async def test_everybody_recomputes_what_the_gateway_proposes(town: Alliance, upto: Step, returned_at: Any) -> None:
    await lend(town, upto, returned_at)
    proposals = await settle(town)
    for member in town.members.values():
        proposal = proposals[member.me]
        assert await answers(member) == [StatementAcceptance(window=1, digest=proposal.digest)]
    assert proposals[FIRST].net_fen == TARIFF.loan_fee_fen
    assert proposals[SECOND].lines == ()


async def test_several_windows_are_accepted_one_after_another(town: Alliance) -> None:
    for number in (1, 2, 3):
        await lend(town)
        proposals = await settle(town)
        for member in town.members.values():
            (answer,) = await answers(member)
            assert answer == StatementAcceptance(window=number, digest=proposals[member.me].digest)


async def test_statements_that_have_waited_are_answered_in_their_order(town: Alliance) -> None:
    await lend(town)
    for _ in range(3):
        await settle(town)
    assert [answer.window for answer in await answers(town[HOME])] == [1, 2, 3]


async def test_a_statement_waits_until_the_gateway_has_logged_all_that_was_said(town: Alliance) -> None:
    await lend(town, Step.ARRIVED)
    await settle(town)
    await town[HOME].scan(BARCODES[FIRST])
    assert await answer_statement(town[HOME].office, town[HOME].journal) is False
    await town[HOME].send()
    assert await answer_statement(town[HOME].office, town[HOME].journal) is True


async def test_without_a_statement_there_is_nothing_to_answer(town: Alliance) -> None:
    assert await answer_statement(town[HOME].office, town[HOME].journal) is False


async def test_the_home_library_pays_fee_and_carriage_and_gets_the_rest_back(town: Alliance) -> None:
    await lend(town)
    proposals = await settle(town)
    assert proposals[HOME].net_fen == -(QUOTE.fee_fen + QUOTE.carriage_out_fen + QUOTE.carriage_back_fen)
    assert COURIER not in proposals
    assert {line.code for line in proposals[HOME].lines} == {Code.FEE, Code.CARRIAGE_OUT, Code.CARRIAGE_BACK}


# A gateway that cheats

Tampering = Callable[[StatementProposal], tuple[StatementLine, ...]]


def dearer(proposal: StatementProposal) -> tuple[StatementLine, ...]:
    first, *others = proposal.lines
    return (first.model_copy(update={"amount_fen": first.amount_fen - 100}), *others)


def left_out(proposal: StatementProposal) -> tuple[StatementLine, ...]:
    return proposal.lines[1:]


def made_up(proposal: StatementProposal) -> tuple[StatementLine, ...]:
    line = StatementLine(transfer="made-up", evidence=a_hash("nothing"), index=1, code=Code.FEE, conv="loan-9999",
                         amount_fen=-500)
    return (*proposal.lines, line)


def other_evidence(proposal: StatementProposal) -> tuple[StatementLine, ...]:
    first, *others = proposal.lines
    return (first.model_copy(update={"evidence": a_hash("another")}), *others)


@pytest.mark.parametrize(("tampers", "named"), [(dearer, 0), (left_out, 0), (made_up, None), (other_evidence, 0)],
                         ids=lambda value: getattr(value, "__name__", ""))
async def test_a_wrong_line_is_disputed_by_its_name(town: Alliance, tampers: Tampering, named: int | None) -> None:
    await lend(town)
    true = await due(town, await whole(town))
    wrong = stated(await whole(town), *tampers(true))
    await say(town, wrong)
    (answer,) = await answers(town[HOME])
    assert isinstance(answer, StatementDispute)
    assert (answer.window, answer.digest) == (1, wrong.digest)
    assert answer.lines == ("made-up" if named is None else true.lines[named].transfer,)


async def test_a_statement_that_is_not_the_sum_of_its_lines_is_disputed(town: Alliance) -> None:
    await lend(town)
    true = await due(town, await whole(town))
    await say(town, true.model_copy(update={"net_fen": 0, "digest": a_hash("another sum")}))
    (answer,) = await answers(town[HOME])
    assert isinstance(answer, StatementDispute)
    assert answer.lines == ()
    assert str(true.net_fen) in answer.reason


async def test_a_window_that_leaves_out_what_no_earlier_one_held_is_disputed(town: Alliance) -> None:
    await lend(town)
    first = await whole(town)
    await lend(town, Step.ARRIVED)
    second = Window(1, first.upto_index, await town.log_size() - 1)
    await say(town, await due(town, second))
    (answer,) = await answers(town[HOME])
    assert isinstance(answer, StatementDispute)
    assert set(answer.lines) == {line.transfer for line in (await due(town, first)).lines}


async def test_a_window_that_holds_an_earlier_ones_lines_again_is_disputed(town: Alliance) -> None:
    await lend(town)
    first = (await settle(town))[HOME]
    assert [type(answer) for answer in await answers(town[HOME])] == [StatementAcceptance]
    await lend(town, Step.ARRIVED)
    await say(town, await due(town, Window(2, -1, await town.log_size() - 1)))
    (answer,) = await answers(town[HOME])
    assert isinstance(answer, StatementDispute)
    assert set(answer.lines) == {line.transfer for line in first.lines}


async def test_a_dispute_names_no_more_lines_than_a_message_should_hold(town: Alliance) -> None:
    await lend(town)
    line = (await due(town, await whole(town))).lines[0]
    many = (line.model_copy(update={"transfer": f"made-up-{number:04}"}) for number in range(300))
    await say(town, stated(await whole(town), *many))
    (answer,) = await answers(town[HOME])
    assert len(answer.lines) == 200


async def test_the_pickup_library_of_another_has_nothing_to_settle(town: Alliance) -> None:
    conv = await town.order(FIRST, pickup=PICKUP)
    await town.rest()
    await town[FIRST].scan(BARCODES[FIRST], conv)
    await town.rest()
    proposals = await settle(town)
    assert proposals[PICKUP].lines == ()
    assert await answers(town[PICKUP]) == [StatementAcceptance(window=1, digest=proposals[PICKUP].digest)]
