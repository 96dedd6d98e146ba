"""What every command needs of a terminal: its two errors, plain text, tables and progress.

Texts from outside (titles, screen messages, diagnostics) pass ``plain`` before they are shown: a control character in
a record must not steer the reader's terminal.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import Progress

COLUMN_CELLS_MAX = 48
"""Widest column of a table, in cells; a Han character takes two."""


class ToolError(Exception):
    """A command cannot do what it was asked; the text says what, where and what to do."""


class Refused(ToolError):
    """It was tried, and refused or failed: exit code 1."""


class WrongUse(ToolError):
    """It was asked for in a way that can never work: exit code 2."""


def error_code(error: Exception) -> str:
    """Return an error's name as programs are told it.

    >>> error_code(WrongUse())
    'wrong_use'
    """
    return re.sub("(?<!^)([A-Z])", r"_\1", type(error).__name__).lower()


def say(text: str) -> None:
    """Print a line on standard output."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Print a line for people on standard error, where it cannot spoil an answer for programs."""
    sys.stderr.write(text + "\n")


def say_json(value: object) -> None:
    """Print one JSON value on one line: in ASCII where standard output has not every character, as UTF-8 has."""
    is_utf8 = (sys.stdout.encoding or "").lower() in ("utf-8", "utf8")
    say(json.dumps(value, ensure_ascii=not is_utf8))


def plain(value: object) -> str:
    """Return ``value`` as one line that is safe to print; None is empty.

    >>> plain("三体\\x1b[2J\\n")
    '三体 [2J '
    """
    text = "" if value is None else str(value)
    return "".join(character if character.isprintable() else " " for character in text)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows under headers, in columns that line up where Han characters take two cells.

    >>> print(table(("题名", "册"), [("三体", 2), ("1984", 1)]))
    题名  册
    三体  2
    1984  1
    """
    lines = [[_clipped(plain(value)) for value in row] for row in (headers, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(set_cell_size, line, widths)).rstrip() for line in lines)


def _clipped(text: str) -> str:
    if cell_len(text) <= COLUMN_CELLS_MAX:
        return text
    return set_cell_size(text, COLUMN_CELLS_MAX - 1).rstrip() + "…"


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how much of ``total`` is done: a bar on a terminal, a plain line per tenth elsewhere."""
    if sys.stderr.isatty():
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(plain(label), total=total, markup=False)
            yield lambda done: bar.update(task, completed=done)
    else:
        yield _Tenths(label, total).advance


class _Tenths:
    """Says a line whenever another tenth of the whole is done."""

    def __init__(self, label: str, total: int) -> None:
        self._label = label
        self._total = max(total, 1)
        self._said = 0

    def advance(self, done: int) -> None:
        tenth = min(done * 10 // self._total, 10)
        if tenth > self._said:
            self._said = tenth
            note(f"{plain(self._label)}: {tenth * 10} %")
