"""What a reader types, and the book that must come first, in a union of the sample books among many others.

The others are made of the same words as titles of life, so that pairs of characters, pinyin and initials collide; the
studies beside the classics have the classics' words in their titles and are held by more libraries.
"""

from collections.abc import Iterator

import pytest

from federation.storage.catalogue import Catalogue
from tests.benchmarks.union import Union
from tests.databases import sqlite_tables
from tests.federation.catalogue.books import book

RECORDS = 1500
STUDIES = (
    ("红楼梦研究", "俞平伯"), ("曹雪芹与红楼梦", "周汝昌"), ("曹雪芹传", "周汝昌"), ("三体中的物理学", "李淼"),
    ("活着的意义", "余秋"), ("围城内外", "陆文"), ("鲁迅传", "林贤治"), ("鲁迅与现代文学", "王一"), ("呐喊", "鲁迅"),
    ("彷徨", "鲁迅"), ("小王子的领悟", "周保松"), ("和珅秘史", "王一"), ("史记选", "王伯祥"), ("飘的研究", "李二"),
    ("西游记漫谈", "吴三"), ("The Making of Pride and Prejudice", "Sue Birtwistle"), ("战争与和平", "列夫·托尔斯泰"),
    ("战争与和平的艺术", "王四"), ("重访边城", "张爱玲"), ("曾国藩家书", "曾国藩"), ("长安十二时辰", "马伯庸"),
)  # fmt: skip

FIRST = {
    "the whole title": {
        "红楼梦": "红楼梦", "三体": "三体", "活着": "活着", "围城": "围城", "飘": "飘", "史记": "史记（全十册）",
        "紅樓夢": "红楼梦", "东方快车谋杀案": "東方快車謀殺案", "東方快車謀殺案": "東方快車謀殺案", "和珅传": "和珅传",
        "《西游记》": "西游记", "红 楼 梦": "红楼梦", "war and peace": "War and Peace", "战争 与 和平": "战争与和平",
        "Pride AND Prejudice": "Pride and Prejudice",
        "GODEL ESCHER BACH": "Gödel, Escher, Bach: An Eternal Golden Braid",
    },
    "its beginning": {
        "平凡的世": "平凡的世界（全三部）", "哈利波特": "哈利·波特与魔法石",
        "designing data": "Designing Data-Intensive Applications", "江南园林": "江南园林志",
    },
    "words of it": {
        "死神永生": "三体Ⅲ：死神永生", "魔法石": "哈利·波特与魔法石",
        "hitchhikers galaxy": "The Hitchhiker's Guide to the Galaxy",
        "三体 2": "三体Ⅱ：黑暗森林", "快车": "東方快車謀殺案", "算法导*": "算法导论（原书第3版）",
    },
    "pinyin and initials": {
        "hongloumeng": "红楼梦", "hlm": "红楼梦", "hong lou meng": "红楼梦", "heshenzhuan": "和珅传", "hsz": "和珅传",
        "heshen zhuan": "和珅传", "heshenchuan": "和珅传", "shuihuzhuan": "水浒传", "weicheng": "围城",
        "chongfang biancheng": "重访边城", "ｈｌｍ": "红楼梦", "changan shier shichen": "长安十二时辰",
    },
    "title and author": {
        "红楼梦 曹雪芹": "红楼梦", "余华 活着": "活着", "钱钟书 围城": "围城", "百年孤独 马尔克斯": "百年孤独",
        "圣埃克苏佩里 小王子": "小王子", "title:战争 author:托尔斯泰": "战争与和平", "zengguofan": "曾国藩家书",
    },
    "ISBN": {
        "9787536692930": "三体", "978-7-5366-9293-0": "三体", "ISBN 7-5366-9293-5": "三体",
        "９７８７５３６６９２９３０": "三体",
    },
    "boolean": {
        "红楼梦 -研究": "红楼梦", "(红楼梦 OR 三体) author:刘慈欣": "三体", "author:鲁迅 非 彷徨": "呐喊",
        "author:luxun NOT 彷徨": "呐喊", '"三体" 或 "围城" 非 黑暗': "三体",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def catalogue() -> Iterator[Catalogue]:
    with sqlite_tables() as connection:
        catalogue, union = Catalogue(connection), Union(RECORDS)
        for agency, bib in union:
            catalogue.upsert(agency, [bib])
        studies = [book(title, author, record_id=f"s{number}", publisher="商务印书馆", year=2020)
                   for number, (title, author) in enumerate(STUDIES)]
        for agency in union.agencies[:20]:
            catalogue.upsert(agency, studies)
        yield catalogue


@pytest.mark.parametrize(("query", "title"), [
    pytest.param(query, title, id=f"{kind}: {query}") for kind, cases in FIRST.items() for query, title in cases.items()
])
def test_the_book_that_is_meant_comes_first(catalogue: Catalogue, query: str, title: str) -> None:
    assert [hit.title for hit in catalogue.search(query, 5).hits][:1] == [title]


def test_an_author_s_books_come_before_those_with_the_name_in_their_title(catalogue: Catalogue) -> None:
    begin_so, written = {"鲁迅传", "鲁迅与现代文学"}, {"呐喊", "彷徨"}
    titles = [hit.title for hit in catalogue.search("鲁迅").hits]
    assert (set(titles[:2]), set(titles[2:4])) == (begin_so, written)
    assert {hit.title for hit in catalogue.search("yuhua").hits[:2]} == {"活着", "许三观卖血记"}


def test_of_alike_books_the_one_that_most_libraries_hold_comes_first(catalogue: Catalogue) -> None:
    hits = catalogue.search("author:东野圭吾").hits
    held = [len({holding.agency for holding in hit.holdings}) for hit in hits]
    assert held == sorted(held, reverse=True)


@pytest.mark.parametrize(("typed", "first"), [
    ("红楼", ("title", "红楼梦研究")), ("honglou", ("title", "红楼梦研究")), ("hlm", ("title", "红楼梦")),
    ("三体", ("title", "三体")), ("luxun", ("author", "鲁迅")), ("鲁", ("author", "鲁迅")),
    ("mby", ("author", "马伯庸")), ("design pat", ("title", "Design Patterns")),
    ("東方", ("title", "東方快車謀殺案")), ("heshenz", ("title", "和珅传")),
])
def test_what_is_being_typed_is_suggested(catalogue: Catalogue, typed: str, first: tuple[str, str]) -> None:
    assert catalogue.suggest(typed)[0] == first
