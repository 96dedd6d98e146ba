"""ISO 2709 and MARCXML to records: every byte of a file comes out, in a record or in a `BadRecord` with its offset.

The directory is believed where it agrees with the field terminators or can be walked without a contradiction. Where it
cannot, fields are told apart by their terminators, if there are as many of them as entries, and the record says so in
``problems``; ``strict=True`` refuses such records. Files are streamed: memory does not grow with their length.
Deliberately absent: opening and unpacking files, and what the fields mean (`mapping`).
"""

import re
from collections.abc import Iterator
from itertools import accumulate, chain
from typing import BinaryIO

from connectors.marc.charset import charset_named, decode, decode_as
from connectors.marc.record import BadRecord, Charset, Evidence, Field, MarcRecord, Problem, Reason

SUBFIELD_DELIMITER, FIELD_TERMINATOR, RECORD_TERMINATOR = "\x1f", "\x1e", "\x1d"
LEADER_BYTES = 24
ENTRY_BYTES = 12
_LENGTH_DIGITS, _STATED_BYTES_MAX = 5, 99_999
# ISO 2709 ends at 99 999 bytes; files hold longer records with overflowed lengths. Beyond this it is no record.
RECORD_BYTES_MAX = 1 << 20
_BLOCK_BYTES = 1 << 18
_BLANK = "  "  # some systems leave out indicators that say nothing
_FT, _RT = b"\x1e", b"\x1d"
_FILLER = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n\t\x00\x1a]*")
_new = tuple.__new__  # makes a named tuple in C: this runs for each field of each record
_LEADER = re.compile(rb"(?=(\d{5})[ -~]{7}[\d -]{5}[ -~]{7})")


def read_iso2709(
    stream: BinaryIO, charset: str | None = None, *, strict: bool = False
) -> Iterator[MarcRecord | BadRecord]:
    """Read records from ``stream``; ``charset`` is the library's configured one. Raises ``UnknownCharset`` only."""
    configured = charset_named(charset) if charset is not None else None
    for position, chunk in _chunks(stream):
        if chunk[:_LENGTH_DIGITS] == b"%05d" % len(chunk):
            yield _parse(position, chunk, configured, strict)
        else:
            yield from _read_chunk(position, chunk, configured, strict)


def read_record(raw: bytes, charset: str | None = None, *, strict: bool = False) -> MarcRecord | BadRecord:
    """Read the one record of ``raw``, as Z39.50 delivers it."""
    return _parse(0, raw, charset_named(charset) if charset is not None else None, strict)


