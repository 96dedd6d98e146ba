"""The ledger's rules as rows: what is posted, what comes of it, and what the accounts then say."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.settlement import ledger as rules
from federation.settlement.ledger import CapExceeded, Ledger, LedgerError, MemoryStore, Result
from schemas.identifiers import AgencyId, ConversationId, MessageHash
from schemas.ledger import Account, Code, Transfer, TransferId, TransferKind
from tests.schemas.loan_story import CLEARING, HOME, QUOTE, Story, reserved, told

A, B = AgencyId("CN-A1"), AgencyId("CN-B1")
ROWS = """
    # id  kind     resolves  debit  credit  amount  result
    1     pending  -         A      B        100    created
    1     pending  -         A      B        100    exists
    1     pending  -         A      B        101    IdExistsWithDifferentContent
    1     direct   -         A      B        100    IdExistsWithDifferentContent
    2     post     9         A      B        100    PendingNotFound
    2     post     -         A      B        100    PendingNotFound
    2     direct   1         A      B        100    PendingNotFound
    2     post     1         B      A        100    DiffersFromPending
    2     post     1         A      B        101    AmountExceedsPending
    2     post     1         A      B          0    AmountNotPositive
    2     post     1         A      B         60    created
    2     post     1         A      B         60    exists
    3     void     1         A      B        100    PendingAlreadyResolved
    3     post     1         A      B         40    PendingAlreadyResolved
    4     pending  -         B      A         50    created
    5     void     4         B      A         49    DiffersFromPending
    5     void     4         B      A         50    created
    6     void     5         B      A         50    PendingNotFound
    7     direct   -         A      A          5    AccountsMustDiffer
    7     direct   -         A      B         -5    AmountNotPositive
    7     direct   -         B      A          5    created
