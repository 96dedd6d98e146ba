"""What the text beside a book's number says: the ISBN itself, whether it names a whole set, and the price in fen.

Catalogues write ISBNs of 10 or 13 digits, hyphenated at will, in full width, with a binding or a price behind them.
Only a number whose check digit is right has a normal form: a wrong one may find a book but must not identify it.
"""

import re
import unicodedata
from functools import lru_cache
from operator import mul
from typing import Any

_DASHES = r"\s\-\u2010-\u2015\u2212\u00ad"
_SEPARATORS = re.compile(f"[{_DASHES}]+")
_ISBN_TEXT = re.compile(rf"\s*(?:ISBN(?:-1[03])?[\s:]*)?([\dX][\dX{_DASHES}]{{8,20}}[\dX])(?![\dX])", re.IGNORECASE)
_ISBN = re.compile(r"97[89]\d{10}|\d{9}[\dX]", re.ASCII)
_WEIGHTS10 = range(10, 1, -1)
_TEXTS_MAX = 4096  # bindings and prices repeat
_SET = re.compile(r"全\s*[\d一二三四五六七八九十百两]+\s*[册卷套种部本辑集]|全[套集]|套装|成套|\bset\b", re.IGNORECASE)
_YUAN = re.compile(
    r"(?:CNY|RMB|[¥￥])?\s*[赠约计估价每册:：\s]*(\d{1,7})(?:\.(\d{1,2}))?(?![\d.]|\s*[美港日欧台新])",
    re.IGNORECASE | re.ASCII,
)


def normalise_isbn(text: str) -> str | None:
    """Return the ISBN-13 that ``text`` starts with, or None where there is none or its check digit is wrong.

    >>> normalise_isbn("7-5037-1744-0")
    '9787503717444'
    >>> normalise_isbn("９７８－７－５３６６－９２９３－０ (精装)")
    '9787536692930'
    >>> normalise_isbn("7-5325-1234-5") is None
    True
    """
    digits = text.replace("-", "")
    if _ISBN.fullmatch(digits) is None:
        found = _ISBN_TEXT.match(unicodedata.normalize("NFKC", text))
        digits = _SEPARATORS.sub("", found[1]).upper() if found else ""
        if _ISBN.fullmatch(digits) is None:
            return None
    if len(digits) == 13:
        return digits if digits[12] == _isbn13_check(digits[:12]) else None
    stem = "978" + digits[:9]
    return stem + _isbn13_check(stem) if digits[9] == _isbn10_check(digits[:9]) else None


def isbn_facts(as_written: str, qualifier: str, price_text: str, *, cancelled: bool) -> dict[str, Any]:
    """Return what `schemas.bib.Isbn` holds, derived from the number and what stands beside it."""
    isbn13 = normalise_isbn(as_written)
    return {
        "as_written": as_written,
        "isbn13": isbn13,
        "valid": isbn13 is not None and not cancelled,
        "is_set": is_set_qualifier(qualifier) or is_set_qualifier(price_text),
        "cancelled": cancelled,
        "qualifier": qualifier,
        "price_text": price_text,
    }


@lru_cache(_TEXTS_MAX)
def is_set_qualifier(text: str) -> bool:
    """Whether a qualifier or price says that the number or price stands for a whole set of volumes."""
    return bool(text) and _SET.search(text) is not None


def price_fen(text: str) -> int | None:
    """Return a catalogued price in fen, or None where it is missing or in another currency.

    >>> price_fen("CNY68.00"), price_fen("￥66.5（全三册）"), price_fen("NT$500")
    (6800, 6650, None)
    """
    found = _YUAN.match(text.strip())
    if found is None:
        return None
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _isbn13_check(digits: str) -> str:
    codes = digits.encode()  # twelve times the code of "0", weighted, is 1152
    return str((1152 - sum(codes[::2]) - 3 * sum(codes[1::2])) % 10)


def _isbn10_check(digits: str) -> str:
    return "0123456789X"[-sum(map(mul, _WEIGHTS10, map(int, digits))) % 11]
