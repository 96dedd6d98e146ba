"""Files of MARC records to read, packed or not, or standard input; and files that are written whole or not at all."""

import gzip
import os
import secrets
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, BinaryIO, cast

from connectors.marc.forms import HEAD_BYTES, Form, form_of, read_records
from connectors.marc.record import BadRecord, MarcRecord, Reason
from connectors.tools.terminal import WrongUse

STANDARD_INPUT = Path("-")
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Source:
    """A file of records being read. ``unit`` is what a record's position counts: bytes, or records where it is XML."""

    name: str
    records: Iterator[MarcRecord | BadRecord]
    unit: str
    size: int
    """Bytes of the file, 0 where nobody knows."""
    tell: Callable[[], int]
    """How far the file itself has been read, in bytes of ``size``."""


class _Unpacked:
    """What a gzip file holds, up to its end or to where its packing is damaged."""

    def __init__(self, file: BinaryIO) -> None:
        self._unpacking = gzip.GzipFile(fileobj=file)
        self.position = 0
        self.damage = ""

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes."""
        return self._next(self._unpacking.read1, size)

    def readline(self, size: int) -> bytes:
        """Return a line, or ``size`` bytes of it."""
        return self._next(self._unpacking.readline, size)

    def peek(self, size: int) -> bytes:
        """Return the next bytes without taking them."""
        try:
            return self._unpacking.peek(size)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            return b""

    def _next(self, read: Callable[[int], bytes], size: int) -> bytes:
        if self.damage:
            return b""
        try:
            data = read(size)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            self.damage = str(error)
            return b""
        self.position += len(data)
        return data


@contextmanager
def open_source(path: Path, charset: str | None) -> Iterator[Source]:
    """Open records in any form, packed by gzip or not, or standard input for ``-``: told apart by their first bytes.

    Raises:
        OSError: the file cannot be read.
    """
    with ExitStack() as stack:
        is_file = path != STANDARD_INPUT
        file = stack.enter_context(path.open("rb")) if is_file else cast("BufferedReader", sys.stdin.buffer)
        packed = _Unpacked(file) if file.peek(len(_GZIP)).startswith(_GZIP) else None
        stream = packed or file
        head = stream.peek(HEAD_BYTES)[:HEAD_BYTES]
        records = read_records(cast("BinaryIO", stream), head, charset)
        yield Source(
            name=path.name if is_file else "stdin",
            records=_with_damage(records, packed) if packed else records,
            unit="record" if form_of(head) is Form.MARCXML else "byte",
            size=os.fstat(file.fileno()).st_size if is_file else 0,
            tell=file.tell if is_file else lambda: 0,
        )


def _with_damage(
    records: Iterator[MarcRecord | BadRecord], packed: _Unpacked
) -> Iterator[MarcRecord | BadRecord]:
    """Yield the records of a gzip file, and behind the last that could be unpacked what is wrong with the packing."""
    yield from records
    if packed.damage:
        yield BadRecord(packed.position, Reason.PACKING, b"", packed.damage)


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that appears under its name only when it is complete and on the disk.

    Raises:
        WrongUse: the name is that of something else than a file.
        OSError: the folder cannot be written.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise WrongUse(f"{path} is no regular file; name a file to write")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)

