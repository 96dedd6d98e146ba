from collections import Counter

import pymarc
import pytest

from connectors.marc.record import MarcError
from examples.alliance.books import load_books
from examples.alliance.roster import load_roster, with_varied_dialects
from examples.alliance.stock import read_marc, stock_of, write_marc
from schemas.bib import MarcFormat
from tests.examples.desk import BY_SLUG, LIBRARIES, SEED


@pytest.mark.parametrize("count", [2, 3, 5, 31, 60])
def test_every_book_has_two_holders_and_somebody_who_must_borrow(count):
    libraries = load_roster(count)
    holders = Counter(bib.isbn13s or bib.title for library in libraries for bib in stock_of(library, libraries, SEED))

    assert len(holders) == len(load_books())
    assert min(holders.values()) >= min(2, count - 1)
    assert max(holders.values()) < count


def test_two_libraries_share_the_books_out_so_that_both_have_to_borrow():
    libraries = load_roster(2)

    assert all(len(stock_of(library, libraries, SEED)) > 40 for library in libraries)


def test_stock_depends_on_the_seed_only():
    library = LIBRARIES[0]

    assert stock_of(library, LIBRARIES, 1) == stock_of(library, LIBRARIES, 1) != stock_of(library, LIBRARIES, 2)


def test_barcodes_are_unique_in_a_library_and_not_beyond_it():
    first, second = (
        [item.barcode for bib in stock_of(library, LIBRARIES, SEED) for item in bib.items] for library in LIBRARIES[:2]
    )

    assert len(set(first)) == len(first)
    assert set(first) & set(second)


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.slug)
def test_a_catalogue_file_gives_back_what_the_library_holds(library, tmp_path):
    bibs = stock_of(library, LIBRARIES, SEED)
    write_marc(library, bibs, tmp_path / "catalogue.mrc")

    read = [bib for _, bib in read_marc(library, tmp_path / "catalogue.mrc")]

    for name in ("record_id", "title", "isbn13s", "holdings", "contributors", "year", "clc", "languages"):
        assert [getattr(bib, name) for bib in read] == [getattr(bib, name) for bib in bibs]


def test_a_gbk_catalogue_is_gbk_even_where_a_title_has_letters_that_gbk_lacks(tmp_path):
    libraries = with_varied_dialects(load_roster(10))
    library = next(library for library in libraries if library.marc.charset == "gbk")
    write_marc(library, stock_of(library, libraries, SEED), tmp_path / "catalogue.mrc")

    (tmp_path / "catalogue.mrc").read_bytes().decode("gbk")


def test_a_marc21_catalogue_is_read_by_pymarc(tmp_path):
    library = BY_SLUG["shanghai"]
    bibs = stock_of(library, LIBRARIES, SEED)
    write_marc(library, bibs, tmp_path / "catalogue.mrc")

    assert library.marc.format is MarcFormat.MARC21
    with (tmp_path / "catalogue.mrc").open("rb") as file:
        titles = [record.title for record in pymarc.MARCReader(file)]
    assert [title.rstrip(" /") for title in titles] == [bib.title for bib in bibs]


def test_a_damaged_catalogue_is_refused_with_its_place(tmp_path):
    path = tmp_path / "catalogue.mrc"
    path.write_bytes(b"no record at all")

    with pytest.raises(MarcError, match="at byte 0"):
        list(read_marc(LIBRARIES[0], path))
