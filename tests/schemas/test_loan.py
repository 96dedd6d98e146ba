"""The fold: whole loans, late answers in every order, and everything that is refused on the way."""

from collections.abc import Callable
from itertools import permutations

import pytest

from schemas.identifiers import AgencyId, ItemBarcode
from schemas.lending import (
    Action,
    AmendmentAction,
    Condition,
    Custody,
    CustodyReceipt,
    Order,
    OrderAmendment,
    PickupPoint,
    ReasonForMessage,
    Request,
    RequestingAgencyMessage,
    ReservationAsked,
    ReservationGranted,
    SupplierStatus,
    SupplyingAgencyMessage,
)
from schemas.lifecycle import LoanStatus, Outcome
from schemas.loan import Loan, OutOfTurn, WrongRole, advance, copies_of, loan_of_copy, open_copy, open_loan
from schemas.messages import MessageType
from tests.schemas.loan_story import (
    BARCODE,
    BIB,
    CLEARING,
    HOME,
    NOW,
    PICKUP,
    POINT,
    QUOTE,
    SECOND,
    SUPPLIER,
    THIRD,
    Story,
    collected,
    ordered,
    reserved,
    shipped,
)

C, S = Custody, LoanStatus
YES, NO = True, False


def told(*steps: Callable[[Story], object]) -> Story:
    """Tell a loan from its reservation on."""
    story = reserved()
    for step in steps:
        step(story)
    return story


def renewal(answer: bool) -> Callable[[Story], object]:
    return lambda story: story.supply(SupplierStatus.LOANED, answer=answer,
                                      reason_for_message=ReasonForMessage.RENEW_RESPONSE)


def ends(story: Story) -> tuple[LoanStatus, Custody, Outcome | None]:
    return story.loan.status, story.loan.custody, story.loan.outcome


# whole loans


def test_a_plain_loan() -> None:
    story = collected()
    for step in (lambda: story.take(C.RETURNED_AT, PICKUP), story.ship_back, lambda: story.take(C.SUPPLIER, SUPPLIER)):
        step()
    assert ends(story) == (S.LOANED, C.SUPPLIER, None)
    story.complete()
    assert ends(story) == (S.LOAN_COMPLETED, C.SUPPLIER, Outcome.COMPLETED)


def test_a_second_supplier_lends_what_the_first_had_not() -> None:
    story = told(Story.request, Story.unfilled, lambda story: story.request(SECOND), Story.accept, Story.confirm,
                 Story.ship)
    loan = story.loan
    assert (loan.supplier, loan.former, loan.position, loan.status) == (SECOND, (SUPPLIER,), 1, S.LOANED)


def test_a_copy_comes_back_through_a_third_library() -> None:
    story = collected()
    story.take(C.RETURNED_AT, THIRD)
    assert (story.loan.holder, story.loan.custody) == (THIRD, C.RETURNED_AT)
    story.ship_back()
    story.take(C.SUPPLIER, SUPPLIER)
    story.complete()
    assert story.loan.outcome is Outcome.COMPLETED


@pytest.mark.parametrize(("answer", "renewals"), [(YES, 1), (NO, 0)])
def test_a_renewal_is_answered(answer: bool, renewals: int) -> None:
    story = collected()
    story.ask(Action.RENEW, HOME)
    assert story.loan.renewing
    renewal(answer)(story)
    assert (story.loan.renewals, story.loan.renewing, story.loan.status) == (renewals, False, S.LOANED)


def test_a_renewal_ends_being_overdue_but_not_being_recalled() -> None:
    story = collected()
    story.supply(SupplierStatus.OVERDUE)
    renewal(YES)(story)
    assert story.loan.status is S.LOANED
    story.supply(SupplierStatus.RECALLED)
    with pytest.raises(OutOfTurn):
        renewal(YES)(story)


def test_a_reader_cancels_before_the_dispatch() -> None:
    story = told(Story.request, Story.accept, Story.confirm, Story.cancel, Story.agree_to_cancel, Story.release)
    assert ends(story) == (S.CANCELLED, C.SUPPLIER, Outcome.CANCELLED)


def test_a_reader_cancels_after_the_dispatch_and_the_supplier_says_no() -> None:
    story = shipped()
    story.cancel()
    story.supply(SupplierStatus.LOANED, reason_for_message=ReasonForMessage.CANCEL_RESPONSE, answer=NO)
    assert ends(story) == (S.LOANED, C.IN_TRANSIT, None)


