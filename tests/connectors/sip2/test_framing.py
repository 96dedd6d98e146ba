import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sip2.errors import FrameTooLong
from connectors.sip2.framing import FrameSplitter
from connectors.sip2.profile import Terminator

FRAMES = [b"9900802.00", b"1720060110    215612AOUWOLS|AB1|", "17東".encode("gbk")]


def whole(data: bytes, terminator: Terminator = Terminator.CR) -> list[bytes]:
    splitter = FrameSplitter(terminator)
    splitter.feed(data)
    return list(splitter.frames())


def byte_by_byte(data: bytes, terminator: Terminator = Terminator.CR) -> list[bytes]:
    splitter = FrameSplitter(terminator)
    found: list[bytes] = []
    for byte in data:
        splitter.feed(bytes([byte]))
        found += splitter.frames()
    return found


@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\n\r", b"\r\r", b"\r\n\r\n", b"\r\0"])
@pytest.mark.parametrize("feed", [whole, byte_by_byte])
def test_every_terminator_of_the_field_ends_a_frame(end: bytes, feed: object) -> None:
    assert feed(b"".join(frame + end for frame in FRAMES)) == FRAMES  # type: ignore[operator]


@pytest.mark.parametrize("feed", [whole, byte_by_byte])
def test_lf_alone_ends_a_frame_only_by_profile(feed: object) -> None:
    data = b"\n".join(FRAMES) + b"\n"
    assert feed(data, Terminator.LF) == FRAMES  # type: ignore[operator]
    assert feed(data) == []  # type: ignore[operator]


def test_noise_before_a_message_is_dropped() -> None:
    assert whole(b"\n\0  \xef\xbb\xbf97\r") == [b"97"]


@given(st.lists(st.binary(max_size=12) | st.sampled_from([b"\r", b"\n"]), max_size=12).map(b"".join))
def test_whole_and_byte_by_byte_agree(data: bytes) -> None:
    assert whole(data) == byte_by_byte(data)


def test_an_endless_frame_is_refused_once_and_dropped() -> None:
    splitter = FrameSplitter(limit_bytes=100)
    splitter.feed(b"97\r" + b"x" * 101)
    frames = splitter.frames()
    assert next(frames) == b"97"
    with pytest.raises(FrameTooLong, match="100 bytes"):
        next(frames)
    for _ in range(5):
        splitter.feed(b"x" * 200)
        assert list(splitter.frames()) == []
        assert len(splitter._buffer) == 0
    splitter.feed(b"tail\r9900802.00\r")
    assert list(splitter.frames()) == [b"9900802.00"]


def test_a_frame_beyond_the_limit_is_refused_with_its_terminator_too() -> None:
    splitter = FrameSplitter(limit_bytes=100)
    splitter.feed(b"x" * 101 + b"\r97\r")
    with pytest.raises(FrameTooLong):
        list(splitter.frames())
    assert list(splitter.frames()) == [b"97"]


def test_a_frame_of_one_mebibyte_passes() -> None:
    frame = b"64" + b"A" * ((1 << 20) - 2)
    assert whole(frame + b"\r") == [frame]
