"""Associations kept open: one set of them for each target and credentials, none shared by two searches at a time.

An association is initialised once and then used again, the latest first, until it has rested for its profile's idle
time. What its result sets hold is remembered, so that a search asked again, or its next page, is only presented.

Absent on purpose: what to do with an association (``live``), and when to give up: callers bring their own deadlines.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from connectors.z3950.apdu import Credentials, Option
from connectors.z3950.association import DEFAULT_SET, Association
from connectors.z3950.ber import Limits
from connectors.z3950.profile import Profile
from connectors.z3950.query import Query

SETS_MAX = 8
"""Result sets that we keep at a target for each association, where it names them."""
_SET_NAMES = (DEFAULT_SET, *(f"delta{number}" for number in range(1, SETS_MAX)))


@dataclass(frozen=True, slots=True)
class HeldSet:
    """A result set at the target: its name, its hits, and until when we rely on it (event loop time)."""

    name: str
    hits: int
    until: float


@dataclass
class Session:
    """An association and the result sets in it."""

    association: Association
    held: dict[Query, HeldSet] = field(default_factory=dict)
    is_fresh: bool = True
    """Whether nothing has been asked on it, so that it cannot have gone stale."""
    syntax: str | None = None
    """The OID of the record syntax that the target has delivered, of those that the profile names."""
    rests_until: float = 0.0
    """When it has rested long enough to be closed (event loop time)."""

    def end(self) -> None:
        """Close the association."""
        self.association.hang_up()

    def find_held(self, query: Query) -> HeldSet | None:
        """Return the result set of ``query``, if there is one still to be relied on."""
        held = self.held.get(query)
        return held if held is not None and held.until > _now() else None

    def place_for(self, query: Query) -> str:
        """Return the name for the result set of ``query``; what had it before is forgotten, the oldest of all."""
        self.held.pop(query, None)
        association = self.association
        has_names = association.profile.is_good_at("named_sets") and Option.NAMED_RESULT_SETS in association.offered
        if len(self.held) < (SETS_MAX if has_names else 1):
            taken = {held.name for held in self.held.values()}
            return next(name for name in _SET_NAMES if name not in taken)
        return self.held.pop(next(iter(self.held))).name

    def hold(self, query: Query, name: str, hits: int) -> None:
        """Remember that the result set ``name`` is that of ``query``."""
        self.held[query] = HeldSet(name, hits, _now() + self.association.profile.result_set_seconds)


@dataclass
class _Shelf:
    """The associations with one target under one set of credentials: those at rest, and room for more."""

    room: asyncio.Semaphore
    resting: list[Session] = field(default_factory=list)
    _sweep_timer: asyncio.TimerHandle | None = None

    def take(self, query: Query | None) -> Session | None:
        """Return the association that holds the result set of ``query``, else the one that rested last."""
        self.resting = [session for session in self.resting if session.association.is_open]
        if not self.resting:
            return None
        holders = [session for session in self.resting if query is not None and session.find_held(query)]
        session = (holders or self.resting)[-1]
        self.resting.remove(session)
        return session

    def rest(self, session: Session) -> None:
        """Take an association back, and close it when it has rested long enough."""
        session.is_fresh = False
        session.rests_until = _now() + session.association.profile.idle_seconds
        self.resting.append(session)
        if self._sweep_timer is None:
            self._sweep_timer = asyncio.get_running_loop().call_at(session.rests_until, self._sweep)

    def close(self) -> None:
        """Close what rests."""
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        for session in self.resting:
            session.end()
        self.resting.clear()

    def _sweep(self) -> None:
        """Close what has rested long enough. One timer for all: an association that is busy needs none."""
        now, self._sweep_timer = _now(), None
        for session in self.resting:
            if session.rests_until <= now:
                session.end()
        self.resting = [session for session in self.resting if session.rests_until > now]
        if self.resting:
            earliest = min(session.rests_until for session in self.resting)
            self._sweep_timer = asyncio.get_running_loop().call_at(earliest, self._sweep)


class Pool:
    """Lends associations, each within ``limits``; leave its context to close all that rest."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits
        self._shelves: dict[Hashable, _Shelf] = {}
        self._proved: set[Hashable] = set()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Pool({sum(len(shelf.resting) for shelf in self._shelves.values())} at rest)"

    @asynccontextmanager
    async def lease(
        self, profile: Profile, credentials: Credentials | None = None, query: Query | None = None
    ) -> AsyncIterator[Session]:
        """Lend an association for the time of the context, one that holds the result set of ``query`` if there is one.

        Waits while the target has as many as its profile allows.

        Raises:
            TargetUnreachable, InitRefused, TargetSilent, TargetClosed, ProtocolViolation: it could not be opened.
        """
        shelf = self._shelf(profile, credentials)
        async with shelf.room:
            session = shelf.take(query) or Session(Association(profile, credentials, self._limits))
            try:
                if session.is_fresh:
                    await session.association.connect()
                yield session
            finally:
                self._give_back(session, shelf)

    def prove_charset(self, profile: Profile) -> None:
        """Note that a word beyond ASCII has been found at this target, so its query charset is right."""
        self._proved.add(_target(profile))

    def is_charset_proved(self, profile: Profile) -> bool:
        """Whether the profile says so, or a word beyond ASCII has been found since."""
        return profile.is_charset_proved or _target(profile) in self._proved

    async def close(self) -> None:
        """Close what rests; what is lent is closed when it is given back."""
        self._is_closed = True
        for shelf in self._shelves.values():
            shelf.close()

    def _shelf(self, profile: Profile, credentials: Credentials | None) -> _Shelf:
        key = (_target(profile), credentials)
        shelf = self._shelves.get(key)
        if shelf is None:
            shelf = self._shelves[key] = _Shelf(asyncio.Semaphore(profile.sessions_max))
        return shelf

    def _give_back(self, session: Session, shelf: _Shelf) -> None:
        if self._is_closed or not session.association.is_open:
            session.end()
        else:
            shelf.rest(session)


def _target(profile: Profile) -> Hashable:
    return profile.host, profile.port, profile.database, profile.query_charset


def _now() -> float:
    return asyncio.get_running_loop().time()
