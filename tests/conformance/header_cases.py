"""Vectors for the signed header: to whom, when, under which directory, and in which part of a key's life."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from schemas.identifiers import MessageHash
from tests.conformance.door import DAY, DIRECTORY, KEY, SUZHOU, Case, position
from tests.trust.samples import GATEWAY, NOW, SOME_HASH, YANGPU, control, custody_receipt, signing_key
from trust.envelope import seal

SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


def cases() -> Iterator[Case]:
    yield _receipt("good_copy", "I am among the copies", dst=GATEWAY, copies=(YANGPU,))
    yield _receipt("to_somebody_else", "neither dst nor among the copies", "wrong_destination", dst=SUZHOU)
    yield Case("good_for_a_relay", "whoever passes mail on opens what is addressed to others",
               seal(custody_receipt(DIRECTORY, dst=SUZHOU), KEY).envelope, relay=True)
    yield _receipt("good_older_directory", "signed under an older directory", dir=(0, SOME_HASH))
    yield _receipt("newer_directory", "a version that is not known here", "newer_directory", dir=(2, SOME_HASH))
    yield _receipt("other_directory", "the known version with another hash", "directory_mixed", dir=(1, SOME_HASH))
    yield from _times()
    yield from _numbers()


def _times() -> Iterator[Case]:
    yield _receipt("good_120_s_ahead", "as far ahead as a clock may be", created=NOW + 120 * SECOND)
    yield _receipt("just_over_120_s_ahead", "a microsecond more", "from_the_future",
                   created=NOW + 120 * SECOND + MICROSECOND)
    yield _receipt("three_minutes_ahead", "a clock that is wrong", "from_the_future", created=NOW + 180 * SECOND)
    yield _receipt("good_past_business_date", "the expires of a durable message is a business date",
                   expires=NOW - DAY)
    yield _control("good_control", "a control message has no number and a second left", expires=NOW + SECOND)
    yield _control("expired", "expires is the first moment at which it counts no more", "expired", expires=NOW)


def _numbers() -> Iterator[Case]:
    yield _receipt("durable_without_number", "a durable message stands in a stream", "stream_broken", stream=None)
    yield _receipt("on_another_channel", "a custody receipt is numbered on loan", "stream_broken",
                   stream=position(channel="money"))
    yield _control("control_with_a_number", "a control message stands in no stream", "stream_broken",
                   stream=position())
    yield _control("expired_with_a_number", "a number must not keep a control message from expiring",
                   "stream_broken", stream=position(), expires=NOW - DAY)
    yield _receipt("good_any_place", "which number is next, the receiver's own head decides: see streams.json",
                   stream=position(epoch=7, seq=99, prev=MessageHash("cd" * 32)))


def key_lives() -> Iterator[Case]:
    yield _by("revoked", "revoked", "a revoked key signs no more, whatever the message's date", "key_revoked",
              created=NOW - 20 * DAY)
    yield _by("retired", "good_retired", "what a retired key signed in its time still counts", created=NOW - 2 * DAY)
    yield _by("retired", "retired_too_late", "signed after its time", "key_not_valid_now")
    yield _by("not yet", "not_yet", "a key before its time", "key_not_valid_now")
    yield _by("in a minute", "good_in_a_minute", "the key's time has begun on the sender's clock, which is ahead",
              created=NOW + timedelta(minutes=1))
    yield _by("in a minute", "in_a_minute_too_early", "created before the key's time", "key_not_valid_now")
    yield _by("signed out", "good_in_flight", "signed in time, on its way while the key was replaced",
              created=NOW - DAY)
    yield _by("signed out", "signed_out", "signed when the key signs no more", "key_not_valid_now")
    yield _by("over", "over", "its signatures count no more", "key_not_valid_now", created=NOW - 20 * DAY)


def _receipt(name: str, about: str, code: str = "", **changes: Any) -> Case:
    return Case(name, about, seal(custody_receipt(DIRECTORY, **changes), KEY).envelope, code)


def _control(name: str, about: str, code: str = "", **changes: Any) -> Case:
    return Case(name, about, seal(control(DIRECTORY, **changes), KEY).envelope, code)


def _by(key: str, name: str, about: str, code: str = "", **changes: Any) -> Case:
    sealed = seal(custody_receipt(DIRECTORY, src=SUZHOU, **changes), signing_key(f"{SUZHOU} {key}"))
    return Case(name, about, sealed.envelope, code)
