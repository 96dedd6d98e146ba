"""The road: what is let in, what is refused by name, and what each leaves behind."""

import json
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.agent.counter import SeveralLoans
from connectors.agent.custody import Step
from connectors.agent.effects import Say
from federation.gateway import NotAccepted
from federation.loans.reaction import Reply
from schemas.bib import Bib
from schemas.dialogue import rule_of
from schemas.directory import Role
from schemas.envelope import ENVELOPE_BYTES_MAX, StreamPosition
from schemas.identifiers import AgencyId, ItemBarcode
from schemas.lending import (
    Action,
    CustodyReceipt,
    Order,
    OrderRefusal,
    OrderRefused,
    ReasonForMessage,
    RequestingAgencyMessage,
    ReservationAsked,
    ReservationGranted,
    SupplierStatus,
    SupplyingAgencyMessage,
)
from schemas.lifecycle import LoanStatus, Outcome
from schemas.messages import (
    Accepted,
    AvailabilityQuestion,
    Confirmation,
    HarvestBatch,
    LoanAnswer,
    LoanQuestion,
    MessageType,
    Refusal,
    Resend,
    StatementAcceptance,
    StatementProposal,
)
from schemas.problems import ProblemCode
from tests.alliance import (
    BARCODES,
    BIB,
    CAP_FEN,
    COURIER,
    FIRST,
    FUND,
    GATEWAY,
    HOME,
    LIBRARIES,
    NOW,
    PICKUP,
    QUOTE,
    RECORD,
    SECOND,
    TARIFF,
    THIRD,
    Alliance,
    a_hash,
    body_of,
    directory_of,
    key_of,
    point,
    read,
    rota,
    sealed,
)
from tests.trust import samples
from trust.envelope import Sealed
from trust.stream import next_position

M, P = MessageType, ProblemCode


async def said(town: Alliance, kind: MessageType, src: AgencyId, dst: AgencyId, body: Any, **header: Any) -> Sealed:
    """Sign what ``src`` would say next to ``dst``, whether it may or not."""
    if channel := rule_of(kind).channel:
        head = await town.database.run(lambda unit: unit.streams.head(src, dst, channel))
        header.setdefault("stream", next_position(head, channel))
    return sealed(town.directory, kind, src, dst, body, **header)


async def everything(town: Alliance) -> list[Any]:
    """Return every row the gateway keeps."""
    tables = ("message", "stream", "mailbox", "mailbox_end", "loan", "leaf", "ledger_transfer", "ledger_account")
    return await town.database.run(lambda unit: [
        unit.messages._db.execute(f"SELECT * FROM {table}").fetchall() for table in tables])


async def promised(town: Alliance) -> str:
    """A loan that the first supplier has promised and nobody has confirmed."""
    conv = await town.order(FIRST, SECOND, pickup=PICKUP)
    await town[HOME].fetch()
    await town[HOME].work()
    for member in (HOME, HOME):
        await town[member].send()
        await town[member].fetch()
    await town[HOME].send()
    await town[FIRST].fetch()
    await town[FIRST].work()
    await town[FIRST].send()
    assert (await town.loan(conv)).status is LoanStatus.WILL_SUPPLY
    return conv


async def lent(town: Alliance, supplier: AgencyId = FIRST, pickup: AgencyId = PICKUP) -> str:
    """A loan whose copy the reader has."""
    conv = await town.order(supplier, pickup=pickup)
    await town.rest()
    for library, step in ((supplier, Step.DISPATCH), (pickup, Step.ARRIVED), (pickup, Step.HAND_OVER)):
        barcode = (await town.loan(conv)).barcode
        assert await town[library].scan(barcode, conv) is step
        await town.rest()
    return conv


def note(reply_to: Any) -> Say:
    body = SupplyingAgencyMessage(reason_for_message=ReasonForMessage.NOTIFICATION, status=SupplierStatus.WILL_SUPPLY)
    return Say(M.SUPPLYING_AGENCY_MESSAGE, HOME, body, reply_to)


