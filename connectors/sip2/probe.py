"""From what an ILS answered to careful questions, to its profile. Pure: an ``Exchange`` list in, a ``Diagnosis`` out.

Only ``QUESTIONS`` are ever asked, none of which changes anything in an ILS. The writes that the ILS claims (BX) are
reported as claimed, never tried. Who asks, and in what order, is ``connectors.tools.doctor_visit``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto

from connectors.sip2.codec import Codec
from connectors.sip2.dates import decode_date
from connectors.sip2.errors import BadDate, FormatError
from connectors.sip2.evidence import (
    ECHO_SAMPLES,
    CharsetEvidence,
    ChecksumEvidence,
    charset_of,
    checksum_of,
    delimiter_of,
    first_frame,
    terminator_of,
)
from connectors.sip2.fields import from_supported
from connectors.sip2.messages import WRITES, Message
from connectors.sip2.profile import Checksum, ErrorDetection, Login, Profile, Terminator

QUESTIONS = frozenset({"93", "99", "97", "17", "63", "23", "35"})
"""Login, status, resend, item, patron, patron status, end of the patron's session."""

_DATES = frozenset({"transaction_date", "date_time_sync"})


class Ended(Enum):
    """How the peer took a question."""

    ANSWERED = auto()
    SILENT = auto()
    CLOSED = auto()
    ENDLESS = auto()


class Step(Enum):
    """Why a question was asked. A trial changes one thing of a question that was answered, or not, before."""

    HELLO = auto()
    ANONYMOUS = auto()
    LOGIN = auto()
    READ = auto()
    ECHO = auto()
    TRIAL_EMPTY_FIELD = auto()
    TRIAL_PAGES = auto()
    TRIAL_NO_INSTITUTION = auto()
    TRIAL_BLANK_DATE = auto()


class Telnet(Enum):
    """What became of a login by prompts, where the peer began with one."""

    OFFERED = auto()
    ACCEPTED = auto()
    REFUSED = auto()


@dataclass(frozen=True)
class Exchange:
    """One question, what came back at what moment, and for ``Step.ECHO`` the sample that was sent as item id."""

    step: Step
    request: Message
    ended: Ended
    raw: bytes = field(repr=False)
    at: datetime
    checksum: Checksum
    sample: str = ""

    @property
    def frame(self) -> bytes:
        """The answer without noise and terminator; empty where none was whole."""
        return first_frame(self.raw)

    @property
    def is_answered(self) -> bool:
        """A message of the kind that answers this question came."""
        wanted = self.request.spec.answer
        return self.frame[:2] == wanted.encode() if wanted else self.frame[:2].isdigit() and self.frame[:2] != b"96"

    def answer(self, charset: str, delimiter: str | None = None) -> Message | None:
        """Return the answer, decoded; None where it is none. The delimiter is told by the answer, if not known."""
        profile = Profile(charset, delimiter=delimiter or delimiter_of(self.frame))
        try:
            return Codec(profile).decode(self.frame) if self.is_answered else None
        except FormatError:
            return None


@dataclass(frozen=True)
class Observations:
    """All that was seen. ``is_complete`` is False where time ran out before the last question.

    ``obstacle`` is the code of the finding that says why there was no connection worth having.
    """

    exchanges: tuple[Exchange, ...] = ()
    is_reachable: bool = False
    obstacle: str = ""
    telnet: Telnet | None = None
    is_complete: bool = True
    has_credentials: bool = False

    def of(self, *steps: Step) -> tuple[Exchange, ...]:
        """Return the exchanges of these steps."""
        return tuple(each for each in self.exchanges if each.step in steps)

    @property
    def hello(self) -> Exchange | None:
        """The first question that was answered at all: it tells how to ask on."""
        return next((each for each in self.exchanges if each.is_answered), None)


