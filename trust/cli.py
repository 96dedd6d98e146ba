"""``delta-trust``: the alliance's keys and evidence, for people who are not cryptographers.

Works with files only, in any folder; opens no socket and no database. Exit codes: 0 done, 1 refused or failed,
2 wrong use. ``docs/ceremony.md`` is the page for the admins.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from trust.bundle import Report, verify_bundle
from trust.ceremony import admin, begin, drafting, enroll, rehearsal
from trust.ceremony.request import Applicant
from trust.console import answer, note, read_file, say
from trust.directory import accept
from trust.errors import BrokenLink, DirectoryRefused, TrustError, WrongUse
from trust.folder import read_folder
from trust.show import show, show_folder

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(argv: Sequence[str] | None = None, now: datetime | None = None) -> int:
    """Run one command and return its exit code; ``now`` is this machine's clock unless it is given."""
    arguments = _parser().parse_args(argv)
    arguments.now = now or datetime.now(UTC)
    try:
        return int(arguments.run(arguments))
    except TrustError as error:
        note(f"delta-trust: {error.detail} [{error_name(error)}]")
        return 2 if isinstance(error, WrongUse) else 1
    except OSError as error:
        note(f"delta-trust: {error.filename or 'file'}: {error.strerror} [os_error]")
    except (KeyboardInterrupt, EOFError):
        note("\ndelta-trust: 已中断,未做任何改动 interrupted, nothing was changed")
    return 1


def error_name(error: Exception) -> str:
    """Return a refusal's name as people and programs are told it.

    >>> error_name(WrongUse("x"))
    'wrong_use'
    """
    return re.sub("(?<!^)([A-Z])", r"_\1", type(error).__name__).lower()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="delta-trust", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    answers = argparse.ArgumentParser(add_help=False)
    answers.add_argument("--json", action="store_true", help="print one JSON object")
    asks = argparse.ArgumentParser(add_help=False, parents=[answers])
    asks.add_argument("--yes", action="store_true", help="do not ask before writing")
    drafts = argparse.ArgumentParser(add_help=False, parents=[asks])
    drafts.add_argument("--directory", type=Path, default=Path("directory"), metavar="FOLDER",
                        help="your copy of the published directory (directory)")
    drafts.add_argument("--draft", type=Path, default=Path("draft.zip"), metavar="FILE", help="the draft (draft.zip)")
    _add_ceremony(commands, asks)
    _add_enroll(commands, asks)
    _add_drafting(commands, drafts)
    _add_signing(commands, drafts)
    _add_looking(commands, answers)
    return parser


def _add_ceremony(commands: _Commands, asks: argparse.ArgumentParser) -> None:
    steps = commands.add_parser("ceremony", help="联盟奠基 make the alliance's root").add_subparsers(
        required=True, metavar="STEP")
    init = steps.add_parser("init", parents=[asks], help="make the admins' and editors' keys, each in an own file")
    init.add_argument("folder", type=Path)
    for who, count, threshold in (("admins", 5, 3), ("editors", 3, 2)):
        init.add_argument(f"--{who}", type=int, default=count, metavar="N", help=f"how many {who} ({count})")
        init.add_argument("--threshold" if who == "admins" else "--editors-threshold", type=int, default=threshold,
                          metavar="K", help=f"how many of the {who} must sign ({threshold})")
    init.add_argument("--passphrases", type=Path, metavar="FILE",
                      help="one line per admin, then per editor; without it each is asked at the terminal")
    init.set_defaults(run=begin.init_ceremony)
    template = steps.add_parser("template", parents=[asks], help="write samples of the alliance's own files")
    template.add_argument("folder", type=Path)
    template.add_argument("--libraries", type=int, default=31, metavar="N", help="how many libraries to list (31)")
    template.set_defaults(run=begin.write_template)
    rehearse = commands.add_parser("rehearse", parents=[asks], help="演练 a whole ceremony in a sandbox folder")
    rehearse.add_argument("folder", type=Path, help="an empty folder")
    for name, count in (("admins", 5), ("threshold", 3), ("libraries", 31)):
        rehearse.add_argument(f"--{name}", type=int, default=count, metavar="N", help=f"({count})")
    rehearse.set_defaults(run=lambda arguments: rehearsal.rehearse(arguments, main))


def _add_enroll(commands: _Commands, asks: argparse.ArgumentParser) -> None:
    command = commands.add_parser("enroll", parents=[asks], help="登记 make own keys and a request to be listed")
    command.add_argument("applicant", choices=[applicant.value for applicant in Applicant])
    command.add_argument("folder", type=Path, help="where the keys are to lie")
    command.add_argument("--agency", metavar="ISIL", help="the member, as the alliance lists it")
    command.add_argument("--name", default="", help="the admin's or editor's name")
    command.add_argument("--renew", action="store_true", help="make the successors of the keys in the folder")
    command.add_argument("--passphrase-file", type=Path, metavar="FILE",
                         help="without it a person is asked, and a member's lies beside its keys")
    command.add_argument("--qr", action="store_true", help="show the request's QR code here")
    command.set_defaults(run=enroll.enroll)


