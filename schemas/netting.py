"""Multilateral netting: what every party owes or is owed on balance, and the few payments that settle it.

Everything here is computed from journal entries alone, so each party can repeat it. No money moves: payments are
instructions for the parties' banks.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.identifiers import AgencyId, ConversationId
from schemas.ledger import Code, Entry, TransferKind


class PositionsDoNotSumToZero(ValueError):
    """Somebody's debt is nobody's claim: the positions are not those of one whole ledger."""


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment between two parties, in fen."""

    payer: AgencyId
    payee: AgencyId
    amount_fen: int


def net_positions(entries: Iterable[Entry]) -> dict[AgencyId, int]:
    """Return what each party is owed on balance (negative: owes), by agency; parties at zero are left out."""
    positions: defaultdict[AgencyId, int] = defaultdict(int)
    for entry in entries:
        transfer = entry.transfer
        if transfer.is_settled:
            positions[transfer.debit] -= transfer.amount_fen
            positions[transfer.credit] += transfer.amount_fen
    return {agency: positions[agency] for agency in sorted(positions) if positions[agency]}


def payments_for(positions: Mapping[AgencyId, int]) -> tuple[Payment, ...]:
    """Settle n positions with at most n − 1 payments, the largest first; the same positions give the same payments.

    Each payment brings at least one of its two parties to zero, and the last one both.

    Raises:
        PositionsDoNotSumToZero: before any payment is named.
    """
    if total := sum(positions.values()):
        raise PositionsDoNotSumToZero(f"the positions of {len(positions)} parties sum to {total} fen, not to zero")
    ranked = sorted(positions.items(), key=lambda party: (-abs(party[1]), party[0]))
    owing = [(agency, -fen) for agency, fen in reversed(ranked) if fen < 0]
    owed = [(agency, fen) for agency, fen in reversed(ranked) if fen > 0]
    payments = []
    while owing:
        (payer, debt), (payee, claim) = owing.pop(), owed.pop()
        amount = min(debt, claim)
        payments.append(Payment(payer, payee, amount))
        if debt > amount:
            owing.append((payer, debt - amount))
        if claim > amount:
            owed.append((payee, claim - amount))
    return tuple(payments)


def flows_by_province(entries: Iterable[Entry], province_of: Mapping[AgencyId, str]) -> dict[tuple[str, str], int]:
    """Return gross fen from the payer's to the payee's province, the clearing account looked through.

    What passes through clearing is posted and paid on under one loan and code; the payer is who was debited first.
    """
    payers: dict[tuple[ConversationId, Code], AgencyId] = {}
    flows: defaultdict[tuple[str, str], int] = defaultdict(int)
    for entry in entries:
        transfer = entry.transfer
        purpose = (transfer.conv, transfer.code)
        if transfer.kind is TransferKind.POST:
            payers[purpose] = transfer.debit
        elif transfer.kind is TransferKind.DIRECT:
            payer = payers.get(purpose, transfer.debit)
            flows[province_of.get(payer, ""), province_of.get(transfer.credit, "")] += transfer.amount_fen
    return dict(sorted(flows.items()))
