"""Keys are replaced and revoked while mail is on its way: nothing is lost, and a revoked key signs nothing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.agent.counter import Counter
from connectors.agent.custody import Step
from connectors.agent.entry import CannotSign
from connectors.agent.watch import watch_once
from schemas.identifiers import AgencyId
from schemas.lifecycle import LoanStatus, Outcome
from tests.alliance import (
    BARCODES,
    FIRST,
    GATEWAY,
    HOME,
    PICKUP,
    Alliance,
    HandLink,
    key_of,
)
from tests.trust.samples import Published, key_record, signing_key
from trust.dsse import decode_envelope
from trust.key_life import LEAD, OVERLAP, succeed
from trust.keys import SigningKey
from trust.own_keys import Signer

NEW = signing_key("the next one")


def put_in_force(town: Alliance, agency: AgencyId, **changes: Any) -> None:
    """Publish a version of the directory in which one member is listed otherwise."""
    listed = town.directory.directory
    members = tuple(member.model_copy(update=changes) if member.agency == agency else member
                    for member in listed.agencies)
    town.directory = Published(directory=listed.model_copy(update={"agencies": members}),
                               version=town.directory.version + 1).accept(town.directory)


def rotate(town: Alliance, agency: AgencyId) -> None:
    """Publish the next key of a member, with the times that the admins' tool gives it."""
    member, now = town.directory.directory.by_id[agency], town.clock()
    put_in_force(town, agency, keys=succeed(member, [key_record(NEW.verifying, use_from=now)], now).keys)


def give_keys(town: Alliance, agency: AgencyId, *keys: SigningKey) -> None:
    """Let these keys lie in a member's folder."""
    signer = Signer(agency, keys)
    if agency == GATEWAY:
        town.gateway = replace(town.gateway, signer=signer)
        for member in town.members.values():
            member.gateway = town.gateway
        return
    member = town[agency]
    member.office = replace(member.office, signer=signer)
    member.counter = Counter(member.office, member.journal, HandLink(town.gateway))


async def signed_by(town: Alliance, agency: AgencyId) -> list[str]:
    """Return the key of everything that the gateway has logged from one member, in order."""
    rows = await town.database.run(lambda unit: unit.messages._db.execute(
        "SELECT envelope FROM message WHERE src = ? ORDER BY idx", (agency,)).fetchall())
    return [decode_envelope(envelope).key_id for (envelope,) in rows]


async def lend_to_the_end(town: Alliance, conv: str) -> None:
    for agency, step in ((FIRST, Step.DISPATCH), (PICKUP, Step.ARRIVED), (PICKUP, Step.HAND_OVER),
                         (PICKUP, Step.TAKE_BACK), (PICKUP, Step.SEND_BACK), (FIRST, Step.COME_HOME)):
        assert await town[agency].scan(BARCODES[FIRST], conv) is step
        await town.rest()


async def quiet(town: Alliance) -> bool:
    return all([not member.refused and not await member.alarms() for member in town.members.values()])


async def test_a_library_rotates_its_key_with_messages_in_flight_and_none_is_lost(town: Alliance) -> None:
    conv = await town.order(FIRST, pickup=PICKUP)
    for _ in range(3):
        for agency in (HOME, FIRST):
            await town[agency].fetch()
            await town[agency].work()
            if agency != FIRST:
                await town[agency].send()
    assert await town[FIRST].outbox(), "what the old key has signed lies in the outbox"
    rotate(town, FIRST)
    give_keys(town, FIRST, key_of(FIRST), NEW)
    town.clock.now += LEAD + OVERLAP + timedelta(days=1)
    await town.rest()
    assert (await town.loan(conv)).status is LoanStatus.WILL_SUPPLY
    await lend_to_the_end(town, conv)
    assert (await town.loan(conv)).outcome is Outcome.COMPLETED
    keys = await signed_by(town, FIRST)
    assert list(dict.fromkeys(keys)) == [key_of(FIRST).key_id, NEW.key_id]
    assert await quiet(town)


async def test_the_new_key_waits_for_its_day(town: Alliance) -> None:
    rotate(town, FIRST)
    give_keys(town, FIRST, key_of(FIRST), NEW)
    town.clock.now += LEAD - timedelta(seconds=1)
    office = town[FIRST].office
    assert office.key(town.clock()).key_id == key_of(FIRST).key_id
    town.clock.now += timedelta(seconds=1)
    assert office.key(town.clock()).key_id == NEW.key_id


async def test_the_gateway_rotates_its_key_and_mail_of_both_is_taken_in(town: Alliance) -> None:
    conv = await town.order(FIRST, pickup=PICKUP)
    rotate(town, GATEWAY)
    give_keys(town, GATEWAY, key_of(GATEWAY), NEW)
    town.clock.now += LEAD + OVERLAP + timedelta(days=1)
    await town.rest()
    await lend_to_the_end(town, conv)
    assert (await town.loan(conv)).outcome is Outcome.COMPLETED
    assert list(dict.fromkeys(await signed_by(town, GATEWAY))) == [key_of(GATEWAY).key_id, NEW.key_id]
    assert await quiet(town)


async def test_a_revoked_key_signs_nothing_and_staff_are_told_once(town: Alliance) -> None:
    conv = await town.order(FIRST, pickup=PICKUP)
    await town[HOME].fetch()
    await town[HOME].work()
    await town[HOME].send()
    town.publish(revoked=HOME)
    before = await town[HOME].journal.run(lambda unit: unit.fact("received"))
    for _ in range(2):
        with pytest.raises(CannotSign, match="revoked the keys") as refused:
            await fetch_one(town, HOME)
        await watch_once(town[HOME].office, town[HOME].journal)
    assert refused.value.code == "key_revoked"
    assert await town[HOME].alarms() == ["key_revoked"]
    assert await town[HOME].journal.run(lambda unit: unit.fact("received")) == before
    assert (await town.loan(conv)).outcome is None


async def test_what_came_while_nothing_could_be_signed_counts_once_there_is_a_new_key(town: Alliance) -> None:
    conv = await town.order(FIRST, pickup=PICKUP)
    await town[HOME].fetch()
    await town[HOME].work()
    await town[HOME].send()
    listed = town.directory.directory.by_id[FIRST]
    town.publish(revoked=FIRST)
    while await town.gateway.mail(FIRST, 0, 0, 1) == []:
        await town[HOME].fetch()
        await town[HOME].send()
    with pytest.raises(CannotSign):
        await fetch_one(town, FIRST)
    revoked = town.directory.directory.by_id[FIRST].keys
    put_in_force(town, FIRST, keys=(*revoked, key_record(NEW.verifying, use_from=town.clock())))
    assert len(listed.keys) == 2
    give_keys(town, FIRST, key_of(FIRST), NEW)
    await town.rest()
    assert (await town.loan(conv)).status is LoanStatus.WILL_SUPPLY
    assert set(await signed_by(town, FIRST)) == {NEW.key_id}


async def fetch_one(town: Alliance, agency: AgencyId) -> None:
    [entry] = await town.gateway.mail(agency, 0, 0, 1)
    await town[agency].office.deliver(entry.number, entry.envelope, entry.accepted)
