"""One form for what cataloguers write in many ways: volumes, editions, names, publishers, book numbers, years.

第二册, Ⅱ and vol. 2 are one volume; a name loses country and role, a publisher its form of company. All work on folded
text (`federation.catalogue.tokens`), in which 著 is written 着. Deliberately absent: records, and whether two agree.
"""

import re
from functools import lru_cache

from federation.catalogue.tokens import compact, fold

TEXTS_MAX = 1 << 14
"""Texts of each kind whose form is remembered: libraries repeat each other's, and publishers their own."""

_DIGITS = "零一二三四五六七八九"
_ROMAN = {"i": 1, "v": 5, "x": 10}
_NUMERAL = r"[0-9零一二三四五六七八九十百]+"
_FORMAL = str.maketrans("壹贰叁肆伍陆柒捌玖拾", "一二三四五六七八九十")
_NUMBER_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBER_WORD = "|".join(_NUMBER_WORDS)
_PINYIN = {"di": "第", "yi": "一", "er": "二", "san": "三", "si": "四", "wu": "五", "liu": "六", "qi": "七", "ba": "八",
           "jiu": "九", "shi": "十", "shang": "上", "zhong": "中", "xia": "下", "ce": "册", "juan": "卷", "bu": "部",
           "ji": "集", "bian": "编", "ban": "版", "xiu": "修", "ding": "订", "zeng": "增", "ben": "本", "xin": "新"}
_PINYIN_NUMERAL = "yi|er|san|si|wu|liu|qi|ba|jiu|shi"
_TITLE_VOLUME = re.compile(
    rf"[\s,.:·(\[]*(?:第\s*({_NUMERAL})\s*[卷册部集辑编分]"
    r"|(?<=[\u3400-\u9fff])\s*[,.:]?\s*([ivx]{1,5})(?![a-z])"
    r"|(?<=[\u3400-\u9fff])(?:\s+|\s*\.\s*)([0-9]{1,3})(?=[\s:(]|$)"
    r"|(?<=[\u3400-\u9fff])(?:\s+|\s*\.\s*)([一二三四五六七八九十]{1,3})(?=\s*(?:[:(.]|$))"
    rf"|(?<=[\u3400-\u9fff])\s*[(\[]([0-9]{{1,3}}|[零一二三四五六七八九十百]+|[ivx]{{1,5}})(?=[)\]]\s*(?:[:.]|$))"
    rf"|\b(?:vol(?:ume)?|v|part|pt|book|bk)\b\.?\s*([0-9]+|[ivx]+|{_NUMBER_WORD})\b"
    rf"|之({_NUMERAL})(?=[\s:.(]|$)"
    r"|[(\[\s,.:·]([上中下])[卷册部集编]?(?=[)\]\s:]|$)"
    rf"|(?<=[\s(:.])[卷册]\s*({_NUMERAL}|[上中下])(?=[\s):.]|$)"
    rf"|\b((?:di\s?)?(?:[0-9]+|{_PINYIN_NUMERAL})\s(?:ce|juan|bu|ji)|(?:shang|zhong|xia)\s(?:ce|juan|bian|ji))(?=[)\s]*$)"
    r"|(?<![上中])([上中下])[卷册](?=\W|$))[册)\]]*[\s:.,]*"
)
_BARE_VOLUME = re.compile(
    rf"(?:第|之|[卷册部集辑编]|v(?:ol(?:ume)?)?\.?|no\.?|part|pt\.?|book|bk\.?|bd\.?|t(?:ome)?\.?)?\s*"
    rf"({_NUMERAL}|[ivx]+|{_NUMBER_WORD})\s*(?:分?[卷册部集辑编函]|分|年[版度卷]?)?"
)
_UNIT = rf"(?:第?\s*{_NUMERAL}\s*[卷册部集辑编分]|[上中下甲乙丙丁]\s*[卷册部集编辑])"
_WITHIN = re.compile(rf"[\s,.:(\[]*({_UNIT})(?=\W|$)[\s)\],.:]*")
_NESTED = re.compile(rf"(?:{_UNIT}[\s,.:()\[\]·]*)+(?:{_UNIT}|[上中下]|{_NUMERAL})")
_PLACE = re.compile(rf"{_NUMERAL}|[上中下甲乙丙丁]")
_VOLUME_RANGE = re.compile(rf"({_NUMERAL})\W*(?:[-~\u2013\u2014]|至|到)\W*第?({_NUMERAL})")
_WHOLE_SET = re.compile(rf"[\s,.:]*(?:上\W?(?:中\W?)?下[卷册部集编]?|全{_NUMERAL}?[卷册部集套]|\bset\b)[\s.]*$")
_BRACKETED = re.compile(r"[(\[〔【{][^)\]〕】}]*[)\]〕】}]")
_EDITION = re.compile(rf"第?\s*({_NUMERAL})\s*(?:次修订)?版"
                      r"|\b([0-9]+)(?:st|nd|rd|th|d|\.)?\s*(?:rev\w*\.?\s*)?(?:ed|aufl)")
