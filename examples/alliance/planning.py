"""Which sample loans there will be: how each is to go, who borrows, where it is collected. One seed, one plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import Any

from examples.alliance.readers import readers_of
from examples.alliance.roster import Library
from examples.alliance.town import Town

BLOCKED_READER = 10
LOANS_AT_ONCE = 3
"""What every tier of the sample policies allows."""
ELSEWHERE_SHARE = 0.2


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
