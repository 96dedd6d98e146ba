"""Associations: the order of APDUs is one table, and an answer finds its question."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.z3950 import codec
from connectors.z3950.apdu import (
    Apdu,
    Close,
    CloseReason,
    InitRequest,
    InitResponse,
    PresentRequest,
    PresentResponse,
    SearchRequest,
    SearchResponse,
    Segment,
)
from connectors.z3950.ber import Limits
from connectors.z3950.errors import OutOfTurn, TooLarge, UnsupportedApdu, WrongReference, Z3950Error
from connectors.z3950.query import Term, encode_query
from connectors.z3950.record import NamePlusRecord, bib1
from connectors.z3950.session import TRANSITIONS, OriginSession, State, TargetSession

BITS = frozenset({0, 1, 2})
INIT = InitRequest(protocol_version=BITS, options=BITS, preferred_message_size=1, exceptional_record_size=1)
SEARCH = SearchRequest(database_names=("Default",), query=encode_query(Term("x"), "utf-8"))
PRESENT = PresentRequest(result_set_start_point=1, number_of_records_requested=3)
FOUND = SearchResponse(result_count=5, number_of_records_returned=0, next_result_set_position=1, search_status=True)
CLOSE = Close(close_reason=CloseReason.FINISHED)


def accept(result: bool = True) -> InitResponse:
    return InitResponse(
        protocol_version=BITS, options=BITS, preferred_message_size=1, exceptional_record_size=1, result=result
    )


def presented(*names: str, reference_id: bytes | None = None) -> PresentResponse:
    return PresentResponse(
        reference_id=reference_id,
        number_of_records_returned=len(names),
        next_result_set_position=0,
        present_status=0,
        records=places(*names),
    )


def places(*names: str) -> tuple[NamePlusRecord, ...]:
    return tuple(NamePlusRecord(name=name, record=bib1(14)) for name in names)


def open_pair() -> tuple[OriginSession, TargetSession]:
    origin, target = OriginSession(Limits()), TargetSession(Limits())
    exchange(origin, target, INIT, accept())
    return origin, target


def exchange(origin: OriginSession, target: TargetSession, request: Apdu, response: Apdu) -> Apdu | None:
    target.feed(origin.request(request))
    received = target.next()
    assert received is not None
    origin.feed(target.answer(received, response))
    return origin.next()


def test_a_whole_association_ends_closed_on_both_sides():
    origin, target = open_pair()
    assert origin.state is target.state is State.OPEN
    assert isinstance(exchange(origin, target, SEARCH, FOUND), SearchResponse)
    target.feed(origin.close(CloseReason.FINISHED))
    request = target.next()
    assert isinstance(request, Close)
    origin.feed(target.answer(request, CLOSE))
    assert isinstance(origin.next(), Close)
    assert origin.state is target.state is State.CLOSED
    assert origin.close(CloseReason.FINISHED) == b""


def test_a_refused_origin_may_try_again():
    origin, target = OriginSession(Limits()), TargetSession(Limits())
    exchange(origin, target, INIT, accept(result=False))
    assert origin.state is target.state is State.START
    exchange(origin, target, INIT, accept())
    assert origin.state is target.state is State.OPEN


def test_every_state_is_in_the_table():
    assert set(TRANSITIONS) == set(State)


def test_nobody_searches_before_init():
    with pytest.raises(OutOfTurn, match="SearchRequest may not come in the state START"):
        OriginSession(Limits()).request(SEARCH)
    target = TargetSession(Limits())
    target.feed(codec.encode(SEARCH))
    with pytest.raises(OutOfTurn):
        target.next()


def test_a_response_is_not_the_origins_to_send():
    _, target = open_pair()
    target.feed(codec.encode(FOUND))
    with pytest.raises(OutOfTurn, match="not the peer's to send"):
        target.next()


def test_an_unknown_apdu_is_named():
    _, target = open_pair()
    target.feed(bytes.fromhex("bc 00"))
    with pytest.raises(UnsupportedApdu):
        target.next()


def test_pipelined_requests_are_answered_by_reference_id_in_any_order():
    origin, target = open_pair()
    target.feed(origin.request(SEARCH) + origin.request(PRESENT))
    search, present = target.next(), target.next()
    assert search is not None
    assert present is not None
    origin.feed(target.answer(present, presented("a")) + target.answer(search, FOUND))
    assert [type(origin.next()), type(origin.next())] == [PresentResponse, SearchResponse]


def test_a_target_that_echoes_no_reference_id_is_understood():
    origin, target = open_pair()
    origin.request(SEARCH)
    origin.feed(target.send(FOUND))
    assert isinstance(origin.next(), SearchResponse)


@pytest.mark.parametrize("response", [presented("a"), presented("a", reference_id=b"99"), accept()])
def test_an_answer_to_another_question_is_refused(response: Apdu):
    origin, _ = open_pair()
    origin.request(SEARCH)
    origin.feed(codec.encode(response))
    with pytest.raises((WrongReference, OutOfTurn)):
        origin.next()


def test_segments_come_joined_to_their_present_response():
    origin, target = open_pair()
    origin.request(PRESENT)
    origin.feed(target.send(Segment(number_of_records_returned=2, segment_records=places("a", "b"))))
    assert origin.next() is None
    origin.feed(target.send(presented("c")))
    response = origin.next()
    assert isinstance(response, PresentResponse)
    assert response.records == places("a", "b", "c")


def test_segments_without_end_are_refused():
    origin, target = open_pair()
    origin.request(PRESENT)
    origin.feed(target.send(Segment(number_of_records_returned=4, segment_records=places(*"abcd"))))
    with pytest.raises(TooLarge):
        origin.next()


@given(st.binary(max_size=200), st.integers(1, 7))
def test_garbage_in_an_association_raises_only_our_errors(data: bytes, size: int):
    for session in open_pair():
        with suppress(Z3950Error):
            for start in range(0, len(data), size):
                session.feed(data[start : start + size])
                while session.next() is not None:
                    pass
