"""One scan, one next step: by where the copy is said to be and who scans it."""

from itertools import product

import pytest

from connectors.agent.custody import STEPS, NothingToDo, Scan, Step, effects_of, is_over_for, next_step
from connectors.agent.effects import Do, Say, Verb
from schemas.identifiers import AgencyId
from schemas.lending import Action, Condition, Custody, CustodyReceipt, RequestingAgencyMessage
from schemas.lifecycle import LoanStatus
from schemas.loan import Loan
from schemas.messages import MessageType
from tests.alliance import BARCODES, FIRST, HOME, NOW, PICKUP, THIRD, a_hash, point

C, S = Custody, LoanStatus
SCAN = Scan(BARCODES[FIRST], Condition.GOOD, "总服务台", NOW)


def loan(custody: Custody, status: LoanStatus = S.LOANED, holder: AgencyId | None = None,
         pickup: AgencyId = PICKUP, confirmed: bool = True) -> Loan:
    return Loan("loan-0001", HOME, point(pickup), status=status, custody=custody, holder=holder, supplier=FIRST,
                barcode=BARCODES[FIRST], confirmed=a_hash("confirmed") if confirmed else None, last=a_hash("last"))


LENT: list[tuple[Custody, AgencyId | None, dict[AgencyId, Step]]] = [
    (C.IN_TRANSIT, FIRST, {PICKUP: Step.ARRIVED}),
    (C.PICKUP_POINT, PICKUP, {PICKUP: Step.HAND_OVER, FIRST: Step.COME_HOME}),
    (C.LOCKER, PICKUP, {PICKUP: Step.TAKE_OUT, FIRST: Step.COME_HOME}),
    (C.READER, PICKUP, {HOME: Step.TAKE_BACK, PICKUP: Step.TAKE_BACK, THIRD: Step.TAKE_BACK, FIRST: Step.COME_HOME}),
    (C.RETURNED_AT, THIRD, {THIRD: Step.SEND_BACK, FIRST: Step.COME_HOME}),
    (C.IN_TRANSIT_BACK, THIRD, {FIRST: Step.COME_HOME}),
    (C.SUPPLIER, FIRST, {}),
]


def test_the_table_has_a_row_for_every_custody() -> None:
    assert {custody for custody, _, _ in LENT} == set(Custody)


@pytest.mark.parametrize(("custody", "holder", "me"), [
    (custody, holder, me) for (custody, holder, _), me in product(LENT, (HOME, PICKUP, FIRST, THIRD))])
def test_the_next_step_of_a_lent_copy(custody: Custody, holder: AgencyId | None, me: AgencyId) -> None:
    expected = next(row for at, by, row in LENT if (at, by) == (custody, holder)).get(me)
    if expected is None:
        with pytest.raises(NothingToDo, match=f"loan-0001 is Loaned, the copy is with {custody}"):
            next_step(loan(custody, holder=holder), me)
    else:
        assert next_step(loan(custody, holder=holder), me) is expected


@pytest.mark.parametrize(("status", "confirmed", "me", "may"), [
    (S.WILL_SUPPLY, True, FIRST, True),
    (S.WILL_SUPPLY, False, FIRST, False),
    (S.WILL_SUPPLY, True, HOME, False),
    (S.REQUEST_RECEIVED, False, FIRST, False),
    (S.UNFILLED, False, FIRST, False),
    (S.CANCELLED, True, FIRST, False),
    (S.LOAN_COMPLETED, True, FIRST, False),
])
def test_a_copy_is_sent_by_its_library_once_that_is_confirmed(status: LoanStatus, confirmed: bool, me: AgencyId,
                                                              may: bool) -> None:
    here = loan(C.SUPPLIER, status, confirmed=confirmed)
    assert STEPS[Step.DISPATCH](here, me) is may


def test_a_dispatch_is_the_ils_s_work_first() -> None:
    assert effects_of(Step.DISPATCH, loan(C.SUPPLIER, S.WILL_SUPPLY), SCAN, FIRST) == (
        Do(Verb.CHECK_OUT, argument={"barcode": BARCODES[FIRST]}),)


@pytest.mark.parametrize(("step", "custody", "me", "holder", "dst"), [
    (Step.ARRIVED, C.IN_TRANSIT, PICKUP, C.PICKUP_POINT, FIRST),
    (Step.LOAD, C.IN_TRANSIT, PICKUP, C.LOCKER, FIRST),
    (Step.LOAD, C.PICKUP_POINT, PICKUP, C.LOCKER, FIRST),
    (Step.TAKE_OUT, C.LOCKER, PICKUP, C.PICKUP_POINT, FIRST),
    (Step.HAND_OVER, C.PICKUP_POINT, PICKUP, C.READER, FIRST),
    (Step.HAND_OVER, C.LOCKER, PICKUP, C.READER, FIRST),
    (Step.TAKE_BACK, C.READER, THIRD, C.RETURNED_AT, FIRST),
    (Step.COME_HOME, C.IN_TRANSIT_BACK, FIRST, C.SUPPLIER, HOME),
])
def test_whoever_takes_the_copy_over_signs_for_it_to_whom_it_belongs(step: Step, custody: Custody, me: AgencyId,
                                                                     holder: Custody, dst: AgencyId) -> None:
    receipt, *_ = effects_of(step, loan(custody), SCAN, me)
    assert isinstance(receipt, Say)
    assert (receipt.kind, receipt.dst, receipt.reply_to) == (MessageType.CUSTODY_RECEIPT, dst, a_hash("last"))
    assert receipt.body == CustodyReceipt(barcode=BARCODES[FIRST], holder=holder, place="总服务台", happened_at=NOW)


