"""Retention: what was said in loans that have ended long ago is erased, and the evidence log stays whole.

A loan is kept while anybody may still need what was said in it: its settlement window is open, a library has not
accepted its statement (it disputes it, or has not answered), or something of it waits for a library. Pure over the
unit; the bytes leave the file with ``Store.scrub``.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from federation.ports import EndedLoan, Unit
from schemas.messages import StatementAcceptance, StatementProposal, decode_message
from schemas.statement import Window
from trust.dsse import decode_envelope


@dataclass(frozen=True, slots=True)
class Erasure:
    """How many loans and messages are erased, and how many ended loans are kept for which reason."""

    loans: int
    messages: int
    kept: Mapping[str, int]


def erase(unit: Unit, ended_before: datetime, *, dry_run: bool) -> Erasure:
    """Erase what was said in the loans that had ended before a moment, or only count it."""
    windows, unsettled = unit.accounts.windows(), _unsettled(unit)
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


def _unsettled(unit: Unit) -> frozenset[int]:
    """Return the windows whose statement some library has not accepted."""
    waiting: dict[int, set[str]] = defaultdict(set)
    accepted: dict[int, set[str]] = defaultdict(set)
    for envelope in unit.erasure.statements():
        message = decode_message(decode_envelope(envelope).payload)
        if isinstance(message.body, StatementProposal):
            waiting[message.body.window].add(message.dst)
        elif isinstance(message.body, StatementAcceptance):
            accepted[message.body.window].add(message.src)
    return frozenset(window for window, libraries in waiting.items() if libraries - accepted[window])
