"""What librarians ask and say: reasons, pins that outlive harvests, old ids that lead on, building anew."""

import random
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.catalogue.curation import Phase
from federation.catalogue.features import features_of
from federation.catalogue.grouping import grouped
from federation.catalogue.pinning import (
    Act,
    AlreadyPinned,
    NoSuchPin,
    NoSuchRecord,
    PinKind,
    PinRefused,
    PinsConflict,
    RecordName,
    constraints,
)
from federation.catalogue.reasons import Verdict
from federation.storage import clusters, reindex
from federation.storage.catalogue import Catalogue
from federation.storage.curation import Curation
from schemas.bib import Bib, Isbn
from schemas.identifiers import AgencyId
from tests.databases import open_sqlite
from tests.federation.catalogue.books import book
from tests.federation.storage.test_clusters import (
    AGENCIES,
    BASE,
    ISBN,
    NINGBO,
    OTHER_ISBN,
    QUARRELSOME,
    SUZHOU,
    YANGPU,
    put,
    stored,
)

MADE = Act("王馆员", datetime(2026, 3, 1, tzinfo=UTC), "同一版本,记录有误")
UNDONE = Act("李馆员", datetime(2026, 3, 2, tzinfo=UTC), "看错了")
TOGETHER, APART = PinKind.TOGETHER, PinKind.APART
RED, STONE = book("红楼梦", isbn=ISBN, **BASE), book("石头记", "脂砚斋", isbn=OTHER_ISBN)


class Library:
    """A catalogue on a database of its own, with the librarian's view of it."""

    def __init__(self) -> None:
        self.connection = open_sqlite()
        self.catalogue = Catalogue(self.connection)
        self.curation = Curation(self.connection)

    def put(self, agency: str, bib: Bib, record_id: str = "1") -> str:
        put(self.catalogue, {(agency, record_id): bib}, [(agency, record_id)])
        return f"{agency}/{record_id}"

    def works(self) -> set[frozenset[str]]:
        return {frozenset(map("/".join, records)) for records in stored(self.connection)}

    def id_of(self, name: str) -> str:
        return self.curation.why(name)[0]

    def holders(self, work: str) -> set[str] | None:
        view = self.catalogue.cluster(work)
        return {str(member.agency) for member in view.members} if view else None


@pytest.fixture
def library() -> Iterator[Library]:
    library = Library()
    yield library
    library.connection.close()


def test_records_pinned_together_are_one_work_until_the_pin_is_undone(library: Library) -> None:
    one, other = library.put(YANGPU, RED), library.put(SUZHOU, STONE)
    before = {name: library.id_of(name) for name in (one, other)}
    pin = library.curation.pin(TOGETHER, one, other, MADE)
    assert library.works() == {frozenset((one, other))}
    assert [hit.title for hit in library.catalogue.search("石头记").hits] == ["红楼梦"]
    assert library.curation.undo(pin.number, UNDONE).undone == UNDONE
    assert library.works() == {frozenset((one,)), frozenset((other,))}
    assert {name: library.id_of(name) for name in (one, other)} == before


def test_records_pinned_apart_are_two_works_and_their_companions_choose(library: Library) -> None:
    names = [library.put(agency, RED) for agency in AGENCIES]
    pin = library.curation.pin(APART, names[0], names[1], MADE)
    assert len(library.works()) == 2
    assert frozenset(names[:1]) in library.works() or frozenset(names[1:2]) in library.works()
    library.curation.undo(pin.number, UNDONE)
    assert library.works() == {frozenset(names)}


def test_a_pin_unites_the_works_of_its_records_though_they_differ(library: Library) -> None:
    volumes = [(book("红楼梦", volume=volume, isbn=ISBN, **BASE), volume) for volume in ("上", "下")]
    names = [library.put(agency, bib, volume) for agency in (YANGPU, SUZHOU) for bib, volume in volumes]
    assert len(library.works()) == 2
    library.curation.pin(TOGETHER, names[0], names[1], MADE)
    assert library.works() == {frozenset(names)}


