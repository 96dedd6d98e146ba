"""The text exposition format: what a scraper reads is what a status said, whatever its labels hold."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trust.samples import HANGZHOU, NOW, YANGPU, Published, agency, key_record, sample_directory, signing_key
from trust.metrics import Kind, Metric, by, exposition, one, seconds_until
from trust.standing import standing, standing_metrics

SAMPLE = re.compile(r'([a-z_][a-z0-9_]*)(?:\{(.*)\})? (-?[0-9.e+-]+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
KEY = signing_key("own")


def read(text: str) -> dict[tuple[str, ...], float]:
    """Read samples as a scraper does; a line that is none fails."""
    found = {}
    for line in text.split("\n")[:-1]:
        if not line.startswith(("# HELP ", "# TYPE ")):
            matched = SAMPLE.fullmatch(line)
            assert matched, line
            name, labels, value = matched.groups()
            values = [re.sub(r'\\(.)', lambda m: {"n": "\n"}.get(m[1], m[1]), text) for _, text in
                      LABEL.findall(labels or "")]
            found[name, *values] = float(value)
    return found


def metric(samples, told="Help."):
    return Metric("delta_x", Kind.GAUGE, told, lambda status, _now: samples(status))


def test_a_metric_has_help_type_and_samples():
    text = exposition([metric(lambda status: by("city", status))], {"杭州": 2, "上海": 1.5}, NOW)
    assert text == ('# HELP delta_x Help.\n# TYPE delta_x gauge\n'
                    'delta_x{city="上海"} 1.5\ndelta_x{city="杭州"} 2\n')


@pytest.mark.parametrize(("value", "shown"), [(True, "1"), (False, "0"), (0, "0"), (10**12 + 1, "1000000000001"),
                                              (-3, "-3"), (0.25, "0.25")])
def test_a_number_is_written_whole(value, shown):
    assert exposition([metric(one)], value, NOW).endswith(f"\ndelta_x {shown}\n")


def test_what_is_not_known_is_left_out():
    assert exposition([metric(one)], None, NOW).endswith("gauge\n")


@given(st.dictionaries(st.text(), st.integers(-10**12, 10**12), max_size=4))
def test_no_label_breaks_out_of_its_quotes(values):
    text = exposition([metric(lambda status: by("label", status), 'a "help"\nwith \\')], values, NOW)
    assert read(text) == {("delta_x", name): value for name, value in values.items()}
    assert text.count("\n") == 2 + len(values)


def test_seconds_are_counted_from_the_moment_that_is_given():
    assert seconds_until((NOW + timedelta(hours=1)).isoformat(), NOW) == 3600
    assert seconds_until((NOW - timedelta(seconds=1)).isoformat(), NOW) == -1
    assert seconds_until(None, NOW) is None


def test_a_members_standing_is_measured():
    keys = (key_record(KEY.verifying, sign_until=NOW + timedelta(days=20)),)
    other = agency(HANGZHOU, keys=(key_record(signing_key("other").verifying, sign_until=NOW - timedelta(days=1)),))
    directory = Published(directory=sample_directory(agency(YANGPU, keys=keys), other), version=3).accept()
    status = {"own": standing(directory, YANGPU, {KEY.key_id}, NOW, everybody=True)}
    found = read(exposition(standing_metrics("own"), status, NOW))
    own = ("sign", KEY.key_id)
    assert found == {
        ("delta_directory_version",): 3, ("delta_directory_valid_seconds",): 30 * 86_400,
        ("delta_expiry_warnings", "0"): 1, ("delta_expiry_warnings", "30"): 1, ("delta_expiry_warnings", "7"): 0,
        ("delta_expiry_warnings", "90"): 0, ("delta_key_last_signature_days", *own): 20,
        ("delta_key_in_use", *own): 1, ("delta_key_here", *own): 1}
