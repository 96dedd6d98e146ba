"""What one search of a target came to: its state, records and diagnostics, without any I/O.

Zero is not nothing: a target that is silent, one that refuses and one that has nothing are told apart. No hits for a
query beyond ASCII is ``unconfirmed``, because a target that reads terms in another charset answers just so; only when a
word beyond ASCII has been found there is it ``empty``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from connectors.z3950.errors import InitRefused, TargetDiagnostic, TargetSilent, Z3950Error
from connectors.z3950.reply import Record


class State(StrEnum):
    """How a search ended."""

    OK = "ok"
    PARTIAL = "partial"
    EMPTY = "empty"
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    FAILED = "failed"


SERVED = frozenset({State.OK, State.PARTIAL, State.EMPTY})
"""The states that answer the question."""

MEANINGS: Mapping[State, str] = MappingProxyType({
    State.OK: "完成 all records asked for",
    State.PARTIAL: "部分 only some of the records asked for",
    State.EMPTY: "无结果 nothing found",
    State.UNCONFIRMED: "无结果,但对方的检索字符集未经证实 nothing found, but the target's query charset is unproved",
    State.REFUSED: "对方拒绝 the target refuses us",
    State.TIMED_OUT: "超时 no answer in time",
    State.FAILED: "失败 the search failed",
})

# Bib-1 diagnostics: 101 access control, 236 access to the database denied, 1010-1023 what Init's access control says.
_NO_ACCESS = frozenset({101, 236, *range(1010, 1024)})


@dataclass
class Answer:
    """What has come so far; ``hits`` is None until the target has searched.

    ``is_plain``: the query is in ASCII, which every charset reads alike. ``changes`` says how the query was adapted to
    what the target has.
    """

    wanted: int
    is_plain: bool
    is_charset_proved: bool = False
    hits: int | None = None
    records: list[Record] = field(default_factory=list)
    diagnostics: list[TargetDiagnostic] = field(default_factory=list)
    changes: tuple[str, ...] = ()
    error: Z3950Error | None = None

    @property
    def places(self) -> int:
        """How many records of the result set are wanted."""
        return min(self.wanted, self.hits or 0)

    def take(self, records: list[Record]) -> None:
        """Add what a Present brought, diagnostics in the place of records among it."""
        self.records += (record for record in records if record.diagnostic is None)
        self.diagnostics += (record.diagnostic for record in records if record.diagnostic is not None)

    def end(self, error: Z3950Error) -> None:
        """Note what ended the search early."""
        if isinstance(error, TargetDiagnostic):
            self.diagnostics.append(error)
        else:
            self.error = error

    @property
    def state(self) -> State:
        """Return how the search ended."""
        if self.records and len(self.records) < self.places:
            return State.PARTIAL
        if len(self.records) < self.places or self.hits is None:
            return self._failure
        if self.hits == 0:
            return State.EMPTY if self.is_plain or self.is_charset_proved else State.UNCONFIRMED
        return State.OK

    @property
    def _failure(self) -> State:
        if isinstance(self.error, InitRefused) or any(each.code in _NO_ACCESS for each in self.diagnostics):
            return State.REFUSED
        return State.TIMED_OUT if isinstance(self.error, TargetSilent) else State.FAILED
