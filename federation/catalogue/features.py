"""What a record says about which book it describes, in a form that two records can be compared by.

One fact stands in one place of one record and in another of the next: a volume in its own field or inside the title, a
subtitle behind a colon, a name in pinyin beside the name. Here each has its place, in its normal form
(`federation.catalogue.forms`). Deliberately absent: any judgement of whether two records agree
(`federation.catalogue.clustering`).
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from federation.catalogue.forms import (
    TEXTS_MAX,
    bracketed_qualifier,
    normal_book_number,
    normal_edition,
    normal_name,
    normal_publisher,
    normal_volume,
    outside_brackets,
    places,
    printed_pages,
    printed_year,
    split_volume,
    subtitle_volume,
    titled_edition,
    without_article,
)
from federation.catalogue.pinyin import catalogued_pinyin, pinyins
from federation.catalogue.tokens import compact, fold
from schemas.bib import Bib, Contributor

NAMES_MAX = 12
"""A record with more authors or titles is compared by its first ones."""
NAME_CHARS_MAX = 200
"""A longer name or title is compared by its beginning."""

_BINDINGS = (
    ("leather", re.compile(r"皮面|皮装|[真仿羊]皮|\bleather")),
    ("hard", re.compile(r"(?<!皮面)(?<![皮软])精装|hbk|hard|cloth|硬")),
    ("soft", re.compile(r"平装|简装|pbk|paper|soft|软")),
)
_VERSIONS = (
    ("abridged", re.compile(r"缩[写译编]|节[选译写]|简写|精简本|\babridged")),
    ("retold", re.compile(r"改写|改编|少儿|少年|青少|儿童|注音|拼音|\bretold|\badapted")),
    ("drawn", re.compile(r"绘本|漫画|连环画|编绘|\bcomic|\bgraphic novel")),
    ("annotated", re.compile(r"[注批][释评校]|校注|评[注点]|导读|赏析|笺证|\bannotated|\bintroduction and notes")),
    ("companion", re.compile(r"习题|题解|全解|题集|练习|辅导|(?:学习|实验|实习)指导|指导书|教师用书|教学参考|导学"
                             r"|\bworkbook|\bsolutions|\bstudy guide")),
    ("reduced", re.compile(r"缩印|袖珍|微型")),
    ("bilingual", re.compile(r"双语|对照|\bbilingual|\bparallel text")),
    ("touch", re.compile(r"盲文|大字|\bbraille|\blarge print")),
)
_SUBTITLE = re.compile(r"\s*(?::|[\u2013\u2014]+|--+|\s-\s|(?<=[\u3400-\u9fff])\s?\.\s(?=\s*[\u3400-\u9fff]))\s*")
_PARALLEL = re.compile(r"\s+=\s+")
_OCLC = re.compile(r"(?<=\(ocolc\))(?:ocm|ocn|on)?0*")
_NAMES_BETWEEN = re.compile(r"\s*[/，、]\s*|,\s*(?=[^\x00-\x7f(])|, (?=\S+ \S)|(?<=[着编译撰绘注校])\s+(?=\S)")
_ROLE_TOLD = re.compile(r"[着编译撰绘注校作选]$|^translat|^edited")
_PRICE = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,2}))?")
_UNION_NUMBER = re.compile(r"b(ucs[0-9]{6,})")


class Features(NamedTuple):
    """One record's identifying facts, folded; ``""``, ``()`` or None where the record is silent.

    ``isbns`` name this very volume; ``set_isbns`` name a set it belongs to or is. ``volume_title`` stands beside
    ``titles`` (the first is the main title without volume, edition and brackets). ``sounds`` are the main title's
    readings in pinyin, or itself where it is not Chinese; ``title_keys`` say under what sound it may be found.
    ``versions`` tell a work abridged, retold or annotated, or a companion to it, from the work. ``prices`` are in fen.
    New fields are added at the end: the rows of an older program lack them.
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
    sounds: tuple[str, ...] = ()
    title_keys: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    pages: int | None = None
    series: tuple[str, ...] = ()
    prices: tuple[int, ...] = ()


def features_of(bib: Bib) -> Features:
    """Return the facts of ``bib`` that tell one book from another."""
    own_title = _PARALLEL.split(bib.title, maxsplit=1)[0]
    base, volume_told, rest = split_volume(own_title)
    volume_below = subtitle_volume(bib.subtitle)
    volume = normal_volume(bib.volume) or volume_told or volume_below
    head, subtitle = (base, compact(bib.subtitle)) if bib.subtitle else _split_subtitle(own_title, base)
    head = without_article(head)
    titles = _titles(bib, base, head, volume)
    sounds = _sounds(head, bib.title_pinyin)
    volume_title = (compact(outside_brackets(bib.volume_title)) or compact(rest))[:NAME_CHARS_MAX]
    names = [(normal_name(name), _is_translator(role)) for name, role in _named(bib) if name]
    roles = " ".join(entry.role for entry in bib.contributors)
    return Features(
        isbns=tuple(sorted({isbn.isbn13 for isbn in bib.isbns if isbn.valid and isbn.isbn13 and not isbn.is_set})),
        set_isbns=tuple(sorted({isbn.isbn13 for isbn in bib.isbns if isbn.valid and isbn.isbn13 and isbn.is_set})),
        book_number=normal_book_number(bib.unified_book_number),
        system_numbers=_distinct(sorted(_system_numbers(bib))),
        titles=titles,
        subtitle="" if volume_below else subtitle[:NAME_CHARS_MAX],
        volume=volume,
        volume_title=volume_title,
        edition=normal_edition(bib.edition) or titled_edition(own_title),
        authors=_distinct(name for name, translates in names if not translates),
        translators=_distinct(name for name, translates in names if translates),
        publishers=_distinct(normal_publisher(name) for name in re.split(r"[;；]", bib.publisher)),
        year=printed_year(bib.date_text) if bib.year is None else bib.year,
        languages=tuple(sorted(bib.languages)),
        binding=_binding(bib),
        sounds=sounds,
        title_keys=_title_keys(sounds, titles, volume, volume_title),
        versions=_versions(f"{bib.title} {bib.subtitle} {bib.edition} {roles}"),
        pages=printed_pages(bib.extent),
        series=_distinct(compact(series.title) for series in bib.series),
        prices=tuple(sorted({fen for isbn in bib.isbns for fen in _fen(isbn.price_text)})),
    )


