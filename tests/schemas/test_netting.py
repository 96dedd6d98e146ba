import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import AgencyId
from schemas.lending import Custody
from schemas.netting import Payment, PositionsDoNotSumToZero, flows_by_province, net_positions, payments_for
from tests.schemas.loan_story import COURIER, FUND, HOME, SUPPLIER, THIRD, collected

A, B, C, D = (AgencyId(f"CN-{letter}1") for letter in "ABCD")


def returned_at_a_third_library():
    story = collected()
    story.take(Custody.RETURNED_AT, THIRD)
    return story.journal


def test_positions_hold_what_is_settled_and_leave_clearing_out() -> None:
    assert net_positions(returned_at_a_third_library()) == {
        THIRD: 300, HOME: -1400, SUPPLIER: 800, COURIER: 600, FUND: -300}


@pytest.mark.parametrize(("positions", "payments"), [
    ({}, []),
    ({A: 0}, []),
    ({A: -5, B: 5}, [(A, B, 5)]),
    ({A: -7, B: 5, C: 2}, [(A, B, 5), (A, C, 2)]),
    ({A: 4, B: 6, C: -3, D: -7}, [(D, B, 6), (D, A, 1), (C, A, 3)]),
    ({A: -5, B: -5, C: 5, D: 5}, [(A, C, 5), (B, D, 5)]),
])
def test_the_largest_debt_goes_to_the_largest_claim(positions, payments) -> None:
    assert payments_for(positions) == tuple(Payment(*payment) for payment in payments)


def test_positions_that_do_not_sum_to_zero_are_refused() -> None:
    with pytest.raises(PositionsDoNotSumToZero, match="sum to 1 fen"):
        payments_for({A: -4, B: 5})


@given(st.lists(st.integers(min_value=-10**9, max_value=10**9), max_size=40))
def test_fewer_payments_than_parties_settle_every_position_exactly(amounts: list[int]) -> None:
    amounts.append(-sum(amounts))
    positions = {AgencyId(f"CN-{number}"): fen for number, fen in enumerate(amounts)}
    payments = payments_for(positions)
    assert len(payments) <= len(positions) - 1
    assert all(payment.amount_fen > 0 for payment in payments)
    for payment in payments:
        positions[payment.payer] += payment.amount_fen
        positions[payment.payee] -= payment.amount_fen
    assert not any(positions.values())


@given(st.permutations([(A, 4), (B, 6), (C, -3), (D, -7)]))
def test_the_order_of_the_positions_does_not_matter(shuffled) -> None:
    assert payments_for(dict(shuffled)) == payments_for({A: 4, B: 6, C: -3, D: -7})


def test_flows_between_provinces_look_through_clearing() -> None:
    provinces = {HOME: "上海", SUPPLIER: "浙江", THIRD: "安徽", COURIER: "江苏"}
    assert flows_by_province(returned_at_a_third_library(), provinces) == {
        ("", "安徽"): 300, ("上海", "江苏"): 600, ("上海", "浙江"): 800}
