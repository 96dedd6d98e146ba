"""Who may say what to whom: the protocol in one table.

For each message type: its kind, the stream it is numbered in, the role its sender and receiver play in the loan,
whether the gateway relays it from library to library, what it may answer, by when its receiver has to confirm it, and
whether it commits the receiver to something new.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from schemas.messages import MessageType


class Kind(StrEnum):
    """How a message travels.

    Questions are never stored, resent, logged or numbered. Durable messages are numbered, logged and confirmed.
    Control messages speak about other messages and are never themselves confirmed.
    """

    QUESTION = "question"
    DURABLE = "durable"
    CONTROL = "control"


class Part(StrEnum):
    """The part an agency plays in one loan, or in the alliance where there is no loan."""

    GATEWAY = "gateway"
    LIBRARY = "library"
    HOME = "home"
    SUPPLYING = "supplying"
    REQUESTING = "home, pickup or returned-at"
    TAKING = "whoever takes the copy"
    RELYING = "supplying, or home where the supplier takes its own copy back"
    ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    ``answers`` names the types its ``reply_to`` may point at (empty: none is needed). A sender alarms where
    ``confirm_within`` has passed without its receiver's Confirmation. What ``commits`` its receiver to a new loan
    waits while nobody vouches for the directory; what winds a loan up goes on.
    """

    kind: Kind
    src: Part
    dst: Part
    channel: str = ""
    answers: tuple[MessageType, ...] = ()
    confirm_within: timedelta = timedelta(0)
    commits: bool = False

    @property
    def relayed(self) -> bool:
        """Whether the gateway passes the same bytes on to another library."""
        return self.kind is Kind.DURABLE and Part.GATEWAY not in (self.src, self.dst)


_M, _P = MessageType, Part
_IN_A_LOAN = (_M.REQUEST, _M.SUPPLYING_AGENCY_MESSAGE, _M.REQUESTING_AGENCY_MESSAGE, _M.CUSTODY_RECEIPT)


def _question(src: Part, dst: Part, *answers: MessageType) -> Rule:
    return Rule(Kind.QUESTION, src, dst, answers=answers)


_CONFIRM_WITHIN = {"loan": timedelta(hours=48), "money": timedelta(hours=72), "catalogue": timedelta(hours=72)}
"""A connector may be down for a day and nothing is wrong; after these times somebody should look."""


def _durable(channel: str, src: Part, dst: Part, *answers: MessageType) -> Rule:
    return Rule(Kind.DURABLE, src, dst, channel, answers, _CONFIRM_WITHIN[channel])


def _commitment(src: Part, dst: Part, *answers: MessageType) -> Rule:
    """A reader waits for it, and its receiver promises something new: confirmed sooner, and never on a stale word."""
    return Rule(Kind.DURABLE, src, dst, "loan", answers, timedelta(hours=24), commits=True)


def _control(src: Part) -> Rule:
    return Rule(Kind.CONTROL, src, Part.ANYONE)


DIALOGUE: Mapping[MessageType, Rule] = {
    _M.HELLO: _question(_P.LIBRARY, _P.GATEWAY),
    _M.AVAILABILITY_QUESTION: _question(_P.GATEWAY, _P.LIBRARY),
    _M.AVAILABILITY_ANSWER: _question(_P.LIBRARY, _P.GATEWAY, _M.AVAILABILITY_QUESTION),
    _M.CHALLENGE_QUESTION: _question(_P.GATEWAY, _P.LIBRARY),
    _M.CHALLENGE_ANSWER: _question(_P.LIBRARY, _P.GATEWAY, _M.CHALLENGE_QUESTION),
    _M.SIGN_IN_QUESTION: _question(_P.GATEWAY, _P.LIBRARY),
    _M.SIGN_IN_ANSWER: _question(_P.LIBRARY, _P.GATEWAY, _M.SIGN_IN_QUESTION),
    _M.LOAN_QUESTION: _question(_P.LIBRARY, _P.GATEWAY),
    _M.LOAN_ANSWER: _question(_P.GATEWAY, _P.LIBRARY, _M.LOAN_QUESTION),
    _M.CATALOGUE_QUESTION: _question(_P.LIBRARY, _P.GATEWAY),
    _M.CATALOGUE_ANSWER: _question(_P.GATEWAY, _P.LIBRARY, _M.CATALOGUE_QUESTION),
    _M.INDEX_QUESTION: _question(_P.LIBRARY, _P.GATEWAY),
    _M.INDEX_ANSWER: _question(_P.GATEWAY, _P.LIBRARY, _M.INDEX_QUESTION),
    _M.LIVE_QUESTION: _question(_P.GATEWAY, _P.LIBRARY),
    _M.LIVE_ANSWER: _question(_P.LIBRARY, _P.GATEWAY, _M.LIVE_QUESTION),
    _M.ORDER: _commitment(_P.GATEWAY, _P.HOME),
    _M.ORDER_AMENDMENT: _durable("loan", _P.GATEWAY, _P.HOME),
    _M.ORDER_REFUSED: _durable("loan", _P.HOME, _P.GATEWAY, _M.ORDER),
    _M.RESERVATION_ASKED: _durable("loan", _P.HOME, _P.GATEWAY, _M.ORDER),
    _M.RESERVATION_GRANTED: _durable("loan", _P.GATEWAY, _P.HOME, _M.RESERVATION_ASKED),
    _M.RESERVATION_REFUSED: _durable("loan", _P.GATEWAY, _P.HOME, _M.RESERVATION_ASKED),
    _M.RESERVATION_RELEASED: _durable("loan", _P.HOME, _P.GATEWAY, _M.ORDER, *_IN_A_LOAN),
    _M.REQUEST: _commitment(_P.HOME, _P.SUPPLYING, _M.ORDER),
    _M.SUPPLYING_AGENCY_MESSAGE: _durable("loan", _P.SUPPLYING, _P.HOME, *_IN_A_LOAN),
    _M.REQUESTING_AGENCY_MESSAGE: _durable("loan", _P.REQUESTING, _P.SUPPLYING, *_IN_A_LOAN),
    _M.CUSTODY_RECEIPT: _durable("loan", _P.TAKING, _P.RELYING, *_IN_A_LOAN),
    _M.STATEMENT_PROPOSAL: _durable("money", _P.GATEWAY, _P.LIBRARY),
    _M.STATEMENT_ACCEPTANCE: _durable("money", _P.LIBRARY, _P.GATEWAY, _M.STATEMENT_PROPOSAL),
    _M.STATEMENT_DISPUTE: _durable("money", _P.LIBRARY, _P.GATEWAY, _M.STATEMENT_PROPOSAL),
    _M.HARVEST_BATCH: _durable("catalogue", _P.LIBRARY, _P.GATEWAY),
    _M.ACCEPTED: _control(_P.GATEWAY),
    _M.CONFIRMATION: _control(_P.ANYONE),
    _M.REFUSAL: _control(_P.ANYONE),
    _M.RESEND: _control(_P.ANYONE),
    _M.STREAM_RESET: _control(_P.ANYONE),
    _M.RESTORED: Rule(Kind.CONTROL, _P.GATEWAY, _P.LIBRARY),
}


def rule_of(kind: MessageType) -> Rule:
    """Return the row of a message type; every type has one."""
    return DIALOGUE[kind]
