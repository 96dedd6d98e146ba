"""The library's door: a hub that cheats gets an alarm and nothing else, and honest mail is taken in once."""

import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.agent.app import watch_once
from connectors.agent.effects import Do, Say, Verb
from connectors.agent.entry import Refused
from connectors.agent.home import Desk
from connectors.agent.tables import Unit
from connectors.ils.port import Result
from schemas.envelope import GENESIS, StreamPosition
from schemas.identifiers import AgencyId
from schemas.lending import (
    Action,
    CustodyReceipt,
    Order,
    OrderRefused,
    PickupPoint,
    ReasonForMessage,
    RequestingAgencyMessage,
    ReservationGranted,
    SupplierStatus,
    SupplyingAgencyMessage,
)
from schemas.lifecycle import LoanStatus
from schemas.messages import (
    Accepted,
    AvailabilityQuestion,
    Confirmation,
    MessageType,
    Refusal,
    StatementProposal,
)
from schemas.problems import ProblemCode
from tests.alliance import (
    BARCODES,
    BIB,
    COURIER,
    FIRST,
    GATEWAY,
    HOME,
    NOW,
    PICKUP,
    QUOTE,
    SECOND,
    THIRD,
    Alliance,
    Member,
    a_hash,
    key_of,
    point,
    read,
    rota,
    sealed,
)
from tests.trust import samples
from trust.envelope import Sealed
from trust.sealing import SessionKey
from trust.stream import StreamHead, next_position

M, P = MessageType, ProblemCode
TABLES = ("message", "stream", "outbox", "loan", "task", "slot", "session", "fact")


async def everything(member: Member) -> list[Any]:
    """Return every row of the journal but the alarms."""
    return await member.journal.run(lambda unit: [
        unit._db.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES])


async def requested(town: Alliance) -> str:
    """A loan whose Request the first supplier has in its hands, and has not answered."""
    conv = await town.order(FIRST, SECOND, pickup=PICKUP)
    await town.rest(working=False)
    await town[HOME].work()
    await town.rest(working=False)
    assert (await town[FIRST].loan(conv)).status is LoanStatus.REQUEST_RECEIVED
    return conv


async def promise(town: Alliance, conv: str, **header: Any) -> Sealed:
    """The first supplier's WillSupply, as its office would sign it."""
    body = SupplyingAgencyMessage(reason_for_message=ReasonForMessage.REQUEST_RESPONSE,
                                  status=SupplierStatus.WILL_SUPPLY, barcode=BARCODES[FIRST])
    loan = await town[HOME].loan(conv)
    return await town[HOME].next_from(FIRST, M.SUPPLYING_AGENCY_MESSAGE, body, **{
        "conv": conv, "copies": (PICKUP,), "reply_to": loan.last, **header})


# a cheating hub at the door


Attack = Callable[[Alliance, str], Awaitable[tuple[Sealed, bytes | None]]]


