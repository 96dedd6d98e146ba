"""From a reader's wish to a signed Order: who could supply, what it will cost, and the Order to the home library.

The gateway proposes; the reader signs what was proposed; the home library decides. Availability is asked of the few
libraries that hold the work, each in its own time: one that does not answer is a candidate like any other, with fewer
points, and slows nobody.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from federation.catalogue.views import ClusterView
from federation.loans.rota import Candidate, propose
from federation.ports import Unit
from schemas.bib import CirculationStatus
from schemas.directory import Tariff
from schemas.identifiers import AgencyId, ItemBarcode
from schemas.lending import BibRef, PickupPoint, Quote, RotaEntry
from schemas.questions import ItemStatus
from trust.directory import TrustedDirectory

BARCODES_ASKED_MAX = 10
_BARCODE = re.compile(ItemBarcode.pattern)
_ON_SHELF = frozenset({CirculationStatus.AVAILABLE, CirculationStatus.TO_BE_RESHELVED})

AskAvailability = Callable[[AgencyId, Sequence[ItemBarcode]], Awaitable[Sequence[ItemStatus] | None]]
"""Asks one library; ``None`` where it did not answer in time."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the reader is asked to sign: the work, the pickup point, the suppliers in order, the cost."""

    bib: BibRef
    pickup: PickupPoint
    rota: tuple[RotaEntry, ...]
    quote: Quote


def holders(cluster: ClusterView) -> Mapping[AgencyId, tuple[str, tuple[ItemBarcode, ...]]]:
    """Return for each library its record and copies; of several records of one library the first with copies.

    A copy whose catalogued barcode no message could carry is left out.
    """
    found: dict[AgencyId, tuple[str, tuple[ItemBarcode, ...]]] = {}
    for member in cluster.members:
        barcodes = tuple(ItemBarcode(item.barcode) for item in member.items
                         if _BARCODE.fullmatch(item.barcode))[:BARCODES_ASKED_MAX]
        if barcodes and member.agency not in found:
            found[member.agency] = (member.record_id, barcodes)
    return found


def candidates(unit: Unit, directory: TrustedDirectory, cluster: ClusterView,
               answers: Mapping[AgencyId, Sequence[ItemStatus] | None]) -> tuple[Candidate, ...]:
    """Return the libraries that hold the work, with what the rota needs to know of each."""
    known = directory.directory.by_id
    return tuple(
        Candidate(known[agency], record_id, is_on_shelf(answers.get(agency)), unit.loans.open_of(agency),
                  *unit.loans.balance(agency))
        for agency, (record_id, _) in holders(cluster).items() if agency in known)


def is_on_shelf(items: Iterable[ItemStatus] | None) -> bool | None:
    """Return whether a copy stands on the shelf; ``None`` where nobody answered."""
    return None if items is None else any(item.status in _ON_SHELF for item in items)


def propose_loan(directory: TrustedDirectory, cluster: ClusterView, found: Iterable[Candidate], home: AgencyId,
                 pickup: PickupPoint) -> Proposal:
    """Return the proposal for one work: the rota by its reasons, the cost by the signed tariff."""
    known = directory.directory.by_id
    rota = propose(found, known[home], known[pickup.agency], directory.policies.rota_max)
    return Proposal(bib_ref(cluster), pickup, rota, quote_for(directory.tariff, price_of(cluster)))


def bib_ref(cluster: ClusterView) -> BibRef:
    """Return how a cluster is named in messages."""
    bib = cluster.members[0].bib
    isbn = next((isbn.isbn13 for isbn in bib.isbns if isbn.isbn13 and isbn.valid), None)
    return BibRef(cluster=cluster.cluster_id, title=bib.title[:500], author=(bib.responsibility or "")[:500],
                  isbn13=isbn or "", volume=(bib.volume or "")[:500])


def price_of(cluster: ClusterView) -> int | None:
    """Return the dearest catalogued price of the work's copies: what the guarantee must be able to replace."""
    return max((item.price_fen for member in cluster.members for item in member.items if item.price_fen), default=None)


def quote_for(tariff: Tariff, price_fen: int | None) -> Quote:
    """Return what the loan will cost the home library at most."""
    return Quote(fee_fen=tariff.loan_fee_fen, carriage_out_fen=tariff.carriage_out_fen,
                 carriage_back_fen=tariff.carriage_back_fen, guarantee_fen=price_fen or tariff.default_price_fen)
