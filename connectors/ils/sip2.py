"""The ILS port over SIP2: typed results from the library's own dialect.

Local words (screen messages, status codes) are read here and become a ``Reason``; as they are, they go no further than
the library's staff. Lists are asked for in pages (BP, BQ); an ILS that ignores those costs one question more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from operator import attrgetter
from types import MappingProxyType

from connectors.ils.port import (
    Block,
    CardEntries,
    CardItems,
    CardList,
    Fees,
    IlsInDoubt,
    IlsUnavailable,
    ItemState,
    PatronStanding,
    Payment,
    Result,
)
from connectors.ils.reasons import WORDS_MAX, ReasonTable, refusal_of
from connectors.sip2.answers import Answer, Checkout, PatronInformation
from connectors.sip2.errors import InDoubt, NoAnswer, Sip2Error
from connectors.sip2.fields import HoldMode
from connectors.sip2.verbs import Verbs
from schemas.bib import CirculationStatus

PATRON_TYPE_CODE = "PC"
"""Where the sample dialects put the patron class; a library's settings may name another extension."""

PAGE_ITEMS = 50
LIST_ITEMS_MAX = 1000
LIST_PAGES_MAX = 40
ENTRY_CHARS_MAX = 255
"""How much of a list is asked for and kept, whatever the ILS sends; one that is longer is not whole. SIP2: 255."""

_STATUS_BY_CODE = dict(zip((f"{number:02}" for number in range(1, 14)), CirculationStatus, strict=True))
_Read = Callable[[PatronInformation], int | None]
_COUNTS: Mapping[CardList, _Read] = MappingProxyType({
    CardList.HOLD_ITEMS: attrgetter("hold_items_count"),
    CardList.OVERDUE_ITEMS: attrgetter("overdue_items_count"),
    CardList.CHARGED_ITEMS: attrgetter("charged_items_count"),
    CardList.FINE_ITEMS: attrgetter("fine_items_count"),
    CardList.RECALL_ITEMS: attrgetter("recall_items_count"),
    CardList.UNAVAILABLE_HOLD_ITEMS: attrgetter("unavailable_holds_count"),
})


