"""What the mailbox brings, before it counts: is it new, is it its turn, and what does it say of other messages.

A stream's messages count in the order of their numbers, whatever order they come in; what comes before its turn is
parked, and what is missing is asked for again. A known message is taken in once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from connectors.agent import resends, resets
from connectors.agent.entry import CannotSign, Entry, Refused, kept_message
from connectors.agent.tables import Early
from connectors.agent.views import note_place, note_views
from schemas.dialogue import Kind, Part, rule_of
from schemas.envelope import StreamPosition
from schemas.identifiers import AgencyId, MessageHash
from schemas.messages import Accepted, AnyMessage, Confirmation, Refusal, Resend, Restored, StreamReset
from schemas.problems import ProblemCode
from trust.envelope import Verified, open_envelope
from trust.errors import TrustError
from trust.stream import EARLY, RESEND_NUMBERS_MAX, Verdict, follow, judge

if TYPE_CHECKING:
    from connectors.agent.office import Office

@dataclass(frozen=True, slots=True)
class Arrived:
    """An entry of the mailbox whose signatures hold. ``logged`` is its place in the log; control messages need none."""

    verified: Verified[AnyMessage]
    accepted: bytes
    logged: Accepted | None


@dataclass(frozen=True, slots=True)
class Turn:
    """The number of a stream that an entry uses up, for the message with this hash."""

    src: AgencyId
    position: StreamPosition
    hash: MessageHash


def open_entry(office: "Office", envelope: bytes, accepted: bytes, now: datetime) -> Arrived:
    """Verify an entry and the place in the log that the gateway has signed for it.

    Raises:
        TrustError, Refused: by name.
    """
    directory = office.directory()
    verified = open_envelope(envelope, directory, now=now, me=office.me)
    if rule_of(verified.message.type).kind is not Kind.DURABLE:
        return Arrived(verified, accepted, None)
    shown = open_envelope(accepted, directory, now=now, me=office.me)
    body = shown.message.body
    if shown.signer != office.gateway or not isinstance(body, Accepted) or body.message != verified.hash:
        raise Refused(ProblemCode.REPLY_MISMATCH, "the hub shows no log entry for this message")
    return Arrived(verified, accepted, body)


class Intake:
    """One entry of the mailbox, in the transaction of ``entry``."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._unit = entry.unit
        self._me = entry.office.me

    def take_in(self, arrived: Arrived, number: int) -> None:
        """Take in what is new; what has come before is only acknowledged.

        A known message under a new number is a replay, unless this library has asked for it again: no honest hub does
        that. A gateway that was restored may number again, so an old number says nothing about a new message.

        Raises:
            TrustError, Refused: by name; nothing is changed.
        """
        unit, hash_ = self._unit, arrived.verified.hash
        received = int(unit.fact("received", "0"))
        if not (unit.has_message(hash_) or unit.is_parked(hash_)):
            self._take(arrived)
        elif number <= received or self._was_asked_for(arrived):
            self._come_again(arrived)
        else:
            raise Refused(ProblemCode.REPLAYED, f"message {hash_[:12]} was taken in before")
        unit.set_fact("received", str(max(number, received)))

    def _take(self, arrived: Arrived) -> None:
        message, rule = arrived.verified.message, rule_of(arrived.verified.message.type)
        by_hub, for_hub = message.src == self._entry.office.gateway, rule.src is Part.GATEWAY
        if rule.kind is Kind.QUESTION or (rule.src is not Part.ANYONE and by_hub is not for_hub):
            raise Refused(ProblemCode.WRONG_ROLE, f"a {message.type} from {message.src} is no mail")
        turn = self._turn_of(arrived.verified)
        if turn is not None and self._verdict(turn) in EARLY:
            self._park(turn, arrived)
            return
        self._admit(arrived, turn)
        if turn is not None:
            self._go_on(turn.src, turn.position.channel)

    def _admit(self, arrived: Arrived, turn: Turn | None) -> None:
        """Keep a message whose turn it is, and let it count."""
        verified, unit = arrived.verified, self._unit
        message, index = verified.message, arrived.logged.index if arrived.logged else None
        if turn is not None:
            self._use_up(turn, is_message=turn.hash == verified.hash)
        unit.add_message(verified.hash, message.type, message.conv or "", index, verified.envelope)
        note_views(unit.connection, message, arrived.logged, self._entry.now)
        if rule_of(message.type).kind is Kind.CONTROL:
            self._obey(message, verified.hash)
        else:
            self._entry.take_effect(message, verified.hash)

    def _turn_of(self, verified: Verified[AnyMessage]) -> Turn | None:
        """Return which number of which stream to this library an entry uses up.

        A Refusal stands for the message that broke the protocol and will not come: it steps over its number.
        """
        message, body = verified.message, verified.message.body
        if isinstance(body, Refusal):
            if body.stream is None or message.src != self._entry.office.gateway or message.dst == self._me:
                return None
            return Turn(message.dst, body.stream, body.message)
        if message.dst != self._me or message.stream is None:
            return None
        return Turn(message.src, message.stream, verified.hash)

    def _verdict(self, turn: Turn) -> Verdict:
        return judge(self._unit.head(turn.src, self._me, turn.position.channel), turn.position, turn.hash)

    def _use_up(self, turn: Turn, *, is_message: bool) -> None:
        """Move the stream on. A message that is not the next one is refused by name; a Refusal just changes nothing."""
        head = self._unit.head(turn.src, self._me, turn.position.channel)
        if is_message or judge(head, turn.position, turn.hash) is Verdict.FRESH:
            moved = follow(head, turn.position, turn.hash)
            self._unit.set_head(turn.src, self._me, turn.position.channel, moved)

    def _park(self, turn: Turn, arrived: Arrived) -> None:
        """Keep an early entry and ask for what is missing; beyond the limit only its number, to be asked for again."""
        unit, position = self._unit, turn.position
        if unit.parked(turn.src, position) is not None:
            raise Refused(ProblemCode.STREAM_BROKEN, f"{turn.src} has numbered two messages {position.channel} "
                                                     f"{position.epoch}/{position.seq}")
        unit.note_gap(turn.src, position, self._entry.now.isoformat())
        if unit.count_parked(turn.src, position.channel) < RESEND_NUMBERS_MAX:
            early = Early(arrived.verified.envelope, arrived.accepted)
            unit.park(turn.src, position, arrived.verified.hash, early)
        resends.ask_for_missing(self._entry)

    def _go_on(self, src: AgencyId, channel: str) -> None:
        """Take in what has waited behind the stream's head, and ask for the next gap."""
        unit = self._unit
        while True:
            head = unit.head(src, self._me, channel)
            unit.forget_passed(src, channel, head.epoch, head.seq)
            early = unit.unpark(src, channel, head.epoch, head.from_seq)
            if early is None:
                break
            self._take_parked(early)
        resends.ask_for_missing(self._entry)

    def _take_parked(self, early: Early) -> None:
        """Take in an entry whose turn has come, as the directory says now. It was acknowledged: a refusal is told."""
        try:
            with self._unit.part():
                arrived = open_entry(self._entry.office, early.envelope, early.accepted, self._entry.now)
                self._admit(arrived, self._turn_of(arrived.verified))
        except CannotSign:
            raise
        except (TrustError, Refused) as error:
            self._entry.alarm(error.code, str(error))

    def _was_asked_for(self, arrived: Arrived) -> bool:
        turn = self._turn_of(arrived.verified)
        since = (self._entry.now - resends.ASKED_LIFE).isoformat()
        if resends.gateway_was_restored(self._unit, since):
            return True
        return turn is not None and self._unit.was_asked(turn.src, turn.position.channel, turn.position.epoch,
                                                         turn.position.seq, since)

    def _come_again(self, arrived: Arrived) -> None:
        """A gateway that has lost its newest entries logs them anew: note where, and confirm once more."""
        unit, verified, logged = self._unit, arrived.verified, arrived.logged
        if logged is None or not unit.set_index(verified.hash, logged.index):
            return
        note_place(unit.connection, logged)
        if verified.message.dst == self._me and not unit.is_postponed(verified.hash):
            self._entry.confirm(verified.message, verified.hash)

    def _obey(self, message: AnyMessage, hash_: MessageHash) -> None:
        """Do what a control message says of other messages."""
        body = message.body
        if isinstance(body, Confirmation) and message.src == self._receiver(body.message):
            self._unit.confirmed(body.message)
        elif isinstance(body, Resend) and message.dst == self._me:
            resends.send_again_to(self._entry, message.src, body)
        elif isinstance(body, StreamReset) and message.dst == self._me:
            resets.take_reset(self._entry, message.src, body)
            self._go_on(message.src, body.channel)
        elif isinstance(body, Restored) and message.dst == self._me:
            resends.give_back(self._entry, message.src, hash_, body)

    def _receiver(self, hash_: MessageHash) -> AgencyId | None:
        """Return to whom a kept message is addressed."""
        return kept_message(self._unit, hash_).dst if self._unit.has_envelope(hash_) else None
