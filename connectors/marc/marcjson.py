"""MARC-in-JSON to records: one object, an array of them, or one a line, however they are laid out.

The stream is cut into objects by their braces before any JSON is parsed, so that memory does not grow with its length
and one broken record does not cost its neighbours: an object ends at the latest where the next record begins, or at a
line end inside a string, which JSON forbids. Deliberately absent: objects that wrap an array of records.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from connectors.marc.charset import charset_named, decode
from connectors.marc.reader import RECORD_BYTES_MAX, charset_problems, has_nonsorting
from connectors.marc.record import BadRecord, Charset, Field, MarcRecord, Problem, Reason

_BLOCK_BYTES = 1 << 18
_DEPTH_MAX = 16  # a record nests five deep
_FILLER = re.compile(rb"(?:\xef\xbb\xbf)?[\s,\[\]\x00\x1e]*")  # U+001E begins each text of a JSON sequence (RFC 7464)
_START = re.compile(rb'\{\s*"(?:leader|fields)"\s*:')
# The beginning of a record, a string with its end if it has one, or a brace.
_TOKEN = re.compile(rb"(?P<start>" + _START.pattern + rb')|"(?:[^"\\\r\n]|\\.)*+(?P<end>"?)|[{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_json(stream: BinaryIO, charset: str | None = None) -> Iterator[MarcRecord | BadRecord]:
    """Read the records of a JSON text. Raises ``UnknownCharset`` only."""
    configured = charset_named(charset) if charset is not None else None
    for position, piece in _pieces(stream):
        start = _FILLER.match(piece).end()  # type: ignore[union-attr]  # the pattern matches the empty string too
        if start < len(piece):
            yield _parse(position + start, piece[start:], configured)


def _pieces(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Cut the stream behind each object; a piece that outgrows every record is handed on as it is."""
    position, pending = 0, b""
    while block := stream.read(_BLOCK_BYTES):
        pending += block
        start = 0
        while (end := _piece_end(pending, start)) > start:
            yield position + start, pending[start:end]
            start = end
        position, pending = position + start, pending[start:]
        if len(pending) > RECORD_BYTES_MAX:
            yield position, pending
            position, pending = position + len(pending), b""
    if pending:
        yield position, pending


def _piece_end(data: bytes, start: int) -> int:
    """Return where the object that begins at ``start``, or what stands there instead, ends; ``start`` if not here."""
    begin = _FILLER.match(data, start).end()  # type: ignore[union-attr]  # the pattern matches the empty string too
    if data[begin : begin + 1] != b"{":
        return _next_start(data, begin)
    depth = 0
    for token in _TOKEN.finditer(data, begin):
        text = token[0]
        if token["start"] and depth:
            return token.start()
        if text[:1] == b"{":
            depth += 1
        elif text == b"}":
            depth -= 1
        elif not token["end"]:  # a string that a line end cuts, or the end of what is here
            return token.end() if token.end() < len(data) - 1 else start
        if depth == 0:
            return token.end()
        if depth > _DEPTH_MAX:
            return _next_start(data, token.end())
    return start


def _next_start(data: bytes, at: int) -> int:
    found = _START.search(data, at)
    return found.start() if found else len(data)


def _parse(position: int, raw: bytes, configured: str | None) -> MarcRecord | BadRecord:
    if not raw.startswith(b"{"):
        return BadRecord(position, Reason.JUNK, raw)
    if len(raw) > RECORD_BYTES_MAX:
        return BadRecord(position, Reason.ENDLESS, raw)
    text, charset = decode(raw, configured)
    try:
        document = json.loads(text)
        leader, fields = document["leader"], [_field(each) for each in document["fields"]]
        if not isinstance(leader, str):
            raise TypeError("the leader is no text")
    except (ValueError, TypeError, RecursionError) as error:
        return BadRecord(position, Reason.JSON, raw, str(error))
    except KeyError as error:
        return BadRecord(position, Reason.JSON, raw, f"{error} is missing")
    return _record(leader, fields, MarcRecord("", (), raw, charset, position, charset_problems(charset, configured)))


def _field(document: dict[str, Any]) -> Field:
    """Return one field. Raises ``TypeError``, ``ValueError`` or ``KeyError`` where it has another shape."""
    ((tag, content),) = document.items() if isinstance(document, dict) else ()
    if isinstance(content, str):
        return Field(tag, "", (content,))
    subfields = tuple(code[:1] + text for each in content["subfields"] for code, text in each.items())
    return Field(tag, (content["ind1"] or " ") + (content["ind2"] or " "), subfields)


def _record(leader: str, fields: list[Field], read: MarcRecord) -> MarcRecord:
    """Return the record; half characters, which JSON can name and no file can hold, are replaced and counted."""
    problems, charset = read.problems, read.charset
    texts = [leader, *(text for field in fields for text in (field.tag, field.indicators, *field.subfields))]
    if replaced := sum(len(_SURROGATE.findall(text)) for text in texts):
        leader = _SURROGATE.sub("\ufffd", leader)
        fields = [Field(_whole(f.tag), _whole(f.indicators), tuple(map(_whole, f.subfields))) for f in fields]
        problems = tuple(dict.fromkeys((*problems, Problem.REPLACED)))
        charset = Charset(charset.name, charset.evidence, charset.replaced + replaced)
    marks = any(map(has_nonsorting, texts))
    return MarcRecord(leader, tuple(fields), read.raw, charset, read.position, problems, marks)


def _whole(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)
