"""Two clocks compared: from 30 seconds a person is told, from five minutes nothing is signed."""

from datetime import timedelta

import pytest

from tests.trust.samples import NOW
from trust.clocks import ClockState, Reading


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("seconds", "state"), [
    (0, ClockState.RIGHT), (30, ClockState.RIGHT), (31, ClockState.OFF), (300, ClockState.OFF),
    (301, ClockState.WRONG), (86_400 * 400, ClockState.WRONG),
])
def test_a_clock_is_right_off_or_wrong_either_way(seconds: int, state: ClockState, sign: int) -> None:
    reading = Reading(NOW + timedelta(seconds=sign * seconds), NOW)
    assert (reading.state, reading.ahead_seconds) == (state, sign * seconds)


def test_a_reading_says_both_times_and_the_difference() -> None:
    assert str(Reading(NOW - timedelta(minutes=7), NOW)) == (
        "the clock here says 2026-12-01T07:53:00Z, the gateway's 2026-12-01T08:00:00Z: 420 s behind")
