"""Delivery to the reader's door (送书到家): who may know the address, and for how long.

The reader's page seals it to the home library, for one loan; the home library opens it and seals it again to the pickup
library, whose staff see it while the copy waits there. The journal keeps it sealed, and only as long as the loan needs
it; why, and what stays in the signed messages: ``docs/decisions/0007``. Not here: the order's signature (``home``).
"""

import sqlite3
from typing import TYPE_CHECKING

from connectors.agent.custody import NothingToDo
from schemas.identifiers import AgencyId
from schemas.lending import Custody, Request
from schemas.lifecycle import Event
from schemas.loan import Loan
from schemas.messages import AnyMessage
from trust.errors import TrustError
from trust.sealing import Secret, open_address, seal_address, to_jwk

if TYPE_CHECKING:
    from connectors.agent.home import Desk
    from connectors.agent.office import Office
    from connectors.agent.tables import Unit

DDL = ("CREATE TABLE IF NOT EXISTS delivery (conv TEXT PRIMARY KEY, sealed TEXT NOT NULL) STRICT",)

_BEFORE_READER = frozenset({Custody.SUPPLIER, Custody.IN_TRANSIT, Custody.PICKUP_POINT, Custody.LOCKER})


class AddressRefused(ValueError):
    """The copy cannot be brought where the reader wants it; the text says why, and what the reader can do."""


class Deliveries:
    """The sealed addresses of loans under way, in one transaction of the journal."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def keep(self, conv: str, sealed: str) -> None:
        """Keep a loan's address, sealed to whoever delivers."""
        self._db.execute("INSERT OR REPLACE INTO delivery VALUES (?, ?)", (conv, sealed))

    def sealed(self, conv: str) -> str | None:
        """Return a loan's sealed address; ``None`` where the reader collects, or it is needed no more."""
        row = self._db.execute("SELECT sealed FROM delivery WHERE conv = ?", (conv,)).fetchone()
        return row[0] if row else None

    def loans(self) -> list[str]:
        """Return the loans with an address, in the order in which these came."""
        return [conv for (conv,) in self._db.execute("SELECT conv FROM delivery ORDER BY rowid")]

    def forget(self, conv: str) -> None:
        """The loan needs its address no more."""
        self._db.execute("DELETE FROM delivery WHERE conv = ?", (conv,))


def take_address(desk: "Desk", loan: Loan, sealed: str) -> None:
    """Keep the address of an own reader's order, sealed anew to the pickup library where that is another one.

    Raises:
        AddressRefused: nobody delivers from that point, or the address does not open here, for this loan.
    """
    pickup = desk.directory.directory.by_id.get(loan.pickup.agency)
    if pickup is None or not pickup.delivers_from(loan.pickup.point):
        raise AddressRefused("that pickup point does not deliver; the reader must choose another, or collect the copy")
    try:
        address = open_address(desk.sealing_keys, sealed, loan.conv)
        if pickup.agency != desk.me:
            _, key = desk.directory.sealing_key(pickup.agency, desk.now)
            sealed = seal_address(to_jwk(key), loan.conv, address)
    except TrustError as error:
        raise AddressRefused(str(error)) from None
    Deliveries(desk.unit.connection).keep(loan.conv, sealed)


def address_for_pickup(desk: "Desk", loan: Loan) -> str | None:
    """Return what a Request carries to the pickup library; its own reader's address a library has already."""
    return None if loan.pickup.agency == desk.me else Deliveries(desk.unit.connection).sealed(loan.conv)


def follow(desk: "Desk", event: Event, loan: Loan, message: AnyMessage) -> None:
    """Keep the address that a Request brings to the pickup library, and forget one that the loan needs no more."""
    deliveries = Deliveries(desk.unit.connection)
    body = message.body
    if event is Event.REQUESTED and isinstance(body, Request) and body.delivery is not None:
        if desk.me == loan.pickup.agency:
            deliveries.keep(loan.conv, body.delivery)
            _try(desk, loan, body.delivery)
    elif not _is_needed(loan, desk.me):
        deliveries.forget(loan.conv)


def to_deliver(unit: "Unit", me: AgencyId) -> list[Loan]:
    """Return the loans whose copy is here, to be brought to its reader."""
    loans = (unit.loan(conv) for conv in Deliveries(unit.connection).loans())
    return [loan for loan in loans if loan is not None and _waits_here(loan, me)]


def address_of(unit: "Unit", office: "Office", conv: str) -> Secret:
    """Return where to bring a copy that waits here.

    Raises:
        NothingToDo: it is not here, or its reader collects it.
        SealRefused: the address does not open here.
    """
    loan, sealed = unit.loan(conv), Deliveries(unit.connection).sealed(conv)
    if loan is None or sealed is None or not _waits_here(loan, office.me):
        raise NothingToDo(f"loan {conv}: no copy here that is to be brought to its reader")
    return open_address(office.sealing_keys, sealed, conv)


def _try(desk: "Desk", loan: Loan, sealed: str) -> None:
    """Tell staff at once where an address does not open: there is time to ask its library before the copy comes."""
    try:
        open_address(desk.sealing_keys, sealed, loan.conv)
    except TrustError as error:
        told = f"loan {loan.conv}, the reader's address as {loan.home} has sealed it: {error}"
        desk.unit.alarm(desk.now.isoformat(), error.code, told)


def _waits_here(loan: Loan, me: AgencyId) -> bool:
    return loan.outcome is None and loan.custody is Custody.PICKUP_POINT and loan.holder == me


def _is_needed(loan: Loan, me: AgencyId) -> bool:
    """Whether an address is still of use: to the home library until the copy is sent, to the pickup library until the
    reader has it. The next Request of a loan whose supplier has dropped out brings it to the pickup library again."""
    if loan.outcome is not None:
        return False
    if me != loan.pickup.agency:
        return loan.custody is Custody.SUPPLIER
    return loan.custody in _BEFORE_READER and (me == loan.home or loan.ended_by is None)
