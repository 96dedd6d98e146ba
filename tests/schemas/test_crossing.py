"""News that crosses: what two libraries say at once may come in either order, and every end has the same loan."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import pytest

from schemas.identifiers import AgencyId, MessageHash
from schemas.lending import Action, Condition, Custody, CustodyReceipt, RequestingAgencyMessage, SupplierStatus
from schemas.lifecycle import Outcome
from schemas.loan import OutOfTurn, WrongRole
from schemas.messages import MessageType
from tests.schemas.loan_story import (
    BARCODE,
    HOME,
    NOW,
    PICKUP,
    SUPPLIER,
    TARIFF,
    THIRD,
    Story,
    collected,
    reserved,
    shipped,
)

C = Custody
Said = Callable[[Story, MessageHash], object]
"""Something that a library says, of what it knows as the last of the loan."""


def takes(holder: Custody, by: AgencyId, barcode: str = BARCODE) -> Said:
    body = CustodyReceipt(barcode=barcode, holder=holder, place="柜台", condition=Condition.GOOD, happened_at=NOW)
    dst = HOME if by == SUPPLIER else SUPPLIER
    return lambda story, last: story.say(MessageType.CUSTODY_RECEIPT, by, dst, body, last)


def tells(action: Action, by: AgencyId) -> Said:
    body = RequestingAgencyMessage(action=action)
    return lambda story, last: story.say(MessageType.REQUESTING_AGENCY_MESSAGE, by, SUPPLIER, body, last)


def ends(status: SupplierStatus) -> Said:
    return lambda story, _last: story.supply(status)


BACK = (takes(C.SUPPLIER, SUPPLIER), ends(SupplierStatus.LOAN_COMPLETED))
LOST = (ends(SupplierStatus.COMPLETED_WITHOUT_RETURN),)
BY_PARCEL = (takes(C.RETURNED_AT, THIRD), tells(Action.SHIPPED_RETURN, THIRD))
ARRIVES = (takes(C.PICKUP_POINT, PICKUP), tells(Action.RECEIVED, PICKUP), takes(C.READER, PICKUP))
RENEWS, CANCELS = (tells(Action.RENEW, HOME),), (tells(Action.CANCEL, HOME),)


def merges(one: Sequence[Said], other: Sequence[Said]) -> Iterator[list[tuple[str, Said]]]:
    """Return every order of two libraries' words that keeps each one's own."""
    size = len(one) + len(other)
    for places in combinations(range(size), len(one)):
        mine, theirs = iter(one), iter(other)
        yield [("one", next(mine)) if place in places else ("other", next(theirs)) for place in range(size)]


def told(begin: Callable[[], Story], order: Sequence[tuple[str, Said]]) -> Story:
    """Tell a loan in an order; neither library knows what the other one says meanwhile."""
    story = begin()
    last = {"one": story.last, "other": story.last}
    for who, said in order:
        said(story, last[who])
        last[who] = story.last
    return story


CROSSINGS = [pytest.param(begin, one, other, id=name) for name, begin, one, other in (
    ("a parcel faster than the news of it", collected, BACK, BY_PARCEL),
    ("a renewal and the return", collected, BACK, RENEWS),
    ("a cancellation and the return", collected, BACK, CANCELS),
    ("a loss that is declared too soon", shipped, LOST, ARRIVES),
    ("a loss and the return", collected, LOST, BY_PARCEL),
    ("a loss and a renewal", collected, LOST, RENEWS),
)]


@pytest.mark.parametrize(("begin", "one", "other"), CROSSINGS)
def test_whatever_crosses_every_order_comes_to_the_same_end(begin: Callable[[], Story], one: Sequence[Said],
                                                            other: Sequence[Said]) -> None:
    stories = [told(begin, order) for order in merges(one, other)]
    assert len({(story.loan.status, story.loan.outcome, story.loan.returned_at) for story in stories}) == 1
    assert stories[0].loan.outcome in (Outcome.COMPLETED, Outcome.LOST)
    if one is BACK:
        assert {story.loan.custody for story in stories} == {C.SUPPLIER}


@pytest.mark.parametrize("one", [BACK, LOST], ids=["back", "lost"])
def test_a_library_that_took_a_copy_back_earns_its_fee_once_though_it_tells_late(one: Sequence[Said]) -> None:
    for order in merges(one, BY_PARCEL):
        story = told(collected, order)
        paid = [entry.transfer.amount_fen for entry in story.journal if entry.transfer.credit == THIRD]
        assert paid == [TARIFF.third_return_fen]


def test_only_the_first_library_that_took_the_copy_back_counts() -> None:
    story = told(collected, [("one", BACK[0]), *(("other", said) for said in BY_PARCEL)])
    assert takes(C.RETURNED_AT, PICKUP)(story, story.said[0][1]) == ()
    assert story.loan.returned_at == THIRD


def test_what_is_said_of_another_copy_earns_nothing() -> None:
    story = told(collected, [("one", said) for said in BACK])
    assert takes(C.RETURNED_AT, THIRD, "90000009")(story, story.said[0][1]) == ()
    assert story.loan.returned_at is None


@pytest.mark.parametrize("said", [*BY_PARCEL, *RENEWS, *CANCELS])
def test_who_knows_that_the_loan_has_ended_and_goes_on_is_out_of_turn(said: Said) -> None:
    story = told(collected, [("one", step) for step in BACK])
    with pytest.raises((OutOfTurn, WrongRole)):
        said(story, story.last)


def test_a_confirmation_that_crosses_a_withdrawn_promise_is_late() -> None:
    story = reserved()
    for step in (story.request, story.accept):
        step()
    promise = story.last
    story.unfilled()
    before = story.loan
    story.ask(Action.SUPPLY_CONFIRMED, HOME, promise)
    assert story.loan == before
