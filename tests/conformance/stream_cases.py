"""Vectors for numbers: does a message continue its stream, and where does the stream stand then?"""

from dataclasses import asdict
from typing import Any

from schemas.envelope import GENESIS, StreamPosition
from schemas.identifiers import MessageHash
from trust.errors import StreamRefused
from trust.stream import StreamHead, follow

FIRST, SECOND, OTHER, THIS = (MessageHash(pair * 32) for pair in ("11", "22", "33", "44"))
NOTHING_YET, AT_ONE, AT_TWO = StreamHead(), StreamHead(0, 1, FIRST), StreamHead(0, 2, SECOND)
AFTER_RESET = StreamHead(1, 0, GENESIS)

_CASES = (
    ("first", "the first of all", NOTHING_YET, (0, 1, GENESIS), THIS),
    ("next", "the next one", AT_TWO, (0, 3, SECOND), THIS),
    ("again", "the last one again: confirm it again, do nothing else", AT_TWO, (0, 2, FIRST), SECOND),
    ("long_ago", "an old one again", AT_TWO, (0, 1, GENESIS), FIRST),
    ("gap", "one is missing: keep this one, ask for the other again", AT_ONE, (0, 3, SECOND), THIS),
    ("wide_gap", "the first numbers are missing", NOTHING_YET, (0, 7, OTHER), THIS),
    ("two_for_one_place", "another message claims the last place", AT_TWO, (0, 2, FIRST), OTHER),
    ("other_past", "the next number, after another message", AT_TWO, (0, 3, OTHER), THIS),
    ("first_with_a_past", "the first of all, after some message", NOTHING_YET, (0, 1, OTHER), THIS),
    ("next_without_a_past", "the next number, as if it were the first", AT_TWO, (0, 3, GENESIS), THIS),
    ("epoch_not_begun", "a new epoch that no reset has begun", AT_TWO, (1, 1, GENESIS), THIS),
    ("after_a_reset", "the first of the epoch that a reset has begun", AFTER_RESET, (1, 1, GENESIS), THIS),
    ("epoch_over", "a message of the epoch before the reset", AFTER_RESET, (0, 3, SECOND), THIS),
)


def files() -> dict[str, Any]:
    about = "a stream's head (the last message taken), a message that arrives, and the head after it or the problem"
    return {"streams": {"about": about, "cases": [_render(*case) for case in _CASES]}}


def _render(name: str, about: str, head: StreamHead, place: tuple[int, int, str], message: MessageHash
            ) -> dict[str, Any]:
    epoch, seq, prev = place
    position = StreamPosition(channel="loan", epoch=epoch, seq=seq, prev=MessageHash(prev))
    return {"name": name, "about": about, "head": asdict(head), "stream": position.model_dump(), "message": message,
            "expected": _outcome(head, position, message)}


def _outcome(head: StreamHead, position: StreamPosition, message: MessageHash) -> dict[str, Any]:
    try:
        return {"head": asdict(follow(head, position, message))}
    except StreamRefused as refused:
        return {"code": refused.code}
