"""The port through which librarians ask why records are one book, pin them, and have all clusters built anew."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from federation.catalogue.pinning import Act, Pin, PinKind
from federation.catalogue.reasons import Link, Reasons


class Phase(StrEnum):
    """What a rebuilding is doing."""

    RECORDS = "records"
    CLUSTERS = "clusters"
    DONE = "done"


class Progress(NamedTuple):
    """How far a rebuilding has come: the numbers done and to be done in its phase; the records moved so far."""

    phase: Phase
    done: int
    total: int
    moved: int


class Curation(Protocol):
    """What a librarian may ask and say of the catalogue's works; a name is ``agency/record id`` or a work's id."""

    def why(self, name: str) -> tuple[str, Sequence[Link]]:
        """Return the id of the work that a name leads to, and what joins its records."""

    def why_two(self, one: str, other: str) -> Reasons:
        """Return why two records are one book, or are not."""

    def pin(self, kind: PinKind, one: str, other: str, made: Act) -> Pin:
        """Pin two records together or apart."""

    def undo(self, number: int, undone: Act) -> Pin:
        """Undo a pin."""

    def pins(self, *, undone: bool = False) -> Sequence[Pin]:
        """Return the pins that stand; with ``undone`` also those that once did."""

    def reindex(self) -> Progress:
        """Do a step of building all works anew from the stored records."""
