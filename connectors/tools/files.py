"""Files of MARC records to read, and files that are written whole or not at all."""

import gzip
import os
import secrets
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from connectors.marc.marcxml import read_marcxml
from connectors.marc.reader import read_iso2709
from connectors.marc.record import BadRecord, MarcRecord
from connectors.tools.terminal import Refused, WrongUse

_GZIP = b"\x1f\x8b"
_BEFORE_XML = b"\xef\xbb\xbf\xfe\xff\0 \t\r\n"
_HEAD_BYTES = 64


@dataclass(frozen=True)
class Source:
    """A file of records being read. ``unit`` is what a record's position counts: bytes, or records where it is XML."""

    records: Iterator[MarcRecord | BadRecord]
    unit: str
    size: int
    tell: Callable[[], int]
    """How far the file itself has been read, in bytes of ``size``."""


@contextmanager
def open_source(path: Path, charset: str | None) -> Iterator[Source]:
    """Open ISO 2709 or XML, packed by gzip or not: told apart by their first bytes, never by the name.

    Raises:
        Refused: the file cannot be read, or its packing is damaged.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            stream: BinaryIO = file
            if file.peek(len(_GZIP)).startswith(_GZIP):
                stream = cast("BinaryIO", stack.enter_context(gzip.GzipFile(fileobj=file)))
            head = cast("gzip.GzipFile", stream).peek(_HEAD_BYTES)
            is_xml = head.lstrip(_BEFORE_XML).startswith(b"<")
            records = read_marcxml(stream) if is_xml else read_iso2709(stream, charset)
            yield Source(records, "record" if is_xml else "byte", os.fstat(file.fileno()).st_size, file.tell)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise Refused(f"{path} is a damaged gzip file ({error}); fetch it again or unpack it first") from None


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

