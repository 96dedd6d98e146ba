"""On the road: what a library may not say now is refused by name, and both ends go on."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from schemas.identifiers import AgencyId
from schemas.lending import (
    Action,
    CustodyReceipt,
    OrderRefusal,
    OrderRefused,
    ReasonForMessage,
    RequestingAgencyMessage,
    ReservationAsked,
    ReservationGranted,
    SupplierStatus,
    SupplyingAgencyMessage,
)
from schemas.messages import (
    Accepted,
    Confirmation,
    MessageType,
    StatementProposal,
)
from schemas.problems import ProblemCode
from schemas.questions import AvailabilityQuestion, LoanQuestion
from tests.alliance import (
    BARCODES,
    FIRST,
    GATEWAY,
    HOME,
    NOW,
    PICKUP,
    QUOTE,
    SECOND,
    THIRD,
    Alliance,
    a_hash,
    body_of,
)
from tests.databases import ENGINES
from tests.federation.telling import everything, of_the_loan, promised, said
from trust.envelope import Sealed

M, P = MessageType, ProblemCode


Told = Callable[[Alliance, str], Awaitable[Sealed]]

pytestmark = pytest.mark.parametrize("town", ENGINES, indirect=True)


async def supplier_ships_unconfirmed(town: Alliance, conv: str) -> Sealed:
    body = SupplyingAgencyMessage(reason_for_message=ReasonForMessage.STATUS_CHANGE, status=SupplierStatus.LOANED,
                                  barcode=BARCODES[FIRST], due_date=NOW.date())
    return await of_the_loan(town, conv, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, body)


def answers_by(src: AgencyId) -> Told:
    body = SupplyingAgencyMessage(reason_for_message=ReasonForMessage.REQUEST_RESPONSE, status=SupplierStatus.UNFILLED)
    return lambda town, conv: of_the_loan(town, conv, M.SUPPLYING_AGENCY_MESSAGE, src, HOME, body)


def confirms_by(src: AgencyId, dst: AgencyId = FIRST) -> Told:
    body = RequestingAgencyMessage(action=Action.SUPPLY_CONFIRMED)
    return lambda town, conv: of_the_loan(town, conv, M.REQUESTING_AGENCY_MESSAGE, src, dst, body)


def receipt_by(src: AgencyId, dst: AgencyId) -> Told:
    body = CustodyReceipt(barcode=BARCODES[FIRST], holder="reader", place="柜台", happened_at=NOW)
    return lambda town, conv: of_the_loan(town, conv, M.CUSTODY_RECEIPT, src, dst, body)


def grants_by(src: AgencyId, dst: AgencyId) -> Told:
    return lambda town, conv: of_the_loan(town, conv, M.RESERVATION_GRANTED, src, dst, ReservationGranted(total_fen=1))


def refuses_order(reply_to: Any = None) -> Told:
    async def tell(town: Alliance, conv: str) -> Sealed:
        loan = await town.loan(conv)
        body = OrderRefused(reason=OrderRefusal.LIMIT_REACHED)
        return await of_the_loan(town, conv, M.ORDER_REFUSED, HOME, GATEWAY, body, reply_to=reply_to or loan.order)

    return tell


ON_THE_ROAD: dict[str, tuple[Told, ProblemCode]] = {
    "a dispatch that nobody confirmed": (supplier_ships_unconfirmed, P.OUT_OF_TURN),
    "another library answers the request": (answers_by(SECOND), P.WRONG_ROLE),
    "the pickup library answers the request": (answers_by(PICKUP), P.WRONG_ROLE),
    "the pickup library confirms the supply": (confirms_by(PICKUP), P.WRONG_ROLE),
    "the supplier confirms its own supply": (confirms_by(FIRST), P.WRONG_DESTINATION),
    "a confirmation goes to another supplier": (confirms_by(HOME, SECOND), P.WRONG_ROLE),
    "a receipt for a copy that nobody has sent": (receipt_by(PICKUP, FIRST), P.OUT_OF_TURN),
    "a receipt to somebody else": (receipt_by(PICKUP, SECOND), P.WRONG_ROLE),
    "an order refused after it was reserved": (refuses_order(), P.OUT_OF_TURN),
    "an answer to nothing": (refuses_order(a_hash("nothing")), P.REPLY_MISMATCH),
    "to somebody who is no member": (
        lambda town, conv: of_the_loan(town, conv, M.CUSTODY_RECEIPT, PICKUP, AgencyId("CN-NOWHERE"), CustodyReceipt(
            barcode=BARCODES[FIRST], holder="reader", place="", happened_at=NOW)), P.WRONG_DESTINATION),
    "a message for the gateway to a library": (
        lambda town, conv: of_the_loan(town, conv, M.RESERVATION_ASKED, HOME, FIRST, ReservationAsked(quote=QUOTE)),
        P.WRONG_DESTINATION),
    "no copy to the pickup library": (
        lambda town, conv: of_the_loan(town, conv, M.REQUESTING_AGENCY_MESSAGE, HOME, FIRST,
                                       RequestingAgencyMessage(action=Action.CANCEL), copies=()), P.WRONG_ROLE),
    "in no loan": (
        lambda town, conv: of_the_loan(town, conv, M.REQUESTING_AGENCY_MESSAGE, HOME, FIRST,
                                       RequestingAgencyMessage(action=Action.CANCEL), conv=None), P.REPLY_MISMATCH),
    "in another loan": (
        lambda town, conv: of_the_loan(town, conv, M.REQUESTING_AGENCY_MESSAGE, HOME, FIRST,
                                       RequestingAgencyMessage(action=Action.CANCEL), conv="loan-9999"),
        P.REPLY_MISMATCH),
    "what concerns the gateway alone, with a copy to another": (
        lambda town, conv: of_the_loan(town, conv, M.RESERVATION_ASKED, HOME, GATEWAY, ReservationAsked(quote=QUOTE),
                                       copies=(SECOND,)), P.WRONG_ROLE),
}


@pytest.mark.parametrize("name", ON_THE_ROAD)
async def test_what_a_library_may_not_say_now_is_refused_by_name_and_moves_nothing(town: Alliance, name: str) -> None:
    told, code = ON_THE_ROAD[name]
    conv = await promised(town)
    loan, balances, log = await town.loan(conv), await town.balances(), await town.log_size()
    for times in range(1, 3):
        message = await told(town, conv)
        refusal = body_of(await town.gateway.receive(message.envelope, message.message.src))
        assert (refusal.code, refusal.stream, refusal.message) == (code, message.message.stream, message.hash)
        assert (await town.loan(conv), await town.balances()) == (loan, balances)
        assert await town.log_size() == log + times


@pytest.mark.parametrize("told", [grants_by(SECOND, HOME), grants_by(HOME, GATEWAY), grants_by(SECOND, GATEWAY)])
async def test_a_library_does_not_speak_as_the_gateway(town: Alliance, told: Told) -> None:
    conv = await promised(town)
    before = await everything(town)
    for _ in range(2):
        message = await told(town, conv)
        refusal = body_of(await town.gateway.receive(message.envelope, message.message.src))
        assert (refusal.code, refusal.stream) == (P.WRONG_ROLE, None)
    assert await everything(town) == before


@pytest.mark.parametrize(("kind", "body"), [
    (M.ACCEPTED, Accepted(message=a_hash("a"), index=1, arrived=NOW)),
    (M.STATEMENT_PROPOSAL, StatementProposal(window=1, after_index=-1, upto_index=9, lines=(), net_fen=0,
                                             digest=a_hash("d"))),
    (M.AVAILABILITY_QUESTION, AvailabilityQuestion(barcodes=())),
    (M.LOAN_QUESTION, LoanQuestion(barcode=BARCODES[FIRST])),
])
async def test_what_only_the_gateway_says_or_only_asks_is_no_mail(town: Alliance, kind: MessageType, body: Any) -> None:
    before = await everything(town)
    for dst in (GATEWAY, HOME):
        message = await said(town, kind, FIRST, dst, body)
        assert body_of(await town.gateway.receive(message.envelope, FIRST)).code is P.WRONG_ROLE
    assert await everything(town) == before


@pytest.mark.parametrize("link", [None, HOME])
async def test_the_gateway_s_own_message_is_not_let_in_from_outside(town: Alliance, link: AgencyId | None) -> None:
    await town.order()
    own = (await town.gateway.mail(HOME, 0, 0, 9))[0].envelope
    fresh = await said(town, M.CONFIRMATION, GATEWAY, HOME, Confirmation(message=a_hash("a")))
    before = await everything(town)
    again = body_of(await town.gateway.receive(own, link))
    assert isinstance(again, Accepted) if link == HOME else again.code is P.REPLAYED
    assert body_of(await town.gateway.receive(fresh.envelope, link)).code is P.WRONG_ROLE
    assert await everything(town) == before


async def test_a_confirmation_with_copies_is_refused(town: Alliance) -> None:
    message = await said(town, M.CONFIRMATION, FIRST, HOME, Confirmation(message=a_hash("a")), copies=(SECOND, THIRD))
    refusal = body_of(await town.gateway.receive(message.envelope, FIRST))
    assert (refusal.code, refusal.stream) == (P.WRONG_ROLE, None)


@pytest.mark.parametrize(("src", "dst", "named"), [(SECOND, HOME, True), (FIRST, HOME, False), (FIRST, PICKUP, True)])
async def test_only_who_was_sent_a_message_confirms_it_and_to_its_sender(town: Alliance, src: AgencyId, dst: AgencyId,
                                                                        named: bool) -> None:
    """Anybody else's confirmations would calm the sender's alarm, and fill the evidence of a loan of others."""
    conv = await promised(town)
    said_before = await town.said(conv)
    request = (await town.database.run(lambda unit: unit.streams.head(HOME, FIRST, "loan"))).hash
    confirmation = await said(town, M.CONFIRMATION, src, dst, Confirmation(message=request),
                              conv=conv if named else None)
    for _ in range(2):
        refusal = body_of(await town.gateway.receive(confirmation.envelope, src))
        assert (refusal.code, refusal.stream) == (P.REPLY_MISMATCH, None)
    assert await town.said(conv) == said_before
