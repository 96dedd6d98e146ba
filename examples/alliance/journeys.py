"""What happens to the sample loans, day by day: each journey is a row of steps that readers and staff take.

The plan depends on the seed, the steps on the plan and on committed state. Loans that compete for a copy, a slot or a
cap are ordered one after another, in the plan's order; what follows runs side by side.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any

from connectors.sip2 import Login, Profile, Sip2Client, Verbs
from examples.alliance.books import load_books
from examples.alliance.people import Refused, SignedInReader
from examples.alliance.planning import Journey, SampleLoan
from examples.alliance.readers import readers_of
from examples.alliance.roster import Library
from examples.alliance.town import Town, by_agency
from schemas.lending import AmendmentAction, PickupPoint

SIDE_BY_SIDE = 6
PATIENCE_SECONDS = 0.2
TITLES_TRIED_MAX = 60
POINT = "总服务台"


async def live(town: Town, loans: Sequence[SampleLoan], random: Random) -> AsyncIterator[str]:
    """Let the loans happen; yield after each step that one of them has taken."""
    for loan in loans:
        await _order(town, loan, random)
        yield f"{loan.title} ({loan.journey})"
    for days, steps in _DAYS:
        await town.quiet()
        await town.pass_days(days)
        limit = asyncio.Semaphore(SIDE_BY_SIDE)
        thirds = {loan.number: random.random() for loan in loans}
        tasks = [asyncio.create_task(_take(limit, town, loan, step, thirds[loan.number]))
                 for loan in loans if (step := steps.get(loan.journey))]
        for task in asyncio.as_completed(tasks):
            yield await task


async def _take(limit: asyncio.Semaphore, town: Town, loan: SampleLoan, step: "Step", chance: float) -> str:
    async with limit:
        if loan.outcome is None:
            await step(town, loan, chance)
            await _until(town, loan, "can be looked up", lambda _state: True)
    return loan.title


async def _state(town: Town, loan: SampleLoan) -> dict[str, Any]:
    state: dict[str, Any] = await town.operator.ask("GET", f"/loans/{loan.conv}")
    return state


async def _until(town: Town, loan: SampleLoan, what: str, holds: Callable[[dict[str, Any]], Any]) -> None:
    async def look() -> dict[str, Any] | None:
        state = await _state(town, loan)
        return state if holds(state) else None

    loan.state = await town.until(f"loan {loan.number} ({loan.journey}, {loan.conv}) {what}", look)


async def _sign_in(town: Town, loan: SampleLoan) -> SignedInReader:
    reader = readers_of(loan.home, town.seed)[loan.reader]
    return await SignedInReader.sign_in(town.portal, loan.home.agency_id, reader)


async def _order(town: Town, loan: SampleLoan, random: Random) -> None:
    """Find a work that others can supply, order it, and wait for the home library and a supplier to agree."""
    suppliers = 2 if loan.journey is Journey.SECOND_SUPPLIER else 1

    async def attempt() -> bool | None:
        if loan.conv and await _exists(town, loan):
            return True
        reader = await _sign_in(town, loan)
        pickup = PickupPoint(agency=loan.pickup.agency_id, point=POINT)
        proposal = await _find(town, reader, pickup, suppliers, random)
        loan.conv, loan.title = proposal["conv"], proposal["bib"]["title"]
        await reader.order(proposal)
        return True

    await town.until(f"loan {loan.number} is ordered", _bearing(attempt, *_PASSING))
    await _until(town, loan, "is promised or ends", _is_promised)


async def _exists(town: Town, loan: SampleLoan) -> bool:
    try:
        await _state(town, loan)
    except Refused:
        return False
    return True


_PASSING = ("library_unreachable", "not_signed_in", "not_found", "too_many_requests")
"""Refusals that pass when a process has come back; a lost session or proposal is begun anew, after a while."""


def _bearing(attempt: Callable[[], Awaitable[Any]], *codes: str) -> Callable[[], Awaitable[Any]]:
    """Return ``attempt`` so that these refusals mean: not yet."""
    async def look() -> Any:
        try:
            return await attempt()
        except Refused as refused:
            if refused.code not in codes:
                raise
            await asyncio.sleep(PATIENCE_SECONDS)
            return None

    return look


async def _find(town: Town, reader: SignedInReader, pickup: PickupPoint, suppliers: int, random: Random
                ) -> dict[str, Any]:
    titles = [book.title for book in load_books()]
    for title in random.sample(titles, min(TITLES_TRIED_MAX, len(titles))):
        page = await town.portal.ask("GET", "/api/search", query={"q": title})
        for hit in page["hits"][:1]:
            if set(hit["libraries"]) - {reader.home}:
                try:
                    proposal = await reader.propose(hit["cluster"], pickup)
                except Refused:
                    continue
                if len(proposal["rota"]) >= suppliers:
                    return proposal
    raise LookupError(f"no work left that {suppliers} other libraries can supply: fewer loans, or more libraries")


def _is_promised(state: Mapping[str, Any]) -> bool:
    return state["outcome"] is not None or (state["status"] == "WillSupply" and state["confirmed"])


async def _scan(town: Town, loan: SampleLoan, library: Library, step: str, custody: str) -> None:
    """Scan the copy until it is where it should be: news may still be on its way to the desk, or an answer lost."""
    async def attempt() -> bool | None:
        state = await _state(town, loan)
        if state["custody"] == custody:
            loan.state = state
            return True
        await town.desks[library.slug].ask("POST", "/scan", {
            "barcode": state["barcode"], "place": library.name_zh, "loan": loan.conv, "step": step})
        return None

    await town.until(f"loan {loan.number} ({loan.conv}): {library.slug} can {step}",
                     _bearing(attempt, "nothing_to_do", "gateway_unreachable"))


def _supplier(town: Town, loan: SampleLoan) -> Library:
    return by_agency(town.libraries)[loan.state["supplier"]]


Step = Callable[[Town, SampleLoan, float], Awaitable[None]]


async def _dispatch(town: Town, loan: SampleLoan, _chance: float) -> None:
    await _scan(town, loan, _supplier(town, loan), "dispatch", "in transit")


async def _second_supplier(town: Town, loan: SampleLoan, chance: float) -> None:
    await _not_on_shelf(town, loan)
    if loan.outcome is None:
        await _dispatch(town, loan, chance)


async def _no_supplier(town: Town, loan: SampleLoan, _chance: float) -> None:
    while loan.outcome is None:
        await _not_on_shelf(town, loan)


async def _not_on_shelf(town: Town, loan: SampleLoan) -> None:
    position = loan.state["position"]
    supplier = _supplier(town, loan)

    async def attempt() -> bool | None:
        if (await _state(town, loan))["position"] == position:
            await town.desks[supplier.slug].ask("POST", f"/loans/{loan.conv}/not-on-shelf")
        return True

    await town.until(f"loan {loan.number}: {supplier.slug} passes it on", _bearing(attempt, "nothing_to_do"))
    await _until(town, loan, "moves on", lambda state: _is_promised(state)
                 and (state["outcome"] or state["position"] > position))


async def _cancel(town: Town, loan: SampleLoan, _chance: float) -> None:
    await _amend(town, loan, AmendmentAction.CANCEL)
    await _until(town, loan, "is cancelled", lambda state: state["outcome"])


async def _amend(town: Town, loan: SampleLoan, action: AmendmentAction) -> None:
    async def attempt() -> bool:
        reader = await _sign_in(town, loan)
        await reader.amend(loan.conv, action, town.clock())
        return True

    await town.until(f"loan {loan.number}: the reader asks to {action}", _bearing(attempt, *_PASSING))


async def _arrive(town: Town, loan: SampleLoan, _chance: float) -> None:
    await _scan(town, loan, loan.pickup, "arrived", "pickup point")
    await _scan(town, loan, loan.pickup, "hand over", "reader")


async def _renew(town: Town, loan: SampleLoan, _chance: float) -> None:
    await _amend(town, loan, AmendmentAction.RENEW)
    await _until(town, loan, "is renewed", lambda state: state["renewals"] == 1)


async def _return(town: Town, loan: SampleLoan, _chance: float) -> None:
    await _hand_in(town, loan, loan.pickup)


async def _return_elsewhere(town: Town, loan: SampleLoan, chance: float) -> None:
    concerned = {loan.home.agency_id, loan.pickup.agency_id, loan.state["supplier"]}
    others = [library for library in town.libraries if library.agency_id not in concerned]
    await _hand_in(town, loan, others[int(chance * len(others))] if others else loan.pickup)


async def _hand_in(town: Town, loan: SampleLoan, library: Library) -> None:
    if library.agency_id == loan.state["supplier"]:
        await _scan(town, loan, library, "come home", "supplier")
        return
    if library.slug in town.kiosks:
        await _put_into_machine(town, loan, library)
    else:
        await _scan(town, loan, library, "take back", "returned at")
    await _scan(town, loan, library, "send back", "in transit back")


async def _put_into_machine(town: Town, loan: SampleLoan, library: Library) -> None:
    """Return the copy at a self-service machine, which reads the owner and the barcode off the label."""
    async def attempt() -> bool | None:
        if (await _state(town, loan))["custody"] == "returned at":
            return True
        profile = Profile(login=Login.NONE)
        async with Sip2Client("127.0.0.1", town.kiosks[library.slug], profile) as machine:
            await Verbs(machine, town.clock).checkin(f"{loan.state['supplier']}.{loan.state['barcode']}")
        return None

    await town.until(f"loan {loan.number}: the machine at {library.slug} takes it back", attempt)


async def _come_home(town: Town, loan: SampleLoan, _chance: float) -> None:
    await _scan(town, loan, _supplier(town, loan), "come home", "supplier")
    await _until(town, loan, "is completed", lambda state: state["outcome"])


async def _lose(town: Town, loan: SampleLoan, _chance: float) -> None:
    async def attempt() -> bool | None:
        if (await _state(town, loan))["outcome"]:
            return True
        await town.desks[_supplier(town, loan).slug].ask("POST", f"/loans/{loan.conv}/lost", {})
        return None

    await town.until(f"loan {loan.number} is declared lost", _bearing(attempt, "nothing_to_do"))
    await _until(town, loan, "is charged", lambda state: state["outcome"])


_J = Journey
_KEPT = (_J.PLAIN, _J.SECOND_SUPPLIER, _J.THIRD_RETURN, _J.RENEWED, _J.LOST)
_DAYS: Sequence[tuple[int, Mapping[Journey, Step]]] = (
    (1, {**dict.fromkeys(_KEPT, _dispatch), _J.SECOND_SUPPLIER: _second_supplier, _J.CANCELLED: _cancel,
         _J.UNFILLED: _no_supplier}),
    (1, dict.fromkeys(_KEPT, _arrive)),
    (10, {_J.RENEWED: _renew}),
    (10, {**dict.fromkeys(_KEPT, _return), _J.THIRD_RETURN: _return_elsewhere, _J.LOST: _lose}),
    (2, dict.fromkeys(_KEPT, _come_home)),
)
"""Days to let pass, and then who does what."""


def steps_of(loans: Sequence[SampleLoan]) -> int:
    """Return how many steps ``live`` will yield for these loans."""
    return len(loans) + sum(loan.journey in steps for _, steps in _DAYS for loan in loans)
