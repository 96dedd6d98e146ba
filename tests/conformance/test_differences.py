"""Two implementations, any bytes: whatever is changed in an envelope or in what it says, both give one answer."""

import re
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conformance.door import DIRECTORY, ENVELOPE, PAYLOAD, SEALED, receiver, signed
from tests.conformance.second import door
from tests.conformance.second.values import Refused
from tests.trust.samples import NOW, YANGPU
from trust.envelope import open_envelope
from trust.errors import EnvelopeRefused

GIVEN = receiver()
TOKEN = re.compile(rb'"[^"]*"|[{}\[\],:]|[^"{}\[\],:]+')
PIECES = st.sampled_from((
    b"", b"{", b"}", b"[", b"]", b",", b":", b"0", b"-0", b"-1", b"1.5", b"1e3", b"9007199254740991",
    b"9007199254740992", b"null", b"true", b'""', b'"x"', b'"loan"', b'"type"', b'"Resend"', b'"DELTA"', b" ", b"\t",
    b"\n", b"\x0b", b"\\", b'"\\u0041"', b'"\\n"', b"\xef\xbb\xbf", b"\xff", b"\xc2\xa0", b'"2026-12-01T08:00:00.5Z"',
    b'"2026-13-01T08:00:00Z"', b'"' + b"0" * 64 + b'"', b'"copies":["CN-SH-YANGPU"]', b'"cp":[0,"x"]',
))


@st.composite
def changed(draw: st.DrawFn, text: bytes) -> bytes:
    """Put, drop or replace a few tokens of a JSON text."""
    tokens = TOKEN.findall(text)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(tokens)))
        tokens[place:place + draw(st.integers(0, 2))] = [draw(PIECES)]
    return b"".join(tokens)


def ours(raw: bytes) -> str:
    try:
        return open_envelope(raw, DIRECTORY, now=NOW, me=YANGPU).hash
    except EnvelopeRefused as refused:
        return refused.code


def theirs(raw: bytes) -> str:
    try:
        return door.open_envelope(raw, GIVEN["directory"], NOW, YANGPU)[0]
    except Refused as refused:
        return refused.code


@settings(max_examples=400, deadline=timedelta(seconds=2))
@given(changed(PAYLOAD))
def test_any_payload(payload: bytes) -> None:
    raw = signed(payload)
    assert ours(raw) == theirs(raw)


@settings(max_examples=400, deadline=timedelta(seconds=2))
@given(changed(SEALED.envelope))
@example(SEALED.envelope.replace(ENVELOPE["payload"].encode(), b"\xc3\xa9"))
def test_any_envelope(raw: bytes) -> None:
    assert ours(raw) == theirs(raw)


@given(st.binary(max_size=200))
def test_any_signed_bytes(payload: bytes) -> None:
    raw = signed(payload)
    assert ours(raw) == theirs(raw)


def test_both_know_the_message_they_start_from() -> None:
    assert ours(SEALED.envelope) == theirs(SEALED.envelope) == SEALED.hash
