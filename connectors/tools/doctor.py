"""``delta-connector doctor``: look at an ILS's SIP2, Z39.50 or SRU without changing anything, and write its profile.

Exit codes: 0 reachable and usable, 1 not, 2 wrong use. Deliberately absent: every message that changes something in an
ILS, so what 11, 09, 15, 29 and 37 need beyond this is found by the first loan of a test reader.
"""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.sip2.errors import BuildError
from connectors.sip2.findings import Finding, findings_of
from connectors.sip2.probe import Diagnosis, diagnose, login_of
from connectors.sip2.profile import Profile
from connectors.tools import sru_doctor, z3950_doctor
from connectors.tools.address import host_and_port
from connectors.tools.doctor_visit import UNKNOWN_ID, Case, Visit
from connectors.tools.files import whole_file
from connectors.tools.sip2_options import add_tls_options, address_of, credentials
from connectors.tools.terminal import WrongUse, note, plain, say, say_json, table
from connectors.tools.z3950 import address_of as address_of_target

Clock = Callable[[], datetime]


def add_commands(commands: Any) -> None:
    """Add ``doctor``."""
    doctor = commands.add_parser("doctor", help="检查 SIP2、Z39.50 或 SRU look at SIP2, Z39.50 or SRU, write a profile")
    where = doctor.add_mutually_exclusive_group(required=True)
    where.add_argument("--sip2", type=host_and_port, metavar="HOST:PORT")
    where.add_argument("--z3950", type=address_of_target, metavar="HOST:PORT/DB")
    where.add_argument("--sru", type=sru_doctor.address_of, metavar="URL")
    z3950_doctor.add_options(doctor)
    doctor.add_argument("--login", type=credentials, metavar="USER:PASSWORD",
                        help="what a kiosk, or a Z39.50 client, logs in with")
    doctor.add_argument("--patron", type=_pair, default=(UNKNOWN_ID, None), metavar="ID:PIN",
                        help="a reader who may be asked about; a name beyond ASCII proves the charset")
    doctor.add_argument("--item", default=UNKNOWN_ID, metavar="BARCODE", help="a copy that may be asked about")
    doctor.add_argument("--timezone", type=_timezone, default="Asia/Shanghai", metavar="NAME",
                        help="the library's own, for times without a zone (Asia/Shanghai)")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.add_argument("--write", type=Path, metavar="FILE.toml", help="write the profile that was found")
    add_tls_options(doctor)
    doctor.set_defaults(run=_run)


def _pair(text: str) -> tuple[str, str | None]:
    """Read ``ID:PIN``; a PIN may hold colons, and without one none is sent."""
    name, colon, secret = text.partition(":")
    if not name:
        raise argparse.ArgumentTypeError("expected ID:PIN, or ID alone")
    return name, secret if colon else None


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"{name!r} is no time zone known here; Asia/Shanghai is") from None
    return name


def _run(arguments: argparse.Namespace) -> int:
    if arguments.z3950:
        return z3950_doctor.run(arguments)
    if arguments.sru:
        return sru_doctor.run(arguments)
    address, (patron_id, pin) = address_of(arguments.sip2, arguments), arguments.patron
    case = Case(address, arguments.timezone, arguments.login, patron_id, pin, arguments.item, bool(arguments.cert))
    diagnosis, findings = asyncio.run(examine(case, lambda: datetime.now(UTC)))
    if arguments.json:
        say_json(to_json(diagnosis, findings))
    else:
        say(to_text(diagnosis, findings))
    if arguments.write:
        _write(arguments.write, diagnosis, findings)
    return 0 if diagnosis.is_usable else 1


async def examine(case: Case, clock: Clock) -> tuple[Diagnosis, Sequence[Finding]]:
    """Visit an ILS and return what was found. Ends in bounded time, whatever the peer does.

    Raises:
        WrongUse: an id or password that no message can carry.
    """
    try:
        observed = await Visit(case, clock).run()
    except BuildError as error:
        raise WrongUse(f"cannot be asked in SIP2: {error}") from None
    diagnosis = diagnose(observed, case.timezone)
    given = {"patron_given": case.patron_id != UNKNOWN_ID, "item_given": case.item_id != UNKNOWN_ID}
    return diagnosis, findings_of(diagnosis, **given)


def to_json(diagnosis: Diagnosis, findings: Sequence[Finding]) -> dict[str, object]:
    """Return the shape that programs rely on; what could not be found is null."""
    profile = diagnosis.profile
    return {
        "reachable": diagnosis.observed.is_reachable,
        "login": login_of(diagnosis.observed).value if diagnosis.observed.telnet or profile else None,
        "charset": profile and profile.charset,
        "terminator": profile and profile.terminator.name,
        "checksum": profile and profile.checksum.value,
        "supported": list(diagnosis.supported),
        "clock_skew_seconds": diagnosis.clock_skew_seconds,
        "findings": [{"severity": each.severity, "code": each.code, "text": each.text} for each in findings],
        "profile": profile.to_table() if profile else {},
    }


def to_text(diagnosis: Diagnosis, findings: Sequence[Finding]) -> str:
    """Return the same for people."""
    verdict = "可以使用 usable" if diagnosis.is_usable else "不能使用 not usable"
    shown = {name: value for name, value in to_json(diagnosis, findings).items() if name not in ("findings", "profile")}
    shown["supported"] = " ".join(diagnosis.supported)
    lines = [verdict, "", table(("项目 Property", "结果 Result"), shown.items()), ""]
    return "\n".join([*lines, *(f"{each.severity:7}  {each.code}: {plain(each.text)}" for each in findings)])


def _write(path: Path, diagnosis: Diagnosis, findings: Sequence[Finding]) -> None:
    if diagnosis.profile is None:
        note(f"{path}: 未写入,没有结论 not written, as nothing was found out")
        return
    with whole_file(path) as file:
        file.write(profile_file(diagnosis.profile, findings).encode())
    note(f"{path}: 已写入 written")


def profile_file(profile: Profile, findings: Sequence[Finding]) -> str:
    """Return a profile as a file, with the findings as the sources of its facts."""
    sources = (f"# {each.severity} {each.code}: {plain(each.text)}\n" for each in findings)
    return f"# delta-connector doctor\n{''.join(sources)}\n{replace(profile, terminal_password='').to_toml()}"
