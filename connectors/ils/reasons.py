"""Why an ILS refused, from its own words: SIP2 has no error codes, only texts for the screen (AF) and for paper (AG).

A table of rows, first match wins: the library's own rows from its settings, then those shipped in ``reasons.toml``.
A row is ``{text = "…" or pattern = "…", reason = "OnLoan"}``: a part of the words, or a regular expression; case, width
and runs of blanks do not count. What no row matches is ``Reason.OTHER``, and staff read the words.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Self

from connectors.ils.port import Block, Reason

WORDS_MAX = 500
"""Characters of an ILS's words that are looked at and kept."""

_DENIES_BORROWING = frozenset({Block.CHARGE_DENIED, Block.HOLD_DENIED, Block.CARD_LOST, Block.TOO_MANY_CHARGED})
_REASON_OF_BLOCK: Mapping[Block, Reason] = {
    Block.CARD_LOST: Reason.CARD_LOST,
    Block.EXCESSIVE_FEES: Reason.EXCESSIVE_FEES,
    Block.EXCESSIVE_FINES: Reason.EXCESSIVE_FEES,
    Block.TOO_MANY_BILLED: Reason.EXCESSIVE_FEES,
    Block.TOO_MANY_OVERDUE: Reason.TOO_MANY_OVERDUE,
    Block.RECALL_OVERDUE: Reason.TOO_MANY_OVERDUE,
    Block.TOO_MANY_CHARGED: Reason.TOO_MANY_CHARGED,
}
"""What a flag says by itself; the gravest first. Denials alone say nothing of why."""


class ReasonRowRefused(ValueError):
    """A row of a table of reasons cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """Words that contain ``pattern`` mean ``reason``."""

    pattern: re.Pattern[str]
    reason: Reason

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> Self:
        """Read a row.

        Raises:
            ReasonRowRefused: it has not exactly a reason and either a text or a pattern.
        """
        reason, kind = table.get("reason"), "pattern" if "pattern" in table else "text"
        words = table.get(kind)
        if set(table) != {kind, "reason"} or not isinstance(words, str) or not _plain(words):
            raise ReasonRowRefused("a row has a reason and either a text or a pattern")
        if reason not in tuple(Reason):
            raise ReasonRowRefused(f"reason {reason!r} is none of {', '.join(Reason)}")
        try:
            pattern = re.compile(re.escape(_plain(words)) if kind == "text" else words, re.IGNORECASE)
            return cls(pattern, Reason(str(reason)))
        except re.error as error:
            raise ReasonRowRefused(f"pattern {words!r} is no regular expression: {error}") from None


@dataclass(frozen=True)
class ReasonTable:
    """Reads the words of one library's ILS."""

    rows: tuple[ReasonRow, ...]

    @classmethod
    @cache
    def shipped(cls) -> Self:
        """Return the table of texts that known systems send."""
        text = files(__package__).joinpath("reasons.toml").read_text(encoding="utf-8")
        return cls(tuple(map(ReasonRow.from_table, tomllib.loads(text)["reasons"])))

    def extended(self, tables: Iterable[Mapping[str, object]]) -> Self:
        """Return this table below a library's own rows.

        Raises:
            ReasonRowRefused: naming the row by its number.
        """
        rows = []
        for number, table in enumerate(tables, 1):
            try:
                rows.append(ReasonRow.from_table(table if isinstance(table, Mapping) else {}))
            except ReasonRowRefused as error:
                raise ReasonRowRefused(f"row {number}: {error}") from None
        return type(self)((*rows, *self.rows))

    def reason_of(self, words: str) -> Reason:
        """Return what an ILS means by its words.

        >>> ReasonTable.shipped().reason_of("Item checked out to another patron")
        <Reason.ON_LOAN: 'OnLoan'>
        """
        plain = _plain(words)
        return next((row.reason for row in self.rows if row.pattern.search(plain)), Reason.OTHER)


def refusal_of(blocks: frozenset[Block], said: Reason, *, known: bool) -> Reason | None:
    """Return why a card may not borrow, ``None`` where it may: by its flags, else by what the ILS ``said``."""
    if not known:
        return Reason.UNKNOWN_PATRON if said is Reason.OTHER else said
    if not blocks & _DENIES_BORROWING:
        return None
    flagged = next((reason for block, reason in _REASON_OF_BLOCK.items() if block in blocks), said)
    return Reason.PATRON_BLOCKED if flagged is Reason.OTHER else flagged


def _plain(words: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", words[:WORDS_MAX]).casefold().split())
