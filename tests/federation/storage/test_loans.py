"""The gateway's loans in its database."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from federation.storage.engine import Connection
from federation.storage.loans import LoanTable
from schemas.identifiers import ConversationId, ItemBarcode, MessageHash
from schemas.lending import Custody, PickupPoint, Quote
from schemas.lifecycle import LoanStatus, Outcome
from schemas.loan import Loan
from tests.schemas.loan_story import HOME, NOW, POINT, SECOND, SUPPLIER, THIRD

DUE = date(2026, 12, 31)
LOAN = Loan(ConversationId("loan-0001"), HOME, POINT, quote=Quote(fee_fen=1, carriage_out_fen=2, carriage_back_fen=3,
                                                                guarantee_fen=4), title="红楼梦")


@pytest.fixture
def loans(connection: Connection) -> LoanTable:
    return LoanTable(connection)


def loan(number: int, **changes: Any) -> Loan:
    return replace(LOAN, conv=ConversationId(f"loan-{number:04}"), **changes)


def keep(loans: LoanTable, *several: Loan) -> None:
    for one in several:
        loans.put(one, NOW)


def convs(several: Any) -> list[str]:
    return [one.conv for one in several]


def test_a_loan_comes_back_as_it_was_kept_to_its_last_field(loans: LoanTable) -> None:
    full = loan(1, status=LoanStatus.RECALLED, custody=Custody.LOCKER, holder=SECOND, outcome=Outcome.LOST,
                supplier=SUPPLIER, former=(SECOND, THIRD), position=2, order=MessageHash("ab" * 32),
                barcode=ItemBarcode("31 000"), price_fen=2**52, due_date=DUE, renewals=1, renewing=True, note="破损",
                last=MessageHash("cd" * 32))
    keep(loans, full)
    assert loans.get(full.conv) == full
    assert loans.get("loan-0002") is None


def test_the_newest_state_takes_the_place_of_the_one_before(loans: LoanTable) -> None:
    keep(loans, loan(1), loan(2))
    later = NOW + timedelta(hours=1)
    loans.put(loan(1, status=LoanStatus.RESERVED), later)
    assert [(one.conv, one.status, changed) for one, changed in loans.all()] == [
        ("loan-0001", LoanStatus.RESERVED, later.isoformat()), ("loan-0002", LoanStatus.ORDERED, NOW.isoformat())]


def test_a_loan_is_remembered_and_read_alike(loans: LoanTable) -> None:
    lent = loan(1, supplier=SUPPLIER, barcode=ItemBarcode("1"), due_date=DUE)
    keep(loans, loan(1), replace(lent, note="a"), lent)
    read = LoanTable(loans._db)
    assert read.get(lent.conv) == loans.get(lent.conv) == lent
    assert (read.with_barcode("1"), read.open_of(SUPPLIER), read.balance(SUPPLIER)) == ([lent], 1, (1, 0))


def test_loans_are_counted_by_how_they_ended(loans: LoanTable) -> None:
    assert loans.count_by_outcome() == {}
    keep(loans, loan(1), loan(2), loan(3, outcome=Outcome.LOST), loan(4, outcome=Outcome.COMPLETED), loan(2))
    assert loans.count_by_outcome() == {"open": 2, "lost": 1, "completed": 1}


def test_a_barcode_finds_the_loans_that_have_not_ended(loans: LoanTable) -> None:
    barcode = ItemBarcode("31000001")
    keep(loans, loan(1, barcode=barcode), loan(2, barcode=barcode), loan(3, barcode=ItemBarcode("31000002")),
         loan(4, barcode=barcode, outcome=Outcome.COMPLETED), loan(5))
    assert convs(loans.with_barcode(barcode)) == ["loan-0001", "loan-0002"]
    keep(loans, loan(1, barcode=barcode, outcome=Outcome.COMPLETED))
    assert convs(loans.with_barcode(barcode)) == ["loan-0002"]


def test_a_librarys_load_is_what_it_supplies_and_has_not_ended(loans: LoanTable) -> None:
    keep(loans, loan(1, supplier=SUPPLIER), loan(2, supplier=SUPPLIER, outcome=Outcome.COMPLETED),
         loan(3, supplier=SECOND), loan(4))
    assert [loans.open_of(agency) for agency in (SUPPLIER, SECOND, HOME)] == [1, 1, 0]
    keep(loans, loan(1, supplier=SECOND))
    assert [loans.open_of(agency) for agency in (SUPPLIER, SECOND)] == [0, 2]


def test_only_what_was_really_lent_counts_in_the_balance(loans: LoanTable) -> None:
    keep(loans, loan(1, supplier=SUPPLIER, due_date=DUE), loan(2, supplier=SUPPLIER),
         loan(3, supplier=SECOND, due_date=DUE, outcome=Outcome.COMPLETED))
    assert loans.balance(SUPPLIER) == (1, 0)
    assert loans.balance(SECOND) == (1, 0)
    assert loans.balance(HOME) == (0, 2)


def test_a_reader_sees_the_own_loans_the_newest_first(loans: LoanTable) -> None:
    keep(loans, loan(1), loan(2), loan(3))
    for number, home, patron in ((1, HOME, "reader-1"), (2, HOME, "reader-2"), (3, HOME, "reader-1"),
                                 (4, HOME, "reader-1")):
        loans.claim(f"loan-{number:04}", home, patron)
    assert convs(loans.of_reader(HOME, "reader-1")) == ["loan-0003", "loan-0001"]
    assert convs(loans.of_reader(HOME, "reader-2")) == ["loan-0002"]
    assert convs(loans.of_reader(SECOND, "reader-1")) == []


def test_a_claim_is_made_once_and_stays_with_who_made_it(loans: LoanTable) -> None:
    keep(loans, loan(1))
    loans.claim("loan-0001", HOME, "reader-1")
    loans.claim("loan-0001", HOME, "reader-2")
    assert convs(loans.of_reader(HOME, "reader-1")) == ["loan-0001"]
    assert convs(loans.of_reader(HOME, "reader-2")) == []


def test_a_change_does_not_move_a_loan_to_the_front(loans: LoanTable) -> None:
    keep(loans, loan(1), loan(2))
    for number in (1, 2):
        loans.claim(f"loan-{number:04}", HOME, "reader-1")
    loans.put(loan(1, pickup=PickupPoint(agency=HOME, point="")), NOW)
    assert convs(loans.of_reader(HOME, "reader-1")) == ["loan-0002", "loan-0001"]
