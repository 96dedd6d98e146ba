"""A million SIP2 streams that no honest peer sends: each gives messages or the named errors, and nothing else.

Half of them are conversations with up to six wounds, half are what somebody writes who means harm. Block ``n`` of ten
thousand depends on ``n`` alone, so a finding can be repeated; progress is kept after each block. What must hold of
each stream is the table ``CHECKS``. The slowest input is told in CPU time, since a soak runs beside other work.
"""

import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain
from random import Random
from typing import NamedTuple

from connectors.sip2 import Checksum, Codec, Profile, Terminator, build
from connectors.sip2.errors import BuildError, FormatError, LineError, NotReproducible
from connectors.sip2.framing import FrameSplitter
from connectors.sip2.messages import MESSAGES, REQUESTS, Message
from connectors.sip2.profile import CHARSETS, ErrorDetection
from connectors.sip2.refusal import refusal
from connectors.sip2.session import AcsSession, ScSession
from tests.benchmarks.harness import Effort, Line
from tests.benchmarks.sip2 import DATE
from tests.benchmarks.sip2 import MESSAGES as ANSWERS
from tests.benchmarks.soak import Progress

INPUTS = 1_000_000
BLOCK = 10_000
QUICK_INPUTS = 500
SLOWEST_MS_MAX = 100.0
FINDINGS_MAX = 100
DELIMITERS = "|||||^~!/*"
TREACHEROUS = "東質珅觸軀四會育尚|é，\N{CJK UNIFIED IDEOGRAPH-20000}e\N{COMBINING ACUTE ACCENT}\u2028\x07\ufeff"
SPLICES = (b"|", b"||", b"\r", b"\n", b"\r\n", b"AY1AZ", b"AY1AZFFFF", b"AZFFFF", b"AA", b"64", b"96", b"97AZFEF5",
           b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b$B", b"\x81", b"BLYBV7.00", b"BXYY|", b" " * 40, b"9" * 18)
SEEDS = (*ANSWERS.values(), *(build(message_id) for message_id in sorted(MESSAGES)),
         build("17", transaction_date=DATE, AO="YP", AB="B0001"))
LOSSES = frozenset({"undecodable_bytes", "character_with_two_codes", "not_nfc"})
CHECKOUT = build("11", sc_renewal_policy=False, no_block=False, transaction_date=DATE, AA="P1", AB="B1")


class Input(NamedTuple):
    """A stream, and the dialect in which it is heard."""

    profile: Profile
    data: bytes


def run(effort: Effort) -> Iterator[Line]:
    """Go on from the last block that was finished."""
    inputs, block = (QUICK_INPUTS, QUICK_INPUTS) if effort.is_quick else (INPUTS, BLOCK)
    progress = Progress(f"sip2-{inputs}", blocks=0, passed=0, slowest_ms=0.0, findings=[])
    for number in range(progress.figures["blocks"], inputs // block):
        begin = time.perf_counter()
        _block(number, block, progress)
        done, rate = (number + 1) * block, block / (time.perf_counter() - begin)
        print(f"  {done:,} of {inputs:,} inputs, {done - progress.figures['passed']} findings, {rate:,.0f} inputs/s",
              file=sys.stderr, flush=True)
    for finding in progress.figures["findings"]:
        print(f"  {finding}", file=sys.stderr)
    yield Line.within("SIP2 fuzz: only named errors, whole as byte by byte", "inputs", progress.figures["passed"],
                      inputs)
    yield Line.within("SIP2 fuzz: slowest input", "ms", progress.figures["slowest_ms"], SLOWEST_MS_MAX)


def _block(number: int, size: int, progress: Progress) -> None:
    random = Random(number)
    findings, slowest, passed = list(progress.figures["findings"]), progress.figures["slowest_ms"], 0
    for place in range(size):
        one = any_input(random)
        begin = time.thread_time()
        try:
            check(one)
            passed += 1
        except Exception as error:
            findings.append(f"block {number}, input {place}: {type(error).__name__}: {error}")
        slowest = max(slowest, (time.thread_time() - begin) * 1000)
    progress.save(blocks=number + 1, passed=progress.figures["passed"] + passed, slowest_ms=slowest,
                  findings=findings[:FINDINGS_MAX])


def check(one: Input) -> None:
    """Find out whether all that must hold of a stream does.

    Raises:
        AssertionError: it does not. Any other error is one that should not have escaped.
    """
    messages = _is_heard_alike_in_any_pieces(one)
    for holds in CHECKS:
        for message in messages:
            holds(one.profile, message)
    _gets_one_answer_a_frame(one)
    _settles_an_exchange(one)


def _is_heard_alike_in_any_pieces(one: Input) -> list[Message]:
    whole, split = _hear(one, [one.data]), _hear(one, [bytes([byte]) for byte in one.data])
    assert whole == split, "whole and byte by byte differ"
    return [heard for heard in whole if isinstance(heard, Message)]


def _hear(one: Input, pieces: list[bytes]) -> list[Message | str]:
    """Return the messages, or the names of the errors, in a stream that comes in pieces."""
    splitter, codec = FrameSplitter(one.profile.terminator), Codec(one.profile)
    heard: list[Message | str] = []
    for piece in pieces:
        splitter.feed(piece)
        for frame in splitter.frames():
            try:
                heard.append(codec.decode(frame))
            except FormatError as error:
                heard.append(type(error).__name__)
    return heard


def _is_made_again_from_its_parts(profile: Profile, message: Message) -> None:
    try:
        again = Codec(profile).reproduce(message)
    except NotReproducible:
        assert not LOSSES.isdisjoint(message.problems), "not reproducible, and nobody knows why"
    else:
        assert again == message.raw, "made again, it is another"


def _is_sent_so_that_it_is_read_alike(profile: Profile, message: Message) -> None:
    """But for 96 and 97, which say nothing else, and a fixed part that ends as a trailer does."""
    codec = Codec(profile)
    if message.id in ("96", "97") or "AZ" in message.head:
        return
    try:
        encoded = codec.encode(message, 1)
    except BuildError:
        return
    frame = encoded.data.removesuffix(profile.terminator.value)
    assert not {b"\r"[0], b"\n"[0]} & set(frame), "a terminator within the frame"
    again = codec.decode(frame)
    assert encoded.substitutions or again == message, "sent, it is another"
    # In a field of fixed width, what was replaced may now read as padding, or as the end before another code.
    expected = {"padded", "delimiter_missing"} if encoded.substitutions else set()
    assert set(again.problems) <= expected | {"character_with_two_codes"}, f"sent with {again.problems}"


def _gets_one_answer_a_frame(one: Input) -> None:
    """As a kiosk sends it: nothing escapes, and no answer comes without a frame."""
    session, frames, answers = AcsSession(one.profile), 0, 0
    session.feed(one.data)
    while session.advance():
        frames += 1
        if session.request is not None:
            assert session.request.id in REQUESTS
            _refuse(session, session.request)
        answers += bool(session.data_to_send())
    assert answers <= frames, "more answers than frames"


def _refuse(session: AcsSession, request: Message) -> None:
    try:
        session.answer(refusal(request, "system error", DATE))
    except BuildError:
        session.answer(build("96"))


def _settles_an_exchange(one: Input) -> None:
    """As an ILS answers it: nothing but an answer of the right kind or the named errors."""
    session = ScSession(one.profile)
    session.request(CHECKOUT)
    try:
        answer = session.receive(one.data)
    except LineError:
        assert session.is_idle
    else:
        assert answer is None or answer.id == "12"


CHECKS: tuple[Callable[[Profile, Message], None], ...] = (
    _is_made_again_from_its_parts, _is_sent_so_that_it_is_read_alike)
"""What must hold of each message heard, besides what ``check`` asks of the whole stream."""


def any_input(random: Random) -> Input:
    """Return a stream that depends on ``random`` alone."""
    profile = Profile(charset=random.choice(sorted(CHARSETS)), terminator=random.choice(list(Terminator)),
                      delimiter=random.choice(DELIMITERS), checksum=random.choice(list(Checksum)),
                      error_detection=random.choice(list(ErrorDetection)))
    make = _conversation if random.random() < 0.5 else _malice
    data = bytearray(make(random, profile))
    for _ in range(random.randint(0, 6)):
        _damage(random, data)
    return Input(profile, bytes(data))


def _conversation(random: Random, profile: Profile) -> bytes:
    """Return up to three messages in the dialect, or in one that differs from it in charset or checksum."""
    codec = Codec(profile if random.random() < 0.8 else Profile(charset=random.choice(sorted(CHARSETS))))
    frames: list[bytes] = []
    for _ in range(random.randint(1, 3)):
        message, sequence = _with_treachery(random, random.choice(SEEDS)), random.randrange(10)
        frames.append(codec.encode(message, sequence if random.random() < 0.9 else None).data)
    return bytes(chain.from_iterable(frames))


def _with_treachery(random: Random, message: Message) -> Message:
    """Return the message with characters whose bytes look like delimiters, in a text field of its own."""
    text = "".join(random.choices(TREACHEROUS, k=random.randint(0, 8)))
    return message if message.id in ("96", "97") else Message(message.id, message.head, (*message.fields, ("AF", text)))


def _malice(random: Random, profile: Profile) -> bytes:
    """Return frames that begin like messages and go on as nobody expects."""
    end = profile.terminator.value
    head = random.choice(sorted(MESSAGES)).encode() + b" " * random.choice((0, 1, 17, 18, 36, 59))
    delimiter = profile.delimiter.encode()
    tails: tuple[Callable[[], bytes], ...] = (
        lambda: random.randbytes(random.randint(0, 300)),
        lambda: delimiter * random.randint(1, 300),
        lambda: b"".join(random.choices(SPLICES, k=random.randint(1, 40))),
        lambda: (b"AF" + delimiter) * random.randint(1, 150),
        lambda: b"BLYBLNBHCNY" * random.randint(1, 60) + delimiter,
        lambda: b"AF" + bytes([random.randrange(256)]) * random.randint(1, 1500),
        lambda: b"AFx" + delimiter + b"AY%dAZ%04X" % (random.randrange(10), random.randrange(1 << 16)),
        lambda: "".join(random.choices(TREACHEROUS, k=60)).encode(random.choice(("utf-8", "utf-16", "gb18030")),
                                                                  "replace"),
    )
    frames = [head + random.choice(tails)() + random.choice((end, end * 2, b"\r\n", b"\n\r", b""))
              for _ in range(random.randint(1, 3))]
    return b"".join(frames)


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
