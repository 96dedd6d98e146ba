"""The library system as SIP2 clients see it: each request to an operation, each result to the answer of its kind.

``Sip2Face`` is the handler of ``connectors.sip2.server``; framing, checksums, 96 and 97 are the server's. A PIN that is
sent is checked; one that is not sent is not asked for, since terminals are trusted. Extension: PC in 64 is the patron
type. Deliberately absent: 01, 19, 25 and 65, which are answered with a refusal of their kind.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from connectors.sip2.answers import decode_amount, encode_amount
from connectors.sip2.dates import decode_date, encode_date
from connectors.sip2.errors import BadDate
from connectors.sip2.fields import PATRON_STATUS, SUMMARY, CirculationStatus, HoldMode, to_supported
from connectors.sip2.messages import Message, build
from connectors.sip2.refusal import refusal
from connectors.sip2.server import LineState
from examples.alliance.clock import Clock
from examples.alliance.roster import Library
from examples.ils import circulation, texts
from examples.ils.database import Database
from examples.ils.model import ItemRecord, Loan, PatronRecord, Refusal, Refused
from examples.ils.records import blocks_of, is_pin, read_item, read_patron

_COUNT_MAX = 9999
_MEDIA_BOOK = "001"
_ALERT_HOLD_HERE = "01"


class Sip2Face:
    """Answers one library's SIP2 requests from its circulation database."""

    def __init__(self, library: Library, database: Database, clock: Clock) -> None:
        self._library = library
        self._database = database
        self._clock = clock
        self._zone = library.sip2.zone
        self._language = 0 if texts.has_chinese(library.sip2.charset) else 1
        self._handlers: Mapping[str, Callable[[Message], Awaitable[Message]]] = {
            "93": self._login,
            "99": self._status,
            "23": self._patron_status,
            "63": self._patron_information,
            "35": self._end_session,
            "17": self._item_information,
            "11": self._checkout,
            "09": self._checkin,
            "15": self._hold,
            "29": self._renew,
            "37": self._fee_paid,
        }

    async def __call__(self, request: Message, _line: LineState) -> Message:
        """Return the answer; where a rule says no, the refusal of the request's own kind with the reason in AF."""
        handler = self._handlers.get(request.id)
        try:
            if handler is None:
                raise Refused(Refusal.UNSUPPORTED)
            if request.get("AB") and request.get("AO") not in ("", None, self._library.sip2.institution):
                raise Refused(Refusal.OTHER_LIBRARY)
            return await handler(request)
        except Refused as refused:
            return refusal(request, self._say(texts.REFUSALS[refused.refusal]), self._now())

    async def _login(self, request: Message) -> Message:
        expected = self._library.credentials
        given = f"{request.get('CN')}\n{request.get('CO')}".encode()
        ok = expected is None or hmac.compare_digest(given, f"{expected.user}\n{expected.password}".encode())
        return build("94", ok=ok)

    async def _status(self, _request: Message) -> Message:
        return build(
            "98",
            on_line_status=True,
            checkin_ok=True,
            checkout_ok=True,
            acs_renewal_policy=True,
            status_update_ok=False,
            off_line_ok=False,
            timeout_period="150",
            retries_allowed="003",
            date_time_sync=self._now(),
            protocol_version="2.00",
            AO=self._library.sip2.institution,
            AM=self._say((self._library.name_zh, self._library.name_en)),
            BX=to_supported(frozenset(self._handlers) | {"97"}),
        )

    async def _patron_status(self, request: Message) -> Message:
        return build("24", **await self._patron_values(request))

    async def _patron_information(self, request: Message) -> Message:
        patron = await self._database.read(read_patron, request.get("AA") or "")
        lists = _lists(patron)
        counts = {
            "hold_items_count": patron.ready_holds,
            "overdue_items_count": patron.overdue,
            "charged_items_count": patron.loans,
            "fine_items_count": patron.fees,
            "recall_items_count": (),
            "unavailable_holds_count": patron.waiting_holds,
        }
        wanted = [name for name, flag in zip(SUMMARY, request.fixed["summary"], strict=False) if flag == "Y"]
        shown = {_LIST_CODES[name]: _page(request, lists[name]) for name in wanted}
        return build(
            "64",
            **await self._patron_values(request),
            **{name: f"{min(len(entries), _COUNT_MAX):04}" for name, entries in counts.items()},
            CB=f"{patron.policy.charged_items_max:04}",
            **shown,
            PC=patron.patron_type,
        )

    async def _patron_values(self, request: Message) -> dict[str, str | bool | None]:
        """Return what 24 and 64 share."""
        card, pin = request.get("AA") or "", request.get("AD")
        patron = await self._database.read(read_patron, card)
        blocks = blocks_of(patron)
        is_blocked = "charge_denied" in blocks
        return {
            "patron_status": "".join("Y" if name in blocks else " " for name in PATRON_STATUS),
            "language": request.fixed["language"],
            "transaction_date": self._now(),
            "AO": self._library.sip2.institution,
            "AA": card,
            "AE": patron.name,
            "BL": True,
            "CQ": await self._database.read(is_pin, card, pin) if pin else None,
            "BH": "CNY",
            "BV": encode_amount(patron.fees_fen),
            "AF": self._say(texts.REFUSALS[Refusal.PATRON_BLOCKED]) if is_blocked else None,
        }

    async def _end_session(self, request: Message) -> Message:
        return build("36", end_session=True, **self._answer(request))

    async def _item_information(self, request: Message) -> Message:
        item = await self._database.read(read_item, request.get("AB") or "")
        place = item.location if item.status is not CirculationStatus.CHARGED else ""
        return build(
            "18",
            circulation_status=item.status.value,
            security_marker="02",
            fee_type="01",
            transaction_date=self._now(),
            CF=str(len(item.holders)),
            AH=None if item.loan is None else self._date(item.loan.due_at),
            AB=item.barcode,
            AJ=item.title,
            BG=self._library.sip2.institution,
            CK=_MEDIA_BOOK,
            AQ=item.location,
            AP=place,
            CS=item.call_number,
        )

    async def _checkout(self, request: Message) -> Message:
        await self._check_pin(request)
        lent = await self._database.write(circulation.checkout, request.get("AA") or "", request.get("AB") or "")
        return self._lent(request, *lent, desensitize=True)

    async def _renew(self, request: Message) -> Message:
        await self._check_pin(request)
        lent = await self._database.write(circulation.renew, request.get("AA") or "", request.get("AB") or "")
        return self._lent(request, *lent, desensitize=False)

    def _lent(self, request: Message, item: ItemRecord, loan: Loan, *, desensitize: bool) -> Message:
        return build(
            request.spec.answer or "",
            ok=True,
            renewal_ok=loan.renewals > 0,
            magnetic_media=False,
            desensitize=desensitize,
            **self._answer(request),
            AB=item.barcode,
            AJ=item.title,
            AH=self._date(loan.due_at),
            CK=_MEDIA_BOOK,
            AF=self._say(texts.DONE),
        )

    async def _checkin(self, request: Message) -> Message:
        returned_at = self._moment(request.fixed["return_date"])
        item = await self._database.write(circulation.checkin, request.get("AB") or "", returned_at)
        return build(
            "10",
            ok=True,
            resensitize=True,
            magnetic_media=False,
            alert=bool(item.holders),
            transaction_date=self._now(),
            AO=self._library.sip2.institution,
            AB=item.barcode,
            AQ=item.location,
            AJ=item.title,
            CK=_MEDIA_BOOK,
            CS=item.call_number,
            CV=_ALERT_HOLD_HERE if item.holders else None,
            AF=self._say(texts.SET_ASIDE if item.holders else texts.BACK),
        )

    async def _hold(self, request: Message) -> Message:
        await self._check_pin(request)
        work = {HoldMode.ADD.value: circulation.hold, HoldMode.DELETE.value: circulation.cancel_hold}.get(
            request.fixed["hold_mode"]
        )
        if work is None:
            raise Refused(Refusal.UNSUPPORTED)
        card = request.get("AA") or ""
        item = await self._database.write(work, card, request.get("AB") or "")
        place = item.holders.index(card) + 1 if card in item.holders else None
        return build(
            "16",
            ok=True,
            available=place == 1 and item.loan is None,
            BR=None if place is None else str(place),
            BS=request.get("BS"),
            **self._answer(request),
            AB=item.barcode,
            AJ=item.title,
            AF=self._say(texts.DONE),
        )

    async def _fee_paid(self, request: Message) -> Message:
        amount_fen = decode_amount(request.get("BV")) or 0
        transaction_id = request.get("BK") or ""
        if request.fixed["currency_type"] != "CNY" or not transaction_id:
            raise Refused(Refusal.UNSUPPORTED)
        await self._database.write(circulation.pay, request.get("AA") or "", amount_fen, transaction_id)
        return build("38", payment_accepted=True, **self._answer(request), BK=transaction_id)

    async def _check_pin(self, request: Message) -> None:
        pin = request.get("AD")
        if pin and not await self._database.read(is_pin, request.get("AA") or "", pin):
            raise Refused(Refusal.WRONG_PIN)

    def _answer(self, request: Message) -> dict[str, str]:
        """Return what every answer about a patron repeats."""
        return {
            "transaction_date": self._now(),
            "AO": self._library.sip2.institution,
            "AA": request.get("AA") or "",
        }

    def _say(self, text: tuple[str, str]) -> str:
        return text[self._language]

    def _now(self) -> str:
        return self._date(self._clock())

    def _date(self, moment: datetime) -> str:
        return encode_date(moment, self._zone)

    def _moment(self, text: str) -> datetime | None:
        try:
            return decode_date(text, self._zone)
        except BadDate:
            return None


_LIST_CODES = dict(zip(SUMMARY, ("AS", "AT", "AU", "AV", "BU", "CD"), strict=True))


def _lists(patron: PatronRecord) -> Mapping[str, tuple[str, ...]]:
    """Return each list of 63's summary as it is sent."""
    return {
        "hold_items": patron.ready_holds,
        "overdue_items": tuple(loan.barcode for loan in patron.overdue),
        "charged_items": tuple(loan.barcode for loan in patron.loans),
        "fine_items": tuple(f"{barcode} {encode_amount(amount)}" for barcode, amount in patron.fees),
        "recall_items": (),
        "unavailable_hold_items": patron.waiting_holds,
    }


def _page(request: Message, entries: tuple[str, ...]) -> tuple[str, ...]:
    """Return the entries from BP to BQ, counted from 1; all where a border is missing or no number."""
    first, last = (request.get(code) or "" for code in ("BP", "BQ"))
    start = max(int(first[:6]) - 1, 0) if first.isdecimal() else 0
    return entries[start : int(last[:6]) if last.isdecimal() else None]
