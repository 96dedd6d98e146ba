"""One kiosk's requests: find out what each is about, look in the table who answers, and have it answered.

``Proxy`` is the handler of ``connectors.sip2.server``: framing, checksums, 96 and 97 are the server's on the kiosk's
side and the client's on the ILS's. Login and status (93, 99) are the connector's own.
Deliberately absent: a foreign reader's card. Only the home library knows it, and it never travels; away from home a
reader is known by the pick-up code of an order (the loan's id), and only to collect what waits under it.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.agent.custody import NothingToDo, Scan, Step
from connectors.agent.link import GatewayUnreachable
from connectors.agent.office import Refused
from connectors.ils.port import IlsFailed
from connectors.kiosk.backlog import Place
from connectors.kiosk.clerk import Clerk
from connectors.kiosk.config import Kiosk
from connectors.kiosk.dialect import neutral, to_kiosk
from connectors.kiosk.fairness import Turns
from connectors.kiosk.library import Library
from connectors.kiosk.replies import Replies
from connectors.kiosk.routing import ROUTES, WAITING, Copy, Found, Label, Route, is_replay, route_of
from connectors.kiosk.settling import Outcome, State
from connectors.kiosk.texts import Text
from connectors.sip2.dates import decode_date
from connectors.sip2.errors import BadDate, Sip2Error
from connectors.sip2.messages import WRITES, Message, build
from connectors.sip2.server import LineState
from schemas.lending import Condition, Custody
from trust.errors import TrustError

ANSWER_SECONDS_MAX = 30.0
"""What a 98 tells the kiosk to wait: the ILS's deadline and a 97 behind it."""
_SUPPORTED = frozenset(ROUTES) | {"93", "97", "99"}


