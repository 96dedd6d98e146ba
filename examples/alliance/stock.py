"""Which library holds which sample books, and its catalogue as an ISO 2709 file in its own format and charset.

Every book has at least two holders in an alliance of three or more, so that a refusal leaves somebody to ask. With
two libraries each book stands in one of them, so that loans are possible. Barcodes count from 1 in each library.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random

from connectors.marc.items import CNMARC_905, KOHA_952, ItemMapping
from connectors.marc.mapping import bib_from_record, record_from_bib
from connectors.marc.reader import read_iso2709
from connectors.marc.record import BadRecord, MarcError, MarcRecord
from connectors.marc.writer import write_iso2709
from examples.alliance.books import Book, load_books
from examples.alliance.roster import Library
from schemas.bib import AgentKind, Bib, Classification, Contributor, Entry, Holding, Isbn, Item, MarcFormat

# MARC 21 enters a work under its author; CNMARC knows no main entry.
_ENTRIES = {MarcFormat.MARC21: Entry.MAIN, MarcFormat.CNMARC: Entry.EQUAL}
_HOLDERS_SHARE_MAX = 0.3
_HOLDERS_MAX = 12
_LANGUAGES = {"zh": "chi", "en": "eng"}
_LOCATIONS = {"zh": "中文图书借阅室", "en": "外文图书借阅室"}


def item_mapping(library: Library) -> ItemMapping:
    """Return where this library's records keep their items."""
    return CNMARC_905 if library.marc.format is MarcFormat.CNMARC else KOHA_952


def catalogue_path(folder: Path, library: Library) -> Path:
    """Return the library's catalogue file in the alliance's ``folder``."""
    return folder / library.slug / "catalogue.mrc"


def stock_of(library: Library, libraries: Sequence[Library], seed: int) -> list[Bib]:
    """Return what ``library`` holds as one of ``libraries``: the same for the same roster and seed."""
    held = [book for book in load_books() if library in _holders(book, libraries, seed)]
    random = Random(f"{seed}:stock:{library.slug}")
    barcodes = (f"{number:08}" for number in range(1, 10**8))
    return [_bib(library, number, book, barcodes, random) for number, book in enumerate(held, 1)]


def write_marc(library: Library, bibs: Iterable[Bib], path: Path) -> None:
    """Write the records in the library's format and charset; the file appears whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records = (record_from_bib(bib, library.marc.format, item_mapping(library)) for bib in bibs)
    whole = path.with_suffix(".new")
    whole.write_bytes(b"".join(write_iso2709(record, library.marc.charset) for record in records))
    whole.replace(path)


def read_marc(library: Library, path: Path) -> Iterator[tuple[MarcRecord, Bib]]:
    """Yield each record of the library's catalogue as it stands in the file, and what it says.

    Raises:
        MarcError: the file holds bytes that are no record.
    """
    with path.open("rb") as file:
        for record in read_iso2709(file, library.marc.charset):
            if isinstance(record, BadRecord):
                raise MarcError(f"{path} {record}; write the catalogue anew")
            yield record, bib_from_record(record, item_mapping(library), library.marc.format)


def _holders(book: Book, libraries: Sequence[Library], seed: int) -> list[Library]:
    """Return at least two libraries, but never all: a reader of some library must have to borrow."""
    random = Random(f"{seed}:holders:{book.isbn13 or book.title}")
    fewest = max(1, min(2, len(libraries) - 1))
    most = max(fewest, min(_HOLDERS_MAX, int(len(libraries) * _HOLDERS_SHARE_MAX)))
    return random.sample(libraries, random.randint(fewest, most))


def _bib(library: Library, number: int, book: Book, barcodes: Iterator[str], random: Random) -> Bib:
    charset, location = library.marc.charset, _LOCATIONS[book.language]
    call_number = f"{book.clc}/{_book_number(book)}"
    price_fen = random.randrange(2000, 10000, 50)
    items = tuple(
        Item(barcode=next(barcodes), location=location, call_number=call_number, price_fen=price_fen)
        for _ in range(random.randint(1, 3))
    )
    author = _writable(book.author, charset)
    return Bib(
        record_id=f"{library.division_code}{number:06}",
        source=library.marc.format,
        title=_writable(book.title, charset),
        responsibility=author,
        contributors=(Contributor(name=author, kind=AgentKind.PERSON, entry=_ENTRIES[library.marc.format]),),
        isbns=(Isbn.parse(book.isbn13),) if book.isbn13 else (),
        publisher=_writable(book.publisher, charset),
        date_text=str(book.year),
        year=book.year,
        classes=(Classification(number=book.clc),),
        languages=(_LANGUAGES[book.language],),
        holdings=(Holding(branch=library.slug, location=location, call_number=call_number, items=items),),
    )


def _book_number(book: Book) -> int:
    """Return the part of a call number that tells books of one class apart."""
    return int.from_bytes(hashlib.sha256(book.title.encode()).digest()[:2], "big") % 1000


def _writable(text: str, charset: str) -> str:
    """Return ``text`` as a cataloguer writes it whose system lacks some of its letters: Bronte for Brontë."""
    return "".join(character if _has(charset, character) else _base(character) for character in text)


def _has(charset: str, character: str) -> bool:
    try:
        character.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def _base(character: str) -> str:
    return unicodedata.normalize("NFKD", character)[0]