def test_a_record_that_bridges_pinned_works_shows_who_does_not_fit_there(library: Library) -> None:
    isbns = (Isbn.parse(ISBN), Isbn.parse(OTHER_ISBN))
    stone, red, second, both = (
        library.put(YANGPU, book("石头记", isbn=OTHER_ISBN, edition="第3版", **BASE)),
        library.put(SUZHOU, book("红楼梦", isbn=ISBN, **BASE)),
        library.put(NINGBO, book("红楼梦", isbn=ISBN, edition="第2版", **BASE | {"year": 2008})),
        f"{NINGBO}/2")
    library.curation.pin(TOGETHER, stone, red, MADE)
    assert library.works() == {frozenset((stone, red, second))}
    library.put(NINGBO, book("红楼梦", isbns=isbns, further_titles=("石头记",), **BASE), "2")
    assert library.works() == {frozenset((stone, red, both)), frozenset((second,))}


def test_pins_outlive_harvests_deletions_and_rebuilding(library: Library) -> None:
    one, other = library.put(YANGPU, RED), library.put(SUZHOU, STONE)
    library.curation.pin(TOGETHER, one, other, MADE)
    library.put(YANGPU, book("红楼梦", isbn=ISBN, **BASE | {"year": 2008}))
    assert library.works() == {frozenset((one, other))}
    library.catalogue.delete(SUZHOU, ["1"])
    assert library.works() == {frozenset((one,))}
    library.put(SUZHOU, STONE)
    rebuild(library)
    assert library.works() == {frozenset((one, other))}


def test_pins_of_one_book_follow_through_a_record_that_is_gone(library: Library) -> None:
    one, between, other = library.put(YANGPU, RED), library.put(SUZHOU, book("水浒传")), library.put(NINGBO, STONE)
    library.curation.pin(TOGETHER, one, between, MADE)
    library.curation.pin(TOGETHER, between, other, MADE)
    library.catalogue.delete(SUZHOU, ["1"])
    assert library.works() == {frozenset((one, other))}


def test_a_pin_tells_who_when_and_why_also_when_it_is_undone(library: Library) -> None:
    one, other = library.put(YANGPU, RED), library.put(SUZHOU, STONE)
    pin = library.curation.pin(TOGETHER, one, library.id_of(other), MADE)
    assert (str(pin.one), str(pin.other), pin.made, pin.undone) == (one, other, MADE, None)
    assert list(library.curation.pins()) == [pin]
    undone = library.curation.undo(pin.number, UNDONE)
    assert list(library.curation.pins()) == []
    assert list(library.curation.pins(undone=True)) == [undone]


def test_pins_that_contradict_those_that_stand_are_refused_and_name_them(library: Library) -> None:
    a, b, c = (library.put(agency, book(title)) for agency, title in zip(AGENCIES, "甲乙丙", strict=True))
    first = library.curation.pin(TOGETHER, a, b, MADE)
    second = library.curation.pin(TOGETHER, b, c, MADE)
    with pytest.raises(PinsConflict, match=f"pin {first.number}, {second.number}"):
        library.curation.pin(APART, a, c, MADE)
    library.curation.undo(second.number, UNDONE)
    third = library.curation.pin(APART, c, a, MADE)
    with pytest.raises(PinsConflict, match=f"pin {third.number};"):
        library.curation.pin(TOGETHER, b, c, MADE)
    assert library.works() == {frozenset((a, b)), frozenset((c,))}


def test_what_says_nothing_new_or_names_nothing_is_refused(library: Library) -> None:
    one, other = library.put(YANGPU, RED), library.put(SUZHOU, STONE)
    pin = library.curation.pin(TOGETHER, one, other, MADE)
    refused: list[tuple[type[PinRefused], tuple[PinKind, str, str]]] = [
        (AlreadyPinned, (TOGETHER, other, one)), (AlreadyPinned, (APART, one, one)),
        (NoSuchRecord, (APART, one, f"{NINGBO}/1")), (NoSuchRecord, (APART, one, "no-such-work"))]
    for refusal, wish in refused:
        with pytest.raises(refusal):
            library.curation.pin(*wish, MADE)
    library.curation.undo(pin.number, UNDONE)
    for number in (pin.number, 99):
        with pytest.raises(NoSuchPin):
            library.curation.undo(number, UNDONE)


