"""Live answers put to the works of the union catalogue, and to one another."""

from federation.catalogue.live import DESCRIPTIONS_MAX, LiveWorks
from schemas.bib import Bib
from schemas.catalogue import FoundWork, Holder
from schemas.identifiers import AgencyId
from tests.federation.catalogue.books import book

YANGPU, HANGZHOU, NANJING = map(AgencyId, ("CN-SH-YANGPU", "CN-ZJ-HANGZHOU", "CN-JS-NANJING"))
RED = {"isbn": "9787020002207", "publisher": "人民文学出版社", "year": 1996}


def red(**facts: object) -> Bib:
    return book("红楼梦", "曹雪芹", **{**RED, **facts})


def union_of(bib: Bib, agency: AgencyId = YANGPU, record_id: str = "1") -> LiveWorks:
    return LiveWorks([FoundWork(cluster="w1", bib=bib, holders=(Holder(agency=agency, record_id=record_id),))])


def test_a_record_that_the_union_knows_is_of_its_work_whatever_it_says_now():
    works = union_of(red())
    assert works.add(YANGPU, book("另一个题名", "佚名", record_id="1", year=2020)).cluster == "w1"


def test_a_record_that_agrees_with_a_work_is_of_it():
    works = union_of(red())
    work = works.add(HANGZHOU, red(record_id="new"))
    assert (work.cluster, work.found_at) == ("w1", {HANGZHOU: ["new"]})
    assert works.found() == [work]


def test_what_the_union_does_not_know_meets_among_itself():
    works = LiveWorks()
    first, second = works.add(HANGZHOU, red(record_id="a")), works.add(NANJING, red(record_id="b"))
    assert first is second
    assert (first.cluster, set(first.found_at)) == ("", {HANGZHOU, NANJING})


def test_a_veto_keeps_volumes_apart():
    works = LiveWorks()
    volumes = [works.add(HANGZHOU, red(record_id=volume, volume=volume)) for volume in ("上册", "下册")]
    assert volumes[0] is not volumes[1]


def test_a_work_nobody_has_answered_with_is_not_found():
    assert union_of(red()).found() == []


def test_an_answer_told_twice_counts_once():
    works = LiveWorks()
    for _ in range(2):
        works.add(HANGZHOU, red(record_id="a"))
    assert works.found()[0].found_at == {HANGZHOU: ["a"]}


def test_the_descriptions_of_a_work_are_bounded():
    works = LiveWorks()
    for number in range(3 * DESCRIPTIONS_MAX):
        works.add(HANGZHOU, red(record_id=str(number), publisher=f"出版社{number}"))
    assert all(len(work.described) <= DESCRIPTIONS_MAX for work in works.works)
