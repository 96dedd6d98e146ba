"""``delta-connector sip2 send``: one request to an ILS, in its dialect, and the answer as ``sip2 parse`` prints it.

What is typed is the message as the guide writes it, ``1720260101    120000AOYP|ABB001|``: sequence, checksum, charset
and terminator are the profile's. A request that changes something in the ILS is sent only with ``--write``.
Deliberately absent: any repetition. Without an answer a write may have happened, and only asking (17, 63) tells.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.sip2.codec import Codec
from connectors.sip2.errors import BuildError, FormatError, LoginRefused
from connectors.sip2.evidence import first_frame
from connectors.sip2.line import Address, Credentials
from connectors.sip2.messages import REQUESTS, WRITES, Message, build
from connectors.sip2.probe import Ended, Telnet
from connectors.sip2.profile import Checksum, Login, Profile
from connectors.sip2.tls import explained
from connectors.tools.address import host_and_port
from connectors.tools.sip2_options import (
    add_dialect_options,
    add_tls_options,
    address_of,
    credentials,
    dialect_to_speak,
    reader_named,
)
from connectors.tools.sip2_reader import Reader
from connectors.tools.sip2_shapes import error_json
from connectors.tools.sip2_wire import Wire
from connectors.tools.terminal import Refused, WrongUse, note, say_json

_SECONDS, _SECONDS_MAX = 15.0, 300.0
_PROMPT_SECONDS = 5.0
_TYPED_BYTES_MAX = 1 << 16

#: What each write would do, Chinese and English.
EFFECTS: Mapping[str, tuple[str, str]] = {
    "01": ("停用读者证", "blocks the patron's card"),
    "09": ("还回图书", "checks the item in"),
    "11": ("借出图书", "checks the item out to the patron"),
    "15": ("改动预约", "adds, changes or deletes a hold"),
    "19": ("改动馆藏属性或位置", "changes the item's properties or place"),
    "25": ("恢复读者证", "enables the patron's card again"),
    "29": ("续借图书", "renews the loan"),
    "37": ("登记缴费", "records a payment"),
    "65": ("续借全部图书", "renews all of the patron's loans"),
}


_UNANSWERED: Mapping[Ended, tuple[str, str]] = {
    Ended.SILENT: ("no_answer", "没有应答 nothing came in time"),
    Ended.CLOSED: ("line_closed", "对方没有应答就断开 the peer hung up instead of answering"),
    Ended.ENDLESS: ("no_terminator", "应答没有结尾 bytes came, and no end of a message"),
}
_IN_DOUBT = "可能已执行，请用 17 或 63 查询，切勿重发 it may have happened: ask by 17 or 63, never send it again"


class Unanswered(Exception):
    """No answer came; ``code`` names it for programs."""

    def __init__(self, ended: Ended, request: Message, failure: OSError | None) -> None:
        self.code, text = _UNANSWERED[ended]
        parts = [text, explained(failure) if failure else "", _IN_DOUBT if request.id in WRITES else ""]
        super().__init__("; ".join(filter(None, parts)))


@dataclass(frozen=True)
class Errand:
    """What to send, whither and as whom."""

    address: Address
    profile: Profile
    request: Message = field(repr=False)
    credentials: Credentials | None
    seconds: float


def read_request(text: str, profile: Profile) -> Message:
    """Return the request that was typed.

    Raises:
        WrongUse: it is no request, or not as a whole.
    """
    try:
        typed = Codec(replace(profile, charset="utf-8", checksum=Checksum.NONE)).decode(text.strip("\r\n").encode())
    except (FormatError, UnicodeEncodeError) as error:
        raise WrongUse(f"这不是 SIP2 报文 no SIP2 message: {error}") from None
    if typed.id not in REQUESTS:
        raise WrongUse(f"{typed.id} 是应答，不是请求 {typed.id} is an answer, not a request")
    if lost := {"delimiter_in_value", "text_before_fields"} & set(typed.problems):
        raise WrongUse(f"报文 {typed.id} 有无法识别的部分 not all of {typed.id} is fields: {', '.join(sorted(lost))}")
    return Message(typed.id, typed.head, typed.fields)


def require_leave(request: Message, *, is_allowed: bool) -> None:
    """Refuse a request that changes something in the ILS, unless that was allowed.

    Raises:
        WrongUse: says what the request would do.
    """
    if request.id in WRITES and not is_allowed:
        chinese, english = EFFECTS[request.id]
        raise WrongUse(f"报文 {request.id} 会{chinese}，确认无误请加 --write "
                       f"message {request.id} ({request.spec.name}) {english}: add --write if that is what you want")


async def run_errand(errand: Errand) -> bytes:
    """Log in, send the request and return the answer's bytes.

    Raises:
        Unanswered: the request was sent.
        LoginRefused, BuildError, OSError: the request was not sent.
    """
    codec = Codec(errand.profile)
    wire = await Wire.open(errand.address, errand.seconds)
    try:
        await _log_in(wire, codec, errand)
        data, substitutions = codec.encode(errand.request, wire.next_sequence())
        for each in substitutions:
            note(f"字段 {each.code} 有字符已替换 field {each.code}: a character that cannot be sent was replaced")
        ended, raw = await wire.ask(data)
    finally:
        wire.close()
    if ended is not Ended.ANSWERED:
        raise Unanswered(ended, errand.request, wire.failure)
    return raw


async def _log_in(wire: Wire, codec: Codec, errand: Errand) -> None:
    login, way = errand.credentials, errand.profile.login
    if login is None:
        return
    if way is Login.TELNET:
        is_in = await wire.is_prompted(_PROMPT_SECONDS) and await wire.log_in(login) is Telnet.ACCEPTED
    else:
        asked = build("93", uid_algorithm="0", pwd_algorithm="0", CN=login.user, CO=login.password,  # noqa: S106
                      CP=errand.profile.location or None)
        _, raw = await wire.ask(codec.encode(asked, wire.next_sequence()).data)
        is_in = raw.lstrip().startswith(b"941")
    if not is_in:
        raise LoginRefused("登录被拒绝或没有应答 the login was refused or not answered: check --login and the profile")


def add_commands(verbs: Any) -> None:
    """Add ``send`` to the commands under ``sip2``."""
    send = verbs.add_parser("send", help="发送一条请求 send one request and print the answer")
    send.add_argument("address", type=host_and_port, metavar="HOST:PORT", help="the ILS")
    send.add_argument("message", metavar="MESSAGE", help="the request without checksum; - reads it from standard input")
    send.add_argument("--login", type=credentials, metavar="USER:PASSWORD", help="log in first, as the profile says")
    send.add_argument("--write", action="store_true", help="allow a request that changes something in the ILS")
    send.add_argument("--timeout", type=_seconds, default=_SECONDS, metavar="SECONDS",
                      help=f"how long to wait for the answer ({_SECONDS:g})")
    send.add_argument("--json", action="store_true", help="accepted as everywhere; the output is always JSON")
    add_dialect_options(send)
    add_tls_options(send)
    send.set_defaults(run=_send)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _SECONDS_MAX:
        raise argparse.ArgumentTypeError(f"expected seconds, more than 0 and at most {_SECONDS_MAX:g}")
    return seconds


def _send(arguments: argparse.Namespace) -> int:
    profile = dialect_to_speak(arguments)
    request = read_request(_typed(arguments.message), profile)
    require_leave(request, is_allowed=arguments.write)
    if profile.login is Login.TELNET and not arguments.login:
        raise WrongUse("该系统先要登录，请给出 --login this ILS asks for a login first: give --login USER:PASSWORD")
    errand = Errand(address_of(arguments.address, arguments), profile, request, arguments.login, arguments.timeout)
    try:
        raw = asyncio.run(run_errand(errand))
    except Unanswered as error:
        say_json({"error": error.code, "detail": str(error), "offset": 0})
        return 1
    except BuildError as error:
        raise WrongUse(f"cannot be sent: {error}") from None
    except OSError as error:
        raise Refused(f"{errand.address}: {explained(error)}") from None
    return _print_answer(raw, request, reader_named(arguments))


def _typed(message: str) -> str:
    if message != "-":
        return message
    data = sys.stdin.buffer.read(_TYPED_BYTES_MAX)
    return data.decode("utf-8", "surrogateescape")


def _print_answer(raw: bytes, request: Message, reader: Reader) -> int:
    """Print the answer; return 0 where it is one of the request's kind."""
    frame = first_frame(raw)
    try:
        shown = reader.read_json(frame)
    except FormatError as error:
        say_json(error_json(error, raw.index(frame)))
        return 1
    say_json(shown)
    return 0 if request.spec.answer in (None, shown["message"]) else 1
