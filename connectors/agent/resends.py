"""Numbers of a stream that are missing: asking its sender for them, and sending own messages again, byte by byte.

A gateway that was restored from a copy misses many at once: it says what it knows, and is given back the rest.
"""

from datetime import timedelta
from itertools import takewhile

from connectors.agent.alarms import tell
from connectors.agent.entry import Entry, kept_message
from connectors.agent.tables import Unit
from schemas.dialogue import DIALOGUE, Part
from schemas.envelope import StreamPosition
from schemas.identifiers import AgencyId, MessageHash
from schemas.messages import Confirmation, MessageType, Resend, Restored
from schemas.problems import ProblemCode
from trust.stream import RESEND_NUMBERS_MAX, missing

ASK_AGAIN = timedelta(minutes=5)
TELL_AFTER = timedelta(hours=1)
"""A gap that stays open so long is told to staff, and so is a message that its loan does not allow in all that time."""
_SAID_BY_GATEWAY = [[kind for kind, rule in DIALOGUE.items() if rule.src is Part.GATEWAY and rule.channel == channel]
                    for channel in ("loan", "money")]
_RESTORED = "gateway restored"
"""Name of the fact that keeps when the gateway has last said so."""
ASKED_LIFE = timedelta(hours=48)
"""How long what was asked for may still come, under another number: a connector may be down for a day."""


def ask_for_missing(entry: Entry) -> None:
    """Sign a Resend for every gap that none has been asked for lately; one that is not sent yet is not repeated."""
    unit, me, now = entry.unit, entry.office.me, entry.now
    for gap in unit.gaps():
        head = unit.head(gap.src, me, gap.channel)
        lately = (now - ASK_AGAIN).isoformat()
        is_of_another_epoch = gap.epoch != head.epoch  # it waits for its sender's reset, which has no number
        if is_of_another_epoch or unit.was_asked(gap.src, gap.channel, gap.epoch, head.from_seq, lately):
            continue
        known_seq = unit.first_parked(gap.src, gap.channel, gap.epoch) or gap.upto_seq + 1
        from_seq, upto_seq = missing(head, known_seq)
        body = Resend(channel=gap.channel, epoch=gap.epoch, from_seq=from_seq, upto_seq=upto_seq)
        hash_ = entry.say_control(MessageType.RESEND, gap.src, body)
        unit.note_asked(gap, from_seq, upto_seq, now.isoformat(), hash_)


def tell_of_gaps(entry: Entry) -> None:
    """Tell staff what has been missing for long: once for each gap, each message that waits, each cause."""
    before = (entry.now - TELL_AFTER).isoformat()
    for gap in entry.unit.untold_gaps(before):
        head = entry.unit.head(gap.src, entry.office.me, gap.channel)
        missed = f"{head.from_seq} to {gap.upto_seq}" if gap.epoch == head.epoch else "the reset that begins it"
        entry.alarm(ProblemCode.OUT_OF_SEQUENCE, f"{gap.src}, {gap.channel} stream of epoch {gap.epoch}: missing since "
                                                 f"{gap.since} and asked for again: {missed}; ask {gap.src}")
    for message in entry.unit.untold_postponed(before):
        entry.alarm(ProblemCode(message.code), f"{message.why}; nothing that came since allows {message.hash[:12]}, "
                                               f"which follows from {message.cause[:12] or 'no message'}")
    for cause, hash_, conv in entry.unit.untold_missing(before):
        entry.alarm(ProblemCode.OUT_OF_TURN, f"loan {conv}: message {cause[:12]} that {hash_[:12]} follows from "
                                             "has not come here, and should have")
    entry.unit.forget_asked((entry.now - ASKED_LIFE).isoformat())


def send_again(entry: Entry, dst: AgencyId, asked: Resend) -> bool:
    """Put own messages before everything else that waits, as they were signed; return whether all of them are here."""
    unit = entry.unit
    upto_seq = min(asked.upto_seq, asked.from_seq + RESEND_NUMBERS_MAX - 1)
    if unit.head(entry.office.me, dst, asked.channel).epoch != asked.epoch or upto_seq < asked.from_seq:
        return False
    kept = unit.sent(dst, asked.channel, asked.epoch, asked.from_seq, upto_seq)
    unit.enqueue_first([hash_ for _, hash_ in kept])
    entry.has_work = True
    return len(kept) == upto_seq + 1 - asked.from_seq


def send_again_to(entry: Entry, receiver: AgencyId, asked: Resend) -> None:
    """Serve a receiver that misses own messages; what was numbered before a reset is given up."""
    head = entry.unit.head(entry.office.me, receiver, asked.channel)
    if not send_again(entry, receiver, asked) and asked.epoch >= head.epoch:
        tell_not_here(entry, receiver, asked)


def give_back(entry: Entry, gateway: AgencyId, about: MessageHash, restored: Restored) -> None:
    """Send a restored gateway what follows the heads that it knows, also of its own words; then say that this is all.

    In the order of the log as it was: what a message follows from comes before it.
    """
    unit, me = entry.unit, entry.office.me
    heads = {(head.src, head.dst, head.channel): (head.epoch, head.seq) for head in restored.heads}

    def is_lost(src: AgencyId, dst: AgencyId, place: StreamPosition) -> bool:
        epoch, seq = heads.get((src, dst, place.channel), (0, 0))
        return place.epoch == epoch and place.seq > seq

    def is_lost_there(row: tuple[int, str]) -> bool:
        place = kept_message(unit, row[1]).stream
        return place is not None and is_lost(gateway, me, place)

    lost = [(index, hash_) for index, hash_, dst, place in unit.numbered() if is_lost(me, dst, place)]
    for types in _SAID_BY_GATEWAY:
        lost += takewhile(is_lost_there, unit.newest(types))
    unit.enqueue_first([hash_ for _, hash_ in sorted(lost)])
    tell(unit, entry.now, ProblemCode.STREAM_BROKEN, f"{gateway} says that its database was restored from a copy: "
                                                     f"{len(lost)} messages are sent to it again")
    unit.set_fact(_RESTORED, entry.now.isoformat())
    entry.has_work = True
    entry.say_control(MessageType.CONFIRMATION, gateway, Confirmation(message=about), about)


def gateway_was_restored(unit: Unit, before: str) -> bool:
    """Whether the gateway has said so since a time: what it has lost, it may bring under new numbers."""
    return unit.fact(_RESTORED) > before


def tell_not_here(entry: Entry, dst: AgencyId, asked: Resend) -> None:
    """Tell staff that messages are missing elsewhere which this library cannot send again."""
    tell(entry.unit, entry.now, ProblemCode.OUT_OF_SEQUENCE,
         f"numbers {asked.from_seq} to {asked.upto_seq} of the {asked.channel} stream to {dst} are asked for, and this "
         "journal does not hold all of them: was it restored from a backup? Run 'delta-connector reset-streams'",
         subject=f"{dst} {asked.channel}")
