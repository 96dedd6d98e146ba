"""Keeps the library's directory fresh: asks the gateway which version is in force, and takes over a newer one.

The gateway vouches for a version for a day at most. While nobody vouches, or the signatures have run out, what would
commit this library to a new loan waits; loans under way go on. It is asked at the start, when the link to it comes up,
and every ten minutes; sooner while nobody vouches, with pauses that grow to those ten minutes.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from aiohttp import ClientSession

from connectors.agent.alarms import tell
from connectors.agent.hub import HubUnreachable, fetch
from connectors.agent.journal import Journal
from schemas.problems import ProblemCode
from trust.errors import NewerDirectory, TrustError, UnknownKey
from trust.freshness import check_freshness
from trust.holding import HeldDirectory

log = logging.getLogger(__name__)

ASK_EVERY = timedelta(minutes=10)
ASK_SOON = timedelta(seconds=1)
"""The first pause while nobody vouches; each is twice as long as the one before, up to ``ASK_EVERY``."""
LOOK_SECONDS = 1.0
ASK_TIMEOUT_SECONDS = 20.0
ASK_AGAIN = timedelta(seconds=60)
"""A message that names a newer directory makes the keeper ask at once, but no more often than this."""
FRESHNESS_BYTES_MAX = 16_384
VOUCHED = "directory vouched for until"


class DirectoryKeeper:
    """Keeps ``held`` up to date from the gateway behind ``url``, over ``http``, and from its own folder."""

    def __init__(self, http: ClientSession, url: str, held: HeldDirectory, journal: Journal,
                 clock: Callable[[], datetime]) -> None:
        self._http = http
        self._url = url
        self._held = held
        self._journal = journal
        self._clock = clock
        self._vouched_until: datetime | None = None
        self._quiet: tuple[datetime, datetime] | None = None
        self._pause = ASK_SOON
        self._refreshed: datetime | None = None

    def is_stale(self) -> bool:
        """Whether nobody vouches now for the directory that this library holds."""
        now = self._clock()
        return self._vouched_until is None or now >= self._vouched_until or not self._held.is_in_force(now)

    async def remember(self) -> None:
        """Take up what was vouched for before a restart."""
        known = await self._journal.run(lambda unit: unit.fact(VOUCHED))
        self._vouched_until = datetime.fromisoformat(known) if known else None

    async def run(self) -> None:
        """Look into the folder and ask the gateway, again and again until cancelled."""
        await self.remember()
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Take over what was put into the folder, and ask the gateway where it is time to."""
        await self._look_into_folder()
        now = self._clock()
        if self._quiet is None or not self._quiet[0] <= now < self._quiet[1]:
            await self.ask()

    def link_came_up(self) -> None:
        """The gateway can be reached again: ask it at the next look."""
        self._quiet, self._pause = None, ASK_SOON

    async def refresh(self) -> bool:
        """Look and ask at once, because a message needs a newer directory; return whether one was taken over."""
        if self._refreshed is not None and self._clock() < self._refreshed + ASK_AGAIN:
            return False
        self._refreshed = self._clock()
        is_newer = await self._look_into_folder() or await self.ask()
        if not is_newer and not self.is_stale():
            await self._alarm(ProblemCode.DIRECTORY_FROZEN, "a message needs a newer directory, or its key is "
                              f"nobody's; the gateway vouches for version {self._held().version}. Compare versions "
                              "with its sender; a version can be copied into the directory's folder by hand")
        return is_newer

    async def ask(self) -> bool:
        """Ask which version is in force, fetch it where it is newer; return whether one was taken over."""
        is_newer = False
        try:
            is_newer = await self._ask()
        except HubUnreachable as error:
            log.info("the directory cannot be asked for now: %s", error)
        except TrustError as error:
            await self._alarm(error.code, str(error))
        self._wait()
        if self._vouched_until is not None and self.is_stale():
            await self._alarm(ProblemCode.FRESHNESS_EXPIRED, "nobody vouches for the directory any more: new requests "
                              "wait, loans under way go on; see that the gateway can be reached")
        return is_newer

    def _wait(self) -> None:
        """Ask no more for a while; a clock that is set back ends it."""
        now = self._clock()
        if not self.is_stale():
            self._quiet, self._pause = (now, now + ASK_EVERY), ASK_SOON
        else:
            self._quiet, self._pause = (now, now + self._pause), min(2 * self._pause, ASK_EVERY)

    async def _ask(self) -> bool:
        word = await fetch(self._http, self._url, "/directory/freshness", FRESHNESS_BYTES_MAX)
        is_newer = False
        try:
            await self._vouch(word)
        except (NewerDirectory, UnknownKey):  # the gateway's next key stands in the next root
            packed = await fetch(self._http, self._url, "/directory")
            is_newer = await self._take(lambda: self._held.offer(packed, self._clock()))
            await self._vouch(word)
        return is_newer

    async def _vouch(self, word: bytes) -> None:
        until = check_freshness(word, self._held(), self._clock()).valid_until
        self._vouched_until = until
        await self._journal.run(lambda unit: unit.set_fact(VOUCHED, until.isoformat()))

    async def _look_into_folder(self) -> bool:
        return await self._take(lambda: self._held.look(self._clock()))

    async def _take(self, take: Callable[[], bool]) -> bool:
        try:
            is_newer = take()
        except TrustError as error:
            await self._alarm(error.code, str(error))
            return False
        except OSError as error:
            log.warning("a directory cannot be kept in its folder: %s", error)
            return False
        if is_newer:
            log.info("version %d of the directory is in force", self._held().version)
        return is_newer

    async def _alarm(self, code: ProblemCode, detail: str) -> None:
        now = self._clock()
        await self._journal.run(lambda unit: tell(unit, now, code, detail))
