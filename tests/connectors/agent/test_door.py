"""The library's door: a hub that cheats gets an alarm and nothing else."""

import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.agent.entry import Refused
from connectors.agent.tables import Unit
from schemas.envelope import GENESIS, StreamPosition
from schemas.identifiers import AgencyId
from schemas.lending import CustodyReceipt, ReasonForMessage, ReservationGranted, SupplierStatus, SupplyingAgencyMessage
from schemas.messages import Accepted, Confirmation, MessageType, StatementProposal
from schemas.problems import ProblemCode
from schemas.questions import AvailabilityQuestion
from tests.alliance import BARCODES, FIRST, GATEWAY, HOME, NOW, SECOND, THIRD, Alliance, a_hash, key_of, read, sealed
from tests.connectors.agent.mail import M, P, everything, promise, requested
from tests.trust import samples
from trust.envelope import Sealed
from trust.stream import next_position

Attack = Callable[[Alliance, str], Awaitable[tuple[Sealed, bytes | None]]]


async def forged(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    return await promise(town, conv, key=samples.GATEWAY_KEY), None


async def by_another_library(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    return await promise(town, conv, key=key_of(SECOND)), None


async def altered(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    message = await promise(town, conv)
    document = json.loads(message.envelope)
    payload = b64decode(document["payload"]).replace(b'"WillSupply"', b'"Unfilled"')
    envelope = json.dumps({**document, "payload": b64encode(payload).decode()}).encode()
    return replace(message, envelope=envelope), town[HOME].log_entry_of(message)


async def readdressed(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    return await promise(town, conv, dst=SECOND, copies=()), None


async def another_s_accepted(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    message, other = await promise(town, conv), await promise(town, conv, copies=())
    return message, town[HOME].log_entry_of(other)


async def accepted_by_a_library(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    message = await promise(town, conv)
    return message, town[HOME].log_entry_of(message, SECOND)


async def not_accepted(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    return await promise(town, conv), b""


async def accepted_by_something_else(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    message = await promise(town, conv)
    other = sealed(town.directory, M.CONFIRMATION, GATEWAY, HOME, Confirmation(message=message.hash))
    return message, other.envelope


async def after_another(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    place = next_position(await town[HOME].head(FIRST), "loan")
    return await promise(town, conv, stream=place.model_copy(update={"prev": a_hash("another")})), None


async def without_a_number(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    return await promise(town, conv, stream=None), None


async def on_another_channel(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    return await promise(town, conv, stream=StreamPosition(channel="money", epoch=0, seq=1, prev=GENESIS)), None


async def replayed(town: Alliance, _conv: str) -> tuple[Sealed, bytes | None]:
    order = (await town[HOME].journal.run(lambda unit: unit._db.execute(
        "SELECT hash, envelope FROM message WHERE type = 'Order'").fetchone()))
    message = Sealed(order[0], order[1], read(order[1]))
    return message, town[HOME].log_entry_of(message)


async def own_message(town: Alliance, _conv: str) -> tuple[Sealed, bytes | None]:
    row = (await town[HOME].journal.run(lambda unit: unit._db.execute(
        "SELECT hash, envelope FROM message WHERE type = 'Request'").fetchone()))
    return Sealed(row[0], row[1], read(row[1])), None


def hub_says(kind: MessageType, body: Any) -> Attack:
    async def attack(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
        loan = await town[HOME].loan(conv)
        return await town[HOME].next_from(GATEWAY, kind, body, conv=conv, reply_to=loan.last), None

    return attack


def library_says(kind: MessageType, body: Any, src: AgencyId = THIRD) -> Attack:
    async def attack(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
        return await town[HOME].next_from(src, kind, body, conv=conv), None

    return attack


RECEIPT = CustodyReceipt(barcode=BARCODES[FIRST], holder="returned at", place="", happened_at=NOW)
PROPOSAL = StatementProposal(window=1, after_index=-1, upto_index=9, lines=(), net_fen=9, digest=a_hash("d"))

ATTACKS: dict[str, tuple[Attack, ProblemCode]] = {
    "forged by the gateway's own key in a library's name": (forged, P.SIGNER_IS_NOT_SRC),
    "in a library's name by another library": (by_another_library, P.SIGNER_IS_NOT_SRC),
    "altered": (altered, P.BAD_SIGNATURE),
    "addressed to somebody else": (readdressed, P.WRONG_DESTINATION),
    "shown the log entry of another message": (another_s_accepted, P.REPLY_MISMATCH),
    "shown a log entry that a library signed": (accepted_by_a_library, P.REPLY_MISMATCH),
    "shown no log entry": (not_accepted, P.MALFORMED_ENVELOPE),
    "shown something else for a log entry": (accepted_by_something_else, P.REPLY_MISMATCH),
    "after another message than it follows": (after_another, P.STREAM_BROKEN),
    "without its number": (without_a_number, P.STREAM_BROKEN),
    "numbered on another channel": (on_another_channel, P.STREAM_BROKEN),
    "replayed under a new number": (replayed, P.REPLAYED),
    "this library's own message brought back": (own_message, P.WRONG_DESTINATION),
    "the hub takes a copy over": (hub_says(M.CUSTODY_RECEIPT, RECEIPT), P.WRONG_ROLE),
    "the hub supplies": (hub_says(M.SUPPLYING_AGENCY_MESSAGE, SupplyingAgencyMessage(
        reason_for_message=ReasonForMessage.REQUEST_RESPONSE, status=SupplierStatus.WILL_SUPPLY)), P.WRONG_ROLE),
    "a library grants a reservation": (library_says(M.RESERVATION_GRANTED, ReservationGranted(total_fen=1)),
                                       P.WRONG_ROLE),
    "a library proposes a statement": (library_says(M.STATEMENT_PROPOSAL, PROPOSAL), P.WRONG_ROLE),
    "a library states a place in the log": (library_says(M.ACCEPTED, Accepted(
        message=a_hash("a"), index=1, arrived=NOW)), P.WRONG_ROLE),
    "a question as mail": (hub_says(M.AVAILABILITY_QUESTION, AvailabilityQuestion(barcodes=())), P.WRONG_ROLE),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_cheating_hub_gets_an_alarm_and_nothing_else(town: Alliance, name: str) -> None:
    attack, code = ATTACKS[name]
    conv = await requested(town)
    home = town[HOME]
    message, shown = await attack(town, conv)
    before = await everything(home)
    for times in range(1, 3):
        with pytest.raises(Refused) as refused:
            await home.deliver(message, shown)
        assert refused.value.code is code
        assert await home.alarms() == [code] * times
    assert await everything(home) == before
    await home.deliver(await promise(town, conv))
    assert (await home.loan(conv)).confirmed is not None


async def test_a_message_whose_time_or_directory_is_not_come_yet_waits(town: Alliance) -> None:
    conv = await requested(town)
    for changes, code in (({"created": NOW + timedelta(minutes=5)}, P.FROM_THE_FUTURE),
                          ({"dir": (2, a_hash("a newer directory"))}, P.NEWER_DIRECTORY)):
        with pytest.raises(Refused) as refused:
            await town[HOME].deliver(await promise(town, conv, **changes))
        assert refused.value.code is code
    town.clock.forward(minutes=5)
    await town[HOME].deliver(await promise(town, conv, created=town.clock()))


async def test_an_entry_that_comes_again_under_its_own_number_is_only_acknowledged(town: Alliance) -> None:
    conv = await requested(town)
    message = await promise(town, conv)
    await town[HOME].deliver(message)
    number = int(await town[HOME].journal.run(lambda unit: unit.fact("received")))
    after = await everything(town[HOME])
    await town[HOME].deliver(message, number=number)
    assert (await everything(town[HOME]), await town[HOME].alarms()) == (after, [])


async def test_the_alarm_tells_no_secret(town: Alliance) -> None:
    conv = await requested(town)
    with pytest.raises(Refused):
        await town[HOME].deliver((await forged(town, conv))[0])
    (alarm,) = await town[HOME].journal.run(Unit.alarms)
    assert set(alarm) == {"at", "code", "detail"}
    assert "signed by DELTA in the name of" in alarm["detail"]
