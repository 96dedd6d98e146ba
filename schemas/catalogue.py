"""What a library asks the union catalogue, and what it is told: works with all their holdings, and terms of an index.

A query is never a text: it is its terms and operators in reverse Polish notation, as in the type-1 query of Z39.50, so
nothing that a reader has typed can become syntax, and no query nests on the wire. Asked and answered as
`schemas.questions` are: once, at once, never stored.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, field_serializer

from schemas.bib import RECORD_ID_MAX, Bib
from schemas.identifiers import AgencyId, Count, ShortText, Wire

STEPS_MAX = 399
"""Terms and operators of one query: two hundred terms."""
WORKS_MAX = 50
"""Works of one answer."""
SORTED_MAX = 5_000
"""Works that are put in another order than by relevance; where more match, they are not."""
TERMS_MAX = 200
"""Terms of an index in one answer."""


class Index(StrEnum):
    """Where a term is looked for; a year is looked for among years, editions and series."""

    ANY = "any"
    TITLE = "title"
    AUTHOR = "author"
    SUBJECT = "subject"
    PUBLISHER = "publisher"
    NUMBER = "number"
    YEAR = "year"


class Operator(StrEnum):
    """What becomes of the two results before it: both, either, or the first without the second."""

    AND = "and"
    OR = "or"
    NOT = "not"


class Order(StrEnum):
    """By what works are ordered; by relevance those that fit best come first."""

    RELEVANCE = "relevance"
    TITLE = "title"
    AUTHOR = "author"
    YEAR = "year"


class Sought(Wire):
    """A term: the words of ``text`` side by side; with ``is_start`` the last of them need only begin so."""

    text: ShortText
    index: Index = Index.ANY
    is_start: bool = False


class SortedBy(Wire):
    """One key of an order; of several the first counts most."""

    order: Order
    descending: bool = False


class CatalogueQuestion(Wire):
    """Library → gateway: which works does this find? ``offset`` are passed over, at most ``limit`` are told.

    ``by_library`` asks also how many each library has of them.
    """

    query: Annotated[tuple[Sought | Operator, ...], Field(max_length=STEPS_MAX)]
    order: Annotated[tuple[SortedBy, ...], Field(max_length=4)] = ()
    offset: Count = 0
    limit: Annotated[int, Field(ge=0, le=WORKS_MAX)] = 10
    by_library: bool = False


class HeldCopy(Wire):
    """One copy, and whether the alliance has it out on a loan, as the gateway's log tells."""

    barcode: ShortText
    location: ShortText = ""
    call_number: ShortText = ""
    on_loan: bool = False
    due_date: date | None = None


class Holder(Wire):
    """A library that has the work, under which number, and its copies."""

    agency: AgencyId
    record_id: Annotated[str, Field(max_length=RECORD_ID_MAX)]
    copies: tuple[HeldCopy, ...] = ()


class FoundWork(Wire):
    """One work: its fullest record, without holdings of its own, and every library that has it."""

    cluster: ShortText
    bib: Bib
    holders: tuple[Holder, ...]

    @field_serializer("bib", when_used="json")
    def _without_defaults(self, bib: Bib) -> dict[str, Any]:
        """A record has many fields and uses few: on the wire those that say nothing are left out."""
        return bib.model_dump(mode="json", exclude_defaults=True)


class LibraryShare(Wire):
    """A library whose catalogue is in the union, and how many of the works found it has."""

    agency: AgencyId
    works: Count


class CatalogueAnswer(Wire):
    """Gateway → library. Fewer works may come than were asked for: as many as one answer has room for.

    Where ``capped``, more works match than ``total``, up to which they are counted and can be had. ``libraries``, where
    they were asked for, are counted over the first 5,000.
    """

    total: Count
    capped: bool = False
    works: Annotated[tuple[FoundWork, ...], Field(max_length=WORKS_MAX)] = ()
    libraries: tuple[LibraryShare, ...] = ()


class IndexQuestion(Wire):
    """Library → gateway: which terms does an index have from ``start`` on, and how many works has each?

    ``before`` terms that precede are told too, where the index can be read backwards.
    """

    index: Index
    start: ShortText
    before: Annotated[int, Field(ge=0, le=TERMS_MAX)] = 0
    count: Annotated[int, Field(ge=0, le=TERMS_MAX)] = 20


class IndexTerm(Wire):
    """A term that can be looked for, what it stands for where that is written otherwise, and how many works have it."""

    text: ShortText
    shown: ShortText = ""
    works: Count


class IndexAnswer(Wire):
    """Gateway → library: terms in their order; ``before`` of them precede the one that was asked for."""

    terms: tuple[IndexTerm, ...]
    before: Count = 0
