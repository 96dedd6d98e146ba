"""Where a loan stands, in a reader's words: few stages in place of status, custody and outcome.

A stage never claims more than the signed messages say: a book is on its way only once its library has dispatched it.
Absent on purpose: the words themselves (``texts``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from schemas.lending import AmendmentAction, Custody
from schemas.lifecycle import LoanStatus, Outcome
from schemas.loan import Loan


class Stage(StrEnum):
    """What a reader is told."""

    SUBMITTED = "submitted"
    ASKED = "asked"
    NEXT = "next"
    CONFIRMED = "confirmed"
    FINDING = "finding"
    ON_THE_WAY = "on_the_way"
    READY = "ready"
    IN_LOCKER = "in_locker"
    WITH_READER = "with_reader"
    OVERDUE = "overdue"
    RECALLED = "recalled"
    RETURNING = "returning"
    RETURNED = "returned"
    COMPLETED = "completed"
    UNFILLED = "unfilled"
    CANCELLED = "cancelled"
    LOST = "lost"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class StageFacts:
    """``step`` is the place on the way from order to completion, ``None`` off it; ``offer`` what a reader may ask.

    ``is_out`` holds from dispatch until the reader has handed the copy back: only then is its due date of interest.
    """

    step: int | None
    offer: AmendmentAction | None = None
    is_out: bool = False


_CANCEL, _RENEW = AmendmentAction.CANCEL, AmendmentAction.RENEW
STAGES: Mapping[Stage, StageFacts] = MappingProxyType({
    Stage.SUBMITTED: StageFacts(1, _CANCEL),
    Stage.ASKED: StageFacts(1, _CANCEL),
    Stage.NEXT: StageFacts(1, _CANCEL),
    Stage.CONFIRMED: StageFacts(2, _CANCEL),
    Stage.FINDING: StageFacts(3, _CANCEL),
    Stage.ON_THE_WAY: StageFacts(4, is_out=True),
    Stage.READY: StageFacts(5, is_out=True),
    Stage.IN_LOCKER: StageFacts(5, is_out=True),
    Stage.WITH_READER: StageFacts(6, _RENEW, is_out=True),
    Stage.OVERDUE: StageFacts(6, is_out=True),
    Stage.RECALLED: StageFacts(6, is_out=True),
    Stage.RETURNING: StageFacts(7),
    Stage.RETURNED: StageFacts(7),
    Stage.COMPLETED: StageFacts(8),
    Stage.UNFILLED: StageFacts(None),
    Stage.CANCELLED: StageFacts(None),
    Stage.LOST: StageFacts(None),
    Stage.REFUSED: StageFacts(None),
})
STEPS = 8

_BY_STATUS: Mapping[LoanStatus, Stage] = MappingProxyType({
    LoanStatus.ORDERED: Stage.SUBMITTED,
    LoanStatus.RESERVED: Stage.SUBMITTED,
    LoanStatus.REQUEST_RECEIVED: Stage.ASKED,
    LoanStatus.WILL_SUPPLY: Stage.CONFIRMED,
    LoanStatus.UNFILLED: Stage.NEXT,
    LoanStatus.CANCELLED: Stage.CANCELLED,
    LoanStatus.LOAN_COMPLETED: Stage.COMPLETED,
    LoanStatus.COMPLETED_WITHOUT_RETURN: Stage.LOST,
    LoanStatus.REFUSED: Stage.REFUSED,
})
_BY_CUSTODY: Mapping[Custody, Stage] = MappingProxyType({
    Custody.SUPPLIER: Stage.RETURNED,
    Custody.IN_TRANSIT: Stage.ON_THE_WAY,
    Custody.PICKUP_POINT: Stage.READY,
    Custody.LOCKER: Stage.IN_LOCKER,
    Custody.READER: Stage.WITH_READER,
    Custody.RETURNED_AT: Stage.RETURNING,
    Custody.IN_TRANSIT_BACK: Stage.RETURNING,
})
"""Once dispatched (Loaned, Overdue, Recalled), where the copy is says more than the status."""
_WITH_READER: Mapping[LoanStatus, Stage] = MappingProxyType({
    LoanStatus.OVERDUE: Stage.OVERDUE,
    LoanStatus.RECALLED: Stage.RECALLED,
})
_BY_OUTCOME: Mapping[Outcome, Stage] = MappingProxyType({
    Outcome.COMPLETED: Stage.COMPLETED,
    Outcome.UNFILLED: Stage.UNFILLED,
    Outcome.CANCELLED: Stage.CANCELLED,
    Outcome.LOST: Stage.LOST,
    Outcome.REFUSED: Stage.REFUSED,
})


def stage_of(loan: Loan) -> Stage:
    """Return what to tell the reader of a loan."""
    if loan.outcome is not None:
        return _BY_OUTCOME[loan.outcome]
    if loan.status is LoanStatus.WILL_SUPPLY and loan.confirmed is not None:
        return Stage.FINDING
    stage = _BY_STATUS.get(loan.status) or _BY_CUSTODY[loan.custody]
    return _WITH_READER.get(loan.status, stage) if stage is Stage.WITH_READER else stage
