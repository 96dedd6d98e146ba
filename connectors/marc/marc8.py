"""MARC-8 to text, EACC (Chinese, Japanese, Korean) included, with the character tables that pymarc carries.

pymarc's own converter drops what its tables do not know and writes to stderr; here an unknown or cut-off character
becomes U+FFFD, so that the caller can count it. Writing MARC-8 is deliberately absent: nobody needs new records in it.
"""

import re
import unicodedata
from collections.abc import Iterator

from pymarc.marc8_mapping import CODESETS, ODD_MAP

_BASIC_LATIN, _ANSEL, _EACC = 0x42, 0x45, 0x31
_ESCAPE = re.compile(rb"\x1b(?:([(,)\-])!?([\x21-\x7e])|(\$)([,)\-]?)([\x30-\x7e])|([gbps]))")
# Each subfield begins in the default sets again (LC, MARC-8, "Code extension").
_DELIMITERS = re.compile(rb"([\x1d-\x1f])")
_TO_G1 = (b")", b"-")


def decode_marc8(data: bytes) -> str:
    """Return the text of MARC-8 ``data``; record, field and subfield delimiters stay where they are.

    >>> decode_marc8(b"r\\xe2esum\\xe2e"), decode_marc8(b"\\x1b$1!0%")
    ('résumé', '下')
    """
    return "".join(_decode_piece(piece) for piece in _DELIMITERS.split(data))


def _decode_piece(piece: bytes) -> str:
    if piece.isascii() and b"\x1b" not in piece:
        return piece.decode("ascii")
    marks: list[str] = []
    text: list[str] = []
    for character, is_combining in _characters(piece):
        if is_combining:
            marks.append(character)
            continue
        text += (character, *marks)  # MARC-8 writes diacritics before their letter, Unicode after it
        marks.clear()
    return unicodedata.normalize("NFC", "".join((*text, *marks)))


def _characters(piece: bytes) -> Iterator[tuple[str, bool]]:
    position, g0, g1 = 0, _BASIC_LATIN, _ANSEL
    while position < len(piece):
        if escape := _ESCAPE.match(piece, position):
            g0, g1 = _sets_after(escape, g0, g1)
            position = escape.end()
            continue
        charset = g1 if piece[position] >= 0x80 else g0
        width = 3 if charset == _EACC and piece[position] > 0x20 else 1
        yield _character(int.from_bytes(piece[position : position + width], "big"), charset)
        position += width


def _sets_after(escape: re.Match[bytes], g0: int, g1: int) -> tuple[int, int]:
    single, single_set, _, multi, multi_set, custom = escape.groups()
    if custom:
        return (_BASIC_LATIN if custom == b"s" else custom[0]), g1
    chosen = (single_set or multi_set)[0]
    return (g0, chosen) if (single or multi) in _TO_G1 else (chosen, g1)


def _character(code: int, charset: int) -> tuple[str, bool]:
    if code <= 0x20:
        return chr(code), False
    if found := CODESETS.get(charset, {}).get(code):
        return chr(found[0]), bool(found[1])
    return chr(ODD_MAP.get(code, 0xFFFD)), False