# a whole loan


async def test_a_loan_goes_through_and_every_end_holds_the_same(town: Alliance) -> None:
    conv = await lent(town)
    for library, step in ((PICKUP, Step.TAKE_BACK), (PICKUP, Step.SEND_BACK), (FIRST, Step.COME_HOME)):
        assert await town[library].scan(BARCODES[FIRST], conv) is step
        await town.rest()

    loan = await town.loan(conv)
    assert (loan.outcome, loan.status) == (Outcome.COMPLETED, LoanStatus.LOAN_COMPLETED)
    assert await town[HOME].loan(conv) == loan
    for member in (FIRST, PICKUP):
        seen = await town[member].loan(conv)
        assert (seen.status, seen.custody, seen.outcome, seen.last) == (
            loan.status, loan.custody, loan.outcome, loan.last)
    assert await town.balances() == {
        HOME: (-TARIFF.loan_fee_fen - TARIFF.carriage_out_fen - TARIFF.carriage_back_fen, 0),
        FIRST: (TARIFF.loan_fee_fen, 0), COURIER: (TARIFF.carriage_out_fen + TARIFF.carriage_back_fen, 0)}
    assert [await member.alarms() for member in town.members.values()] == [[]] * len(LIBRARIES)


async def test_the_bytes_that_leave_are_the_bytes_that_came(town: Alliance) -> None:
    await promised(town)
    relayed = (await town.gateway.mail(HOME, 0, 0, 100))[-1]
    stored = await town.database.run(lambda unit: unit.messages.get(read(relayed.accepted).reply_to))
    assert relayed.envelope == stored.envelope
    assert read(relayed.envelope).src == FIRST


# refused at the door: nothing is kept


def forged(envelope: bytes) -> bytes:
    """The same message, signed by the gateway's key."""
    return resigned(envelope, samples.GATEWAY_KEY)


def stranger_s(envelope: bytes) -> bytes:
    return resigned(envelope, samples.signing_key("nobody"))


def resigned(envelope: bytes, key: Any) -> bytes:
    message = read(envelope)
    return sealed(directory_of(), message.type, message.src, message.dst, message.body, key=key,
                  **{name: getattr(message, name) for name in ("copies", "conv", "reply_to", "stream")}).envelope


def altered(envelope: bytes) -> bytes:
    document = json.loads(envelope)
    payload = b64decode(document["payload"]).replace(b'"WillSupply"', b'"Unfilled"')
    assert payload != b64decode(document["payload"])
    return json.dumps({**document, "payload": b64encode(payload).decode()}).encode()


AT_THE_DOOR: dict[str, tuple[Callable[[bytes], bytes], ProblemCode]] = {
    "in another's name": (forged, P.SIGNER_IS_NOT_SRC),
    "by a stranger's key": (stranger_s, P.UNKNOWN_KEY),
    "altered": (altered, P.BAD_SIGNATURE),
    "cut off": (lambda envelope: envelope[:-20], P.MALFORMED_ENVELOPE),
    "with spare fields": (lambda envelope: envelope[:-1] + b',"also":1}', P.MALFORMED_ENVELOPE),
    "empty": (lambda _: b"", P.MALFORMED_ENVELOPE),
    "too large": (lambda _: b"x" * (ENVELOPE_BYTES_MAX + 1), P.OVERSIZE),
}


@pytest.mark.parametrize("name", AT_THE_DOOR)
async def test_what_is_no_genuine_message_leaves_no_trace(town: Alliance, name: str) -> None:
    attack, code = AT_THE_DOOR[name]
    await promised(town)
    await town[FIRST].office.decide("loan-0001", lambda _desk, loan: (note(loan.last),))
    (_, genuine), = await town[FIRST].journal.run(lambda unit: unit.outbox(9))
    envelope = attack(genuine)
    before = await everything(town)
    for link in (None, FIRST):
        answer = await town.gateway.receive(envelope, link)
        assert (body_of(answer).code, body_of(answer).stream) == (code, None)
    assert await everything(town) == before
    assert [type(body) for body in await town[FIRST].send()] == [Accepted]


