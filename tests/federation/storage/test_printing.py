"""The two printers of queries against the two indexes themselves: what one finds, the other finds."""

import sqlite3
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federation.catalogue.document import COLUMNS, document_of, merged
from federation.catalogue.printing import fts5, tsquery, tsvector
from federation.catalogue.query import AUTHOR_COLUMNS, TITLE_COLUMNS, parse
from tests.federation.catalogue.books import book
from tests.federation.catalogue.typed import HOSTILE

BOOKS = (
    book("红楼梦", "曹雪芹", isbn="9787020002207", publisher="人民文学出版社"),
    book("红楼梦研究", "俞平伯", further_titles=("梦",)),
    book("和珅传", "冯佐哲"),
    book("東方快車謀殺案", "阿加莎·克里斯蒂"),
    book("C++ Primer", "Stanley Lippman", publisher="O'Reilly"),
    book("Design Patterns: red house dream", "Erich Gamma"),
)
ROWS = [merged([""] * len(COLUMNS), document_of(bib)) for bib in BOOKS]
WORD = st.sampled_from(["红楼梦", "红楼", "梦", "hlm", "honglou", "heshen", "zhuan", "luxun", "caoxueqin", "c++",
                        "desi*", "des", '"red house"', "author:曹雪芹", "title:hong", "publisher:o'reilly",
                        "9787020002207", "传", "案"])
BEFORE, BEHIND = st.sampled_from(["", "-", "OR ", "NOT ", "("]), st.sampled_from(["", ")"])
QUERY = st.lists(st.tuples(BEFORE, WORD, BEHIND), max_size=5).map(lambda parts: " ".join(map("".join, parts)))


@pytest.fixture(scope="module")
def lite() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE i USING fts5 ({', '.join(COLUMNS)}, tokenize=\"ascii tokenchars '+#'\")")
    for row in ROWS:
        connection.execute(f"INSERT INTO i VALUES ({', '.join('?' * len(COLUMNS))})", row)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def server(postgres: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE i (number BIGINT, document TSVECTOR)")
        for number, row in enumerate(ROWS, 1):
            connection.execute("INSERT INTO i VALUES (%s, %s::tsvector)", (number, tsvector(row)))
        yield connection


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUERY | HOSTILE, st.sampled_from([(), TITLE_COLUMNS, TITLE_COLUMNS[:1], AUTHOR_COLUMNS]))
def test_both_indexes_find_the_same(lite: sqlite3.Connection, server: psycopg.Connection, text: str,
                                    columns: tuple[str, ...]) -> None:
    query = parse(text)
    here, there = fts5(query, columns), tsquery(query, columns)
    assert (here is None) == (there is None)
    if here is None or there is None:
        return
    found = {number for (number,) in lite.execute("SELECT rowid FROM i WHERE i MATCH ?", (here,))}
    rows = server.execute("SELECT number FROM i WHERE document @@ %s::tsquery", (there,))
    assert {number for (number,) in rows} == found
