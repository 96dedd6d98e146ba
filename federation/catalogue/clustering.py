"""Which records describe one book: an explainable score over what two records say.

Each rule compares one kind of fact and gives a reason with points, for or against; a record that is silent gives none.
The sum decides, and a veto (another volume, edition, language or translator) outweighs everything. A volume's own ISBN
nearly decides alone; without one, title, author, publisher, year and volume must all agree. The ISBN of a set says
nothing about which volume is meant. Deliberately absent: where records are kept and how candidates are fetched; the
match keys only say under which names to look.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from federation.catalogue.features import Features, features_of
from schemas.bib import Bib

SAME_MIN = 60
"""Points from which two records are one book: title 25, author 15, publisher 10, year 10; or an ISBN without doubt."""
VETO = -1000
"""Points of a difference that no agreement can outweigh."""
SIMILAR_TITLE_MIN = 0.6
"""Share of common character pairs (Dice) from which two titles may be variants of one."""


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


def keys_of(features: Features) -> tuple[str, ...]:
    """Return the match keys of a record whose features are known."""
    volume = features.volume
    titles = [(title, volume) for title in features.titles[:2]] + [(features.volume_title, "")]
    return (
        *(f"isbn:{isbn}" for isbn in features.isbns),
        *(f"set:{isbn}:{volume}" for isbn in features.set_isbns),
        *((f"csbn:{features.book_number}:{volume}",) if features.book_number else ()),
        *(f"number:{number}" for number in features.system_numbers),
        *(f"title:{title}:{part}:{features.year}" for title, part in titles if title and features.year is not None),
    )


def partition(members: Sequence[Features]) -> list[list[int]]:
    """Return the positions of ``members`` in groups that hold together by decisions of ``same``."""
    groups: list[list[int]] = []
    for position, features in enumerate(members):
        linked = [group for group in groups if any(compare(features, members[other]).same for other in group)]
        groups = [group for group in groups if group not in linked]
        groups.append(sorted([position, *(other for group in linked for other in group)]))
    return sorted(groups)


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
    if any(_similar(one, other) for one in mine for other in yours):
        return Reason("title_similar", 10, detail)
    return Reason("title_differs", -60, detail)


def _subtitle(left: Features, right: Features) -> Reason | None:
    """Tell apart the books of one serial title (高考必备: 语文 and 高考必备: 数学)."""
    if not (left.subtitle and right.subtitle) or _similar(left.subtitle, right.subtitle):
        return None
    return Reason("subtitle_differs", -15, f"{left.subtitle} | {right.subtitle}")


def _volume(left: Features, right: Features) -> Reason | None:
    detail = f"{left.volume or '-'} | {right.volume or '-'}"
    if left.volume == right.volume:
        return Reason("volume_same", 0, detail) if left.volume else None
    numbered, bare = (left, right) if left.volume else (right, left)
    if not bare.volume and numbered.volume_title and numbered.volume_title in bare.titles:
        return Reason("volume_by_title", 0, numbered.volume_title)
    return Reason("volume_differs", VETO, detail)


def _edition(left: Features, right: Features) -> Reason | None:
    if not (left.edition and right.edition) or left.edition == right.edition:
        return None
    return Reason("edition_differs", VETO, f"{left.edition} | {right.edition}")


def _language(left: Features, right: Features) -> Reason | None:
    if not (left.languages and right.languages) or set(left.languages) & set(right.languages):
        return None
    return Reason("language_differs", VETO, f"{left.languages[0]} | {right.languages[0]}")


def _author(left: Features, right: Features) -> Reason | None:
    return _agreement("author", left.authors, right.authors, same=15, differs=-25)


def _translator(left: Features, right: Features) -> Reason | None:
    return _agreement("translator", left.translators, right.translators, same=0, differs=VETO)


def _publisher(left: Features, right: Features) -> Reason | None:
    return _agreement("publisher", left.publishers, right.publishers, same=10, differs=-15)


def _year(left: Features, right: Features) -> Reason | None:
    if left.year is None or right.year is None:
        return None
    detail = f"{left.year} | {right.year}"
    return Reason("year_same", 10, detail) if left.year == right.year else Reason("year_differs", -10, detail)


def _binding(left: Features, right: Features) -> Reason | None:
    """Two bindings of one edition have an ISBN each: take back what the differing numbers cost."""
    if left.binding and right.binding and left.binding != right.binding and _isbns_differ(left, right):
        return Reason("bindings_of_one", 25, f"{left.binding} | {right.binding}")
    return None


_RULES: tuple[Callable[[Features, Features], Reason | None], ...] = (
    _isbn,
    _book_number,
    _system_number,
    _title,
    _subtitle,
    _volume,
    _edition,
    _language,
    _author,
    _translator,
    _publisher,
    _year,
    _binding,
)


def _isbns_differ(left: Features, right: Features) -> bool:
    return bool(left.isbns and right.isbns) and not set(left.isbns) & set(right.isbns)


def _agreement(fact: str, left: Sequence[str], right: Sequence[str], *, same: int, differs: int) -> Reason | None:
    """Compare two lists of names; names in different scripts say nothing about each other."""
    if not (left and right):
        return None
    detail = f"{left[0]} | {right[0]}"
    if any(_same_name(one, other) for one in left for other in right):
        return Reason(f"{fact}_same", same, detail)
    if {name.isascii() for name in left}.isdisjoint(name.isascii() for name in right):
        return None
    return Reason(f"{fact}_differs", differs, detail)


def _same_name(one: str, other: str) -> bool:
    if one == other:
        return True
    if one.isascii() and other.isascii():
        return any(len(word) > 2 for word in set(one.split()) & set(other.split()))
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) > 1 and shorter in longer


def _similar(one: str, other: str) -> bool:
    """Whether one title begins with the other, or most of their character pairs are common."""
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) > 1 and longer.startswith(shorter):
        return True
    mine, yours = _pairs(one), _pairs(other)
    return 2 * len(mine & yours) >= SIMILAR_TITLE_MIN * (len(mine) + len(yours)) > 0


def _pairs(text: str) -> set[str]:
    return {text[index : index + 2] for index in range(len(text) - 1)}