@pytest.mark.parametrize(("header", "code"), [
    ({"expires": NOW}, P.EXPIRED),
    ({"created": NOW + timedelta(minutes=5), "expires": NOW + timedelta(days=9)}, P.FROM_THE_FUTURE),
    ({"created": NOW - timedelta(days=400)}, P.KEY_NOT_VALID_NOW),
    ({"dir": (2, a_hash("a newer directory"))}, P.NEWER_DIRECTORY),
    ({"dir": (1, a_hash("another directory"))}, P.DIRECTORY_MIXED),
])
async def test_a_message_out_of_its_time_or_directory_leaves_no_trace(town: Alliance, header: dict[str, Any],
                                                                      code: ProblemCode) -> None:
    message = sealed(town.directory, M.CONFIRMATION, HOME, FIRST, Confirmation(message=a_hash("a")), **header)
    before = await everything(town)
    for _ in range(2):
        assert body_of(await town.gateway.receive(message.envelope, HOME)).code is code
    assert await everything(town) == before


# replayed, reordered, cut off: the streams


async def test_the_sender_may_ask_again_and_gets_the_same_answer_and_no_second_effect(town: Alliance) -> None:
    await town.order()
    await town[HOME].fetch()
    await town[HOME].work()
    ((hash_, asked),) = [(h, e) for h, e in await town[HOME].journal.run(lambda unit: unit.outbox(9))
                         if read(e).type is M.RESERVATION_ASKED]
    first = await town.gateway.receive(asked, HOME)
    after = await everything(town)
    assert await town.gateway.receive(asked, HOME) == first
    assert await everything(town) == after
    assert body_of(first).message == hash_
    assert await town.balances() == {HOME: (0, QUOTE.total_fen)}


@pytest.mark.parametrize("link", [None, PICKUP, SECOND])
async def test_from_anybody_else_the_same_bytes_are_a_replay(town: Alliance, link: AgencyId | None) -> None:
    await promised(town)
    captured = (await town.gateway.mail(HOME, 0, 0, 100))[-1].envelope
    before = await everything(town)
    for _ in range(2):
        assert body_of(await town.gateway.receive(captured, link)).code is P.REPLAYED
    assert await everything(town) == before


@pytest.mark.parametrize(("step", "changes", "code"), [
    (0, {}, P.STREAM_BROKEN),
    (-1, {}, P.REPLAYED),
    (2, {}, P.OUT_OF_SEQUENCE),
    (1, {"prev": a_hash("another")}, P.STREAM_BROKEN),
    (1, {"epoch": 1}, P.STREAM_BROKEN),
    (1, {"channel": "money"}, P.STREAM_BROKEN),
])
async def test_a_message_out_of_its_place_uses_up_no_number(town: Alliance, step: int, changes: dict[str, Any],
                                                            code: ProblemCode) -> None:
    """``step`` counts from the last number used: 0 is that number again, 2 leaves one out."""
    conv = await promised(town)
    for _ in range(2):
        await town[FIRST].office.decide(conv, lambda _desk, loan: (note(loan.last),))
        await town[FIRST].send()
    head = await town.database.run(lambda unit: unit.streams.head(FIRST, HOME, "loan"))
    place = StreamPosition(**{"channel": "loan", "epoch": 0, "seq": head.seq + step, "prev": head.hash, **changes})
    loan = await town.loan(conv)
    message = await said(town, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, note(None).body, conv=conv, copies=(PICKUP,),
                         reply_to=loan.last, stream=place)
    before = await everything(town)
    for _ in range(2):
        answer = body_of(await town.gateway.receive(message.envelope, FIRST))
        assert (answer.code, answer.stream) == (code, None)
    assert await everything(town) == before


async def test_a_durable_message_without_its_number_is_refused(town: Alliance) -> None:
    conv = await promised(town)
    message = await said(town, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, note(None).body, conv=conv, stream=None)
    assert body_of(await town.gateway.receive(message.envelope, FIRST)).code is P.STREAM_BROKEN


