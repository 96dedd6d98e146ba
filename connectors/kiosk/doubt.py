"""Whether a write whose answer was lost has happened: asked of the ILS (17, 63), never found out by repeating it.

One table says for each message what is asked before it is sent, since a renewal or a payment shows only against what
stood before; the other what tells afterwards. What is in neither table cannot be told and is staff's.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from connectors.ils.port import Fees, Payment
from connectors.kiosk.library import Library
from connectors.kiosk.routing import Found, Label
from connectors.sip2.answers import ItemInformation, decode_amount
from connectors.sip2.fields import CirculationStatus, HoldMode
from connectors.sip2.messages import Message

S = CirculationStatus
_NOT_LENT = frozenset({S.AVAILABLE, S.IN_PROCESS, S.WAITING_ON_HOLD_SHELF, S.WAITING_TO_BE_RESHELVED, S.IN_TRANSIT})
_LENT = frozenset({S.CHARGED, S.CHARGED_NO_RECALL_YET, S.RECALLED, S.CLAIMED_RETURNED, S.LOST})
RENEW_ALL_MAX = 30
"""Copies on a card up to which each is asked for before all are renewed."""

Before = Mapping[str, Any]
"""What stood before a write, as JSON keeps it; empty where that could not be told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the ILS says; ``happened`` is ``None`` where it does not tell. ``item`` is the copy as it stands now."""

    happened: bool | None
    item: ItemInformation | None = None
    renewed: tuple[str, ...] = ()
    unrenewed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Doubt:
    """One write about one card or copy at one library's ILS.

    ``request`` is neutral, as it is journalled. Both questions raise ``IlsFailed`` or ``Sip2Error`` where the ILS does
    not answer.
    """

    library: Library
    request: Message
    found: Found

    async def before(self) -> Before:
        """Ask what will tell afterwards."""
        ask = _BEFORE.get(self.request.id)
        return await ask(self) if ask else {}

    async def settle(self, before: Before) -> Finding:
        """Ask whether it has happened."""
        ask = _AFTER.get(self.request.id)
        return await ask(self, before) if ask else Finding(None)

    @property
    def _card(self) -> str:
        return self.found.card.number if self.found.card else ""

    @property
    def _item(self) -> Label | None:
        return self.found.item

    async def _dues(self) -> Before:
        """When each copy is due: the one that is named, or by 65 all on the card."""
        barcodes = [self._item.number] if self._item else []
        if self.request.id == "65":
            on_card = await self.library.ils.items_of(self._card)
            barcodes = sorted(on_card.charged) if on_card.is_whole else []
        if len(barcodes) > RENEW_ALL_MAX:
            return {}
        dues = {barcode: (await self.library.ils.item(barcode)).due_date for barcode in barcodes}
        return {barcode: due.isoformat() for barcode, due in dues.items() if due is not None}

    async def _owed(self) -> Before:
        fees = await self.library.ils.fees(self._card)
        return {"amount_fen": fees.amount_fen, "entries": list(fees.entries)}

    async def _lent(self, _before: Before) -> Finding:
        assert self._item is not None
        on_card = await self.library.ils.items_of(self._card)
        item = await self.library.item_information(self._item)
        if self._item.number in on_card.charged:
            return Finding(True, item)
        is_not = on_card.is_whole or (item.ok and item.circulation_status in _NOT_LENT)
        return Finding(False if is_not else None, item)

    async def _taken_back(self, _before: Before) -> Finding:
        assert self._item is not None
        item = await self.library.item_information(self._item)
        told = {True: item.circulation_status in _NOT_LENT, False: item.circulation_status in _LENT}
        return Finding(next((happened for happened, is_so in told.items() if item.ok and is_so), None), item)

    async def _held(self, _before: Before) -> Finding:
        wanted = {HoldMode.ADD.value: True, HoldMode.DELETE.value: False}.get(self.request.fixed["hold_mode"])
        if self._item is None or wanted is None:
            return Finding(None)
        on_card = await self.library.ils.items_of(self._card)
        is_held = self._item.number in on_card.held
        return Finding(is_held is wanted if is_held or on_card.is_whole else None)

    async def _renewed(self, before: Before) -> Finding:
        if not before:
            return Finding(None)
        now = {barcode: (await self.library.ils.item(barcode)).due_date for barcode in before}
        renewed = tuple(barcode for barcode, due in now.items() if due and due.isoformat() > before[barcode])
        item = await self.library.item_information(self._item) if self._item else None
        return Finding(bool(renewed), item, renewed, tuple(barcode for barcode in before if barcode not in renewed))

    async def _paid(self, before: Before) -> Finding:
        amount_fen = decode_amount(self.request.get("BV"))
        if not before or amount_fen is None or amount_fen <= 0:
            return Finding(None)
        owed = Fees(before["amount_fen"], tuple(before["entries"]))
        payment = Payment(self._card, amount_fen, self.request.get("BK") or "none", owed)
        return Finding(payment.is_seen_in(await self.library.ils.fees(self._card)))


_BEFORE: Mapping[str, Callable[[Doubt], Awaitable[Before]]] = MappingProxyType({
    "29": Doubt._dues,
    "65": Doubt._dues,
    "37": Doubt._owed,
})
_AFTER: Mapping[str, Callable[[Doubt, Before], Awaitable[Finding]]] = MappingProxyType({
    "11": Doubt._lent,
    "09": Doubt._taken_back,
    "15": Doubt._held,
    "29": Doubt._renewed,
    "65": Doubt._renewed,
    "37": Doubt._paid,
})