@dataclass(frozen=True)
class Diagnosis:
    """The conclusions. ``profile`` is None where the peer never answered in SIP2."""

    observed: Observations
    profile: Profile | None
    charset: CharsetEvidence
    checksum: ChecksumEvidence
    status: Message | None
    supported: tuple[str, ...]
    claimed: frozenset[str]
    clock_skew_seconds: int | None
    answers: tuple[tuple[Exchange, Message], ...]

    @property
    def is_usable(self) -> bool:
        """The ILS can be worked with as it stands: on-line, we are logged in, and it tells of patrons or items."""
        if self.profile is None or (self.status is not None and self.status.flag("on_line_status") is False):
            return False
        if self.profile.login is Login.TELNET and self.observed.telnet is not Telnet.ACCEPTED:
            return False
        return self.is_admitted and not {"17", "63"}.isdisjoint(self.supported)

    @property
    def is_admitted(self) -> bool:
        """No login is needed, or ours was accepted."""
        return self.profile is not None and (self.profile.login is not Login.SIP or is_logged_in(self.observed))


def dialect_of(observed: Observations, timezone: str) -> Profile:
    """Return what is known so far, enough to ask on: terminator, delimiter, checksum as accepted, institution.

    Without any answer yet these are the defaults.
    """
    hello = observed.hello
    if hello is None:
        return Profile(timezone=timezone)
    delimiter = delimiter_of(hello.frame)
    status = _status(observed, "cp850", delimiter)
    return Profile(
        terminator=terminator_of(hello.raw) or Terminator.CR,
        delimiter=delimiter,
        checksum=hello.checksum,
        institution=(status.get("AO") if status else None) or "",
        timezone=timezone,
    )


def diagnose(observed: Observations, timezone: str) -> Diagnosis:
    """Return the conclusions; times without a zone are the library's own, in ``timezone`` (IANA)."""
    known = dialect_of(observed, timezone)
    charset = charset_so_far(observed)
    frames = [each.frame for each in observed.exchanges if each.checksum is not Checksum.NONE and each.is_answered]
    checksum = checksum_of(frames, charset.charset, known.delimiter, known.checksum)
    status = _status(observed, charset.charset, known.delimiter)
    claimed = from_supported((status.get("BX") if status else None) or "")
    answers = [(each, each.answer(charset.charset, known.delimiter)) for each in observed.exchanges]
    return Diagnosis(
        observed=observed,
        profile=_profile(observed, known, charset, checksum, status) if observed.hello else None,
        charset=charset,
        checksum=checksum,
        status=status,
        supported=tuple(sorted(answered_ids(observed) | (claimed & WRITES))),
        claimed=claimed,
        clock_skew_seconds=_clock_skew(observed, known, charset.charset),
        answers=tuple((each, answer) for each, answer in answers if answer is not None and each.step is not Step.ECHO),
    )


def charset_so_far(observed: Observations) -> CharsetEvidence:
    """Return what answers prove of the charset; those that only repeat our samples count as samples."""
    echoes = observed.of(Step.ECHO)
    echoed = frozenset(each.sample for each in echoes if each.sample and b"AB" + ECHO_SAMPLES[each.sample] in each.raw)
    return charset_of((each.frame for each in observed.exchanges if each.is_answered and each not in echoes), echoed)


def answered_ids(observed: Observations) -> frozenset[str]:
    """Return the questions that got an answer of their kind at least once."""
    return frozenset(each.request.id for each in observed.exchanges if each.is_answered)


def unanswered_ids(observed: Observations) -> frozenset[str]:
    """Return the questions that were asked on a line in good standing, and never got an answer of their kind."""
    asked = {each.request.id for each in observed.of(Step.READ, Step.TRIAL_EMPTY_FIELD)}
    return frozenset(asked) - answered_ids(observed)


def is_logged_in(observed: Observations) -> bool:
    """Whether the ACS accepted our 93."""
    return any(each.frame.startswith(b"941") for each in observed.of(Step.LOGIN))