async def test_each_stream_is_numbered_by_itself(town: Alliance) -> None:
    await lent(town)
    streams = await town.database.run(lambda unit: unit.messages._db.execute(
        "SELECT src, dst, channel, seq FROM stream").fetchall())
    assert len({row[:3] for row in streams}) == len(streams)
    for src, dst, channel, seq in streams:
        kinds = await town.database.run(lambda unit, src=src, dst=dst: [
            kind for (kind,) in unit.messages._db.execute(
                "SELECT type FROM message WHERE src = ? AND dst = ?", (src, dst))])
        assert seq == len([kind for kind in kinds if rule_of(kind).channel == channel])


# refused on the road: the number is used up, by name, and both ends go on


async def test_a_refused_message_uses_up_its_number_and_both_ends_go_on(town: Alliance) -> None:
    conv = await promised(town)
    await town.rest()
    first, home = town[FIRST], town[HOME]
    request = (await first.loan(conv)).last
    await first.office.decide(conv, lambda *_: (note(None),))
    wrong = (await first.outbox())[-1]
    (refusal,) = await first.send()
    assert (type(refusal), refusal.code, refusal.stream) == (Refusal, P.REPLY_MISMATCH, wrong.stream)
    assert await first.alarms() == ["reply_mismatch"]

    await first.office.decide(conv, lambda *_: (note(request),))
    right = (await first.outbox())[-1]
    assert right.stream.seq == wrong.stream.seq + 1
    assert [type(body) for body in await first.send()] == [Accepted]
    await town.rest()
    assert (home.refused, await home.alarms()) == ([], [])
    assert await home.journal.run(lambda unit: unit.head(FIRST, HOME, "loan")) == await town.database.run(
        lambda unit: unit.streams.head(FIRST, HOME, "loan"))


async def test_a_refused_message_is_kept_by_its_hash_and_asking_again_gets_the_same_refusal(town: Alliance) -> None:
    conv = await promised(town)
    await town[FIRST].office.decide(conv, lambda *_: (note(None),))
    ((hash_, wrong),) = await town[FIRST].journal.run(lambda unit: unit.outbox(9))
    refusal = await town.gateway.receive(wrong, FIRST)
    after = await everything(town)
    assert await town.gateway.receive(wrong, FIRST) == refusal
    assert body_of(await town.gateway.receive(wrong)).code is P.REPLAYED
    assert await everything(town) == after
    assert (await town.database.run(lambda unit: unit.messages.get(hash_))).type == "Refused"


async def test_a_refused_message_is_no_message_to_answer(town: Alliance) -> None:
    conv = await promised(town)
    await town[FIRST].office.decide(conv, lambda *_: (note(None),))
    await town[FIRST].send()
    refused = (await town[FIRST].loan(conv)).last
    answer = await said(town, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, note(None).body, conv=conv, copies=(PICKUP,),
                        reply_to=refused)
    assert body_of(await town.gateway.receive(answer.envelope, FIRST)).code is P.REPLY_MISMATCH


async def test_a_refusal_that_moved_no_stream_makes_nobody_step_over_anything(town: Alliance) -> None:
    """A library could else push its receiver past a number that its next message still needs."""
    await promised(town)
    question = await said(town, M.AVAILABILITY_QUESTION, FIRST, HOME, AvailabilityQuestion(barcodes=()),
                          stream=StreamPosition(channel="loan", epoch=0, seq=2, prev=(await town.database.run(
                              lambda unit: unit.streams.head(FIRST, HOME, "loan"))).hash))
    before = await everything(town)
    for _ in range(2):
        refusal = body_of(await town.gateway.receive(question.envelope, FIRST))
        assert (refusal.code, refusal.stream) == (P.WRONG_ROLE, None)
    assert await everything(town) == before


Told = Callable[[Alliance, str], Awaitable[Sealed]]


