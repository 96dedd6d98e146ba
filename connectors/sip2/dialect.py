"""How a peer computes its checksums, found out from what it sends. Pure.

A text in ASCII sums to the same by bytes and by characters, so a first answer may leave two variants possible;
the first Chinese one settles it. What was learned is a value to keep: given back, nothing need be learned again.
A peer that changes its ways (a new version) is learned anew. Deliberately absent: asking again. While this profile says
``learn``, a wrong checksum is counted and no more, so that no peer can draw us into a loop of 97s.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from connectors.sip2.codec import Codec
from connectors.sip2.errors import FormatError
from connectors.sip2.messages import Message
from connectors.sip2.profile import Checksum, ErrorDetection, Profile

_VARIANTS = tuple(variant for variant in Checksum if variant is not Checksum.NONE)


@dataclass(frozen=True)
class LearnedDialect:
    """What the answers of a peer have shown, for its owner to keep between runs."""

    checksum: Checksum


#: Called once with each thing learned.
OnLearned = Callable[[LearnedDialect], None]


def forget(_learned: LearnedDialect) -> None:
    """Keep nothing."""


class Dialect:
    """The codec to use with one peer, now. Shared by all its lines, so that each profits from what one has heard."""

    def __init__(
        self, profile: Profile, learned: LearnedDialect | None = None, on_learned: OnLearned = forget
    ) -> None:
        self._profile = profile
        self._is_learning = profile.error_detection is ErrorDetection.LEARN and profile.checksum is not Checksum.NONE
        self._on_learned = on_learned
        self._possible: tuple[Checksum, ...] = _VARIANTS
        #: What is known of the peer, beyond its profile.
        self.learned = learned if self._is_learning else None
        #: Encodes and decodes as far as is known.
        self.codec = Codec(profile) if self.learned is None else self._codec_of(self.learned.checksum)

    def hear(self, message: Message) -> None:
        """Learn from a message that the peer sent, if this profile learns and there is something to learn."""
        if not self._is_learning or message.checksum == "absent":
            return
        if self.learned is not None and message.checksum == "ok":
            return
        fitting = tuple(variant for variant in _VARIANTS if self._fits(variant, message))
        self._possible = tuple(variant for variant in fitting if variant in self._possible) or fitting or _VARIANTS
        if message.checksum == "bad" and fitting:
            self.codec = self._codec_of(self._possible[0])
        if len(self._possible) == 1:
            self._conclude(self._possible[0])

    def _fits(self, variant: Checksum, message: Message) -> bool:
        try:
            return self._codec_of(variant).decode(message.raw).checksum == "ok"
        except FormatError:
            return False

    def _codec_of(self, variant: Checksum) -> Codec:
        return Codec(replace(self._profile, checksum=variant))

    def _conclude(self, variant: Checksum) -> None:
        learned = LearnedDialect(variant)
        if learned != self.learned:
            self.learned, self.codec = learned, self._codec_of(variant)
            self._on_learned(learned)
