"""A million damaged SIP2 streams: each gives messages or the named errors, the same whole and byte by byte.

Block ``n`` of ten thousand depends on ``n`` alone, so a finding can be repeated; progress is kept after each block.
The slowest input is told in CPU time, since a soak runs beside other work.
"""

import sys
import time
from collections.abc import Iterator
from itertools import chain
from random import Random

from connectors.sip2 import Checksum, Codec, Profile, Terminator, build
from connectors.sip2.errors import FormatError
from connectors.sip2.framing import FrameSplitter
from connectors.sip2.messages import Message
from connectors.sip2.profile import CHARSETS
from tests.benchmarks.harness import Effort, Line
from tests.benchmarks.sip2 import DATE, MESSAGES
from tests.benchmarks.soak import Progress

INPUTS = 1_000_000
BLOCK = 10_000
SLOWEST_MS_MAX = 100.0
TREACHEROUS = "東質珅觸軀四會育尚|é，\N{CJK UNIFIED IDEOGRAPH-20000}"
SPLICES = (b"|", b"||", b"\r", b"\n", b"\r\n", b"AY1AZ", b"AZFFFF", b"AA", b"64", b"\x00", b"\xff\xfe", b" " * 40)
SEEDS = (*MESSAGES.values(), build("17", transaction_date=DATE, AO="YP", AB="B0001"), build("97"), build("96"))


def run(effort: Effort) -> Iterator[Line]:
    """Go on from the last block that was finished."""
    inputs = BLOCK if effort.is_quick else INPUTS
    progress = Progress(f"sip2-{inputs}", blocks=0, passed=0, slowest_ms=0.0, findings=[])
    for number in range(progress.figures["blocks"], inputs // BLOCK):
        _block(number, progress)
        print(f"  {(number + 1) * BLOCK:,} inputs, {len(progress.figures['findings'])} findings", file=sys.stderr,
              flush=True)
    for finding in progress.figures["findings"]:
        print(f"  {finding}", file=sys.stderr)
    yield Line.within("SIP2 fuzz: only named errors, whole as byte by byte", "inputs", progress.figures["passed"],
                      inputs)
    yield Line.within("SIP2 fuzz: slowest input", "ms", progress.figures["slowest_ms"], SLOWEST_MS_MAX)


def _block(number: int, progress: Progress) -> None:
    random = Random(number)
    findings, slowest, passed = list(progress.figures["findings"]), progress.figures["slowest_ms"], 0
    for place in range(BLOCK):
        profile, data = _input(random)
        begin = time.thread_time()
        try:
            whole, split = _hear(profile, [data]), _hear(profile, [bytes([byte]) for byte in data])
            assert whole == split, "whole and byte by byte differ"
            passed += 1
        except Exception as error:
            findings.append(f"block {number}, input {place}: {type(error).__name__}: {error}")
        slowest = max(slowest, (time.thread_time() - begin) * 1000)
    progress.save(blocks=number + 1, passed=progress.figures["passed"] + passed, slowest_ms=slowest, findings=findings)


def _hear(profile: Profile, pieces: list[bytes]) -> list[Message | str]:
    """Return the messages, or the names of the errors, in a stream that comes in pieces."""
    splitter, codec = FrameSplitter(profile.terminator), Codec(profile)
    heard: list[Message | str] = []
    for piece in pieces:
        splitter.feed(piece)
        for frame in splitter.frames():
            try:
                heard.append(codec.decode(frame))
            except FormatError as error:
                heard.append(type(error).__name__)
    return heard


def _input(random: Random) -> tuple[Profile, bytes]:
    profile = Profile(charset=random.choice(sorted(CHARSETS)), terminator=random.choice(list(Terminator)),
                      checksum=random.choice(list(Checksum)))
    codec = Codec(profile)
    frames = [codec.encode(_with_treachery(random, random.choice(SEEDS)), random.randrange(10)).data
              for _ in range(random.randint(1, 3))]
    data = bytearray(chain.from_iterable(frames))
    for _ in range(random.randint(0, 6)):
        _damage(random, data)
    return profile, bytes(data)


def _with_treachery(random: Random, message: Message) -> Message:
    """Return the message with characters whose bytes look like delimiters, in a text field of its own."""
    text = "".join(random.choices(TREACHEROUS, k=random.randint(0, 8)))
    return message if message.id in ("96", "97") else Message(message.id, message.head, (*message.fields, ("AF", text)))


def _damage(random: Random, data: bytearray) -> None:
    begin = random.randrange(len(data) + 1)
    end = min(len(data), begin + random.randint(0, 12))
    match random.randrange(4):
        case 0:
            data[begin:end] = random.randbytes(random.randint(0, 12))
        case 1:
            data[begin:end] = random.choice(SPLICES)
        case 2:
            data[begin:begin] = data[begin:end] * random.randint(1, 5)
        case _:
            del data[random.randrange(len(data) + 1):]
