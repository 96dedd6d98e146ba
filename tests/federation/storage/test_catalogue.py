import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.catalogue.document import COLUMNS, SEGMENTS_MAX, TEXT_CHARS_MAX
from federation.storage.catalogue import Catalogue
from federation.storage.engine import Connection
from federation.storage.search import PAGE_HITS_MAX
from schemas.bib import Bib, Holding, Item, OtherTitle, Subject
from schemas.identifiers import AgencyId
from tests.databases import dialect_of, open_sqlite
from tests.federation.catalogue.books import book

YANGPU, SUZHOU, NINGBO = AgencyId("CN-310110-1-YPQ"), AgencyId("CN-320500-1-SZT"), AgencyId("CN-330200-1-NBT")
RED = {"author": "曹雪芹", "publisher": "人民文学出版社", "year": 1996, "isbn": "9787020002207"}
SHELF = (
    book("红楼梦", record_id="red", barcodes=("A1", "A2"), **RED),
    book("红楼梦研究", "俞平伯", record_id="study", subjects=(Subject(heading="《红楼梦》研究"),)),
    book("曹雪芹传", "周汝昌", record_id="life"),
    book("和珅传", "冯佐哲", record_id="heshen", title_pinyin="he shen zhuan"),
    book("東方快車謀殺案", "阿加莎·克里斯蒂", record_id="orient"),
    book("三体", "刘慈欣", isbn="9787536692930", publisher="重庆出版社", year=2008, record_id="threebody"),
    book("三体Ⅱ：黑暗森林", "刘慈欣", isbn="9787536693968", record_id="threebody2"),
    book("Design Patterns", "Erich Gamma", record_id="gamma"),
    book("C++ Primer", "Stanley Lippman", publisher="O'Reilly", record_id="cpp"),
    book("夜莺与玫瑰", "王尔德", record_id="wilde", other_titles=(OtherTitle(title="The Nightingale and the Rose"),)),
)


@pytest.fixture
def catalogue(connection: Connection) -> Catalogue:
    catalogue = Catalogue(connection, dialect_of(connection).catalogue)
    catalogue.upsert(YANGPU, SHELF)
    return catalogue


def dump(connection: Connection) -> list[object]:
    tables = ("bib_cluster", "bib_member", "bib_item", "bib_match_key", "bib_title", "bib_index")
    return [sorted(map(str, connection.execute(f"SELECT * FROM {table}").fetchall())) for table in tables]


def found(catalogue: Catalogue, query: str) -> list[str]:
    return [hit.title for hit in catalogue.search(query).hits]


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("和珅传", "和珅传"),
        ("東方快車謀殺案", "東方快車謀殺案"),
        ("东方快车谋杀案", "東方快車謀殺案"),
        ("快车", "東方快車謀殺案"),
        ("珅", "和珅传"),
        ("hongloumeng", "红楼梦"),
        ("hlm", "红楼梦"),
        ("hong lou meng", "红楼梦"),
        ("dongfang kuaiche", "東方快車謀殺案"),
        ("heshenzhuan", "和珅传"),
        ("9787536692930", "三体"),
        ("978-7-5366-9293-0", "三体"),
        ("三体2", "三体Ⅱ：黑暗森林"),
        ("黑暗森林", "三体Ⅱ：黑暗森林"),
        ("DESIGN pattern*", "Design Patterns"),
        ("c++", "C++ Primer"),
        ("publisher:o'reilly", "C++ Primer"),
        ("nightingale", "夜莺与玫瑰"),
        ("刘慈欣 黑暗", "三体Ⅱ：黑暗森林"),
        ("author:gamma", "Design Patterns"),
    ],
)
def test_a_reader_finds_the_book(catalogue: Catalogue, query: str, title: str) -> None:
    assert found(catalogue, query)[:1] == [title]


@pytest.mark.parametrize(
    "query", ["", "红楼梦 三体", "author:三体", "title:曹雪芹 红楼", "三体 -刘慈欣", '"梦红楼"', "c", "desig"]
)
def test_what_does_not_match_is_not_found(catalogue: Catalogue, query: str) -> None:
    assert catalogue.search(query)[:3] == (0, (), False)


def test_the_title_itself_comes_first_then_those_that_begin_so_then_the_author(catalogue: Catalogue) -> None:
    assert found(catalogue, "红楼梦") == ["红楼梦", "红楼梦研究"]
    assert found(catalogue, "曹雪芹") == ["曹雪芹传", "红楼梦"]


