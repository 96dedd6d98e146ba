"""MarcEdit's mnemonic text to records: ``=245  10$aTitle`` a line, an empty line or the next leader between records.

A blank indicator, and a blank in a control field, is written ``\\``; ``{dollar}``, ``{bsol}``, ``{lcub}`` and
``{rcub}`` stand for ``$``, ``\\``, ``{`` and ``}``. Other mnemonics are left as they stand: they are for catalogues
without Unicode. Source: MARCMaker and MARCBreaker, Library of Congress.
"""

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from connectors.marc.charset import charset_named, decode
from connectors.marc.reader import RECORD_BYTES_MAX, charset_problems, has_nonsorting
from connectors.marc.record import BadRecord, Field, MarcRecord, Reason

LEADERS = ("LDR", "000")
_LEADER_LINE = re.compile(rb"(?:\xef\xbb\xbf)?=(?:LDR|000)[ \r\n]")
_LINE = re.compile(r"=(\S{3})(?:  ?(.*))?", re.DOTALL)
_ESCAPES = {"{dollar}": "$", "{bsol}": "\\", "{lcub}": "{", "{rcub}": "}"}
_ESCAPE = re.compile("|".join(map(re.escape, _ESCAPES)))


def read_lines(stream: BinaryIO, charset: str | None = None) -> Iterator[MarcRecord | BadRecord]:
    """Read records from mnemonic text; ``charset`` is the library's configured one. Raises ``UnknownCharset`` only."""
    configured = charset_named(charset) if charset is not None else None
    for position, raw in _pieces(stream):
        yield _parse(position, raw, configured)


def _pieces(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Gather the lines of each record; a piece that outgrows every record is handed on as it is."""
    position = begin = size = 0
    lines: list[bytes] = []
    for line in iter(lambda: stream.readline(RECORD_BYTES_MAX + 1), b""):
        is_blank = not line.strip(b"\xef\xbb\xbf\r\n\t \x1a")
        if lines and (is_blank or size > RECORD_BYTES_MAX or _LEADER_LINE.match(line)):
            yield begin, b"".join(lines)
            lines, size = [], 0
        if not is_blank:
            begin = begin if lines else position
            lines.append(line)
            size += len(line)
        position += len(line)
    if lines:
        yield begin, b"".join(lines)


def _parse(position: int, raw: bytes, configured: str | None) -> MarcRecord | BadRecord:
    if len(raw) > RECORD_BYTES_MAX:
        return BadRecord(position, Reason.ENDLESS, raw)
    text, charset = decode(raw, configured)
    try:
        leader, fields = _fields(text.removeprefix("\ufeff").splitlines())
    except ValueError as error:
        return BadRecord(position, Reason.LINE, raw, str(error))
    if leader is None:
        return BadRecord(position, Reason.NO_LEADER, raw)
    problems = charset_problems(charset, configured)
    return MarcRecord(leader, tuple(fields), raw, charset, position, problems, has_nonsorting(text))


def _fields(lines: Iterable[str]) -> tuple[str | None, list[Field]]:
    """Return leader and fields. Raises ``ValueError`` at a line that is no field."""
    leader, fields = None, []
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(f"line {number} does not begin with = and a tag")
        tag, content = found[1], found[2] or ""
        if tag in LEADERS:
            leader = content.replace("\\", " ")
        elif tag.startswith("00") or "$" not in content:
            fields.append(Field(tag, "", (_plain(content.replace("\\", " ")),)))
        else:
            indicators, *subfields = content.split("$")
            fields.append(Field(tag, indicators.replace("\\", " ") or "  ", tuple(map(_plain, subfields))))
    return leader, fields


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda escape: _ESCAPES[escape[0]], text)