async def supplier_ships_unconfirmed(town: Alliance, conv: str) -> Sealed:
    body = SupplyingAgencyMessage(reason_for_message=ReasonForMessage.STATUS_CHANGE, status=SupplierStatus.LOANED,
                                  barcode=BARCODES[FIRST], due_date=NOW.date())
    return await of_the_loan(town, conv, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, body)


async def of_the_loan(town: Alliance, about: str, kind: MessageType, src: AgencyId, dst: AgencyId, body: Any,
                      **header: Any) -> Sealed:
    copies = tuple(agency for agency in (HOME, PICKUP) if agency not in (src, dst)) if rule_of(kind).relayed else ()
    loan = await town.loan(about)
    return await said(town, kind, src, dst, body, **{"conv": about, "reply_to": loan.last, "copies": copies, **header})


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
    assert body_of(await town.gateway.receive(own, link)).code is P.REPLAYED
    assert body_of(await town.gateway.receive(fresh.envelope, link)).code is P.WRONG_ROLE
    assert await everything(town) == before


async def test_only_a_library_that_has_a_part_in_the_loan_is_sent_a_copy(town: Alliance) -> None:
    conv = await promised(town)
    ends = await town.database.run(lambda unit: unit.mailboxes.ends())
    message = await of_the_loan(town, conv, M.SUPPLYING_AGENCY_MESSAGE, FIRST, HOME, note(None).body,
                                copies=(PICKUP, THIRD, AgencyId("CN-NOWHERE")))
    assert isinstance(body_of(await town.gateway.receive(message.envelope, FIRST)), Accepted)
    after = await town.database.run(lambda unit: unit.mailboxes.ends())
    assert {agency: number - ends.get(agency, 0) for agency, number in after.items()} == {
        HOME: 1, PICKUP: 1, FIRST: 0}


async def test_a_confirmation_with_copies_is_refused(town: Alliance) -> None:
    message = await said(town, M.CONFIRMATION, FIRST, HOME, Confirmation(message=a_hash("a")), copies=(SECOND, THIRD))
    refusal = body_of(await town.gateway.receive(message.envelope, FIRST))
    assert (refusal.code, refusal.stream) == (P.WRONG_ROLE, None)


async def test_control_messages_pass_to_their_receiver_without_a_number(town: Alliance) -> None:
    message = await said(town, M.RESEND, FIRST, HOME, Resend(channel="loan", epoch=0, from_seq=1))
    assert isinstance(body_of(await town.gateway.receive(message.envelope, FIRST)), Accepted)
    assert [entry.envelope for entry in await town.gateway.mail(HOME, 0, 0, 9)] == [message.envelope]


@pytest.mark.parametrize(("src", "dst", "named"), [(SECOND, HOME, True), (FIRST, HOME, False), (FIRST, PICKUP, True)])
async def test_only_who_was_sent_a_message_confirms_it_and_to_its_sender(town: Alliance, src: AgencyId, dst: AgencyId,
                                                                        named: bool) -> None:
    """Anybody else's confirmations would calm the sender's alarm, and fill the evidence of a loan of others."""
    conv = await promised(town)
    said_before = await town.database.run(lambda unit: unit.messages.of_conversation(conv))
    (request,) = [message for message in said_before if message.type == M.REQUEST]
    confirmation = await said(town, M.CONFIRMATION, src, dst, Confirmation(message=request.hash),
                              conv=conv if named else None)
    for _ in range(2):
        refusal = body_of(await town.gateway.receive(confirmation.envelope, src))
        assert (refusal.code, refusal.stream) == (P.REPLY_MISMATCH, None)
    assert await town.database.run(lambda unit: unit.messages.of_conversation(conv)) == said_before


# money


async def test_a_reservation_within_the_cap_is_granted_and_the_first_beyond_it_refused(town: Alliance) -> None:
    fitting = CAP_FEN // QUOTE.total_fen
    convs = [await town.order(FIRST) for _ in range(fitting + 1)]
    await town.rest()
    outcomes = [(await town.loan(conv)).outcome for conv in convs]
    assert outcomes == [None] * fitting + [Outcome.REFUSED]
    assert await town.balances() == {HOME: (0, fitting * QUOTE.total_fen)}
    assert not (await town[HOME].slot(convs[-1])).taken


