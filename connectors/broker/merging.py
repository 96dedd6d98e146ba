"""Which records of several targets are one book: by ISBN-13, volume and normalised title. Pure.

The broker knows no more of a foreign catalogue than what it delivers, so the rule is small and errs on the side of two
entries: records with an ISBN meet where a valid one, the volume and the beginning of the title agree; records without
one where the whole title, volume, first author and year do. The ISBN of a set names no volume, so it joins nothing.
Every record keeps its own octets. Deliberately absent: the union catalogue's scorer, which the gateway owns.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from connectors.broker.reading import bib_of
from connectors.z3950.reply import Record
from schemas.bib import Bib

RECORD_BYTES_MAX = 1 << 20
"""A larger record is passed on to nobody: ten thousand ordinary ones fit in its place."""
MERGE_BYTES_MAX = 64 << 20
"""What one merge holds of all targets."""
TITLE_CHARS_MAX = 200
_NOISE = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"[0-9]+|[〇零一二三四五六七八九十]+")
_DIGITS = {digit: value % 10 for value, digit in enumerate("〇一二三四五六七八九零")}


class Delivered(NamedTuple):
    """A record, the target that delivered it, and the configured charset of that target's records, if any."""

    target: str
    record: Record
    charset: str | None = None


@dataclass
class Work:
    """One book: the records that describe it, and what the first of them says; nothing where it is no MARC."""

    bib: Bib | None
    title: str
    records: list[Delivered] = field(default_factory=list)


class Merge:
    """What has come so far, in its order; add to it as targets answer. Works are never taken apart again."""

    def __init__(self, bytes_max: int = MERGE_BYTES_MAX) -> None:
        self.works: list[Work] = []
        self.left_out = 0
        """Records that were too large, or for which there was no room."""
        self._room = bytes_max
        self._by_octets: dict[bytes, Work] = {}
        self._by_key: dict[tuple[str, ...], list[Work]] = {}

    def add(self, delivered: Delivered) -> None:
        """Put a record to its work, or leave it out where it is too large. Octets that came before are not read."""
        octets = delivered.record.data
        if len(octets) > min(RECORD_BYTES_MAX, self._room):
            self.left_out += 1
            return
        self._room -= len(octets)
        work = self._by_octets.get(octets)
        if work is None:
            work = self._by_octets[octets] = self._work_of(bib_of(delivered.record, delivered.charset))
        work.records.append(delivered)

    def _work_of(self, bib: Bib | None) -> Work:
        """Return the work that a description is of, a new one where none is here yet."""
        keys, title = ((), "") if bib is None else (keys_of(bib), normal_title(bib.title))
        known = (work for key in keys for work in self._by_key.get(key, ()) if _akin(work.title, title))
        work = next(known, None)
        if work is None:
            work = Work(bib, title)
            self.works.append(work)
        for key in keys:
            works = self._by_key.setdefault(key, [])
            if work not in works:
                works.append(work)
        return work


def keys_of(bib: Bib) -> Sequence[tuple[str, ...]]:
    """Return the names under which a record of the same book is looked for.

    >>> from schemas.bib import Isbn, MarcFormat
    >>> keys_of(Bib(record_id="1", source=MarcFormat.CNMARC, title="三体", volume="第二册",
    ...             isbns=(Isbn.parse("7-5366-9293-5"),)))
    [('9787536692930', '2')]
    """
    volume = normal_volume(bib.volume)
    isbns = {isbn.isbn13 for isbn in bib.isbns if isbn.valid and isbn.isbn13 and not isbn.is_set}
    if isbns:
        return [(isbn, volume) for isbn in sorted(isbns)]
    title = normal_title(bib.title)
    author = normal_title(bib.contributors[0].name if bib.contributors else bib.responsibility)
    return [(title, volume, author, str(bib.year))] if title and bib.year is not None else []


def normal_title(text: str) -> str:
    """Return a title without case, width, marks and spaces.

    >>> normal_title("Ｐｒｉｄｅ & Prejudice.")
    'prideprejudice'
    """
    return _NOISE.sub("", unicodedata.normalize("NFKC", text[:TITLE_CHARS_MAX]).casefold())


def normal_volume(text: str) -> str:
    """Return the number of a volume, or its words where there is none.

    >>> normal_volume("v. 02"), normal_volume("第二十三卷"), normal_volume("上册"), normal_volume("")
    ('2', '23', '上册', '')
    """
    plain = unicodedata.normalize("NFKC", text[:TITLE_CHARS_MAX])
    numbers = _NUMBER.findall(plain)
    return "-".join(str(_number(number)) for number in numbers) if numbers else normal_title(plain)


def in_turn(lists: Iterable[Sequence[Delivered]]) -> Iterator[Delivered]:
    """Yield the first of each list, then the second of each, and so on: no target stands before another."""
    for row in zip_longest(*lists):
        yield from filter(None, row)


def _number(text: str) -> int:
    """Return what digits say, or Chinese numerals below a hundred; longer ones are read digit by digit."""
    if text.isascii():
        return int(text)
    tens, has_tens, units = text.partition("十")
    if not has_tens:
        return int("".join(str(_DIGITS[digit]) for digit in text))
    return 10 * _DIGITS.get(tens[-1:], 1) + _DIGITS.get(units[:1], 0)


def _akin(one: str, other: str) -> bool:
    """Whether one title begins with the other: catalogues differ in where a subtitle stands."""
    return bool(one) and bool(other) and (one.startswith(other) or other.startswith(one))