def test_an_old_id_leads_to_the_work_that_has_its_record(library: Library) -> None:
    one, other = library.put(YANGPU, RED), library.put(SUZHOU, STONE)
    old = library.id_of(other)
    pin = library.curation.pin(TOGETHER, one, other, MADE)
    assert library.holders(old) == {YANGPU, SUZHOU}
    view = library.catalogue.cluster(old)
    assert view is not None
    assert view.cluster_id == library.id_of(one)
    library.curation.undo(pin.number, UNDONE)
    assert library.holders(old) == {SUZHOU}


def test_an_old_id_outlives_its_record_where_others_are_left(library: Library) -> None:
    one, other = library.put(YANGPU, RED), library.put(SUZHOU, STONE)
    old = library.id_of(other)
    library.curation.pin(TOGETHER, one, other, MADE)
    library.catalogue.delete(SUZHOU, ["1"])
    assert library.holders(old) == {YANGPU}


def test_a_record_that_comes_back_or_changes_has_its_old_id(library: Library) -> None:
    old = library.id_of(library.put(YANGPU, RED))
    library.catalogue.delete(YANGPU, ["1"])
    assert library.holders(old) is None
    assert library.id_of(library.put(YANGPU, RED)) == old
    library.put(YANGPU, STONE)
    assert library.holders(old) == {YANGPU}


def test_why_a_work_is_one_and_why_two_are_not(library: Library) -> None:
    volume = book("红楼梦", volume="上", isbn=ISBN, **BASE)
    red, same, other, stone = (library.put(YANGPU, RED), library.put(SUZHOU, RED), library.put(NINGBO, volume),
                               library.put(NINGBO, STONE, "2"))
    work, links = library.curation.why(red)
    assert [(str(link.one), str(link.other)) for link in links] == [(red, same), (same, red)]
    assert "isbn_same" in {reason.rule for reason in links[0].decision.reasons}
    assert library.curation.why(work) == (work, links)
    assert library.curation.why(stone)[1] == ()
    verdicts = {pair: library.curation.why_two(*pair).verdict for pair in ((red, same), (red, other), (red, stone))}
    assert list(verdicts.values()) == [Verdict.AGREE, Verdict.FORBIDDEN, Verdict.NEVER_COMPARED]


def test_why_says_what_others_and_pins_have_to_do_with_it(library: Library) -> None:
    second, third = (book("红楼梦", isbn=ISBN, edition=edition, **BASE) for edition in ("第2版", "第3版"))
    silent, two, three = library.put(YANGPU, RED), library.put(SUZHOU, second), library.put(NINGBO, third)
    kept_out = next(name for name in (two, three) if len(library.curation.why(name)[1]) == 0)
    reasons = library.curation.why_two(silent, kept_out)
    assert (reasons.verdict, {str(name) for name in reasons.links[0][:2]}) == (
        Verdict.FORBIDDEN_BY_OTHERS, {two, three})
    pin = library.curation.pin(TOGETHER, silent, kept_out, MADE)
    assert library.curation.why_two(two, three).verdict is Verdict.PINNED_TOGETHER
    library.curation.undo(pin.number, UNDONE)
    library.curation.pin(APART, silent, kept_out, MADE)
    reasons = library.curation.why_two(silent, kept_out)
    assert (reasons.verdict, reasons.between.pin) == (Verdict.PINNED_APART, library.curation.pins()[0])


def rebuild(library: Library) -> int:
    """Build all anew; return in how many steps."""
    steps = 1
    while library.curation.reindex().phase is not Phase.DONE:
        steps += 1
    return steps


