"""What a catalogue knows: the bibliographic record, its holdings and items, in one form for CNMARC and MARC21.

The gateway, the portal and the index see only these models; how a MARC field becomes one of them is the business of
`connectors.marc`. A field of the source record that has no place here travels in ``local_fields``, verbatim, so that
nothing a library catalogued is lost. Text is kept as catalogued (without ISBD punctuation and non-sorting marks); an
absent text is ``""``. Deliberately absent: folding, transliteration and matching, which belong to the index.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass

from schemas.bib_terms import (
    AgentKind,
    CirculationStatus,
    Entry,
    IssnStatus,
    MarcFormat,
    NoteKind,
    Relation,
    Scheme,
    SubjectKind,
    TitleKind,
)
from schemas.identifiers import Count, Fen
from schemas.isbn import isbn_facts, normalise_isbn, price_fen

__all__ = [
    "AgentKind",
    "Bib",
    "CataloguingSource",
    "CirculationStatus",
    "Classification",
    "Contributor",
    "Entry",
    "Holding",
    "Isbn",
    "Issn",
    "IssnStatus",
    "Item",
    "Link",
    "LocalField",
    "MarcFormat",
    "Note",
    "NoteKind",
    "OtherTitle",
    "RelatedTitle",
    "Relation",
    "Scheme",
    "Series",
    "Subject",
    "SubjectKind",
    "TitleKind",
    "element_of",
    "normalise_isbn",
    "price_fen",
]


RECORD_ID_MAX = 500
"""Characters: what a message has room for."""

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Isbn:
    """One ISBN as catalogued. ``isbn13`` is None where the check digit is wrong; only a ``valid`` one may merge.

    ``price_text`` stands here because CNMARC prices a binding beside its ISBN (010 $d). A price may stand without
    any number: then ``as_written`` is empty.
    """

    as_written: str = ""
    isbn13: str | None = None
    valid: bool = False
    is_set: bool = False
    cancelled: bool = False
    qualifier: str = ""
    price_text: str = ""

    @classmethod
    def parse(cls, as_written: str, qualifier: str = "", price_text: str = "", *, cancelled: bool = False) -> "Isbn":
        """Return the ISBN with its normal form and whether it names a whole set (全三册, 套装, set)."""
        return cls(**isbn_facts(as_written, qualifier, price_text, cancelled=cancelled))


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Issn:
    """One ISSN as catalogued."""

    number: str = ""
    status: IssnStatus = IssnStatus.VALID
    qualifier: str = ""
    price_text: str = ""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Contributor:
    """A person or body responsible for the work; an inverted name is written ``surname, forename``.

    ``units`` are the parts of a body that are named under it, from the largest: a university's library.
    """

    name: str
    units: tuple[str, ...] = ()
    role: str = ""
    pinyin: str = ""
    dates: str = ""
    qualifier: str = ""
    authority: str = ""
    kind: AgentKind = AgentKind.PERSON
    entry: Entry = Entry.EQUAL
    inverted: bool = False


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class OtherTitle:
    """Another title of the same work: on the cover, on the spine, uniform, translated."""

    title: str
    kind: TitleKind = TitleKind.OTHER
    subtitle: str = ""
    volume: str = ""
    volume_title: str = ""
    language: str = ""
    pinyin: str = ""
    is_main: bool = False


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class RelatedTitle:
    """A title this one belongs to, contains, or was made from."""

    title: str
    relation: Relation
    volume: str = ""
    pinyin: str = ""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Series:
    """The series as the book itself states it."""

    title: str
    pinyin: str = ""
    parallel: str = ""
    subtitle: str = ""
    responsibility: str = ""
    number: str = ""
    part: str = ""
    volume: str = ""
    issn: str = ""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Subject:
    """One subject heading with its subdivisions."""

    heading: str
    kind: SubjectKind = SubjectKind.TOPIC
    topics: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    periods: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    dates: str = ""
    qualifier: str = ""
    scheme: str = ""
    authority: str = ""
    pinyin: str = ""
    inverted: bool = False

    @property
    def text(self) -> str:
        """The heading as readers see it: 经济发展--概况--中国--1994."""
        return "--".join((self.heading, *self.topics, *self.places, *self.periods, *self.forms))


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Classification:
    """One class number, with the edition of its scheme."""

    number: str
    scheme: Scheme = Scheme.CLC
    edition: str = ""
    item_number: str = ""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Note:
    """One note; several texts of one note (contents, say) stay apart."""

    kind: NoteKind = NoteKind.GENERAL
    texts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The note as one line."""
        return " ".join(self.texts)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Link:
    """An electronic address of the work or of something about it."""

    url: str
    label: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class CataloguingSource:
    """An agency that made, copied, changed or issued the record (UNIMARC 801); ``role`` is 0, 1, 2 or 3."""

    role: str
    agency: str
    country: str = ""
    date: str = ""
    rules: str = ""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class LocalField:
    """A field kept as the source record has it.

    Each subfield is its one-letter code followed by its text (``"aF124/26"``). A control field has no indicators
    (``""``) and one entry, its whole text. The tag ``LDR`` is not used: the leader stands in ``Bib.leader``.
    """

    tag: str
    indicators: str
    subfields: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Item:
    """One copy with a barcode; ``price_fen`` is its own replacement price, where the library recorded one."""

    barcode: str
    location: str = ""
    call_number: str = ""
    price_fen: Fen | None = None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Holding:
    """A library's stock of a title at one branch and location."""

    branch: str = ""
    location: str = ""
    call_number: str = ""
    items: tuple[Item, ...] = ()


