"""One message's way through one transaction: check → advance → post → record → answer.

What a library says walks it, and what the gateway says itself. Four ends are possible: the signed Accepted; a signed
Refusal that leaves no trace; one that has used up a number of its stream, which is kept and goes to both ends; and a
Resend, where messages of the stream are missing before this one (the gateway's database was restored from a copy, or
the sender has left some out). Nothing is parked here: the sender has them all.
"""

from datetime import datetime

from federation.loans.reaction import Reply, react
from federation.ports import REFUSED, Awaited, StoredMessage, Unit
from federation.restoring import GIVEN_BACK_WITHIN, MAY_BE_LOST, HeldBack
from federation.voice import BUSINESS_DAYS, CONTROL_LIFE, NotAccepted, Voice
from schemas.dialogue import DIALOGUE, Kind, Part, Rule, rule_of
from schemas.envelope import StreamPosition
from schemas.identifiers import AgencyId, MessageHash, Wire
from schemas.lending import Order
from schemas.lifecycle import event_of
from schemas.loan import Loan, OutOfTurn, WrongRole, advance, open_loan
from schemas.messages import (
    AnyMessage,
    Confirmation,
    HarvestBatch,
    MessageType,
    Refusal,
    Resend,
    Restored,
    StreamReset,
)
from schemas.problems import ProblemCode
from schemas.tariff import transfers_for
from trust.envelope import Verified
from trust.errors import OutOfSequence, TrustError
from trust.stream import RESEND_NUMBERS_MAX, StreamHead, begin_epoch, follow, missing, next_position, restart

OWN_CHANNELS = sorted({rule.channel for rule in DIALOGUE.values() if rule.src is Part.GATEWAY and rule.channel})