async def forged(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    return await promise(town, conv, key=samples.GATEWAY_KEY), None


async def by_another_library(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    return await promise(town, conv, key=key_of(SECOND)), None


async def altered(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    message = await promise(town, conv)
    document = json.loads(message.envelope)
    payload = b64decode(document["payload"]).replace(b'"WillSupply"', b'"Unfilled"')
    envelope = json.dumps({**document, "payload": b64encode(payload).decode()}).encode()
    return replace(message, envelope=envelope), town[HOME].log_entry_of(message)


async def readdressed(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    return await promise(town, conv, dst=SECOND, copies=()), None


async def another_s_accepted(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    message, other = await promise(town, conv), await promise(town, conv, copies=())
    return message, town[HOME].log_entry_of(other)


async def accepted_by_a_library(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    message = await promise(town, conv)
    return message, town[HOME].log_entry_of(message, SECOND)


async def not_accepted(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    return await promise(town, conv), b""


async def accepted_by_something_else(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    message = await promise(town, conv)
    other = sealed(town.directory, M.CONFIRMATION, GATEWAY, HOME, Confirmation(message=message.hash))
    return message, other.envelope


async def before_its_turn(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    place = next_position(await town[HOME].head(FIRST), "loan")
    return await promise(town, conv, stream=place.model_copy(update={"seq": place.seq + 1})), None


async def after_another(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    place = next_position(await town[HOME].head(FIRST), "loan")
    return await promise(town, conv, stream=place.model_copy(update={"prev": a_hash("another")})), None


async def of_a_new_epoch(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    return await promise(town, conv, stream=StreamPosition(channel="loan", epoch=1, seq=1, prev=GENESIS)), None


async def without_a_number(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    return await promise(town, conv, stream=None), None


async def on_another_channel(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
    return await promise(town, conv, stream=StreamPosition(channel="money", epoch=0, seq=1, prev=GENESIS)), None


async def replayed(town: Alliance, _conv: str) -> tuple[Sealed, bytes | None]:
    order = (await town[HOME].journal.run(lambda unit: unit._db.execute(
        "SELECT hash, envelope FROM message WHERE type = 'Order'").fetchone()))
    message = Sealed(order[0], order[1], read(order[1]))
    return message, town[HOME].log_entry_of(message)


async def own_message(town: Alliance, _conv: str) -> tuple[Sealed, bytes | None]:
    row = (await town[HOME].journal.run(lambda unit: unit._db.execute(
        "SELECT hash, envelope FROM message WHERE type = 'Request'").fetchone()))
    return Sealed(row[0], row[1], read(row[1])), None


def hub_says(kind: MessageType, body: Any) -> Attack:
    async def attack(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
        loan = await town[HOME].loan(conv)
        return await town[HOME].next_from(GATEWAY, kind, body, conv=conv, reply_to=loan.last), None

    return attack


def library_says(kind: MessageType, body: Any, src: AgencyId = THIRD) -> Attack:
    async def attack(town: Alliance, conv: str) -> tuple[Sealed, bytes | None]:
        return await town[HOME].next_from(src, kind, body, conv=conv), None

    return attack


RECEIPT = CustodyReceipt(barcode=BARCODES[FIRST], holder="returned at", place="", happened_at=NOW)
PROPOSAL = StatementProposal(window=1, after_index=-1, upto_index=9, lines=(), net_fen=9, digest=a_hash("d"))

ATTACKS: dict[str, tuple[Attack, ProblemCode]] = {
    "forged by the gateway's own key in a library's name": (forged, P.SIGNER_IS_NOT_SRC),
    "in a library's name by another library": (by_another_library, P.SIGNER_IS_NOT_SRC),
    "altered": (altered, P.BAD_SIGNATURE),
    "addressed to somebody else": (readdressed, P.WRONG_DESTINATION),
    "shown the log entry of another message": (another_s_accepted, P.REPLY_MISMATCH),
    "shown a log entry that a library signed": (accepted_by_a_library, P.REPLY_MISMATCH),
    "shown no log entry": (not_accepted, P.MALFORMED_ENVELOPE),
    "shown something else for a log entry": (accepted_by_something_else, P.REPLY_MISMATCH),
    "before the message that comes first": (before_its_turn, P.OUT_OF_SEQUENCE),
    "after another message than it follows": (after_another, P.STREAM_BROKEN),
    "in an epoch that nobody has begun": (of_a_new_epoch, P.STREAM_BROKEN),
    "without its number": (without_a_number, P.STREAM_BROKEN),
    "numbered on another channel": (on_another_channel, P.STREAM_BROKEN),
    "replayed under a new number": (replayed, P.REPLAYED),
    "this library's own message brought back": (own_message, P.WRONG_DESTINATION),
    "the hub takes a copy over": (hub_says(M.CUSTODY_RECEIPT, RECEIPT), P.WRONG_ROLE),
    "the hub supplies": (hub_says(M.SUPPLYING_AGENCY_MESSAGE, SupplyingAgencyMessage(
        reason_for_message=ReasonForMessage.REQUEST_RESPONSE, status=SupplierStatus.WILL_SUPPLY)), P.WRONG_ROLE),
    "a library grants a reservation": (library_says(M.RESERVATION_GRANTED, ReservationGranted(total_fen=1)),
                                       P.WRONG_ROLE),
    "a library proposes a statement": (library_says(M.STATEMENT_PROPOSAL, PROPOSAL), P.WRONG_ROLE),
    "a library states a place in the log": (library_says(M.ACCEPTED, Accepted(
        message=a_hash("a"), index=1, arrived=NOW)), P.WRONG_ROLE),
    "a question as mail": (hub_says(M.AVAILABILITY_QUESTION, AvailabilityQuestion(barcodes=())), P.WRONG_ROLE),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_cheating_hub_gets_an_alarm_and_nothing_else(town: Alliance, name: str) -> None:
    attack, code = ATTACKS[name]
    conv = await requested(town)
    home = town[HOME]
    message, shown = await attack(town, conv)
    before = await everything(home)
    for times in range(1, 3):
        with pytest.raises(Refused) as refused:
            await home.deliver(message, shown)
        assert refused.value.code is code
        assert await home.alarms() == [code] * times
    assert await everything(home) == before
    await home.deliver(await promise(town, conv))
    assert (await home.loan(conv)).confirmed is not None


async def test_a_message_whose_time_or_directory_is_not_come_yet_waits(town: Alliance) -> None:
    conv = await requested(town)
    for changes, code in (({"created": NOW + timedelta(minutes=5)}, P.FROM_THE_FUTURE),
                          ({"dir": (2, a_hash("a newer directory"))}, P.NEWER_DIRECTORY)):
        with pytest.raises(Refused) as refused:
            await town[HOME].deliver(await promise(town, conv, **changes))
        assert refused.value.code is code
    town.clock.forward(minutes=5)
    await town[HOME].deliver(await promise(town, conv, created=town.clock()))


async def test_an_entry_that_comes_again_under_its_own_number_is_only_acknowledged(town: Alliance) -> None:
    conv = await requested(town)
    message = await promise(town, conv)
    await town[HOME].deliver(message)
    number = int(await town[HOME].journal.run(lambda unit: unit.fact("received")))
    after = await everything(town[HOME])
    await town[HOME].deliver(message, number=number)
    assert (await everything(town[HOME]), await town[HOME].alarms()) == (after, [])


async def test_the_alarm_tells_no_secret(town: Alliance) -> None:
    conv = await requested(town)
    with pytest.raises(Refused):
        await town[HOME].deliver((await forged(town, conv))[0])
    (alarm,) = await town[HOME].journal.run(Unit.alarms)
    assert set(alarm) == {"at", "code", "detail"}
    assert "signed by DELTA in the name of" in alarm["detail"]


# a reader's order, as the hub passes it on


def another_s_signature(town: Alliance) -> str:
    stranger = SessionKey.generate(samples.random_bytes("stranger"))
    return stranger.sign(b"{}")


ORDERS: dict[str, tuple[Callable[[Alliance], dict[str, Any]], str]] = {
    "signed by another key": (lambda town: {"signed_order": another_s_signature(town)}, "NotSigned"),
    "signed by nobody": (lambda _: {"signed_order": ""}, "NotSigned"),
    "in no session": (lambda _: {"session": "session-9"}, "NotSigned"),
    "for another work": (lambda _: {"bib": BIB.model_copy(update={"cluster": "other"})}, "NotSigned"),
    "to another pickup point": (lambda _: {"pickup": point(THIRD)}, "NotSigned"),
    "to another desk of it": (lambda _: {"pickup": PickupPoint(agency=HOME, point="后门")}, "NotSigned"),
    "of another loan": (lambda town: {"signed_order": town.signed_order("loan-0007")}, "NotSigned"),
    "of another library": (lambda town: {"signed_order": town.signed_order("loan-0001", home=FIRST)}, "NotSigned"),
    "without a supplier": (lambda _: {"rota": ()}, "NoSupplier"),
    "with the hub as supplier": (lambda _: {"rota": rota(GATEWAY)}, "NoSupplier"),
    "with the courier as supplier": (lambda _: {"rota": rota(FIRST, COURIER)}, "NoSupplier"),
    "with nobody known as supplier": (lambda _: {"rota": rota(AgencyId("CN-NOWHERE"))}, "NoSupplier"),
    "with the home library as supplier": (lambda _: {"rota": rota(HOME)}, "NoSupplier"),
    "with one supplier twice": (lambda _: {"rota": rota(FIRST, FIRST)}, "NoSupplier"),
    "at another fee than the tariff's": (
        lambda _: {"quote": QUOTE.model_copy(update={"fee_fen": QUOTE.fee_fen + 1})}, "WrongQuote"),
    "at another carriage than the tariff's": (
        lambda _: {"quote": QUOTE.model_copy(update={"carriage_back_fen": 1})}, "WrongQuote"),
}


@pytest.mark.parametrize("name", ORDERS)
async def test_an_order_that_is_not_the_reader_s_or_not_by_the_rules_is_refused(town: Alliance, name: str) -> None:
    changes, reason = ORDERS[name]
    conv = await town.order(altered=changes(town))
    home = town[HOME]
    await home.fetch()
    assert (await home.tasks(), await home.alarms()) == ([], [])
    assert await home.journal.run(lambda unit: unit.slot(conv)) is None
    assert [m.body.reason for m in await home.outbox() if isinstance(m.body, OrderRefused)] == [reason]
    await town.rest()
    assert (await town.loan(conv)).status is LoanStatus.REFUSED
    assert await town.balances() == {}


async def test_a_garbled_order_under_a_good_signature_is_refused(town: Alliance) -> None:
    for payload in (b"", b"[]", b'{"conv":1}', b"\xff"):
        signed = town.session_key.sign(payload) if payload else "a.b.c"
        conv = await town.order(altered={"signed_order": signed})
        await town.rest()
        assert (await town.loan(conv)).status is LoanStatus.REFUSED


async def test_the_hub_does_not_order_twice_with_one_signature(town: Alliance) -> None:
    conv = await town.order()
    await town[HOME].fetch()
    order = Order(session="session-1", signed_order=town.signed_order(conv), bib=BIB, pickup=point(), rota=rota(SECOND),
                  quote=QUOTE)
    before = await town[HOME].slot(conv)
    again = await town[HOME].next_from(GATEWAY, M.ORDER, order, conv=conv)
    await town[HOME].deliver(again)
    assert await town[HOME].alarms() == ["out_of_turn"]
    assert (await town[HOME].slot(conv), len(await town[HOME].tasks())) == (before, 1)


# honest mail that the loan does not allow


async def test_mail_that_the_loan_does_not_allow_uses_up_its_number_and_a_person_is_told(town: Alliance) -> None:
    """Two things that cross on their way are nobody's fault; the stream must go on behind them."""
    conv = await requested(town)
    home = town[HOME]
    early = await home.next_from(FIRST, M.SUPPLYING_AGENCY_MESSAGE, SupplyingAgencyMessage(
        reason_for_message=ReasonForMessage.STATUS_CHANGE, status=SupplierStatus.LOAN_COMPLETED), conv=conv)
    loan = await home.loan(conv)
    await home.deliver(early)
    assert await home.alarms() == ["out_of_turn"]
    assert await home.loan(conv) == loan
    assert (await home.head(FIRST)).hash == early.hash
    assert [m.reply_to for m in await home.outbox()] == [early.hash]
    await home.deliver(await promise(town, conv))
    assert (await home.loan(conv)).status is LoanStatus.WILL_SUPPLY


async def test_a_copy_about_a_loan_that_is_not_known_here_is_kept_and_a_person_is_told(town: Alliance) -> None:
    third = town[THIRD]
    message = sealed(town.directory, M.REQUESTING_AGENCY_MESSAGE, HOME, FIRST,
                     RequestingAgencyMessage(action=Action.CANCEL), conv="loan-0404", copies=(THIRD,),
                     stream=StreamPosition(channel="loan", epoch=0, seq=7, prev=a_hash("a")))
    await third.deliver(message)
    assert (await third.alarms(), await third.outbox()) == (["out_of_turn"], [])
    assert await third.journal.run(lambda unit: unit.has_message(message.hash))


async def test_a_promise_is_confirmed_once(town: Alliance) -> None:
    conv = await requested(town)
    home = town[HOME]
    await home.deliver(await promise(town, conv))
    await home.deliver(await promise(town, conv, reply_to=None))
    confirmations = [m for m in await home.outbox() if getattr(m.body, "action", None) is Action.SUPPLY_CONFIRMED]
    assert len(confirmations) == 1
    assert await home.alarms() == ["out_of_turn"]


async def test_what_is_taken_in_and_what_follows_from_it_is_one_transaction(town: Alliance) -> None:
    conv = await requested(town)
    home = town[HOME]
    before = await everything(home)
    await home.journal.run(lambda unit: unit._db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'no room'); END"))
    with pytest.raises(Exception, match="no room"):
        await home.deliver(await promise(town, conv))
    assert await everything(home) == before
    await home.journal.run(lambda unit: unit._db.execute("DROP TRIGGER full"))
    await home.deliver(await promise(town, conv))


# stepping over what the gateway has refused


def refusal_of(town: Alliance, member: Member, sender: AgencyId, place: StreamPosition, hash_: Any,
               src: AgencyId = GATEWAY) -> Sealed:
    body = Refusal(message=hash_, code=P.OUT_OF_TURN, detail="", stream=place)
    return sealed(town.directory, M.REFUSAL, src, sender, body, copies=(member.me,), reply_to=hash_)


async def test_a_refusal_steps_over_the_number_that_will_not_come(town: Alliance) -> None:
    conv = await requested(town)
    home = town[HOME]
    place = next_position(await home.head(FIRST), "loan")
    await home.deliver(refusal_of(town, home, FIRST, place, a_hash("refused")), b"")
    assert await home.head(FIRST) == StreamHead(0, place.seq, a_hash("refused"))
    await home.deliver(await promise(town, conv))
    assert (await home.loan(conv)).status is LoanStatus.WILL_SUPPLY


async def test_a_refusal_of_another_place_or_by_a_library_steps_over_nothing(town: Alliance) -> None:
    await requested(town)
    home = town[HOME]
    stands = await home.head(FIRST)
    place = next_position(stands, "loan")
    for wrong, src in ((place.model_copy(update={"seq": place.seq + 1}), GATEWAY),
                       (place.model_copy(update={"prev": a_hash("b")}), GATEWAY), (place, SECOND)):
        await home.deliver(refusal_of(town, home, FIRST, wrong, a_hash("refused"), src), b"")
        assert await home.head(FIRST) == stands


# what the gateway answers to an own message


async def waiting(town: Alliance) -> tuple[Member, str]:
    """HOME, with an own message in its outbox."""
    await town.order()
    await town[HOME].fetch()
    await town[HOME].work()
    outbox = await town[HOME].journal.run(lambda unit: unit.outbox(9))
    return town[HOME], outbox[-1][0]


def answer(town: Alliance, body: Any, src: AgencyId = GATEWAY, **header: Any) -> bytes:
    kind = {Accepted: M.ACCEPTED, Refusal: M.REFUSAL, Confirmation: M.CONFIRMATION}[type(body)]
    return sealed(town.directory, kind, src, header.pop("dst", HOME), body, **header).envelope


async def test_an_accepted_ends_a_message_s_stay_and_notes_its_place_in_the_log(town: Alliance) -> None:
    home, hash_ = await waiting(town)
    assert await home.office.answered(hash_, answer(town, Accepted(message=hash_, index=41, arrived=NOW)))
    left = await home.journal.run(lambda unit: [h for h, _ in unit.outbox(9)])
    index = await home.journal.run(lambda unit: unit._db.execute(
        "SELECT idx FROM message WHERE hash = ?", (hash_,)).fetchone())
    assert (hash_ in left, index) == (False, (41,))


PLACE = StreamPosition(channel="loan", epoch=0, seq=1, prev=GENESIS)


@pytest.mark.parametrize(("body", "changes"), [
    (Accepted(message=a_hash("another"), index=1, arrived=NOW), {}),
    (Refusal(message=a_hash("another"), code=P.OUT_OF_TURN, detail="", stream=PLACE), {}),
    (Confirmation(message=a_hash("another")), {}),
    (None, {"src": FIRST}),
    (None, {"key": key_of(FIRST)}),
    (None, {"expires": NOW}),
])
async def test_an_answer_to_something_else_or_by_somebody_else_ends_nothing(town: Alliance, body: Any,
                                                                           changes: dict[str, Any]) -> None:
    """A hub that answers with an old Refusal would else drop a message that only the receiver could miss."""
    home, hash_ = await waiting(town)
    outbox = await home.outbox()
    said_ = answer(town, body or Accepted(message=hash_, index=1, arrived=NOW), **changes)
    assert not await home.office.answered(hash_, said_)
    assert (await home.outbox(), len(await home.alarms())) == (outbox, 1)


async def test_a_refusal_that_used_up_the_number_lets_the_next_message_go(town: Alliance) -> None:
    home, hash_ = await waiting(town)
    refusal = Refusal(message=hash_, code=P.OUT_OF_TURN, detail="not now", stream=PLACE)
    assert await home.office.answered(hash_, answer(town, refusal))
    assert hash_ not in [h for h, _ in await home.journal.run(lambda unit: unit.outbox(9))]
    assert await home.alarms() == ["out_of_turn"]


async def test_a_refusal_that_used_up_nothing_keeps_the_message_for_later(town: Alliance) -> None:
    home, hash_ = await waiting(town)
    refusal = Refusal(message=a_hash("none"), code=P.NEWER_DIRECTORY, detail="refresh")
    assert not await home.office.answered(hash_, answer(town, refusal, dst=GATEWAY))
    assert hash_ in [h for h, _ in await home.journal.run(lambda unit: unit.outbox(9))]


async def test_a_confirmation_that_will_never_pass_does_not_hold_up_the_mail_behind_it(town: Alliance) -> None:
    """It has no number that anybody waits for; its sender's alarm tells that it did not arrive."""
    home, _ = await waiting(town)
    hash_, envelope = (await home.journal.run(lambda unit: unit.outbox(9)))[0]
    assert read(envelope).type is M.CONFIRMATION
    for code, dropped in ((P.NEWER_DIRECTORY, False), (P.EXPIRED, True)):
        refusal = Refusal(message=a_hash("none"), code=code, detail="")
        assert await home.office.answered(hash_, answer(town, refusal, dst=GATEWAY)) is dropped
        assert (hash_ in [h for h, _ in await home.journal.run(lambda unit: unit.outbox(9))]) is not dropped


# confirmations


async def unconfirmed(member: Member) -> int:
    rows = await member.journal.run(lambda unit: unit._db.execute(
        "SELECT count(*) FROM message WHERE confirm_by IS NOT NULL").fetchone())
    return rows[0]


async def test_every_message_to_another_library_is_confirmed_by_its_receiver(town: Alliance) -> None:
    await town.order(FIRST, pickup=PICKUP)
    await town.rest()
    assert [await unconfirmed(member) for member in town.members.values()] == [0] * 5


async def test_nobody_but_the_receiver_confirms_a_message(town: Alliance) -> None:
    conv = await requested(town)
    home = town[HOME]
    await home.journal.run(lambda unit: unit._db.execute(
        "UPDATE message SET confirm_by = '2027' WHERE type = 'Request'"))
    (request,) = await home.journal.run(lambda unit: [h for (h,) in unit._db.execute(
        "SELECT hash FROM message WHERE type = 'Request'")])
    for src, calmed in ((SECOND, 1), (GATEWAY, 1), (FIRST, 0)):
        message = await home.next_from(src, M.CONFIRMATION, Confirmation(message=request), conv=conv)
        await home.deliver(message, b"")
        assert await unconfirmed(home) == calmed
    await home.deliver(await home.next_from(SECOND, M.CONFIRMATION, Confirmation(message=a_hash("unknown"))), b"")


async def test_a_message_that_nobody_confirms_in_time_is_an_alarm_once(town: Alliance) -> None:
    await town.order(FIRST)
    await town[HOME].fetch()
    await town[HOME].work()
    for _ in range(2):
        await town[HOME].send()
        await town[HOME].fetch()
    await town[HOME].send()
    town.clock.forward(hours=47)
    await watch_once(town[HOME].office, town[HOME].journal)
    assert await town[HOME].alarms() == []
    town.clock.forward(hours=2)
    for _ in range(2):
        await watch_once(town[HOME].office, town[HOME].journal)
        assert (await town[HOME].alarms()).count("not_confirmed") == 1


# what staff and the ILS bring


async def test_a_rule_runs_in_one_transaction_and_what_it_may_not_say_leaves_nothing(town: Alliance) -> None:
    conv = await requested(town)
    home = town[HOME]
    before = await everything(home)

    def rule(_desk: Desk, loan: Any) -> tuple[Any, ...]:
        wrong = RequestingAgencyMessage(action=Action.SUPPLY_CONFIRMED)
        return (Do(Verb.CHECK_PATRON), Say(M.REQUESTING_AGENCY_MESSAGE, FIRST, wrong, loan.last))

    with pytest.raises(Refused) as refused:
        await home.office.decide(conv, rule)
    assert refused.value.code is P.OUT_OF_TURN
    assert await everything(home) == before


async def test_there_is_no_deciding_about_a_loan_that_is_not_here(town: Alliance) -> None:
    with pytest.raises(Refused) as refused:
        await town[HOME].office.decide("loan-0404", lambda *_: ())
    assert refused.value.code is P.NOT_FOUND


async def test_what_the_ils_has_done_is_done_even_where_the_loan_does_not_allow_the_word_of_it(town: Alliance) -> None:
    conv = await requested(town)
    first = town[FIRST]
    (task,) = await first.tasks()
    await first.office.finish(task, Result(False, reason="OnLoan"))
    await first.office.finish(task, Result(True, reason=BARCODES[FIRST]))
    assert (await first.tasks(), await first.alarms()) == ([], ["out_of_turn"])
    assert (await first.loan(conv)).status is LoanStatus.UNFILLED


async def test_an_office_shows_no_key_in_its_repr(town: Alliance) -> None:
    office = town[HOME].office
    shown = repr(office) + repr(await office.journal.run(lambda unit: Desk(
        unit, town.directory, NOW, HOME, GATEWAY, office.token_key))).replace(repr(town.directory), "")
    assert repr(office.token_key) not in shown
    assert office.token_key.decode() not in shown
