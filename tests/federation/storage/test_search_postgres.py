"""The same records written to and searched on PostgreSQL: its pages and suggestions are SQLite's."""

from collections.abc import Iterator

import pytest

from federation.catalogue.facets import NOWHERE, Facet, Narrowing
from federation.storage.catalogue import Catalogue
from federation.storage.engine import Connection
from tests.benchmarks.union import Union
from tests.databases import dialect_of, postgres_tables, sqlite_tables

RECORDS = 400


@pytest.fixture(scope="module")
def both(postgres: str) -> Iterator[tuple[Catalogue, Catalogue]]:
    with sqlite_tables() as lite, postgres_tables(postgres) as server:
        yield filled(lite), filled(server)


def filled(connection: Connection) -> Catalogue:
    """A catalogue of which every third record's copies are on loan."""
    catalogue = Catalogue(connection, dialect_of(connection).catalogue)
    for agency, bib in Union(RECORDS):
        catalogue.upsert(agency, [bib])
    out = connection.execute("SELECT m.agency, i.barcode FROM bib_item i JOIN bib_member m ON m.number = i.member "
                             "WHERE m.number % 3 = 0").fetchall()
    connection.executemany("INSERT INTO loan (conv, home, supplier, barcode, lent, changed, state) "
                           "VALUES (?, 'home', ?, ?, 1, '', '')", [(str(one), *one) for one in out])
    return catalogue


@pytest.mark.parametrize("typed", [
    "三体", "hongloumeng", "hlm", "红楼梦 -研究", "刘慈欣 三体", "9787536692930", "中国", "的", "历史 OR 文学", "the",
    "c*", "xyzzy", "author:余华", "世界 与 中国",
])
@pytest.mark.parametrize("narrowing", [
    Narrowing(), Narrowing({Facet.DECADE: "2000"}), Narrowing({Facet.CLASS: "K"}, available=True),
])
def test_both_databases_give_the_same_page(both: tuple[Catalogue, Catalogue], typed: str, narrowing: Narrowing) -> None:
    here, there = (catalogue.search(typed, 20, 0, narrowing, NOWHERE) for catalogue in both)
    assert there == here


@pytest.mark.parametrize("typed", ["三", "hong", "hl", "刘", "design", "@", "zhongguo"])
def test_both_databases_suggest_the_same(both: tuple[Catalogue, Catalogue], typed: str) -> None:
    here, there = (catalogue.suggest(typed, 8) for catalogue in both)
    assert there == here
