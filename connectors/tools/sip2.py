"""``delta-connector sip2``: SIP2 messages made readable, sent, recorded and asked again.

``parse`` prints one JSON object a line for each frame of a file or pipe, and goes on after one it cannot read. Frames
end with CR, LF or both, since captures pass through editors. It shows what whoever asks has in hand, every value as it
stands; ``--mask`` is for output that is passed on. The other commands have modules of their own, and always mask.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

from connectors.sip2.codec import Codec
from connectors.sip2.errors import FormatError, FrameTooLong
from connectors.sip2.fields import SECRET_CODES
from connectors.sip2.framing import FRAME_BYTES_MAX, trimmed
from connectors.sip2.messages import Message
from connectors.sip2.profile import Profile
from connectors.tools import sip2_capture, sip2_replay, sip2_send
from connectors.tools.sip2_options import add_dialect_options, dialect_named
from connectors.tools.sip2_shapes import error_json, message_json
from connectors.tools.terminal import say_json

_BLOCK_BYTES = 1 << 16
_END = re.compile(rb"[\r\n]")


def frames(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield what stands between line ends and is more than noise, with the offset of its first byte.

    Memory stays bounded, whatever is fed in: what outgrows a frame is cut a byte behind the limit.
    """
    for offset, piece in _pieces(stream):
        if frame := trimmed(piece):
            yield offset + piece.index(frame), frame


def _pieces(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    pending, offset, dropped = b"", 0, 0
    while block := stream.read1(_BLOCK_BYTES):  # type: ignore[attr-defined]  # a pipe gives what it has
        first, *rest = _END.split(block)
        *whole, pending = pending + first, *rest
        for piece in whole:
            yield offset, piece
            offset, dropped = offset + dropped + len(piece) + 1, 0
        if len(pending) > FRAME_BYTES_MAX:
            dropped += len(pending) - FRAME_BYTES_MAX - 1
            pending = pending[: FRAME_BYTES_MAX + 1]
    yield offset, pending


def read_frame(codec: Codec, frame: bytes) -> Message:
    """Return the message in ``frame``.

    Raises:
        FormatError: it is none.
    """
    if len(frame) > FRAME_BYTES_MAX:
        raise FrameTooLong(FRAME_BYTES_MAX)
    return codec.decode(frame)


def add_commands(commands: Any) -> None:
    """Add ``sip2`` and what is under it."""
    sip2 = commands.add_parser("sip2", help="查看 SIP2 报文 look into SIP2 messages")
    verbs = sip2.add_subparsers(required=True, metavar="COMMAND")
    parse = verbs.add_parser("parse", help="逐条解析 print each message as one JSON object a line")
    parse.add_argument("input", metavar="FILE", help="a file of frames, or - for standard input")
    add_dialect_options(parse)
    parse.add_argument("--mask", action="store_true", help="遮盖密码和读者资料 mask passwords and readers' data")
    parse.add_argument("--json", action="store_true", help="accepted as everywhere; the output is always JSON")
    parse.set_defaults(run=_parse)
    sip2_send.add_commands(verbs)
    sip2_capture.add_commands(verbs)
    sip2_replay.add_commands(verbs)


def _parse(arguments: argparse.Namespace) -> int:
    codec = Codec(dialect_named(arguments, Profile()))
    failed, hidden = False, SECRET_CODES if arguments.mask else frozenset[str]()
    with nullcontext(sys.stdin.buffer) if arguments.input == "-" else Path(arguments.input).open("rb") as stream:
        for offset, frame in frames(stream):
            try:
                say_json(message_json(read_frame(codec, frame), hidden))
            except FormatError as error:
                failed = True
                say_json(error_json(error, offset))
    return 1 if failed else 0
