"""A stream that begins anew: another member's, and all of this library's own after its journal was restored.

A reset is signed, says what its sender still stands by, and gives up the rest by name. Numbering begins again in the
next epoch; nothing of an older one is taken any more.
"""

from dataclasses import dataclass

from connectors.agent.entry import Entry, kept_message
from connectors.agent.harvest.ledger import Harvests
from schemas.identifiers import AgencyId
from schemas.messages import AnyMessage, MessageType, StreamReset
from schemas.problems import ProblemCode
from trust.stream import StreamHead, begin_epoch, restart


@dataclass(frozen=True, slots=True)
class GivenUp:
    """An own message that will not be sent any more."""

    type: MessageType
    conv: str
    dst: AgencyId


@dataclass(frozen=True, slots=True)
class ResetReport:
    """What a reset of all own streams has closed."""

    streams: int
    given_up: tuple[GivenUp, ...]


def take_reset(entry: Entry, src: AgencyId, reset: StreamReset) -> None:
    """Begin the new epoch of another member's stream to this library, and tell staff what is lost.

    Raises:
        Replayed: the stream has reached that epoch already.
    """
    unit, me = entry.unit, entry.office.me
    head = unit.head(src, me, reset.channel)
    unit.set_head(src, me, reset.channel, restart(head, reset.epoch))
    differs = (head.seq, head.hash) != (reset.seq, reset.hash)
    here = f"; here the stream had come to number {head.seq}: compare the loans with {src}" if differs else ""
    entry.alarm(ProblemCode.STREAM_BROKEN, f"{src} began epoch {reset.epoch} of its {reset.channel} stream: "
                                           f"{reset.reason[:200]}; what followed number {reset.seq} is given up{here}")


def reset_streams(entry: Entry, reason: str) -> ResetReport:
    """Begin a new epoch of every own stream; what has not been sent of the old one is given up, each by name."""
    streams = entry.unit.streams_of(entry.office.me)
    Harvests(entry.unit.connection).forget()  # batches may be given up, or lost since the backup
    given_up = [lost for dst, channel, head in streams for lost in _reset(entry, dst, channel, head, reason)]
    return ResetReport(len(streams), tuple(given_up))


def _reset(entry: Entry, dst: AgencyId, channel: str, head: StreamHead, reason: str) -> list[GivenUp]:
    unit, next_head, stands_by = entry.unit, begin_epoch(head, entry.now), head
    queued = [(hash_, kept_message(unit, hash_)) for _, hash_ in unit.queued_in(dst, channel, head.epoch)]
    if queued and (first := queued[0][1].stream) is not None:
        stands_by = StreamHead(first.epoch, first.seq - 1, first.prev)
    for hash_, message in queued:
        _give_up(entry, hash_, message)
    body = StreamReset(channel=channel, epoch=next_head.epoch, seq=stands_by.seq, hash=stands_by.hash, reason=reason)
    entry.say_control(MessageType.STREAM_RESET, dst, body)
    unit.set_head(entry.office.me, dst, channel, next_head)
    return [GivenUp(message.type, message.conv or "", message.dst) for _, message in queued]


def _give_up(entry: Entry, hash_: str, message: AnyMessage) -> None:
    """Nobody will have this message: its loan stands here as it does nowhere else."""
    entry.unit.dequeue(hash_)
    entry.unit.confirmed(hash_)
    lost = f"{message.type} to {message.dst}"
    entry.alarm(ProblemCode.STREAM_BROKEN, f"given up by a reset: {lost}, loan {message.conv or 'none'}")
    if message.conv:
        entry.unit.mark_loan(message.conv, f"{lost} was given up by a reset: compare this loan with {message.dst}")