def test_rebuilding_changes_nothing_where_no_rule_has_changed(library: Library) -> None:
    for agency in AGENCIES:
        for number, bib in enumerate(QUARRELSOME):
            library.put(agency, bib, str(number))
    tables = ("bib_cluster", "bib_member", "bib_match_key", "bib_title", "bib_index", "bib_reindex")
    before = [library.connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
    rebuild(library)
    assert [library.connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables] == before


def test_rebuilding_follows_rules_that_have_changed_and_goes_on_where_it_was_cut(
        library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reindex, "STEP_RECORDS", 2)
    monkeypatch.setattr(reindex, "STEP_CLUSTERS", 2)
    with monkeypatch.context() as older:
        older.setattr(clusters, "keys_of", lambda features: ())
        names = [library.put(agency, bib, str(number)) for agency in AGENCIES
                 for number, bib in enumerate((RED, STONE))]
    assert len(library.works()) == len(names)
    assert library.curation.why_two(names[0], names[2]).verdict is Verdict.OUTDATED
    library.curation.reindex()
    library.curation = Curation(library.connection)
    assert rebuild(library) > 3
    assert sorted(map(len, library.works())) == [3, 3]
    assert len(library.catalogue.search("红楼梦").hits) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PinKind), st.integers(0, 9), st.integers(0, 9)), max_size=5),
       st.randoms(use_true_random=False))
def test_pins_are_kept_whatever_the_scorer_says_and_undoing_all_restores_its_clusters(
        wishes: list[tuple[PinKind, int, int]], chance: random.Random) -> None:
    library = Library()
    with closing(library.connection):
        names = [library.put(AGENCIES[0], bib, str(number)) for number, bib in enumerate(QUARRELSOME)]
        before = library.works()
        for kind, one, other in wishes:
            try:
                library.curation.pin(kind, names[one], names[other], MADE)
            except PinRefused:
                continue
            library.put(AGENCIES[0], QUARRELSOME[one], str(one))
        for pin in library.curation.pins():
            is_one = any({str(pin.one), str(pin.other)} <= work for work in library.works())
            assert is_one is (pin.kind is TOGETHER)
        for pin in chance.sample(list(library.curation.pins()), len(library.curation.pins())):
            library.curation.undo(pin.number, UNDONE)
        assert library.works() == before


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PinKind), st.integers(0, 9), st.integers(0, 9)), max_size=4),
       st.lists(st.integers(0, 9), max_size=10), st.randoms(use_true_random=False))
def test_with_pins_too_the_clusters_follow_from_what_stands_whatever_the_order(
        wishes: list[tuple[PinKind, int, int]], doubled: list[int], chance: random.Random) -> None:
    library = Library()
    with closing(library.connection):
        stock = {f"{YANGPU}/{number}": bib for number, bib in enumerate(QUARRELSOME)}
        names = [library.put(YANGPU, bib, str(number)) for number, bib in enumerate(QUARRELSOME)]
        for kind, one, other in wishes:
            with suppress(PinRefused):
                library.curation.pin(kind, names[one], names[other], MADE)
        later = [(SUZHOU, f"{place}-{number}", QUARRELSOME[number]) for place, number in enumerate(doubled)]
        chance.shuffle(later)
        for agency, record_id, bib in later:
            stock[library.put(agency, bib, record_id)] = bib
        records = sorted(RecordName(AgencyId(agency), record_id) for agency, _, record_id in
                         (name.partition("/") for name in stock))
        pins = constraints(library.curation.pins(), records)
        groups = grouped([features_of(stock[str(record)]) for record in records], pins)
        assert library.works() == {frozenset(str(records[position]) for position in group) for group in groups}


def test_a_damaged_catalogue_is_bounded_work(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "COMPARED_MAX", 8)
    for number in range(40):
        library.put(YANGPU, book(f"红楼梦{number}", edition=f"第{number % 3}版", isbn=ISBN, **BASE), str(number))
    assert sum(map(len, library.works())) == 40
    library.catalogue.delete(YANGPU, [str(number) for number in range(40)])
    assert library.works() == set()


def test_the_catalogue_is_not_left_half_pinned(library: Library) -> None:
    one, other = library.put(YANGPU, RED), library.put(SUZHOU, STONE)
    library.connection.execute("BEGIN")
    library.curation.pin(TOGETHER, one, other, MADE)
    library.connection.execute("ROLLBACK")
    assert len(library.works()) == 2
    assert list(library.curation.pins()) == []
