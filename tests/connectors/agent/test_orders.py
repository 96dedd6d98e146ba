"""A reader's order as the hub passes it on: what is not the reader's, or not by the rules, is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.identifiers import AgencyId
from schemas.lending import Order, OrderRefused, PickupPoint
from schemas.lifecycle import LoanStatus
from tests.alliance import BIB, COURIER, FIRST, GATEWAY, HOME, QUOTE, SECOND, THIRD, Alliance, point, rota
from tests.connectors.agent.mail import M
from tests.trust import samples
from trust.sealing import SessionKey


def another_s_signature(town: Alliance) -> str:
    stranger = SessionKey.generate(samples.random_bytes("stranger"))
    return stranger.sign(b"{}")


ORDERS: dict[str, tuple[Callable[[Alliance], dict[str, Any]], str]] = {
    "signed by another key": (lambda town: {"signed_order": another_s_signature(town)}, "NotSigned"),
    "signed by nobody": (lambda _: {"signed_order": ""}, "NotSigned"),
    "in no session": (lambda _: {"session": "session-9"}, "NotSigned"),
    "for another work": (lambda _: {"bib": BIB.model_copy(update={"cluster": "other"})}, "NotSigned"),
    "to another pickup point": (lambda _: {"pickup": point(THIRD)}, "NotSigned"),
    "to another desk of it": (lambda _: {"pickup": PickupPoint(agency=HOME, point="后门")}, "NotSigned"),
    "of another loan": (lambda town: {"signed_order": town.signed_order("loan-0007")}, "NotSigned"),
    "of another library": (lambda town: {"signed_order": town.signed_order("loan-0001", home=FIRST)}, "NotSigned"),
    "without a supplier": (lambda _: {"rota": ()}, "NoSupplier"),
    "with the hub as supplier": (lambda _: {"rota": rota(GATEWAY)}, "NoSupplier"),
    "with the courier as supplier": (lambda _: {"rota": rota(FIRST, COURIER)}, "NoSupplier"),
    "with nobody known as supplier": (lambda _: {"rota": rota(AgencyId("CN-NOWHERE"))}, "NoSupplier"),
    "with the home library as supplier": (lambda _: {"rota": rota(HOME)}, "NoSupplier"),
    "with one supplier twice": (lambda _: {"rota": rota(FIRST, FIRST)}, "NoSupplier"),
    "at another fee than the tariff's": (
        lambda _: {"quote": QUOTE.model_copy(update={"fee_fen": QUOTE.fee_fen + 1})}, "WrongQuote"),
    "at another carriage than the tariff's": (
        lambda _: {"quote": QUOTE.model_copy(update={"carriage_back_fen": 1})}, "WrongQuote"),
}


@pytest.mark.parametrize("name", ORDERS)
async def test_an_order_that_is_not_the_reader_s_or_not_by_the_rules_is_refused(town: Alliance, name: str) -> None:
    changes, reason = ORDERS[name]
    conv = await town.order(altered=changes(town))
    home = town[HOME]
    await home.fetch()
    assert (await home.tasks(), await home.alarms()) == ([], [])
    assert await home.journal.run(lambda unit: unit.slot(conv)) is None
    assert [m.body.reason for m in await home.outbox() if isinstance(m.body, OrderRefused)] == [reason]
    await town.rest()
    assert (await town.loan(conv)).status is LoanStatus.REFUSED
    assert await town.balances() == {}


async def test_a_garbled_order_under_a_good_signature_is_refused(town: Alliance) -> None:
    for payload in (b"", b"[]", b'{"conv":1}', b"\xff"):
        signed = town.session_key.sign(payload) if payload else "a.b.c"
        conv = await town.order(altered={"signed_order": signed})
        await town.rest()
        assert (await town.loan(conv)).status is LoanStatus.REFUSED


async def test_the_hub_does_not_order_twice_with_one_signature(town: Alliance) -> None:
    conv = await town.order()
    await town[HOME].fetch()
    order = Order(session="session-1", signed_order=town.signed_order(conv), bib=BIB, pickup=point(), rota=rota(SECOND),
                  quote=QUOTE)
    before = await town[HOME].slot(conv)
    again = await town[HOME].next_from(GATEWAY, M.ORDER, order, conv=conv)
    await town[HOME].deliver(again)
    assert await town[HOME].alarms() == ["out_of_turn"]
    assert (await town[HOME].slot(conv), len(await town[HOME].tasks())) == (before, 1)
