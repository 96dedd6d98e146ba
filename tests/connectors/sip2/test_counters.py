import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sip2.counters import LATENCY_CLASSES_SECONDS, Counters


def test_tolerances_are_counted_by_message_and_name_and_passed_on() -> None:
    heard: list[tuple[str, str]] = []
    counters = Counters(lambda *found: heard.append(found))
    for _ in range(3):
        counters.count("64", "final_delimiter_missing")
    counters.count("", "UnknownMessage")
    assert counters.quality().counts == {("64", "final_delimiter_missing"): 3, ("", "UnknownMessage"): 1}
    assert len(heard) == 4


def test_latencies_tell_mean_median_tail_and_longest() -> None:
    counters = Counters()
    for _ in range(98):
        counters.took("17", 0.003)
    counters.took("17", 0.9)
    counters.took("17", 60.0)
    latency = counters.quality().latencies["17"]
    assert (latency.count, latency.median_seconds, latency.p99_seconds) == (100, 0.004, 1.024)
    assert latency.max_seconds == 60.0
    assert latency.mean_seconds == pytest.approx((98 * 0.003 + 60.9) / 100)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_a_quantile_is_never_below_what_it_stands_for_nor_above_the_longest(seconds: list[float]) -> None:
    counters = Counters()
    for each in seconds:
        counters.took("11", each)
    latency = counters.quality().latencies["11"]
    median = sorted(seconds)[(len(seconds) - 1) // 2]
    assert median <= latency.median_seconds <= latency.p99_seconds <= latency.max_seconds == max(seconds)


def test_what_was_given_out_does_not_change_and_nothing_is_kept_per_message() -> None:
    counters = Counters()
    counters.took("17", LATENCY_CLASSES_SECONDS[0])
    before = counters.quality()
    counters.took("17", 1.0)
    assert before.latencies["17"].count == 1
