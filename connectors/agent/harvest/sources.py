"""What a harvest reads from: the port that every source fits, and what comes out of it.

A file, a folder, a Z39.50 target or an OAI-PMH repository is looked at first (``survey``): whether it can tell what has
changed, and how to recognise it after a cut. Then it is read in slices, and each slice says where to go on behind it.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.marc.record import BadRecord, MarcError, MarcRecord, code_of
from connectors.oai.errors import OaiError
from connectors.z3950.errors import Z3950Error

SLICE_RECORDS = 100
END = "\n"
"""The cursor behind the last slice; no source has such a one of its own."""
BAD_FILE = "bad_file"
"""The code of a source's part that could not be read now, and is worth another try."""
SOURCE_ERRORS = (Z3950Error, OaiError, MarcError, OSError)
"""What a source that cannot be read raises; each says what to do."""


@dataclass(frozen=True, slots=True)
class Read:
    """A record and where it stands; ``handle`` is the source's own name for it, if that is not the record's number."""

    record: MarcRecord
    at: str
    handle: str = ""


@dataclass(frozen=True, slots=True)
class Bad:
    """Something that did not become a record: where it stands, a code, a sentence, and its bytes."""

    at: str
    code: str
    detail: str
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Gone:
    """The source says that it has deleted what it calls ``handle``."""

    handle: str


Found = Read | Bad | Gone


@dataclass(frozen=True, slots=True)
class Slice:
    """The next part of a source; a run that was cut begins behind ``cursor``. ``share`` of the whole is read then.

    ``problems`` are codes of what was wrong with the part itself.
    """

    found: Sequence[Found]
    cursor: str
    share: float
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class Reading:
    """What a run is going to read.

    ``whole`` is every record there is, else what has changed. ``mark`` says to the next run since when. A run that was
    cut may go on only where ``state`` is still the same. ``tells_deletions`` says that changes name what was deleted.
    """

    whole: bool
    mark: str
    state: str
    slices: Callable[[str], AsyncIterator[Slice]]
    tells_deletions: bool = True


class Source(Protocol):
    """Where a library's records come from. Its ``repr`` holds every setting: it changes where records may."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def resumes_exactly(self) -> bool:
        """Whether the same state means the same records in the same order, so that a cut loses none."""

    async def survey(self, since: str) -> Reading:
        """Look at the source: what has changed since a mark, or everything where it is empty or cannot be told.

        Raises:
            SOURCE_ERRORS: the source cannot be reached or used.
        """


def found_as(record: MarcRecord | BadRecord, at: str, handle: str = "") -> Found:
    """Return what a reader gave, as a harvest counts it."""
    if isinstance(record, BadRecord):
        return Bad(at, code_of(record.reason), record.detail or record.reason, record.raw)
    return Read(record, at, handle)