class Sip2Ils:
    """Asks one library's ILS by SIP2. ``reasons`` reads its words."""

    def __init__(self, verbs: Verbs, reasons: ReasonTable | None = None,
                 patron_type_code: str = PATRON_TYPE_CODE) -> None:
        self._verbs = verbs
        self._zone = verbs.zone
        self._reasons = reasons or ReasonTable.shipped()
        self._patron_type_code = patron_type_code

    async def patron(self, card: str, pin: str | None = None) -> PatronStanding:
        """Ask by 63. A PIN counts as checked only where BL and CQ are Y and it was not empty."""
        with _asking():
            answer = await self._verbs.patron_information(card, pin)
        counts = {name: count for name, read in _COUNTS.items() if (count := read(answer)) is not None}
        if answer.ready_holds_count is not None:
            counts[CardList.HOLD_ITEMS] = answer.ready_holds_count
        charged = counts.get(CardList.CHARGED_ITEMS)
        if charged is None and answer.ok:
            charged = len((await self.listed(card, CardList.CHARGED_ITEMS)).entries)
        blocks, words = frozenset(map(Block, answer.blocks)), _words(answer)
        reason = refusal_of(blocks, self._reasons.reason_of(words), known=answer.ok)
        return PatronStanding(
            known=answer.ok,
            pin_accepted=answer.ok and answer.valid_password is True and bool(pin),
            may_borrow=reason is None,
            patron_type=answer.message.get(self._patron_type_code) or "",
            charged_items=charged or 0,
            charged_items_max=answer.charged_items_limit,
            blocks=blocks,
            counts=MappingProxyType(counts),
            fee_fen=answer.fee_amount_fen,
            reason=reason,
            words=words if reason else "",
        )

    async def item(self, barcode: str) -> ItemState:
        """Ask by 17."""
        with _asking():
            answer = await self._verbs.item_information(barcode)
        status = _STATUS_BY_CODE[answer.circulation_status.value]
        return ItemState(answer.ok, status, self._day(answer.due_date))

    async def listed(self, card: str, name: CardList) -> CardEntries:
        """Ask by 63, page after page, until all that the ILS counts has come or a page brings nothing new."""
        entries, _ = await self._listed(card, name)
        return entries

    async def items_of(self, card: str) -> CardItems:
        """Ask by 63, one list at a time. An entry may be ``barcode title``: the barcode is the first word."""
        charged, ready, waiting = [await self.listed(card, name) for name in (
            CardList.CHARGED_ITEMS, CardList.HOLD_ITEMS, CardList.UNAVAILABLE_HOLD_ITEMS)]
        lists = (charged, ready, waiting)
        is_whole = all(each.is_whole and all(map(_barcode, each.entries)) for each in lists)
        return CardItems(_barcodes(charged.entries), _barcodes((*ready.entries, *waiting.entries)), is_whole)

    async def place_hold(self, barcode: str, card: str) -> Result:
        """Ask by 15 ``+``."""
        return await self._hold(HoldMode.ADD, barcode, card)

    async def cancel_hold(self, barcode: str, card: str) -> Result:
        """Ask by 15 ``-``."""
        return await self._hold(HoldMode.DELETE, barcode, card)

    async def check_out(self, barcode: str, card: str) -> Result:
        """Ask by 11."""
        with _asking():
            return self._lent(await self._verbs.checkout(card, barcode))

    async def renew(self, barcode: str, card: str) -> Result:
        """Ask by 29."""
        with _asking():
            return self._lent(await self._verbs.renew(card, barcode))

    async def check_in(self, barcode: str) -> Result:
        """Ask by 09."""
        with _asking():
            answer = await self._verbs.checkin(barcode)
        return Result(True) if answer.ok else self._refused(answer)

    async def fees(self, card: str) -> Fees:
        """Ask by 63: the sum (BV) and the list of fines (AV)."""
        listed, answer = await self._listed(card, CardList.FINE_ITEMS)
        return Fees(answer.fee_amount_fen, listed.entries)

    async def pay(self, payment: Payment) -> Result:
        """Ask by 37, once."""
        try:
            with _asking():
                answer = await self._verbs.fee_paid(payment.card, payment.amount_fen, payment.transaction_id,
                                                    fee_id=payment.fee_id)
        except IlsInDoubt:
            if await self.was_paid(payment):
                return Result(True)
            raise
        return Result(True) if answer.ok else self._refused(answer)

    async def was_paid(self, payment: Payment) -> bool:
        """Ask by 63 what is owed now."""
        is_booked = payment.is_seen_in(await self.fees(payment.card))
        if is_booked is None:
            raise IlsInDoubt(f"payment {payment.transaction_id}: what is owed has changed by another amount")
        return is_booked

    async def _hold(self, mode: HoldMode, barcode: str, card: str) -> Result:
        with _asking():
            answer = await self._verbs.hold(mode, card, item_id=barcode)
        return Result(True, barcode=barcode) if answer.ok else self._refused(answer)

    async def _listed(self, card: str, name: CardList) -> tuple[CardEntries, PatronInformation]:
        """Return a list and the answer that came with its last page."""
        entries: list[str] = []
        asked_from = 1
        for _ in range(LIST_PAGES_MAX):
            with _asking():
                answer = await self._verbs.patron_information(card, summary=name, start=asked_from,
                                                              end=asked_from + PAGE_ITEMS - 1)
            page: tuple[str, ...] = getattr(answer, name)
            known, count = frozenset(entries), _COUNTS[name](answer)
            new = [entry[:ENTRY_CHARS_MAX] for entry in page if entry.strip() and entry[:ENTRY_CHARS_MAX] not in known]
            entries += new
            asked_from += len(page)
            if not new or len(entries) >= min(count or LIST_ITEMS_MAX, LIST_ITEMS_MAX):
                break
        del entries[LIST_ITEMS_MAX:]
        is_whole = answer.ok and (not new if count is None else len(entries) >= count)
        return CardEntries(tuple(entries), is_whole), answer

    def _lent(self, answer: Checkout) -> Result:
        return Result(True, self._day(answer.due_date)) if answer.ok else self._refused(answer)

    def _refused(self, answer: Answer) -> Result:
        words = _words(answer)
        return Result(False, reason=self._reasons.reason_of(words), words=words)

    def _day(self, due: datetime | None) -> date | None:
        """Return the day in the library's own zone: an ILS that sends UTC means its own evening."""
        return due.astimezone(self._zone).date() if due else None


@contextmanager
def _asking() -> Iterator[None]:
    """Tell what is known of an exchange that broke: only one that broke after a write was sent leaves a doubt."""
    try:
        yield
    except InDoubt as error:
        raise IlsInDoubt(str(error)) from error
    except NoAnswer as error:
        raise IlsUnavailable(f"the ILS did not answer: {error}") from error
    except Sip2Error as error:
        raise IlsUnavailable(str(error)) from error


def _words(answer: Answer) -> str:
    """Return what an ILS says for the screen and, where it says more on paper, that as well."""
    lines = (*answer.screen_messages, *answer.message.all("AG"))
    return "; ".join(dict.fromkeys(line.strip() for line in lines if line.strip()))[:WORDS_MAX]


def _barcode(entry: str) -> str | None:
    """Return the barcode that an entry begins with; a word without a digit is a title's."""
    word = entry.split()[0]
    return word if any(map(str.isdigit, word)) else None


def _barcodes(entries: Iterable[str]) -> frozenset[str]:
    return frozenset(barcode for barcode in map(_barcode, entries) if barcode)
