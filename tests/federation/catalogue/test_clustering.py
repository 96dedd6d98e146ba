import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.catalogue.clustering import VETO, compare, decide, match_keys
from federation.catalogue.features import Features
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
    "a title in pinyin": (
        book("红楼梦", **RED), book("Hong lou meng", "Cao, Xueqin", publisher="Renmin wenxue chubanshe", year=1996)),
    "a title mistyped as it sounds": (book("水浒传", **RED), book("水浒转", **RED)),
    "the volume behind the title or in its own field": (
        book("天龙八部5", "金庸", isbn=OTHER_ISBN), book("天龙八部", "金庸", volume="5", isbn=OTHER_ISBN)),
    "the year of an annual": (
        book("中国统计年鉴（2011）", **RED), book("中国统计年鉴", volume="2011", **RED)),
    "a volume in words and in numbers": (book("红楼梦", volume="上册", **RED), book("红楼梦", volume="1", **RED)),
    "the subtitle behind a dash": (
        book("乌合之众——大众心理研究", **RED), book("乌合之众", subtitle="大众心理研究", **RED)),
    "an article that sorting skips": (book("The Great Gatsby", **RED), book("Great Gatsby", **RED)),
    "an edition of which one says that it is revised": (
        book("辞海", edition="第2版", isbn=OTHER_ISBN), book("辞海", edition="第2版（修订本）", isbn=OTHER_ISBN)),
    "the number of a union catalogue, however written": (
        book("书", "老舍", system_numbers=("(OCoLC)ocm00012345",)),
        book("书", "老舍", system_numbers=("(OCoLC)12345",))),
    "an edition that only one record names the author of": (
        book("红楼梦", edition="第3版", **RED), book("红楼梦（第三版）", **RED | {"author": ""})),
    "a series that only one record names the author of": (
        book("红楼梦", series=({"title": "四大名著"},), **RED),
        book("红楼梦", series=({"title": "四大名著"},), **RED | {"author": ""})),
    "a price that only one record names the author of": (
        book("红楼梦", isbns=({"price_text": "CNY25.00"},), **RED),
        book("红楼梦", isbns=({"price_text": "25元"},), **RED | {"author": ""})),
    "the year of an annual that only one record names the editors of": (
        book("中国统计年鉴", volume="2011", **RED), book("中国统计年鉴 2011", **RED | {"author": ""})),
    "a slip in the title and as many pages": (
        book("红楼梦魇", extent="428页", **RED), book("红楼梦魔", extent="428页", **RED)),
    "an edition at the end of the title": (
        book("高等数学第六版", **RED), book("高等数学", edition="第6版", **RED)),
    "one ISBN, a series before the title": (
        book("世界文学名著. 围城", isbn=OTHER_ISBN, **RED), book("围城", isbn=OTHER_ISBN, **RED)),
    "a volume within a volume": (
        book("李自成", volume="第三卷（中册）", **RED), book("李自成 第3卷 中册", **RED)),
    "a volume as the subtitle": (
        book("中国文学史", subtitle="第一卷", **RED), book("中国文学史", volume="1", **RED)),
    "a named part, however it is set off": (
        book("西方经济学", volume_title="宏观部分", **RED), book("西方经济学. 宏观部分", **RED)),
    "a title with its translation": (
        book("双城记 = A tale of two cities", **RED), book("双城记", **RED)),
    "a volume and an edition in pinyin": (
        book("Hong lou meng. Shang ce", edition="Di er ban", **RED), book("红楼梦", volume="上", edition="2版", **RED)),
    "an author whom only the statement names in full": (
        book("双城记", contributors=(Contributor(name="Dickens, Charles", inverted=True),), year=1998,
             publisher="上海译文出版社", responsibility="(英)查尔斯·狄更斯著 ; 张玲, 张扬译"),
        book("双城记", "狄更斯", publisher="上海译文出版社", year=1998)),
    "hard and leather binding": (
        book("红楼梦", isbn=SET_ISBN, qualifier="精装", **RED),
        book("红楼梦", isbn=OTHER_ISBN, qualifier="皮面精装", **RED)),
    "a hardback, and a paperback that does not say so, of as many pages": (
        book("繁花", "金宇澄", isbn=SET_ISBN, qualifier="精装", extent="443页", publisher="上海文艺", year=2013),
        book("繁花", "金宇澄", isbn=OTHER_ISBN, extent="443页", publisher="上海文艺", year=2013)),
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
    "volumes in brackets": (book("天龙八部（四）", **RED), book("天龙八部（五）", **RED)),
    "what brackets tell apart": (book("高等数学（经管类）", **RED), book("高等数学（理工类）", **RED)),
    "a work and its abridgement": (book("红楼梦", **RED), book("红楼梦", subtitle="缩写本", **RED)),
    "one character of the title": (book("古代汉语", **RED), book("现代汉语", **RED)),
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
    "two subtitles, the translator and all else agreeing": (
        book("全球通史", subtitle="1500年以前的世界", responsibility="斯塔夫里阿诺斯著 ; 吴象婴译", **RED),
        book("全球通史", subtitle="1500年以后的世界", responsibility="斯塔夫里阿诺斯著 ; 吴象婴译", **RED)),
    "two parts of one work, named in brackets beside the edition": (
        book("西方经济学（宏观部分·第五版）", **RED), book("西方经济学（微观部分·第五版）", **RED)),
    "two parts of one work by their names alone": (
        book("西方经济学", volume_title="宏观部分", **RED), book("西方经济学", volume_title="微观部分", **RED)),
    "a work and a part of it that has no number": (
        book("西方经济学", volume_title="宏观部分", **RED), book("西方经济学", **RED)),
    "two volumes within a volume": (
        book("李自成", volume="第三卷中册", **RED), book("李自成 第三卷 下册", **RED)),
    "a textbook and its exercises": (
        book("高等数学", edition="第6版", **RED), book("高等数学", subtitle="习题全解", edition="第6版", **RED)),
    "two of a series that begin alike, of one translator": (
        book("哈利·波特与魔法石", responsibility="罗琳著 ; 苏农译", **RED),
        book("哈利·波特与密室", responsibility="罗琳著 ; 苏农译", **RED)),
    "as many pages and one of several dynasties": (
        book("唐诗三百首", extent="300页", **RED), book("宋诗三百首", extent="300页", **RED)),
    "a house and another whose name has its own in it": (
        book("论语", **RED | {"publisher": "人民出版社"}), book("论语", **RED)),
    "a house and one of that name elsewhere": (
        book("论语", **RED | {"publisher": "三联书店"}), book("论语", **RED | {"publisher": "上海三联书店"})),
    "an author whose name begins another's": (
        book("诗选", **RED | {"author": "王力"}), book("诗选", **RED | {"author": "王力宏"})),
    "a yearly book, its year in brackets": (
        book("考研政治（2019）", **RED), book("考研政治（2020）", **RED)),
    "an edition at the end of the title": (
        book("算法 第4版", **RED), book("算法", edition="第3版", **RED)),
    "an edition in pinyin": (
        book("Hong lou meng", edition="Di 2 ban", **RED), book("红楼梦", edition="第3版", **RED)),
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
    sounds=WORDS, title_keys=WORDS, versions=WORDS, pages=st.none(),
)  # fmt: skip


