"""``python -m tests.benchmarks [part ...] [--json] [--soak]``: run parts, print the table, write ``bench.json``.

Progress goes to stderr. A missed goal is a result, not a failure: exit 0. Exit 1 where a part could not be measured to
its end, the others are all the same; exit 2 for an unknown part. A part whose peer is not installed is skipped.
"""

import argparse
import importlib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.benchmarks.harness import Effort, Line, Part, as_document, as_table

PARTS: Mapping[str, str] = {
    "envelope": "envelope", "evidence": "evidence", "accept": "accept_path", "sip2": "sip2", "kiosk": "kiosk",
    "marc": "marc", "z3950": "z3950", "broker": "broker", "catalogue": "catalogue", "clustering": "clustering",
    "loans": "loans",
}
"""The parts of ``make bench``, in their order, each with its module, which is imported only when it runs."""

SOAK_PARTS: Mapping[str, str] = {"catalogue": "soak_catalogue", "sip2": "soak_sip2",
                                  "simulator": "soak_simulator", "marc": "soak_marc"}
"""The parts of ``make soak``: each keeps its progress in ``var/soak`` and goes on from there."""

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
    finished = [_run(name, modules[name], effort or Effort(), lines) for name in options.parts or modules]
    document = as_document(lines)
    RESULT.write_text(document, "utf-8")
    print(document if options.json else as_table(lines))
    return 0 if all(finished) else 1


def _run(name: str, module: str, effort: Effort, lines: list[Line]) -> bool:
    """Add a part's lines; say whether it came to its end."""
    begin = time.perf_counter()
    _say(f"{name} ...")
    try:
        part: Part = importlib.import_module(f"tests.benchmarks.{module}").run
        for line in part(effort):
            lines.append(line)
            _say(f"  {line.name}: {line.ours:,.4g} {line.unit}, ratio {line.ratio:.2f}")
    except pytest.skip.Exception as missing:
        _say(f"  skipped: {missing}")
    except (Exception, pytest.fail.Exception) as error:
        _say(f"  failed: {type(error).__name__}: {error}")
        return False
    _say(f"  {time.perf_counter() - begin:.0f} s")
    return True


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description="Measure the parts, beside references.")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"which parts: {', '.join(PARTS)}; default all")
    parser.add_argument("--json", action="store_true", help="print bench.json instead of the table")
    parser.add_argument("--soak", action="store_true", help=f"the long ones: {', '.join(SOAK_PARTS)}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
