"""What happens to the sample loans, day by day: each journey is a row of steps that readers and staff take.

The plan depends on the seed, the steps on the plan and on committed state. Loans that compete for a copy, a slot or a
cap are ordered one after another, in the plan's order; what follows runs side by side.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import Any

from examples.alliance.books import load_books
from examples.alliance.people import Refused, SignedInReader
from examples.alliance.readers import readers_of
from examples.alliance.roster import Library
from examples.alliance.town import Town, by_agency
from schemas.lending import AmendmentAction, PickupPoint

BLOCKED_READER = 10
LOANS_AT_ONCE = 3
"""What every tier of the sample policies allows."""
ELSEWHERE_SHARE = 0.2
SIDE_BY_SIDE = 6
PATIENCE_SECONDS = 0.2
TITLES_TRIED_MAX = 60
POINT = "总服务台"


class Journey(StrEnum):
    """How a sample loan goes."""

    PLAIN = "plain"
    SECOND_SUPPLIER = "second supplier"
    THIRD_RETURN = "returned at a third library"
    RENEWED = "renewed"
    CANCELLED = "cancelled"
    BLOCKED = "blocked reader"
    LOST = "lost"
    UNFILLED = "unfilled"


EXPECTED: Mapping[Journey, str] = MappingProxyType({
    Journey.PLAIN: "completed", Journey.SECOND_SUPPLIER: "completed", Journey.THIRD_RETURN: "completed",
    Journey.RENEWED: "completed", Journey.CANCELLED: "cancelled", Journey.BLOCKED: "refused", Journey.LOST: "lost",
    Journey.UNFILLED: "unfilled",
})
"""The outcome that each journey must have."""

LIBRARIES_NEEDED: Mapping[Journey, int] = MappingProxyType({
    **dict.fromkeys(Journey, 2), Journey.SECOND_SUPPLIER: 3, Journey.THIRD_RETURN: 3})
_SHARES = {Journey.PLAIN: 8, Journey.SECOND_SUPPLIER: 3, Journey.THIRD_RETURN: 3, Journey.RENEWED: 3,
           Journey.CANCELLED: 2, Journey.BLOCKED: 2, Journey.LOST: 2, Journey.UNFILLED: 1}


@dataclass
class SampleLoan:
    """One loan of the plan, and what became of it."""

    number: int
    journey: Journey
    home: Library
    pickup: Library
    reader: int
    conv: str = ""
    title: str = ""
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str | None:
        """How it ended."""
        return self.state.get("outcome")

    @property
    def held(self) -> bool:
        """Whether it ended as its journey must."""
        return self.outcome == EXPECTED[self.journey]


def applicable(libraries: int) -> tuple[Journey, ...]:
    """Return the journeys that so many libraries allow."""
    return tuple(journey for journey in Journey if libraries >= LIBRARIES_NEEDED[journey])


def plan(town: Town, loans: int, random: Random) -> list[SampleLoan]:
    """Return the loans to be made: every applicable journey first, then by their shares.

    Raises:
        LookupError: more loans than the alliance's readers may have at once.
    """
    journeys = applicable(len(town.libraries))
    drawn = [*journeys, *random.choices(journeys, [_SHARES[j] for j in journeys], k=loans)][:loans]
    random.shuffle(drawn)
    credit = _credit(town)
    return [_sample(number, journey, town, random, credit) for number, journey in enumerate(drawn)]


def _credit(town: Town) -> dict[str, list[int]]:
    """Return for each library its readers who may borrow, each as often as its tier allows at once."""
    return {library.slug: [n for _ in range(LOANS_AT_ONCE)
                           for n, reader in enumerate(readers_of(library, town.seed)) if not reader.block]
            for library in town.libraries}


def _sample(number: int, journey: Journey, town: Town, random: Random, credit: dict[str, list[int]]) -> SampleLoan:
    homes = [library for library in town.libraries if credit[library.slug]]
    if not homes:
        raise LookupError(f"{number} loans are all that readers of {len(town.libraries)} libraries may have at once")
    home = random.choice(homes)
    elsewhere = random.choice([library for library in town.libraries if library is not home])
    pickup = elsewhere if random.random() < ELSEWHERE_SHARE else home
    reader = BLOCKED_READER if journey is Journey.BLOCKED else credit[home.slug].pop(0)
    return SampleLoan(number, journey, home, pickup, reader)


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
    await _scan(town, loan, library, "take back", "returned at")
    await _scan(town, loan, library, "send back", "in transit back")


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