Element = TypeVar("Element")


def element_of(kind: type[Element], values: Mapping[str, Any]) -> Element:
    """Return an element of a Bib whose ``values`` are known to be of the right types: they are not checked again.

    A value that is not given is the default that stands in the class.
    """
    element = object.__new__(kind)
    element.__dict__.update(values)
    return element


class Bib(BaseModel):
    """One catalogue record.

    ``record_id`` is the source library's own number (MARC 001); ``nonfiling`` counts the characters of an article that
    sorting skips; ``coded`` is the processing data of UNIMARC 100 $a, in its 36 positions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    record_id: Annotated[str, Field(max_length=RECORD_ID_MAX)]
    source: MarcFormat
    title: str = ""
    title_pinyin: str = ""
    nonfiling: Count = 0
    further_titles: tuple[str, ...] = ()
    material: str = ""
    subtitle: str = ""
    subtitle_pinyin: str = ""
    parallel_titles: tuple[str, ...] = ()
    volume: str = ""
    volume_title: str = ""
    responsibility: str = ""
    responsibility_pinyin: str = ""
    other_responsibilities: tuple[str, ...] = ()
    other_titles: tuple[OtherTitle, ...] = ()
    related_titles: tuple[RelatedTitle, ...] = ()
    contributors: tuple[Contributor, ...] = ()
    isbns: tuple[Isbn, ...] = ()
    issns: tuple[Issn, ...] = ()
    unified_book_number: str = ""
    system_numbers: tuple[str, ...] = ()
    edition: str = ""
    edition_responsibility: str = ""
    place: str = ""
    publisher: str = ""
    date_text: str = ""
    year: Annotated[int, Field(ge=-9999, le=9999)] | None = None
    extent: str = ""
    illustrations: str = ""
    dimensions: str = ""
    accompanying: str = ""
    series: tuple[Series, ...] = ()
    subjects: tuple[Subject, ...] = ()
    classes: tuple[Classification, ...] = ()
    languages: tuple[str, ...] = ()
    original_languages: tuple[str, ...] = ()
    is_translation: bool = False
    country: str = ""
    region: str = ""
    notes: tuple[Note, ...] = ()
    summary: str = ""
    links: tuple[Link, ...] = ()
    sources: tuple[CataloguingSource, ...] = ()
    coded: str = ""
    modified: str = ""
    leader: str = ""
    local_fields: tuple[LocalField, ...] = ()
    holdings: tuple[Holding, ...] = ()

    @property
    def clc(self) -> tuple[str, ...]:
        """The numbers of the Chinese Library Classification."""
        return tuple(entry.number for entry in self.classes if entry.scheme is Scheme.CLC)

    @property
    def isbn13s(self) -> tuple[str, ...]:
        """The valid ISBNs in their normal form: those that may identify the book."""
        return tuple(isbn.isbn13 for isbn in self.isbns if isbn.valid and isbn.isbn13)

    @property
    def items(self) -> tuple[Item, ...]:
        """Every item of every holding."""
        return tuple(item for holding in self.holdings for item in holding.items)

    @property
    def price_fen(self) -> int | None:
        """The first catalogued price in yuan, as fen; None where there is none or only another currency's."""
        prices = (price_fen(isbn.price_text) for isbn in self.isbns)
        return next((price for price in prices if price is not None), None)
