"""A circuit breaker: whether a server that failed may be asked again. Pure; time is an argument, in the loop's seconds.

::

    CLOSED ── a line cannot be opened, or answers stay away three times running ──→ OPEN
    OPEN ── the pause is over, and somebody asks ──→ PROBING
    PROBING ── a line is open ──→ CLOSED      ── it cannot be opened ──→ OPEN, for twice as long

One caller probes; all others are refused at once meanwhile, so that a dead server costs nobody a deadline.
"""

from collections.abc import Callable
from enum import Enum

_PAUSE_SECONDS_MIN, _PAUSE_SECONDS_MAX = 0.25, 30.0
#: Answers that stay away, one after the other, before the server counts as down.
SILENCES_MAX = 3


class BreakerState(Enum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class Breaker:
    """Stands before one server. ``random`` (0 to 1) spreads the probes of many clients over half to one and a half."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._openings = 0
        self._silences = 0
        self.state = BreakerState.CLOSED
        #: When the next probe may be made.
        self.retry_at = 0.0

    def may_try(self, now: float) -> bool:
        """Whether a new line may be opened now. True for an open breaker makes the caller its probe."""
        if self.state is BreakerState.OPEN and now >= self.retry_at:
            self.state = BreakerState.PROBING
            return True
        return self.state is BreakerState.CLOSED

    def opened_line(self) -> None:
        """A line could be opened: the server lives. Its silences still count until it has answered something else."""
        self.state = BreakerState.CLOSED

    def answered(self) -> None:
        """The server answered a request, with yes or no: it lives, whatever happened on other lines."""
        self.state = BreakerState.CLOSED
        self._openings = self._silences = 0

    def was_silent(self, now: float) -> None:
        """A request was sent and no answer came."""
        self._silences += 1
        if self._silences >= SILENCES_MAX:
            self.failed(now)

    def failed(self, now: float) -> None:
        """No line could be opened: refuse all until a pause is over, each time for longer."""
        pause = min(_PAUSE_SECONDS_MIN * 2**self._openings, _PAUSE_SECONDS_MAX) * (0.5 + self._random())
        self._openings = min(self._openings + 1, 10)
        self.state, self.retry_at = BreakerState.OPEN, now + pause

    def gave_up(self) -> None:
        """Whoever probed was cancelled and knows nothing: let the next one probe."""
        if self.state is BreakerState.PROBING:
            self.state = BreakerState.OPEN
