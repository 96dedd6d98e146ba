"""The tables of a loan: nothing is missing from them, and each message is one event."""

import pytest

from schemas.lending import (
    Action,
    Custody,
    ReasonForMessage,
    RequestingAgencyMessage,
    SupplierStatus,
    SupplyingAgencyMessage,
)
from schemas.lifecycle import HANDOVERS, RETURN_FROM, TRANSITIONS, Event, LoanStatus, event_of
from schemas.messages import MessageType
from tests.schemas.loan_story import HOME, SUPPLIER, Story, reserved

ENDS = {LoanStatus.LOAN_COMPLETED, LoanStatus.COMPLETED_WITHOUT_RETURN, LoanStatus.REFUSED}
NO_STATE_OF_A_COPY = {SupplierStatus.CANCELLED}


def test_every_status_has_its_row() -> None:
    assert set(TRANSITIONS) == set(LoanStatus)


def test_every_custody_has_its_row() -> None:
    assert set(HANDOVERS) == set(Custody)


def test_every_event_happens_somewhere_but_the_order_that_begins_a_loan() -> None:
    assert {event for row in TRANSITIONS.values() for event in row} == set(Event) - {Event.ORDERED}


def test_every_status_can_be_reached_from_an_order() -> None:
    reached, ahead = set(), [LoanStatus.ORDERED]
    while ahead:
        status = ahead.pop()
        if status not in reached:
            reached.add(status)
            ahead += TRANSITIONS[status].values()
    assert reached == set(LoanStatus)


@pytest.mark.parametrize("status", sorted(set(LoanStatus) - ENDS))
def test_no_status_is_a_dead_end_but_the_ends(status: LoanStatus) -> None:
    assert set(TRANSITIONS[status].values()) - {status} or Event.RELEASED in TRANSITIONS[status]


@pytest.mark.parametrize("status", sorted(ENDS))
def test_at_an_end_nothing_happens_but_a_reader_s_wish_that_came_too_late(status: LoanStatus) -> None:
    assert set(TRANSITIONS[status]) == {Event.AMENDED}


def test_every_custody_can_be_left_and_a_copy_can_always_come_home() -> None:
    for custody in set(Custody) - {Custody.SUPPLIER}:
        seen, ahead = set(), [custody]
        while ahead:
            here = ahead.pop()
            if here not in seen:
                seen.add(here)
                ahead += HANDOVERS[here] | ({Custody.IN_TRANSIT_BACK} if here in RETURN_FROM else set())
        assert Custody.SUPPLIER in seen, custody


def test_a_copy_leaves_its_library_by_a_signed_dispatch_and_by_no_receipt() -> None:
    assert HANDOVERS[Custody.SUPPLIER] == frozenset()
    assert all(Custody.IN_TRANSIT not in row and Custody.IN_TRANSIT_BACK not in row for row in HANDOVERS.values())


def supplier_says(reason: ReasonForMessage, status: SupplierStatus, answer: bool | None = None) -> Event:
    story = reserved()
    story.request()
    body = SupplyingAgencyMessage(reason_for_message=reason, status=status, answer=answer)
    return event_of(_message(story, MessageType.SUPPLYING_AGENCY_MESSAGE, SUPPLIER, HOME, body))


def _message(story: Story, kind, src, dst, body):
    story.say(MessageType.REQUESTING_AGENCY_MESSAGE, HOME, SUPPLIER,
              RequestingAgencyMessage(action=Action.NOTIFICATION), story.last)
    return story.said[-1][0].model_copy(update={"type": kind, "src": src, "dst": dst, "body": body})


@pytest.mark.parametrize("status", sorted(set(SupplierStatus) - NO_STATE_OF_A_COPY))
def test_each_status_a_supplier_states_is_an_event_of_its_own(status: SupplierStatus) -> None:
    assert supplier_says(ReasonForMessage.STATUS_CHANGE, status) is not Event.NOTED
    assert supplier_says(ReasonForMessage.STATUS_CHANGE, status) is supplier_says(ReasonForMessage.REQUEST_RESPONSE,
                                                                                  status)


@pytest.mark.parametrize(("reason", "answer", "event"), [
    (ReasonForMessage.RENEW_RESPONSE, True, Event.RENEWED),
    (ReasonForMessage.RENEW_RESPONSE, False, Event.RENEW_REFUSED),
    (ReasonForMessage.RENEW_RESPONSE, None, Event.NOTED),
    (ReasonForMessage.CANCEL_RESPONSE, True, Event.CANCEL_AGREED),
    (ReasonForMessage.CANCEL_RESPONSE, False, Event.CANCEL_REFUSED),
    (ReasonForMessage.NOTIFICATION, None, Event.NOTED),
])
def test_an_answer_is_read_by_its_reason_and_not_by_the_status_beside_it(
        reason: ReasonForMessage, answer: bool | None, event: Event) -> None:
    assert supplier_says(reason, SupplierStatus.LOANED, answer) is event


@pytest.mark.parametrize("action", Action)
def test_each_action_is_an_event(action: Action) -> None:
    story = reserved()
    story.request()
    message = _message(story, MessageType.REQUESTING_AGENCY_MESSAGE, HOME, SUPPLIER,
                       RequestingAgencyMessage(action=action))
    assert isinstance(event_of(message), Event)
