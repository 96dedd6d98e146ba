"""Institutional cards: SIP2 cannot create patrons, so a copy lent to a partner is charged to a card made for that.

One card for all partners, a pool of cards whose limits are smaller than the alliance's traffic, or for some partners a
card of their own. Which card a loan is on is decided once; the journal keeps it from its first write on.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.ils.port import Ils
from schemas.identifiers import AgencyId


@dataclass(frozen=True)
class InstitutionalCards:
    """``pool`` is for every partner that has no card of its own in ``partners``."""

    pool: tuple[str, ...]
    partners: Mapping[AgencyId, str] = field(default_factory=dict)

    def in_turn(self, partner: AgencyId, conv: str) -> Sequence[str]:
        """Return the cards on which a loan to ``partner`` may be made, the first choice first.

        The order is drawn from the loan's own id: it spreads the loans evenly, and is the same whenever it is asked.
        """
        if partner in self.partners:
            return (self.partners[partner],)
        return sorted(self.pool, key=lambda card: hashlib.sha256(f"{conv}\x00{card}".encode()).digest())


async def card_with_room(cards: Sequence[str], ils: Ils) -> str:
    """Return the first card that can take one more copy; where none can, the first: the ILS will say why not.

    Raises:
        IlsFailed: the ILS does not say how full a card is.
    """
    if len(cards) > 1:
        for card in cards:
            if (await ils.patron(card)).has_room:
                return card
    return cards[0]