@pytest.mark.parametrize("place", [shipped, collected])
def test_a_copy_is_lost(place: Callable[[], Story]) -> None:
    story = place()
    where = story.loan.custody
    story.lose()
    assert ends(story) == (S.COMPLETED_WITHOUT_RETURN, where, Outcome.LOST)


@pytest.mark.parametrize("shelf", [C.PICKUP_POINT, C.LOCKER])
def test_a_copy_that_nobody_collects_goes_back(shelf: Custody) -> None:
    story = shipped()
    story.take(shelf, PICKUP)
    story.ship_back()
    assert story.loan.custody is C.IN_TRANSIT_BACK
    story.take(C.SUPPLIER, SUPPLIER)
    story.complete()
    assert story.loan.outcome is Outcome.COMPLETED


def test_the_supplier_runs_the_pickup_point_itself() -> None:
    story = Story()
    here = PickupPoint(agency=SUPPLIER, point="总服务台")
    story.say(MessageType.ORDER, CLEARING, HOME, Order(session="s", signed_order="jws", bib=BIB, pickup=here, rota=(),
                                                       quote=QUOTE))
    story.ask_reservation()
    story.grant()
    request = told(Story.request).said[-1][0].body
    story.say(MessageType.REQUEST, HOME, SUPPLIER, request.model_copy(update={
        "pickup": here, "reservation": story.loan.reservation}))
    for step in (story.accept, story.confirm, story.ship):
        step()
    story.take(C.PICKUP_POINT, SUPPLIER)
    story.take(C.READER, SUPPLIER)
    story.take(C.SUPPLIER, SUPPLIER)
    story.complete()
    assert story.loan.outcome is Outcome.COMPLETED


def test_an_order_may_be_refused_and_a_refused_reservation_asked_for_again() -> None:
    story = ordered()
    story.ask_reservation()
    story.say(MessageType.RESERVATION_REFUSED, CLEARING, HOME, ReservationGranted(total_fen=0), story.last)
    assert story.loan.status is S.ORDERED
    story.ask_reservation()
    story.grant()
    assert story.loan.status is S.RESERVED


# the silence of the first supplier, and what it says too late


LATE: dict[str, Callable[[Story], object]] = {
    "expects": lambda story: first_says(story, SupplierStatus.EXPECT_TO_SUPPLY),
    "will supply": lambda story: first_says(story, SupplierStatus.WILL_SUPPLY),
    "unfilled": lambda story: first_says(story, SupplierStatus.UNFILLED),
    "cancelled": lambda story: first_says(story, SupplierStatus.CANCELLED, answer=True,
                                          reason_for_message=ReasonForMessage.CANCEL_RESPONSE),
}


def first_says(story: Story, status: SupplierStatus, **fields: object) -> None:
    body = SupplyingAgencyMessage(**{"reason_for_message": ReasonForMessage.REQUEST_RESPONSE, "status": status,
                                     **fields})
    story.say(MessageType.SUPPLYING_AGENCY_MESSAGE, SUPPLIER, HOME, body, story.last)


def silence_with(answers: dict[int, tuple[str, ...]]) -> Story:
    """Tell how the first supplier is passed over; it says something at some of the three steps of that."""
    story = told(Story.request)
    steps = (story.cancel, lambda: story.request(SECOND), story.accept)
    cancel = None
    for at, step in enumerate(steps):
        for name in answers.get(at, ()):
            LATE[name](story)
        if at == 1:
            request_naming(story, cancel)
        else:
            step()
        cancel = cancel or story.last
    for name in answers.get(3, ()):
        LATE[name](story)
    return story


def request_naming(story: Story, cancel) -> None:
    """The home library's next Request names its own Cancel, whatever reached the gateway in between."""
    body = told(Story.request).said[-1][0].body
    story.say(MessageType.REQUEST, HOME, SECOND, body.model_copy(update={
        "position": 1, "previous": cancel, "reservation": story.loan.reservation}))


@pytest.mark.parametrize(("answer", "at"), [(answer, at) for answer in LATE for at in range(4)
                                            if (answer, at) != ("cancelled", 0)])
def test_an_answer_that_comes_too_late_changes_nothing_wherever_it_falls(answer: str, at: int) -> None:
    without, with_it = silence_with({}).loan, silence_with({at: (answer,)}).loan
    assert comparable(with_it) == comparable(without)
    assert (with_it.supplier, with_it.status) == (SECOND, S.WILL_SUPPLY)


@pytest.mark.parametrize(("here", "there"), [pair for pair in permutations(range(4), 2) if pair[0] < pair[1]])
def test_a_promise_and_its_withdrawal_may_fall_anywhere_beside_the_home_library_s_steps(here: int, there: int) -> None:
    loan = silence_with({here: ("will supply",), there: ("cancelled",)}).loan
    assert comparable(loan) == comparable(silence_with({}).loan)