_EDITION_WORDS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_EDITION_WORD = re.compile(rf"\b({'|'.join(_EDITION_WORDS)})\b,?\s*(?:rev\w*\.?\s*)?ed")
_LAST_EDITION = re.compile(rf"[\s,.:]*(?:第\s*{_NUMERAL}\s*版|\b[0-9]+(?:st|nd|rd|th)\s+ed(?:ition|n)?\b)[\s.]*$")
_REVISED = re.compile(r"修订|增订|增补|\brev(?:ised)?\b")
# Folded text is matched, where 著 is written 着.
_ROLE = re.compile(r"[,\s]*等?\s*(?:编着|编写|主编|编译|译注|译着|编|着|撰|译|校注|校|注|绘|写|作|选)$")
_COMPANY = re.compile(
    r"(?:股份|有限|责任|公司|出版总?社|出版|集团|(?<=[a-z])(?:press|publishers?|publishing|books|inc|ltd)\b)+|(?<=^..)社$"
    r"|(?<=[a-z])(?:gufen|youxian|zeren|jituan|chuban|gongsi|she)*(?:chubanshe|gongsi|jituan)$"
)
_SEAT = re.compile(r"^北京(?=.+(?:书店|书局|印书馆)$)")  # the old national houses are no 出版社 that could bear a place
_ARTICLE = re.compile(r"^\s*(?:the|an?)\s+(?=\S)")
_INITIAL = re.compile(r"(?<![a-z])[a-z](?![a-z])")
_PLACES_PINYIN = frozenset(("shang", "zhong", "xia"))
_COUNTED_THROUGH = re.compile(r"[(,\s]*总\s*第.*$")
_NAMED_VOLUME = re.compile(r"卷?([上中下])(?:[卷册部集编辑篇第]|\W|$)")
_NAMED_PLACES = "上中下甲乙丙丁"
_PLACES = {"上": ("1",), "中": ("2",), "下": ("2", "3")}
_NO_NAME = frozenset(("et", "al", "by", "and", "translated", "edited", "written"))
_HAN = re.compile(r"[\u3400-\u9fff]")
_BETWEEN = re.compile(r"[·•,、;:]")
_MAKE = re.compile(r"[精平简]装|版$|本$|印$|^[0-9\W]+$")
_DIGIT_RUN = re.compile(r"[0-9]+")
_BOOK_NUMBER = re.compile(r"([0-9]{1,5})[^0-9]{1,3}([0-9]{1,5})")
_YEAR = re.compile(r"(?<![0-9])(1[4-9]|20)[0-9]{2}(?![0-9])")
_PAGES = re.compile(r"([0-9]{1,5})\s*(?:页|面|p\b|pages?\b)")
_REPUBLIC_YEAR = re.compile(rf"民国\s*({_NUMERAL})\s*年?")
_REPUBLIC_BEFORE = 1911
"""The year before the first of the Republic (民国元年 is 1912)."""


@lru_cache(TEXTS_MAX)
def split_volume(title: str) -> tuple[str, str, str]:
    """Return a title without brackets as its folded base, its volume and what follows the volume.

    >>> split_volume("三体Ⅱ：黑暗森林")
    ('三体', '2', '黑暗森林')
    >>> split_volume("平凡的世界（全三部）")
    ('平凡的世界', '', '')
    """
    folded = fold(title)
    found = _TITLE_VOLUME.search(folded)
    if found is None or not compact(folded[: found.start()]):
        bare = _edition_cut(_BRACKETED.sub("", folded))
        return _WHOLE_SET.sub("", bare) or bare, "", ""
    volume = normal_volume(next(group for group in found.groups() if group))
    within = _WITHIN.match(folded, found.end())
    if within:
        volume += f".{normal_volume(within[1])}"
    after = _BRACKETED.sub("", folded[(within or found).end() :]).strip()
    return _edition_cut(_BRACKETED.sub("", folded[: found.start()])), volume, after


