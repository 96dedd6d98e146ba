"""Streams: durable messages from one agency to another on one channel are numbered without a hole.

The receiver keeps one head per stream, so a replay of any age is refused without a cache. ``judge`` is a pure
comparison; what to do about a gap or a break is the caller's. A new epoch begins only by a signed reset.

=============  ============================================================================
verdict        the message
=============  ============================================================================
FRESH          continues the stream: take it
DUPLICATE      was taken before: confirm it again, do nothing
GAP            comes after missing ones: ask for them (``missing``), park this one
BROKEN         claims a place that another message holds, or follows another message
OLD_EPOCH      belongs to an epoch that a reset has closed
NEW_EPOCH      belongs to an epoch that no reset has opened
=============  ============================================================================
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from schemas.envelope import GENESIS, StreamPosition
from schemas.identifiers import MessageHash
from trust.errors import EpochNotReset, OutOfSequence, Replayed, StreamBroken


class Verdict(Enum):
    """How a position stands to the head of its stream."""

    FRESH = auto()
    DUPLICATE = auto()
    GAP = auto()
    BROKEN = auto()
    OLD_EPOCH = auto()
    NEW_EPOCH = auto()


EARLY = frozenset({Verdict.GAP, Verdict.NEW_EPOCH})
"""What may become the next message once something before it has come."""

RESEND_NUMBERS_MAX = 256
"""So many numbers one Resend asks for at most; the rest of a longer gap is asked for when these have come."""


@dataclass(frozen=True, slots=True)
class StreamHead:
    """The last message taken, or sent, in a stream; ``seq`` 0 before the first."""

    epoch: int = 0
    seq: int = 0
    hash: MessageHash = GENESIS

    @property
    def from_seq(self) -> int:
        """The number to ask for again after a gap."""
        return self.seq + 1


def next_position(head: StreamHead, channel: str) -> StreamPosition:
    """Return the place of the next message to send."""
    return StreamPosition(channel=channel, epoch=head.epoch, seq=head.seq + 1, prev=head.hash)


def advance(head: StreamHead, message_hash: MessageHash) -> StreamHead:
    """Return the head after one more message."""
    return replace(head, seq=head.seq + 1, hash=message_hash)


def begin_epoch(head: StreamHead, now: datetime) -> StreamHead:
    """Return the head after a signed reset: numbering begins again, in a later epoch.

    An epoch is named by its minute: later than any that the sender had begun before it was restored from a copy.
    """
    return StreamHead(epoch=max(head.epoch + 1, int(now.timestamp()) // 60))


def restart(head: StreamHead, epoch: int) -> StreamHead:
    """Return the head after a reset that the stream's sender has signed.

    Raises:
        Replayed: the stream has reached that epoch already.
    """
    if epoch <= head.epoch:
        raise Replayed(f"a reset to epoch {epoch}; the stream is in epoch {head.epoch} already")
    return StreamHead(epoch=epoch)


def missing(head: StreamHead, known_seq: int) -> tuple[int, int]:
    """Return the first and the last number to ask for, where ``known_seq`` is the next one that has come."""
    return head.from_seq, min(known_seq - 1, head.seq + RESEND_NUMBERS_MAX)


def judge(head: StreamHead, position: StreamPosition, message_hash: MessageHash) -> Verdict:
    """Compare a received position with the head of its stream. Below the head no hashes are kept: duplicates."""
    if position.epoch != head.epoch:
        return Verdict.OLD_EPOCH if position.epoch < head.epoch else Verdict.NEW_EPOCH
    if position.seq < head.seq:
        return Verdict.DUPLICATE
    if position.seq == head.seq:
        return Verdict.DUPLICATE if message_hash == head.hash else Verdict.BROKEN
    if position.seq > head.seq + 1:
        return Verdict.GAP
    return Verdict.FRESH if position.prev == head.hash else Verdict.BROKEN


def follow(head: StreamHead, position: StreamPosition, message_hash: MessageHash) -> StreamHead:
    """Return the head after a fresh message.

    Raises:
        StreamRefused: by name, where the message is not the next one.
    """
    verdict = judge(head, position, message_hash)
    place = f"{position.channel} {position.epoch}/{position.seq}"
    if verdict is Verdict.DUPLICATE:
        raise Replayed(f"{place} was taken before; the stream stands at {head.seq}")
    if verdict is Verdict.GAP:
        raise OutOfSequence(f"{place} came while {head.from_seq} is missing; send again from there",
                            from_seq=head.from_seq)
    if verdict is Verdict.BROKEN:
        raise StreamBroken(f"{place} does not follow what was taken before; the sender must explain or reset")
    if verdict is not Verdict.FRESH:
        raise EpochNotReset(f"{place} is not of epoch {head.epoch}; a signed reset must begin another")
    return advance(head, message_hash)