def test_pages_follow_each_other_without_overlap(catalogue: Catalogue) -> None:
    everything = "红楼梦 OR 三体 OR 传 OR design"
    whole = catalogue.search(everything)
    pages = [catalogue.search(everything, limit=2, offset=offset).hits for offset in range(0, whole.total + 2, 2)]
    assert tuple(hit for page in pages for hit in page) == whole.hits
    assert whole.total == len(whole.hits) == 7


@pytest.mark.parametrize(("limit", "offset"), [(-1, -1), (0, 0), (10**12, 0), (20, 10**12)])
def test_absurd_pages_are_bounded(catalogue: Catalogue, limit: int, offset: int) -> None:
    assert len(catalogue.search("三体", limit, offset).hits) <= PAGE_HITS_MAX


def test_one_book_of_three_libraries_is_one_hit_with_their_copies(catalogue: Catalogue) -> None:
    catalogue.upsert(SUZHOU, [book("紅樓夢", record_id="s9", barcodes=("A1",), **RED)])
    catalogue.upsert(NINGBO, [book("红楼梦", record_id="n7", **RED)])
    (hit,) = [hit for hit in catalogue.search("红楼梦").hits if hit.isbn13 == RED["isbn"]]
    copies = [(holding.agency, holding.record_id, [item.barcode for item in holding.items]) for holding in hit.holdings]
    assert copies == [(YANGPU, "red", ["A1", "A2"]), (SUZHOU, "s9", ["A1"]), (NINGBO, "n7", [])]
    assert hit.holdings[0].items[0] == ("A1", "外借部", "I/1", None)
    view = catalogue.cluster(hit.cluster_id)
    assert view is not None
    assert [(member.agency, member.bib.title) for member in view.members] == [
        (YANGPU, "红楼梦"), (SUZHOU, "紅樓夢"), (NINGBO, "红楼梦")]  # fmt: skip


def test_an_item_without_a_price_has_the_records(connection: Connection) -> None:
    catalogue = Catalogue(connection, dialect_of(connection).catalogue)
    priced = book("书", isbns=({"price_text": "CNY68.00"},))
    items = (Item(barcode="1"), Item(barcode="2", price_fen=500, location="二楼", call_number="K/9"))
    catalogue.upsert(YANGPU, [priced.model_copy(update={"holdings": (Holding(branch="总馆", items=items),)})])
    (hit,) = catalogue.search("书").hits
    assert hit.holdings[0].items == (("1", "总馆", "", 6800), ("2", "二楼", "K/9", 500))


def test_an_unknown_cluster_is_none(catalogue: Catalogue) -> None:
    assert catalogue.cluster("none") is None


def test_storing_again_changes_nothing(catalogue: Catalogue, connection: Connection) -> None:
    before = dump(connection)
    assert catalogue.upsert(YANGPU, SHELF) == 0
    assert dump(connection) == before


def test_a_changed_record_is_found_by_its_new_text_only(catalogue: Catalogue) -> None:
    assert catalogue.upsert(YANGPU, [book("和珅秘史", "冯佐哲", record_id="heshen")]) == 1
    assert found(catalogue, "和珅传") == []
    assert found(catalogue, "和珅秘史") == ["和珅秘史"]


def test_a_changed_copy_keeps_the_cluster(catalogue: Catalogue) -> None:
    before = catalogue.search("红楼梦").hits[0]
    catalogue.upsert(YANGPU, [book("红楼梦", record_id="red", barcodes=("A2", "A3"), **RED)])
    after = catalogue.search("红楼梦").hits[0]
    assert after.cluster_id == before.cluster_id
    assert [item.barcode for item in after.holdings[0].items] == ["A2", "A3"]


def test_a_deleted_record_is_gone(catalogue: Catalogue, connection: Connection) -> None:
    assert catalogue.delete(YANGPU, ["heshen", "never"]) == 1
    assert found(catalogue, "和珅") == []
    catalogue.delete(YANGPU, [bib.record_id for bib in SHELF])
    tables = ("bib_cluster", "bib_member", "bib_item", "bib_match_key", "bib_title", "bib_index")
    assert [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables] == [0] * 6


def test_a_record_that_ties_two_clusters_joins_them_and_its_removal_parts_them(connection: Connection) -> None:
    catalogue = Catalogue(connection, dialect_of(connection).catalogue)
    described = {key: value for key, value in RED.items() if key != "isbn"}
    catalogue.upsert(YANGPU, [book("红楼梦", isbn=str(RED["isbn"]))])
    catalogue.upsert(SUZHOU, [book("红楼梦", **described)])
    older = {hit.holdings[0].agency: hit.cluster_id for hit in catalogue.search("红楼梦").hits}
    catalogue.upsert(NINGBO, [book("红楼梦", **RED)])
    assert [hit.cluster_id for hit in catalogue.search("红楼梦").hits] == [older[YANGPU]]
    catalogue.delete(NINGBO, ["1"])
    assert {hit.holdings[0].agency: hit.cluster_id for hit in catalogue.search("红楼梦").hits} == older