@dataclass(frozen=True)
class Proxy:
    """Stands between one kiosk and the ILS of ``library``."""

    kiosk: Kiosk
    library: Library
    clerk: Clerk
    turns: Turns

    async def __call__(self, request: Message, line: LineState) -> Message:
        """Return the answer to ``request``."""
        own: Mapping[str, Callable[[Message], Message]] = {"93": self._log_in, "99": self._status}
        if request.id in own:
            return own[request.id](request)
        async with self.turns.of(line.address):
            return await self._answer(request, line)

    async def _answer(self, request: Message, line: LineState) -> Message:
        asked = neutral(request, self.kiosk.profile)
        found = await self.library.find(asked)
        route = route_of(request.id, found)
        if found.item is not None and (request.id == "09" or is_replay(request)):
            return await self._take_in(request, found, self._place(line))
        if route is Route.REFUSED:
            return self._refuse(request, found)
        if route is Route.LOCAL:
            return await (self._write if request.id in WRITES else self._read)(request, found, self._place(line))
        if found.is_behind and request.id in WRITES:
            return self._replies.refused(request, Text.ILS_AWAY)
        return await _FEDERATION[request.id](self, request, found, self._place(line))

    @property
    def _replies(self) -> Replies:
        return Replies(self.kiosk, self.library.me, self.library.counter.office.clock())

    def _place(self, line: LineState) -> Place:
        return Place(f"{self.kiosk.place} {line.location}".strip(), self.kiosk.locker, self.kiosk.hold_days)

    def _log_in(self, request: Message) -> Message:
        given = f"{request.get('CN')}\n{request.get('CO')}".encode()
        expected = f"{self.kiosk.user}\n{self.kiosk.password}".encode()
        return build("94", ok=not self.kiosk.user or hmac.compare_digest(given, expected))

    def _status(self, _request: Message) -> Message:
        directory = self.library.counter.office.directory().directory
        return self._replies.status(directory.by_id[self.library.me].name_zh, _SUPPORTED, ANSWER_SECONDS_MAX)

    def _refuse(self, request: Message, found: Found) -> Message:
        if found.item is None and "AB" in request.spec.required:
            return self._replies.refused(request, Text.NO_BARCODE)
        if found.copy is Copy.SEVERAL:
            return self._replies.refused(request, Text.ASK_STAFF)
        return self._replies.refused(request, Text.ONLINE_ONLY if found.copy is Copy.ALLIANCE else Text.OTHER_READER)

    async def _read(self, request: Message, found: Found, _place: Place) -> Message:
        """Let the ILS answer. A card that it does not know may be the pick-up code of an order."""
        try:
            answer = await self.library.ask_ils(neutral(request, self.kiosk.profile), found)
        except Sip2Error:
            return self._replies.refused(request, Text.ILS_AWAY)
        if answer.id in ("64", "24") and answer.get("BL") != "Y" and found.card is not None:
            waiting = await self.library.waiting_for(found.card.text)
            if waiting is not None:
                return self._replies.reader(request, waiting)
        return to_kiosk(answer, request, found, self.library.client.profile)

    async def _write(self, request: Message, found: Found, place: Place) -> Message:
        """Let the ILS do it. If its answer is lost, the machine is told what can be found out about it."""
        outcome = await self.clerk.write(neutral(request, self.kiosk.profile), found, place)
        if outcome.state is State.DONE:
            return self._done(request, found, outcome)
        if outcome.state is State.NOT_DONE:
            return self._replies.refused(request, Text.NOT_DONE if outcome.finding else Text.ILS_AWAY)
        return self._replies.refused(request, Text.IN_DOUBT)

    def _done(self, request: Message, found: Found, outcome: Outcome) -> Message:
        ils = self.library.client.profile
        if outcome.answer is not None:
            return to_kiosk(outcome.answer, request, found, ils)
        assert outcome.finding is not None
        return self._replies.done(request, outcome.finding)

    async def _take_in(self, request: Message, found: Found, place: Place) -> Message:
        """Accept what has happened: durable first, answered then, whatever is away."""
        outcome = await self.clerk.accept(found.subject, neutral(request, self.kiosk.profile), place,
                                          self._happened_at(request))
        if outcome.answer is not None or outcome.finding is not None:
            return self._done(request, found, outcome)
        if request.id == "11":
            return self._replies.lent(request, outcome.loan)
        return self._taken(request, found, outcome, place)

    def _taken(self, request: Message, found: Found, outcome: Outcome, place: Place) -> Message:
        loan = outcome.loan
        if loan is None:
            text = Text.TO_STAFF if outcome.state is State.CONFLICT else Text.ACCEPTED
            return self._replies.taken_in(request, found, text)
        if loan.custody is Custody.PICKUP_POINT and place.locker:
            return self._replies.taken_out(request, loan)
        if loan.custody in WAITING:
            return self._replies.hold_here(request, loan)
        return self._replies.goes_home(request, loan)

    def _happened_at(self, request: Message) -> datetime:
        """Return when a replayed checkin or checkout was made; never later than now."""
        now = self.library.counter.office.clock()
        if not is_replay(request):
            return now
        text = request.fixed["return_date" if request.id == "09" else "transaction_date"]
        try:
            moment = decode_date(text, self.kiosk.profile.zone)
        except BadDate:
            moment = None
        return min(now, moment or now).astimezone(UTC)

    async def _hand_over(self, request: Message, found: Found, place: Place) -> Message:
        """11 of a copy that waits here: hand it to its reader; at the home library its ILS must not block the card."""
        library = self.library
        if len(found.loans) != 1:
            return self._replies.refused(request, Text.NOT_WAITING)
        (loan,) = found.loans
        if not await library.may_collect(loan, found.card):
            return self._replies.refused(request, Text.NOT_YOURS)
        assert found.card is not None
        assert loan.barcode is not None
        try:
            if found.card.text != loan.conv and not await self._is_in_good_standing(found.card, request.get("AD")):
                return self._replies.refused(request, Text.NO_CREDIT)
            scan = Scan(loan.barcode, Condition.GOOD, place.name, library.counter.office.clock())
            return self._replies.lent(request, await library.move(scan, loan, Step.HAND_OVER))
        except IlsFailed:
            return self._replies.refused(request, Text.ILS_AWAY)
        except (NothingToDo, Refused):
            return self._replies.refused(request, Text.NOT_WAITING)

    async def _is_in_good_standing(self, card: Label, pin: str | None) -> bool:
        """Ask the own ILS; a PIN that the machine has asked for must be right."""
        standing = await self.library.ils.patron(card.number, pin or None)
        return standing.may_borrow and (standing.pin_accepted or not pin)

    async def _item(self, _request: Message, found: Found, _place: Place) -> Message:
        """17 of an alliance copy. One that the journal does not know is asked of the gateway."""
        assert found.item is not None
        loans = found.loans
        if not loans:
            try:
                loans = await self.library.open_loans(found.item)
            except (GatewayUnreachable, Refused, TrustError):
                loans = ()
        return self._replies.item(found.item, loans[0] if len(loans) == 1 else None)

    async def _reader(self, request: Message, _found: Found, _place: Place) -> Message:
        return self._replies.refused(request, Text.OTHER_READER)

    async def _farewell(self, request: Message, _found: Found, _place: Place) -> Message:
        return self._replies.farewell(request)


_FEDERATION: Mapping[str, Callable[[Proxy, Message, Found, Place], Awaitable[Message]]] = {
    "11": Proxy._hand_over,
    "17": Proxy._item,
    "63": Proxy._reader,
    "23": Proxy._reader,
    "35": Proxy._farewell,
}
