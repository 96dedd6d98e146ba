"""What an ILS means by its words: known systems, a library's own rows, and whatever else comes down the line."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.ils.port import Block, CardList, Reason
from connectors.ils.reasons import ReasonRowRefused, ReasonTable, refusal_of
from connectors.sip2.fields import PATRON_STATUS, SUMMARY
from examples.ils.model import Refusal
from examples.ils.texts import REFUSALS

SHIPPED = ReasonTable.shipped()
R = Reason

SAMPLE = {
    Refusal.UNKNOWN_PATRON: R.UNKNOWN_PATRON, Refusal.WRONG_PIN: R.WRONG_PIN, Refusal.PATRON_BLOCKED: R.PATRON_BLOCKED,
    Refusal.LIMIT_REACHED: R.TOO_MANY_CHARGED, Refusal.UNKNOWN_ITEM: R.NOT_HELD, Refusal.OTHER_LIBRARY: R.NOT_HELD,
    Refusal.ALREADY_CHARGED: R.ON_LOAN, Refusal.HELD_FOR_ANOTHER: R.ON_HOLD, Refusal.ALREADY_HELD: R.ALREADY_HELD,
    Refusal.NOT_HELD: R.NO_SUCH_HOLD, Refusal.NOT_CHARGED: R.NOT_CHARGED, Refusal.RENEWALS_USED: R.TOO_MANY_RENEWALS,
    Refusal.OVERDUE: R.OVERDUE, Refusal.NOTHING_TO_PAY: R.NOT_OWED, Refusal.PAYMENT_DIFFERS: R.NOT_OWED,
    Refusal.UNSUPPORTED: R.UNSUPPORTED,
}  # fmt: skip


@pytest.mark.parametrize("refusal", Refusal)
def test_the_sample_system_is_understood_in_both_its_languages(refusal: Refusal) -> None:
    assert [SHIPPED.reason_of(text) for text in REFUSALS[refusal]] == [SAMPLE[refusal]] * 2


@pytest.mark.parametrize(("words", "reason"), [
    ("Invalid Patron", R.UNKNOWN_PATRON), ("Invalid patron barcode.", R.UNKNOWN_PATRON),
    ("Invalid patron password.", R.WRONG_PIN), ("Patron Blocked", R.PATRON_BLOCKED),
    ("Item already checked out to another patron.  Please return item for check-in.", R.ON_LOAN),
    ("Item is on hold shelf for another patron.", R.ON_HOLD),
    ("Item is reserved for another patron upon return.", R.ON_HOLD),
    ("Outstanding Fines block issue", R.EXCESSIVE_FEES),
    ("NOT_FOR_LOAN: 1", R.NON_CIRCULATING), ("TOO_MANY_CHECKOUTS", R.TOO_MANY_CHARGED),
    ("Item unavailable due to outstanding holds", R.ON_HOLD),
    ("Item has reached maximum renewals", R.TOO_MANY_RENEWALS),
    ("Item not checked out to Zhang Wei", R.NOT_CHARGED), ("No such hold on patron record.", R.NO_SUCH_HOLD),
    ("This item is already checked out", R.ON_LOAN), ("Overpayment not allowed", R.NOT_OWED),
    ("Patron has reached maximum limit of 1 items for material type", R.TOO_MANY_CHARGED),
    ("图书【510105】续借失败！; 读者【】续借图书【510105】失败！续借操作被拒绝。不具备 renew 权限。", R.UNSUPPORTED),
    ("查询读者信息失败:读者不存在", R.UNKNOWN_PATRON), ("卡号或密码不正确。", R.WRONG_PIN),
    ("Patron is not allowed to check out the selected item", R.OTHER), ("图书【510105】借阅失败！", R.OTHER),
    ("", R.OTHER),
])
def test_known_systems_are_understood_and_what_says_nothing_is_not_guessed(words: str, reason: Reason) -> None:
    assert SHIPPED.reason_of(words) is reason


@pytest.mark.parametrize("words", ["ITEM  CHECKED\tOUT TO ANOTHER PATRON!", "Ｉtem checked out to another patron"])
def test_case_width_and_blanks_do_not_count(words: str) -> None:
    assert SHIPPED.reason_of(words) is R.ON_LOAN


def test_a_library_s_own_rows_go_first_and_may_be_patterns() -> None:
    table = SHIPPED.extended([{"pattern": r"^E\d{2}7\b", "reason": "CardExpired"},
                              {"text": "本册已借出", "reason": "NonCirculating"}])
    assert [table.reason_of(words) for words in ("E017 证件有误", "本册已借出", "已借出", "E0170")] == [
        R.CARD_EXPIRED, R.NON_CIRCULATING, R.ON_LOAN, R.OTHER]


@pytest.mark.parametrize("row", [
    {}, {"text": "x"}, {"reason": "OnLoan"}, {"text": "", "reason": "OnLoan"}, {"text": 7, "reason": "OnLoan"},
    {"text": "x", "pattern": "x", "reason": "OnLoan"}, {"text": "x", "reason": "Onloan"}, {"text": "x", "reason": []},
    {"pattern": "(", "reason": "OnLoan"}, {"text": "x", "reason": "OnLoan", "lang": "zh"}])
def test_a_row_that_cannot_be_is_refused_by_its_number(row: dict[str, object]) -> None:
    with pytest.raises(ReasonRowRefused, match=r"^row 2: "):
        SHIPPED.extended([{"text": "x", "reason": "OnLoan"}, row])


@given(st.text())
def test_whatever_an_ils_says_means_something(words: str) -> None:
    assert SHIPPED.reason_of(words) in Reason


def test_both_ends_of_the_port_name_the_same_blocks_and_lists() -> None:
    assert (tuple(Block), tuple(CardList)) == (PATRON_STATUS, SUMMARY)


def test_reasons_are_names_that_the_wire_and_the_pages_can_carry() -> None:
    assert all(re.fullmatch("([A-Z][a-z]+)+", reason) for reason in Reason)


# readers


@pytest.mark.parametrize(("blocks", "said", "reason"), [
    (set(), R.OTHER, None), ({Block.RENEWAL_DENIED, Block.EXCESSIVE_FEES}, R.OTHER, None),
    ({Block.CHARGE_DENIED}, R.OTHER, R.PATRON_BLOCKED), ({Block.CHARGE_DENIED}, R.CARD_EXPIRED, R.CARD_EXPIRED),
    ({Block.HOLD_DENIED, Block.EXCESSIVE_FINES}, R.PATRON_BLOCKED, R.EXCESSIVE_FEES),
    ({Block.TOO_MANY_CHARGED, Block.CHARGE_DENIED}, R.OTHER, R.TOO_MANY_CHARGED),
    ({Block.TOO_MANY_CHARGED, Block.CARD_LOST}, R.OTHER, R.CARD_LOST),
    ({Block.CHARGE_DENIED, Block.RECALL_OVERDUE}, R.OTHER, R.TOO_MANY_OVERDUE)])
def test_why_a_known_card_may_not_borrow_is_in_its_flags_first(blocks: set[Block], said: Reason,
                                                               reason: Reason | None) -> None:
    assert refusal_of(frozenset(blocks), said, known=True) is reason


@pytest.mark.parametrize(("said", "reason"), [(R.OTHER, R.UNKNOWN_PATRON), (R.CARD_EXPIRED, R.CARD_EXPIRED)])
def test_a_card_that_is_not_valid_is_unknown_unless_the_ils_says_more(said: Reason, reason: Reason) -> None:
    assert refusal_of(frozenset(), said, known=False) is reason
