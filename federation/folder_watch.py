"""Watches the folder where the alliance's admins put each new version of the directory.

What they put there is in force two seconds later, and at once when a message needs it: a library may have the same
version before. Messages make the gateway look before they are verified, so that has a limit.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from trust.errors import TrustError
from trust.holding import HeldDirectory

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
LOOK_AGAIN = timedelta(seconds=1)
"""Messages make the gateway look no more often than this."""


class FolderWatch:
    """Keeps ``held`` at the version in its folder."""

    def __init__(self, held: HeldDirectory, clock: Callable[[], datetime]) -> None:
        self._held = held
        self._clock = clock
        self._refreshed: datetime | None = None

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._look(self._clock())

    def refresh(self) -> bool:
        """Look at once, because a message needs a newer directory; return whether there was one."""
        now = self._clock()
        if self._refreshed is not None and self._refreshed <= now < self._refreshed + LOOK_AGAIN:
            return False
        self._refreshed = now
        return self._look(now)

    def _look(self, now: datetime) -> bool:
        try:
            is_newer = self._held.look(now)
        except TrustError as error:
            log.warning("the directory in the folder is refused (%s): %s", error.code, error)
            return False
        if is_newer:
            log.info("version %d of the directory is in force", self._held().version)
        return is_newer
