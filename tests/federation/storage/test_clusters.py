"""How records find their clusters: whatever the order and whatever comes and goes, the records that stand decide."""

import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.catalogue.features import features_of
from federation.catalogue.grouping import grouped
from federation.storage.catalogue import Catalogue
from schemas.bib import Bib, Isbn
from schemas.identifiers import AgencyId
from tests.databases import open_sqlite
from tests.federation.catalogue.books import book

YANGPU, SUZHOU, NINGBO = AgencyId("CN-310110-1-YPQ"), AgencyId("CN-320500-1-SZT"), AgencyId("CN-330200-1-NBT")
AGENCIES = (YANGPU, SUZHOU, NINGBO)
ISBN, OTHER_ISBN = "9787020002207", "9787536692930"
BASE = {"author": "曹雪芹", "publisher": "人民文学出版社", "year": 1996}
QUARRELSOME = (
    book("红楼梦", **BASE),
    book("红楼梦", isbn=ISBN, **BASE),
    book("红楼梦", isbn=ISBN, edition="第2版", **BASE),
    book("红楼梦", isbn=ISBN, edition="第3版", **BASE),
    book("红楼梦", isbn=ISBN, edition="第3版", **BASE | {"year": 2008}),
    book("红楼梦", isbn=OTHER_ISBN, edition="第2版", **BASE),
    book("红楼梦", isbn=OTHER_ISBN, languages=("eng",), **BASE),
    book("红楼梦", volume="上册", isbn=ISBN, **BASE),
    book("红楼梦", isbns=(Isbn.parse(ISBN), Isbn.parse(OTHER_ISBN)), further_titles=("石头记",), **BASE),
    book("石头记", "曹雪芹", isbn=OTHER_ISBN, edition="第3版"),
)
"""Records of which many agree while others between them do not."""
Stock = dict[tuple[AgencyId, str], Bib]
RECORDS = st.dictionaries(st.tuples(st.sampled_from(AGENCIES), st.sampled_from("1234")), st.sampled_from(QUARRELSOME),
                          max_size=9)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(open_sqlite()) as connection:
        yield connection


def put(catalogue: Catalogue, stock: Stock, order: Iterable[tuple[AgencyId, str]]) -> None:
    for agency, record_id in order:
        catalogue.upsert(agency, [stock[agency, record_id].model_copy(update={"record_id": record_id})])


def stored(connection: sqlite3.Connection) -> set[frozenset[tuple[str, str]]]:
    """Return the records of each cluster."""
    found: dict[int, set[tuple[str, str]]] = {}
    for cluster, agency, record_id in connection.execute("SELECT cluster, agency, record_id FROM bib_member"):
        found.setdefault(cluster, set()).add((agency, record_id))
    return {frozenset(records) for records in found.values()}


def expected(stock: Stock) -> set[frozenset[tuple[str, str]]]:
    """Return the clusters that follow from the records alone."""
    names = sorted(stock)
    groups = grouped([features_of(stock[name]) for name in names])
    return {frozenset(names[position] for position in group) for group in groups}


@settings(max_examples=60, deadline=None)
@given(RECORDS, st.randoms(use_true_random=False))
def test_clusters_follow_from_the_records_whatever_the_order(stock: Stock, chance: random.Random) -> None:
    order = sorted(stock)
    chance.shuffle(order)
    with closing(open_sqlite()) as connection:
        put(Catalogue(connection), stock, order)
        assert stored(connection) == expected(stock)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(AGENCIES), st.sampled_from("1234"), st.sampled_from(QUARRELSOME) | st.none()),
                max_size=14))
def test_records_that_change_and_go_leave_the_clusters_of_those_that_stand(
        changes: list[tuple[AgencyId, str, Bib | None]]) -> None:
    stock: Stock = {}
    with closing(open_sqlite()) as connection:
        catalogue = Catalogue(connection)
        for agency, record_id, bib in changes:
            stock.pop((agency, record_id), None)
            if bib is None:
                catalogue.delete(agency, [record_id])
            else:
                stock[agency, record_id] = bib
                put(catalogue, stock, [(agency, record_id)])
        assert stored(connection) == expected(stock)
