"""One scan, one next step: what staff do when a copy lies on their desk.

The step follows from where the copy is said to be and which library scans it; the table is ``STEPS``. A reader's
presence cannot be read off a barcode, so handing over to the reader is asked for by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from connectors.agent.effects import Do, Effect, Say, Verb
from schemas.identifiers import AgencyId
from schemas.lending import Action, Condition, Custody, CustodyReceipt, RequestingAgencyMessage
from schemas.lifecycle import LoanStatus
from schemas.loan import Loan
from schemas.messages import MessageType

HOLD_DAYS = 3
"""How long a locker keeps a copy where its settings say nothing else; after it the copy is to be taken out."""


class Step(StrEnum):
    """What a scan does."""

    DISPATCH = "dispatch"
    ARRIVED = "arrived"
    LOAD = "load locker"
    TAKE_OUT = "take out"
    HAND_OVER = "hand over"
    TAKE_BACK = "take back"
    SEND_BACK = "send back"
    COME_HOME = "come home"


class NothingToDo(ValueError):
    """The scan fits no loan in a state that this library can move on."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A copy on the desk, as staff saw it. ``hold_days`` is how long a locker keeps what is loaded into it."""

    barcode: str
    condition: Condition
    place: str
    at: datetime
    hold_days: int = HOLD_DAYS


def next_step(loan: Loan, me: AgencyId, only: Step | None = None) -> Step:
    """Return what this library does with the copy now; ``only`` is the step that staff have chosen.

    Raises:
        NothingToDo: with the loan's state, for staff.
    """
    for step, applies in STEPS.items():
        if only in (None, step) and applies(loan, me):
            return step
    raise NothingToDo(f"loan {loan.conv} is {loan.status}, the copy is with {loan.custody}: nothing for this library "
                      "to do with it now")


def is_over_for(loan: Loan, me: AgencyId) -> bool:
    """Whether this library's part has ended, also where the loan goes on elsewhere: it never hears how."""
    if loan.outcome is not None or me == loan.home:
        return loan.outcome is not None
    if me == loan.supplier:
        return loan.status in (LoanStatus.UNFILLED, LoanStatus.CANCELLED)
    return me != loan.pickup.agency and loan.custody is Custody.SUPPLIER


def effects_of(step: Step, loan: Loan, scan: Scan, me: AgencyId) -> tuple[Effect, ...]:
    """Return what the step says on the wire and does in the ILS. A supplier's own receipt goes to the home library."""
    assert loan.supplier is not None
    if step is Step.DISPATCH:
        return (Do(Verb.CHECK_OUT, argument={"barcode": scan.barcode}),)
    if step is Step.SEND_BACK:
        return (_tell(loan, Action.SHIPPED_RETURN),)
    body = CustodyReceipt.model_validate({"barcode": scan.barcode, "holder": _TAKES[step], "place": scan.place,
                                          "condition": scan.condition, "happened_at": scan.at})
    if me == loan.supplier:
        return (Say(MessageType.CUSTODY_RECEIPT, loan.home, body, loan.last),)
    receipt = Say(MessageType.CUSTODY_RECEIPT, loan.supplier, body, loan.last)
    return (receipt, _tell(loan, Action.RECEIVED)) if loan.custody is Custody.IN_TRANSIT else (receipt,)


def _tell(loan: Loan, action: Action) -> Say:
    assert loan.supplier is not None
    return Say(MessageType.REQUESTING_AGENCY_MESSAGE, loan.supplier, RequestingAgencyMessage(action=action), loan.last)


_WAITS = (Custody.PICKUP_POINT, Custody.LOCKER)
_TAKES = {
    Step.ARRIVED: Custody.PICKUP_POINT,
    Step.LOAD: Custody.LOCKER,
    Step.TAKE_OUT: Custody.PICKUP_POINT,
    Step.HAND_OVER: Custody.READER,
    Step.TAKE_BACK: Custody.RETURNED_AT,
    Step.COME_HOME: Custody.SUPPLIER,
}

STEPS: Mapping[Step, Callable[[Loan, AgencyId], bool]] = MappingProxyType({
    Step.DISPATCH: lambda loan, me: loan.status is LoanStatus.WILL_SUPPLY and loan.confirmed is not None
    and me == loan.supplier,
    Step.ARRIVED: lambda loan, me: loan.custody is Custody.IN_TRANSIT and me == loan.pickup.agency,
    Step.TAKE_OUT: lambda loan, me: loan.custody is Custody.LOCKER and me == loan.holder,
    Step.HAND_OVER: lambda loan, me: loan.custody in _WAITS and me == loan.holder,
    Step.COME_HOME: lambda loan, me: me == loan.supplier
    and loan.custody in (Custody.READER, Custody.IN_TRANSIT_BACK, Custody.RETURNED_AT, *_WAITS),
    Step.TAKE_BACK: lambda loan, me: loan.custody is Custody.READER and me != loan.supplier,
    Step.SEND_BACK: lambda loan, me: loan.custody in (Custody.RETURNED_AT, *_WAITS) and me == loan.holder
    and me != loan.supplier,
    Step.LOAD: lambda loan, me: (loan.custody is Custody.IN_TRANSIT and me == loan.pickup.agency)
    or (loan.custody is Custody.PICKUP_POINT and me == loan.holder),
})
"""In this order: a copy on the desk is out of its locker, and one that waits is handed over. What else may be done with
it is done by name: staff send an uncollected copy back, take back one of their own library's, and load a locker; a
locker itself hands over. What comes home is at hand, whatever the news of it says."""
