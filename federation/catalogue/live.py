"""Works out of live answers: what libraries say now, put to the works of the union catalogue, and to one another.

A record of a library that holds a work in the union catalogue is of that work. Any other is put to the first work that
the scorer calls one book with it, and that no veto keeps apart; what is no work of the union is one of its own. Works
are never taken apart again, so that what a reader has seen stays where it is. Deliberately absent: asking.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from federation.catalogue.clustering import compare, keys_of
from federation.catalogue.features import Features, features_of
from schemas.bib import Bib
from schemas.catalogue import FoundWork
from schemas.identifiers import AgencyId

DESCRIPTIONS_MAX = 8
"""Different descriptions of one work that others are compared with."""


@dataclass
class LiveWork:
    """One book: ``cluster`` is its id in the union catalogue, ``""`` where that does not know it (yet).

    ``found_at`` are the libraries whose own catalogue has just answered with it, and under which numbers.
    """

    number: int
    cluster: str
    bib: Bib
    holders: frozenset[AgencyId] = frozenset()
    found_at: dict[AgencyId, list[str]] = field(default_factory=dict)
    described: list[Features] = field(default_factory=list)


class LiveWorks:
    """The works of one live search; begin with what the union catalogue finds for the same question."""

    def __init__(self, union: Iterable[FoundWork] = ()) -> None:
        self.works: list[LiveWork] = []
        self._by_record: dict[tuple[AgencyId, str], LiveWork] = {}
        self._by_key: dict[str, list[LiveWork]] = {}
        for found in union:
            work = self._new(found.bib, found.cluster, frozenset(holder.agency for holder in found.holders))
            self._by_record.update({(holder.agency, holder.record_id): work for holder in found.holders})

    def add(self, agency: AgencyId, bib: Bib) -> LiveWork:
        """Return the work that a library's record is of, with the record noted at it."""
        features = features_of(bib)
        work = self._by_record.get((agency, bib.record_id)) or self._alike(features) or self._new(bib)
        records = work.found_at.setdefault(agency, [])
        if bib.record_id not in records:
            records.append(bib.record_id)
        self._describe(work, features)
        return work

    def found(self) -> list[LiveWork]:
        """Return the works that some library has just answered with, in the order in which they came."""
        return [work for work in self.works if work.found_at]

    def _alike(self, features: Features) -> LiveWork | None:
        near = {work.number: work for key in keys_of(features) for work in self._by_key.get(key, ())}
        for work in near.values():
            decisions = [compare(features, known) for known in work.described]
            if any(each.same for each in decisions) and not any(each.vetoed for each in decisions):
                return work
        return None

    def _new(self, bib: Bib, cluster: str = "", holders: frozenset[AgencyId] = frozenset()) -> LiveWork:
        work = LiveWork(len(self.works), cluster, bib, holders)
        self.works.append(work)
        self._describe(work, features_of(bib))
        return work

    def _describe(self, work: LiveWork, features: Features) -> None:
        if features in work.described or len(work.described) >= DESCRIPTIONS_MAX:
            return
        work.described.append(features)
        for key in keys_of(features):
            known = self._by_key.setdefault(key, [])
            if work not in known:
                known.append(work)