def test_what_was_damaged_on_its_way_is_signed_for_as_damaged() -> None:
    damaged = Scan(BARCODES[FIRST], Condition.DAMAGED, "总服务台", NOW)
    receipt, *_ = effects_of(Step.ARRIVED, loan(C.IN_TRANSIT), damaged, PICKUP)
    assert receipt.body.condition is Condition.DAMAGED


def test_an_arrival_is_also_told_as_received_and_a_return_as_shipped() -> None:
    _, received = effects_of(Step.ARRIVED, loan(C.IN_TRANSIT), SCAN, PICKUP)
    (shipped,) = effects_of(Step.SEND_BACK, loan(C.RETURNED_AT, holder=THIRD), SCAN, THIRD)
    assert [effect.body for effect in (received, shipped)] == [
        RequestingAgencyMessage(action=Action.RECEIVED), RequestingAgencyMessage(action=Action.SHIPPED_RETURN)]


@pytest.mark.parametrize(("step", "custody", "told"), [
    (Step.ARRIVED, C.IN_TRANSIT, True), (Step.LOAD, C.IN_TRANSIT, True), (Step.LOAD, C.PICKUP_POINT, False),
    (Step.TAKE_OUT, C.LOCKER, False)])
def test_a_copy_is_received_once_be_it_straight_into_a_locker(step: Step, custody: Custody, told: bool) -> None:
    effects = effects_of(step, loan(custody, holder=PICKUP), SCAN, PICKUP)
    assert [effect.kind is MessageType.REQUESTING_AGENCY_MESSAGE for effect in effects] == [False, True][: 1 + told]


@pytest.mark.parametrize(("custody", "holder", "me", "may"), [
    (C.IN_TRANSIT, FIRST, PICKUP, True), (C.IN_TRANSIT, FIRST, HOME, False),
    (C.PICKUP_POINT, PICKUP, PICKUP, True), (C.PICKUP_POINT, PICKUP, HOME, False),
    (C.LOCKER, PICKUP, PICKUP, False), (C.READER, PICKUP, PICKUP, False), (C.RETURNED_AT, PICKUP, PICKUP, False)])
def test_a_locker_is_loaded_by_name_with_what_comes_to_its_library(custody: Custody, holder: AgencyId, me: AgencyId,
                                                                    may: bool) -> None:
    assert STEPS[Step.LOAD](loan(custody, holder=holder), me) is may


@pytest.mark.parametrize(("custody", "first"), [(C.PICKUP_POINT, Step.HAND_OVER), (C.LOCKER, Step.TAKE_OUT)])
def test_an_uncollected_copy_at_its_own_library_s_pickup_point_comes_home_by_name(custody: Custody,
                                                                                  first: Step) -> None:
    here = loan(custody, holder=FIRST, pickup=FIRST)
    assert next_step(here, FIRST) is first
    assert next_step(here, FIRST, Step.COME_HOME) is Step.COME_HOME
    with pytest.raises(NothingToDo):
        next_step(here, FIRST, Step.SEND_BACK)


def test_a_supplier_that_runs_the_pickup_point_tells_the_home_library_and_not_itself() -> None:
    here = loan(C.IN_TRANSIT, pickup=FIRST)
    effects = effects_of(next_step(here, FIRST), here, SCAN, FIRST)
    assert [(effect.kind, effect.dst) for effect in effects] == [(MessageType.CUSTODY_RECEIPT, HOME)]


@pytest.mark.parametrize(("me", "status", "custody", "over"), [
    (HOME, S.UNFILLED, C.SUPPLIER, False),
    (FIRST, S.UNFILLED, C.SUPPLIER, True),
    (FIRST, S.CANCELLED, C.SUPPLIER, True),
    (FIRST, S.LOANED, C.READER, False),
    (PICKUP, S.WILL_SUPPLY, C.SUPPLIER, False),
    (THIRD, S.LOANED, C.IN_TRANSIT_BACK, False),
    (THIRD, S.LOANED, C.SUPPLIER, True),
])
def test_a_librarys_part_may_end_before_the_loan_does(me, status, custody, over):
    assert is_over_for(loan(custody, status), me) is over


@pytest.mark.parametrize(("custody", "first"), [(C.PICKUP_POINT, Step.HAND_OVER), (C.LOCKER, Step.TAKE_OUT)])
def test_an_uncollected_copy_goes_back_when_staff_say_so(custody: Custody, first: Step) -> None:
    waiting = loan(custody, holder=PICKUP)
    assert next_step(waiting, PICKUP) is first
    assert next_step(waiting, PICKUP, Step.SEND_BACK) is Step.SEND_BACK
    with pytest.raises(NothingToDo):
        next_step(waiting, HOME, Step.SEND_BACK)
