"""A supplier's ILS and the loans that make its worker write: what the worker's tests begin with."""

from collections.abc import Awaitable, Callable
from typing import Any

from connectors.agent.effects import Verb
from examples.ils import circulation
from examples.ils.model import ALLIANCE_CARD
from schemas.lending import AmendmentAction
from schemas.lifecycle import LoanStatus
from tests.alliance import FIRST, HOME, SECOND, Alliance
from tests.systems import LibrarySystem

COPY, OTHER_COPY = "00000001", "00000002"


async def requested(town: Alliance) -> str:
    conv = await town.order(FIRST, SECOND)
    await town.rest(working=False)
    await town[HOME].work()
    await town.rest(working=False)
    return conv


async def promised(town: Alliance) -> str:
    conv = await requested(town)
    await town.rest()
    return conv


async def cancelled(town: Alliance) -> str:
    conv = await promised(town)
    await town.amend(conv, AmendmentAction.CANCEL)
    await town.rest(working=False)
    return conv


async def scanned(town: Alliance) -> str:
    conv = await promised(town)
    await town[FIRST].scan(COPY, conv)
    return conv


async def lent(town: Alliance) -> str:
    conv = await scanned(town)
    await town.rest()
    for _ in range(2):
        await town[HOME].scan(COPY, conv)
        await town.rest()
    return conv


async def renewal_asked(town: Alliance) -> str:
    conv = await lent(town)
    town.clock.forward(days=10)
    await town.amend(conv, AmendmentAction.RENEW)
    await town.rest(working=False)
    return conv


async def home_again(town: Alliance) -> str:
    conv = await lent(town)
    for library in (HOME, HOME, FIRST):
        await town.rest()
        await town[library].scan(COPY, conv)
    return conv


WRITING: dict[Verb, tuple[Callable[[Alliance], Awaitable[str]], bytes, tuple[Any, ...], str, Any]] = {
    Verb.PLACE_HOLD: (requested, b"15+", (circulation.hold, ALLIANCE_CARD, COPY), "hold", LoanStatus.WILL_SUPPLY),
    Verb.CANCEL_HOLD: (cancelled, b"15-", (circulation.cancel_hold, ALLIANCE_CARD, COPY), "cancel hold",
                       LoanStatus.CANCELLED),
    Verb.CHECK_OUT: (scanned, b"11", (circulation.checkout, ALLIANCE_CARD, COPY), "checkout", LoanStatus.LOANED),
    Verb.RENEW: (renewal_asked, b"29", (circulation.renew, ALLIANCE_CARD, COPY), "renew", LoanStatus.LOANED),
    Verb.CHECK_IN: (home_again, b"09", (circulation.checkin, COPY), "checkin", LoanStatus.LOAN_COMPLETED),
}
"""For each write: how its task comes about, its request on the wire, the same done directly, its event, the end."""


async def assert_done_once(town: Alliance, system: LibrarySystem, verb: Verb, conv: str, before: int) -> None:
    await town.rest()
    *_, event, status = WRITING[verb]
    assert (await system.events()).count((event, COPY)) == before + 1
    loan = await town.loan(conv)
    assert loan.status is status
    assert loan.renewals == (1 if verb is Verb.RENEW else 0)
    assert [await member.alarms() for member in town.members.values()] == [[]] * 5
