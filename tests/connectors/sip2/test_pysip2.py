"""Our client against a server built on PyPI ``pysip2``: independent code, strict about every width and delimiter."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import pysip2
import pytest
from anyio.abc import SocketAttribute

from connectors.sip2.client import Credentials, Sip2Client
from connectors.sip2.codec import Codec
from connectors.sip2.errors import LoginRefused
from connectors.sip2.fields import CirculationStatus, HoldMode
from connectors.sip2.messages import MESSAGES, REQUESTS, Message, build
from connectors.sip2.profile import Checksum, Profile
from connectors.sip2.verbs import Verbs

DATE = "20260101    120000"
# It splits bytes on the delimiter, so it is safe in single-byte charsets and UTF-8 only.
PROFILE = Profile(charset="utf-8", institution="YP", send_nb_due_date=True, location="desk")


def peer(**options: Any) -> pysip2.SIP2Server:
    """A pysip2 server with one patron, one item and one loan."""
    server = pysip2.SIP2Server(encoding="utf-8", institution_id="YP", login_required=True, **options)

    @server.route(pysip2.LOGIN)
    async def login(request: Any, context: Any) -> Any:
        return pysip2.LoginResponse(ok="1" if request.login_password == "s3cret" else "0")

    @server.route(pysip2.PATRON_INFORMATION)
    async def patron(request: Any, context: Any) -> Any:
        return pysip2.PatronInformationResponse(
            patron_status="Y" + " " * 13, language="019", transaction_date=DATE, hold_items_count="0000",
            overdue_items_count="0000", charged_items_count="0002", fine_items_count="0000", recall_items_count="0000",
            unavailable_holds_count="    ", institution_id="YP", patron_identifier=request.patron_identifier,
            personal_name="张伟", valid_patron="Y",
            valid_patron_password="Y" if request.patron_password == "1" else "N",
            charged_items=("B1", "B2"), fee_amount="3.50", currency_type="CNY", screen_message=("欢迎",),
        )  # fmt: skip

    @server.route(pysip2.ITEM_INFORMATION)
    async def item(request: Any, context: Any) -> Any:
        return pysip2.ItemInformationResponse(
            circulation_status="04", security_marker="00", fee_type="01", transaction_date=DATE,
            item_identifier=request.item_identifier, title_identifier="和珅传 東方", due_date=DATE,
        )  # fmt: skip

    @server.route(pysip2.CHECKOUT)
    async def checkout(request: Any, context: Any) -> Any:
        return pysip2.CheckoutResponse(
            ok="1", renewal_ok="N", magnetic_media="U", desensitize="Y", transaction_date=DATE, institution_id="YP",
            patron_identifier=request.patron_identifier, item_identifier=request.item_identifier,
            title_identifier="和珅传", due_date="20260201    235900",
        )  # fmt: skip

    @server.route(pysip2.CHECKIN)
    async def checkin(request: Any, context: Any) -> Any:
        return pysip2.CheckinResponse(
            ok="1", resensitize="Y", magnetic_media="U", alert="N", transaction_date=DATE, institution_id="YP",
            item_identifier=request.item_identifier, permanent_location=request.current_location,
        )  # fmt: skip

    @server.route(pysip2.HOLD)
    async def hold(request: Any, context: Any) -> Any:
        return pysip2.HoldResponse(
            ok="1", available="N", transaction_date=DATE, queue_position="2", institution_id="YP",
            patron_identifier=request.patron_identifier, item_identifier=request.item_identifier,
        )  # fmt: skip

    return server


@asynccontextmanager
async def joined(profile: Profile = PROFILE, password: str = "s3cret", **options: Any) -> AsyncIterator[Verbs]:
    server = peer(**options)
    # Its own start() never closes the listening socket, which Python reports as a leak.
    async with await server.listen("127.0.0.1", 0) as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, server._handle_connection)
        port = listener.extra(SocketAttribute.local_port)
        async with Sip2Client("127.0.0.1", port, profile, Credentials("kiosk", password)) as client:
            yield Verbs(client, lambda: datetime.now(UTC))
        tasks.cancel_scope.cancel()


async def test_a_whole_visit() -> None:
    async with joined(error_detection="required") as ils:
        patron = await ils.patron_information("P1", "1", summary="charged_items")
        assert (patron.ok, patron.valid_password, patron.name) == (True, True, "张伟")
        assert (patron.charged_items_count, patron.unavailable_holds_count) == (2, None)
        assert (patron.charged_items, patron.blocks) == (("B1", "B2"), frozenset({"charge_denied"}))
        assert (patron.fee_amount_fen, patron.screen_messages) == (350, ("欢迎",))
        item = await ils.item_information("B1")
        assert (item.title, item.circulation_status) == ("和珅传 東方", CirculationStatus.CHARGED)
        loan = await ils.checkout("P1", "B1")
        assert loan.ok
        assert loan.due_date is not None
        assert loan.due_date.isoformat() == "2026-02-01T23:59:00+08:00"
        assert (await ils.checkin("B1")).permanent_location == "desk"
        assert (await ils.hold(HoldMode.ADD, "P1", item_id="B1")).queue_position == 2
        # No handler there: pysip2 answers with a refusal of its own.
        assert not (await ils.renew("P1", "B1")).ok
        assert not (await ils.fee_paid("P1", 350, "ours-1")).ok


async def test_without_checksums() -> None:
    async with joined(Profile(charset="utf-8", checksum=Checksum.NONE, send_nb_due_date=True)) as ils:
        assert (await ils.item_information("B1")).ok


async def test_a_refused_login() -> None:
    async with joined(password="wrong") as ils:
        with pytest.raises(LoginRefused):
            await ils.item_information("B1")


def full(message_id: str) -> Message:
    """A message with every field of its row, valid in pysip2's strict eyes."""
    legal = {"transaction_date": DATE, "nb_due_date": DATE, "return_date": DATE, "date_time_sync": DATE,
             "language": "019", "protocol_version": "2.00", "currency_type": "CNY", "hold_mode": "+"}  # fmt: skip
    coded = {"BW": DATE, "CJ": DATE, "CM": DATE, "BH": "CNY", "BX": "Y" * 16, "BY": "2", "BT": "01", "CK": "001",
             "BZ": "0001", "CA": "0001", "CB": "0001"}  # fmt: skip
    flags = ("BI", "BL", "BO", "CI", "CQ")
    spec = MESSAGES[message_id]
    fixed = {
        item.name: legal.get(
            item.name, item.flags[:1] or (" " if item.name in ("summary", "patron_status") else "0") * item.width
        )
        for item in spec.fixed
    }
    known = [code for code in spec.codes if code not in ("CR", "CS", "CT", "CV", "CY", "DA")]
    return build(message_id, **fixed, **{code: coded.get(code, "Y" if code in flags else "值 x") for code in known})


@pytest.mark.parametrize("message_id", sorted(MESSAGES))
def test_both_codecs_read_and_write_all_messages_alike(message_id: str) -> None:
    message = full(message_id)
    data = Codec(PROFILE).encode(message, 6).data
    theirs = pysip2.decode_message(data, encoding="utf-8").message
    again = pysip2.encode_message(theirs, sequence_number=6, checksum=True, encoding="utf-8")
    ours = Codec(PROFILE).decode(again[:-1])
    assert (ours.checksum, ours.problems) == ("ok", ())
    assert ours.head == message.head
    # The order of coded fields is free in SIP2; what matters is that none is lost.
    assert sorted(ours.fields) == sorted(message.fields)
    assert (message_id in REQUESTS) == isinstance(theirs, pysip2.SIPRequest)
