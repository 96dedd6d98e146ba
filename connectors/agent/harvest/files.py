"""Exports of the ILS as a source: one file, or a folder with every file in it in the order of their names.

Any form that `connectors.marc` reads, packed by gzip or not, told apart by their first bytes. A folder where only files
were added behind the last one gives those; anything else that has changed gives everything. Files are read in a thread:
a network drive that hangs must not hold up loans. Deliberately absent: folders inside the folder, and hidden files.
"""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from connectors.agent.harvest.sources import BAD_FILE, SLICE_RECORDS, Bad, Found, Reading, Slice, found_as
from connectors.marc.forms import HEAD_BYTES, Form, form_of, read_records

_GZIP = b"\x1f\x8b"
_DAMAGED = (OSError, EOFError, zlib.error)


class Entry(NamedTuple):
    """A file as it was seen."""

    name: str
    size: int
    modified_ns: int


@dataclass(frozen=True)
class Files:
    """A file of records, or a folder of them. ``charset`` is the configured one, if any."""

    path: Path
    charset: str | None
    resumes_exactly = True

    @property
    def name(self) -> str:
        """The name of the file or folder."""
        return self.path.name

    async def survey(self, since: str) -> Reading:
        """Return what has to be read since the files had these names, sizes and times."""
        now = await asyncio.to_thread(self._entries)
        known = [Entry(*entry) for entry in json.loads(since or "[]")]
        whole = not since or now[: len(known)] != known
        files = now if whole else now[len(known):]
        mark = json.dumps(now)
        return Reading(whole, mark, mark, lambda cursor: self._slices(files, cursor))

    def _entries(self) -> list[Entry]:
        if not self.path.is_dir():
            return [self._entry(self.path)]
        return [self._entry(path) for path in sorted(self.path.iterdir())
                if path.is_file() and not path.name.startswith(".")]

    def _entry(self, path: Path) -> Entry:
        facts = path.stat()
        return Entry(path.name, facts.st_size, facts.st_mtime_ns)

    async def _slices(self, files: list[Entry], cursor: str) -> AsyncIterator[Slice]:
        """Yield what stands in ``files``; a cursor is the place of a file and how many of its records are known."""
        place, known = map(int, cursor.split(":")) if cursor else (0, 0)
        behind, total = sum(entry.size for entry in files[:place]), max(1, sum(entry.size for entry in files))
        for number, entry in enumerate(files[place:], place):
            path = self.path / entry.name if self.path.is_dir() else self.path
            count, skipped = 0, known if number == place else 0
            with _File(path, entry, self.charset) as file:
                while found := await asyncio.to_thread(file.some):
                    fresh = found[max(0, skipped - count):]
                    count += len(found)
                    if fresh:
                        yield Slice(fresh, f"{number}:{count}", min(1.0, (behind + file.tell()) / total))
            behind += entry.size


class _File(AbstractContextManager["_File"]):
    """One file being read; what goes wrong with it comes out as its last, bad record."""

    def __init__(self, path: Path, entry: Entry, charset: str | None) -> None:
        self._path = path
        self._entry = entry
        self._charset = charset
        self._stack = ExitStack()
        self._file: BinaryIO | None = None
        self._found = self._all()

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def tell(self) -> int:
        """Return how many bytes of the file have been read."""
        return self._file.tell() if self._file else 0

    def some(self) -> list[Found]:
        """Return the next records, none at the end. Blocks."""
        return list(islice(self._found, SLICE_RECORDS))

    def _all(self) -> Iterator[Found]:
        try:
            stream, head = self._open()
            unit = "record" if form_of(head) is Form.MARCXML else "byte"
            for record in read_records(stream, head, self._charset):
                yield found_as(record, f"{self._path.name} {unit} {record.position}")
            facts = self._path.stat()
            if (facts.st_size, facts.st_mtime_ns) != self._entry[1:]:
                yield Bad(self._path.name, BAD_FILE, "the file was changed while it was read")
        except _DAMAGED as error:
            yield Bad(self._path.name, BAD_FILE, f"the file cannot be read to its end: {error}")

    def _open(self) -> tuple[BinaryIO, bytes]:
        file = self._stack.enter_context(self._path.open("rb"))
        self._file = file
        if not file.peek(len(_GZIP)).startswith(_GZIP):
            return file, file.peek(HEAD_BYTES)
        unpacked = self._stack.enter_context(gzip.GzipFile(fileobj=file))
        return cast("BinaryIO", unpacked), unpacked.peek(HEAD_BYTES)
