import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.catalogue.clustering import VETO, compare, decide, match_keys, partition
from federation.catalogue.features import Features, features_of
from schemas.bib import Bib, Contributor
from tests.federation.catalogue.books import book

SET_ISBN, OTHER_ISBN, WRONG_ISBN = "9787020002207", "9787536692930", "7-5325-1234-5"
RED = {"author": "曹雪芹", "publisher": "人民文学出版社", "year": 1996}


def translated_by(name: str) -> Bib:
    people = (Contributor(name="夏洛蒂·勃朗特", role="著"), Contributor(name=name, role="译"))
    return book("简·爱", contributors=people, publisher="人民文学出版社", year=2008)


ONE_BOOK = {
    "one ISBN, written in both scripts": (
        book("紅樓夢", "曹雪芹", isbn=SET_ISBN), book("红楼梦", "曹雪芹", isbn=SET_ISBN)),
    "one ISBN, a reprint of another year": (
        book("活着", "余华", isbn=OTHER_ISBN, year=2012), book("活着", "余华", isbn=OTHER_ISBN, year=2017)),
    "one ISBN, the author in another script": (
        book("无人生还", "Agatha Christie", isbn=OTHER_ISBN), book("无人生还", "阿加莎·克里斯蒂", isbn=OTHER_ISBN)),
    "one ISBN, the volume inside the title or in its own field": (
        book("三体Ⅱ：黑暗森林", isbn=OTHER_ISBN), book("三体", volume="2", volume_title="黑暗森林", isbn=OTHER_ISBN)),
    "one ISBN, only the volume's own title": (
        book("三体Ⅱ：黑暗森林", isbn=OTHER_ISBN), book("黑暗森林", isbn=OTHER_ISBN)),
    "no ISBN, all else agrees": (
        book("红楼梦", **RED), book("紅樓夢", **RED | {"author": "（清）曹雪芹"})),
    "no ISBN on one side": (book("红楼梦", **RED), book("红楼梦", isbn=SET_ISBN, **RED)),
    "a wrong ISBN on one side": (book("红楼梦", isbn=WRONG_ISBN, **RED), book("红楼梦", isbn=SET_ISBN, **RED)),
    "the same unified book number": (
        book("骆驼祥子", "老舍", unified_book_number="10019·3456"),
        book("骆驼祥子", "老舍", unified_book_number="10019.3456")),
    "the same volume of a set": (
        book("红楼梦", volume="上册", isbn=SET_ISBN, qualifier="全三册", **RED),
        book("红楼梦（上）", isbn=SET_ISBN, qualifier="全三册", **RED)),
    "two bindings of one edition": (
        book("红楼梦", isbn=SET_ISBN, qualifier="精装", **RED),
        book("红楼梦", isbn=OTHER_ISBN, qualifier="平装", **RED)),
}  # fmt: skip

TWO_BOOKS = {
    "volumes under one set ISBN": (
        book("红楼梦", volume="上册", isbn=SET_ISBN, qualifier="全三册", **RED),
        book("红楼梦", volume="下册", isbn=SET_ISBN, qualifier="全三册", **RED)),
    "volumes under one ISBN that nobody marked as a set's": (
        book("中国通史", volume="1", isbn=SET_ISBN, **RED), book("中国通史", volume="2", isbn=SET_ISBN, **RED)),
    "a set and its volume": (
        book("红楼梦", isbn=SET_ISBN, qualifier="全三册", **RED),
        book("红楼梦", volume="上册", isbn=SET_ISBN, qualifier="全三册", **RED)),
    "editions": (book("算法导论", edition="第2版", **RED), book("算法导论", edition="第3版", **RED)),
    "a work and its translation": (
        book("Jane Eyre", languages=("eng",), isbn=OTHER_ISBN), book("Jane Eyre", languages=("chi",), isbn=OTHER_ISBN)),
    "two translators of one work": (translated_by("祝庆英"), translated_by("黄源深")),
    "one ISBN used for two works": (
        book("水利工程概论", "王一", isbn=OTHER_ISBN), book("少儿英语口语", "李二", isbn=OTHER_ISBN)),
    "no ISBN and another publisher": (book("红楼梦", **RED), book("红楼梦", **RED | {"publisher": "岳麓书社"})),
    "no ISBN and another year": (book("红楼梦", **RED), book("红楼梦", **RED | {"year": 1982})),
    "no ISBN and no year": (book("红楼梦", **RED | {"year": None}), book("红楼梦", **RED | {"year": None})),
    "no ISBN and no author": (book("语文", publisher="人民教育出版社", year=2001),) * 2,
    "a serial title with two subtitles": (
        book("高考必备", subtitle="语文", **RED), book("高考必备", subtitle="数学", **RED)),
    "two ISBNs and no binding told": (book("红楼梦", isbn=SET_ISBN, **RED), book("红楼梦", isbn=OTHER_ISBN, **RED)),
}  # fmt: skip