def comparable(loan: Loan) -> dict[str, object]:
    """What two ends must agree on; hashes are numbered by the story and say nothing here."""
    return {name: getattr(loan, name) for name in ("status", "custody", "holder", "outcome", "supplier", "former",
                                                   "position", "barcode", "confirmed", "ended_by", "due_date")}


def test_the_second_supplier_is_confirmed_and_ships_whatever_the_first_said() -> None:
    story = silence_with({2: ("will supply",), 3: ("cancelled",)})
    story.confirm()
    story.ship()
    assert (story.loan.status, story.loan.supplier) == (S.LOANED, SECOND)


@pytest.mark.parametrize("answer", LATE)
def test_the_last_supplier_s_answer_to_a_loan_that_was_given_back_changes_nothing(answer: str) -> None:
    story = told(Story.request, Story.cancel, lambda story: story.release("Unfilled"))
    ended = story.loan
    LATE[answer](story)
    assert story.loan == ended
    assert ended.outcome is Outcome.UNFILLED


def test_a_promise_that_crosses_the_release_does_not_keep_the_money() -> None:
    story = told(Story.request, Story.cancel, Story.accept, lambda story: story.release("Unfilled"))
    assert ends(story) == (S.UNFILLED, C.SUPPLIER, Outcome.UNFILLED)


# refused


def refused(story: Story, step: Callable[[], object], error: type[Exception], why: str) -> None:
    before = story.loan
    for _ in range(2):
        with pytest.raises(error, match=why):
            step()
    assert story.loan == before


def test_a_dispatch_needs_the_home_library_s_confirmation() -> None:
    story = told(Story.request, Story.accept)
    refused(story, story.ship, OutOfTurn, "has not confirmed")


def test_a_supply_is_confirmed_once() -> None:
    story = told(Story.request, Story.accept, Story.confirm)
    refused(story, story.confirm, OutOfTurn, "the one WillSupply")


def test_a_confirmation_names_the_promise_of_this_place() -> None:
    story = told(Story.request, Story.accept)
    promise = story.last
    for step in (story.cancel, lambda: story.request(SECOND), story.accept):
        step()
    refused(story, lambda: story.ask(Action.SUPPLY_CONFIRMED, HOME, promise), OutOfTurn, "the one WillSupply")


@pytest.mark.parametrize("impostor", [PICKUP, SUPPLIER, THIRD])
@pytest.mark.parametrize("action", [Action.SUPPLY_CONFIRMED, Action.CANCEL, Action.RENEW])
def test_only_the_home_library_confirms_cancels_and_renews(impostor: AgencyId, action: Action) -> None:
    story = collected() if action is Action.RENEW else told(Story.request, Story.accept)
    refused(story, lambda: story.ask(action, impostor, story.loan.will_supply), WrongRole, "only the home library")


def test_a_dispatch_names_the_copy_and_its_due_date() -> None:
    story = told(Story.request, Story.accept, Story.confirm)
    refused(story, lambda: story.supply(SupplierStatus.LOANED, barcode=BARCODE), OutOfTurn, "its due date")
    refused(story, lambda: story.supply(SupplierStatus.LOANED), OutOfTurn, "names the copy")


def test_no_second_supplier_is_asked_before_the_first_one_s_place_has_ended() -> None:
    story = told(Story.request)
    refused(story, lambda: story.request(SECOND), OutOfTurn, "what ended the place before")


def test_no_other_supplier_is_asked_once_a_supply_is_confirmed() -> None:
    story = told(Story.request, Story.accept, Story.confirm, Story.cancel)
    refused(story, lambda: story.request(SECOND), OutOfTurn, "what ended the place before")


def test_a_place_of_the_rota_is_asked_once() -> None:
    story = told(Story.request, Story.unfilled)
    again = story.said[-2][0].body.model_copy(update={"previous": story.loan.ended_by})
    refused(story, lambda: story.say(MessageType.REQUEST, HOME, SECOND, again), OutOfTurn, "has been asked")


@pytest.mark.parametrize("changes", [
    {"quote": QUOTE.model_copy(update={"fee_fen": 1})},
    {"pickup": PickupPoint(agency=THIRD, point="别处")},
    {"reservation": "ab" * 32},
])
def test_a_request_repeats_what_the_order_says(changes: dict[str, object]) -> None:
    story = reserved()
    body = told(Story.request).said[-1][0].body
    wrong = body.model_copy(update={"reservation": story.loan.reservation, **changes})
    refused(story, lambda: story.say(MessageType.REQUEST, HOME, SUPPLIER, wrong), OutOfTurn, "is not the order's")


