"""A database that was restored from a copy: what it has lost is with the libraries, and they are asked for it.

The gateway tells each library where the streams stand that it knows, and takes back what follows: what the library has
said, and what the gateway itself has said to it. While it asks, what follows from something unknown is held back: its
sender keeps it and tries again. Nothing is parked here, and the time is bounded; after it everything is judged as ever.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from schemas.identifiers import AgencyId
from schemas.messages import KnownHead
from schemas.problems import ProblemCode

GIVEN_BACK_WITHIN = timedelta(hours=1)
"""A connector that runs is back within seconds after its gateway; others must not wait long for one that does not."""
MAY_BE_LOST = frozenset({ProblemCode.REPLY_MISMATCH, ProblemCode.OUT_OF_TURN, ProblemCode.WRONG_ROLE})
"""What a message is refused as where the one that it follows from is not known."""


class HeldBack(Exception):
    """This may follow from what the database has lost: it changes nothing now, and is to be sent again."""


class Restoring(Protocol):
    """What the tables say of streams and mailboxes after a restore."""

    def known_heads(self, library: AgencyId, gateway: AgencyId) -> Sequence[KnownHead]:
        """Return where the library's own streams stand, and the gateway's to it."""

    def is_asking(self, now: datetime) -> bool:
        """Whether a library may still give something back in time."""

    def go_on_after(self, library: AgencyId, number: int) -> None:
        """Number what waits for a library, and all that follows, after a number that it has seen."""
