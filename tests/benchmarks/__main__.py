"""``python -m tests.benchmarks [part ...] [--json] [--soak]``: run parts, print the table, write ``bench.json``.

Progress goes to stderr. A missed goal is a result, not a failure: exit 0. Exit 2 for an unknown part.
"""

import argparse
import importlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from _pytest.outcomes import Skipped

from tests.benchmarks.harness import Effort, Line, Part, PartSkipped, as_table, write_json

PARTS: Mapping[str, str] = {
    "envelope": "envelope", "evidence": "evidence", "accept": "accept_path", "sip2": "sip2", "marc": "marc",
    "z3950": "z3950", "catalogue": "catalogue", "loans": "loans",
}
"""The parts of ``make bench``, in their order, each with its module: imported only when it runs."""

SOAK_PARTS: Mapping[str, str] = {"catalogue": "soak_catalogue", "sip2": "soak_sip2"}
"""The parts of ``make soak``: hours; each keeps its progress in ``var/soak`` and goes on from there."""

RESULT = Path("bench.json")


def main(arguments: Sequence[str] | None = None, effort: Effort | None = None) -> int:
    """Run the parts asked for, all of them by default."""
    options = _parser().parse_args(arguments)
    modules = SOAK_PARTS if options.soak else PARTS
    unknown = [name for name in options.parts if name not in modules]
    if unknown:
        print(f"unknown part {', '.join(unknown)}; choose from {', '.join(modules)}", file=sys.stderr)
        return 2
    lines: list[Line] = []
    for name in options.parts or modules:
        lines += _run(name, modules[name], effort or Effort())
    document = write_json(lines)
    RESULT.write_text(document, "utf-8")
    print(document if options.json else as_table(lines), end="" if options.json else "\n")
    return 0


def _run(name: str, module: str, effort: Effort) -> Iterator[Line]:
    begin = time.perf_counter()
    print(f"{name} ...", file=sys.stderr, flush=True)
    try:
        part: Part = importlib.import_module(f"tests.benchmarks.{module}").run
        for line in part(effort):
            print(f"  {line.name}: {line.ours:,.4g} {line.unit}, ratio {line.ratio:.2f}", file=sys.stderr, flush=True)
            yield line
    except (PartSkipped, Skipped) as missing:
        print(f"  skipped: {missing}", file=sys.stderr, flush=True)
    print(f"  {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description="Measure the parts, beside references.")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"which parts: {', '.join(PARTS)}; default all")
    parser.add_argument("--json", action="store_true", help="print bench.json instead of the table")
    parser.add_argument("--soak", action="store_true", help="the long ones: " + ", ".join(SOAK_PARTS))
    return parser


if __name__ == "__main__":
    sys.exit(main())
