"""How a search went in each part of what was searched: the report SearchResult-1 (Z39.50-1995, USR.1), as we write it.

It rides in the search response's additional search information. Each part has its name and state as the subquery's id,
and its number of hits; ``yaz-client`` prints both. Absent on purpose: expressions, recommendations and weights, and
reading what other targets report.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Protocol, runtime_checkable

from connectors.z3950 import oid
from connectors.z3950.apdu import OtherInformation
from connectors.z3950.asn1 import BOOLEAN, INTEGER, STRING, implicit, sequence, sequence_of
from connectors.z3950.ber import Element, context
from connectors.z3950.record import external_of


@dataclass(frozen=True, slots=True)
class Subquery:
    """One part: ``id`` names it and says how it went."""

    id: Annotated[str | None, implicit(1, STRING)]
    is_full_query: Annotated[bool, implicit(2, BOOLEAN)] = True
    count: Annotated[int | None, implicit(6, INTEGER)] = None


@runtime_checkable
class Tells(Protocol):
    """Something found that can tell how."""

    def subqueries(self) -> Iterable[Subquery]:
        """Return the parts of what was searched."""


_REPORT = sequence_of(sequence(Subquery))
_INFORMATION = sequence(OtherInformation)
_ADDITIONAL_SEARCH_INFO = context(203)


def search_info(found: object) -> Element | None:
    """Return the [203] element of a search response; ``None`` where ``found`` tells nothing."""
    if not isinstance(found, Tells):
        return None
    external = external_of(oid.SEARCH_RESULT_1, _REPORT.write(tuple(found.subqueries())))
    return _ADDITIONAL_SEARCH_INFO, [_INFORMATION.write(OtherInformation(external=external))]
