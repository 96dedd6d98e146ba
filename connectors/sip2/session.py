"""One SIP2 line as each end sees it, without I/O: bytes in, messages out, bytes to send.

``ScSession`` is the side that asks (self-check, our client), ``AcsSession`` the side that answers. What each does with
a frame is decided by two small tables. Limits keep every loop finite: real peers answer 96 for a missing field, or
compute checksums wrongly, for ever.
Deliberately absent: time. Whoever owns the socket owns the deadlines and calls ``ask_again``.
"""

from collections.abc import Mapping
from enum import Enum, auto

from connectors.sip2.counters import Report, no_report
from connectors.sip2.dialect import Dialect
from connectors.sip2.errors import FormatError, InDoubt, NoAnswer, OutOfTurn, RequestRefused
from connectors.sip2.framing import FRAME_BYTES_MAX, FrameSplitter
from connectors.sip2.messages import REQUESTS, WRITES, Message, build
from connectors.sip2.profile import ErrorDetection, Profile

#: Times a request is sent again on 96, and an answer asked for again on a wrong checksum (NISO and 3M advise 3).
RESENDS_MAX = 3

_ASK_AGAIN = build("97")
_SAY_AGAIN = build("96")


class Heard(Enum):
    """What a frame is, for a table to decide on."""

    ANSWER = auto()
    RESEND = auto()
    GARBLED = auto()
    OTHER = auto()


class Turn(Enum):
    """Where an SC's line stands."""

    IDLE = auto()
    WAITING = auto()
    ASKED_AGAIN = auto()


class Step(Enum):
    """What an SC does about it."""

    ACCEPT = auto()
    SEND_AGAIN = auto()
    ASK_AGAIN = auto()
    LOST = auto()
    STRAY = auto()


SC_STEPS: Mapping[Turn, Mapping[Heard, Step]] = {
    Turn.IDLE: dict.fromkeys(Heard, Step.STRAY),
    Turn.WAITING: {
        Heard.ANSWER: Step.ACCEPT,
        Heard.RESEND: Step.SEND_AGAIN,
        Heard.GARBLED: Step.ASK_AGAIN,
        Heard.OTHER: Step.LOST,
    },
    Turn.ASKED_AGAIN: {
        Heard.ANSWER: Step.ACCEPT,
        # The request was answered once already, or not: a 96 to our 97 does not tell.
        Heard.RESEND: Step.LOST,
        Heard.GARBLED: Step.ASK_AGAIN,
        Heard.OTHER: Step.LOST,
    },
}


class ScSession:
    """The asking side: one outstanding request, numbered 0 to 9 and round again."""

    def __init__(self, profile: Profile, report: Report = no_report, dialect: Dialect | None = None) -> None:
        self._dialect = dialect or Dialect(profile)
        self._strict = profile.error_detection is ErrorDetection.STRICT
        self._splitter = FrameSplitter(profile.terminator)
        self._report = report
        self._outbox = b""
        self._sequence = 9
        self._turn = Turn.IDLE
        self._request = _ASK_AGAIN
        self._resends = 0
        #: False once the line may be out of step: let it go after this exchange.
        self.is_in_step = True

    @property
    def is_idle(self) -> bool:
        """No answer is outstanding."""
        return self._turn is Turn.IDLE

    @property
    def _is_lost(self) -> bool:
        """Nothing that still comes on this line can be of use: leave it unread, however much it is."""
        return self._turn is Turn.IDLE and not self.is_in_step

    def request(self, message: Message) -> None:
        """Put ``message`` on the line, with the next sequence number.

        Raises:
            OutOfTurn: an answer is still outstanding.
            BuildError: it cannot be sent.
        """
        if self._turn is not Turn.IDLE:
            raise OutOfTurn(f"message {self._request.id} has no answer yet: SIP2 allows one request at a time")
        sequence = (self._sequence + 1) % 10
        self._send(message, sequence)
        self._request, self._sequence, self._turn, self._resends = message, sequence, Turn.WAITING, 0

    def data_to_send(self) -> bytes:
        """Return what is to be written to the socket now, once."""
        data, self._outbox = self._outbox, b""
        return data

    def receive(self, data: bytes) -> Message | None:
        """Take bytes from the socket; return the answer, once it is whole.

        Raises:
            RequestRefused: the ACS could not read the request at all.
            NoAnswer, InDoubt: no answer that can be trusted; ``is_in_step`` is False from here.
        """
        if self._is_lost:
            return None
        self._splitter.feed(data)
        answer = None
        try:
            for frame in self._splitter.frames():
                answer = self._hear(frame) or answer
                if self._is_lost:
                    break
        except FormatError as error:
            raise self._lost(str(error)) from None
        return answer

    def ask_again(self) -> None:
        """Send 97: the answer is overdue. The late answer may then come twice, so the line ends with this exchange."""
        self.is_in_step = False
        self._ask_again()

    def abandon(self, why: str) -> NoAnswer:
        """Give up on the outstanding request and return the error to raise: the line broke or the deadline passed."""
        return self._lost(why)

    def _hear(self, frame: bytes) -> Message | None:
        heard, message = self._classify(frame)
        step = SC_STEPS[self._turn][heard]
        if step is Step.ACCEPT:
            self._turn = Turn.IDLE
            return message
        if step is Step.SEND_AGAIN:
            self._send_again()
        elif step is Step.ASK_AGAIN:
            self._ask_again()
        elif step is Step.LOST:
            raise self._lost("the ACS answered with something else")
        else:
            self.is_in_step = False
            self._report("", "stray_message")
        return None

    def _classify(self, frame: bytes) -> tuple[Heard, Message | None]:
        try:
            message = self._dialect.codec.decode(frame)
        except FormatError as error:
            self._report("", type(error).__name__)
            return Heard.GARBLED, None
        self._dialect.hear(message)
        for problem in message.problems:
            self._report(message.id, problem)
        if message.checksum == "bad" and self._strict:
            return Heard.GARBLED, None
        if message.id == "96":
            return Heard.RESEND, None
        return (Heard.ANSWER if message.id == self._request.spec.answer else Heard.OTHER), message

    def _send_again(self) -> None:
        """96 says that the request was not understood, so not executed: send it again, without AY (SIP2: resend)."""
        self._resends += 1
        if self._resends > RESENDS_MAX:
            self._turn = Turn.IDLE
            raise RequestRefused(f"message {self._request.id}: the ACS asked {self._resends} times for a resend (96)")
        self._send(self._request, None)

    def _ask_again(self) -> None:
        self._resends += 1
        if self._resends > RESENDS_MAX:
            raise self._lost("no answer arrived whole")
        self._send(_ASK_AGAIN, None)
        self._turn = Turn.ASKED_AGAIN

    def _lost(self, why: str) -> NoAnswer:
        self._turn = Turn.IDLE
        self.is_in_step = False
        return (InDoubt if self._request.id in WRITES else NoAnswer)(self._request.id, why)

    def _send(self, message: Message, sequence: int | None) -> None:
        encoded = self._dialect.codec.encode(message, sequence)
        for substitution in encoded.substitutions:
            self._report(message.id, f"substituted_in_{substitution.code}")
        self._outbox += encoded.data


