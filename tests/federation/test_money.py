"""Money: reservations within the cap, what a loan costs whom, and statements."""



import pytest

from connectors.agent.custody import Step
from federation.loans.reaction import Reply
from schemas.lending import (
    ReservationAsked,
)
from schemas.lifecycle import Outcome
from schemas.messages import (
    Accepted,
    MessageType,
    Refusal,
    StatementAcceptance,
    StatementProposal,
)
from schemas.problems import ProblemCode
from tests.alliance import (
    BARCODES,
    CAP_FEN,
    COURIER,
    FIRST,
    FUND,
    GATEWAY,
    HOME,
    QUOTE,
    SECOND,
    TARIFF,
    THIRD,
    Alliance,
    a_hash,
    body_of,
)
from tests.databases import ENGINES
from tests.federation.telling import lent, of_the_loan, said

M, P = MessageType, ProblemCode

pytestmark = pytest.mark.parametrize("town", ENGINES, indirect=True)


async def test_a_reservation_within_the_cap_is_granted_and_the_first_beyond_it_refused(town: Alliance) -> None:
    fitting = CAP_FEN // QUOTE.total_fen
    convs = [await town.order(FIRST) for _ in range(fitting + 1)]
    await town.rest()
    outcomes = [(await town.loan(conv)).outcome for conv in convs]
    assert outcomes == [None] * fitting + [Outcome.REFUSED]
    assert await town.balances() == {HOME: (0, fitting * QUOTE.total_fen)}
    assert not (await town[HOME].slot(convs[-1])).taken


async def test_a_refused_reservation_says_what_is_left(town: Alliance) -> None:
    for _ in range(CAP_FEN // QUOTE.total_fen + 1):
        await town.order(FIRST)
    await town[HOME].fetch()
    while await town[HOME].work():
        await town[HOME].send()
    mail = [body_of(entry.envelope) for entry in await town.gateway.mail(HOME, 0, 0, 99)]
    assert (mail[-1].total_fen, mail[-1].available_fen) == (QUOTE.total_fen, CAP_FEN % QUOTE.total_fen)


async def test_the_cap_counts_what_was_posted_before(town: Alliance) -> None:
    conv = await lent(town)
    await town[FIRST].scan(BARCODES[FIRST], conv)
    await town.rest()
    spent = TARIFF.loan_fee_fen + TARIFF.carriage_out_fen
    assert await town.balances() == {HOME: (-spent, 0), FIRST: (TARIFF.loan_fee_fen, 0),
                                     COURIER: (TARIFF.carriage_out_fen, 0)}
    available = await town.database.run(lambda unit: unit.ledger.available(HOME, CAP_FEN))
    assert available == CAP_FEN - spent


async def test_a_reservation_for_another_quote_than_the_order_s_is_refused(town: Alliance) -> None:
    conv = await town.order()
    loan = await town.loan(conv)
    cheap = ReservationAsked(quote=QUOTE.model_copy(update={"guarantee_fen": 1}))
    message = await of_the_loan(town, conv, M.RESERVATION_ASKED, HOME, GATEWAY, cheap, reply_to=loan.order)
    assert body_of(await town.gateway.receive(message.envelope, HOME)).code is P.OUT_OF_TURN
    assert await town.balances() == {}


async def test_another_library_does_not_reserve_on_the_home_library_s_account(town: Alliance) -> None:
    conv = await town.order()
    loan = await town.loan(conv)
    message = await of_the_loan(town, conv, M.RESERVATION_ASKED, SECOND, GATEWAY, ReservationAsked(quote=QUOTE),
                                reply_to=loan.order)
    assert body_of(await town.gateway.receive(message.envelope, SECOND)).code is P.WRONG_ROLE
    assert await town.balances() == {}


async def test_a_lost_copy_costs_its_price_and_a_third_return_pays_who_took_it(town: Alliance) -> None:
    lost, returned = await lent(town), await lent(town, SECOND)
    await town[FIRST].counter.declare_lost(lost)
    assert await town[THIRD].scan(BARCODES[SECOND]) is Step.TAKE_BACK
    await town.rest()
    balances = await town.balances()
    assert balances[FIRST] == (TARIFF.loan_fee_fen + QUOTE.guarantee_fen, 0)
    assert (balances[THIRD], balances[FUND]) == ((TARIFF.third_return_fen, 0), (-TARIFF.third_return_fen, 0))
    assert (await town.loan(lost)).outcome is Outcome.LOST
    assert (await town.loan(returned)).holder == THIRD
    assert sum(balance for balance, _ in balances.values()) == 0


async def test_a_library_answers_its_own_statement_only(town: Alliance) -> None:
    proposal = StatementProposal(window=1, after_index=-1, upto_index=9, lines=(), net_fen=0, digest=a_hash("d"))
    hash_ = await town.gateway.act(lambda road: road.say(Reply(M.STATEMENT_PROPOSAL, HOME, proposal, None), None))
    body = StatementAcceptance(window=1, digest=proposal.digest)
    for src, expected in ((FIRST, Refusal), (HOME, Accepted)):
        message = await said(town, M.STATEMENT_ACCEPTANCE, src, GATEWAY, body, reply_to=hash_)
        assert type(body_of(await town.gateway.receive(message.envelope, src))) is expected
