"""Which message moves what: each step of a loan beside the transfers it causes."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.identifiers import ConversationId
from schemas.ledger import Code, Transfer, TransferKind, transfer_id
from schemas.lending import Custody, Quote
from schemas.lifecycle import HANDOVERS
from schemas.tariff import HANDOVERS_PAID
from tests.schemas.loan_story import CLEARING, PICKUP, ROLES, SUPPLIER, THIRD, Story, collected, reserved, shipped, told

NOTHING = ""
RESERVATION = """
    pending  home      clearing   800  fee
    pending  home      clearing   600  carriage out
    pending  home      clearing   500  carriage back
    pending  home      clearing  5000  guarantee
"""
FEE = """
    post     home      clearing   800  fee
    direct   clearing  supplier   800  fee
"""
CARRIAGE_OUT = """
    post     home      clearing   600  carriage out
    direct   clearing  courier    600  carriage out
"""
CARRIAGE_BACK = """
    post     home      clearing   500  carriage back
    direct   clearing  courier    500  carriage back
"""
CARRIAGE_BACK_FREED = """
    void     home      clearing   500  carriage back
"""
THIRD_RETURN = """
    direct   fund      third      300  third return
"""
GUARANTEE_FREED = """
    void     home      clearing  5000  guarantee
"""
ALL_FREED = """
    void     home      clearing   800  fee
    void     home      clearing   600  carriage out
    void     home      clearing   500  carriage back
    void     home      clearing  5000  guarantee
"""
BOTH_LEGS_FREED = """
    void     home      clearing   600  carriage out
    void     home      clearing   500  carriage back
"""


def rows(transfers: tuple[Transfer, ...]) -> list[str]:
    return [" ".join([t.kind, ROLES[t.debit], ROLES[t.credit], str(t.amount_fen), t.code]) for t in transfers]


def expected(table: str) -> list[str]:
    return [" ".join(line.split()) for line in table.splitlines() if line.strip()]


def test_a_loan_from_order_to_completion() -> None:
    story = Story()
    steps = [
        (story.order, NOTHING),
        (story.ask_reservation, NOTHING),
        (story.grant, RESERVATION),
        (story.request, NOTHING),
        (story.accept, NOTHING),
        (story.confirm, NOTHING),
        (story.ship, FEE),
        (lambda: story.take(Custody.PICKUP_POINT, PICKUP), CARRIAGE_OUT),
        (lambda: story.take(Custody.READER, PICKUP), NOTHING),
        (lambda: story.take(Custody.RETURNED_AT, PICKUP), NOTHING),
        (story.ship_back, NOTHING),
        (lambda: story.take(Custody.SUPPLIER, SUPPLIER), CARRIAGE_BACK),
        (story.complete, GUARANTEE_FREED),
    ]
    for step, moves in steps:
        assert rows(step()) == expected(moves)


def test_a_locker_is_an_arrival_and_moving_from_locker_to_desk_is_not_another() -> None:
    story = shipped()
    assert rows(story.take(Custody.LOCKER, PICKUP)) == expected(CARRIAGE_OUT)
    assert rows(story.take(Custody.PICKUP_POINT, PICKUP)) == []


def test_a_third_library_is_paid_for_taking_a_copy_back() -> None:
    story = collected()
    assert rows(story.take(Custody.RETURNED_AT, THIRD)) == expected(THIRD_RETURN)


def test_a_reader_who_brings_the_copy_to_its_library_saves_the_way_back() -> None:
    story = collected()
    assert rows(story.take(Custody.SUPPLIER, SUPPLIER)) == expected(CARRIAGE_BACK_FREED)
    assert rows(story.complete()) == expected(GUARANTEE_FREED)


def test_a_copy_that_was_never_delivered_earns_no_carriage() -> None:
    story = shipped()
    assert rows(story.take(Custody.SUPPLIER, SUPPLIER)) == expected(BOTH_LEGS_FREED)
    assert rows(story.complete()) == expected(GUARANTEE_FREED)


def test_an_uncollected_copy_is_carried_both_ways() -> None:
    story = shipped()
    story.take(Custody.PICKUP_POINT, PICKUP)
    story.ship_back()
    assert rows(story.take(Custody.SUPPLIER, SUPPLIER)) == expected(CARRIAGE_BACK)


def test_a_release_gives_everything_back_whether_before_or_after_an_answer() -> None:
    early, unfilled, cancelled = reserved(), reserved(), reserved()
    unfilled.request()
    assert rows(unfilled.unfilled()) == []
    for step in (cancelled.request, cancelled.accept, cancelled.cancel, cancelled.agree_to_cancel):
        assert rows(step()) == []
    for story in (early, unfilled, cancelled):
        assert rows(story.release()) == expected(ALL_FREED)


@pytest.mark.parametrize(("charge_fen", "moves"), [
    (4500, """
        post     home      clearing  4500  guarantee
        direct   clearing  supplier  4500  guarantee
        void     home      clearing   500  carriage back
    """),
    (9900, """
        post     home      clearing  5000  guarantee
        direct   clearing  supplier  5000  guarantee
        void     home      clearing   500  carriage back
    """),
    (None, """
        void     home      clearing   500  carriage back
        void     home      clearing  5000  guarantee
    """),
])
def test_a_lost_copy_is_charged_up_to_the_guarantee(charge_fen: int | None, moves: str) -> None:
    assert rows(collected().lose(charge_fen)) == expected(moves)


def test_a_copy_lost_on_its_way_out_frees_both_legs() -> None:
    assert rows(shipped().lose())[2:] == expected(BOTH_LEGS_FREED)


def test_an_amount_of_zero_moves_nothing() -> None:
    story = shipped(quote=Quote(fee_fen=0, carriage_out_fen=0, carriage_back_fen=0, guarantee_fen=100))
    assert [entry.transfer.code for entry in story.journal] == [Code.GUARANTEE]


def test_a_reservation_rests_on_the_home_librarys_own_message() -> None:
    story = Story()
    story.order()
    story.ask_reservation()
    asked = story.last
    assert {transfer.evidence for transfer in story.grant()} == {asked}


def test_every_handover_that_ends_a_transit_or_a_loan_moves_carriage() -> None:
    ends = {(before, after) for before, afters in HANDOVERS.items() for after in afters
            if before is Custody.IN_TRANSIT or after is Custody.SUPPLIER}
    assert ends == set(HANDOVERS_PAID)


def test_ids_differ_by_loan_code_and_kind() -> None:
    ids = {transfer_id(ConversationId(conv), code, kind)
           for conv in ("loan-0001", "loan-0002") for code in Code for kind in TransferKind}
    assert len(ids) == 2 * len(Code) * len(TransferKind)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=30), max_size=25))
def test_whatever_happens_clearing_ends_empty_and_an_ended_loan_holds_nothing(choices: list[int]) -> None:
    story = told(choices)
    clearing: defaultdict[int, int] = defaultdict(int)
    still_open: dict[str, int] = {}
    for entry in story.journal:
        transfer = entry.transfer
        if transfer.is_settled:
            clearing[entry.index] += transfer.amount_fen * ((transfer.credit == CLEARING)
                                                            - (transfer.debit == CLEARING))
        if transfer.kind is TransferKind.PENDING:
            still_open[transfer.id] = transfer.amount_fen
        elif transfer.pending_id is not None:
            assert transfer.amount_fen <= still_open.pop(transfer.pending_id)
    assert not any(clearing.values())
    assert story.loan.outcome is None or not still_open