def test_a_reservation_is_asked_for_the_order_s_quote() -> None:
    story = ordered()
    dearer = ReservationAsked(quote=QUOTE.model_copy(update={"guarantee_fen": 1}))
    refused(story, lambda: story.say(MessageType.RESERVATION_ASKED, HOME, CLEARING, dearer, story.last), OutOfTurn,
            "not the order's")


def test_a_confirmed_reservation_is_not_given_back_while_the_copy_may_be_on_its_way() -> None:
    story = told(Story.request, Story.accept, Story.confirm)
    refused(story, story.release, OutOfTurn, "may be on its way")


@pytest.mark.parametrize("src", [PICKUP, SUPPLIER, THIRD])
def test_only_the_home_library_gives_the_reservation_back(src: AgencyId) -> None:
    story = told(Story.request, Story.unfilled)
    body = told(Story.request, Story.unfilled, Story.release).said[-1][0].body
    refused(story, lambda: story.say(MessageType.RESERVATION_RELEASED, src, CLEARING, body, story.last), WrongRole,
            "not these in this loan")


@pytest.mark.parametrize("liar", [HOME, PICKUP, SECOND, THIRD])
@pytest.mark.parametrize("status", [SupplierStatus.WILL_SUPPLY, SupplierStatus.UNFILLED])
def test_nobody_but_the_supplier_asked_answers_a_request(liar: AgencyId, status: SupplierStatus) -> None:
    story = told(Story.request)
    body = SupplyingAgencyMessage(reason_for_message=ReasonForMessage.REQUEST_RESPONSE, status=status)
    refused(story, lambda: story.say(MessageType.SUPPLYING_AGENCY_MESSAGE, liar, HOME, body, story.last), WrongRole,
            "not these in this loan")


CUSTODY: list[tuple[Custody, AgencyId, str]] = [
    (C.PICKUP_POINT, THIRD, "is signed by"),
    (C.PICKUP_POINT, HOME, "is signed by"),
    (C.LOCKER, SECOND, "is signed by"),
    (C.READER, PICKUP, "does not take over"),
    (C.RETURNED_AT, PICKUP, "does not take over"),
    (C.IN_TRANSIT, PICKUP, "does not take over"),
    (C.IN_TRANSIT_BACK, PICKUP, "does not take over"),
    (C.SUPPLIER, THIRD, "is signed by"),
]


@pytest.mark.parametrize(("holder", "by", "why"), CUSTODY)
def test_a_copy_in_transit_is_taken_over_by_the_pickup_library_or_comes_home(holder: Custody, by: AgencyId,
                                                                            why: str) -> None:
    story = shipped()
    refused(story, lambda: story.take(holder, by), (OutOfTurn, WrongRole), why)


def test_a_receipt_names_the_copy_that_was_sent() -> None:
    story = shipped()
    wrong = CustodyReceipt(barcode=ItemBarcode("31000099999999"), holder=C.PICKUP_POINT, place="柜台",
                           condition=Condition.WRONG_ITEM, happened_at=NOW)
    refused(story, lambda: story.say(MessageType.CUSTODY_RECEIPT, PICKUP, SUPPLIER, wrong, story.last), OutOfTurn,
            "another copy")


def test_a_supplier_tells_the_home_library_and_not_itself_that_the_copy_is_back() -> None:
    story = shipped()
    body = CustodyReceipt(barcode=BARCODE, holder=C.SUPPLIER, place="柜台", happened_at=NOW)
    refused(story, lambda: story.say(MessageType.CUSTODY_RECEIPT, SUPPLIER, SUPPLIER, body, story.last), WrongRole,
            "not these in this loan")


@pytest.mark.parametrize("src", [HOME, PICKUP])
def test_a_return_is_shipped_by_the_library_that_holds_the_copy(src: AgencyId) -> None:
    story = collected()
    story.take(C.RETURNED_AT, THIRD)
    refused(story, lambda: story.ask(Action.SHIPPED_RETURN, src), OutOfTurn, "only the library that holds the copy")


def test_a_return_is_not_shipped_while_the_reader_has_the_copy() -> None:
    story = collected()
    refused(story, lambda: story.ask(Action.SHIPPED_RETURN, PICKUP), OutOfTurn, "only the library that holds the copy")


