"""How much each member may say in a minute, so that one library's loop does not crowd out the others."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from federation.ports import Cache
from schemas.identifiers import AgencyId

SHARES = 50
WINDOW_SECONDS = 60.0


@dataclass(frozen=True)
class Quota:
    """Counts what members say, of each kind. A minute's allowance is drawn from the cache in so many shares.

    So a message costs a call to the cache now and then only, and a replica that stops wastes one share at most.
    """

    cache: Cache
    per_minute: Mapping[str, int]
    _left: dict[tuple[str, AgencyId], int] = field(default_factory=dict, init=False, repr=False)

    async def allow(self, kind: str, member: AgencyId) -> bool:
        """Whether the member may say one thing more of this kind now."""
        share = -(-self.per_minute[kind] // SHARES)
        if not self._left.get((kind, member)):
            if not await self.cache.allow(f"{kind} {member}", self.per_minute[kind] // share, WINDOW_SECONDS):
                return False
            self._left[kind, member] = share
        self._left[kind, member] -= 1
        return True
