"""How Chinese is typed without Chinese: the pinyin of a title or a name, and what a typed word may spell.

A character's reading follows from the word it stands in (重庆 is chong qing): pypinyin's phrases know many. Where they
do not know the word, a character with several common readings has each of them, within bounds: nobody but a reader can
tell 传 (zhuan, a life) from 传 (chuan, to hand on). Tones are left out and ü is u, as readers type.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import islice, product
from typing import NamedTuple

import opencc
from pypinyin import lazy_pinyin
from pypinyin.seg import mmseg

from federation.catalogue.tokens import HAN, TOKEN_CHARS_MAX, fold

READINGS_MAX = 4
"""Readings of one title that are indexed, and of one typed word that are searched."""

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
_HAN_CHUNK = re.compile(rf"[{HAN}]+|[^\W_{HAN}]+")
_HAN_START = re.compile(rf"[{HAN}]")
# Characters with two readings, tones apart, that are both common in titles or names (曾 ceng, as a surname zeng).
_HETERONYMS = {
    "传": ("chuan", "zhuan"), "重": ("zhong", "chong"), "长": ("chang", "zhang"), "行": ("xing", "hang"),
    "乐": ("le", "yue"), "朝": ("chao", "zhao"), "藏": ("cang", "zang"), "曾": ("ceng", "zeng"), "单": ("dan", "shan"),
    "解": ("jie", "xie"), "仇": ("chou", "qiu"), "盛": ("sheng", "cheng"), "弹": ("dan", "tan"), "调": ("diao", "tiao"),
    "降": ("jiang", "xiang"), "角": ("jiao", "jue"), "觉": ("jue", "jiao"), "率": ("lu", "shuai"),
    "强": ("qiang", "jiang"), "省": ("sheng", "xing"), "说": ("shuo", "shui"), "参": ("can", "shen"),
    "差": ("cha", "chai"), "车": ("che", "ju"), "都": ("dou", "du"), "落": ("luo", "la"), "薄": ("bo", "bao"),
    "翟": ("zhai", "di"), "尉": ("wei", "yu"), "校": ("xiao", "jiao"), "系": ("xi", "ji"), "巷": ("xiang", "hang"),
    "覃": ("qin", "tan"), "柏": ("bai", "bo"), "卜": ("bu", "bo"), "贾": ("jia", "gu"), "区": ("qu", "ou"),
    "查": ("cha", "zha"), "折": ("zhe", "she"), "畜": ("chu", "xu"), "朴": ("pu", "piao"), "缪": ("miao", "mou"),
    "宿": ("su", "xiu"), "厦": ("sha", "xia"), "番": ("fan", "pan"), "浒": ("hu", "xu"), "莘": ("shen", "xin"),
    "乘": ("cheng", "sheng"), "圈": ("quan", "juan"), "露": ("lu", "lou"), "塞": ("sai", "se"), "血": ("xue", "xie"),
    "壳": ("ke", "qiao"), "佛": ("fo", "fu"), "尺": ("chi", "che"), "堡": ("bao", "pu"), "泊": ("bo", "po"),
    "伽": ("jia", "qie"), "召": ("zhao", "shao"), "度": ("du", "duo"), "恶": ("e", "wu"), "模": ("mo", "mu"),
    "奇": ("qi", "ji"), "识": ("shi", "zhi"), "凹": ("ao", "wa"),
}
_UNCERTAIN_MAX = 2
"""Such characters of one title; with more, the later ones keep their usual reading."""


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


@lru_cache(maxsize=1 << 15)
def pinyins(text: str) -> tuple[Pinyin, ...]:
    """Return the likely readings of a title or name, the usual one first; none where it has no Chinese character.

    >>> [reading.joined for reading in pinyins("和珅传")], pinyins("重庆森林")[0].initials, len(pinyins("重庆森林"))
    (['heshenchuan', 'heshenzhuan'], 'cqsl', 1)
    """
    simplified = _converter().convert(unicodedata.normalize("NFKC", text))
    if not _HAN_START.search(simplified):
        return ()
    return tuple(map(Pinyin.of, islice(product(*_choices(simplified)), READINGS_MAX)))


def catalogued_pinyin(text: str) -> Pinyin | None:
    """Return the pinyin that a cataloguer wrote, by syllable (``he shen zhuan``) or by word (``heshen zhuan``).

    >>> catalogued_pinyin("Héshēn zhuàn")
    Pinyin(syllables=('he', 'shen', 'zhuan'), joined='heshenzhuan', initials='hsz')
    """
    words = (word for word in fold(text).replace("v", "u").split() if word.isalnum())
    syllables = [syllable for word in words for syllable in _split(word)]
    return Pinyin.of(tuple(syllables)) if syllables else None


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
        if len(found) == READINGS_MAX:
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


def _choices(text: str) -> Iterator[tuple[str, ...]]:
    """Yield for each syllable, number or foreign word of a text its likely readings."""
    uncertain = 0
    for word in (word for chunk in _HAN_CHUNK.findall(text) for word in _words(chunk)):
        if not _HAN_START.match(word):
            yield (fold(word)[:TOKEN_CHARS_MAX],)
            continue
        syllables = [fold(syllable).replace("v", "u") for syllable in lazy_pinyin(word)]
        if word in _HETERONYMS and uncertain < _UNCERTAIN_MAX:
            uncertain += 1
            yield tuple(dict.fromkeys((*syllables, *_HETERONYMS[word])))
        else:
            yield from ((syllable,) for syllable in syllables)


def _words(chunk: str) -> Iterable[str]:
    """Return the words of a run of Chinese that pypinyin knows how to read; a foreign word is one."""
    return mmseg.seg.cut(chunk) if _HAN_START.match(chunk) else (chunk,)


def _split(word: str) -> tuple[str, ...]:
    return (word,) if word in _SYLLABLE_SET else next(iter(pinyin_readings(word)), (word,))


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")
