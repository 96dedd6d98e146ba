from itertools import product

import pytest

from federation.web.stages import STAGES, STEPS, Stage, stage_of
from schemas.lending import AmendmentAction, Custody, PickupPoint
from schemas.lifecycle import LoanStatus, Outcome
from schemas.loan import Loan
from tests.trust.samples import HANGZHOU, LOAN, SOME_HASH, YANGPU

S, C, O = LoanStatus, Custody, Outcome  # noqa: E741


def loan(status=S.ORDERED, custody=C.SUPPLIER, outcome=None, **fields):
    return Loan(LOAN, YANGPU, PickupPoint(agency=HANGZHOU, point="总服务台"), status=status, custody=custody,
                outcome=outcome, **fields)


@pytest.mark.parametrize(("status", "custody", "outcome", "stage"), [
    # on the way from order to completion
    (S.ORDERED, C.SUPPLIER, None, "submitted"),
    (S.RESERVED, C.SUPPLIER, None, "submitted"),
    (S.REQUEST_RECEIVED, C.SUPPLIER, None, "asked"),
    (S.UNFILLED, C.SUPPLIER, None, "next"),
    (S.WILL_SUPPLY, C.SUPPLIER, None, "confirmed"),
    (S.LOANED, C.IN_TRANSIT, None, "on_the_way"),
    (S.LOANED, C.PICKUP_POINT, None, "ready"),
    (S.OVERDUE, C.PICKUP_POINT, None, "ready"),
    (S.LOANED, C.LOCKER, None, "in_locker"),
    (S.LOANED, C.READER, None, "with_reader"),
    (S.OVERDUE, C.READER, None, "overdue"),
    (S.RECALLED, C.READER, None, "recalled"),
    (S.LOANED, C.RETURNED_AT, None, "returning"),
    (S.OVERDUE, C.IN_TRANSIT_BACK, None, "returning"),
    (S.LOANED, C.SUPPLIER, None, "returned"),
    (S.LOAN_COMPLETED, C.SUPPLIER, O.COMPLETED, "completed"),
    # off it
    (S.UNFILLED, C.SUPPLIER, O.UNFILLED, "unfilled"),
    (S.CANCELLED, C.SUPPLIER, None, "cancelled"),
    (S.CANCELLED, C.SUPPLIER, O.CANCELLED, "cancelled"),
    (S.COMPLETED_WITHOUT_RETURN, C.READER, O.LOST, "lost"),
    (S.REFUSED, C.SUPPLIER, O.REFUSED, "refused"),
])
def test_a_reader_is_told_where_the_loan_stands(status, custody, outcome, stage):
    assert stage_of(loan(status, custody, outcome)) == stage


def test_the_book_is_looked_for_once_the_home_library_has_confirmed():
    assert stage_of(loan(S.WILL_SUPPLY, confirmed=SOME_HASH)) is Stage.FINDING


def test_every_state_has_a_stage_and_every_stage_its_facts():
    for status, custody, outcome in product(S, C, (None, *O)):
        assert stage_of(loan(status, custody, outcome)) in STAGES
    assert set(STAGES) == set(Stage)
    assert {facts.step for facts in STAGES.values()} == {None, *range(1, STEPS + 1)}


def test_a_request_can_be_cancelled_until_dispatch_and_a_book_renewed_while_it_is_out():
    assert all(facts.step in (1, 2, 3) for facts in STAGES.values() if facts.offer is AmendmentAction.CANCEL)
    assert [stage for stage, facts in STAGES.items() if facts.offer is AmendmentAction.RENEW] == [Stage.WITH_READER]
