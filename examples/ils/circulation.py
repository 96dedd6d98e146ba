"""The circulation desk of one library: who may borrow what, and what follows from it.

Each operation is one transaction on a ``Unit``, run by ``Database.write``; a rule that says no raises ``Refused`` and
nothing is changed. A copy with holds is kept for the first card that asked. Taking back a copy that is known never
fails, whatever stands against it.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from examples.ils.database import Unit
from examples.ils.model import POLICIES, ItemRecord, Loan, PatronRecord, Refusal, Refused
from examples.ils.records import blocks_of, read_item, read_patron

_ZONE = ZoneInfo("Asia/Shanghai")


def checkout(unit: Unit, card: str, barcode: str) -> tuple[ItemRecord, Loan]:
    """Lend a copy; the card's own hold on it is filled."""
    patron, item = read_patron(unit, card), read_item(unit, barcode)
    _require_unblocked(patron, "charge_denied")
    if item.loan is not None:
        raise Refused(Refusal.ALREADY_CHARGED)
    if item.holders and item.holders[0] != card:
        raise Refused(Refusal.HELD_FOR_ANOTHER)
    loan = Loan(barcode, card, _end_of_day(unit.now, patron.policy.loan_days), 0)
    unit.db.execute("INSERT INTO loan VALUES (?, ?, ?, 0)", (barcode, card, _seconds(loan.due_at)))
    unit.db.execute("DELETE FROM hold WHERE barcode = ? AND card = ?", (barcode, card))
    _record(unit, "checkout", card, barcode)
    return item, loan


def renew(unit: Unit, card: str, barcode: str) -> tuple[ItemRecord, Loan]:
    """Prolong a loan by another loan period, counted from its due date."""
    patron, item = read_patron(unit, card), read_item(unit, barcode)
    loan = _renewable(patron, item, unit.now)
    renewed = Loan(barcode, card, _end_of_day(loan.due_at, patron.policy.loan_days), loan.renewals + 1)
    unit.db.execute(
        "UPDATE loan SET due_at = ?, renewals = ? WHERE barcode = ?",
        (_seconds(renewed.due_at), renewed.renewals, barcode),
    )
    _record(unit, "renew", card, barcode)
    return item, renewed


def checkin(unit: Unit, barcode: str, returned_at: datetime | None = None) -> ItemRecord:
    """Take a copy back and return it as it stands now; doing it again changes nothing.

    ``returned_at`` is when it was really dropped, for the fine; later than now counts as now.
    """
    item = read_item(unit, barcode)
    if item.loan is None:
        return item
    _charge_fine(unit, item.loan, min(unit.now, returned_at or unit.now))
    unit.db.execute("DELETE FROM loan WHERE barcode = ?", (barcode,))
    _record(unit, "checkin", item.loan.card, barcode)
    return read_item(unit, barcode)


def hold(unit: Unit, card: str, barcode: str) -> ItemRecord:
    """Queue the card for a copy; return the copy with the new queue."""
    patron, item = read_patron(unit, card), read_item(unit, barcode)
    _require_unblocked(patron, "hold_denied")
    if card in item.holders:
        raise Refused(Refusal.ALREADY_HELD)
    if item.loan is not None and item.loan.card == card:
        raise Refused(Refusal.ALREADY_CHARGED)
    unit.db.execute("INSERT INTO hold (barcode, card) VALUES (?, ?)", (barcode, card))
    _record(unit, "hold", card, barcode)
    return read_item(unit, barcode)


def cancel_hold(unit: Unit, card: str, barcode: str) -> ItemRecord:
    """Take the card out of a copy's queue."""
    if card not in read_item(unit, barcode).holders:
        raise Refused(Refusal.NOT_HELD)
    unit.db.execute("DELETE FROM hold WHERE barcode = ? AND card = ?", (barcode, card))
    _record(unit, "cancel hold", card, barcode)
    return read_item(unit, barcode)


def pay(unit: Unit, card: str, amount_fen: int, transaction_id: str) -> None:
    """Take a payment, oldest fee first. The same id with the same content is the same payment, taken once."""
    patron = read_patron(unit, card)
    known = unit.db.execute(
        "SELECT card, amount_fen FROM payment WHERE transaction_id = ?", (transaction_id,)
    ).fetchone()
    if known == (card, amount_fen):
        return
    if known is not None:
        raise Refused(Refusal.PAYMENT_DIFFERS)
    if not 0 < amount_fen <= patron.fees_fen:
        raise Refused(Refusal.NOTHING_TO_PAY)
    unit.db.execute("INSERT INTO payment VALUES (?, ?, ?)", (transaction_id, card, amount_fen))
    _settle(unit, card, amount_fen)
    _record(unit, "pay", card, "")


def _require_unblocked(patron: PatronRecord, denial: str) -> None:
    blocks = blocks_of(patron)
    if denial in blocks:
        is_limit = blocks == {"too_many_charged", "charge_denied"}
        raise Refused(Refusal.LIMIT_REACHED if is_limit else Refusal.PATRON_BLOCKED)


def _renewable(patron: PatronRecord, item: ItemRecord, now: datetime) -> Loan:
    """Return the loan that may be prolonged; raise ``Refused`` where it may not."""
    _require_unblocked(patron, "renewal_denied")
    loan = item.loan
    if loan is None or loan.card != patron.card:
        raise Refused(Refusal.NOT_CHARGED)
    if item.holders:
        raise Refused(Refusal.HELD_FOR_ANOTHER)
    if loan.due_at < now:
        raise Refused(Refusal.OVERDUE)
    if loan.renewals >= patron.policy.renewals_max:
        raise Refused(Refusal.RENEWALS_USED)
    return loan


def _charge_fine(unit: Unit, loan: Loan, returned_at: datetime) -> None:
    """Post the fine for each day begun after the due date."""
    days = -((loan.due_at - returned_at) // timedelta(days=1))
    (patron_type,) = unit.db.execute("SELECT patron_type FROM patron WHERE card = ?", (loan.card,)).fetchone()
    fine_fen = days * POLICIES[patron_type].fine_fen
    if fine_fen > 0:
        row = (loan.card, loan.barcode, fine_fen)
        unit.db.execute("INSERT INTO fee (card, barcode, amount_fen) VALUES (?, ?, ?)", row)


def _settle(unit: Unit, card: str, amount_fen: int) -> None:
    fees = unit.db.execute("SELECT id, amount_fen FROM fee WHERE card = ? ORDER BY id", (card,)).fetchall()
    for fee_id, owed_fen in fees:
        paid_fen = min(owed_fen, amount_fen)
        amount_fen -= paid_fen
        unit.db.execute("UPDATE fee SET amount_fen = amount_fen - ? WHERE id = ?", (paid_fen, fee_id))
    unit.db.execute("DELETE FROM fee WHERE amount_fen = 0")


def _record(unit: Unit, verb: str, card: str, barcode: str) -> None:
    row = (_seconds(unit.now), verb, card, barcode)
    unit.db.execute("INSERT INTO event (at, verb, card, barcode) VALUES (?, ?, ?, ?)", row)


def _end_of_day(start: datetime, days: int) -> datetime:
    """Return the last second of the library's day that is ``days`` after ``start``."""
    day = start.astimezone(_ZONE) + timedelta(days=days)
    return day.replace(hour=23, minute=59, second=59, microsecond=0).astimezone(UTC)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
