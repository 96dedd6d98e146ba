"""A clock that one process sets and many read: the demo's days pass when its driver says so.

The file holds microseconds since the epoch as eight little-endian bytes. It is mapped, so a reading costs no system
call; eight aligned bytes are written by one store, so no reader sees half a moment.
"""

import mmap
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

Clock = Callable[[], datetime]
"""Returns the present moment as an aware datetime in UTC."""

_MICROSECONDS = struct.Struct("<q")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def system_clock() -> datetime:
    """Return the machine's own time."""
    return datetime.now(UTC)


class SteppedClock:
    """The moment in a file; ``path`` is created at the epoch where it is missing."""

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            if file.tell() < _MICROSECONDS.size:
                file.write(bytes(_MICROSECONDS.size - file.tell()))
                file.flush()
            self._map = mmap.mmap(file.fileno(), _MICROSECONDS.size)

    def __call__(self) -> datetime:
        """Return the moment last set, by whichever process."""
        return _EPOCH + timedelta(microseconds=_MICROSECONDS.unpack(self._map)[0])

    def set(self, moment: datetime) -> None:
        """Let it be ``moment`` for every process that reads the file."""
        microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
        self._map[:] = _MICROSECONDS.pack(microseconds)


def clock_of(path: Path | None) -> Clock:
    """Return the clock in ``path``, or the machine's own where there is none."""
    return system_clock if path is None else SteppedClock(path)