class Road:
    """One message's way. ``listeners`` have mail afterwards."""

    def __init__(self, voice: Voice, unit: Unit, now: datetime) -> None:
        self._voice = voice
        self.unit = unit
        self.now = now
        self.listeners: set[str] = set()

    def walk(self, verified: Verified[AnyMessage]) -> bytes:
        """Accept a library's message, with all that follows from it; or refuse it, or ask for what is missing.

        Raises:
            HeldBack: it may follow from what a restored database has lost.
        """
        message = verified.message
        try:
            self._check(message, verified.hash)
            before, loan = self._advance(message, verified.hash)
        except NotAccepted as refused:
            if refused.code in MAY_BE_LOST and self.unit.restoring.is_asking(self.now):
                raise HeldBack(str(refused)) from None
            return self._refuse(verified, refused)
        except OutOfSequence:
            return self._voice.ask_again(message, verified.hash, self._missing(message), self.now)
        accepted = self._record(message, verified.hash, verified.envelope, before, loan)
        for reply in react(self.unit, self._voice.directory(), message, verified.hash, loan):
            self.say(reply, message.conv)
        return accepted

    def say(self, reply: Reply, conv: str | None) -> MessageHash:
        """Number, sign and record a message of the gateway's own, inside this transaction."""
        voice, rule = self._voice, rule_of(reply.kind)
        head = self.unit.streams.head(voice.me, reply.dst, rule.channel)
        sealed = voice.sign(reply.kind, reply.dst, self.now, BUSINESS_DAYS, reply.body, conv=conv,
                            reply_to=reply.reply_to, stream=next_position(head, rule.channel))
        before, loan = self._advance(sealed.message, sealed.hash)
        self._move_stream(sealed.message, sealed.hash)
        self._record(sealed.message, sealed.hash, sealed.envelope, before, loan)
        self.unit.messages.wait_for(Awaited(sealed.hash, reply.kind, reply.dst, rule.channel, conv or "",
                                            self.now + rule.confirm_within))
        return sealed.hash

    def reset(self, dst: AgencyId, channel: str, reason: str) -> StreamReset:
        """Begin a new epoch of one of the gateway's own streams. Nothing of the old one is waited for any more."""
        voice = self._voice
        head = self.unit.streams.head(voice.me, dst, channel)
        epoch = begin_epoch(head, self.now).epoch
        body = StreamReset(channel=channel, epoch=epoch, seq=head.seq, hash=head.hash, reason=reason)
        self.unit.messages.settle_stream(dst, channel)
        self._say_control(MessageType.STREAM_RESET, dst, body)
        return body

    def ask_for_what_is_lost(self, library: AgencyId) -> None:
        """Tell a library what this restored database knows of its streams; it has the rest, and sends it again."""
        heads = tuple(self.unit.restoring.known_heads(library, self._voice.me))
        self.unit.messages.settle_stream(library, "")  # one that it has not confirmed yet asks for less
        hash_ = self._say_control(MessageType.RESTORED, library, Restored(heads=heads))
        self.unit.messages.wait_for(Awaited(hash_, MessageType.RESTORED, library, "", "",
                                            self.now + GIVEN_BACK_WITHIN))

    def take_back(self, verified: Verified[AnyMessage]) -> bytes:
        """Take in what the gateway has said itself and its database has lost, from the library that has it.

        Its number is of an epoch that is closed, or soon will be: it keeps none.
        """
        message, hash_ = verified.message, verified.hash
        try:
            before, loan = self._advance(message, hash_)
        except NotAccepted as refused:
            return self._voice.refuse(message, hash_, refused, self.now, None).envelope
        return self._record(message, hash_, verified.envelope, before, loan, is_numbered=False)

    def _say_control(self, kind: MessageType, dst: AgencyId, body: Wire) -> MessageHash:
        sealed = self._voice.sign(kind, dst, self.now, CONTROL_LIFE, body)
        self._record(sealed.message, sealed.hash, sealed.envelope, None, None)
        return sealed.hash

    def _check(self, message: AnyMessage, hash_: MessageHash) -> None:
        rule, me = rule_of(message.type), self._voice.me
        if rule.kind is Kind.QUESTION or rule.src is Part.GATEWAY or message.src == me:
            raise NotAccepted(ProblemCode.WRONG_ROLE, f"{message.type} is not for this door")
        if rule.kind is Kind.DURABLE:
            if message.stream is None or message.stream.channel != rule.channel:
                raise NotAccepted(ProblemCode.STREAM_BROKEN, f"{message.type} is numbered on channel {rule.channel}")
            self._move_stream(message, hash_)
        self._check_hearers(message, rule)
        if rule.kind is Kind.CONTROL:
            self._check_subject(message)
            self._check_stream_matters(message)
        if rule.answers:
            self._check_reply(message, rule)

    def _check_hearers(self, message: AnyMessage, rule: Rule) -> None:
        me, members = self._voice.me, self._voice.directory().directory.by_id
        if message.dst == message.src or message.dst not in members:
            raise NotAccepted(ProblemCode.WRONG_DESTINATION, f"{message.type} goes to another member")
        if rule.dst is Part.GATEWAY and message.dst != me:
            raise NotAccepted(ProblemCode.WRONG_DESTINATION, f"{message.type} is addressed to the gateway")
        if message.copies and not rule.relayed:
            raise NotAccepted(ProblemCode.WRONG_ROLE, f"{message.type} concerns nobody but its receiver")

    def _check_subject(self, message: AnyMessage) -> None:
        """A control message is about one that passed between the same two: a stranger has nothing to say of it."""
        hash_ = getattr(message.body, "message", None)
        about = self.unit.messages.subject(hash_) if hash_ else None
        ends, conv = (about and {about.src, about.dst}), (about.conv if about else "")
        if (hash_ and ends != {message.src, message.dst}) or conv != (message.conv or ""):
            raise NotAccepted(ProblemCode.REPLY_MISMATCH, f"a {message.type} of no message between these two")

    def _check_stream_matters(self, message: AnyMessage) -> None:
        """A reset begins a later epoch, a Resend names so many numbers."""
        body = message.body
        if isinstance(body, StreamReset):
            try:
                restart(self.unit.streams.head(message.src, message.dst, body.channel), body.epoch)
            except TrustError as error:
                raise NotAccepted(error.code, str(error)) from None
        if isinstance(body, Resend) and not 1 <= body.from_seq <= body.upto_seq < body.from_seq + RESEND_NUMBERS_MAX:
            raise NotAccepted(ProblemCode.BAD_REQUEST, f"a Resend asks for 1 to {RESEND_NUMBERS_MAX} numbers")

    def _check_reply(self, message: AnyMessage, rule: Rule) -> None:
        asked = self.unit.messages.subject(message.reply_to) if message.reply_to else None
        if asked is None or asked.type not in rule.answers or asked.conv != (message.conv or ""):
            raise NotAccepted(ProblemCode.REPLY_MISMATCH, f"{message.type} answers no message of this loan")
        if asked.type == MessageType.STATEMENT_PROPOSAL and asked.dst != message.src:
            raise NotAccepted(ProblemCode.REPLY_MISMATCH, f"{message.type} answers another library's statement")

    def _move_stream(self, message: AnyMessage, hash_: MessageHash) -> None:
        assert message.stream is not None
        streams, position = self.unit.streams, message.stream
        head = streams.head(message.src, message.dst, position.channel)
        try:
            moved = follow(head, position, hash_)
        except OutOfSequence:
            raise
        except TrustError as error:
            raise NotAccepted(error.code, str(error)) from None
        streams.set_head(message.src, message.dst, position.channel, moved)

    def _missing(self, message: AnyMessage) -> Resend:
        """Return what lies between the head of its stream and a message that came too early; of many, the first."""
        place = message.stream
        assert place is not None
        from_seq, upto_seq = missing(self.unit.streams.head(message.src, message.dst, place.channel), place.seq)
        return Resend(channel=place.channel, epoch=place.epoch, from_seq=from_seq, upto_seq=upto_seq)

    def _advance(self, message: AnyMessage, hash_: MessageHash) -> tuple[Loan | None, Loan | None]:
        """Return the loan before and after; both ``None`` where the message is about no loan."""
        rule = rule_of(message.type)
        if rule.channel != "loan":
            return None, None
        if message.conv is None:
            raise NotAccepted(ProblemCode.BAD_REQUEST, f"{message.type} names no loan")
        before = self.unit.loans.get(message.conv)
        try:
            if before is None:
                return None, self._open(message, hash_)
            if rule.relayed:
                _check_copies(before, message)
            return before, advance(before, message, hash_)
        except OutOfTurn as error:
            raise NotAccepted(ProblemCode.OUT_OF_TURN, str(error)) from None
        except WrongRole as error:
            raise NotAccepted(ProblemCode.WRONG_ROLE, str(error)) from None

    def _open(self, message: AnyMessage, hash_: MessageHash) -> Loan:
        if message.src != self._voice.me or not isinstance(message.body, Order):
            raise OutOfTurn(None, event_of(message), "no such loan at the gateway")
        return open_loan(message, hash_)

    def _record(self, message: AnyMessage, hash_: MessageHash, envelope: bytes, before: Loan | None,
                loan: Loan | None, *, is_numbered: bool = True) -> bytes:
        unit, voice = self.unit, self._voice
        index = unit.log.append(hash_, self.now, message.type)
        if loan is not None:
            if before is not None:
                unit.ledger.post(transfers_for(before, loan, message, hash_, event_of(message),
                                               voice.directory().tariff, voice.me), index)
            unit.loans.put(loan, self.now)
        self._heed(message)
        accepted = voice.accept(message, hash_, index, self.now)
        place = _place(message.stream) if is_numbered else None
        unit.messages.add(_stored(message, hash_, message.type, index, envelope, accepted, place))
        for agency in _hearers(message, before) - {voice.me, message.src}:
            self._post(agency, index)
        return accepted

    def _heed(self, message: AnyMessage) -> None:
        """Do what a message that is about no loan asks of the gateway itself."""
        unit, src = self.unit, message.src
        match message.body:
            case HarvestBatch(bibs=bibs, deleted=deleted):
                unit.catalogue.upsert(src, bibs)
                unit.catalogue.delete(src, deleted)
            case Confirmation(message=about) | Refusal(message=about):
                if message.dst == self._voice.me:
                    unit.messages.settle(about)
            case StreamReset(channel=channel, epoch=epoch):
                unit.streams.set_head(src, message.dst, channel, StreamHead(epoch=epoch))
            case Resend() as wanted:
                unit.mailboxes.put_again(src, message.dst, wanted)
                self.listeners.add(src)

    def _refuse(self, verified: Verified[AnyMessage], refused: NotAccepted) -> bytes:
        """Sign a Refusal. One that used up a number of its stream goes to both ends and is kept, by its hash."""
        message, hash_, unit = verified.message, verified.hash, self.unit
        place = message.stream
        used_up = place is not None and hash_ == unit.streams.head(message.src, message.dst, place.channel).hash
        refusal = self._voice.refuse(message, hash_, refused, self.now, place if used_up else None)
        if used_up:
            index = unit.log.append(hash_, self.now, "refused")
            unit.messages.add(_stored(message, hash_, REFUSED, index, verified.envelope, refusal.envelope,
                                      _place(place)))
            for agency in refusal.message.copies:
                self._post(agency, index)
        return refusal.envelope

    def _post(self, agency: AgencyId, index: int) -> None:
        self.unit.mailboxes.put(agency, index)
        self.listeners.add(agency)


def _stored(message: AnyMessage, hash_: MessageHash, kind: str, index: int, envelope: bytes, answer: bytes,
            place: tuple[str, int, int] | None) -> StoredMessage:
    return StoredMessage(hash_, kind, message.src, message.dst, message.conv or "", index, envelope, answer, place)


def _place(position: StreamPosition | None) -> tuple[str, int, int] | None:
    return (position.channel, position.epoch, position.seq) if position else None


def _check_copies(loan: Loan, message: AnyMessage) -> None:
    """Home and pickup library hear every relayed message; who holds the copy now, its sender cannot always know."""
    if not {loan.home, loan.pickup.agency} <= {message.src, message.dst, *message.copies}:
        raise WrongRole("the home or the pickup library is missing from the copies")


def _hearers(message: AnyMessage, loan: Loan | None) -> set[AgencyId]:
    """Return whose mailbox a message goes to: its receiver, and of the copies those that have a part in the loan."""
    parts = {loan.home, loan.pickup.agency, loan.holder, loan.supplier, *loan.former} if loan else set()
    return {message.dst, *(agency for agency in message.copies if agency in parts)}
