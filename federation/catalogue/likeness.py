"""Whether two texts in their normal form may name one person, one publisher or one title.

Names are cut short, written in pinyin, turned round; titles are mistyped. But one character may also be all that tells
two books apart (古代汉语 and 现代汉语), and a part of a house's name may be another's (人民 and 人民文学). Deliberately
absent: what follows for two records (`federation.catalogue.clustering`).
"""

from itertools import product

from federation.catalogue.pinyin import pinyins

SIMILAR_TITLE_MIN = 0.6
"""Share of common character pairs (Dice) from which two titles may be variants of one."""
MISTYPED_MIN = 3
"""Characters of a title from which one of them may be a slip of the pen."""
CUT_SHORT_MIN = 4
"""Characters of a name from which another with more in its middle may be the same person's."""
PERSON_NAME_MAX = 12
"""Characters of a person's name; a longer one is a body's, which any of its words may be left out of."""
CHINESE_NAME_MAX = 4
"""Characters of a Chinese person's name, in which the beginning is no name of its own (王力 and 王力宏)."""

_ONE_OF_MANY = ("上中下前后", "东南西北", "大中小", "初高", "古今现近当", "内外儿妇", "男女", "文理", "宏微", "正续",
                "甲乙丙丁", "春夏秋冬", "唐宋元明清汉秦", "中英法德日俄美", "中西", "天地", "新旧", "老少", "实复",
                "父母", "兄弟姐妹", "0123456789", "零一二三四五六七八九十")
"""Characters that name one of several parts, times, places or kinds; the other ones name another book."""
_ONE_MORE = frozenset("上中下前后续新外0123456789零一二三四五六七八九十")
"""Characters with which a title is another book's: 红楼梦 and 续红楼梦."""
_MANY_HOUSES = frozenset(("人民", "科学", "教育", "文学", "文艺", "美术", "音乐", "经济", "工业", "大学", "民族",
                          "世界", "青年", "社会科学", "科学技术", "少年儿童"))
"""Names of houses that are also part of the names of many others."""
_REGIONS = frozenset((
    "上海", "天津", "重庆", "河北", "山西", "内蒙古", "辽宁", "吉林", "黑龙江", "江苏", "浙江", "安徽", "福建", "江西",
    "山东", "河南", "湖北", "湖南", "广东", "广西", "海南", "四川", "贵州", "云南", "西藏", "陕西", "甘肃", "青海",
    "宁夏", "新疆", "香港", "澳门", "台湾", "台北", "南京", "杭州", "广州", "武汉", "成都", "长春", "西安", "沈阳",
    "大连", "哈尔滨", "深圳", "延边"))
"""What a house of its own bears before another's name: 上海三联书店 is not 三联书店. In 北京 sit the national ones."""


def same_name(one: str, other: str) -> bool:
    """Whether two names may be one: by part of it, in pinyin whatever the order, or with a forename cut short."""
    if one == other:
        return True
    if one.isascii() or other.isascii():
        return _same_in_latin(one, other)
    shorter, longer = sorted((one, other), key=len)
    is_part = longer.endswith(shorter) or (len(longer) > CHINESE_NAME_MAX and shorter in longer)
    return (len(shorter) > 1 and (is_part or _sound_alike(one, other))) or _is_cut_short(shorter, longer)


def same_publisher(one: str, other: str) -> bool:
    """Whether two names may be one house's: by part of it, or as its abbreviation.

    >>> [same_publisher("三联书店", name) for name in ("生活三联书店", "上海三联书店")]
    [True, False]
    >>> [same_publisher(*pair) for pair in (("人大", "人民大学"), ("人民", "人民文学"), ("北京大学", "北京师范大学"))]
    [True, False, False]
    """
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    if one.isascii() and other.isascii():
        return (len(shorter) >= CUT_SHORT_MIN and shorter in longer) or _same_in_latin(one, other)
    if one.isascii() or other.isascii():
        return _same_in_latin(one, other)
    if len(shorter) < 2 or shorter in _MANY_HOUSES or longer.removesuffix(shorter) in _REGIONS:
        return False
    return shorter in longer or _sound_alike(one, other) or _abbreviates(shorter, longer) or _abbreviates(
        shorter, longer.removeprefix("中国"))


def similar(one: str, other: str) -> bool:
    """Whether one title begins with the other, differs by a slip, or shares most character pairs with it."""
    shorter, longer = sorted((one, other), key=len)
    if (len(shorter) > 1 and longer.startswith(shorter)) or is_slip(one, other):
        return True
    mine, yours = _pairs(one), _pairs(other)
    return 2 * len(mine & yours) >= SIMILAR_TITLE_MIN * (len(mine) + len(yours)) > 0


def is_slip(one: str, other: str) -> bool:
    """Whether two titles differ by one character that is another, missing or exchanged with the next."""
    shorter, longer = sorted((one, other), key=len)
    if len(longer) < MISTYPED_MIN or len(longer) - len(shorter) > 1:
        return False
    mine, yours = _difference(shorter, longer)
    if len(shorter) < len(longer):
        return mine == yours[1:]
    return mine[1:] == yours[1:] or (mine[:2] == yours[1::-1] and mine[2:] == yours[2:])


def opposed(one: str, other: str) -> bool:
    """Whether two texts are alike but for a character that names one of several, in both or in one of them.

    >>> opposed("1500年以前", "1500年以后"), opposed("古代汉语", "现代汉语"), opposed("古代汉语", "古代汉悟")
    (True, True, False)
    """
    mine, yours = _difference(*sorted((one, other), key=len))
    if len(mine) == len(yours):
        return bool(mine) and mine[1:] == yours[1:] and any({mine[0], yours[0]} <= set(group) for group in _ONE_OF_MANY)
    return mine == yours[1:] and yours[0] in _ONE_MORE


def _difference(one: str, other: str) -> tuple[str, str]:
    """Return two texts from where they differ."""
    start = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
                 min(len(one), len(other)))
    return one[start:], other[start:]


def _same_in_latin(one: str, other: str) -> bool:
    if one.isascii() and other.isascii():
        return any(len(word) > 2 for word in set(one.split()) & set(other.split()))
    latin, han = (one, other) if one.isascii() else (other, one)
    return any(sorted(reading.joined) == sorted(latin.replace(" ", "")) for reading in pinyins(han))


def _sound_alike(one: str, other: str) -> bool:
    """Whether two Chinese names are read alike, as transcriptions of one foreign name often are: 歌德 and 哥德."""
    return any(mine.joined == yours.joined for mine, yours in product(pinyins(one), pinyins(other)))


def _abbreviates(shorter: str, longer: str) -> bool:
    """Whether a name is made of another's characters; one that has its first and last word is another house's."""
    rest = iter(longer)
    is_whole = (shorter[:2], shorter[2:]) == (longer[:2], longer[-2:])
    return not is_whole and shorter[0] == longer[0] and all(char in rest for char in shorter)


def _is_cut_short(shorter: str, longer: str) -> bool:
    """Whether a transcribed name is another with less of its forename (列·托尔斯泰), or a body's is abbreviated."""
    rest = iter(longer)
    is_body = len(longer) > PERSON_NAME_MAX
    return (len(shorter) >= CUT_SHORT_MIN and shorter[0] == longer[0] and (is_body or shorter[-2:] == longer[-2:])
            and all(char in rest for char in shorter))


def _pairs(text: str) -> set[str]:
    return {text[index : index + 2] for index in range(len(text) - 1)}
