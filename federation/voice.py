"""What the gateway signs, and how: every message that leaves in its name is made here.

Absent on purpose: when it says what (``federation.road``), and its own numbered messages' places in their streams.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.envelope import CONTROL_DAYS, StreamPosition
from schemas.identifiers import AgencyId, MessageHash, Wire
from schemas.messages import AnyMessage, Message, MessageType, Refusal, Resend
from schemas.problems import ProblemCode
from trust.directory import TrustedDirectory
from trust.dsse import encode_envelope
from trust.envelope import Sealed, seal
from trust.errors import TrustError
from trust.keys import SigningKey
from trust.own_keys import Signer

QUESTION_LIFE = timedelta(minutes=2)
CONTROL_LIFE = timedelta(days=CONTROL_DAYS)
BUSINESS_DAYS = timedelta(days=60)
"""``expires`` of a durable message: a business date, because it may wait out an outage."""
_NOTHING = MessageHash("0" * 64)


class NotAccepted(Exception):
    """A message that broke the protocol; it becomes a signed Refusal to both ends."""

    def __init__(self, code: ProblemCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True)
class Voice:
    """The gateway's name and keys. ``directory`` is asked at every message, so that a new version counts at once."""

    me: AgencyId
    signer: Signer
    directory: Callable[[], TrustedDirectory]

    def key(self, now: datetime) -> SigningKey:
        """Return the key that signs now; raise ``NoKeyInUse`` where none may."""
        return self.signer.key(self.directory(), now)

    def sign(self, kind: MessageType, dst: AgencyId, now: datetime, life: timedelta, body: Wire, **header: Any
             ) -> Sealed:
        """Return a message of the gateway's own."""
        return seal(Message[Any](type=kind, src=self.me, dst=dst, created=now, expires=now + life,
                                 dir=self.directory().reference, body=body, **header), self.key(now))

    def refuse_bytes(self, error: TrustError | NotAccepted, now: datetime) -> bytes:
        """Refuse what is not even a verified message; nothing of it is kept."""
        body = Refusal(message=_NOTHING, code=error.code, detail=str(error))
        return self.sign(MessageType.REFUSAL, self.me, now, CONTROL_LIFE, body).envelope

    def refuse(self, message: AnyMessage, hash_: MessageHash, refused: NotAccepted, now: datetime,
               used_up: StreamPosition | None) -> Sealed:
        """Refuse a message; where it has used up a number, to both its ends."""
        body = Refusal(message=hash_, code=refused.code, detail=str(refused)[:500], stream=used_up)
        copies = (message.dst,) if used_up is not None and message.dst != self.me else ()
        return self.sign(MessageType.REFUSAL, message.src, now, CONTROL_LIFE, body, copies=copies, reply_to=hash_,
                         conv=message.conv)

    def ask_again(self, message: AnyMessage, hash_: MessageHash, missing: Resend, now: datetime) -> bytes:
        """Answer a message that came too early: its sender is to send the missing ones first, and then this one."""
        return self.sign(MessageType.RESEND, message.src, now, CONTROL_LIFE, missing, reply_to=hash_).envelope

    def accept(self, message: AnyMessage, hash_: MessageHash, index: int, now: datetime) -> bytes:
        """Return the Accepted of a message at its place in the log.

        Written as text: it is signed for every message that passes, and a model would take as long as all checks.
        Nothing in it needs an escape (``schemas.identifiers``); a test holds it against the model.
        """
        dst = message.dst if message.src == self.me else message.src
        copies = ",".join(f'"{a}"' for a in (message.dst, *message.copies) if a not in (self.me, dst))
        conv = f'"conv":"{message.conv}",' if message.conv else ""
        version, directory = self.directory().reference
        created = _spelt(now)
        payload = (
            f'{{"v":1,"type":"Accepted","src":"{self.me}","dst":"{dst}","copies":[{copies}],{conv}"reply_to":"{hash_}",'
            f'"created":"{created}","expires":"{_spelt(now + CONTROL_LIFE)}","dir":[{version},"{directory}"],'
            f'"body":{{"message":"{hash_}","index":{index},"arrived":"{created}"}}}}')
        return encode_envelope(payload.encode(), self.key(now))[1]


def _spelt(moment: datetime) -> str:
    """Return a moment as ``schemas.identifiers.Timestamp`` writes it."""
    return moment.replace(tzinfo=None).isoformat() + "Z"
