"""Which records describe one book: an explainable score over what two records say.

Each rule compares one kind of fact and gives a reason with points, for or against; a record that is silent gives none.
The sum decides, and a veto (another volume, edition, language or translator) outweighs everything. A volume's own ISBN
nearly decides alone; without one, the title and three more of author, translator, publisher, year and pages must agree.
The ISBN of a set says nothing about which volume is meant. The labelled pairs of ``tests/vectors/clustering`` judge it.
Deliberately absent: where records are kept and how candidates are fetched; the match keys only say under which names to
look.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from federation.catalogue.features import Features, features_of
from federation.catalogue.forms import places
from federation.catalogue.likeness import MISTYPED_MIN, is_slip, opposed, same_name, same_publisher, similar
from schemas.bib import Bib

SAME_MIN = 60
"""Points from which two records are one book: title 25, author 15, publisher 10, year 10; or an ISBN without doubt."""
VETO = -1000
"""Points of a difference that no agreement can outweigh."""
PAGES_MIN = 50
"""Pages from which their number tells one book from another."""


HAN_END, LATIN_END = 1, 3
"""Characters of a title's beginning and end under which a mistyped one is looked for."""
_ANNUAL = re.compile(r"(?:年鉴|年报|年刊|yearbook|annual|almanac)(?:(?:19|20)[0-9]{2}){1,2}$")


class Reason(NamedTuple):
    """One rule's finding; ``rule`` is a stable name to translate by, ``detail`` the compared values."""

    rule: str
    points: int
    detail: str = ""


class Decision(NamedTuple):
    """Whether two records are one book, and why."""

    same: bool
    score: int
    reasons: tuple[Reason, ...]

    @property
    def vetoed(self) -> bool:
        """Whether a difference was found that keeps the two apart whatever else agrees."""
        return any(reason.points <= VETO for reason in self.reasons)


def decide(left: Bib, right: Bib) -> Decision:
    """Return whether two records describe one book, with the reasons."""
    return compare(features_of(left), features_of(right))


def compare(left: Features, right: Features) -> Decision:
    """Return the decision about two records whose features are known; the order of the two does not matter."""
    reasons = tuple(reason for rule in _RULES if (reason := rule(left, right)) is not None)
    score = sum(reason.points for reason in reasons)
    return Decision(score >= SAME_MIN, score, reasons)


def match_keys(bib: Bib) -> tuple[str, ...]:
    """Return the names under which a record of the same book may be found, the surest first; may be empty."""
    return keys_of(features_of(bib))


@lru_cache(maxsize=1 << 12)
def keys_of(features: Features) -> tuple[str, ...]:
    """Return the match keys of a record whose features are known."""
    volumes = places(features.volume)
    return (
        *(f"isbn:{isbn}" for isbn in features.isbns),
        *(f"set:{isbn}:{volume}" for isbn in features.set_isbns for volume in volumes),
        *(f"csbn:{features.book_number}:{volume}" for volume in volumes if features.book_number),
        *(f"number:{number}" for number in features.system_numbers),
        *(f"title:{key}:{features.year}" for key in features.title_keys if features.year is not None),
        *(f"pages:{author}:{features.year}:{features.pages}" for author in features.authors[:1]
          if features.year is not None and features.pages is not None and features.pages >= PAGES_MIN),
        *(f"slip:{author}:{features.year}:{volume}:{end}" for author in features.authors[:1]
          if features.year is not None for end in _ends(features.titles) for volume in volumes),
    )


def _ends(titles: tuple[str, ...]) -> tuple[str, ...]:
    """Return a title's beginning with its end, which a slip of the pen mostly leaves as they are."""
    main = titles[0] if titles else ""
    length = LATIN_END if main.isascii() else HAN_END
    return (main[:length] + main[-length:],) if len(main) >= max(MISTYPED_MIN, 2 * length) else ()


