"""PyPI ``Sip2`` as a client of our server: independent code of the asking end, blocking, one recv for one answer."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from Sip2.sip2 import Sip2

from connectors.sip2.fields import to_supported
from connectors.sip2.messages import REQUESTS, Message, build
from connectors.sip2.profile import Profile
from connectors.sip2.refusal import refusal
from connectors.sip2.server import LineState, Sip2Server, serve

DATE = "20260101    120000"
NOW = datetime(2026, 1, 1, 4, tzinfo=UTC)

# Its checksum sums characters, ours bytes: the two agree on ASCII, and our server only notes the rest.
PROFILE = Profile()

ANSWERS: dict[str, dict[str, Any]] = {
    "63": {"patron_status": "Y" + " " * 13, "language": "019", "charged_items_count": "0002", "AE": "Zhang Wei",
           "BL": "Y", "CQ": "Y", "AU": ["B1", "B2"], "AF": ["welcome", "twice"]},
    "17": {"circulation_status": "03", "security_marker": "00", "fee_type": "01", "AJ": "The Dream", "U1": "shelf 7"},
    "11": {"ok": True, "renewal_ok": False, "magnetic_media": "U", "desensitize": True, "AJ": "The Dream",
           "AH": "20260201    235900"},
    "09": {"ok": True, "resensitize": True, "magnetic_media": "U", "alert": False, "AQ": "main", "CT": "Nanjing"},
    "29": {"ok": False, "renewal_ok": False, "magnetic_media": "U", "desensitize": False, "AF": "on hold"},
    "15": {"ok": True, "available": False, "BR": "2"},
    "37": {"payment_accepted": True, "BK": "ours-1"},
    "35": {"end_session": True},
}  # fmt: skip


async def ils(request: Message, line: LineState) -> Message:
    """An ILS that knows one kiosk, one reader and one book."""
    if request.id == "93":
        return build("94", ok=(request.get("CN"), request.get("CO")) == ("kiosk", "s3cret"))
    if request.id == "99":
        return build("98", on_line_status=True, checkin_ok=True, checkout_ok=True, acs_renewal_policy=True,
                     status_update_ok=False, off_line_ok=False, timeout_period="600", retries_allowed="003",
                     date_time_sync=DATE, protocol_version="2.00", AO="YP", BX=to_supported(REQUESTS))  # fmt: skip
    if request.id not in ANSWERS:
        return refusal(request, "not here", DATE)
    given = {code: request.get(code) for code in ("AO", "AA", "AB") if request.get(code) is not None}
    return build(request.spec.answer or "", **{"transaction_date": DATE, **given, **ANSWERS[request.id]})


@pytest.fixture
async def server() -> AsyncIterator[Sip2Server]:
    async with serve("127.0.0.1", 0, PROFILE, ils, clock=lambda: NOW) as running:
        yield running


def visit(port: int, password: str) -> list[dict[str, Any]]:
    """Do all that a kiosk does, as the library's own wrapper does it: build, send, parse."""
    kiosk = Sip2()
    kiosk.hostName, kiosk.hostPort, kiosk.tlsEnable, kiosk.hostEncoding = "127.0.0.1", port, False, "utf-8"
    kiosk.patron, kiosk.patronpwd, kiosk.institutionId = "P1", "4711", "YP"
    # Given a logger, it does not write a log file.
    kiosk.log = logging.getLogger("Sip2")
    heard = []
    assert kiosk.connect()
    try:
        for name, arguments in (
            ("login", ("kiosk", password)),
            ("sc_status", ()),
            ("patron_information", ("charged",)),
            ("item_information", ("B1",)),
            ("item_checkout", ("B1",)),
            ("item_renew", ("B1",)),
            ("item_checkin", ("B1",)),
            ("item_hold", ("+", "", 2, "B1")),
            ("end_patron_session", ()),
        ):
            method = name.removeprefix("item_") if name != "item_information" else name
            request = getattr(kiosk, f"sip_{method}_request")(*arguments)
            heard.append(getattr(kiosk, f"sip_{method}_response")(kiosk.get_response(request)))
    finally:
        kiosk.disconnect()
    return heard


async def test_a_whole_visit(server: Sip2Server) -> None:
    login, status, patron, item, loan, renewal, ret, hold, end = await asyncio.to_thread(visit, server.port, "s3cret")
    assert login["fixed"]["Ok"] == "1"
    assert status["fixed"]["OnlineStatus"] == "Y"
    assert patron["variable"]["AU"] == ["B1", "B2"]
    assert patron["variable"]["AF"] == ["welcome", "twice"]
    assert item["variable"]["AJ"] == ["The Dream"]
    assert item["variable"]["U1"] == ["shelf 7"]
    assert (loan["fixed"]["Ok"], loan["variable"]["AH"]) == ("1", ["20260201    235900"])
    assert (renewal["fixed"]["Ok"], renewal["variable"]["AF"]) == ("0", ["on hold"])
    assert ret["variable"]["CT"] == ["Nanjing"]
    # It takes 18 characters for a fixed expiration date, which in SIP2 2.00 is the coded field BW.
    assert (hold["fixed"]["Ok"], hold["fixed"]["Available"]) == ("1", "N")
    assert end["fixed"]["EndSession"] == "Y"
    counts = server.counters.quality().counts
    assert all(name != "checksum_wrong" for _, name in counts)


async def test_a_wrong_password_opens_nothing(server: Sip2Server) -> None:
    login, status, patron, *_ = await asyncio.to_thread(visit, server.port, "wrong")
    assert login["fixed"]["Ok"] == "0"
    assert status["fixed"]["OnlineStatus"] == "Y"
    assert patron["variable"]["AF"] == ["login required"]