def login_of(observed: Observations) -> Login:
    """Tell whether a line must begin with a login: by prompts, by 93, or not.

    An ACS that wants 93 may well answer 99 without it, refuse 17 politely in an 18, or close. So the same questions
    were asked without a login and after one: no login is needed where the answers say the same.
    """
    if observed.telnet is not None:
        return Login.TELNET
    anonymous = [each for each in observed.of(Step.ANONYMOUS) if each.request.id != "99"]
    if not anonymous or not any(each.is_answered for each in anonymous):
        return Login.SIP if observed.of(Step.LOGIN) and "94" in _said(observed.of(Step.LOGIN)) else Login.NONE
    if is_logged_in(observed):
        later = {each.request.id: each for each in reversed(observed.of(Step.READ))}
        pairs = [(each, later[each.request.id]) for each in anonymous if each.request.id in later]
        return Login.NONE if all(is_same_answer(*pair) for pair in pairs) else Login.SIP
    # 940: the ACS keeps logins. It is open all the same where it told an anonymous line something real.
    is_refused = "94" in _said(observed.of(Step.LOGIN))
    return Login.SIP if is_refused and not any(map(_tells_something, anonymous)) else Login.NONE


def is_same_answer(one: Exchange, other: Exchange) -> bool:
    """Whether two answers to one question say the same, their dates apart."""
    return _substance(one) == _substance(other)


def _substance(exchange: Exchange) -> tuple[object, ...]:
    # Code page 850 has a character for every byte, so nothing is lost in whatever charset this is.
    answer = exchange.answer("cp850")
    if answer is None:
        return (exchange.ended, exchange.frame[:2])
    return {name: text for name, text in answer.fixed.items() if name not in _DATES}, sorted(answer.fields)


def _tells_something(exchange: Exchange) -> bool:
    answer = exchange.answer("cp850")
    return answer is not None and bool((answer.get("AJ") or "").strip() or answer.get("BL") == "Y")


def _said(exchanges: Iterable[Exchange]) -> frozenset[str]:
    return frozenset(each.frame[:2].decode("latin-1") for each in exchanges)


def _status(observed: Observations, charset: str, delimiter: str) -> Message | None:
    return next((answer for each in reversed(observed.exchanges)
                 if each.request.id == "99" and (answer := each.answer(charset, delimiter))), None)


def _profile(observed: Observations, known: Profile, charset: CharsetEvidence, checksum: ChecksumEvidence,
             status: Message | None) -> Profile:
    detection = ErrorDetection.STRICT if checksum.is_proven else ErrorDetection.LEARN
    if not checksum.is_explained:
        detection = ErrorDetection.WARN
    return replace(
        known,
        charset=charset.charset,
        checksum=checksum.variant,
        error_detection=detection,
        login=login_of(observed),
        institution=(status.get("AO") if status else None) or "",
        send_nb_due_date=any(not each.is_answered for each in _fair(observed, Step.TRIAL_BLANK_DATE)),
        unsupported=unanswered_ids(observed),
        omit=frozenset(f"{each.request.id}.{code}" for each in _fair(observed, Step.TRIAL_PAGES)
                       if not each.is_answered for code in ("BP", "BQ")),
        send_empty=frozenset(f"{each.request.id}.{code}" for each in observed.of(Step.TRIAL_EMPTY_FIELD)
                             if each.is_answered for code in ("AC", "AD") if each.request.get(code) == ""),
    )


def _fair(observed: Observations, step: Step) -> Sequence[Exchange]:
    """Return a trial's exchanges, where the same question without the change was answered."""
    plain = {each.request.id for each in observed.of(Step.READ) if each.is_answered}
    return [each for each in observed.of(step) if each.request.id in plain]


def _clock_skew(observed: Observations, known: Profile, charset: str) -> int | None:
    """Return by how many seconds the ACS's clock, as the newest 98 tells it, is ahead of ours."""
    for each in reversed(observed.exchanges):
        answer = each.answer(charset, known.delimiter) if each.request.id == "99" else None
        if answer is None:
            continue
        try:
            theirs = decode_date(answer.fixed["date_time_sync"], known.zone)
        except BadDate:
            return None
        return None if theirs is None else round((theirs - each.at).total_seconds())
    return None
