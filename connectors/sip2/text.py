"""Text that may leave in a SIP2 field: no delimiter, no control character, nothing the peer's charset lacks.

A display text is altered by rule and the alteration reported. An identifier or password is never altered: another
identifier would name another reader or another book, so it is refused instead.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.sip2.errors import Unencodable
from connectors.sip2.fields import EXACT_CODES
from connectors.sip2.messages import Field
from connectors.sip2.profile import CHARSETS

# The sign that stands for a missing character in Chinese print (缺字); GBK and Big5 have it.
_MISSING = "\N{WHITE SQUARE}"


@dataclass(frozen=True)
class Substitution:
    """One character that was replaced, in which field. The character is not shown where the field is secret."""

    code: str
    character: str = field(repr=False)
    replacement: str = field(repr=False)


def encoded(text: str, charset: str) -> bytes | None:
    """Return the bytes of ``text``, None where a character is missing or would be read as another.

    ASCII is the same in every charset here and need not go the slow way. Big5's two common tables disagree about the
    bytes of Cyrillic and kana; what a GBK or Big5 system sends is read by the larger table.
    """
    if text.isascii():
        return text.encode("ascii")
    decoder, encoder = CHARSETS[charset]
    try:
        data = text.encode(encoder)
        return data if decoder == encoder or data.decode(decoder) == text else None
    except UnicodeError:
        return None


def make_safe(
    message_id: str, fields: tuple[Field, ...], charset: str, delimiter: str
) -> tuple[tuple[Field, ...], tuple[Substitution, ...]]:
    """Return the fields as they can be sent in ``charset`` (a profile's), and each substitution made.

    Raises:
        Unencodable: a field that must stay exact would change.
    """
    safe: list[Field] = []
    substitutions: list[Substitution] = []
    for code, value in fields:
        changes = list(_changes(code, value, charset, delimiter))
        if changes and code in EXACT_CODES:
            raise Unencodable(message_id, code, charset)
        table = {ord(change.character): change.replacement for change in changes}
        safe.append((code, value.translate(table)))
        substitutions += changes
    return tuple(safe), tuple(substitutions)


def _changes(code: str, value: str, charset: str, delimiter: str) -> Iterator[Substitution]:
    for character in sorted(set(value)):
        if character == delimiter or not _may_stand(character, charset):
            yield Substitution(code, character, _substitute(character, charset, delimiter))


def _substitute(character: str, charset: str, delimiter: str) -> str:
    """Full-width twin for the delimiter, blank for a control, base letters for an accent, □ or ? for the rest."""
    if character == delimiter:
        wide = chr(ord(character) + 0xFEE0)
        return wide if _is_encodable(wide, charset) else "/" if delimiter != "/" else "-"
    if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
        return " "
    base = "".join(part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part))
    if base and delimiter not in base and all(_may_stand(part, charset) for part in base):
        return base
    return _MISSING if _is_encodable(_MISSING, charset) else "?"


def _may_stand(character: str, charset: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Zl", "Zp") and _is_encodable(character, charset)


def _is_encodable(character: str, charset: str) -> bool:
    return encoded(character, charset) is not None
