"""A thousand worlds: every attack of a hostile hub, honest hubs on weak lines, and one loan's news in any order.

A block is a few seeds of the tests that ``make test`` plays with the first twenty, in a process of its own; progress is
kept after each block. A finding is named by its test and seed, and can be played again (``tests/simulator/seeds.py``).
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.harness import Effort, Line
from tests.benchmarks.soak import Progress

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 1000
BLOCK = 10
FINDINGS_MAX = 100
PLAYED = ("tests/simulator/test_hostile_hub.py", "tests/simulator/test_honest_hub.py",
          "tests/connectors/agent/test_any_order.py")
_COUNTED = re.compile(r"(\d+) (passed|failed|error)")


def run(effort: Effort) -> Iterator[Line]:
    """Go on from the last block that was finished."""
    count, block = (1, 1) if effort.is_quick else (SEEDS, BLOCK)
    progress = Progress(f"simulator-{count}", seeds=0, worlds=0, passed=0, findings=[])
    for first in range(progress.figures["seeds"], count, block):
        begin = time.perf_counter()
        _play(first, first + block, progress)
        worlds, passed = progress.figures["worlds"], progress.figures["passed"]
        print(f"  {first + block:,} of {count:,} seeds, {worlds:,} worlds, {worlds - passed} findings, "
              f"{time.perf_counter() - begin:.0f} s a block", file=sys.stderr, flush=True)
    for finding in progress.figures["findings"]:
        print(f"  {finding}", file=sys.stderr)
    yield Line.within("simulator: attacks noticed, honest hubs without an alarm", "worlds", progress.figures["passed"],
                      progress.figures["worlds"])


def _play(first: int, upto: int, progress: Progress) -> None:
    report = _report(["-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "--tb=no", "-rfE", *PLAYED],
                     f"{first}:{upto}")
    counts = {what: int(number) for number, what in _COUNTED.findall(report)}
    if not counts.get("passed"):
        raise RuntimeError(f"the worlds of seeds {first} to {upto - 1} could not be played:\n{report[-2000:]}")
    found = [line for line in report.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    progress.save(seeds=upto, worlds=progress.figures["worlds"] + sum(counts.values()),
                  passed=progress.figures["passed"] + counts["passed"],
                  findings=[*progress.figures["findings"], *found][:FINDINGS_MAX])


def _report(arguments: Sequence[str], seeds: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=ROOT,
                          env={**os.environ, "DELTA_SIMULATOR_SEEDS": seeds})
    return done.stdout + done.stderr
