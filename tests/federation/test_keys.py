"""A gateway whose keys may not sign takes over nothing, and says why; libraries keep their messages meanwhile."""

from dataclasses import replace

import pytest

from federation.web.operator import make_checkpoint
from schemas.directory import KeyStatus
from tests.alliance import FIRST, GATEWAY, HOME, Alliance
from tests.federation.web.front import front_of
from tests.trust.samples import Published, key_record, signing_key
from trust.errors import NoKeyInUse
from trust.own_keys import Signer

NEW = signing_key("the gateway's next")


def revoke(town: Alliance, *more: object) -> None:
    """Publish a version in which the gateway's present keys are revoked, beside others."""
    listed = town.directory.directory
    revoked = [record.model_copy(update={"status": KeyStatus.REVOKED, "invalid_from": 10**6})
               for record in listed.gateway.keys]
    members = tuple(member.model_copy(update={"keys": (*revoked, *more)}) if member.agency == GATEWAY else member
                    for member in listed.agencies)
    town.directory = Published(directory=listed.model_copy(update={"agencies": members}),
                               version=town.directory.version + 1).accept(town.directory)


async def test_with_a_revoked_key_nothing_is_taken_over_and_nothing_is_lost(town: Alliance) -> None:
    conv = await town.order(FIRST)
    await town[HOME].fetch()
    await town[HOME].work()
    revoke(town)
    before = await town.log_size()
    with pytest.raises(NoKeyInUse, match="revoked the keys of DELTA"):
        await town[HOME].send()
    with pytest.raises(NoKeyInUse):
        await make_checkpoint(town.gateway)
    assert await town.log_size() == before
    assert await town[HOME].outbox()
    revoke(town, key_record(NEW.verifying))
    town.gateway = replace(town.gateway, signer=Signer(GATEWAY, [NEW]))
    for member in town.members.values():
        member.gateway = town.gateway
    await town[HOME].send()
    assert await town.log_size() > before
    assert (await town.loan(conv)).outcome is None


async def test_a_link_ends_and_names_the_reason(town: Alliance, caplog: pytest.LogCaptureFixture) -> None:
    await town.order(FIRST)
    await town[HOME].fetch()
    await town[HOME].work()
    [(_, envelope)] = await town[HOME].journal.run(lambda unit: unit.outbox(1))
    async with front_of(town) as front, front.connected(HOME) as line:
        revoke(town)
        await line.say("message", number=1, envelope=envelope.decode())
        await line.ended()
    assert "revoked the keys of DELTA" in caplog.text
    assert "Traceback" not in caplog.text