@pytest.mark.parametrize("pair", ONE_BOOK.values(), ids=ONE_BOOK)
def test_one_book_joins(pair: tuple[Bib, Bib]) -> None:
    decision = decide(*pair)
    assert decision.same, decision.reasons


@pytest.mark.parametrize("pair", TWO_BOOKS.values(), ids=TWO_BOOKS)
def test_two_books_stay_apart(pair: tuple[Bib, Bib]) -> None:
    decision = decide(*pair)
    assert not decision.same, decision.reasons


@pytest.mark.parametrize("pair", ONE_BOOK.values(), ids=ONE_BOOK)
def test_records_of_one_book_share_a_match_key(pair: tuple[Bib, Bib]) -> None:
    assert set(match_keys(pair[0])) & set(match_keys(pair[1]))


def test_a_decision_tells_its_reasons() -> None:
    decision = decide(*TWO_BOOKS["volumes under one set ISBN"])
    assert ("volume_differs", VETO, "上 | 下") in decision.reasons
    assert decision.vetoed
    assert decision.score == sum(reason.points for reason in decision.reasons)


def test_a_wrong_isbn_is_no_match_key() -> None:
    assert match_keys(book("书", isbn=WRONG_ISBN)) == ()


WORD = st.sampled_from(["", "红楼梦", "三体", "jane eyre", "语文"])
WORDS = st.lists(WORD.filter(bool), max_size=2, unique=True).map(tuple)
FEATURES = st.builds(
    Features, isbns=WORDS, set_isbns=WORDS, titles=WORDS, subtitle=WORD, volume=WORD, volume_title=WORD, edition=WORD,
    authors=WORDS, translators=WORDS, publishers=WORDS, year=st.sampled_from([None, 1996, 2008]), languages=WORDS,
    book_number=st.just(""), system_numbers=st.just(()), binding=st.sampled_from(["", "hard", "soft"]),
)  # fmt: skip


@given(FEATURES, FEATURES)
def test_a_decision_does_not_depend_on_the_order(left: Features, right: Features) -> None:
    assert compare(left, right)[:2] == compare(right, left)[:2]


@given(FEATURES, FEATURES)
def test_other_volumes_never_join_on_a_set_isbn(left: Features, right: Features) -> None:
    left, right = left._replace(volume="1", set_isbns=("9",)), right._replace(volume="2", set_isbns=("9",))
    assert not compare(left, right).same


@given(FEATURES, FEATURES)
def test_without_isbn_and_number_everything_must_agree(left: Features, right: Features) -> None:
    left, right = left._replace(isbns=(), set_isbns=()), right._replace(isbns=(), set_isbns=())
    if compare(left, right).same:
        found = {reason.rule for reason in compare(left, right).reasons}
        assert {"title_same", "author_same", "publisher_same", "year_same"} <= found


@settings(max_examples=50)
@given(st.lists(FEATURES, max_size=6))
def test_a_partition_loses_nothing(members: list[Features]) -> None:
    assert sorted(position for group in partition(members) for position in group) == list(range(len(members)))


def test_a_partition_follows_ties_through_a_third() -> None:
    by_isbn, by_title = book("红楼梦", isbn=SET_ISBN), book("红楼梦", **RED)
    both = book("红楼梦", isbn=SET_ISBN, **RED)
    other = book("三体")
    assert partition([features_of(bib) for bib in (by_isbn, by_title, other, both)]) == [[0, 1, 3], [2]]
