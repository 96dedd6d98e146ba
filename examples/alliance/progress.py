"""Progress for people: a bar on a terminal, plain lines elsewhere, nothing at all when a program listens."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

LINE_EVERY_SECONDS = 2.0


class Progress:
    """Shows phases and their steps on stderr."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Bar | None = None
        if not quiet and sys.stderr.isatty():
            self._bar = Bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                            console=Console(stderr=True))
        self._phase, self._done, self._total, self._said_at = "", 0, 0, 0.0

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.end()

    def begin(self, phase: str, total: int) -> None:
        """Start a phase of so many steps."""
        self._phase, self._done, self._total = phase, 0, total
        if self._bar is not None:
            self._task = self._bar.add_task(phase, total=total)
        else:
            self._line(force=True)

    def step(self, _text: str = "") -> None:
        """One step is done."""
        self._done += 1
        if self._bar is not None:
            self._bar.advance(self._task)
        else:
            self._line(force=self._done >= self._total)

    def end(self) -> None:
        """Stop showing."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._quiet = True

    def _line(self, *, force: bool) -> None:
        now = time.monotonic()
        if not self._quiet and (force or now - self._said_at > LINE_EVERY_SECONDS):
            self._said_at = now
            print(f"{self._phase}: {self._done}/{self._total}", file=sys.stderr, flush=True)
