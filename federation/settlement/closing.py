"""Closing a window: in one transaction, at the log's present end, with a signed statement to every library.

No money moves here: the net positions and payments are exported; the statements are proposals that each library
recomputes alone, and accepts or disputes.
"""

from dataclasses import dataclass

from federation.settlement.window import Settlement, WindowStore, close_window, settle
from schemas.directory import Role
from schemas.identifiers import AgencyId
from schemas.messages import StatementProposal
from schemas.statement import Statement
from trust.directory import TrustedDirectory


@dataclass(frozen=True, slots=True)
class Closing:
    """A window's settlement and the proposal for each library."""

    settlement: Settlement
    proposals: dict[AgencyId, StatementProposal]


def close(store: WindowStore, directory: TrustedDirectory, upto_index: int) -> Closing:
    """Close the window that ends at ``upto_index`` and return every library's statement, an empty one included."""
    window = close_window(store, upto_index)
    settlement = settle(store, window)
    proposals = {
        agency.agency: settlement.statements.get(agency.agency, Statement(agency.agency, window, ())).propose()
        for agency in directory.directory.agencies if agency.role is Role.LIBRARY
    }
    return Closing(settlement, proposals)
