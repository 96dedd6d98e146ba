"""Retention in the library's journal: what was said in loans that have ended long ago, and who the readers were.

Erased are the messages' contents, the orders with the readers' cards, the tasks with the ILS's words, and sign-ins that
are over, and in old conflicts the card and the ILS's words. Hashes and log indices stay, and each loan's last state,
which names no reader. A loan is kept while its statement is open or disputed, or while something of it is on its way.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.agent.account import SETTLED, remember_beginning
from connectors.agent.conflicts import Conflicts
from connectors.agent.entry import kept_message
from connectors.agent.tables import Unit
from schemas.dialogue import Kind, rule_of
from schemas.loan import Loan
from schemas.messages import MessageType, StatementProposal

SIGNED_IN_MAX = timedelta(days=2)
"""A sign-in of that age is over: the gateway lets none go on for more than an hour."""
Window = tuple[int, int]
"""Log indices: after the first, up to the second."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """How much is erased, and how many loans that ended before are kept because something still needs them.

    ``conflicts`` are those that nobody has handled and that named a reader.
    """

    loans: int
    messages: int
    sessions: int
    kept: int
    conflicts: int = 0


def erase(unit: Unit, ended_before: datetime, now: datetime, *, dry_run: bool) -> Erasure:
    """Erase what belongs to loans that had ended before a moment, older sign-ins, and who older conflicts were about;
    or only count it."""
    ended = [loan for loan in unit.loans(unfinished=False) if _ended_before(unit, loan, ended_before)]
    settled, disputed = int(unit.fact(SETTLED, "-1")), list(_disputed(unit))
    chosen = [loan for loan in ended if not _is_needed(unit, loan, settled, disputed)]
    sessions = unit.sessions_over(min(ended_before, now - SIGNED_IN_MAX).isoformat())
    conflicts, moment = Conflicts(unit.connection), ended_before.isoformat()
    erasure = Erasure(len(chosen), sum(len(unit.messages_of(loan.conv)) for loan in chosen), len(sessions),
                      len(ended) - len(chosen), len(conflicts.naming_readers(moment)))
    if not dry_run:
        for loan in chosen:
            remember_beginning(unit, loan)
            _forget(unit, loan.conv)
        unit.connection.execute("DELETE FROM session WHERE id IN (SELECT value FROM json_each(?))",
                                (json.dumps(sessions),))
        conflicts.forget_readers(moment)
    return erasure


def _ended_before(unit: Unit, loan: Loan, moment: datetime) -> bool:
    """Whether the loan had ended by then, and has not been erased: the message that moved it last tells."""
    last = loan.last or loan.order
    if loan.outcome is None or last is None or not unit.has_envelope(last):
        return False
    return kept_message(unit, last).created < moment


def _is_needed(unit: Unit, loan: Loan, settled: int, disputed: Sequence[Window]) -> bool:
    if unit.is_under_way(loan.conv):
        return True
    indices = [index for kind, index in unit.messages_of(loan.conv) if rule_of(MessageType(kind)).kind is Kind.DURABLE]
    return any(index is None or index > settled or any(after < index <= upto for after, upto in disputed)
               for index in indices)


def _disputed(unit: Unit) -> Iterator[Window]:
    """Return the windows whose statement this library has disputed and not accepted since."""
    said = [kept_message(unit, hash_) for hash_ in unit.said_about_statements()]
    accepted = {message.body.window for message in said if message.type is MessageType.STATEMENT_ACCEPTANCE}
    for message in said:
        if message.body.window not in accepted and message.reply_to is not None:
            proposal = kept_message(unit, message.reply_to).body
            assert isinstance(proposal, StatementProposal)
            yield proposal.after_index, proposal.upto_index


def _forget(unit: Unit, conv: str) -> None:
    for statement in ("DELETE FROM sent WHERE hash IN (SELECT hash FROM message WHERE conv = ?)",
                      "UPDATE message SET envelope = x'' WHERE conv = ?",
                      "DELETE FROM slot WHERE conv = ?", "DELETE FROM task WHERE conv = ?",
                      "DELETE FROM delivery WHERE conv = ?", "DELETE FROM postponed WHERE conv = ?"):
        unit.connection.execute(statement, (conv,))
