"""Proposing suppliers: an explainable order of those who could supply, with the reasons kept.

The score is a sum of points, each with its reason in plain words; ties are broken by the agency's id, so the same
facts always give the same rota. The home library decides; it may leave the order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

from schemas.directory import Agency
from schemas.identifiers import AgencyId
from schemas.lending import RotaEntry

ON_SHELF_POINTS = 1000
UNKNOWN_POINTS = 400
PER_KM_POINTS = -1
PER_OPEN_LOAN_POINTS = -20
BALANCE_POINTS_MAX = 100
"""A library that has borrowed more than it lent is asked first, within this many points."""
_EARTH_KM = 6371.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A library that holds the work. ``on_shelf`` is ``None`` where it did not answer in time."""

    agency: Agency
    record_id: str
    on_shelf: bool | None
    open_loans: int
    lent: int
    borrowed: int


def propose(candidates: Iterable[Candidate], home: Agency, pickup: Agency, entries_max: int) -> tuple[RotaEntry, ...]:
    """Return at most ``entries_max`` suppliers, best first. The home library is no supplier to its own reader."""
    entries = [_entry(candidate, pickup) for candidate in candidates
               if candidate.agency.agency != home.agency and candidate.on_shelf is not False]
    return tuple(sorted(entries, key=lambda entry: (-entry.score, entry.agency))[:entries_max])


def _entry(candidate: Candidate, pickup: Agency) -> RotaEntry:
    distance = round(distance_km(candidate.agency, pickup))
    owed = max(-BALANCE_POINTS_MAX, min(BALANCE_POINTS_MAX, 10 * (candidate.borrowed - candidate.lent)))
    points = (
        (ON_SHELF_POINTS, "在架") if candidate.on_shelf else (UNKNOWN_POINTS, "未及确认在架"),
        (PER_KM_POINTS * distance, f"距取书点 {distance} 公里"),
        (PER_OPEN_LOAN_POINTS * candidate.open_loans, f"在办 {candidate.open_loans} 件"),
        (owed, f"已借出 {candidate.lent} 件、借入 {candidate.borrowed} 件"),
    )
    return RotaEntry(agency=AgencyId(candidate.agency.agency), record_id=candidate.record_id,
                     score=sum(score for score, _ in points),
                     reasons=tuple(f"{reason}({score:+d})" for score, reason in points))


def distance_km(one: Agency, other: Agency) -> float:
    """Return the great-circle distance (haversine)."""
    lat1, lat2 = radians(one.latitude_microdegrees / 1e6), radians(other.latitude_microdegrees / 1e6)
    half_lat = (lat2 - lat1) / 2
    half_lon = radians((other.longitude_microdegrees - one.longitude_microdegrees) / 1e6) / 2
    return 2 * _EARTH_KM * asin(sqrt(sin(half_lat) ** 2 + cos(lat1) * cos(lat2) * sin(half_lon) ** 2))