async def test_a_refused_reservation_says_what_is_left(town: Alliance) -> None:
    for _ in range(CAP_FEN // QUOTE.total_fen + 1):
        await town.order(FIRST)
    await town[HOME].fetch()
    while await town[HOME].work():
        await town[HOME].send()
    mail = [body_of(entry.envelope) for entry in await town.gateway.mail(HOME, 0, 0, 99)]
    assert (mail[-1].total_fen, mail[-1].available_fen) == (QUOTE.total_fen, CAP_FEN % QUOTE.total_fen)


async def test_the_cap_counts_what_was_posted_before(town: Alliance) -> None:
    conv = await lent(town)
    await town[FIRST].scan(BARCODES[FIRST], conv)
    await town.rest()
    spent = TARIFF.loan_fee_fen + TARIFF.carriage_out_fen
    assert await town.balances() == {HOME: (-spent, 0), FIRST: (TARIFF.loan_fee_fen, 0),
                                     COURIER: (TARIFF.carriage_out_fen, 0)}
    available = await town.database.run(lambda unit: unit.ledger.available(HOME, CAP_FEN))
    assert available == CAP_FEN - spent


async def test_a_reservation_for_another_quote_than_the_order_s_is_refused(town: Alliance) -> None:
    conv = await town.order()
    loan = await town.loan(conv)
    cheap = ReservationAsked(quote=QUOTE.model_copy(update={"guarantee_fen": 1}))
    message = await of_the_loan(town, conv, M.RESERVATION_ASKED, HOME, GATEWAY, cheap, reply_to=loan.order)
    assert body_of(await town.gateway.receive(message.envelope, HOME)).code is P.OUT_OF_TURN
    assert await town.balances() == {}


async def test_another_library_does_not_reserve_on_the_home_library_s_account(town: Alliance) -> None:
    conv = await town.order()
    loan = await town.loan(conv)
    message = await of_the_loan(town, conv, M.RESERVATION_ASKED, SECOND, GATEWAY, ReservationAsked(quote=QUOTE),
                                reply_to=loan.order)
    assert body_of(await town.gateway.receive(message.envelope, SECOND)).code is P.WRONG_ROLE
    assert await town.balances() == {}


async def test_a_lost_copy_costs_its_price_and_a_third_return_pays_who_took_it(town: Alliance) -> None:
    lost, returned = await lent(town), await lent(town, SECOND)
    await town[FIRST].counter.declare_lost(lost)
    assert await town[THIRD].scan(BARCODES[SECOND]) is Step.TAKE_BACK
    await town.rest()
    balances = await town.balances()
    assert balances[FIRST] == (TARIFF.loan_fee_fen + QUOTE.guarantee_fen, 0)
    assert (balances[THIRD], balances[FUND]) == ((TARIFF.third_return_fen, 0), (-TARIFF.third_return_fen, 0))
    assert (await town.loan(lost)).outcome is Outcome.LOST
    assert (await town.loan(returned)).holder == THIRD
    assert sum(balance for balance, _ in balances.values()) == 0


async def test_a_library_answers_its_own_statement_only(town: Alliance) -> None:
    proposal = StatementProposal(window=1, after_index=-1, upto_index=9, lines=(), net_fen=0, digest=a_hash("d"))
    hash_ = await town.gateway.act(lambda road: road.say(Reply(M.STATEMENT_PROPOSAL, HOME, proposal, None), None))
    body = StatementAcceptance(window=1, digest=proposal.digest)
    for src, expected in ((FIRST, Refusal), (HOME, Accepted)):
        message = await said(town, M.STATEMENT_ACCEPTANCE, src, GATEWAY, body, reply_to=hash_)
        assert type(body_of(await town.gateway.receive(message.envelope, src))) is expected


# one transaction


async def test_a_unit_that_fails_in_the_middle_leaves_nothing_and_the_same_bytes_pass_later(town: Alliance) -> None:
    await town.order()
    await town[HOME].fetch()
    await town[HOME].work()
    outbox = await town[HOME].journal.run(lambda unit: unit.outbox(9))
    before = await everything(town)
    await town.database.run(lambda unit: unit.messages._db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON mailbox BEGIN SELECT RAISE(ABORT, 'no room for mail'); END"))
    for _, envelope in outbox:
        if read(envelope).type is M.RESERVATION_ASKED:
            with pytest.raises(sqlite3.IntegrityError, match="no room for mail"):
                await town.gateway.receive(envelope, HOME)
    assert await everything(town) == before
    await town.database.run(lambda unit: unit.messages._db.execute("DROP TRIGGER full"))
    await town.rest()
    assert await town.balances() == {HOME: (0, QUOTE.total_fen)}


async def test_what_the_gateway_says_itself_is_undone_together(town: Alliance) -> None:
    before = await everything(town)

    def work(road: Any) -> None:
        road.say(Reply(M.ORDER, HOME, order_body(town), None), "loan-0001")
        raise LookupError("changed its mind")

    with pytest.raises(LookupError):
        await town.gateway.act(work)
    assert await everything(town) == before


def order_body(town: Alliance) -> Any:
    return Order(session="session-1", signed_order=town.signed_order("loan-0001"), bib=BIB, pickup=point(),
                 rota=rota(FIRST), quote=QUOTE)


async def test_the_gateway_s_own_messages_walk_the_same_road(town: Alliance) -> None:
    conv = await town.order()
    (entry,) = await town.gateway.mail(HOME, 0, 0, 9)
    order, accepted = read(entry.envelope), read(entry.accepted)
    assert (order.src, order.stream.seq, order.conv) == (GATEWAY, 1, conv)
    assert (accepted.dst, accepted.body.index, accepted.reply_to) == (HOME, 0, accepted.body.message)
    assert town.woken == [HOME]
    with pytest.raises(NotAccepted) as refused:
        await town.gateway.act(lambda road: road.say(
            Reply(M.RESERVATION_GRANTED, SECOND, ReservationGranted(total_fen=1), None), conv))
    assert refused.value.code is P.WRONG_ROLE
    with pytest.raises(NotAccepted):
        await town.gateway.act(lambda road: road.say(Reply(M.ORDER, HOME, order_body(town), None), conv))


async def test_everybody_who_hears_of_a_message_is_woken(town: Alliance) -> None:
    await promised(town)
    town.woken.clear()
    await town[HOME].fetch()
    await town[HOME].send()
    assert set(town.woken) == {FIRST, PICKUP}


# the catalogue


async def test_a_harvest_is_taken_over_and_later_withdrawn(town: Alliance) -> None:
    bib = Bib(record_id=RECORD, source="CNMARC", title="红楼梦")
    for number, (bibs, deleted, found) in enumerate((((bib,), (), 1), ((), (RECORD,), 0)), 1):
        batch = HarvestBatch(run="r", number=number, bibs=bibs, deleted=deleted)
        message = await said(town, M.HARVEST_BATCH, FIRST, GATEWAY, batch)
        assert isinstance(body_of(await town.gateway.receive(message.envelope, FIRST)), Accepted)
        page = await town.database.run(lambda unit: unit.catalogue.search("红楼梦"))
        assert page.total == found


async def test_a_harvest_delays_no_loan_for_it_is_a_stream_of_its_own(town: Alliance) -> None:
    batch = HarvestBatch(run="r", number=1, bibs=())
    message = await said(town, M.HARVEST_BATCH, HOME, GATEWAY, batch)
    await town.order(FIRST)
    await town.rest()
    assert isinstance(body_of(await town.gateway.receive(message.envelope, HOME)), Accepted)


# whose loan is this copy?


async def ask(town: Alliance, src: AgencyId, barcode: str) -> LoanAnswer:
    question = await said(town, M.LOAN_QUESTION, src, GATEWAY, LoanQuestion(barcode=barcode), nonce="n")
    answer = read(await town.gateway.answer(question.envelope))
    assert (answer.reply_to, answer.nonce, answer.dst) == (question.hash, "n", src)
    return answer.body


async def test_a_library_is_told_of_the_open_loan_of_a_copy_and_no_more_than_it_needs(town: Alliance) -> None:
    conv = await lent(town)
    (found,) = (await ask(town, THIRD, BARCODES[FIRST])).loans
    loan = await town.loan(conv)
    assert (found.conv, found.owner, found.home, found.last) == (conv, FIRST, HOME, loan.last)
    assert set(type(found).model_fields) == {"conv", "home", "owner", "pickup", "barcode", "title", "last"}


async def test_two_open_loans_with_the_same_barcode_are_both_named_and_never_guessed(town: Alliance) -> None:
    same = ItemBarcode("00000001")
    for supplier in (FIRST, SECOND):
        await town[supplier].journal.run(lambda unit: unit.put_items([(RECORD, same, 4500)]))
        await town[supplier].journal.run(lambda unit, b=BARCODES[supplier]: unit._db.execute(
            "DELETE FROM item WHERE barcode = ?", (b,)))
    convs = [await lent(town, supplier) for supplier in (FIRST, SECOND)]
    assert {found.conv for found in (await ask(town, THIRD, same)).loans} == set(convs)
    with pytest.raises(SeveralLoans):
        await town[THIRD].scan(same)
    assert await town[THIRD].scan(same, convs[1]) is Step.TAKE_BACK
    await town.rest()
    assert [(await town.loan(conv)).holder for conv in convs] == [PICKUP, THIRD]


async def test_a_copy_that_no_reader_has_belongs_to_nobody_who_asks(town: Alliance) -> None:
    await promised(town)
    assert (await ask(town, THIRD, BARCODES[FIRST])).loans == ()
    assert (await ask(town, THIRD, "99999999")).loans == ()


@pytest.mark.parametrize(("changes", "code"), [
    ({"key": key_of(FIRST)}, P.SIGNER_IS_NOT_SRC), ({"expires": NOW}, P.EXPIRED),
    ({"kind": M.CONFIRMATION, "body": Confirmation(message=a_hash("a"))}, P.WRONG_ROLE),
])
async def test_a_question_that_is_none_is_refused_by_name(town: Alliance, changes: dict[str, Any],
                                                          code: ProblemCode) -> None:
    question = {"kind": M.LOAN_QUESTION, "body": LoanQuestion(barcode="1"), **changes}
    message = sealed(town.directory, question.pop("kind"), THIRD, GATEWAY, question.pop("body"), **question)
    assert body_of(await town.gateway.answer(message.envelope)).code is code


async def test_a_question_for_somebody_else_is_refused(town: Alliance) -> None:
    message = sealed(town.directory, M.LOAN_QUESTION, THIRD, FIRST, LoanQuestion(barcode="1"))
    assert body_of(await town.gateway.answer(message.envelope)).code is P.WRONG_DESTINATION


# the mailbox


async def test_the_mailbox_keeps_what_is_not_acknowledged_and_forgets_what_is(town: Alliance) -> None:
    for _ in range(3):
        await town.order()
    assert [entry.number for entry in await town.gateway.mail(HOME, 0, 0, 2)] == [1, 2]
    assert [entry.number for entry in await town.gateway.mail(HOME, 2, 2, 9)] == [3]
    assert [entry.number for entry in await town.gateway.mail(HOME, 0, 0, 9)] == [3]
    await town.order()
    assert [entry.number for entry in await town.gateway.mail(HOME, 3, 3, 9)] == [4]


def test_the_sample_alliance_has_a_fund_and_a_courier() -> None:
    roles = {agency.agency: agency.role for agency in directory_of().directory.agencies}
    assert (roles[FUND], roles[COURIER], roles[GATEWAY]) == (Role.FUND, Role.COURIER, Role.GATEWAY)
