"""The lending verbs of SIP2 as typed calls: build the request by the library's profile, send it, read the answer.

Deliberately absent: journal, doubt and retry. A write may raise ``InDoubt``; who called it settles it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from connectors.sip2.answers import (
    Checkin,
    Checkout,
    FeePaid,
    Hold,
    ItemInformation,
    PatronInformation,
    encode_amount,
)
from connectors.sip2.dates import BLANK_DATE, encode_date
from connectors.sip2.fields import HoldMode, HoldType, to_summary
from connectors.sip2.messages import Message, build
from connectors.sip2.profile import Profile


class Asks(Protocol):
    """Whatever carries a request to an ILS and brings its answer: ``Sip2Client``."""

    @property
    def profile(self) -> Profile:
        """The ILS's dialect."""

    async def request(self, message: Message) -> Message:
        """Return the answer to ``message``."""


class Verbs:
    """What can be asked of an ILS. ``clock`` gives aware datetimes: it dates every request."""

    def __init__(self, client: Asks, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock
        self._profile = client.profile
        self.zone = client.profile.zone

    async def patron_information(
        self,
        patron_id: str,
        pin: str | None = None,
        *,
        summary: str | None = None,
        start: int | None = None,
        end: int | None = None,
    ) -> PatronInformation:
        """Ask for a patron by 63, with one list of ``fields.SUMMARY`` (items ``start`` to ``end``, from 1).

        A password that was sent counts as checked only if ``valid_password`` is True and ``pin`` was not empty.
        """
        answer = await self._ask(
            "63",
            language=self._profile.language,
            summary=to_summary(summary),
            AA=patron_id,
            AD=pin,
            BP=None if start is None else str(start),
            BQ=None if end is None else str(end),
        )
        return PatronInformation.from_message(answer, self._profile)

    async def item_information(self, item_id: str) -> ItemInformation:
        """Ask for an item by 17."""
        return ItemInformation.from_message(await self._ask("17", AB=item_id), self._profile.zone)

    async def checkout(
        self,
        patron_id: str,
        item_id: str,
        pin: str | None = None,
        *,
        may_renew: bool = False,
        fee_acknowledged: bool | None = None,
    ) -> Checkout:
        """Check an item out to a patron by 11."""
        answer = await self._ask(
            "11",
            sc_renewal_policy=may_renew,
            no_block=False,
            nb_due_date=self._nb_due_date(),
            AA=patron_id,
            AB=item_id,
            AD=pin,
            BO=fee_acknowledged,
        )
        return Checkout.from_message(answer, self._profile.zone)

    async def checkin(self, item_id: str, *, returned_at: datetime | None = None, no_block: bool = False) -> Checkin:
        """Check an item in by 09. ``no_block``: it has happened already (a locker offline), the ILS may not refuse."""
        moment = encode_date(returned_at or self._clock(), self._profile.zone)
        answer = await self._ask("09", no_block=no_block, return_date=moment, AP=self._profile.location, AB=item_id)
        return Checkin.from_message(answer)

    async def hold(
        self,
        mode: HoldMode,
        patron_id: str,
        *,
        item_id: str | None = None,
        title_id: str | None = None,
        pin: str | None = None,
        pickup_location: str | None = None,
        expires: datetime | None = None,
    ) -> Hold:
        """Place, cancel or change a hold by 15: on one copy with ``item_id``, on any with ``title_id`` (AJ)."""
        answer = await self._ask(
            "15",
            hold_mode=mode.value,
            BW=None if expires is None else encode_date(expires, self._profile.zone),
            BS=pickup_location,
            BY=(HoldType.SPECIFIC_COPY if item_id else HoldType.ANY_COPY).value,
            AA=patron_id,
            AD=pin,
            AB=item_id,
            AJ=title_id,
        )
        return Hold.from_message(answer, self._profile.zone)

    async def renew(
        self, patron_id: str, item_id: str, pin: str | None = None, *, fee_acknowledged: bool | None = None
    ) -> Checkout:
        """Renew a loan by 29. AJ stays away: an empty one is read as a title by some servers."""
        answer = await self._ask(
            "29",
            third_party_allowed=False,
            no_block=False,
            nb_due_date=self._nb_due_date(),
            AA=patron_id,
            AD=pin,
            AB=item_id,
            BO=fee_acknowledged,
        )
        return Checkout.from_message(answer, self._profile.zone)

    async def fee_paid(
        self,
        patron_id: str,
        amount_fen: int,
        transaction_id: str,
        *,
        fee_id: str | None = None,
        fee_type: str = "01",
        payment_type: str = "00",
        currency: str = "CNY",
    ) -> FeePaid:
        """Tell the ILS by 37 that a fee was paid. ``transaction_id`` (BK) is ours and unique: it settles a doubt."""
        answer = await self._ask(
            "37",
            fee_type=fee_type,
            payment_type=payment_type,
            currency_type=currency,
            BV=encode_amount(amount_fen),
            AA=patron_id,
            CG=fee_id,
            BK=transaction_id,
        )
        return FeePaid.from_message(answer)

    async def _ask(self, message_id: str, **values: str | bool | None) -> Message:
        profile = self._profile
        values |= {"AO": profile.institution, "AC": profile.terminal_password or None}
        for code in self._codes(profile.send_empty, message_id):
            values[code] = "" if values.get(code) is None else values[code]
        request = build(message_id, transaction_date=encode_date(self._clock(), profile.zone), **values)
        if omitted := self._codes(profile.omit, message_id):
            request = replace(request, fields=tuple(each for each in request.fields if each[0] not in omitted))
        return await self._client.request(request)

    def _codes(self, places: frozenset[str], message_id: str) -> set[str]:
        """Return the codes that a list of the profile names for this message."""
        return {place[3:] for place in places if place.startswith(message_id)}

    def _nb_due_date(self) -> str:
        if self._profile.send_nb_due_date:
            return encode_date(self._clock(), self._profile.zone)
        return BLANK_DATE
