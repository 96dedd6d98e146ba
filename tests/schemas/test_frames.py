"""Frames of the link: small JSON objects, bounded, and anything else is refused without being quoted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.frames import FRAME_BYTES_MAX, Frame, FrameKind, MalformedFrame, decode_frame
from tests.schemas.wire_strategies import bodies


@given(bodies(Frame))
def test_a_frame_comes_back_as_it_was_sent(frame: Frame) -> None:
    assert decode_frame(frame.encode()) == frame


@pytest.mark.parametrize("kind", FrameKind)
def test_a_frame_is_as_short_as_what_it_says(kind: FrameKind) -> None:
    assert json.loads(Frame(kind=kind).encode()) == {"kind": kind, "number": 0}


@pytest.mark.parametrize("text", [
    "", "null", "[]", "{}", '{"kind":"shout"}', '{"kind":"hello","number":-1}', '{"kind":"hello","number":1.0}',
    '{"kind":"hello","number":"1"}', '{"kind":"hello","number":9007199254740992}', '{"kind":"hello","also":1}',
    '{"kind":"hello","envelope":7}', '{"kind":"hello","envelope":"\\ud800"}', "{" * 10_000,
])
def test_what_is_no_frame_is_refused(text: str) -> None:
    for _ in range(2):
        with pytest.raises(MalformedFrame):
            decode_frame(text)


def test_a_frame_that_is_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(MalformedFrame, match=f"the limit is {FRAME_BYTES_MAX}"):
        decode_frame("x" * (FRAME_BYTES_MAX + 1))


def test_a_refusal_does_not_quote_the_frame() -> None:
    with pytest.raises(MalformedFrame) as refused:
        decode_frame('{"kind":"hello","pin":"271828"}')
    assert "271828" not in str(refused.value)


@given(st.text(max_size=60))
def test_garbage_is_a_malformed_frame_and_nothing_else(text: str) -> None:
    try:
        decode_frame(text)
    except MalformedFrame:
        return
    assert json.loads(text)["kind"] in set(FrameKind)