@given(FEATURES, FEATURES)
def test_a_decision_does_not_depend_on_the_order(left: Features, right: Features) -> None:
    assert compare(left, right)[:2] == compare(right, left)[:2]


@given(FEATURES, FEATURES)
def test_other_volumes_never_join_on_a_set_isbn(left: Features, right: Features) -> None:
    left, right = left._replace(volume="1", set_isbns=("9",)), right._replace(volume="2", set_isbns=("9",))
    assert not compare(left, right).same


@given(FEATURES, FEATURES)
def test_without_isbn_and_number_the_title_and_three_facts_more_must_agree(left: Features, right: Features) -> None:
    left, right = left._replace(isbns=(), set_isbns=()), right._replace(isbns=(), set_isbns=())
    if compare(left, right).same:
        found = {reason.rule for reason in compare(left, right).reasons}
        assert found & {"title_same", "title_same_in_pinyin"}
        assert len(found & {"author_same", "edition_same", "translator_same", "publisher_same", "year_same"}) >= 3


def test_names_written_in_two_scripts_are_compared_by_their_sound() -> None:
    decision = decide(book("书", "余华"), book("书", "Yu, Hua"))
    assert "author_same" in {reason.rule for reason in decision.reasons}
    decision = decide(book("书", "余华"), book("书", "Mo, Yan"))
    assert {reason.rule for reason in decision.reasons}.isdisjoint({"author_same", "author_differs"})


@pytest.mark.parametrize(("one", "other"), [
    ("列夫·托尔斯泰", "列·托尔斯泰"), ("加西亚·马尔克斯", "马尔克斯"), ("歌德", "哥德"), ("J.K. 罗琳", "罗琳")])
def test_a_transcribed_name_has_many_forms(one: str, other: str) -> None:
    assert "author_same" in {reason.rule for reason in decide(book("书", one), book("书", other)).reasons}


@pytest.mark.parametrize(("one", "other"), [("北京大学出版社", "北大出版社"), ("Penguin Books", "Penguin"),
                                            ("The MIT Press", "MIT Press"), ("生活·读书·新知三联书店", "三联书店")])
def test_a_publisher_may_be_abbreviated(one: str, other: str) -> None:
    reasons = decide(book("书", publisher=one), book("书", publisher=other)).reasons
    assert "publisher_same" in {reason.rule for reason in reasons}


def test_as_many_pages_may_stand_in_for_the_author() -> None:
    told = book("红楼梦", **RED, extent="428 p.")
    silent = book("红楼梦", publisher="人民文学出版社", year=1996, extent="428页")
    assert decide(silent, told).same
    assert not decide(silent.model_copy(update={"extent": ""}), told).same


@pytest.mark.parametrize(("one", "other"), [
    ("古代汉语", "古代汉悟"), ("平凡的世界", "平凡世界"), ("追风筝的人", "追筝风的人")])
def test_a_slip_in_the_title_does_not_part_one_isbn(one: str, other: str) -> None:
    assert decide(book(one, isbn=OTHER_ISBN), book(other, isbn=OTHER_ISBN)).same
