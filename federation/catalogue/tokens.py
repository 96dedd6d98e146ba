"""Text to search tokens, the same way for what is catalogued and for what is typed.

Chinese has no spaces, so a run of CJK characters becomes overlapping pairs, and one token stands at every position:
红楼梦 is ``红楼 楼梦 梦``. A phrase of pairs then finds any part of the run, and a single character is a prefix of the
pair that it begins. Words and numbers stay whole. Every character is folded alone, without its context, so that a part
of a text always folds as it does inside the whole; pinyin does need the context (重庆 is chong qing) and has it.
Deliberately absent: word segmentation, stemming, stop words.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

import opencc
from pypinyin import lazy_pinyin

TOKEN_CHARS_MAX = 64
"""A longer word is cut: no reader types one, and it would bloat the index."""

_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_CJK = _HAN + "\u3041-\u30fa\u30fc-\u30ff\uac00-\ud7a3"
_CHUNK = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+(?:\+\+|#)?")
_CJK_START = re.compile(rf"[{_CJK}]")
_HAN_CHUNK = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_HAN_START = re.compile(rf"[{_HAN}]")
_APOSTROPHE = re.compile(r"(?<=[^\W_])['’ʼ](?=[^\W_])")
_KANA_VOICE_MARKS = "\u3099\u309a"
_HAN_BLOCKS = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0x20000, 0x323B0))
_NAME_VARIANTS = {ord("锺"): "钟"}  # simplified, yet readers type 钱钟书 for 钱锺书

# The syllables of Hanyu Pinyin without tones, ü as u: initial → finals.
_SYLLABLES = {
    "": "a ai an ang ao e ei en eng er o ou",
    "b": "a ai an ang ao ei en eng i ian iao ie in ing o u",
    "p": "a ai an ang ao ei en eng i ian iao ie in ing o ou u",
    "m": "a ai an ang ao e ei en eng i ian iao ie in ing iu o ou u",
    "f": "a an ang ei en eng o ou u",
    "d": "a ai an ang ao e ei en eng i ia ian iao ie ing iu ong ou u uan ui un uo",
    "t": "a ai an ang ao e eng i ian iao ie ing ong ou u uan ui un uo",
    "n": "a ai an ang ao e ei en eng i ian iang iao ie in ing iu ong ou u uan ue uo",
    "l": "a ai an ang ao e ei eng i ia ian iang iao ie in ing iu o ong ou u uan ue un uo",
    "g": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "k": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "h": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "j": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "q": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "x": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "zh": "a ai an ang ao e ei en eng i ong ou u ua uai uan uang ui un uo",
    "ch": "a ai an ang ao e en eng i ong ou u ua uai uan uang ui un uo",
    "sh": "a ai an ang ao e ei en eng i ou u ua uai uan uang ui un uo",
    "r": "an ang ao e en eng i ong ou u ua uan ui un uo",
    "z": "a ai an ang ao e ei en eng i ong ou u uan ui un uo",
    "c": "a ai an ang ao e en eng i ong ou u uan ui un uo",
    "s": "a ai an ang ao e en eng i ong ou u uan ui un uo",
    "y": "a an ang ao e i in ing o ong ou u uan ue un",
    "w": "a ai an ang ei en eng o u",
}
_SYLLABLE_SET = frozenset(initial + final for initial, finals in _SYLLABLES.items() for final in finals.split())
_SYLLABLE_CHARS_MAX = 6
_PINYIN_CHARS_MAX = 60
_READINGS_MAX = 4


class Phrase(NamedTuple):
    """Tokens that must stand side by side; with ``prefix`` the last one need only begin a token."""

    tokens: tuple[str, ...]
    prefix: bool = False


class Pinyin(NamedTuple):
    """How a Chinese title is typed without Chinese: ``hong lou meng``, ``hongloumeng``, ``hlm``."""

    syllables: tuple[str, ...]
    joined: str
    initials: str

    @classmethod
    def of(cls, syllables: tuple[str, ...]) -> "Pinyin":
        """Return the forms that follow from the syllables; a number stays whole."""
        initials = "".join(token if token.isdigit() else token[:1] for token in syllables)
        return cls(syllables, "".join(syllables)[:TOKEN_CHARS_MAX], initials[:TOKEN_CHARS_MAX])


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


def compact(text: str) -> str:
    """Return the folded text without spaces and punctuation: a key to compare whole titles by."""
    return "".join(_chunks(text))


@lru_cache(maxsize=1 << 15)
def pinyin(text: str) -> Pinyin | None:
    """Return the pinyin of a title, or None where it has no Chinese character.

    >>> pinyin("重庆森林")
    Pinyin(syllables=('chong', 'qing', 'sen', 'lin'), joined='chongqingsenlin', initials='cqsl')
    """
    simplified = _converter().convert(unicodedata.normalize("NFKC", text))
    if not _HAN_START.search(simplified):
        return None
    return Pinyin.of(tuple(token for chunk in _HAN_CHUNK.findall(simplified) for token in _syllables_of(chunk)))


@lru_cache(maxsize=1 << 12)
def pinyin_readings(word: str) -> tuple[tuple[str, ...], ...]:
    """Return the ways to read one typed word as two or more syllables, longest syllables first, at most four.

    >>> pinyin_readings("xianshi")
    (('xian', 'shi'), ('xi', 'an', 'shi'))
    """
    letters = word.replace("v", "u")
    if len(letters) > _PINYIN_CHARS_MAX or not (letters.isascii() and letters.isalpha()):
        return ()
    ends = _syllable_ends(letters)
    found: list[tuple[str, ...]] = []
    for reading in _readings(letters, 0, ends):
        if len(reading) > 1:
            found.append(reading)
        if len(found) == _READINGS_MAX:
            break
    return tuple(found)


def _syllable_ends(letters: str) -> list[list[int]]:
    """Return for each position where a syllable that starts there may end, if the rest can be read to the end."""
    ends: list[list[int]] = [[] for _ in letters]
    for start in range(len(letters) - 1, -1, -1):
        for end in range(min(len(letters), start + _SYLLABLE_CHARS_MAX), start, -1):
            if letters[start:end] in _SYLLABLE_SET and (end == len(letters) or ends[end]):
                ends[start].append(end)
    return ends


def _readings(letters: str, start: int, ends: list[list[int]]) -> Iterator[tuple[str, ...]]:
    if start == len(letters):
        yield ()
        return
    for end in ends[start]:
        for rest in _readings(letters, end, ends):
            yield (letters[start:end], *rest)


def _chunks(text: str) -> list[str]:
    return _CHUNK.findall(_APOSTROPHE.sub("", fold(text)))


def _tokens_of(chunk: str) -> list[str]:
    if _CJK_START.match(chunk):
        return [chunk[index : index + 2] for index in range(len(chunk))]
    return [chunk[:TOKEN_CHARS_MAX]]


def _syllables_of(chunk: str) -> list[str]:
    if _HAN_START.match(chunk):
        return [fold(syllable).replace("v", "u") for syllable in lazy_pinyin(chunk)]
    return [fold(chunk)[:TOKEN_CHARS_MAX]]


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


@cache
def _simplified() -> dict[int, str]:
    """Return each Han character's simplified form, from OpenCC's tables for the mainland, Taiwan and Hong Kong."""
    han = [chr(code) for start, end in _HAN_BLOCKS for code in range(start, end)]
    folded = "\n".join(han)  # a line each: no phrase of OpenCC's dictionaries can span two
    for table in ("t2s", "tw2s", "hk2s", "t2s"):
        folded = opencc.OpenCC(table).convert(folded)
    pairs = zip(han, folded.split("\n"), strict=True)
    return {ord(char): simple for char, simple in pairs if char != simple} | _NAME_VARIANTS
