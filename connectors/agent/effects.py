"""What a rule wants done: say something on the wire, or do something in the ILS.

Rules return effects and touch nothing; the office turns them into signed messages and journalled tasks inside the
transaction in which the rule ran.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from schemas.identifiers import AgencyId, MessageHash, Wire
from schemas.messages import MessageType


class Verb(StrEnum):
    """What the worker can do in the ILS. ``WRITES`` are journalled before they are sent."""

    CHECK_PATRON = "check patron"
    PLACE_HOLD = "place hold"
    CANCEL_HOLD = "cancel hold"
    CHECK_OUT = "check out"
    RENEW = "renew"
    CHECK_IN = "check in"


WRITES = frozenset(Verb) - {Verb.CHECK_PATRON}


@dataclass(frozen=True, slots=True)
class Say:
    """Sign and send a durable message about the loan at hand."""

    kind: MessageType
    dst: AgencyId
    body: Wire
    reply_to: MessageHash | None = None


@dataclass(frozen=True, slots=True)
class Do:
    """Have the ILS do something; ``why`` is carried to the rule that handles the result."""

    verb: Verb
    why: str = ""
    argument: Mapping[str, str] = field(default_factory=dict)


Effect = Say | Do