def _isbn(left: Features, right: Features) -> Reason | None:
    shared = set(left.isbns) & set(right.isbns)
    if shared:
        return Reason("isbn_same", 60, min(shared))
    if left.isbns and right.isbns:
        return Reason("isbn_differs", -25, f"{left.isbns[0]} | {right.isbns[0]}")
    of_set = ({*left.set_isbns} & {*right.set_isbns, *right.isbns}) | ({*right.set_isbns} & {*left.isbns})
    return Reason("set_isbn_same", 25, min(of_set)) if of_set else None


def _book_number(left: Features, right: Features) -> Reason | None:
    if not (left.book_number and right.book_number):
        return None
    detail = f"{left.book_number} | {right.book_number}"
    same = left.book_number == right.book_number
    return Reason("book_number_same", 45, detail) if same else Reason("book_number_differs", -30, detail)


def _system_number(left: Features, right: Features) -> Reason | None:
    shared = set(left.system_numbers) & set(right.system_numbers)
    return Reason("system_number_same", 45, min(shared)) if shared else None


def _title(left: Features, right: Features) -> Reason | None:
    if not (left.titles and right.titles):
        return None
    mine, yours = set(left.titles), set(right.titles)
    shared = (mine & yours) | (mine & {right.volume_title}) | (yours & {left.volume_title})
    if shared:
        return Reason("title_same", 25, max(shared, key=lambda title: (len(title), title)))
    detail = f"{left.titles[0]} | {right.titles[0]}"
    if not set(left.sounds).isdisjoint(right.sounds):  # written in pinyin, or mistyped as whoever types pinyin does
        return Reason("title_same_in_pinyin", 25, detail)
    pairs = tuple(product(mine, yours))
    if any(is_slip(*pair) and not opposed(*pair) for pair in pairs):
        return Reason("title_slip", 10, detail)
    if any(similar(*pair) for pair in pairs) or {left.subtitle, right.subtitle} & (mine | yours):
        return Reason("title_similar", 5, detail)
    return Reason("title_differs", -60, detail)


def _part(left: Features, right: Features) -> Reason | None:
    """Tell apart the books of one serial title (高考必备: 语文 and 高考必备: 数学), and the named parts of a work."""
    mine, yours = _part_named(left), _part_named(right)
    if mine and yours:
        if opposed(mine, yours):
            return Reason("part_differs", VETO, f"{mine} | {yours}")
        return None if similar(mine, yours) else Reason("subtitle_differs", -20, f"{mine} | {yours}")
    for part, other in ((left, right), (right, left)):
        if part.volume_title and not part.volume and not other.volume and not any(
                part.volume_title in title for title in other.titles):
            return Reason("part_differs", -30, f"{mine or '-'} | {yours or '-'}")
    return None


def _part_named(features: Features) -> str:
    return features.subtitle or ("" if features.volume else features.volume_title)


def _volume(left: Features, right: Features) -> Reason | None:
    detail = f"{left.volume or '-'} | {right.volume or '-'}"
    if left.volume == right.volume:
        return Reason("volume_same", 0, detail) if left.volume else None
    numbered, bare = (left, right) if left.volume else (right, left)
    if not bare.volume:
        named = {numbered.volume_title, *(title + numbered.volume for title in numbered.titles[:1])} - {""}
        by_title = named.intersection(bare.titles)
        return Reason("volume_by_title", 0, min(by_title)) if by_title else Reason("volume_differs", VETO, detail)
    if left.volume in places(right.volume) or right.volume in places(left.volume):
        return Reason("volume_may_agree", 0, detail)
    return Reason("volume_differs", VETO, detail)


def _edition(left: Features, right: Features) -> Reason | None:
    if not (left.edition and right.edition) or left.edition == right.edition:
        return None
    one, other = sorted((left.edition, right.edition), key=lambda edition: edition.rstrip("r"))
    if one.rstrip("r") == other.rstrip("r") or (one == "r" and other != "1"):  # revised, or numbered, is left unsaid
        return None
    return Reason("edition_differs", VETO, f"{left.edition} | {right.edition}")


