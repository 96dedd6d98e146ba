"""What the gateway answers when a library has spoken to it. Rules only: replies go out by ``federation.gateway``."""

from dataclasses import dataclass

from federation.ports import Unit
from schemas.identifiers import AgencyId, MessageHash, Wire
from schemas.lending import ReservationAsked, ReservationGranted, ReservationRefused
from schemas.loan import Loan
from schemas.messages import AnyMessage, MessageType
from trust.directory import TrustedDirectory


@dataclass(frozen=True, slots=True)
class Reply:
    """Something the gateway says because of a message."""

    kind: MessageType
    dst: AgencyId
    body: Wire
    reply_to: MessageHash | None


def react(unit: Unit, directory: TrustedDirectory, message: AnyMessage, hash_: MessageHash,
          loan: Loan | None) -> tuple[Reply, ...]:
    """Return the gateway's answers to a message that has been recorded."""
    if isinstance(message.body, ReservationAsked) and loan is not None and loan.quote is not None:
        return (_reservation(unit, directory, loan, message.src, hash_),)
    return ()


def _reservation(unit: Unit, directory: TrustedDirectory, loan: Loan, home: AgencyId, asked: MessageHash) -> Reply:
    """Grant what the home library's net debit cap still allows."""
    assert loan.quote is not None
    total = loan.quote.total_fen
    available = unit.ledger.available(home, directory.directory.by_id[home].net_debit_cap_fen)
    if available >= total:
        return Reply(MessageType.RESERVATION_GRANTED, home, ReservationGranted(total_fen=total), asked)
    return Reply(MessageType.RESERVATION_REFUSED, home,
                 ReservationRefused(total_fen=total, available_fen=available), asked)