"""


def number(text: str) -> TransferId | None:
    return None if text == "-" else TransferId(text.zfill(32))


def transfer_of(row: list[str]) -> Transfer:
    id_, kind, resolves, debit, credit, amount = row
    agencies = {"A": A, "B": B}
    return Transfer(number(id_), TransferKind(kind), number(resolves), agencies[debit], agencies[credit],
                    int(amount), Code.FEE, ConversationId("loan-0001"), MessageHash("0" * 64))


def test_each_row_has_its_named_result() -> None:
    store = MemoryStore()
    ledger = Ledger(store)
    for line in ROWS.splitlines():
        *row, result = line.split() or ["#", ""]
        if row[0] == "#":
            continue
        if result in list(Result):
            assert ledger.post([transfer_of(row)], 0) == (Result(result),), line
        else:
            with pytest.raises(getattr(rules, result)):
                ledger.post([transfer_of(row)], 0)
    assert store.account(A) == Account(A, debits_posted=60, credits_posted=5)
    assert store.account(B) == Account(B, debits_posted=5, credits_posted=60)


def test_a_linked_group_is_posted_whole_or_not_at_all() -> None:
    store = MemoryStore()
    good, bad = transfer_of(["1", "direct", "-", "A", "B", "5"]), transfer_of(["2", "post", "9", "A", "B", "5"])
    with pytest.raises(LedgerError):
        Ledger(store).post([good, bad], 0)
    assert (store.journal, store.accounts) == ([], {})


def test_what_is_set_aside_counts_against_the_cap_at_once() -> None:
    store = MemoryStore()
    ledger, cap = Ledger(store), 2 * QUOTE.total_fen - 1
    first, second = (reserved(conv=ConversationId(f"loan-000{n}")) for n in (1, 2))
    assert ledger.reserve_is_allowed(HOME, QUOTE.total_fen, cap)
    ledger.post(transfers(first), 2, {HOME: cap})
    assert ledger.available(HOME, cap) == QUOTE.total_fen - 1
    assert not ledger.reserve_is_allowed(HOME, QUOTE.total_fen, cap)
    with pytest.raises(CapExceeded) as refused:
        ledger.post(transfers(second), 5, {HOME: cap})
    assert refused.value.available_fen == QUOTE.total_fen - 1


def test_asking_again_for_what_was_granted_needs_no_second_cover() -> None:
    ledger, story, cap = Ledger(MemoryStore()), reserved(), QUOTE.total_fen
    ledger.post(transfers(story), 2, {HOME: cap})
    assert set(ledger.post(transfers(story), 2, {HOME: cap})) == {Result.EXISTS}
    assert ledger.available(HOME, cap) == 0


def test_a_lowered_cap_does_not_stop_what_was_set_aside_from_being_given_back() -> None:
    ledger, story = Ledger(MemoryStore()), reserved()
    ledger.post(transfers(story), 2)
    ledger.post(story.release(), 3, {HOME: 10})
    assert ledger.available(HOME, 10) == 10


def transfers(story: Story) -> list[Transfer]:
    return [entry.transfer for entry in story.journal]


stories = st.lists(st.lists(st.integers(min_value=0, max_value=30), max_size=20), min_size=1, max_size=3).map(
    lambda loans: [told(choices, conv=ConversationId(f"loan-000{n}"), first_index=100 * n)
                   for n, choices in enumerate(loans)])


def post_all(told_stories: list[Story]) -> MemoryStore:
    store = MemoryStore()
    for story in told_stories:
        for entry in story.journal:
            Ledger(store).post([entry.transfer], entry.index)
    return store


@settings(max_examples=100, deadline=None)
@given(stories)
def test_debits_equal_credits_after_any_events(told_stories: list[Story]) -> None:
    accounts = post_all(told_stories).accounts.values()
    assert sum(a.debits_posted for a in accounts) == sum(a.credits_posted for a in accounts)
    assert sum(a.debits_pending for a in accounts) == sum(a.credits_pending for a in accounts)
    assert all(min(a.debits_pending, a.debits_posted, a.credits_pending, a.credits_posted) >= 0 for a in accounts)


@settings(max_examples=100, deadline=None)
@given(stories)
def test_when_every_loan_has_ended_nothing_is_pending_and_clearing_is_empty(told_stories: list[Story]) -> None:
    store = post_all(told_stories)
    assert store.account(CLEARING).balance_fen == 0
    if all(story.loan.outcome is not None for story in told_stories):
        assert not any(a.debits_pending or a.credits_pending for a in store.accounts.values())


@settings(max_examples=100, deadline=None)
@given(stories, st.data())
def test_retries_in_any_order_change_no_balance(told_stories: list[Story], data: st.DataObject) -> None:
    store = post_all(told_stories)
    accounts = dict(store.accounts)
    again = data.draw(st.permutations(store.journal))
    for entry in again:
        assert Ledger(store).post([entry.transfer], entry.index) == (Result.EXISTS,)
    assert store.accounts == accounts


@settings(max_examples=100, deadline=None)
@given(stories, st.data())
def test_the_order_in_which_loans_interleave_changes_no_balance(told_stories: list[Story],
                                                                data: st.DataObject) -> None:
    queues = [list(story.journal) for story in told_stories]
    store = MemoryStore()
    while any(queues):
        queue = data.draw(st.sampled_from([queue for queue in queues if queue]))
        entry = queue.pop(0)
        Ledger(store).post([entry.transfer], entry.index)
    assert store.accounts == post_all(told_stories).accounts


@settings(max_examples=100, deadline=None)
@given(stories, st.data())
def test_an_id_never_names_a_second_transfer(told_stories: list[Story], data: st.DataObject) -> None:
    store = post_all(told_stories)
    if not store.journal:
        return
    entry = data.draw(st.sampled_from(store.journal))
    with pytest.raises(rules.IdExistsWithDifferentContent):
        Ledger(store).post([replace(entry.transfer, amount_fen=entry.transfer.amount_fen + 1)], entry.index)
