"""Retention: what was said in loans that have ended long ago is erased, and the evidence log stays whole.

A loan is kept while anybody may still need what was said in it: its settlement window is open, a library disputes its
statement or may still answer it, or something of it waits for a library. A library that is silent, or has left, holds
it up no longer than the policies say. Pure over the unit; the bytes leave the file with ``Store.scrub``.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from federation.erasing import EndedLoan
from federation.ports import Unit
from schemas.identifiers import AgencyId
from schemas.messages import AnyMessage, MessageType, StatementProposal, decode_message
from schemas.statement import Window
from trust.directory import TrustedDirectory
from trust.dsse import decode_envelope


@dataclass(frozen=True, slots=True)
class Erasure:
    """How many loans and messages are erased, and how many ended loans are kept for which reason."""

    loans: int
    messages: int
    kept: Mapping[str, int]


def erase(unit: Unit, ended_before: datetime, directory: TrustedDirectory, now: datetime, *, dry_run: bool) -> Erasure:
    """Erase what was said in the loans that had ended before a moment, or only count it."""
    said = [decode_message(decode_envelope(envelope).payload) for envelope in unit.erasure.statements()]
    members = {library.agency for library in directory.directory.libraries()}
    silent_since = now - timedelta(days=directory.policies.dispute_days)
    windows, unsettled = unit.accounts.windows(), _unsettled(said, members, silent_since)
    closed_upto = windows[-1].upto_index if windows else -1
    kept: Counter[str] = Counter()
    chosen: list[EndedLoan] = []
    for loan in unit.erasure.ended_before(ended_before.isoformat()):
        if reason := _needed(loan, closed_upto, [window for window in windows if window.number in unsettled]):
            kept[reason] += 1
        else:
            chosen.append(loan)
    if not dry_run:
        unit.erasure.erase([loan.conv for loan in chosen])
    return Erasure(len(chosen), sum(loan.messages for loan in chosen), dict(kept))


def _needed(loan: EndedLoan, closed_upto: int, unsettled: Sequence[Window]) -> str | None:
    if loan.waits:
        return "undelivered"
    if loan.last_index > closed_upto:
        return "open_window"
    if any(loan.first_index <= window.upto_index and window.after_index < loan.last_index for window in unsettled):
        return "statement_not_accepted"
    return None


def _unsettled(said: Sequence[AnyMessage], members: Iterable[AgencyId], silent_since: datetime) -> frozenset[int]:
    """Return the windows whose statement a library may still accept, or disputes."""
    accepted = _answers(said, MessageType.STATEMENT_ACCEPTANCE)
    disputed = {answer for answer in _answers(said, MessageType.STATEMENT_DISPUTE) if answer[1] in members}
    proposed = [message for message in said if isinstance(message.body, StatementProposal)]
    return frozenset(
        message.body.window for message in proposed if (message.body.window, message.dst) not in accepted
        and (message.created > silent_since or (message.body.window, message.dst) in disputed))


def _answers(said: Sequence[AnyMessage], kind: MessageType) -> set[tuple[int, AgencyId]]:
    return {(message.body.window, message.src) for message in said if message.type is kind}
