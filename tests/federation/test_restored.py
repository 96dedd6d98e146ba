"""The gateway's database was restored from an older copy: what it has lost comes back from those who said it."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from connectors.agent.custody import Step
from federation.storage.unit import open_database
from schemas.lending import Custody
from schemas.lifecycle import LoanStatus, Outcome
from schemas.messages import Accepted, Resend
from tests.alliance import BARCODES, FIRST, HOME, PICKUP, QUOTE, SECOND, TARIFF, Alliance, Member, body_of, read
from tests.connectors.agent.hubs import Hub, linked, until
from tests.federation.telling import lent


@pytest.fixture
async def hub(town: Alliance) -> AsyncIterator[Hub]:
    opened = Hub(town)
    yield opened
    await opened.close()


def copy(town: Alliance) -> None:
    """Close the gateway's database, copy its file, and open it again."""
    town.database.close()
    shutil.copy(town.folder / "gateway.db", town.folder / "copy.db")
    open_again(town)


def restore(town: Alliance) -> None:
    """Put the copy in the place of the gateway's database."""
    town.database.close()
    shutil.copy(town.folder / "copy.db", town.folder / "gateway.db")
    open_again(town)


def open_again(town: Alliance) -> None:
    town.database = open_database(str(town.folder / "gateway.db"))
    town.gateway = replace(town.gateway, store=town.database)
    for member in town.members.values():
        member.gateway = town.gateway


async def test_messages_of_the_lost_tail_are_asked_for_one_by_one_and_count_again(town: Alliance) -> None:
    """By hand: the library keeps its old bytes and sends them when the gateway asks."""
    conv = await lent(town)
    copy(town)
    await town[PICKUP].scan(BARCODES[FIRST], conv)
    await town[PICKUP].scan(BARCODES[FIRST], conv, Step.SEND_BACK)
    old = [envelope for _, envelope in await town[PICKUP].journal.run(lambda unit: unit.outbox(9))]
    assert [type(body) for body in await town[PICKUP].send()] == [Accepted] * len(old)
    known = await town.loan(conv)

    restore(town)
    assert await town.loan(conv) != known
    asked = body_of(await town.gateway.receive(old[-1], PICKUP))
    assert isinstance(asked, Resend)
    numbered = [envelope for envelope in old if (place := read(envelope).stream)
                and asked.from_seq <= place.seq <= asked.upto_seq]
    for envelope in (*numbered, old[-1]):
        assert isinstance(body_of(await town.gateway.receive(envelope, PICKUP)), Accepted)
    assert await town.loan(conv) == known


async def test_a_loan_goes_on_over_what_was_lost_when_its_library_speaks_next(town: Alliance, hub: Hub) -> None:
    conv = await lent(town)
    copy(town)
    await town[PICKUP].scan(BARCODES[FIRST], conv)
    await town.rest()
    assert (await town.loan(conv)).custody is Custody.RETURNED_AT

    restore(town)
    assert (await town.loan(conv)).custody is Custody.READER
    await hub.open()
    members = [town[agency] for agency in (PICKUP, HOME, FIRST)]
    async with linked(town, hub.url, *members) as link:
        await link.is_up.wait()
        await town[PICKUP].scan(BARCODES[FIRST], conv, Step.SEND_BACK)
        await until(lambda: is_at(town[FIRST], conv, Custody.IN_TRANSIT_BACK))
        await town[FIRST].scan(BARCODES[FIRST], conv)
        await until(lambda: has_ended(town, conv))
    assert [member.refused for member in members] == [[]] * 3
    assert {alarm for member in members for alarm in await member.alarms()} <= {"stream_broken"}  # it begins anew
    loan = await town.loan(conv)
    assert (loan.outcome, loan.status) == (Outcome.COMPLETED, LoanStatus.LOAN_COMPLETED)
    assert (await town.balances())[FIRST] == (TARIFF.loan_fee_fen, 0)


async def is_at(member: Member, conv: str, custody: Custody) -> bool:
    await member.work()
    return (await member.loan(conv)).custody is custody


async def has_ended(town: Alliance, conv: str) -> bool:
    await town[FIRST].work()
    return (await town.loan(conv)).outcome is not None


async def test_after_a_reset_new_loans_go_on_where_the_gateway_had_lost_its_own_messages(town: Alliance) -> None:
    copy(town)
    lost = await town.order(FIRST)
    await town.rest()
    restore(town)
    assert await town.database.run(lambda unit: unit.loans.get(lost)) is None
    await town.gateway.reset_streams("restored from a copy")

    conv = await town.order(SECOND)
    for number, entry in enumerate(await town.gateway.mail(HOME, 0, 0, 99), await town[HOME].received() + 1):
        await town[HOME].office.deliver(number, entry.envelope, entry.accepted)
    await town[HOME].work()
    assert (await town[HOME].loan(conv)).status is LoanStatus.ORDERED
    await town[HOME].send()
    assert await town.balances() == {HOME: (0, QUOTE.total_fen)}