def _chunks(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Cut the stream behind each record terminator; what outgrows every record is handed on as it is.

    Its end is held back: a record may begin there.
    """
    position, pending = 0, b""
    while block := stream.read(_BLOCK_BYTES):
        *whole, pending = (pending + block).split(_RT)
        for chunk in whole:
            yield position, chunk + _RT
            position += len(chunk) + 1
        if len(pending) > RECORD_BYTES_MAX + _STATED_BYTES_MAX:
            garbage, pending = pending[:-_STATED_BYTES_MAX], pending[-_STATED_BYTES_MAX:]
            yield position, garbage
            position += len(garbage)
    if pending:
        yield position, pending


def _read_chunk(
    position: int, chunk: bytes, configured: str | None, strict: bool
) -> Iterator[MarcRecord | BadRecord]:
    start = _FILLER.match(chunk).end()  # type: ignore[union-attr]  # the pattern matches the empty string too
    if start == len(chunk):
        return
    begin = _record_start(chunk, start) if chunk[-1:] == _RT else start
    if begin > start:
        reason = Reason.UNTERMINATED if _LEADER.match(chunk, start) else Reason.JUNK
        yield BadRecord(position + start, reason, chunk[start:begin])
    yield _parse(position + begin, chunk[begin:], configured, strict)


def _record_start(chunk: bytes, start: int) -> int:
    """Return where the record begins: at ``start``, or behind junk where a leader states the length to the end."""
    for found in _LEADER.finditer(chunk, max(start, len(chunk) - _STATED_BYTES_MAX)):
        if int(found[1]) == len(chunk) - found.start():
            return found.start()
    return start


def _parse(position: int, raw: bytes, configured: str | None, strict: bool) -> MarcRecord | BadRecord:
    if raw[-1:] != _RT:
        reason = Reason.ENDLESS if len(raw) > RECORD_BYTES_MAX else Reason.UNTERMINATED
        return BadRecord(position, reason, raw)
    base = raw.find(_FT) + 1
    if base <= LEADER_BYTES or not raw[:base].isascii():
        return BadRecord(position, Reason.NO_LEADER, raw)
    head, body = raw[: base - 1].decode("ascii"), raw[base:-1]
    text, charset = decode(body, configured)
    fields, problems = _fields(head[LEADER_BYTES:], body, text, charset)
    if fields is None:
        return BadRecord(position, Reason.DIRECTORY, raw)
    problems += _leader_problems(head, len(raw), base)
    problems += charset_problems(charset, configured)
    if strict and problems:
        return BadRecord(position, Reason.STRICT, raw, "; ".join(problems))
    return MarcRecord(head[:LEADER_BYTES], tuple(fields), raw, charset, position, problems, has_nonsorting(text))


def has_nonsorting(text: str) -> bool:
    """Whether a begin mark of ISO 6630 stands in the text: U+0098, or U+0088 where only bytes were widened."""
    return "\x98" in text or "\x88" in text


def _leader_problems(head: str, length: int, base: int) -> tuple[Problem, ...]:
    problems: tuple[Problem, ...] = ()
    if head[:5] != f"{length:05d}":
        problems += (Problem.LENGTH,)
    if head[12:17] != f"{base:05d}":
        problems += (Problem.BASE_ADDRESS,)
    return problems


def charset_problems(charset: Charset, configured: str | None) -> tuple[Problem, ...]:
    """Return what a charset decision says of the bytes and of the setting."""
    problems: tuple[Problem, ...] = ()
    if configured is not None and charset.evidence is not Evidence.CONFIGURED:
        problems += (Problem.CHARSET,)
    if charset.evidence is Evidence.GUESSED:
        problems += (Problem.GUESSED,)
    if charset.evidence is Evidence.REPLACED:
        problems += (Problem.REPLACED,)
    return problems


def _fields(
    directory: str, body: bytes, text: str, charset: Charset
) -> tuple[list[Field] | None, tuple[Problem, ...]]:
    """Return the fields and what was wrong, or None where directory and terminators cannot be reconciled."""
    pieces = body.removesuffix(_FT).split(_FT) if body else []
    tags = [directory[at : at + 3] for at in range(0, len(directory), ENTRY_BYTES)]
    if directory == _directory(tags, [len(piece) + 1 for piece in pieces]) and body[-1:] in _FT:
        return _split(tags, text.split(FIELD_TERMINATOR)), ()
    if (walked := _walk(directory, body)) is not None:
        problems = (Problem.TERMINATOR,) if any(_FT in piece for piece in walked) else ()
        return _split(tags, [decode_as(piece, charset) for piece in walked]), problems
    if len(pieces) == len(directory) // ENTRY_BYTES:
        return _split(tags, text.split(FIELD_TERMINATOR)), (Problem.DIRECTORY,)
    return None, ()


def _directory(tags: list[str], lengths: list[int]) -> str:
    """Return the directory of fields that lie one behind the other."""
    starts = accumulate(lengths, initial=0)
    entries = chain.from_iterable(zip(tags, lengths, starts))  # noqa: B905  # the sums are one more than the fields
    return "%s%04d%05d" * min(len(tags), len(lengths)) % tuple(entries)


def _walk(directory: str, body: bytes) -> list[bytes] | None:
    """Return the fields where the directory says they are, or None at its first contradiction.

    Entries may stand in any order, but together they must cover the whole body: what no entry names would be lost,
    and entries that share bytes could make a small record large.
    """
    if len(directory) % ENTRY_BYTES:
        return None
    pieces, uncovered = [], len(body)
    for at in range(0, len(directory), ENTRY_BYTES):
        length, start = directory[at + 3 : at + 7], directory[at + 7 : at + 12]
        if not (length.isdecimal() and start.isdecimal()):
            return None
        piece = body[int(start) : int(start) + int(length)]
        uncovered -= len(piece)
        if piece[-1:] != _FT or len(piece) != int(length) or uncovered < 0:
            return None
        pieces.append(piece[:-1])
    return pieces if uncovered == 0 else None


def _split(tags: list[str], texts: list[str]) -> list[Field]:
    fields = []
    for tag, text in zip(tags, texts):  # noqa: B905  # the text ends with one empty piece more
        parts = text.split(SUBFIELD_DELIMITER)
        first = parts.pop(0)
        fields.append(_new(Field, (tag, first or _BLANK, tuple(parts)) if parts else (tag, "", (first,))))
    return fields
