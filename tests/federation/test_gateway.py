"""The gateway: whole loans, one transaction, who hears of what, and the mailbox."""

import sqlite3
from typing import Any

import pytest

from connectors.agent.custody import Step
from federation.loans.reaction import Reply
from federation.voice import NotAccepted
from schemas.directory import Role
from schemas.identifiers import AgencyId
from schemas.lending import (
    Order,
    ReservationGranted,
)
from schemas.lifecycle import LoanStatus, Outcome
from schemas.messages import (
    Accepted,
    MessageType,
)
from schemas.problems import ProblemCode
from tests.alliance import (
    BARCODES,
    BIB,
    COURIER,
    FIRST,
    FUND,
    GATEWAY,
    HOME,
    LIBRARIES,
    PICKUP,
    QUOTE,
    SECOND,
    TARIFF,
    THIRD,
    Alliance,
    body_of,
    directory_of,
    point,
    read,
    rota,
)
from tests.federation.telling import everything, lent, note, of_the_loan, promised

M, P = MessageType, ProblemCode


async def test_a_loan_goes_through_and_every_end_holds_the_same(town: Alliance) -> None:
    conv = await lent(town)
    for library, step in ((PICKUP, Step.TAKE_BACK), (PICKUP, Step.SEND_BACK), (FIRST, Step.COME_HOME)):
        assert await town[library].scan(BARCODES[FIRST], conv) is step
        await town.rest()

    loan = await town.loan(conv)
    assert (loan.outcome, loan.status) == (Outcome.COMPLETED, LoanStatus.LOAN_COMPLETED)
    assert await town[HOME].loan(conv) == loan
    for member in (FIRST, PICKUP):
        seen = await town[member].loan(conv)
        assert (seen.status, seen.custody, seen.outcome, seen.last) == (
            loan.status, loan.custody, loan.outcome, loan.last)
    assert await town.balances() == {
        HOME: (-TARIFF.loan_fee_fen - TARIFF.carriage_out_fen - TARIFF.carriage_back_fen, 0),
        FIRST: (TARIFF.loan_fee_fen, 0), COURIER: (TARIFF.carriage_out_fen + TARIFF.carriage_back_fen, 0)}
    assert [await member.alarms() for member in town.members.values()] == [[]] * len(LIBRARIES)


async def test_the_bytes_that_leave_are_the_bytes_that_came(town: Alliance) -> None:
    await promised(town)
    relayed = (await town.gateway.mail(HOME, 0, 0, 100))[-1]
    stored = await town.database.run(lambda unit: unit.messages.get(read(relayed.accepted).reply_to))
    assert relayed.envelope == stored.envelope
    assert read(relayed.envelope).src == FIRST


async def test_only_a_library_that_has_a_part_in_the_loan_is_sent_a_copy(town: Alliance) -> None:
    conv = await promised(town)
    ends = await town.database.run(lambda unit: unit.mailboxes.ends())
    message = await of_the_loan(town, conv, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, note(None).body,
                                copies=(PICKUP, THIRD, AgencyId("CN-NOWHERE")))
    assert isinstance(body_of(await town.gateway.receive(message.envelope, FIRST)), Accepted)
    after = await town.database.run(lambda unit: unit.mailboxes.ends())
    assert {agency: number - ends.get(agency, 0) for agency, number in after.items()} == {
        HOME: 1, PICKUP: 1, FIRST: 0}


async def test_a_unit_that_fails_in_the_middle_leaves_nothing_and_the_same_bytes_pass_later(town: Alliance) -> None:
    await town.order()
    await town[HOME].fetch()
    await town[HOME].work()
    outbox = await town[HOME].journal.run(lambda unit: unit.outbox(9))
    before = await everything(town)
    await town.database.run(lambda unit: unit.messages._db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON mailbox BEGIN SELECT RAISE(ABORT, 'no room for mail'); END"))
    for _, envelope in outbox:
        if read(envelope).type is M.RESERVATION_ASKED:
            with pytest.raises(sqlite3.IntegrityError, match="no room for mail"):
                await town.gateway.receive(envelope, HOME)
    assert await everything(town) == before
    await town.database.run(lambda unit: unit.messages._db.execute("DROP TRIGGER full"))
    await town.rest()
    assert await town.balances() == {HOME: (0, QUOTE.total_fen)}


async def test_what_the_gateway_says_itself_is_undone_together(town: Alliance) -> None:
    before = await everything(town)

    def work(road: Any) -> None:
        road.say(Reply(M.ORDER, HOME, order_body(town), None), "loan-0001")
        raise LookupError("changed its mind")

    with pytest.raises(LookupError):
        await town.gateway.act(work)
    assert await everything(town) == before


def order_body(town: Alliance) -> Any:
    return Order(session="session-1", signed_order=town.signed_order("loan-0001"), bib=BIB, pickup=point(),
                 rota=rota(FIRST), quote=QUOTE)


async def test_the_gateway_s_own_messages_walk_the_same_road(town: Alliance) -> None:
    conv = await town.order()
    (entry,) = await town.gateway.mail(HOME, 0, 0, 9)
    order, accepted = read(entry.envelope), read(entry.accepted)
    assert (order.src, order.stream.seq, order.conv) == (GATEWAY, 1, conv)
    assert (accepted.dst, accepted.body.index, accepted.reply_to) == (HOME, 0, accepted.body.message)
    assert town.woken == [HOME]
    with pytest.raises(NotAccepted) as refused:
        await town.gateway.act(lambda road: road.say(
            Reply(M.RESERVATION_GRANTED, SECOND, ReservationGranted(total_fen=1), None), conv))
    assert refused.value.code is P.WRONG_ROLE
    with pytest.raises(NotAccepted):
        await town.gateway.act(lambda road: road.say(Reply(M.ORDER, HOME, order_body(town), None), conv))


async def test_everybody_who_hears_of_a_message_is_woken(town: Alliance) -> None:
    await promised(town)
    town.woken.clear()
    await town[HOME].fetch()
    await town[HOME].send()
    assert set(town.woken) == {FIRST, PICKUP}


async def test_the_mailbox_keeps_what_is_not_acknowledged_and_forgets_what_is(town: Alliance) -> None:
    for _ in range(3):
        await town.order()
    assert [entry.number for entry in await town.gateway.mail(HOME, 0, 0, 2)] == [1, 2]
    assert [entry.number for entry in await town.gateway.mail(HOME, 2, 2, 9)] == [3]
    assert [entry.number for entry in await town.gateway.mail(HOME, 0, 0, 9)] == [3]
    await town.order()
    assert [entry.number for entry in await town.gateway.mail(HOME, 3, 3, 9)] == [4]


def test_the_sample_alliance_has_a_fund_and_a_courier() -> None:
    roles = {agency.agency: agency.role for agency in directory_of().directory.agencies}
    assert (roles[FUND], roles[COURIER], roles[GATEWAY]) == (Role.FUND, Role.COURIER, Role.GATEWAY)
