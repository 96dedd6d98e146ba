"""What stands before one target, so that it can hold up nobody: how many calls at once, a breaker, and a memory.

The memory is of attributes that the target was seen to lack: nobody asks for them twice.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from connectors.breaker import Breaker, BreakerState
from connectors.broker.policy import learned
from connectors.z3950.answer import Answer, State
from connectors.z3950.errors import TargetError, TargetUnreachable
from connectors.z3950.profile import Profile

CALLS_MAX = 16
"""Searches of one target at a time, those that wait for an association among them."""


class TargetPaused(TargetError):
    """The target was not asked: it has failed too often just now, and is tried again after a pause."""


class TargetBusy(TargetError):
    """The target was not asked: as many searches as it may have are waiting for it already."""


class Guard:
    """One target's. ``random`` (0 to 1) spreads the probes of a target that was down."""

    def __init__(self, name: str, profile: Profile, random: Callable[[], float]) -> None:
        self.profile = profile
        """How the target is asked, with what has been learned since."""
        self._name = name
        self._breaker = Breaker(random)
        self._calls = 0

    def enter(self, now: float) -> bool:
        """Let a call through; return whether it is a probe, for which nobody should wait. Call ``leave`` after it.

        Raises:
            TargetPaused, TargetBusy: as their names say.
        """
        if self._calls >= CALLS_MAX:
            raise TargetBusy(f"{self._name}: {CALLS_MAX} searches are under way already; ask again later")
        if not self._breaker.may_try(now):
            seconds = max(0.0, self._breaker.retry_at - now)
            raise TargetPaused(f"{self._name}: down; to be tried again in {seconds:.1f} s")
        self._calls += 1
        return self._breaker.state is BreakerState.PROBING

    def leave(self, answer: Answer | None, now: float) -> None:
        """Take note of how a call ended; without an answer it was given up."""
        self._calls -= 1
        if answer is None:
            self._breaker.gave_up()
        elif answer.state is State.TIMED_OUT:
            self._breaker.was_silent(now)
        elif isinstance(answer.error, TargetUnreachable):
            self._breaker.failed(now)
        else:
            self._breaker.answered()

    def learn(self, substitutes: Mapping[str, str]) -> None:
        """Ask for these attributes in place of others from now on."""
        self.profile = replace(self.profile, attributes=learned(self.profile.attributes, substitutes))
