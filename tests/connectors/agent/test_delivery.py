"""Delivery to the reader's door: who learns the address, when, and that it is of no use in any other loan."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connectors.agent.custody import NothingToDo, Step
from connectors.agent.delivery import Deliveries, address_of, to_deliver
from connectors.agent.watch import watch_once
from connectors.ils.port import Reason, Result
from schemas.identifiers import AgencyId
from schemas.lending import AmendmentAction, OrderRefused, PickupPoint
from schemas.lifecycle import LoanStatus, Outcome
from schemas.loan import Loan
from schemas.messages import MessageType
from tests.alliance import BARCODES, FIRST, HOME, PICKUP, SECOND, Alliance, point
from tests.trust import samples
from trust.errors import SealRefused
from trust.sealing import Secret, open_address, seal_address, seal_to, to_jwk

ADDRESS = Secret("王小波 13800000000 上海市杨浦区平凉路1490弄3号402室")
LOCKER = "24小时书柜"


def sealed_to(town: Alliance, agency: AgencyId, conv: str, address: Secret = ADDRESS) -> str:
    _, key = town.directory.sealing_key(agency, town.clock())
    return seal_address(to_jwk(key), conv, address)


async def order(town: Alliance, *suppliers: AgencyId, pickup: AgencyId = PICKUP,
                seal: Callable[[str], str] | None = None, at: str = "总服务台") -> str:
    """Order a copy that is to be brought to the reader, from a point of the pickup library."""
    conv, chosen = f"loan-{town.orders + 1:04}", PickupPoint(agency=pickup, point=at)
    address = seal(conv) if seal else sealed_to(town, HOME, conv)
    signed = town.signed_order(conv, pickup=chosen, address=address)
    return await town.order(*suppliers, altered={"signed_order": signed, "pickup": chosen})


async def waiting(town: Alliance, *suppliers: AgencyId) -> str:
    """A loan that the first supplier has been asked for, and nothing more."""
    conv = await order(town, *suppliers or (FIRST,))
    await town.rest(working=False)
    await town[HOME].work()
    await town.rest(working=False)
    return conv


async def scan(town: Alliance, conv: str, *steps: tuple[AgencyId, Step], barcode: str = BARCODES[FIRST]) -> None:
    for library, step in steps:
        assert await town[library].scan(barcode, conv) is step
        await town.rest()


async def shown(town: Alliance, agency: AgencyId, conv: str) -> Secret | None:
    """What staff of a library are told."""
    office = town[agency].office
    try:
        return await town[agency].journal.run(lambda unit: address_of(unit, office, conv))
    except NothingToDo:
        return None


async def kept(town: Alliance, conv: str) -> set[AgencyId]:
    """Which libraries have the loan's address in their journal, apart from the signed messages."""
    return {agency for agency, member in town.members.items()
            if await member.journal.run(lambda unit: Deliveries(unit.connection).sealed(conv))}


async def alarms(town: Alliance) -> list[str]:
    return [code for member in town.members.values() for code in await member.alarms()]


# who is shown it, and when


@pytest.mark.parametrize("pickup", [PICKUP, HOME, FIRST])
async def test_the_pickup_library_sees_the_address_while_the_copy_waits_there(town: Alliance,
                                                                              pickup: AgencyId) -> None:
    conv = await order(town, FIRST, pickup=pickup)
    seen = []
    for library, step in ((FIRST, Step.DISPATCH), (pickup, Step.ARRIVED), (pickup, Step.HAND_OVER)):
        await town.rest()
        seen.append({agency for agency in town.members if await shown(town, agency, conv)})
        assert await town[library].scan(BARCODES[FIRST], conv) is step
        if step is Step.ARRIVED:
            await town.rest()
            assert await shown(town, pickup, conv) == ADDRESS
    await town.rest()
    assert seen == [set(), set(), {pickup}]
    assert await shown(town, pickup, conv) is None
    assert await kept(town, conv) == set()
    assert await alarms(town) == []


