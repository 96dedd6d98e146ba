"""Makes pairs of records from the facts: two libraries' cards of one publication, and cards of two that look alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from tests.conformance.clustering import habits
from tests.conformance.clustering.cards import Card
from tests.conformance.clustering.facts import Unit, choose, families, number_from
from tests.conformance.clustering.habits import Habit, chinese_card, side_habits

SAME_PER_KIND = 14
DIFFERENT_PER_KIND = 2


@dataclass(frozen=True)
class Pair:
    """Two cards with the answer, and why it is the answer."""

    work: str
    kind: str
    same: bool
    why: str
    a: Card
    b: Card


@dataclass(frozen=True)
class Twist:
    """One way in which two records of one publication differ; a ``bare`` one is also shown without a common ISBN."""

    kind: str
    why: str
    applies: Callable[[Unit], bool]
    habit: Habit
    both: Habit | None = None
    keep: frozenset[str] = frozenset()
    bare: bool = False


def _chinese(unit: Unit) -> bool:
    return unit.lang == "chi" and bool(unit.pinyin)


def _numbered(unit: Unit) -> bool:
    return not unit.volume or (bool(habits.volume_number(unit)) and "分册" not in unit.volume_title)


_SURE = frozenset(("volume", "volume_title", "edition", "publisher", "date"))
TWISTS = (
    Twist("cnmarc_vs_marc21", "one publication, catalogued in CNMARC and in MARC21 with 880 fields", _chinese,
          habits.marc21),
    Twist("pinyin_only", "the second library's record is in pinyin throughout; title, author, publisher and year agree",
          lambda unit: _chinese(unit) and _numbered(unit) and bool(unit.people[0].latin)
          and all(person.latin for person in unit.people) and not unit.country,
          habits.pinyin_only, keep=_SURE | {"pinyin"}),
    Twist("traditional_vs_simplified", "a library in Taiwan holds the mainland book: same publisher, other script",
          lambda unit: _chinese(unit) and bool(unit.traditional) and unit.traditional != unit.title and not unit.country
          and not unit.translators and bool(unit.people[0].traditional), habits.traditional),
    Twist("isbn10_vs_13", "one number, with ten digits and with thirteen",
          lambda unit: bool(unit.isbn13) and unit.year <= 2009, habits.ten_digits),
    Twist("isbn_on_one_only", "one record lacks the ISBN; title, author, publisher and year agree",
          lambda unit: bool(unit.isbn13) and not unit.hardback_isbn13, habits.no_isbn),
    Twist("isbn_on_neither", "neither record has an ISBN; title, author, publisher, edition and year agree",
          lambda unit: bool(unit.isbn13) and not unit.hardback_isbn13, habits.no_isbn, habits.no_isbn),
    Twist("unified_book_number", "a book of before 1987: one 统一书号, written in two ways",
          lambda unit: bool(unit.ubn), habits.ubn_wording),
    Twist("wrong_isbn_check_digit", "one record's ISBN is mistyped; all else agrees", lambda unit: bool(unit.isbn13),
          habits.wrong_check_digit),
    Twist("publisher_wording", "the publisher's name, whole and shortened",
          lambda unit: unit.lang == "chi", habits.publisher_short, bare=True),
    Twist("year_off_by_one", "one ISBN; one library took the year of the next printing",
          lambda unit: bool(unit.isbn13), habits.next_year),
    Twist("reprint", "a later printing of the same edition", lambda unit: bool(unit.printings) and bool(unit.isbn13),
          habits.reprinted),
    Twist("binding", "paperback and hardback of one edition, of one year", lambda unit: bool(unit.hardback_isbn13),
          habits.in_boards),
    Twist("missing_author", "one record names no author", lambda unit: not unit.form, habits.no_author),
    Twist("role_words", "role words differ or are missing", lambda unit: unit.lang == "chi",
          habits.other_roles, bare=True),
    Twist("author_form", "the author's name in another form",
          lambda unit: unit.lang == "chi" and bool(unit.people[0].variants), habits.other_name, bare=True),
    Twist("edition_wording", "one edition statement in two wordings",
          lambda unit: len(unit.edition) == 3 and unit.edition[1].isdigit(), habits.edition_wording, bare=True),
    Twist("volume_wording", "one volume, numbered in two ways",
          lambda unit: bool(unit.volumes and habits.volume_number(unit)), habits.volume_wording, bare=True),
    Twist("volume_in_title", "the volume stands in the title or in its own subfield",
          lambda unit: bool(unit.volumes) and unit.lang == "chi", habits.volume_in_title, bare=True),
    Twist("subtitle_placement", "the subtitle stands in the title or in its own subfield",
          lambda unit: bool(unit.subtitle), habits.subtitle_in_title, bare=True),
    Twist("title_typo", "one wrong character in the title",
          lambda unit: len(unit.title) > 2 and not habits.LOOKALIKES.keys().isdisjoint(unit.title), habits.typo,
          bare=True),
)

WHY_DIFFERENT = {
    "volume_of_set": "two volumes of one set",
    "volume_of_series": "two parts of one cycle, each a book of its own",
    "textbook_volume": "two volumes of one textbook",
    "annual": "two years of one annual",
    "set_isbn": "two volumes that carry the ISBN of their whole set",
    "whole_set_vs_volume": "the record of a whole set and that of one of its volumes",
    "edition": "two editions of one publisher: the text was revised or set anew",
    "other_publisher": "one work from two publishers",
    "regional_edition": "the mainland edition and the one made in Taiwan",
    "other_translator": "one work in two translations",
    "translation": "a text and its translation, or translations into two languages",
    "abridged": "the whole text and a shortened one",
    "annotated": "the plain text and one with commentary",
    "adapted_for_children": "the work and its retelling for children",
    "companion_volume": "a textbook and the exercises that go with it",
    "same_title_other_author": "another work of the same title",
    "similar_title": "another work of a similar title",
    "title_of_translation": "one work in two translations under two titles",
}
KEEP = _SURE | {"title", "subtitle", "resp", "by"}


def generated() -> Iterator[Pair]:
    """Every pair that follows from the facts."""
    for twist in TWISTS:
        yield from _same(twist)
    for work, units in families().items():
        yield from _different(work, units)


def _same(twist: Twist) -> Iterator[Pair]:
    """The twist on one publication of each of some works."""
    fitting = [(work, [unit for unit in units if twist.applies(unit)]) for work, units in families().items()]
    ranked = sorted(((work, fits) for work, fits in fitting if fits),
                    key=lambda entry: number_from(twist.kind + entry[0], 1 << 40))
    for work, fits in ranked[:SAME_PER_KIND]:
        yield _twisted(choose(work + twist.kind, fits), twist, f"{work}/{twist.kind}")


def _twisted(unit: Unit, twist: Twist, key: str) -> Pair:
    card = chinese_card(unit)
    a = twist.both(card, unit, key + "/a") if twist.both else card
    a = side_habits(a, unit, key + "/a", twist.keep | _SURE)
    b = twist.habit(side_habits(card, unit, key + "/b", KEEP | {"extent", "place", "pinyin"}), unit, key)
    if twist.bare and not unit.form and choose(key + "bare", (True, True, False)):
        b = habits.no_isbn(b, unit, key)
    if twist.bare and unit.lang == "chi" and choose(key + "short", (True, False, False)):
        b = habits.publisher_short(b, unit, key)
    b = side_habits(b, unit, key + "/c", frozenset(b) - {"lang", "country", "place"})
    return Pair(unit.work, twist.kind, same=True, why=twist.why, a=a, b=b)


def _different(work: str, units: tuple[Unit, ...]) -> Iterator[Pair]:
    by_kind: dict[str, list[tuple[Unit, Unit]]] = {}
    for one, other in combinations((*units, *_whole_sets(units)), 2):
        kind = kind_of_difference(one, other)
        if kind:
            by_kind.setdefault(kind, []).append((one, other))
    for kind, couples in by_kind.items():
        ranked = sorted(couples, key=lambda couple: number_from(work + kind + _name(*couple), 1 << 40))
        for number, (one, other) in enumerate(ranked[:DIFFERENT_PER_KIND]):
            key = f"{work}/{kind}/{number}"
            yield Pair(work, kind, same=False, why=WHY_DIFFERENT[kind],
                       a=_dressed(one, key + "/a"), b=_dressed(other, key + "/b"))


def _dressed(unit: Unit, key: str) -> Card:
    """A card as one library writes it, without its ISBN in one of four (then the rest must tell)."""
    card = side_habits(chinese_card(unit), unit, key, KEEP)
    for habit in _habits_of_a_stranger(unit, key):
        card = habit(card, unit, key)
    if choose(key + "isbn", (True, True, True, False)) or unit.is_set_isbn:
        return card
    return {name: value for name, value in card.items() if name != "isbn"}


def _habits_of_a_stranger(unit: Unit, key: str) -> list[Habit]:
    """What one side of a different pair may do besides, without hiding what makes it another book."""
    if unit.country:
        return [habits.traditional]
    if unit.lang != "chi" or choose(key + "plain card", (True, False)):
        return []
    wording = [habits.volume_wording] if unit.volumes and habits.volume_number(unit) else []
    return [*wording, choose(key + "stranger", (habits.publisher_short, habits.marc21))]


def _whole_sets(units: tuple[Unit, ...]) -> list[Unit]:
    """The sets that libraries also catalogue as one record: those with an ISBN of their own."""
    sets = {unit.edition_number: unit for unit in reversed(units) if unit.is_set_isbn}
    return [replace(unit, volume="", volume_title="") for unit in sets.values()]


def kind_of_difference(one: Unit, other: Unit) -> str:
    """Why two publications are not one; ``""`` where the couple would teach nothing."""
    if one.edition_number == other.edition_number:
        return _within_edition(one, other)
    if one.kin and one.kin == other.kin and one.lang == other.lang:
        return "annual" if one.kin == "annual" else "volume_of_series"
    if one.volumes and other.volumes and _place(one) != _place(other):
        return ""
    if one.form != other.form:
        return (one.form or other.form) if one.lang == other.lang else ""
    return "" if one.kin != other.kin or one.form else _between_editions(one, other)


def _name(one: Unit, other: Unit) -> str:
    return f"{one.edition_number}/{one.volume} {other.edition_number}/{other.volume}"


def _place(unit: Unit) -> str:
    return habits.volume_number(unit) or unit.volume


def _within_edition(one: Unit, other: Unit) -> str:
    if not one.volume or not other.volume:
        return "whole_set_vs_volume"
    return "set_isbn" if one.is_set_isbn else one.volume_kind


def _between_editions(one: Unit, other: Unit) -> str:
    if one.lang != other.lang:
        return "translation"
    if one.translators != other.translators:
        return "other_translator" if one.title == other.title else "title_of_translation"
    if one.country != other.country:
        return "regional_edition"
    return "edition" if one.publisher == other.publisher else "other_publisher"
