"""``delta-connector doctor --z3950``: try what a target can do, look at its records, and write its profile."""

import argparse
import asyncio
from dataclasses import replace
from pathlib import Path

from connectors.broker.reading import marc_of
from connectors.marc.bib_reader import format_of
from connectors.tools.files import whole_file
from connectors.tools.terminal import note, plain, say, say_json, table
from connectors.tools.z3950_answer import syntax_name
from connectors.z3950.apdu import IdPass
from connectors.z3950.probe import CANARIES, Finding, Report, probe
from connectors.z3950.profile import Profile
from connectors.z3950.reply import Record

VISIT_SECONDS = 60.0
_STEP_SECONDS = 5.0


def add_options(doctor: argparse.ArgumentParser) -> None:
    """Add what only the visit of a Z39.50 target needs."""
    doctor.add_argument("--canary", action="append", metavar="WORD",
                        help="a word beyond ASCII that the target surely finds; proves the query charset")


def run(arguments: argparse.Namespace) -> int:
    """Visit ``arguments.z3950``, say what was found, write the profile if asked to."""
    profile: Profile = replace(arguments.z3950, deadline_seconds=_STEP_SECONDS)
    login = arguments.login
    credentials = IdPass(user_id=login.user, password=login.password) if login else None
    canaries = tuple(arguments.canary or CANARIES)
    report = asyncio.run(probe(profile, credentials, canaries=canaries, seconds=VISIT_SECONDS))
    report = replace(report, findings=(*report.findings, *map(_finding_of, report.samples)))
    if arguments.json:
        say_json(to_json(report))
    else:
        say(to_text(report))
    if arguments.write:
        write(arguments.write, report)
    return 0 if report.is_usable else 1


def to_json(report: Report) -> dict[str, object]:
    """Return the shape that programs rely on."""
    return {
        "usable": report.is_usable,
        "findings": [{"name": each.name, "good": each.is_good, "text": each.text} for each in report.findings],
        "profile": report.profile.to_table(),
    }


def to_text(report: Report) -> str:
    """Return the same for people."""
    verdict = "可以使用 usable" if report.is_usable else "不能使用 not usable"
    rows = [(each.name, "+" if each.is_good else "-", each.text) for each in report.findings]
    return "\n".join([verdict, "", table(("项目 Tried", "", "结果 Seen"), rows)])


def _finding_of(sample: Record) -> Finding:
    """Return what a record is by its own octets, whatever its OID says."""
    marc = marc_of(sample, None)
    seen = f"{format_of(marc).value}, {marc.charset.name}" if marc else "no MARC"
    return Finding(f"record {syntax_name(sample.syntax)}", True, seen)


def write(path: Path, report: Report) -> None:
    """Write the profile, with the findings as the sources of its facts."""
    sources = "".join(f"# {'+' if each.is_good else '-'} {each.name}: {plain(each.text)}\n" for each in report.findings)
    with whole_file(path) as file:
        file.write(f"# delta-connector doctor --z3950 {report.profile}\n{sources}\n{report.profile.to_toml()}".encode())
    note(f"{path}: 已写入 written")