def test_volumes_under_one_set_isbn_are_not_joined_by_a_third_record(connection: Connection) -> None:
    catalogue = Catalogue(connection, dialect_of(connection).catalogue)
    volumes = [book("红楼梦", volume=v, record_id=v, qualifier="全三册", **RED) for v in ("上册", "中册", "下册", "")]
    catalogue.upsert(YANGPU, volumes)
    catalogue.upsert(SUZHOU, volumes)
    assert sorted(len(hit.holdings) for hit in catalogue.search("红楼梦").hits) == [2, 2, 2, 2]


def test_a_failed_batch_leaves_nothing_behind(catalogue: Catalogue, connection: Connection) -> None:
    connection.execute("BEGIN")
    catalogue.upsert(SUZHOU, [book("新书")])
    connection.execute("ROLLBACK")
    assert found(catalogue, "新书") == []


def test_one_book_cannot_flood_the_index(connection: Connection) -> None:
    catalogue = Catalogue(connection, dialect_of(connection).catalogue)
    titles = tuple(f"书 {number}" for number in range(10 * SEGMENTS_MAX))
    catalogue.upsert(YANGPU, [book("书" * 100_000, further_titles=titles)])
    (row,) = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM bib_index")
    assert max(map(len, row)) < SEGMENTS_MAX * TEXT_CHARS_MAX


def harvest() -> list[tuple[AgencyId, Bib]]:
    agencies = (YANGPU, SUZHOU, NINGBO)
    stock = ((agency, bib, f"{agency}-{bib.record_id}") for agency in agencies for bib in SHELF)
    return [(agency, bib.model_copy(update={"record_id": record_id})) for agency, bib, record_id in stock]


def clusters_of(records: list[tuple[AgencyId, Bib]]) -> dict[str, frozenset[str]]:
    connection = open_sqlite()
    catalogue = Catalogue(connection)
    for agency, bib in records:
        catalogue.upsert(agency, [bib])
    rows = connection.execute("SELECT c.id, m.record_id FROM bib_cluster c JOIN bib_member m ON m.cluster = c.number")
    members: dict[str, set[str]] = {}
    for cluster_id, record_id in rows:
        members.setdefault(cluster_id, set()).add(record_id)
    connection.close()
    return {cluster_id: frozenset(records) for cluster_id, records in members.items()}


def test_the_same_harvest_gives_the_same_ids() -> None:
    assert clusters_of(harvest()) == clusters_of(harvest())


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_a_harvest_does_not_change_the_clusters(chance: random.Random) -> None:
    shuffled = harvest()
    chance.shuffle(shuffled)
    assert set(clusters_of(shuffled).values()) == set(clusters_of(harvest()).values())


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_query(text: str) -> None:
    connection = open_sqlite()
    catalogue = Catalogue(connection)
    catalogue.upsert(YANGPU, SHELF[:2])
    page = catalogue.search(text)
    assert page.total >= len(page.hits)
    connection.close()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([YANGPU, SUZHOU]), st.integers(0, 3), st.sampled_from(SHELF) | st.none())))
def test_after_any_changes_the_catalogue_is_as_if_only_what_stands_had_been_stored(
    changes: list[tuple[AgencyId, int, Bib | None]],
) -> None:
    connection = open_sqlite()
    catalogue, standing = Catalogue(connection), {}
    for agency, number, bib in changes:
        standing.pop((agency, str(number)), None)
        if bib is None:
            catalogue.delete(agency, [str(number)])
            continue
        standing[agency, str(number)] = bib.model_copy(update={"record_id": str(number)})
        catalogue.upsert(agency, [standing[agency, str(number)]])
    stored = connection.execute("SELECT agency, record_id, bib FROM bib_member").fetchall()
    assert {(agency, record_id): Bib.model_validate_json(text) for agency, record_id, text in stored} == standing
    for bib in standing.values():
        assert bib.title in {hit.title for hit in catalogue.search(bib.title).hits}
    orphans = connection.execute("SELECT count(*) FROM bib_title WHERE cluster NOT IN (SELECT cluster FROM bib_member)")
    assert orphans.fetchone() == (0,)
    connection.close()