@lru_cache(TEXTS_MAX)
def normal_volume(text: str) -> str:
    """Return a volume's number or name in one form: 第二册, Ⅱ and vol. 2 are ``2``, 上册 is ``上``.

    >>> [normal_volume(text) for text in ("第二册", "Ⅱ", "vol. 2", "上册", "第二十三卷", "第三卷(中册)", "")]
    ['2', '2', '2', '上', '23', '3.中', '']
    """
    folded = _unromanised(fold(text)).translate(_FORMAL).strip(" .:,()[]")
    found = _BARE_VOLUME.fullmatch(folded) or _BARE_VOLUME.fullmatch(_COUNTED_THROUGH.sub("", folded))
    if found:
        return str(_number(found[1]))
    if _WHOLE_SET.fullmatch(folded):
        return ""
    if _NESTED.fullmatch(folded):
        return ".".join(str(_number(place)) if place[0] not in _NAMED_PLACES else place
                        for place in _PLACE.findall(folded))
    several = _VOLUME_RANGE.search(folded)
    if several:
        return f"{_number(several[1])}-{_number(several[2])}"
    named = _NAMED_VOLUME.match(folded)
    return named[1] if named else compact(folded)


@lru_cache(TEXTS_MAX)
def subtitle_volume(subtitle: str) -> str:
    """Return the volume that a subtitle is, if it is nothing else.

    >>> [subtitle_volume(text) for text in ("第一卷", "上册", "Vol. 2", "上海的早晨", "一个人", "")]
    ['1', '上', '2', '', '', '']
    """
    found = _TITLE_VOLUME.fullmatch(f" {fold(subtitle)}")
    return normal_volume(subtitle) if found else ""


def places(volume: str) -> tuple[str, ...]:
    """Return a normal volume with the numbers that another library may give it; which 下 has, only the set tells."""
    outer, dot, inner = volume.rpartition(".")
    return (volume, *(outer + dot + number for number in _PLACES.get(inner, ())))


@lru_cache(TEXTS_MAX)
def normal_edition(text: str) -> str:
    """Return an edition's number, with ``r`` where it is a revised one; ``""`` where the text names none.

    >>> [normal_edition(text) for text in ("第2版", "3rd ed.", "修订版", "第二版 修订本", "1版3次", "")]
    ['2', '3', 'r', '2r', '1', '']
    """
    folded = _unromanised(fold(text))
    found = _EDITION.search(folded)
    word = _EDITION_WORD.search(folded)
    number = ""
    if found:
        number = str(_number(found[1] or found[2]))
    elif word:
        number = str(_EDITION_WORDS.index(word[1]) + 1)
    return number + ("r" if _REVISED.search(folded) else "")


@lru_cache(TEXTS_MAX)
def normal_name(text: str) -> str:
    """Return a name without country, dynasty and role; Latin names as sorted words, without initials.

    >>> normal_name("（英）阿加莎·克里斯蒂著"), normal_name("Bradley, Timothy J."), normal_name("鲁迅 等编著")
    ('阿加莎克里斯蒂', 'bradley timothy', '鲁迅')
    """
    bare = _BRACKETED.sub(" ", fold(text)).strip()
    if _HAN.search(bare):
        direct = " ".join(reversed(_ROLE.sub("", bare).split(",", 1)))
        return compact(_INITIAL.sub("", direct)) or compact(bare)
    words = (word for word in re.findall(r"[^\W\d_]{2,}", bare) if word not in _NO_NAME)
    return " ".join(sorted(words))


def normal_book_number(text: str) -> str:
    """Return a unified book number (统一书号) with one sign between its halves.

    >>> [normal_book_number(text) for text in ("10019·3456", "书号 10019.3456", "10019－3456", "")]
    ['10019-3456', '10019-3456', '10019-3456', '']
    """
    folded = fold(text)
    found = _BOOK_NUMBER.search(folded)
    return f"{found[1]}-{found[2]}" if found else "-".join(_DIGIT_RUN.findall(folded))


