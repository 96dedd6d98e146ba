import hashlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import MessageHash
from tests.trust.samples import NOW
from trust import errors
from trust.stream import (
    RESEND_NUMBERS_MAX,
    StreamHead,
    Verdict,
    advance,
    begin_epoch,
    follow,
    judge,
    missing,
    next_position,
    restart,
)


def sha(text):
    return MessageHash(hashlib.sha256(str(text).encode()).hexdigest())


def sent(count):
    """The positions and hashes of a sender's first messages, and its head."""
    head, messages = StreamHead(), []
    for number in range(count):
        messages.append((next_position(head, "loan"), sha(number)))
        head = advance(head, sha(number))
    return messages, head


MESSAGES, HEAD = sent(5)


def test_a_stream_in_order_is_fresh_and_both_ends_agree():
    head = StreamHead()
    for position, message in MESSAGES:
        assert judge(head, position, message) is Verdict.FRESH
        head = follow(head, position, message)
    assert head == HEAD


def test_a_replay_of_any_age_is_a_duplicate():
    assert {judge(HEAD, *message) for message in MESSAGES} == {Verdict.DUPLICATE}
    with pytest.raises(errors.Replayed):
        follow(HEAD, *MESSAGES[0])


def test_a_gap_names_the_number_to_ask_for():
    head = follow(StreamHead(), *MESSAGES[0])
    assert judge(head, *MESSAGES[3]) is Verdict.GAP
    with pytest.raises(errors.OutOfSequence) as caught:
        follow(head, *MESSAGES[3])
    assert caught.value.from_seq == 2
    assert caught.value.may_retry


def test_two_messages_for_one_place_break_the_stream():
    position, _ = MESSAGES[-1]
    assert judge(HEAD, position, sha("other")) is Verdict.BROKEN


def test_a_message_that_follows_another_history_breaks_the_stream():
    forked = next_position(advance(StreamHead(), sha("other")), "loan")
    head = follow(StreamHead(), *MESSAGES[0])
    assert judge(head, forked, sha("x")) is Verdict.BROKEN
    with pytest.raises(errors.StreamBroken):
        follow(head, forked, sha("x"))


def test_another_epoch_needs_a_reset():
    after = begin_epoch(HEAD, NOW)
    first = next_position(after, "loan")
    assert judge(HEAD, first, sha("a")) is Verdict.NEW_EPOCH
    assert judge(after, *MESSAGES[2]) is Verdict.OLD_EPOCH
    assert judge(after, first, sha("a")) is Verdict.FRESH
    with pytest.raises(errors.EpochNotReset):
        follow(HEAD, first, sha("a"))


@given(st.lists(st.integers(0, 4), max_size=30))
def test_whatever_the_hub_repeats_drops_or_reorders_only_the_true_order_is_taken(order):
    head, taken = StreamHead(), []
    for number in order:
        if judge(head, *MESSAGES[number]) is Verdict.FRESH:
            head = follow(head, *MESSAGES[number])
            taken.append(number)
    assert taken == list(range(len(taken)))


def test_a_reset_begins_a_later_epoch_and_never_the_same_or_an_older_one():
    assert restart(HEAD, 3) == StreamHead(epoch=3)
    for epoch in (0, 1, 2, 3):
        with pytest.raises(errors.Replayed):
            restart(StreamHead(epoch=3), epoch)


def test_what_is_missing_lies_between_the_head_and_the_next_known_number():
    assert missing(HEAD, HEAD.seq + 4) == (HEAD.seq + 1, HEAD.seq + 3)


def test_of_a_long_gap_the_first_numbers_are_asked_for():
    first, last = missing(HEAD, 10_000)
    assert (first, last - first + 1) == (HEAD.seq + 1, RESEND_NUMBERS_MAX)


def test_a_sender_that_was_restored_from_an_old_copy_never_begins_an_epoch_twice():
    first = begin_epoch(HEAD, NOW)
    assert begin_epoch(HEAD, NOW + timedelta(minutes=1)).epoch > first.epoch
    assert begin_epoch(first, NOW).epoch == first.epoch + 1