def _version(left: Features, right: Features) -> Reason | None:
    """Tell a work from one abridged, retold or annotated after it, where no number says that they are one."""
    if left.versions == right.versions:
        return None
    return Reason("version_differs", -30, f"{','.join(left.versions) or '-'} | {','.join(right.versions) or '-'}")


def _language(left: Features, right: Features) -> Reason | None:
    if not (left.languages and right.languages) or set(left.languages) & set(right.languages):
        return None
    return Reason("language_differs", VETO, f"{left.languages[0]} | {right.languages[0]}")


def _author(left: Features, right: Features) -> Reason | None:
    return _agreement("author", left.authors, right.authors, agrees=15, differs=-25)


def _translator(left: Features, right: Features) -> Reason | None:
    return _agreement("translator", left.translators, right.translators, agrees=15, differs=VETO)


def _publisher(left: Features, right: Features) -> Reason | None:
    return _agreement("publisher", left.publishers, right.publishers, agrees=10, differs=-15, same=same_publisher)


def _pages(left: Features, right: Features) -> Reason | None:
    """Bindings and printings of one setting have as many pages; what differs may be counted in another way."""
    if left.pages is None or left.pages != right.pages or left.pages < PAGES_MIN:
        return None
    return Reason("pages_same", 15, str(left.pages))


def _year(left: Features, right: Features) -> Reason | None:
    if left.year is None or right.year is None:
        return None
    detail = f"{left.year} | {right.year}"
    return Reason("year_same", 10, detail) if left.year == right.year else Reason("year_differs", -10, detail)


def _instead_of_author(left: Features, right: Features) -> Reason | None:
    """Let one more fact that both tell stand in for the author whom only one of them names."""
    if bool(left.authors) == bool(right.authors):
        return None
    shared: tuple[tuple[str, Iterable[object]], ...] = (
        ("edition_same", {left.edition} & {right.edition} - {"", "1", "r"}),
        ("series_same", {*left.series} & {*right.series}),
        ("price_same", {*left.prices} & {*right.prices}),
        ("annual_same", {*_annuals(left)} & {*_annuals(right)}),
    )
    return next((Reason(rule, 15, str(min(map(str, facts)))) for rule, facts in shared if facts), None)


def _annuals(features: Features) -> Iterator[str]:
    """Yield a yearbook's title with its year, which are all that tells it: nobody is its author."""
    for title in features.titles:
        named = title if title.endswith(features.volume) else title + features.volume
        if _ANNUAL.search(named):
            yield named


def _binding(left: Features, right: Features) -> Reason | None:
    """Two bindings of one edition have an ISBN each: take back what the differing numbers cost.

    Paper is often not named (CNMARC 010 $b); then as many pages must stand in for the name.
    """
    if left.binding == right.binding or not _isbns_differ(left, right):
        return None
    if (left.binding and right.binding) or _pages(left, right) is not None:
        return Reason("bindings_of_one", 25, f"{left.binding or '-'} | {right.binding or '-'}")
    return None


_RULES: tuple[Callable[[Features, Features], Reason | None], ...] = (
    _isbn,
    _book_number,
    _system_number,
    _title,
    _part,
    _volume,
    _edition,
    _version,
    _language,
    _author,
    _translator,
    _publisher,
    _year,
    _pages,
    _instead_of_author,
    _binding,
)


def _isbns_differ(left: Features, right: Features) -> bool:
    return bool(left.isbns and right.isbns) and not set(left.isbns) & set(right.isbns)


def _agreement(fact: str, left: Sequence[str], right: Sequence[str], *, agrees: int, differs: int,
               same: Callable[[str, str], bool] = same_name) -> Reason | None:
    """Compare two lists of names; names in different scripts say nothing about each other."""
    if not (left and right):
        return None
    detail = f"{left[0]} | {right[0]}"
    if any(same(one, other) for one in left for other in right):
        return Reason(f"{fact}_same", agrees, detail)
    if {name.isascii() for name in left}.isdisjoint(name.isascii() for name in right):
        return None
    return Reason(f"{fact}_differs", differs, detail)
