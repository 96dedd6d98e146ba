"""``delta-connector sip2``: SIP2 messages made readable, recorded and asked again, with what is secret masked.

``parse`` prints one JSON object a line for each frame of a file or pipe, and goes on after one it cannot read. Frames
end with CR, LF or both, since captures pass through editors. Deliberately absent: writes; the desk and the connector
speak to the ILS, so that every one of them is journalled.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from connectors.sip2.codec import Codec
from connectors.sip2.errors import FormatError
from connectors.sip2.framing import FRAME_BYTES_MAX, FrameSplitter
from connectors.sip2.messages import Message
from connectors.sip2.profile import CHARSETS, Profile
from connectors.tools import sip2_capture, sip2_replay
from connectors.tools.sip2_shapes import error_json, load_profile, message_json
from connectors.tools.terminal import say_json

_BLOCK_BYTES = 1 << 16
_END = re.compile(rb"[\r\n]")


def pieces(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield what stands between line ends, with its offset; one that outgrows a frame is cut a byte behind the limit.

    Memory stays bounded, whatever is fed in.
    """
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


def read_piece(codec: Codec, piece: bytes) -> Iterator[Message]:
    """Yield the message of a piece; none where it holds only what peers send between frames.

    Raises:
        FormatError: the piece is no SIP2 message.
    """
    splitter = FrameSplitter()
    splitter.feed(piece + b"\r")
    for frame in splitter.frames():
        yield codec.decode(frame)


def add_commands(commands: Any) -> None:
    """Add ``sip2`` and what is under it."""
    sip2 = commands.add_parser("sip2", help="查看 SIP2 报文 look into SIP2 messages")
    verbs = sip2.add_subparsers(required=True, metavar="COMMAND")
    parse = verbs.add_parser("parse", help="逐条解析 print each message as one JSON object a line")
    parse.add_argument("input", metavar="FILE", help="a file of frames, or - for standard input")
    parse.add_argument("--profile", type=Path, metavar="TOML", help="the dialect; a connector.toml will do")
    parse.add_argument("--charset", choices=tuple(CHARSETS), help="overrides the profile's")
    parse.add_argument("--json", action="store_true", help="accepted as everywhere; the output is always JSON")
    parse.set_defaults(run=_parse)
    sip2_capture.add_commands(verbs)
    sip2_replay.add_commands(verbs)


def _parse(arguments: argparse.Namespace) -> int:
    profile = load_profile(arguments.profile) if arguments.profile else Profile()
    codec = Codec(replace(profile, charset=arguments.charset) if arguments.charset else profile)
    failed = False
    with nullcontext(sys.stdin.buffer) if arguments.input == "-" else Path(arguments.input).open("rb") as stream:
        for offset, piece in pieces(stream):
            try:
                for message in read_piece(codec, piece):
                    say_json(message_json(message))
            except FormatError as error:
                failed = True
                say_json(error_json(error, offset))
    return 1 if failed else 0
