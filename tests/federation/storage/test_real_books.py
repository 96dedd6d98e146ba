"""The books and records that were given as examples, found as the readers of the issue type them.

The same searches over our own samples are in ``test_search_quality``; these files are not part of the project.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.marc import BadRecord, bib_from_record, read_iso2709
from federation.storage.catalogue import Catalogue
from schemas.bib import Bib
from schemas.identifiers import AgencyId
from tests.databases import sqlite_tables
from tests.federation.catalogue.books import book

GIVEN = Path(__file__).resolve().parents[4] / "shared/data"
LIBRARIES = (AgencyId("CN-310110-1-YPQ"), AgencyId("CN-320500-1-SZT"))
OLDER = (book("和珅传", "冯佐哲", record_id="heshen"), book("東方快車謀殺案", "阿嘉莎·克莉絲蒂", record_id="orient"))


def given_books() -> Iterator[Bib]:
    for number, row in enumerate(json.loads((GIVEN / "books.json").read_text("utf-8"))["books"]):
        yield book(row["title"], row["author"], isbn=row["isbn13"], publisher=row["publisher"], year=row["year"],
                   record_id=f"book-{number}")


def given_records() -> Iterator[Bib]:
    with (GIVEN / "marc/cnmarc-dp2-sample.gb18030.iso").open("rb") as file:
        for record in read_iso2709(file):
            assert not isinstance(record, BadRecord)
            yield bib_from_record(record)


@pytest.fixture(scope="module")
def catalogue() -> Iterator[Catalogue]:
    if not (GIVEN / "books.json").exists():
        pytest.skip("the example books are not beside the project")
    with sqlite_tables() as connection:
        catalogue = Catalogue(connection)
        for library in LIBRARIES:
            catalogue.upsert(library, (*given_books(), *given_records(), *OLDER))
        yield catalogue


@pytest.mark.parametrize(("typed", "title"), [
    ("《和珅传》", "和珅传"), ("heshenzhuan", "和珅传"), ("heshen zhuan", "和珅传"), ("hsz", "和珅传"),
    ("東方快車謀殺案", "東方快車謀殺案"), ("东方快车谋杀案", "東方快車謀殺案"), ("hongloumeng", "红楼梦"),
    ("hlm", "红楼梦"), ("zhongguo fazhan zhuangkuang", "1999 年中国发展状况与趋势"),
    ("9787536692930", "三体"), ("94中国发展报告", "'94中国发展报告"), ("9787503717444", "'94中国发展报告"),
    ("7-5037-1744-0", "'94中国发展报告"), ("中国发展报告 张塞 1996", "'96 中国发展报告"),
])
def test_the_given_books_are_found(catalogue: Catalogue, typed: str, title: str) -> None:
    assert [hit.title for hit in catalogue.search(typed).hits][:1] == [title]
