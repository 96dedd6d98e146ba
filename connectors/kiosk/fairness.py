"""One machine's haste is not another's wait: each address has few requests at work at a time, and the rest queue there.

The lines to the ILS are few. Without this a machine with many connections would take them all.
"""

from asyncio import Semaphore
from weakref import WeakValueDictionary

AT_WORK_MAX = 4
"""One machine asks one thing at a time; several may share an address behind a tunnel."""


class Turns:
    """Who is at work, by address. An address that is idle costs nothing."""

    def __init__(self) -> None:
        self._by_address: WeakValueDictionary[str, Semaphore] = WeakValueDictionary()

    def of(self, address: str) -> Semaphore:
        """Return the turn of one address, to be held while its request is worked on."""
        return self._by_address.setdefault(address, Semaphore(AT_WORK_MAX))