def _titles(bib: Bib, base: str, head: str, volume: str) -> tuple[str, ...]:
    """Return the title in its forms: main, with its subtitle, before it, with its volume, as written; then others."""
    main = compact(base)
    whole = compact(outside_brackets(f"{bib.title} {bib.subtitle}")) if bib.subtitle else main
    further = (bib.title, *bib.further_titles, *bib.parallel_titles)
    return _distinct((main, whole, compact(head), main + volume, *(compact(title) for title in further)))


def _split_subtitle(title: str, base: str) -> tuple[str, str]:
    """Return what stands before a colon or dash and behind it, or in brackets, where no field tells the subtitle."""
    head, *tail = _SUBTITLE.split(base, maxsplit=1)
    if tail and compact(head) and compact(tail[0]):
        return head, compact(tail[0])
    return base, bracketed_qualifier(title)


def _sounds(head: str, catalogued: str) -> tuple[str, ...]:
    """Return the ways to write a title in Latin letters: each reading of a Chinese one, or itself."""
    readings = [reading.joined for reading in pinyins(head[:NAME_CHARS_MAX])]
    own = catalogued_pinyin(catalogued[:NAME_CHARS_MAX]) if readings else None
    return _distinct((*(readings or [compact(head)]), own.joined if own else ""))


@lru_cache(TEXTS_MAX)
def _title_keys(sounds: tuple[str, ...], titles: tuple[str, ...], volume: str, volume_title: str) -> tuple[str, ...]:
    """Return under what a record of the same book may be found: a title's sound, and the volume that goes with it."""
    main, *further = titles or ("",)
    with_volume = (main, *(title for title in further[:3] if title != main + volume))
    whole = (main + volume, volume_title) if volume else (volume_title,)
    return _distinct((
        *(f"{sound}:{place}" for sound in (*sounds, *map(_sound, with_volume)) if sound for place in places(volume)),
        *(f"{sound}:" for sound in map(_sound, whole) if sound),
    ))


def _sound(title: str) -> str:
    return next((reading.joined for reading in pinyins(title)), title)


def _system_numbers(bib: Bib) -> Iterator[str]:
    """Yield the numbers that a union catalogue gave: 035 with its code, and the one in OLCC's local field 049 $b."""
    for number in bib.system_numbers:
        if number.startswith("("):
            yield _OCLC.sub("", fold(number).replace(" ", ""))
    for field in bib.local_fields:
        if field.tag == "049":
            texts = (_UNION_NUMBER.fullmatch(fold(text)) for text in field.subfields)
            yield from (f"(olcc){found[1]}" for found in texts if found)


def _named(bib: Bib) -> Iterable[tuple[str, str]]:
    """Yield each person or body with the text that tells its role: the headings, then who the statements name."""
    yield from ((_direct(entry), entry.role) for entry in bib.contributors)
    yield from ((entry.pinyin, entry.role) for entry in bib.contributors)
    for statement in filter(None, (bib.responsibility, *bib.other_responsibilities)):
        yield from _stated(statement)


@lru_cache(TEXTS_MAX)
def _stated(statement: str) -> tuple[tuple[str, str], ...]:
    """Return the names of a statement of responsibility; a role stands behind the last of those who share it.

    >>> _stated("(英)狄更斯著 ; 张玲, 张扬译")
    (('(英)狄更斯着', '(英)狄更斯着'), ('张玲', '张扬译'), ('张扬译', '张扬译'))
    """
    found: list[tuple[str, str]] = []
    for group in reversed(re.split(r"\s*[;；]\s*", fold(statement))):
        role = ""
        for name in reversed(_NAMES_BETWEEN.split(group.strip())):
            role = name if _ROLE_TOLD.search(name) else role
            found.append((name, role or name))
    return tuple(reversed(found))


def _fen(price: str) -> Iterator[int]:
    found = _PRICE.search(price)
    if found:
        yield int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _direct(entry: Contributor) -> str:
    return " ".join(reversed(entry.name.split(",", 1))) if entry.inverted else entry.name


@lru_cache(TEXTS_MAX)
def _is_translator(role: str) -> bool:
    folded = fold(role)
    return "译" in folded or folded.startswith(("trl", "transl"))


@lru_cache(TEXTS_MAX)
def _versions(told: str) -> tuple[str, ...]:
    text = fold(told)
    return tuple(name for name, pattern in _VERSIONS if pattern.search(text))


def _binding(bib: Bib) -> str:
    text = fold(" ".join(f"{isbn.qualifier} {isbn.price_text}" for isbn in bib.isbns))
    found = [name for name, pattern in _BINDINGS if pattern.search(text)]
    return found[0] if len(found) == 1 else ""


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value[:NAME_CHARS_MAX] for value in values if value))[:NAMES_MAX]
