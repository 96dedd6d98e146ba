"""``delta-connector sip2 replay``: ask an ILS the recorded questions again, and compare how the answers look.

Made for the day on which an ILS gets a new version. Only ``READS`` are asked: whatever else a recording holds, nothing
changes in the ILS. Compared are the shapes of answers (is there one, and with which fields), since titles, names and
counts change from day to day.
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from connectors.sip2.client import Sip2Client
from connectors.sip2.dates import encode_date
from connectors.sip2.errors import BuildError, LineDown, LineError, LoginRefused
from connectors.sip2.fields import CODE
from connectors.sip2.line import Address, Credentials
from connectors.sip2.messages import MESSAGES, Message, build
from connectors.sip2.profile import Profile
from connectors.tools.address import host_and_port
from connectors.tools.sip2_options import (
    add_dialect_options,
    add_tls_options,
    address_of,
    credentials,
    dialect_to_speak,
)
from connectors.tools.sip2_shapes import MASK
from connectors.tools.terminal import Refused, error_code, say_json

READS = frozenset({"99", "17", "23", "63"})
"""What may be asked again."""

_SAY_AGAIN = frozenset({"96", "97"})
_DEADLINE_SECONDS = 15.0


class Recorded(BaseModel):
    """One recorded message, as far as a replay needs it."""

    line: int
    side: Annotated[Literal["sc", "acs"], Field(alias="from")]
    message: str
    fixed: dict[str, str]
    fields: list[tuple[Annotated[str, Field(pattern=f"^{CODE.pattern}$")], str]]

    @property
    def codes(self) -> frozenset[str]:
        """The coded fields that are there."""
        return frozenset(code for code, _ in self.fields)

    @property
    def is_question(self) -> bool:
        """It may be asked again: nothing of its fixed part was masked, as is done where its form was in doubt."""
        return self.side == "sc" and self.message in READS and MASK not in self.fixed.values()

    def to_message(self, moment: str) -> Message:
        """Return the request, dated ``moment``. Masked values stay away, or empty where the table wants the field.

        Raises:
            BuildError: it is none of SIP2's.
        """
        dated = self.fixed | {"transaction_date": moment}
        fixed = {name: dated[name] for name in MESSAGES[self.message].by_name if name in dated}
        values: dict[str, list[str]] = {}
        for code, value in self.fields:
            if value != MASK:
                values.setdefault(code, []).append(value)
        return build(self.message, **fixed, **values)


@dataclass(frozen=True)
class Comparison:
    """One question asked again; ``differences`` is empty where its answer looks as it did."""

    line: int
    message: str
    differences: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return the shape that programs rely on."""
        return {"line": self.line, "message": self.message, "same": not self.differences,
                "differences": list(self.differences)}


def read_recording(path: Path) -> Iterator[tuple[Recorded, Recorded | None]]:
    """Yield each recorded question of ``READS`` with the answer it had, if any; one that was said again counts once.

    Raises:
        Refused: a line is no recorded line.
        OSError: the file cannot be read.
    """
    waiting: dict[int, Recorded] = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, text in enumerate(file, 1):
            said = _read_line(f"{path}, line {number}", text)
            if said is None or said.message in _SAY_AGAIN:
                continue
            if (asked := waiting.pop(said.line, None)) and asked != said:
                yield asked, said if said.message == MESSAGES[asked.message].answer else None
            if said.is_question:
                waiting[said.line] = said
    yield from ((asked, None) for asked in waiting.values())


def _read_line(place: str, text: str) -> Recorded | None:
    try:
        row = json.loads(text)
        return Recorded.model_validate(row) if "message" in row else None
    except (ValueError, TypeError, RecursionError, ValidationError):
        raise Refused(f"{place}: no line of a recording; 'sip2 record' makes one") from None


def differences(asked: Recorded, recorded: Recorded | None, answer: Message) -> tuple[str, ...]:
    """Name the fields that one answer has and the other lacks."""
    if recorded is None:
        return ("now answered",)
    # Whether a password was right is told only where one is sent, and a masked one is not sent.
    ignored = {"CQ"} if ("AD", MASK) in asked.fields else set()
    before, now = recorded.codes - ignored, {code for code, _ in answer.fields} - ignored
    return (*(f"lost {code}" for code in sorted(before - now)), *(f"new {code}" for code in sorted(now - before)))


async def replay(path: Path, client: Sip2Client, clock: Callable[[], datetime]) -> AsyncIterator[Comparison]:
    """Ask the recorded questions in their order, one at a time.

    Raises:
        LineDown, LoginRefused: there is no line to ask on.
        Refused, OSError: the recording cannot be read.
    """
    for asked, recorded in read_recording(path):
        moment = encode_date(clock(), client.profile.zone)
        try:
            found = differences(asked, recorded, await client.request(asked.to_message(moment)))
        except (LineDown, LoginRefused):
            raise
        except BuildError as error:
            found = (error_code(error),)
        except LineError as error:
            found = (error_code(error),) if recorded else ()
        yield Comparison(asked.line, asked.message, found)


def add_commands(verbs: Any) -> None:
    """Add ``replay`` to the commands under ``sip2``."""
    parser = verbs.add_parser("replay", help="重放查询并比较应答 ask recorded questions again and compare the answers")
    parser.add_argument("recording", type=Path, metavar="FILE", help="what 'sip2 record' wrote")
    parser.add_argument("address", type=host_and_port, metavar="HOST:PORT", help="the ILS to ask")
    parser.add_argument("--login", type=credentials, metavar="USER:PASSWORD", help="a recording holds no password")
    parser.add_argument("--json", action="store_true", help="accepted as everywhere; the output is always JSON")
    add_dialect_options(parser)
    add_tls_options(parser)
    parser.set_defaults(run=_replay)


def _replay(arguments: argparse.Namespace) -> int:
    return asyncio.run(_compare(arguments.recording, address_of(arguments.address, arguments),
                                dialect_to_speak(arguments), arguments.login))


async def _compare(path: Path, address: Address, profile: Profile, login: Credentials | None) -> int:
    code = 0
    async with Sip2Client(address.host, address.port, profile, login, max_lines=1, deadline_seconds=_DEADLINE_SECONDS,
                          tls=address.tls, server_name=address.server_name) as client:
        async for comparison in replay(path, client, lambda: datetime.now(UTC)):
            say_json(comparison.to_json())
            code = code or int(bool(comparison.differences))
    return code