def _add_drafting(commands: _Commands, drafts: argparse.ArgumentParser) -> None:
    taking = argparse.ArgumentParser(add_help=False, parents=[drafts])
    taking.add_argument("--heard", type=Path, action="append", default=[], metavar="FILE",
                        help="one person's list of the words heard, named after the person; give two lists")
    draft = commands.add_parser("draft", parents=[taking], help="拟稿 draft the next version of the directory")
    draft.add_argument("--alliance", type=Path, metavar="FOLDER", help="members.json, tariff.json, policies.json")
    draft.add_argument("--ceremony", type=Path, metavar="FILE", help="admins.json, for the first version")
    draft.add_argument("--request", type=Path, nargs="+", default=[], metavar="FILE", help="requests of new members")
    draft.set_defaults(run=drafting.draft)
    rotate = commands.add_parser("rotate", help="轮换 replace keys in an orderly way").add_subparsers(
        required=True, metavar="WHOSE")
    member = rotate.add_parser("member", parents=[taking], help="a member's: the new key follows the present one")
    member.add_argument("request", type=Path, nargs="+", help="what delta-trust enroll --renew wrote")
    member.set_defaults(run=drafting.rotate_member)
    for role in ("admin", "editor"):
        people = rotate.add_parser(f"{role}s", parents=[taking], help=f"{role}s; without options the root is renewed")
        people.add_argument("--add", type=Path, nargs="+", default=[], metavar="FILE", help=f"requests of new {role}s")
        people.add_argument("--remove", nargs="+", default=[], metavar="KEY", help="id or first three words of a key")
        people.add_argument("--threshold", type=int, metavar="K", help="how many must sign from now on")
        people.set_defaults(run=drafting.rotate_people, role=role)
    revoke = commands.add_parser("revoke", parents=[drafts], help="吊销 declare a member's keys void")
    revoke.add_argument("key", nargs="+", metavar="KEY", help="id or first three words of a key")
    revoke.add_argument("--reason", required=True, help="what happened, for everybody to read")
    revoke.add_argument("--from-index", type=int, required=True, metavar="N",
                        help="the first index of the evidence log that no longer counts")
    revoke.set_defaults(run=drafting.revoke)


def _add_signing(commands: _Commands, drafts: argparse.ArgumentParser) -> None:
    sign = commands.add_parser("sign", parents=[drafts], help="签名 sign the draft, on your own machine")
    sign.add_argument("--key", type=Path, required=True, metavar="FILE", help="your own key file")
    sign.add_argument("--passphrase-file", type=Path, metavar="FILE", help="without it you are asked")
    sign.set_defaults(run=admin.sign)
    publish = commands.add_parser("publish", parents=[drafts], help="发布 make a signed draft the version in force")
    publish.add_argument("copies", type=Path, nargs="*", metavar="COPY",
                         help="copies of the draft that were signed apart (the draft)")
    publish.set_defaults(run=admin.publish)


def _add_looking(commands: _Commands, answers: argparse.ArgumentParser) -> None:
    verify = commands.add_parser("verify", parents=[answers], help="核验 verify an evidence bundle or a directory")
    verify.add_argument("what", type=Path, help="a bundle of 'delta-gateway evidence', or a directory's folder")
    verify.add_argument("--root", type=Path, required=True, help="the alliance's root you trust")
    verify.set_defaults(run=_verify)
    show_command = commands.add_parser("show", parents=[answers], help="查看 say what a file or a directory is")
    show_command.add_argument("file", type=Path)
    show_command.set_defaults(run=_show)


def _verify(arguments: argparse.Namespace) -> int:
    if arguments.what.is_dir():
        return _verify_directory(arguments)
    bundle, root = read_file(arguments.what), read_file(arguments.root)
    broken: BrokenLink | None = None
    report: Report | None = None
    try:
        report = verify_bundle(bundle, root)
    except BrokenLink as error:
        broken = error
    say(_verify_json(report, broken) if arguments.json else _verify_text(report, broken))
    return 0 if report else 1


def _verify_directory(arguments: argparse.Namespace) -> int:
    """Follow the chain from the root that is trusted; what lies there must be in force now."""
    root, (roots, targets, files) = read_file(arguments.root), read_folder(arguments.what)
    try:
        directory = accept([root, *roots], targets, files, arguments.now)
    except DirectoryRefused as error:
        broken = {"code": error_name(error), "detail": error.detail}
        answer({"verified": False, "broken": broken}, [f"NOT VERIFIED. {error.detail} [{error_name(error)}]"],
               as_json=arguments.json)
        return 1
    answer({"verified": True, "version": directory.version, "hash": directory.hash, "broken": None},
           [f"VERIFIED. Version {directory.version} of the directory, hash {directory.hash}"], as_json=arguments.json)
    return 0


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
    witnesses = f"cosigned by {len(report.witnesses)} members" if report.witnesses else "cosigned by nobody yet"
    heading = f"VERIFIED. Loan {report.loan}, {report.leaves} entries of the evidence log, {witnesses}:"
    return "\n".join((heading, *lines))


def _show(arguments: argparse.Namespace) -> int:
    if arguments.file.is_dir():
        document, lines = show_folder(arguments.file, arguments.now)
    else:
        lines = [show(read_file(arguments.file))]
        document = {"shown": lines[0], "verified": False}
    answer(document, lines, as_json=arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
