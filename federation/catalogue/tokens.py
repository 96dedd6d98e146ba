"""Text to search tokens, the same way for what is catalogued and for what is typed.

Chinese has no spaces, so a run of CJK characters becomes overlapping pairs, and one token stands at every position:
红楼梦 is ``红楼 楼梦 梦``. A phrase of pairs then finds any part of the run, and a single character is a prefix of the
pair that it begins. Words and numbers stay whole. Every character is folded alone, without its context, so that a part
of a text always folds as it does inside the whole. Deliberately absent: word segmentation, stemming, stop words, and
pinyin, which does need the context (`federation.catalogue.pinyin`).
"""

import re
import unicodedata
from functools import cache, lru_cache
from typing import NamedTuple

import opencc

TOKEN_CHARS_MAX = 64
"""A longer word is cut: no reader types one, and it would bloat the index."""

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
"""The Chinese characters, as the inside of a regular expression's class."""

_CJK = HAN + "\u3041-\u30fa\u30fc-\u30ff\uac00-\ud7a3"
_CHUNK = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+(?:\+\+|#)?")
_CJK_START = re.compile(rf"[{_CJK}]")
_APOSTROPHE = re.compile(r"(?<=[^\W_])['’ʼ](?=[^\W_])")
_NAME_DOT = re.compile(rf"(?<=[{_CJK}])[·•‧∙⋅・](?=[{_CJK}])")  # readers type 哈利波特 for 哈利·波特
_KANA_VOICE_MARKS = "\u3099\u309a"
_HAN_BLOCKS = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0x20000, 0x323B0))
_NAME_VARIANTS = {ord("锺"): "钟"}  # simplified, yet readers type 钱钟书 for 钱锺书


class Phrase(NamedTuple):
    """Tokens that must stand side by side; with ``prefix`` the last one need only begin a token."""

    tokens: tuple[str, ...]
    prefix: bool = False


@lru_cache(maxsize=1 << 14)
def fold(text: str) -> str:
    """Return ``text`` without case, width, diacritics and the difference of traditional and simplified.

    >>> fold("東方快車謀殺案 ＢＲＯＮＴË")
    '东方快车谋杀案 bronte'
    """
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(char for char in decomposed if not unicodedata.combining(char) or char in _KANA_VOICE_MARKS)
    return unicodedata.normalize("NFC", kept).translate(_simplified())


def tokens(text: str) -> tuple[str, ...]:
    """Return the tokens to index for ``text``, one a position.

    >>> tokens("三体Ⅱ：黑暗")
    ('三体', '体', 'ii', '黑暗', '暗')
    """
    return tuple(token for chunk in _chunks(text) for token in _tokens_of(chunk))


def phrase(text: str) -> Phrase:
    """Return what to look for to find ``text`` anywhere inside an indexed text.

    >>> phrase("红楼梦")
    Phrase(tokens=('红楼', '楼梦'), prefix=False)
    >>> phrase("梦")
    Phrase(tokens=('梦',), prefix=True)
    """
    found = tokens(text)
    if not found or not _CJK_START.match(found[-1]):
        return Phrase(found)
    # The last character of a run stands alone in the index only where a text ends with it.
    whole_run = len(found) > 1 and len(found[-2]) == 2 and found[-2][1] == found[-1] and _CJK_START.match(found[-2])
    return Phrase(found[:-1]) if whole_run else Phrase(found, prefix=True)


@lru_cache(maxsize=1 << 15)
def compact(text: str) -> str:
    """Return the folded text without spaces and punctuation: a key to compare whole titles by."""
    return "".join(_chunks(text))


def _chunks(text: str) -> list[str]:
    return _CHUNK.findall(_NAME_DOT.sub("", _APOSTROPHE.sub("", fold(text))))


def _tokens_of(chunk: str) -> list[str]:
    if _CJK_START.match(chunk):
        return [chunk[index : index + 2] for index in range(len(chunk))]
    return [chunk[:TOKEN_CHARS_MAX]]


@cache
def _simplified() -> dict[int, str]:
    """Return each Han character's simplified form, from OpenCC's tables for the mainland, Taiwan and Hong Kong."""
    han = [chr(code) for start, end in _HAN_BLOCKS for code in range(start, end)]
    folded = "\n".join(han)  # a line each: no phrase of OpenCC's dictionaries can span two
    for table in ("t2s", "tw2s", "hk2s", "t2s"):
        folded = opencc.OpenCC(table).convert(folded)
    pairs = zip(han, folded.split("\n"), strict=True)
    return {ord(char): simple for char, simple in pairs if char != simple} | _NAME_VARIANTS
