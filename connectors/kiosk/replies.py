"""The answers that the connector gives a kiosk itself, for copies and readers of the alliance. Pure.

A copy that goes home is said by CT (the library), CV (alert type, 3M extension 1.20) and CL (the machine's bin).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from types import MappingProxyType
from typing import Any

from connectors.kiosk.config import Kiosk
from connectors.kiosk.doubt import Finding
from connectors.kiosk.routing import Found, Label
from connectors.kiosk.texts import Text, say
from connectors.sip2.dates import encode_date
from connectors.sip2.fields import to_supported
from connectors.sip2.messages import MESSAGES, Message, build
from connectors.sip2.refusal import refusal
from schemas.identifiers import AgencyId
from schemas.lending import Custody
from schemas.loan import Loan

_BOOK = "001"
_STATUS: Mapping[Custody, str] = MappingProxyType({
    Custody.SUPPLIER: "01",
    Custody.IN_TRANSIT: "10",
    Custody.PICKUP_POINT: "08",
    Custody.LOCKER: "08",
    Custody.READER: "04",
    Custody.RETURNED_AT: "10",
    Custody.IN_TRANSIT_BACK: "10",
})
"""Circulation status (18) by custody."""
_HOLD_HERE, _HOLD_ELSEWHERE, _SEND_TO_BRANCH, _OTHER = "01", "02", "04", "99"
"""Alert types (CV): it waits for its reader here, or at another library; it goes home; a person must look."""
_MAY_ONLY_COLLECT = " YYY".ljust(14)
"""Patron status of an alliance reader: renewals, recalls and holds are asked of the home library."""


@dataclass(frozen=True)
class Replies:
    """Answers ``kiosk`` at ``now``, in the name of the library ``me``."""

    kiosk: Kiosk
    me: AgencyId
    now: datetime

    def refused(self, request: Message, text: Text) -> Message:
        """Say no in the answer of the request's own kind."""
        return refusal(request, say(text, self.kiosk.profile), self._now)

    def status(self, library: str, supported: frozenset[str], timeout_seconds: float) -> Message:
        """98: returns and offline records are taken in whatever is away."""
        tenths = min(int(timeout_seconds * 10), 999)
        return build("98", on_line_status=True, checkin_ok=True, checkout_ok=True, acs_renewal_policy=True,
                     status_update_ok=True, off_line_ok=True, timeout_period=f"{tenths:03}", retries_allowed="003",
                     date_time_sync=self._now, protocol_version="2.00",
                     AO=self.kiosk.profile.institution or self.me, AM=library, BX=to_supported(supported))

    def lent(self, request: Message, loan: Loan | None) -> Message:
        """12: the reader has the copy; without a loan, an offline record that is settled later."""
        text = Text.RECORDED if loan is None else Text.LENT
        return build("12", ok=True, renewal_ok=False, magnetic_media=False, desensitize=True,
                     transaction_date=self._now, AO=request.get("AO"), AA=request.get("AA"), AB=request.get("AB"),
                     AJ=loan.title if loan else "", AH=self._due(loan), CK=_BOOK, AF=say(text, self.kiosk.profile))

    def done(self, request: Message, finding: Finding) -> Message:
        """Say yes to a write whose own answer was lost, with what the ILS says of it afterwards."""
        item = finding.item
        values: dict[str, Any] = {
            "ok": True, "payment_accepted": True, "renewal_ok": request.id == "29", "magnetic_media": "U",
            "desensitize": request.id == "11", "resensitize": True, "alert": False, "available": False,
            "transaction_date": self._now, "renewed_count": f"{len(finding.renewed):04}",
            "unrenewed_count": f"{len(finding.unrenewed):04}", "BM": finding.renewed, "BN": finding.unrenewed,
            "AO": request.get("AO"), "AA": request.get("AA"), "AB": request.get("AB"), "BK": request.get("BK"),
            "AJ": item.title if item else None, "AH": item.message.get("AH") if item else None,
            "AF": say(Text.DONE, self.kiosk.profile),
        }
        spec = MESSAGES[request.spec.answer or ""]
        return build(spec.id, **{name: value for name, value in values.items() if name in spec.known})

    def goes_home(self, request: Message, loan: Loan) -> Message:
        """10: another library's copy was taken back and starts its way home, or one of ours is home."""
        if loan.supplier == self.me:
            return self._taken(request, Text.IS_HOME, self.me, title=loan.title)
        return self._taken(request, Text.GOES_HOME, loan.supplier, _SEND_TO_BRANCH, to=loan.supplier, title=loan.title)

    def hold_here(self, request: Message, loan: Loan) -> Message:
        """10: the copy has come to the point where its reader collects it, or into the locker that is the point."""
        text = Text.LOADED if loan.custody is Custody.LOCKER else Text.HOLD_HERE
        return self._taken(request, text, loan.supplier, _HOLD_HERE, title=loan.title)

    def taken_out(self, request: Message, loan: Loan) -> Message:
        """10: nobody has collected the copy in time; it must leave the locker and go home."""
        if loan.supplier == self.me:
            return self._taken(request, Text.TAKEN_OUT, self.me, _OTHER, title=loan.title)
        return self._taken(request, Text.TAKEN_OUT, loan.supplier, _SEND_TO_BRANCH, to=loan.supplier, title=loan.title)

    def taken_in(self, request: Message, found: Found, text: Text) -> Message:
        """10: the machine keeps the book; what becomes of it is settled later, or by staff.

        A copy that is known to be on its way to its reader at another library goes on there.
        """
        owner = found.item.owner if found.item else None
        astray = [loan for loan in found.loans if loan.custody is Custody.IN_TRANSIT]
        if len(found.loans) == len(astray) == 1:
            return self._taken(request, text, astray[0].supplier, _HOLD_ELSEWHERE, to=astray[0].pickup.agency,
                               title=astray[0].title)
        if owner in (None, self.me):
            return self._taken(request, text, owner, _OTHER)
        return self._taken(request, text, owner, _SEND_TO_BRANCH, to=owner)

    def item(self, item: Label, loan: Loan | None) -> Message:
        """18: how a copy of the alliance stands."""
        owner = loan.supplier if loan else item.owner
        return build("18", circulation_status=_STATUS[loan.custody] if loan else "01", security_marker="00",
                     fee_type="01", transaction_date=self._now, AH=self._due(loan) or None, AB=item.text,
                     AJ=loan.title if loan else "", BG=owner, CK=_BOOK, AQ=owner, AP=loan.holder if loan else None)

    def reader(self, request: Message, loan: Loan) -> Message:
        """64 or 24: whoever holds a pick-up code. There is no name to show, and no PIN that could be checked here."""
        counts = {f"{name}_count": "0000" for name in ("overdue_items", "charged_items", "fine_items", "recall_items",
                                                       "unavailable_holds")}
        asked = request.id == "63" and request.fixed["summary"].startswith("Y")
        full = {"hold_items_count": "0001", **counts, "AS": loan.barcode if asked else None}
        return build(request.spec.answer or "", patron_status=_MAY_ONLY_COLLECT, language=request.fixed["language"],
                     transaction_date=self._now, AO=request.get("AO"), AA=request.get("AA"),
                     AE=say(Text.ALLIANCE_READER, self.kiosk.profile), BL=True, **(full if request.id == "63" else {}))

    def farewell(self, request: Message) -> Message:
        """36."""
        return build("36", end_session=True, transaction_date=self._now, AO=request.get("AO"), AA=request.get("AA"))

    def _taken(self, request: Message, text: Text, owner: AgencyId | None, alert: str | None = None, *,
               to: AgencyId | None = None, title: str = "") -> Message:
        """Return a 10. CT and the bin say where ``to``; without that, an ``alert`` sends the copy to staff's bin."""
        return build("10", ok=True, resensitize=True, magnetic_media=False, alert=alert is not None,
                     transaction_date=self._now, AO=request.get("AO"), AB=request.get("AB"), AQ=owner or "", AJ=title,
                     CL=self.kiosk.bin_for(to) if alert else None, CK=_BOOK, CT=to, CV=alert,
                     AF=say(text, self.kiosk.profile))

    @property
    def _now(self) -> str:
        return encode_date(self.now, self.kiosk.profile.zone)

    def _due(self, loan: Loan | None) -> str:
        """Return the last second of the due day, by the kiosk's clock."""
        if loan is None or loan.due_date is None:
            return ""
        zone = self.kiosk.profile.zone
        return encode_date(datetime.combine(loan.due_date, time(23, 59, 59), zone), zone)