async def test_staff_have_a_list_of_what_is_to_be_brought(town: Alliance) -> None:
    async def listed() -> list[Loan]:
        return await town[PICKUP].journal.run(lambda unit: to_deliver(unit, PICKUP))

    conv, collected = await order(town, FIRST), await town.order(SECOND, pickup=PICKUP)
    await town.rest()
    await scan(town, collected, (SECOND, Step.DISPATCH), (PICKUP, Step.ARRIVED), barcode=BARCODES[SECOND])
    await scan(town, conv, (FIRST, Step.DISPATCH))
    assert await listed() == []
    await scan(town, conv, (PICKUP, Step.ARRIVED))
    assert [loan.conv for loan in await listed()] == [conv]
    assert await shown(town, PICKUP, collected) is None
    await scan(town, conv, (PICKUP, Step.HAND_OVER))
    assert await listed() == []


async def test_the_home_library_keeps_it_until_the_copy_is_sent(town: Alliance) -> None:
    conv = await waiting(town)
    assert await kept(town, conv) == {HOME, PICKUP}
    await town.rest()
    await scan(town, conv, (FIRST, Step.DISPATCH))
    assert await kept(town, conv) == {PICKUP}


async def test_what_the_home_library_keeps_only_the_pickup_library_opens(town: Alliance) -> None:
    conv = await waiting(town)
    sealed = await town[HOME].journal.run(lambda unit: Deliveries(unit.connection).sealed(conv))
    assert open_address([samples.sealing_key(PICKUP)], sealed, conv) == ADDRESS
    for other in (HOME, FIRST, SECOND):
        with pytest.raises(SealRefused):
            open_address([samples.sealing_key(other)], sealed, conv)


async def test_the_next_supplier_s_request_brings_it_again(town: Alliance) -> None:
    conv = await waiting(town, FIRST, SECOND)
    await town[FIRST].journal.run(lambda unit: unit.connection.execute("DELETE FROM item"))
    town.clock.forward(hours=samples.POLICIES.answer_hours, seconds=1)
    await watch_once(town[HOME].office, town[HOME].journal)
    await town.rest()
    assert (await town.loan(conv)).supplier == SECOND
    await scan(town, conv, (SECOND, Step.DISPATCH), (PICKUP, Step.ARRIVED), barcode=BARCODES[SECOND])
    assert await shown(town, PICKUP, conv) == ADDRESS
    assert await alarms(town) == []


# how long it is kept


async def cancelled(town: Alliance, conv: str) -> None:
    await town.amend(conv, AmendmentAction.CANCEL)


async def refused_by_all(town: Alliance, _conv: str) -> None:
    await town[FIRST].work(place_hold=Result(False, reason=Reason.ON_LOAN))


async def silent(town: Alliance, _conv: str) -> None:
    """The only supplier never answers; the pickup library hears of the home library's Cancel and of nothing after."""
    await town[FIRST].fetch()
    town.clock.forward(hours=samples.POLICIES.answer_hours, seconds=1)
    await watch_once(town[HOME].office, town[HOME].journal)
    await town[HOME].send()
    await town[PICKUP].fetch()


async def lost(town: Alliance, conv: str) -> None:
    await town.rest()
    await scan(town, conv, (FIRST, Step.DISPATCH))
    await town[FIRST].counter.declare_lost(conv)


async def uncollected(town: Alliance, conv: str) -> None:
    await town.rest()
    await scan(town, conv, (FIRST, Step.DISPATCH), (PICKUP, Step.ARRIVED))
    await town[PICKUP].scan(BARCODES[FIRST], conv, Step.SEND_BACK)


@pytest.mark.parametrize("end", [cancelled, refused_by_all, silent, lost, uncollected])
async def test_whatever_ends_the_loan_the_address_is_forgotten(town: Alliance, end: Any) -> None:
    conv = await waiting(town)
    assert await kept(town, conv) == {HOME, PICKUP}
    await end(town, conv)
    if end is silent:
        assert await kept(town, conv) == set()
    await town.rest()
    assert await kept(town, conv) == set()
    assert await alarms(town) == []


