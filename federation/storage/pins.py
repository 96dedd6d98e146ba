"""The pins of librarians: one row each, kept for ever, undone ones with who undid them, when and why."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from federation.catalogue.pinning import Act, NoSuchPin, Pin, PinKind, RecordName, require_new
from federation.storage.engine import Connection
from schemas.identifiers import AgencyId

DDL: tuple[str, ...] = (
    """CREATE TABLE bib_pin (
        number INTEGER PRIMARY KEY, kind TEXT NOT NULL,
        one_agency TEXT NOT NULL, one_record TEXT NOT NULL, other_agency TEXT NOT NULL, other_record TEXT NOT NULL,
        made_by TEXT NOT NULL, made_at TEXT NOT NULL, made_reason TEXT NOT NULL,
        undone_by TEXT, undone_at TEXT, undone_reason TEXT) STRICT""",
    "CREATE INDEX bib_pin_by_one ON bib_pin (one_agency, one_record)",
    "CREATE INDEX bib_pin_by_other ON bib_pin (other_agency, other_record)",
)

_INSERT = """INSERT INTO bib_pin
    (kind, one_agency, one_record, other_agency, other_record, made_by, made_at, made_reason)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING number"""
_UNDO = "UPDATE bib_pin SET undone_by = ?, undone_at = ?, undone_reason = ? WHERE number = ?"
_GET = "SELECT * FROM bib_pin WHERE number = ?"
_ALL = "SELECT * FROM bib_pin ORDER BY number"
_STANDING = "SELECT * FROM bib_pin WHERE undone_at IS NULL ORDER BY number"
_OF_RECORD = """SELECT * FROM bib_pin WHERE undone_at IS NULL
    AND ((one_agency = ? AND one_record = ?) OR (other_agency = ? AND other_record = ?))"""


class PinTable:
    """Where pins are kept. Calls belong inside the caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(self, kind: PinKind, one: RecordName, other: RecordName, made: Act) -> Pin:
        """Keep a pin.

        Raises:
            PinRefused: it contradicts those that stand, or says nothing new.
        """
        require_new(self.around((one, other)), kind, one, other)
        act = (made.by, made.at.isoformat(), made.reason)
        (number,) = self._db.execute(_INSERT, (kind, *one, *other, *act)).fetchone()
        return Pin(number, kind, one, other, made)

    def undo(self, number: int, undone: Act) -> Pin:
        """Let a pin stand no longer; it is kept as history.

        Raises:
            NoSuchPin: there is none of this number, or it was undone before.
        """
        row = self._db.execute(_GET, (number,)).fetchone()
        pin = _pin(row) if row else None
        if pin is None or pin.undone is not None:
            raise NoSuchPin(f"没有生效的第 {number} 号规定 no pin {number} stands; 'catalogue pins' lists them")
        self._db.execute(_UNDO, (undone.by, undone.at.isoformat(), undone.reason, number))
        return pin._replace(undone=undone)

    def all(self, *, undone: bool = False) -> Sequence[Pin]:
        """Return the pins that stand, by number; with ``undone`` also those that once did."""
        return [_pin(row) for row in self._db.execute(_ALL if undone else _STANDING)]

    def of(self, record: RecordName) -> Sequence[Pin]:
        """Return the standing pins that name a record."""
        return [_pin(row) for row in self._db.execute(_OF_RECORD, (*record, *record))]

    def around(self, records: Iterable[RecordName]) -> Sequence[Pin]:
        """Return the standing pins of ``records`` and of all that these pin together with them."""
        found: dict[int, Pin] = {}
        seen = set(records)
        waiting = list(seen)
        for record in waiting:
            for pin in self.of(record):
                found[pin.number] = pin
                further = pin.records - seen if pin.kind is PinKind.TOGETHER else frozenset()
                seen |= further
                waiting.extend(further)
        return [found[number] for number in sorted(found)]


def _pin(row: Sequence[Any]) -> Pin:
    number, kind, one_agency, one_record, other_agency, other_record, *acts = row
    made, undone = (_act(acts[at : at + 3]) for at in (0, 3))
    assert made is not None
    one, other = RecordName(AgencyId(one_agency), one_record), RecordName(AgencyId(other_agency), other_record)
    return Pin(number, PinKind(kind), one, other, made, undone)


def _act(texts: Sequence[Any]) -> Act | None:
    by, at, reason = texts
    return None if at is None else Act(by, datetime.fromisoformat(at), reason)
