"""Reading the circulation tables: a copy with where it stands, a card with all that is on it."""

import hmac
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from connectors.sip2.fields import CirculationStatus
from examples.ils.database import Unit
from examples.ils.intake import hash_pin
from examples.ils.model import (
    FEES_MAX_FEN,
    LOST_AFTER_DAYS,
    POLICIES,
    ItemRecord,
    Loan,
    PatronRecord,
    Refusal,
    Refused,
)

_DENIED = frozenset({"charge_denied", "renewal_denied", "hold_denied"})

# Of the copies a card waits for, those that are set aside for it: it stands first, and nobody has the copy.
_HOLDS = """
SELECT barcode,
       card = (SELECT card FROM hold AS first WHERE first.barcode = hold.barcode ORDER BY id LIMIT 1)
       AND barcode NOT IN (SELECT barcode FROM loan)
FROM hold WHERE card = ? ORDER BY id"""


def read_item(unit: Unit, barcode: str) -> ItemRecord:
    """Return a copy and where it stands. Raises ``Refused``: unknown item."""
    db = unit.db
    row = db.execute("SELECT title, call_number, location FROM item WHERE barcode = ?", (barcode,)).fetchone()
    if row is None:
        raise Refused(Refusal.UNKNOWN_ITEM)
    title, call_number, location = row
    found = db.execute("SELECT * FROM loan WHERE barcode = ?", (barcode,)).fetchone()
    loan = _loan(found) if found else None
    holders = tuple(card for (card,) in db.execute("SELECT card FROM hold WHERE barcode = ? ORDER BY id", (barcode,)))
    return ItemRecord(barcode, title, call_number, location, loan, holders, _status(loan, holders, unit.now))


def read_patron(unit: Unit, card: str) -> PatronRecord:
    """Return a card and all that is on it. Raises ``Refused``: unknown patron."""
    db = unit.db
    row = db.execute("SELECT name, patron_type, block FROM patron WHERE card = ?", (card,)).fetchone()
    if row is None:
        raise Refused(Refusal.UNKNOWN_PATRON)
    name, patron_type, block = row
    loans = tuple(map(_loan, db.execute("SELECT * FROM loan WHERE card = ? ORDER BY due_at, barcode", (card,))))
    fees = tuple(db.execute("SELECT barcode, amount_fen FROM fee WHERE card = ? ORDER BY id", (card,)))
    ready, waiting = _holds(db, card)
    return PatronRecord(
        card=card,
        name=name,
        patron_type=patron_type,
        policy=POLICIES[patron_type],
        block=block,
        loans=loans,
        overdue=tuple(loan for loan in loans if loan.due_at < unit.now),
        ready_holds=ready,
        waiting_holds=waiting,
        fees=fees,
    )


def is_pin(unit: Unit, card: str, pin: str) -> bool:
    """Whether ``pin`` opens ``card``; never for the institutional card, which has none."""
    row = unit.db.execute("SELECT pin_hash FROM patron WHERE card = ?", (card,)).fetchone()
    return row is not None and hmac.compare_digest(row[0], hash_pin(card, pin))


def blocks_of(patron: PatronRecord) -> frozenset[str]:
    """Return what stands against the patron, by the names of SIP2's patron status."""
    found = {
        patron.block: bool(patron.block),
        "too_many_overdue": len(patron.overdue) > patron.policy.overdue_items_max,
        "excessive_fees": patron.fees_fen > FEES_MAX_FEN,
    }
    blocks = frozenset(reason for reason, stands in found.items() if stands)
    if blocks:
        blocks |= _DENIED
    if len(patron.loans) >= patron.policy.charged_items_max:
        blocks |= {"too_many_charged", "charge_denied"}
    return blocks


def _holds(db: sqlite3.Connection, card: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the barcodes that are set aside for the card, and those it still waits for."""
    holds = db.execute(_HOLDS, (card,)).fetchall()
    return tuple(code for code, ready in holds if ready), tuple(code for code, ready in holds if not ready)


def _status(loan: Loan | None, holders: Iterable[str], now: datetime) -> CirculationStatus:
    if loan is None:
        return CirculationStatus.WAITING_ON_HOLD_SHELF if holders else CirculationStatus.AVAILABLE
    is_lost = now - loan.due_at > timedelta(days=LOST_AFTER_DAYS)
    return CirculationStatus.LOST if is_lost else CirculationStatus.CHARGED


def _loan(row: tuple[str, str, int, int]) -> Loan:
    barcode, card, due_at, renewals = row
    return Loan(barcode, card, datetime.fromtimestamp(due_at, UTC), renewals)
