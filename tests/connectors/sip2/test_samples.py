"""Every line of the sample messages that real systems published: decoded or refused by name, and written back."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.sip2.codec import Codec
from connectors.sip2.errors import FormatError
from connectors.sip2.framing import FrameSplitter
from connectors.sip2.messages import CANONICAL, Message
from connectors.sip2.profile import Checksum, Profile
from tests.peers import require_shared_data

CODECS = {variant: Codec(Profile(checksum=variant)) for variant in Checksum if variant is not Checksum.NONE}


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    path: Path = require_shared_data("sip2", "samples.tsv")
    with path.open(encoding="utf-8", newline="") as file:
        lines = [row["message"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    splitter = FrameSplitter()
    splitter.feed(b"".join(line.replace("\\r", "\r").replace("\\n", "\n").encode() + b"\r" for line in lines))
    found = list(splitter.frames())
    assert len(found) == len(lines)
    return found


def best(frame: bytes) -> tuple[Codec, Message]:
    """Read with the checksum variant that fits, as a learned profile would."""
    readings = [(codec, codec.decode(frame)) for codec in CODECS.values()]
    return next((reading for reading in readings if reading[1].checksum == "ok"), readings[0])


def test_each_line_decodes_or_is_refused_by_name(frames: list[bytes]) -> None:
    refused = []
    for frame in frames:
        try:
            best(frame)
        except FormatError:
            refused.append(frame)
    # A print width of two digits, so that the fixed part has no legal reading.
    assert refused == [b"990401.00|AY1AZFC59"]


def test_each_line_is_written_back_to_the_same_bytes_from_its_parts(frames: list[bytes]) -> None:
    for frame in frames:
        if frame.startswith(b"990401.00"):
            continue
        codec, message = best(frame)
        assert codec.reproduce(replace(message, raw=b"")) == frame


def test_each_canonical_line_is_what_we_would_send(frames: list[bytes]) -> None:
    canonical = [best(frame) for frame in frames if not frame.startswith(b"990401.00")]
    canonical = [(codec, message) for codec, message in canonical if message.layout is CANONICAL]
    assert len(canonical) >= 30
    for codec, message in canonical:
        again = Message(message.id, message.head, message.fields)
        assert codec.encode(again, message.sequence).data == message.raw + b"\r"


def test_the_chinese_systems_checksums_verify_in_their_own_variant(frames: list[bytes]) -> None:
    odd = Codec(Profile(checksum=Checksum.CODE_POINTS_WITHOUT_TRAILER))
    chinese = [frame for frame in frames if b"AY4AZ" in frame and not frame.isascii()]
    assert len(chinese) == 5
    assert {odd.decode(frame).checksum for frame in chinese} == {"ok"}
