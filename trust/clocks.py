"""Is this machine's clock right? Its time beside the gateway's, compared; nothing here reads a clock.

A message is dated by its sender and refused from the future, keys and directories have their days, and deadlines pass
by the library's own clock. Replay is none of its business: the streams keep that.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

WARN_BEYOND = timedelta(seconds=30)
STOP_BEYOND = timedelta(minutes=5)


class ClockState(StrEnum):
    """How far two clocks are apart: ``OFF`` wants a person, with ``WRONG`` nothing may be signed."""

    RIGHT = "right"
    OFF = "off"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Reading:
    """One moment on two clocks: this machine's and the gateway's."""

    here: datetime
    there: datetime

    @property
    def ahead_seconds(self) -> int:
        """By how much this machine's clock is ahead; negative where it is behind."""
        return round((self.here - self.there).total_seconds())

    @property
    def state(self) -> ClockState:
        """What follows from the difference."""
        apart = abs(self.here - self.there)
        if apart > STOP_BEYOND:
            return ClockState.WRONG
        return ClockState.OFF if apart > WARN_BEYOND else ClockState.RIGHT

    def __str__(self) -> str:
        side = "ahead" if self.here > self.there else "behind"
        return (f"the clock here says {self.here:%FT%TZ}, the gateway's {self.there:%FT%TZ}: "
                f"{abs(self.ahead_seconds)} s {side}")
