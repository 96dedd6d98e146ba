"""What the union catalogue answers: a page of hits, and one cluster with its members."""

from typing import NamedTuple

from federation.catalogue.facets import NO_FACETS, Facets
from schemas.bib import Bib
from schemas.identifiers import AgencyId


class ItemView(NamedTuple):
    """One copy, its place and call number filled in from its holding, its price from the record's where it has none."""

    barcode: str
    location: str
    call_number: str
    price_fen: int | None


class HoldingView(NamedTuple):
    """One agency's record in a cluster, with its copies. A barcode is unique only together with the agency."""

    agency: AgencyId
    record_id: str
    items: tuple[ItemView, ...]


class Hit(NamedTuple):
    """One book as a line of a result list; the description is that of its fullest record."""

    cluster_id: str
    title: str
    author: str
    publisher: str
    year: int | None
    isbn13: str | None
    holdings: tuple[HoldingView, ...]


class SearchPage(NamedTuple):
    """A page of hits. With ``capped``, more match than were counted and ranked: ``total`` is then the cap."""

    total: int
    hits: tuple[Hit, ...]
    capped: bool = False
    facets: Facets = NO_FACETS


class MemberView(NamedTuple):
    """One agency's whole record in a cluster."""

    agency: AgencyId
    record_id: str
    bib: Bib
    items: tuple[ItemView, ...]


class ClusterView(NamedTuple):
    """One book with every record that describes it, by agency and record id."""

    cluster_id: str
    members: tuple[MemberView, ...]
