"""What the gateway answers to an own message: it has taken it over, misses some before it, or refuses it.

A refused message has had its effect here when it was signed. Where it will never have one elsewhere, staff are told by
type and loan, and the loan is marked.
"""

import logging

from connectors.agent.alarms import tell
from connectors.agent.entry import Entry, Refused, kept_message
from connectors.agent.harvest.ledger import Harvests
from connectors.agent.resends import send_again, tell_not_here
from connectors.agent.views import note_place
from schemas.identifiers import AgencyId
from schemas.messages import Accepted, AnyMessage, HarvestBatch, MessageType, Refusal, Resend, decode_message
from schemas.problems import PROBLEMS, ProblemCode
from trust.dsse import decode_envelope

log = logging.getLogger(__name__)

JOURNAL_IS_OLDER = ("this journal and the gateway do not agree on what this library has sent: was the journal restored "
                    "from a backup? Nothing is sent until 'delta-connector reset-streams' has begun new streams")
_OLDER = frozenset({ProblemCode.REPLAYED, ProblemCode.STREAM_BROKEN})
_RESENT_FOR = "sent again for"
"""Name of the fact that keeps for which message the gateway has last asked for those before it."""


def require_answer(message: AnyMessage, gateway: AgencyId, hash_: str) -> None:
    """Let only the gateway's answer to this very message pass.

    Raises:
        Refused: REPLY_MISMATCH. A Refusal of bytes that could not be read names no message, and ends nothing.
    """
    body = message.body
    if message.src != gateway or not isinstance(body, Accepted | Refusal | Resend):
        raise Refused(ProblemCode.REPLY_MISMATCH, "the gateway answered a message with something else")
    answers = message.reply_to if isinstance(body, Resend) else body.message
    ends_here = not isinstance(body, Refusal) or body.stream is not None
    if ends_here and answers != hash_:
        raise Refused(ProblemCode.REPLY_MISMATCH, "the gateway answered for another message than was sent")


def take_answer(entry: Entry, hash_: str, answer: AnyMessage) -> bool:
    """Note the gateway's answer to the first message of the outbox; return whether to go on at once."""
    body, unit = answer.body, entry.unit
    if isinstance(body, Accepted):
        unit.set_index(hash_, body.index)
        note_place(unit.connection, body)
        unit.dequeue(hash_)
        if unit.has_message(hash_) and kept_message(unit, hash_).dst == entry.office.gateway:
            unit.confirmed(hash_)  # from the gateway to itself no other confirmation comes
        return True
    envelope = unit.queued(hash_)
    if envelope is None:
        return True
    sent = decode_message(decode_envelope(envelope).payload)
    if isinstance(body, Resend):
        return _send_before(entry, hash_, sent, body)
    assert isinstance(body, Refusal)
    return _refused(entry, hash_, sent, body)


def _send_before(entry: Entry, hash_: str, sent: AnyMessage, asked: Resend) -> bool:
    """Send what the gateway misses before the message; where it asks again for the same one, not at once."""
    if not send_again(entry, sent.dst, asked):
        tell_not_here(entry, sent.dst, asked)
        return False
    is_new = entry.unit.fact(_RESENT_FOR) != hash_
    entry.unit.set_fact(_RESENT_FOR, hash_)
    return is_new


def _refused(entry: Entry, hash_: str, sent: AnyMessage, refusal: Refusal) -> bool:
    """Keep a message that may pass later; give up one that has used up its number, or has none and never will pass."""
    log.warning("the gateway refused %s %s (%s): %s", sent.type, hash_[:12], refusal.code, refusal.detail)
    if sent.src == entry.office.gateway:  # its own word, given back to it: what it makes of that is its affair
        entry.unit.dequeue(hash_)
        return True
    is_numbered = sent.stream is not None
    if refusal.stream is not None or not (is_numbered or PROBLEMS[refusal.code].may_retry):
        _give_up(entry, hash_, sent, refusal)
        return True
    is_older = is_numbered and refusal.code in _OLDER
    text = JOURNAL_IS_OLDER if is_older else f"the gateway refuses {sent.type} for now: {refusal.detail}"
    tell(entry.unit, entry.now, refusal.code, text, subject="the outbox")
    return False


def _give_up(entry: Entry, hash_: str, sent: AnyMessage, refusal: Refusal) -> None:
    entry.unit.dequeue(hash_)
    entry.unit.confirmed(hash_)
    if isinstance(sent.body, HarvestBatch):
        Harvests(entry.unit.connection).give_up((*(bib.record_id for bib in sent.body.bibs), *sent.body.deleted))
    again = "; run 'delta-connector reset-streams' again" if sent.type is MessageType.STREAM_RESET else ""
    entry.alarm(refusal.code, f"the gateway refused {sent.type} {hash_[:12]} to {sent.dst}, loan "
                              f"{sent.conv or 'none'}: {refusal.detail}{again}")
    if sent.conv and sent.stream is not None:
        entry.unit.mark_loan(sent.conv, f"{sent.type} was refused by the gateway ({refusal.code}) and holds only here: "
                                        f"compare this loan with {sent.dst}")
