"""What a record says about which book it describes, in a form that two records can be compared by.

Cataloguers write one fact in many ways: a volume as 第二册, Ⅱ or vol. 2, in its own field or inside the title; an
author with country and role; a publisher with or without 有限公司. Here each becomes one normal form. Deliberately
absent: any judgement of whether two records agree (`federation.catalogue.clustering`).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from federation.catalogue.tokens import compact, fold
from schemas.bib import Bib, Contributor

NAMES_MAX = 12
"""A record with more authors or titles is compared by its first ones."""
NAME_CHARS_MAX = 200
"""A longer name or title is compared by its beginning."""

_DIGITS = "零一二三四五六七八九"
_ROMAN = {"i": 1, "v": 5, "x": 10}
_NUMERAL = r"[0-9零一二三四五六七八九十百]+"
_TITLE_VOLUME = re.compile(
    rf"[\s,.:·(]*(?:第\s*({_NUMERAL})\s*[卷册部集辑编分]"
    r"|(?<=[\u3400-\u9fff])\s*[,.:]?\s*([ivx]{1,5})(?![a-z])"
    r"|\b(?:vol(?:ume)?|part|pt|book|bk)\b\.?\s*([0-9]+|[ivx]+)\b"
    r"|[(\s,.:]([上中下])[卷册部集编]?(?=[)\s:]|$)"
    r"|([上中下])[卷册](?=\W|$))[册)]*[\s:.,]*"
)
_BARE_VOLUME = re.compile(
    rf"(?:第|vol(?:ume)?\.?|no\.?|part|pt\.?|book|bk\.?)?\s*({_NUMERAL}|[ivx]+)\s*[卷册部集辑编分]?"
)
_BRACKETED = re.compile(r"[(\[〔【{][^)\]〕】}]*[)\]〕】}]")
_EDITION = re.compile(rf"第?\s*({_NUMERAL})\s*(?:次修订)?版|\b([0-9]+)(?:st|nd|rd|th)\b\s*(?:rev\w*\.?\s*)?ed")
_EDITION_WORDS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_EDITION_WORD = re.compile(rf"\b({'|'.join(_EDITION_WORDS)})\b\s*(?:rev\w*\.?\s*)?ed")
_REVISED = re.compile(r"修订|增订|增补|\brev(?:ised)?\b")
# Folded text is matched, where 著 is written 着.
_ROLE = re.compile(r"[,\s]*等?\s*(?:编着|编写|主编|编译|译注|译着|编|着|撰|译|校注|校|注|绘|写|作|选)$")
_COMPANY = re.compile(r"(?:股份|有限|责任|公司|出版社|出版|集团|(?<=[a-z])(?:press|publishers?|publishing|inc|ltd)\b)+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_BINDINGS = (("hard", re.compile(r"精装|hbk|hard|cloth|硬")), ("soft", re.compile(r"平装|简装|pbk|paper|soft|软")))
_DIGIT_RUN = re.compile(r"[0-9]+")


class Features(NamedTuple):
    """One record's identifying facts, folded; ``""``, ``()`` or None where the record is silent.

    ``isbns`` name this very volume; ``set_isbns`` name a set it belongs to or is. ``volume_title`` stands beside
    ``titles`` (the first is the main title without volume, edition and brackets).
    """

    isbns: tuple[str, ...] = ()
    set_isbns: tuple[str, ...] = ()
    book_number: str = ""
    system_numbers: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    subtitle: str = ""
    volume: str = ""
    volume_title: str = ""
    edition: str = ""
    authors: tuple[str, ...] = ()
    translators: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    year: int | None = None
    languages: tuple[str, ...] = ()
    binding: str = ""


def features_of(bib: Bib) -> Features:
    """Return the facts of ``bib`` that tell one book from another."""
    base, volume, rest = split_volume(bib.title)
    names = tuple(_named(bib))
    return Features(
        isbns=tuple(sorted({isbn.isbn13 for isbn in bib.isbns if isbn.valid and isbn.isbn13 and not isbn.is_set})),
        set_isbns=tuple(sorted({isbn.isbn13 for isbn in bib.isbns if isbn.valid and isbn.isbn13 and isbn.is_set})),
        book_number="-".join(_DIGIT_RUN.findall(fold(bib.unified_book_number))),
        system_numbers=_distinct(sorted(fold(number) for number in bib.system_numbers if number.startswith("("))),
        titles=_titles(bib, base),
        subtitle=compact(bib.subtitle)[:NAME_CHARS_MAX],
        volume=normal_volume(bib.volume) or volume,
        volume_title=(compact(_BRACKETED.sub("", fold(bib.volume_title))) or compact(rest))[:NAME_CHARS_MAX],
        edition=normal_edition(bib.edition) or normal_edition(" ".join(_BRACKETED.findall(fold(bib.title)))),
        authors=_distinct(normal_name(name) for name, role in names if not _is_translator(role)),
        translators=_distinct(normal_name(name) for name, role in names if _is_translator(role)),
        publishers=_distinct(normal_publisher(name) for name in re.split(r"[;；]", bib.publisher)),
        year=bib.year,
        languages=tuple(sorted(bib.languages)),
        binding=_binding(bib),
    )


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
        return _BRACKETED.sub("", folded).strip(), "", ""
    volume = normal_volume(next(group for group in found.groups() if group))
    after = _BRACKETED.sub("", folded[found.end() :]).strip()
    return _BRACKETED.sub("", folded[: found.start()]).strip(), volume, after


def normal_volume(text: str) -> str:
    """Return a volume's number or name in one form: 第二册, Ⅱ and vol. 2 are ``2``, 上册 is ``上``.

    >>> [normal_volume(text) for text in ("第二册", "Ⅱ", "vol. 2", "上册", "第二十三卷", "")]
    ['2', '2', '2', '上', '23', '']
    """
    folded = fold(text).strip(" .:,()[]")
    found = _BARE_VOLUME.fullmatch(folded)
    if found:
        return str(_number(found[1]))
    return compact(folded)[:1] if compact(folded)[:1] in {"上", "中", "下"} else compact(folded)


def normal_edition(text: str) -> str:
    """Return an edition's number, with ``r`` where it is a revised one; ``""`` where the text names none.

    >>> [normal_edition(text) for text in ("第2版", "3rd ed.", "修订版", "第二版 修订本", "1版3次", "")]
    ['2', '3', 'r', '2r', '1', '']
    """
    folded = fold(text)
    found = _EDITION.search(folded)
    word = _EDITION_WORD.search(folded)
    number = ""
    if found:
        number = str(_number(found[1] or found[2]))
    elif word:
        number = str(_EDITION_WORDS.index(word[1]) + 1)
    return number + ("r" if _REVISED.search(folded) else "")


def normal_name(text: str) -> str:
    """Return a name without country, dynasty and role; Latin names as sorted words, without initials.

    >>> normal_name("（英）阿加莎·克里斯蒂著"), normal_name("Bradley, Timothy J."), normal_name("鲁迅 等编著")
    ('阿加莎克里斯蒂', 'bradley timothy', '鲁迅')
    """
    bare = _BRACKETED.sub(" ", fold(text)).strip()
    if _HAN.search(bare):
        return compact(_ROLE.sub("", bare))
    words = (word for word in re.findall(r"[^\W\d_]{2,}", bare) if word not in {"et", "al", "by", "and"})
    return " ".join(sorted(words))


def normal_publisher(text: str) -> str:
    """Return a publisher's name without its form of company.

    >>> normal_publisher("人民文学出版社有限公司"), normal_publisher("MIT Press")
    ('人民文学', 'mit')
    """
    whole = compact(text)
    return _COMPANY.sub("", whole) or whole


def _titles(bib: Bib, base: str) -> tuple[str, ...]:
    main = compact(base)
    whole = compact(_BRACKETED.sub("", fold(f"{bib.title} {bib.subtitle}"))) if bib.subtitle else main
    others = (*bib.further_titles, *bib.parallel_titles)
    return _distinct((main, whole, *(compact(title) for title in others)))


def _named(bib: Bib) -> Iterable[tuple[str, str]]:
    """Yield each person or body with the text that tells its role."""
    if bib.contributors:
        yield from ((_direct(entry), entry.role) for entry in bib.contributors)
        return
    for statement in (bib.responsibility, *bib.other_responsibilities):
        yield from ((part, part) for part in re.split(r"[;；/，、]|, (?=\S+ \S)", statement) if part.strip())


def _direct(entry: Contributor) -> str:
    return " ".join(reversed(entry.name.split(",", 1))) if entry.inverted else entry.name


def _is_translator(role: str) -> bool:
    return "译" in fold(role) or fold(role).startswith(("trl", "transl"))


def _binding(bib: Bib) -> str:
    text = fold(" ".join(f"{isbn.qualifier} {isbn.price_text}" for isbn in bib.isbns))
    found = [name for name, pattern in _BINDINGS if pattern.search(text)]
    return found[0] if len(found) == 1 else ""


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value[:NAME_CHARS_MAX] for value in values if value))[:NAMES_MAX]


def _number(numeral: str) -> int:
    """Return the value of an Arabic, Roman or Chinese numeral below a thousand."""
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