class AcsSession:
    """The answering side: every frame gets one answer, and a repeated frame gets the stored one."""

    def __init__(self, profile: Profile, report: Report = no_report, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._dialect = Dialect(profile)
        self._strict = profile.error_detection is ErrorDetection.STRICT
        self._splitter = FrameSplitter(profile.terminator, frame_bytes_max)
        self._report = report
        self._outbox = b""
        #: The request that waits for ``answer``.
        self.request: Message | None = None
        self._last_sent = self._dialect.codec.encode(_SAY_AGAIN).data
        self._answered_frame = b""
        self._answer = b""

    @property
    def is_mid_frame(self) -> bool:
        """A frame has begun to arrive and is not whole yet."""
        return self._splitter.is_mid_frame

    def feed(self, data: bytes) -> None:
        """Take bytes from the socket. Then call ``advance`` until it returns False."""
        self._splitter.feed(data)

    def advance(self) -> bool:
        """Take the next frame; False if none is whole. Afterwards ``request`` is what a handler must answer, if any.

        One frame at a time, so that a flood of small frames never collects large answers.

        Raises:
            OutOfTurn: the request before has no answer yet.
        """
        if self.request is not None:
            raise OutOfTurn(f"message {self.request.id} is not answered yet")
        try:
            frame = self._splitter.take()
            if frame is None:
                return False
            message = self._dialect.codec.decode(frame)
        except FormatError as error:
            self._report("", type(error).__name__)
            self._send(self._dialect.codec.encode(_SAY_AGAIN).data)
        else:
            self._hear(message)
        return True

    def answer(self, message: Message) -> None:
        """Answer ``request``, with its sequence number.

        Raises:
            OutOfTurn: there is none, or this is not its answer.
            BuildError: it cannot be sent; answer something else.
        """
        request = self.request
        if request is None or message.id not in (request.spec.answer, "96"):
            raise OutOfTurn(f"message {message.id} answers nothing that was asked")
        # Mixed mode: a request without a checksum is answered without one.
        encoded = self._dialect.codec.encode(message, None if request.checksum == "absent" else request.sequence)
        for substitution in encoded.substitutions:
            self._report(message.id, f"substituted_in_{substitution.code}")
        self.request = None
        if message.id != "96":
            self._answered_frame, self._answer = request.raw, encoded.data
        self._send(encoded.data)

    def data_to_send(self) -> bytes:
        """Return what is to be written to the socket now, once."""
        data, self._outbox = self._outbox, b""
        return data

    def _hear(self, message: Message) -> None:
        self._dialect.hear(message)
        for problem in message.problems:
            self._report(message.id, problem)
        if message.id == "97":
            self._send(self._last_sent)
        elif message.id == "96":
            # Not an SC's to say. Answering it could go on for ever between two that both do.
            self._report("96", "unexpected_message")
        elif message.id not in REQUESTS or (message.checksum == "bad" and self._strict):
            self._send(self._dialect.codec.encode(_SAY_AGAIN).data)
        elif self._is_repeated(message):
            self._report(message.id, "repeated_request")
            self._send(self._answer)
        else:
            self.request = message

    def _is_repeated(self, message: Message) -> bool:
        """Compare the whole frame. Without AY only a write counts as repeated, and 99 never: it asks for the time."""
        may_repeat = message.id != "99" and (message.sequence is not None or message.id in WRITES)
        return may_repeat and message.raw == self._answered_frame

    def _send(self, data: bytes) -> None:
        self._last_sent = data
        self._outbox += data
