"""The sample readers: a few invented people per library, some blocked, some with characters that GBK lacks.

A card number is unique within its library only, as in life. Names and PINs stay out of every ``repr``.
"""

from dataclasses import dataclass, field
from random import Random

from examples.alliance.roster import Library

READERS_PER_LIBRARY = 12

_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓冯韩曹"
# 䶮 and 㛃 stand in GB18030 only, 喆 in GBK but not in GB 2312.
_GIVEN_NAMES = ("䶮", "㛃", "喆", "书涵", "慧敏", "建国", "子轩", "雨桐", "志强", "若水", "思远", "海棠")
_TYPES = ("adult", "adult", "adult", "senior", "child")
# By the reader's number. Two of twelve: enough for a refusal in any alliance, few enough for everybody else to borrow.
_BLOCKS = {5: "card_lost", 10: "charge_denied"}


@dataclass(frozen=True)
class Reader:
    """One reader. ``patron_type`` is the ILS's own word; ``block`` a name of SIP2's patron status, or empty."""

    card: str
    pin: str = field(repr=False)
    name: str = field(repr=False)
    patron_type: str
    block: str


def readers_of(library: Library, seed: int) -> tuple[Reader, ...]:
    """Return the readers of ``library``: the same for the same seed."""
    random = Random(f"{seed}:readers:{library.slug}")
    return tuple(_reader(library, number, random) for number in range(READERS_PER_LIBRARY))


def _reader(library: Library, number: int, random: Random) -> Reader:
    return Reader(
        card=f"{library.division_code}{number + 1:06}",
        pin=f"{random.randrange(10**6):06}",
        name=random.choice(_SURNAMES) + _GIVEN_NAMES[number % len(_GIVEN_NAMES)],
        patron_type=_TYPES[number % len(_TYPES)],
        block=_BLOCKS.get(number, ""),
    )
