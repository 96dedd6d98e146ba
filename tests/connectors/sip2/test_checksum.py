import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sip2.checksum import byte_sum
from connectors.sip2.codec import Codec
from connectors.sip2.profile import Checksum, Profile


@given(st.binary(max_size=3000))
def test_byte_sum_is_the_sum(data: bytes) -> None:
    assert byte_sum(data) == sum(data)


def test_byte_sum_is_exact_at_its_worst() -> None:
    assert byte_sum(b"\xff" * 100_000) == 255 * 100_000


# Messages of our own making with sums made by hand: one text, four ways to sum it.
TEXT = "101YNN20260101    120000AOYP|ABB1|AQ杨浦|AJ和珅传|"


@pytest.mark.parametrize(
    ("variant", "total"),
    [
        (Checksum.BYTES, sum(f"{TEXT}AY4AZ".encode())),
        (Checksum.CODE_POINTS, sum(map(ord, f"{TEXT}AY4AZ"))),
        (Checksum.CODE_POINTS_WITHOUT_TRAILER, sum(map(ord, TEXT[:-1]))),
    ],
)
def test_each_variant_verifies_its_own_sum_only(variant: Checksum, total: int) -> None:
    frame = f"{TEXT}AY4AZ{-total & 0xFFFF:04X}".encode()
    states = {each: Codec(Profile(checksum=each)).decode(frame).checksum for each in Checksum}
    assert states.pop(Checksum.NONE) == "absent"
    assert states.pop(variant) == "ok"
    assert set(states.values()) == {"bad"}


def test_characters_beyond_the_first_plane_count_as_two_units_without_the_trailer() -> None:
    text = "941AF𠮷|"
    total = sum(b"941AF") + 0xD842 + 0xDFB7
    codec = Codec(Profile(checksum=Checksum.CODE_POINTS_WITHOUT_TRAILER))
    assert codec.decode(f"{text}AY4AZ{-total & 0xFFFF:04X}".encode()).checksum == "ok"
