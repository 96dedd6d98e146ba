"""The ILS port over SIP2: typed results from the library's own dialect.

SIP2 cannot create patrons or items, so a partner's loan is made on an institutional card. Local words (screen
messages, status codes) are read here and go no further than a reason for staff.
"""

from datetime import date, datetime

from connectors.ils.port import CardItems, IlsInDoubt, IlsUnavailable, ItemState, PatronStanding, Result
from connectors.sip2.answers import Answer, Checkout
from connectors.sip2.errors import InDoubt, NoAnswer, Sip2Error
from connectors.sip2.fields import HoldMode
from connectors.sip2.verbs import Verbs
from schemas.bib import CirculationStatus

PATRON_TYPE_CODE = "PC"
"""Where the sample dialects put the patron class; a profile may name another extension."""

_STATUS_BY_CODE = dict(zip((f"{number:02}" for number in range(1, 14)), CirculationStatus, strict=True))


class Sip2Ils:
    """Asks one library's ILS by SIP2."""

    def __init__(self, verbs: Verbs, patron_type_code: str = PATRON_TYPE_CODE) -> None:
        self._verbs = verbs
        self._zone = verbs.zone
        self._patron_type_code = patron_type_code

    async def patron(self, card: str, pin: str | None = None) -> PatronStanding:
        """Ask by 63. A PIN counts as checked only where BL and CQ are Y and it was not empty."""
        try:
            answer = await self._verbs.patron_information(card, pin)
        except Sip2Error as error:
            raise _failed(error) from error
        blocked = answer.blocks & {"charge_denied", "hold_denied", "card_lost", "too_many_charged"}
        return PatronStanding(
            known=answer.ok,
            pin_accepted=answer.ok and answer.valid_password is True and bool(pin),
            may_borrow=answer.ok and not blocked,
            patron_type=answer.message.get(self._patron_type_code) or "",
            charged_items=answer.charged_items_count or 0,
            reason=_reason(answer) or ", ".join(sorted(blocked)),
        )

    async def item(self, barcode: str) -> ItemState:
        """Ask by 17."""
        try:
            answer = await self._verbs.item_information(barcode)
        except Sip2Error as error:
            raise _failed(error) from error
        status = _STATUS_BY_CODE[answer.circulation_status.value]
        return ItemState(answer.ok, status, self._day(answer.due_date))

    async def items_of(self, card: str) -> CardItems:
        """Ask by 63, one list at a time. Lists may be ``barcode title``: the barcode is the first word."""
        try:
            charged = await self._verbs.patron_information(card, summary="charged_items")
            held = await self._verbs.patron_information(card, summary="hold_items")
            waiting = await self._verbs.patron_information(card, summary="unavailable_hold_items")
        except Sip2Error as error:
            raise _failed(error) from error
        holds = (*held.hold_items, *waiting.unavailable_hold_items)
        return CardItems(_barcodes(charged.charged_items), _barcodes(holds))

    async def place_hold(self, barcode: str, card: str) -> Result:
        """Ask by 15 ``+``."""
        return await self._hold(HoldMode.ADD, barcode, card)

    async def cancel_hold(self, barcode: str, card: str) -> Result:
        """Ask by 15 ``-``."""
        return await self._hold(HoldMode.DELETE, barcode, card)

    async def check_out(self, barcode: str, card: str) -> Result:
        """Ask by 11."""
        try:
            return self._lent(await self._verbs.checkout(card, barcode))
        except Sip2Error as error:
            raise _failed(error) from error

    async def renew(self, barcode: str, card: str) -> Result:
        """Ask by 29."""
        try:
            return self._lent(await self._verbs.renew(card, barcode))
        except Sip2Error as error:
            raise _failed(error) from error

    async def check_in(self, barcode: str) -> Result:
        """Ask by 09."""
        try:
            answer = await self._verbs.checkin(barcode)
        except Sip2Error as error:
            raise _failed(error) from error
        return Result(answer.ok, reason=_reason(answer))

    async def _hold(self, mode: HoldMode, barcode: str, card: str) -> Result:
        try:
            answer = await self._verbs.hold(mode, card, item_id=barcode)
        except Sip2Error as error:
            raise _failed(error) from error
        return Result(answer.ok, reason=_reason(answer))


    def _lent(self, answer: Checkout) -> Result:
        return Result(answer.ok, self._day(answer.due_date), _reason(answer))

    def _day(self, due: datetime | None) -> date | None:
        """Return the day in the library's own zone: an ILS that sends UTC means its own evening."""
        return due.astimezone(self._zone).date() if due else None


def _failed(error: Sip2Error) -> Exception:
    """Only an exchange that broke after a write was sent leaves a doubt."""
    if isinstance(error, InDoubt):
        return IlsInDoubt(str(error))
    if isinstance(error, NoAnswer):
        return IlsUnavailable(f"the ILS did not answer: {error}")
    return IlsUnavailable(str(error))


def _reason(answer: Answer) -> str:
    return "; ".join(answer.screen_messages)[:200]


def _barcodes(entries: tuple[str, ...]) -> frozenset[str]:
    return frozenset(entry.split()[0] for entry in entries if entry.strip())
