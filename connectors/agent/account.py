"""The library's own account of a settlement window, recomputed alone from its journal.

The gateway proposes a statement; this library folds the same loans from the messages it sent and received, at the log
indices that the gateway has signed, and accepts only what it finds itself. It never asks the gateway for a balance.
"""

from collections.abc import Iterable, Iterator

from pydantic import TypeAdapter

from connectors.agent.journal import Journal
from connectors.agent.office import Office
from connectors.agent.tables import Unit
from schemas.identifiers import MessageHash
from schemas.ledger import Entry
from schemas.lifecycle import event_of
from schemas.loan import Loan, OutOfTurn, WrongRole, advance, open_loan
from schemas.messages import (
    AnyMessage,
    MessageType,
    StatementAcceptance,
    StatementDispute,
    StatementProposal,
    decode_message,
)
from schemas.statement import Statement, Window, disputed_lines, statement_of
from schemas.tariff import transfers_for
from trust.directory import TrustedDirectory
from trust.dsse import decode_envelope

_LOAN = TypeAdapter(Loan)
STATEMENT = "statement"
SETTLED = "settled"
"""Name of the fact that keeps the log index up to which statements were answered."""
OPENED = "opened "
"""Name of the fact that keeps where a loan began for a library that met it only at a return."""


async def answer_statement(office: Office, journal: Journal) -> bool:
    """Answer the first statement that waits, if any; not before the gateway has logged all that this library said.

    A window that leaves out what an earlier one should have held, or holds it twice, is disputed like a wrong line.
    """
    queue = await journal.run(lambda unit: unit.fact(STATEMENT) if unit.waiting() == 0 else "")
    if not queue:
        return False
    waiting, *_ = queue.split()
    proposal = await journal.run(lambda unit: _proposal(unit, waiting))
    settled = int(await journal.run(lambda unit: unit.fact(SETTLED, "-1")))
    unanswered = proposal.model_copy(update={"after_index": settled})
    own = await journal.run(lambda unit: recompute(unit, office.directory(), office.me, proposal))
    due = await journal.run(lambda unit: recompute(unit, office.directory(), office.me, unanswered))
    body: StatementAcceptance | StatementDispute
    if own.digest == proposal.digest and own.lines == due.lines:
        kind, body = MessageType.STATEMENT_ACCEPTANCE, StatementAcceptance(window=proposal.window, digest=own.digest)
    else:
        kind = MessageType.STATEMENT_DISPUTE
        body = StatementDispute(window=proposal.window, digest=proposal.digest,
                                lines=disputed_lines(due, proposal)[:200],
                                reason=f"own net {due.net_fen} fen after index {settled}, digest {own.digest[:12]}")

    def note(unit: Unit) -> None:
        unit.set_fact(STATEMENT, " ".join(unit.fact(STATEMENT).split()[1:]))
        unit.set_fact(SETTLED, str(max(settled, proposal.upto_index)))

    await office.say(kind, office.gateway, body, MessageHash(waiting), beside=note)
    return True


def recompute(unit: Unit, directory: TrustedDirectory, me: str, proposal: StatementProposal) -> Statement:
    """Return this library's statement for the proposal's window, from its own messages alone."""
    window = Window(proposal.window, proposal.after_index, proposal.upto_index)
    entries = _entries(unit, directory, unit.messages_upto(window.upto_index))
    party = next(agency.agency for agency in directory.directory.agencies if agency.agency == me)
    return statement_of(party, window, entries)


def _entries(unit: Unit, directory: TrustedDirectory, messages: Iterable[tuple[str, int, bytes]]) -> Iterator[Entry]:
    loans: dict[str, Loan] = {}
    clearing = directory.directory.gateway.agency
    for text, index, envelope in messages:
        message, hash_ = decode_message(decode_envelope(envelope).payload), MessageHash(text)
        assert message.conv is not None
        try:
            before = _before(unit, loans.get(message.conv), message, hash_)
            after = before if before.order == hash_ else advance(before, message, hash_)
        except (OutOfTurn, WrongRole):
            continue  # it moved nothing when it came in either; an order that the hub made up shows in the digest
        loans[message.conv] = after
        for transfer in transfers_for(before, after, message, hash_, event_of(message), directory.tariff, clearing):
            yield Entry(index, transfer)


def _before(unit: Unit, known: Loan | None, message: AnyMessage, hash_: MessageHash) -> Loan:
    """Return the loan that a message moves; a copy that was handed in here begins it anew, whatever came before."""
    state = unit.fact(f"{OPENED}{message.conv}")
    begun = _LOAN.validate_json(state) if state else None
    if begun is not None and message.reply_to == begun.last:
        return begun
    return known or open_loan(message, hash_)


def _proposal(unit: Unit, hash_: str) -> StatementProposal:
    body = decode_message(decode_envelope(unit.envelope(hash_)).payload).body
    assert isinstance(body, StatementProposal)
    return body


def remember_beginning(unit: Unit, loan: Loan) -> None:
    """Keep where a loan began for this library, so that its statement can be recomputed."""
    unit.set_fact(OPENED + loan.conv, _LOAN.dump_json(loan).decode())
