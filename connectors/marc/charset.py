"""Which charset a record is in: one decision for the whole record, with its evidence.

Never per subfield: "320页" in GBK is also valid UTF-8, and much UTF-8 text is also valid GB18030; over a whole record
the strict decoders tell them apart. Order: the configured charset; MARC-8 where its escape sequences stand, since those
bytes are also valid UTF-8; strict UTF-8; MARC-8 where bytes beyond ASCII stand alone, which are also valid GB18030 and
often Latin-1: a guess, and the record's problems say so; strict GB18030 (which holds GBK and GB2312); at last
replacement characters, counted. What a record says of itself (UNIMARC 100 $a/26-29, MARC 21 leader/09) is too often
untrue to be asked.
"""

import codecs
import re

from connectors.marc.marc8 import decode_marc8
from connectors.marc.record import Charset, Evidence, UnknownCharset

MARC8 = "marc-8"
_FALLBACKS = ("utf-8", "gb18030")
_WIDENED = {"gb2312": "gb18030", "gbk": "gb18030", "utf-8-sig": "utf-8"}
_STRUCTURE = "00024nam\x1d\x1e\x1f"  # what MARC writes in ASCII whatever charset the texts are in
# MARC-8 changes its graphic sets by ESC, an intermediate and a final byte, or by ESC g, b, p, s (LC, MARC-8).
_ESCAPE = re.compile(rb"\x1b(?:[(,)\-][\x21-\x7e]|\$[,)\-]?[\x30-\x7e]|[gbps])")

# Without escape sequences MARC-8 is ANSEL: letters of their own (A1-C8), and diacritics (E0-FE) before the letter they
# belong to. In GB18030 most characters are two bytes beyond ASCII, so a whole record of Chinese never looks so.
_ANSEL = re.compile(rb"(?:[\x00-\x7f]|[\xa1-\xc8](?![\x80-\xff])|[\xe0-\xfe]{1,2}(?=[A-Za-z]))*+")


def charset_named(name: str) -> str:
    """Return the name under which we decode ``name``; GB2312 and GBK widen to GB18030. Raise ``UnknownCharset``.

    >>> charset_named("GBK"), charset_named("MARC8"), charset_named("utf8")
    ('gb18030', 'marc-8', 'utf-8')
    """
    if name.lower().replace("-", "") == "marc8":
        return MARC8
    try:
        known = codecs.lookup(name).name
        if _STRUCTURE.encode(known) != _STRUCTURE.encode("ascii"):
            raise LookupError(name)
    except LookupError:
        raise UnknownCharset(f"charset {name!r} is unknown; use utf-8, gb18030, gbk, big5 or marc-8") from None
    return _WIDENED.get(known, known)


def decode(data: bytes, configured: str | None = None) -> tuple[str, Charset]:
    """Return the text of a whole record's ``data`` (delimiters included) and the charset it was found to be in."""
    if configured is not None and (text := _strictly(data, configured)) is not None:
        return text, Charset(configured, Evidence.CONFIGURED)
    if b"\x1b" in data and _ESCAPE.search(data) and (text := _strictly(data, MARC8)) is not None:
        return text, Charset(MARC8, Evidence.ESCAPES)
    if (text := _strictly(data, "utf-8")) is not None:
        return text, Charset("utf-8", Evidence.VALID)
    if _ANSEL.fullmatch(data) and (text := _strictly(data, MARC8)) is not None:
        return text, Charset(MARC8, Evidence.GUESSED)
    if (text := _strictly(data, "gb18030")) is not None:
        return text, Charset("gb18030", Evidence.VALID)
    return _with_replacement(data, (configured, *_FALLBACKS) if configured else _FALLBACKS)


def decode_as(data: bytes, charset: Charset) -> str:
    """Return the text of a part of a record whose charset is decided."""
    if charset.name == MARC8:
        return decode_marc8(data)
    return data.decode(charset.name, "replace")


def _strictly(data: bytes, name: str) -> str | None:
    if name == MARC8:
        text = decode_marc8(data)
        return None if "\ufffd" in text else text
    try:
        return data.decode(name)
    except UnicodeDecodeError:
        return None


def _with_replacement(data: bytes, names: tuple[str, ...]) -> tuple[str, Charset]:
    candidates = ((decode_as(data, Charset(name, Evidence.REPLACED)), name) for name in names)
    text, name = min(candidates, key=lambda candidate: candidate[0].count("\ufffd"))
    return text, Charset(name, Evidence.REPLACED, text.count("\ufffd"))