@pytest.mark.parametrize("place", [shipped, collected])
def test_a_loan_is_completed_when_the_copy_is_back(place: Callable[[], Story]) -> None:
    story = place()
    refused(story, story.complete, OutOfTurn, "not back")


def test_a_copy_that_has_come_home_is_not_charged_as_lost() -> None:
    story = collected()
    story.take(C.SUPPLIER, SUPPLIER)
    refused(story, story.lose, OutOfTurn, "is back")


def test_after_the_end_nothing_happens_any_more() -> None:
    story = collected()
    story.lose()
    for step in (story.complete, story.lose, story.cancel, lambda: story.take(C.RETURNED_AT, THIRD), story.release):
        refused(story, step, OutOfTurn, "not in the table|has ended")


def test_a_reader_s_wish_is_heard_in_every_status() -> None:
    story = collected()
    story.lose()
    wish = OrderAmendment(session="s", signed_amendment=AmendmentAction.RENEW)
    story.say(MessageType.ORDER_AMENDMENT, CLEARING, HOME, wish)
    assert story.loan.outcome is Outcome.LOST


# beginnings


def test_a_loan_begins_with_an_order_or_away_from_home_with_a_request() -> None:
    story = told(Story.request)
    request, hash_ = story.said[-1]
    loan = advance(open_loan(request, hash_), request, hash_)
    assert (loan.status, loan.supplier, loan.home, loan.order) == (S.REQUEST_RECEIVED, SUPPLIER, HOME, None)


def test_a_second_supplier_s_loan_begins_with_its_own_request() -> None:
    story = told(Story.request, Story.unfilled, lambda story: story.request(SECOND))
    request, hash_ = story.said[-1]
    loan = advance(open_loan(request, hash_), request, hash_)
    assert (loan.supplier, loan.position, loan.former) == (SECOND, 1, ())


@pytest.mark.parametrize("step", [Story.accept, Story.confirm, Story.cancel, Story.unfilled])
def test_nothing_else_begins_a_loan(step: Callable[[Story], object]) -> None:
    story = told(Story.request, Story.accept)
    if step not in (Story.accept, Story.unfilled):
        step(story)
    message, hash_ = story.said[-1]
    with pytest.raises(OutOfTurn, match="begins with an Order"):
        open_loan(message, hash_)


def test_an_order_that_names_no_loan_begins_none() -> None:
    message, hash_ = ordered().said[0]
    with pytest.raises(OutOfTurn, match="begins with an Order"):
        open_loan(message.model_copy(update={"conv": None}), hash_)


def test_a_copy_is_shown_to_others_only_while_a_reader_has_it() -> None:
    story = shipped()
    assert open_copy(story.loan) is None
    story.take(C.PICKUP_POINT, PICKUP)
    assert open_copy(story.loan) is None
    story.take(C.READER, PICKUP)
    found = open_copy(story.loan)
    assert (found.owner, found.home, found.last, found.title) == (SUPPLIER, HOME, story.last, "红楼梦")
    story.take(C.RETURNED_AT, THIRD)
    assert open_copy(story.loan) is None


def test_a_third_library_folds_the_return_from_what_it_may_know() -> None:
    story = collected()
    known = loan_of_copy(open_copy(story.loan))
    story.take(C.RETURNED_AT, THIRD)
    moved = advance(known, *story.said[-1])
    assert (moved.custody, moved.holder, moved.quote, moved.order) == (C.RETURNED_AT, THIRD, None, None)


@pytest.mark.parametrize(("src", "dst", "hear"), [
    (HOME, SUPPLIER, (PICKUP, THIRD)), (SUPPLIER, HOME, (PICKUP, THIRD)), (THIRD, SUPPLIER, (HOME, PICKUP)),
    (PICKUP, SUPPLIER, (HOME, THIRD)),
])
def test_whoever_is_concerned_and_not_an_end_of_a_message_hears_it(src: AgencyId, dst: AgencyId,
                                                                   hear: tuple[AgencyId, ...]) -> None:
    story = collected()
    story.take(C.RETURNED_AT, THIRD)
    assert copies_of(story.loan, src, dst) == hear


def test_an_agency_is_told_once_though_it_plays_two_parts() -> None:
    loan = Loan(ordered().conv, HOME, POINT.model_copy(update={"agency": HOME}), holder=HOME)
    assert copies_of(loan, SUPPLIER, SECOND) == (HOME,)


def test_the_story_says_what_the_tests_mean() -> None:
    assert isinstance(told(Story.request).said[-1][0].body, Request)
    assert isinstance(told(Story.request, Story.cancel).said[-1][0].body, RequestingAgencyMessage)
