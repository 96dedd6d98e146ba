"""The benchmarks' own arithmetic and shape; their figures are for ``make bench``."""

import json
from pathlib import Path
from random import Random

import pytest

from tests.benchmarks import soak_simulator, soak_sip2
from tests.benchmarks.__main__ import PARTS, RESULT, SOAK_PARTS, main
from tests.benchmarks.harness import QUICK, Effort, Line, as_document, as_table, percentile, race
from tests.benchmarks.sip2 import _servers

FIELDS = ["name", "unit", "ours", "reference", "reference_name", "ratio", "goal", "holds"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("unit", "ours", "reference", "ratio"),
    [("messages/s", 300, 100, 3), ("messages/s", 50, 100, 0.5), ("ms", 5, 20, 4), ("ms", 40, 20, 0.5),
     ("MB", 50, 100, 2)],
)
def test_a_ratio_above_one_is_better_for_rates_and_for_times(unit: str, ours: float, reference: float, ratio: float):
    assert Line("x", unit, ours, reference, "peer").ratio == ratio


@pytest.mark.parametrize(("goal", "holds"), [(None, None), (2.9, True), (3, True), (3.1, False)])
def test_a_goal_is_the_least_ratio(goal: float | None, holds: bool | None):
    assert Line("x", "messages/s", 300, 100, "peer", goal).holds is holds


@pytest.mark.parametrize(("unit", "ours", "holds"), [("ms", 19, True), ("ms", 21, False), ("records/s", 21, True)])
def test_a_fixed_goal_is_its_own_reference(unit: str, ours: float, holds: bool):
    line = Line.within("x", unit, ours, 20)
    assert (line.reference, line.reference_name, line.goal, line.holds) == (20, "goal", 1, holds)


def test_a_figure_of_zero_is_still_a_number_in_json():
    assert json.loads(as_document([Line("x", "ms", 0, 20, "peer")]))[0]["ratio"] > 1e6


def test_the_document_has_the_fields_in_their_order_and_null_where_there_is_no_goal():
    first, second = json.loads(as_document([Line("a", "ms", 1, 3, "peer"), Line("b", "ms", 1, 3, "peer", 2.0)]))
    assert list(first) == list(second) == FIELDS
    assert (first["ratio"], first["goal"], first["holds"]) == (3, None, None)
    assert (second["goal"], second["holds"]) == (2, True)


def test_the_table_is_aligned_and_says_what_was_missed():
    table = as_table([Line("a", "messages/s", 12345, 1, "peer", 2), Line("longer", "ms", 3, 1, "another", 2.0)])
    head, first, second = table.splitlines()
    assert "holds" in first
    assert "missed" in second
    assert head.index("unit") == first.index("messages/s") == second.index("ms")


def test_a_race_counts_calls():
    calls = [0, 0]

    def count(place: int) -> None:
        calls[place] += 1

    rates = race(QUICK, lambda: count(0), lambda: count(1))
    assert all(rate > 100 for rate in rates)
    assert all(calls)


def test_a_percentile_is_one_of_the_values():
    assert [percentile(range(1, 101), share) for share in (0, 0.5, 0.95, 1)] == [1, 50, 95, 100]


@pytest.mark.parametrize("arguments", [["nonsense"], ["sip2", "nonsense"], ["--soak", "envelope"]])
def test_an_unknown_part_is_refused_before_anything_runs(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "choose from" in captured.err
    assert not RESULT.exists()


def test_every_part_has_its_module():
    folder = Path(__file__).parent / "benchmarks"
    assert all((folder / f"{module}.py").exists() for module in (*PARTS.values(), *SOAK_PARTS.values()))


def test_small_parts_run_and_write_their_lines(capsys: pytest.CaptureFixture[str]):
    assert main(["envelope", "marc", "--json"], QUICK) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads(RESULT.read_text("utf-8"))
    assert [line["name"] for line in shown][:2] == ["seal", "open"]
    assert all(line["ours"] > 0 and line["ratio"] > 0 for line in shown)


def test_the_kiosks_requests_go_through_a_connector_and_none_of_the_idle_ones_is_dropped():
    assert main(["kiosk"], QUICK) == 0
    lines = json.loads(RESULT.read_text("utf-8"))
    assert [line["unit"] for line in lines] == ["ms"] * 4 + ["MB"]
    assert all(line["ours"] > line["reference"] for line in lines if line["goal"] is None)


async def test_three_servers_answer_as_many_kiosks_as_there_are():
    found = {(line.name, line.unit): line for line in await _servers(QUICK)}
    assert len(found) == 12
    assert all(line.ours > 0 and line.reference > 0 for line in found.values())


def test_a_soak_goes_on_where_it_was_stopped(monkeypatch: pytest.MonkeyPatch):
    first = list(soak_sip2.run(QUICK))
    assert [(line.ours, line.holds) for line in first if line.unit == "inputs"] == [(500, True)]

    def again(_random: object) -> None:
        raise AssertionError("this input was heard before")

    monkeypatch.setattr(soak_sip2, "any_input", again)
    assert list(soak_sip2.run(QUICK)) == first


def test_a_soak_tells_which_input_it_was(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def fail(_profile: object, _message: object) -> None:
        raise KeyError("BX")

    monkeypatch.setattr(soak_sip2, "CHECKS", (fail,))
    passed, _ = soak_sip2.run(QUICK)
    assert passed.holds is False
    assert "block 0, input 1: KeyError: 'BX'" in capsys.readouterr().err


def test_an_input_can_be_made_again():
    assert [soak_sip2.any_input(Random(7)) for _ in range(2)] == [soak_sip2.any_input(Random(7))] * 2


def test_the_gateway_accepts_every_message_of_the_streams():
    assert main(["accept"], QUICK) == 0
    assert {line["unit"] for line in json.loads(RESULT.read_text("utf-8"))} == {"messages/s"}


def test_a_part_that_fails_is_named_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fail(_effort: object) -> None:
        raise ValueError("no disk")

    monkeypatch.setattr("tests.benchmarks.marc.run", fail)
    assert main(["marc", "envelope"], QUICK) == 1
    captured = capsys.readouterr()
    assert "failed: ValueError: no disk" in captured.err
    assert "seal" in captured.out


def test_the_worlds_of_a_soak_are_counted_and_what_fails_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    played: list[str] = []

    def report(_arguments: object, seeds: str) -> str:
        played.append(seeds)
        return "..F\nFAILED tests/simulator/test_hostile_hub.py::test[replay-7] - assert 0\n1 failed, 2 passed in 9s"

    monkeypatch.setattr(soak_simulator, "_report", report)
    monkeypatch.setattr(soak_simulator, "SEEDS", 20)
    lines = list(soak_simulator.run(Effort()))
    assert [(line.ours, line.reference, line.holds) for line in lines] == [(4, 6, False)]
    assert list(soak_simulator.run(Effort())) == lines
    assert played == ["0:10", "10:20"]
    assert capsys.readouterr().err.count("[replay-7]") == 4
    monkeypatch.setattr(soak_simulator, "_report", lambda _arguments, _seeds: "ImportError")
    with pytest.raises(RuntimeError, match="could not be played"):
        list(soak_simulator.run(QUICK))
