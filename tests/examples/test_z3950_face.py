"""The sample catalogues over real Z39.50, in each library's own charset and format."""

import pytest

from connectors.marc.mapping import bib_from_record
from connectors.marc.reader import read_record
from connectors.z3950 import oid
from connectors.z3950.client import Z3950Client
from connectors.z3950.errors import TargetDiagnostic
from connectors.z3950.query import And, AndNot, Use, look_for
from examples.alliance.stock import item_mapping, stock_of
from schemas.bib import MarcFormat
from tests.examples.desk import BY_SLUG, LIBRARIES, SEED, HandClock, open_ils

SYNTAXES = {MarcFormat.CNMARC: oid.UNIMARC, MarcFormat.MARC21: oid.USMARC}


@pytest.fixture(params=["yangpu", "shanghai", "pudong", "jiading", "suzhou"])
async def target(request, tmp_path):
    """CNMARC in utf-8, gb18030 and gbk, and MARC 21; terms in utf-8 and gb18030."""
    library = BY_SLUG[request.param]
    async with open_ils(library, tmp_path, HandClock()) as ils:
        charset, syntax = library.z3950.query_charset, SYNTAXES[library.marc.format]
        async with Z3950Client(
            "127.0.0.1", ils.ports.z3950, "default", charset, preferred_syntax=syntax
        ) as client:
            yield library, client


async def test_every_record_is_found_by_its_title_and_reads_as_catalogued(target):
    library, client = target
    for bib in stock_of(library, LIBRARIES, SEED)[::5]:
        hits = await client.search(look_for(bib.title, Use.TITLE))
        found = [_read(library, record.data) for record in await client.present(1, hits)]

        assert bib.title in {other.title for other in found}
        assert bib.holdings in {other.holdings for other in found}


async def test_terms_combine(target):
    library, client = target
    bib = next(bib for bib in stock_of(library, LIBRARIES, SEED) if bib.isbn13s)
    isbn, author = look_for(bib.isbn13s[0], Use.ISBN), look_for(bib.responsibility, Use.AUTHOR)

    assert await client.search(isbn) == 1
    assert await client.search(And(isbn, author)) == 1
    assert await client.search(AndNot(isbn, author)) == 0
    assert await client.search(look_for(bib.publisher, Use.ANY)) >= 1
    assert await client.search(look_for("没有这本书", Use.TITLE)) == 0


async def test_what_is_not_served_is_a_diagnostic(target):
    _, client = target
    with pytest.raises(TargetDiagnostic) as refused:
        await client.search(look_for("X", Use.SUBJECT))
    assert refused.value.code == 114


def _read(library, data):
    return bib_from_record(read_record(data, library.marc.charset), item_mapping(library), library.marc.format)
