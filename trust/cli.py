"""``delta-trust``: the alliance's keys and evidence, for people who are not cryptographers.

Works with files only, in any folder; opens no socket and no database. Exit codes: 0 done, 1 refused or failed,
2 wrong use.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from trust.archive import ARCHIVE_BYTES_MAX
from trust.bundle import Report, verify_bundle
from trust.ceremony import init_ceremony
from trust.errors import BadBundle, BrokenLink, TrustError, WrongUse
from trust.show import show


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except TrustError as error:
        print(f"delta-trust: {error.detail} [{error.code}]", file=sys.stderr)  # noqa: T201 - a command line
        return 2 if isinstance(error, WrongUse) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="delta-trust", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    verify = commands.add_parser("verify", help="verify an evidence bundle offline")
    verify.add_argument("bundle", type=Path, help="the bundle, as 'delta-gateway evidence bundle' wrote it")
    verify.add_argument("--root", type=Path, required=True, help="the alliance's root you trust")
    verify.add_argument("--json", action="store_true", help="print one JSON object")
    verify.set_defaults(run=_verify)

    show_command = commands.add_parser("show", help="say what a file of the alliance is, without verifying it")
    show_command.add_argument("file", type=Path)
    show_command.set_defaults(run=_show)

    ceremony = commands.add_parser("ceremony", help="make the alliance's root")
    steps = ceremony.add_subparsers(required=True, metavar="STEP")
    init = steps.add_parser("init", help="make n admin keys, each in an own encrypted file")
    init.add_argument("folder", type=Path)
    init.add_argument("--admins", type=int, required=True, metavar="N", help="how many admins")
    init.add_argument("--threshold", type=int, required=True, metavar="K", help="how many of them must sign")
    init.add_argument("--passphrases", type=Path, metavar="FILE",
                      help="one line per admin; without it each admin is asked at the terminal")
    init.add_argument("--yes", action="store_true", help="do not ask before writing")
    init.add_argument("--json", action="store_true", help="print one JSON object")
    init.set_defaults(run=init_ceremony)
    return parser


def _verify(arguments: argparse.Namespace) -> int:
    bundle, root = read_file(arguments.bundle), read_file(arguments.root)
    broken: BrokenLink | None = None
    report: Report | None = None
    try:
        report = verify_bundle(bundle, root)
    except BrokenLink as error:
        broken = error
    say(_verify_json(report, broken) if arguments.json else _verify_text(report, broken))
    return 0 if report else 1


def _verify_json(report: Report | None, broken: BrokenLink | None) -> str:
    return json.dumps({
        "verified": report is not None,
        "loan": report.loan if report else None,
        "statements": [asdict(statement) for statement in report.statements] if report else [],
        "broken": {"link": broken.link, "code": broken.code, "detail": broken.detail} if broken else None,
    }, ensure_ascii=False, indent=1)


def _verify_text(report: Report | None, broken: BrokenLink | None) -> str:
    if report is None:
        assert broken is not None
        return f"NOT VERIFIED. The first broken link is: {broken.link}\n  {broken.detail} [{broken.code}]"
    lines = [f"  {statement.when}  {statement.who} {statement.what}" for statement in report.statements]
    return "\n".join((f"VERIFIED. Loan {report.loan}, {report.leaves} entries of the evidence log:", *lines))


def _show(arguments: argparse.Namespace) -> int:
    say(show(read_file(arguments.file)))
    return 0


def read_file(path: Path) -> bytes:
    """Return a file's bytes, within the limit; raise ``BadBundle`` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(ARCHIVE_BYTES_MAX + 1)
    except OSError as error:
        raise BadBundle(f"{path}: cannot be read: {error.strerror}; check the name") from None


def say(text: str) -> None:
    """Print to standard output."""
    print(text)  # noqa: T201 - a command line


if __name__ == "__main__":
    sys.exit(main())