# what the home library refuses


def to_another_library(town: Alliance) -> Callable[[str], str]:
    return lambda conv: sealed_to(town, PICKUP, conv)


def of_another_loan(town: Alliance) -> Callable[[str], str]:
    return lambda _conv: sealed_to(town, HOME, "loan-9999")


def no_address(town: Alliance) -> Callable[[str], str]:
    _, key = town.directory.sealing_key(HOME, town.clock())
    return lambda conv: seal_to(to_jwk(key), json.dumps({"conv": conv, "card": "1", "pin": "2"}).encode())


def garbage(_town: Alliance) -> Callable[[str], str]:
    return lambda _conv: "a.b.c.d.e"


@pytest.mark.parametrize(("seal", "note"), [
    (to_another_library, "opens with no sealing key"), (of_another_loan, "not sealed for loan loan-0001"),
    (no_address, "is not an address"), (garbage, "opens with no sealing key")])
async def test_an_address_that_does_not_open_for_this_loan_is_refused_with_the_reason(
        town: Alliance, seal: Callable[[Alliance], Callable[[str], str]], note: str) -> None:
    conv = await order(town, seal=seal(town))
    await town[HOME].fetch()
    (message,) = [said for said in await town[HOME].outbox() if said.type is MessageType.ORDER_REFUSED]
    assert isinstance(message.body, OrderRefused)
    assert (message.body.reason, note in message.body.note) == ("AddressRefused", True)
    await town.rest()
    assert (await town.loan(conv)).outcome is Outcome.REFUSED
    assert await kept(town, conv) == set()


async def test_a_captured_address_opens_nothing_in_another_order_of_the_same_reader(town: Alliance) -> None:
    captured = sealed_to(town, HOME, "loan-0001")
    first, second = [await order(town, supplier, seal=lambda _conv: captured) for supplier in (FIRST, SECOND)]
    await town.rest()
    assert [(await town.loan(conv)).outcome for conv in (first, second)] == [None, Outcome.REFUSED]


async def test_a_point_that_does_not_deliver_is_refused(town: Alliance) -> None:
    conv = await order(town, at=LOCKER)
    await town.rest()
    loan = await town.loan(conv)
    assert (loan.outcome, loan.note) == (Outcome.REFUSED, "AddressRefused")


async def test_the_hub_cannot_put_an_address_into_an_order_nor_take_it_out(town: Alliance) -> None:
    """It stands in what the reader signed; what the hub says beside that has no place for one."""
    conv = f"loan-{town.orders + 1:04}"
    foreign = town.signed_order(conv, pickup=point(PICKUP), address=sealed_to(town, HOME, conv, Secret("枫林路1号")))
    header, _, signature = foreign.split(".")
    own = town.signed_order(conv, pickup=point(PICKUP)).split(".")[1]
    conv = await town.order(FIRST, pickup=PICKUP, altered={"signed_order": f"{header}.{own}.{signature}"})
    await town.rest()
    assert (await town.loan(conv)).note == "NotSigned"


# keys that change


async def test_a_library_that_has_replaced_its_key_still_opens_with_the_former_one(town: Alliance) -> None:
    conv = await order(town, FIRST)
    for agency in (HOME, PICKUP):
        keys = (samples.sealing_key(f"new key of {agency}"), samples.sealing_key(agency))
        town[agency].office = replace(town[agency].office, sealing_keys=keys)
    await town.rest()
    await scan(town, conv, (FIRST, Step.DISPATCH), (PICKUP, Step.ARRIVED))
    assert await shown(town, PICKUP, conv) == ADDRESS


async def test_an_address_that_does_not_open_at_the_pickup_library_is_told_before_the_copy_comes(
        town: Alliance) -> None:
    town[PICKUP].office = replace(town[PICKUP].office, sealing_keys=(samples.sealing_key("another"),))
    conv = await order(town, FIRST)
    await town.rest()
    assert await town[PICKUP].alarms() == ["bad_request"]
    assert (await town.loan(conv)).status is LoanStatus.WILL_SUPPLY
