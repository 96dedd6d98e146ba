"""What retention (``federation.retention``) asks of storage."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EndedLoan:
    """A loan with something to erase, from its first leaf to its last; ``waits`` where a library has yet to take it."""

    conv: str
    first_index: int
    last_index: int
    messages: int
    waits: bool


class Erasing(Protocol):
    """What retention asks of the tables."""

    def ended_before(self, moment: str) -> Sequence[EndedLoan]:
        """Return the loans that had ended before a moment and still have something to erase."""

    def statements(self) -> Sequence[bytes]:
        """Return the envelopes of all statements that were proposed and accepted."""

    def erase(self, convs: Iterable[str]) -> None:
        """Erase what was said in these loans."""