@lru_cache(TEXTS_MAX)
def normal_publisher(text: str) -> str:
    """Return a publisher's name without its form of company.

    >>> normal_publisher("人民文学出版社有限公司"), normal_publisher("MIT Press")
    ('人民文学', 'mit')
    """
    whole = _SEAT.sub("", compact(without_article(outside_brackets(text))) or compact(text))
    return _COMPANY.sub("", whole) or whole


def printed_year(text: str) -> int | None:
    """Return the year that an imprint tells, of the common era or of the Republic.

    >>> [printed_year(text) for text in ("[2004]", "c1998", "民国二十四年 [1935]", "民国24年", "出版年不详")]
    [2004, 1998, 1935, 1935, None]
    """
    folded = fold(text)
    republic = _REPUBLIC_YEAR.search(folded)
    printed = _YEAR.search(folded)
    if republic:
        return _REPUBLIC_BEFORE + _number(republic[1])
    return int(printed[0]) if printed else None


def printed_pages(extent: str) -> int | None:
    """Return how many pages a book has: the greatest number that its extent counts in pages.

    >>> [printed_pages(text) for text in ("320页", "xii, 428 p. ; 21 cm.", "12,287頁", "2册", "")]
    [320, 428, 287, None, None]
    """
    return max((int(found[1]) for found in _PAGES.finditer(fold(extent))), default=None)


def outside_brackets(text: str) -> str:
    """Return the folded text without what stands in brackets."""
    return _BRACKETED.sub("", fold(text)).strip()


def without_article(folded: str) -> str:
    """Return a folded title or name without the English article that it begins with, which catalogues sort away."""
    return _ARTICLE.sub("", folded)


@lru_cache(TEXTS_MAX)
def titled_edition(title: str) -> str:
    """Return the edition that a title names in brackets or at its end.

    >>> [titled_edition(text) for text in ("算法导论（原书第3版）", "高等数学 第六版 上册", "Algorithms, 4th ed.")]
    ['3', '6', '4']
    """
    folded = fold(title)
    told = _TITLE_VOLUME.split(_BRACKETED.sub("", folded), maxsplit=1)[0]
    last = _LAST_EDITION.search(told)
    return normal_edition(" ".join((*_BRACKETED.findall(folded), last[0] if last else "")))


def bracketed_qualifier(title: str) -> str:
    """Return what a title says in brackets, but for volumes, editions and bindings; a year stays.

    >>> [bracketed_qualifier(text) for text in ("高等数学（经管类）", "算法导论（原书第3版）", "红楼梦（上）（精装）")]
    ['经管类', '', '']
    """
    return "".join(compact(part) for text in _BRACKETED.findall(fold(title))
                   for part in _BETWEEN.split(text[1:-1]) if _says_more(part.strip()))


def _edition_cut(base: str) -> str:
    return _LAST_EDITION.sub("", base).strip() or base.strip()


def _says_more(text: str) -> bool:
    is_volume = _BARE_VOLUME.fullmatch(text) or text[:1] in "上中下" or _WHOLE_SET.fullmatch(text)
    return bool(_YEAR.fullmatch(text)) or not (is_volume or normal_edition(text) or _MAKE.search(text))


def _unromanised(folded: str) -> str:
    """Return a volume or an edition that is written in pinyin (``di 2 ban``, ``shang ce``) in Chinese."""
    words = re.findall(r"[a-z]+|[0-9]+", folded) if folded.isascii() else []
    is_lone = len(words) == 1 and words[0] not in _PLACES_PINYIN
    if is_lone or all(map(str.isdecimal, words)) or not all(word.isdecimal() or word in _PINYIN for word in words):
        return folded
    return "".join(_PINYIN.get(word, word) for word in words)


def _number(numeral: str) -> int:
    """Return the value of an Arabic, Roman or Chinese numeral below a thousand, or of an English one up to ten."""
    if numeral in _NUMBER_WORDS:
        return _NUMBER_WORDS.index(numeral) + 1
    if numeral.isdecimal():
        return int(numeral[:9])
    if numeral[0] in _ROMAN:
        values = [_ROMAN[letter] for letter in numeral]
        return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))
    total = digit = 0
    for char in numeral:
        unit = {"十": 10, "百": 100}.get(char)
        if unit is None:
            digit = _DIGITS.find(char) if char in _DIGITS else int(char)
        else:
            total, digit = total + (digit or 1) * unit, 0
    return total + digit
