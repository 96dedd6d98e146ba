"""Which form a file of records is in, told by its first bytes and never by its name, and the reader for each form.

Deliberately absent: opening and unpacking files, which is the tool's business.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import BinaryIO

from connectors.marc.marcjson import read_json
from connectors.marc.marcxml import read_marcxml
from connectors.marc.mnemonic import read_lines
from connectors.marc.reader import read_iso2709
from connectors.marc.record import BadRecord, MarcRecord

HEAD_BYTES = 64
"""So many bytes are enough to tell a form."""
_BEFORE_TEXT = b"\xef\xbb\xbf\xfe\xff\0 \t\r\n\x1e"  # byte order marks, a zero byte of UTF-16, white space


class Form(StrEnum):
    """A form that records are kept in."""

    ISO2709 = "iso2709"
    MARCXML = "marcxml"
    JSON = "json"
    LINES = "lines"


Read = Callable[[BinaryIO, str | None], Iterator[MarcRecord | BadRecord]]
READERS: Mapping[Form, Read] = MappingProxyType({
    Form.ISO2709: read_iso2709,
    Form.MARCXML: lambda stream, _charset: read_marcxml(stream),  # XML names its own charset
    Form.JSON: read_json,
    Form.LINES: read_lines,
})


def form_of(head: bytes) -> Form:
    """Return the form of a file that begins with ``head``; what is none of the others is read as ISO 2709.

    >>> form_of(b'[{"leader": "'), form_of(b"=LDR  00000nam"), form_of(b"01201nam")
    (<Form.JSON: 'json'>, <Form.LINES: 'lines'>, <Form.ISO2709: 'iso2709'>)
    """
    first = head.lstrip(_BEFORE_TEXT)[:1]
    return {b"<": Form.MARCXML, b"{": Form.JSON, b"[": Form.JSON, b"=": Form.LINES}.get(first, Form.ISO2709)


def read_records(stream: BinaryIO, head: bytes, charset: str | None = None) -> Iterator[MarcRecord | BadRecord]:
    """Read the records of ``stream``, which begins with the ``head`` given, in whatever form they are.

    Raises:
        UnknownCharset: the charset configured is none that we know.
    """
    return READERS[form_of(head)](stream, charset)
