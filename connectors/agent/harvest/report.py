"""What a harvest has found, counted: for programs, for the journal and for people, and why it deletes nothing.

Pure. A library's catalogue is never emptied because an export was: see ``withheld``.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

from connectors.agent.harvest.sources import Bad
from connectors.marc.record import MarcRecord, code_of

SHOWN_MAX = 20
"""A report names so many bad records; ``--bad`` keeps all."""
KINDS_MAX = 200
"""So many tags are told apart; garbage can have any."""
OTHER = "other"


class Withheld(StrEnum):
    """Why a whole run did not delete what it has not seen."""

    NO = ""
    PIECED = "pieced"
    UNREADABLE = "unreadable"
    TOO_MANY = "too_many"


@dataclass(slots=True)
class Tally:
    """What became of a source's records: ``read`` is the sum of sent, unchanged and bad ones, and of repeated ones.

    ``repeated`` records have the number of another one in the same run; the last one holds. ``vanished`` are known
    records that a whole run has not seen. ``unmapped`` counts fields that are kept as they are, by tag.
    """

    read: int = 0
    sent: int = 0
    unchanged: int = 0
    deleted: int = 0
    bad: int = 0
    repeated: int = 0
    vanished: int = 0
    withheld: Withheld = Withheld.NO
    charsets: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    first_bad: list[Mapping[str, str]] = field(default_factory=list)

    def add(self, record: MarcRecord, unmapped: Iterable[str]) -> None:
        """Count what a record is like."""
        self.charsets[record.charset.name] += 1
        self.problems.update(map(code_of, record.problems))
        for tag in unmapped:
            self.unmapped[tag if tag in self.unmapped or len(self.unmapped) < KINDS_MAX else OTHER] += 1

    def reject(self, bad: Bad) -> None:
        """Count what did not become a record."""
        self.bad += 1
        self.problems[bad.code] += 1
        if len(self.first_bad) < SHOWN_MAX:
            self.first_bad.append({"at": bad.at, "code": bad.code, "detail": bad.detail[:200]})

    def to_json(self) -> dict[str, Any]:
        """Return the counts as programs rely on them."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Return the counts that ``to_json`` gave."""
        tally = cls(**told)
        tally.withheld = Withheld(tally.withheld)
        tally.charsets, tally.problems, tally.unmapped = map(Counter, (tally.charsets, tally.problems, tally.unmapped))
        return tally


def withheld(vanished: int, known: int, *, pieced: bool, bad: int, bad_before: int, lost_share_max: float) -> Withheld:
    """Return why records that a whole run has not seen, ``vanished`` of ``known``, are not deleted; or that they are.

    A run that was cut at a source that may have changed since has seen no whole. Where more is ``bad`` than
    ``bad_before`` in the last run that deleted, what is missing may stand there. And a library does not throw out so
    much at once as an export lacks that ended too early.
    """
    if not vanished:
        return Withheld.NO
    if pieced:
        return Withheld.PIECED
    if bad > bad_before:
        return Withheld.UNREADABLE
    return Withheld.TOO_MANY if vanished > known * lost_share_max else Withheld.NO
