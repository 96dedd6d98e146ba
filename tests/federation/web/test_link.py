"""The gateway's end of a link: who is let in, whose mail it carries, and what becomes of questions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import WSMsgType

from federation.web import link
from federation.web.link import LibraryUnreachable
from federation.web.operator import close_window
from schemas.bib import CirculationStatus
from schemas.frames import FrameKind
from schemas.identifiers import ItemBarcode
from schemas.messages import Accepted, Confirmation, Hello, MessageType, Refusal
from schemas.problems import ProblemCode
from schemas.questions import (
    AvailabilityAnswer,
    AvailabilityQuestion,
    ItemStatus,
    LoanAnswer,
    LoanQuestion,
    SignInAnswer,
)
from tests.alliance import GATEWAY, HOME, NOW, PICKUP, Alliance, a_hash, body_of, key_of, read, sealed
from tests.federation.web.front import Front, Line, front_of, until
from tests.trust.samples import GATEWAY_KEY, signing_key
from trust.dsse import decode_envelope, hash_signed

NOT_ADMITTED = 4403
BARCODE = ItemBarcode("30000001")
QUESTION = AvailabilityQuestion(barcodes=(BARCODE,))
ANSWER = AvailabilityAnswer(items=(ItemStatus(barcode=BARCODE, status=CirculationStatus.AVAILABLE),))
Dishonest = Callable[[Line], Awaitable[Any]]


@pytest.fixture
async def front(town: Alliance) -> AsyncIterator[Front]:
    async with front_of(town) as opened:
        yield opened


async def mail(front: Front) -> None:
    """Put one statement into every library's mailbox."""
    await front.town.order()
    await close_window(front.gateway)


async def numbers(line: Line, count: int) -> list[int]:
    frames = [await line.hear() for _ in range(count)]
    assert {frame.kind for frame in frames} <= {FrameKind.DELIVER}
    return [frame.number for frame in frames]


# Who is let in

async def test_a_library_that_answers_the_challenge_is_connected_until_it_leaves(front: Front) -> None:
    assert front.links.connected() == frozenset()
    async with front.connected(HOME):
        assert front.links.connected() == {HOME}
    await until(lambda: not front.links.connected())


async def another_nonce(line: Line) -> None:
    await line.greet(HOME, nonce="0" * 32)


async def no_nonce(line: Line) -> None:
    await line.greet(HOME, nonce="")


async def another_librarys_key(line: Line) -> None:
    await line.greet(HOME, key=key_of(PICKUP))


async def a_key_nobody_has(line: Line) -> None:
    await line.greet(HOME, key=signing_key("nobody"))


async def another_message(line: Line) -> None:
    await line.greet(HOME, kind=MessageType.CONFIRMATION, body=Confirmation(message=a_hash("any")))


async def a_hello_to_another(line: Line) -> None:
    await line.greet(HOME, dst=PICKUP)


async def an_expired_hello(line: Line) -> None:
    await line.greet(HOME, expires=NOW)


async def a_hello_from_tomorrow(line: Line) -> None:
    await line.greet(HOME, created=NOW + timedelta(days=1))


async def the_gateways_own_hello(line: Line) -> None:
    await line.greet(GATEWAY, key=GATEWAY_KEY)


async def a_wrong_signature(line: Line) -> None:
    challenge = await line.hello()
    said = sealed(line.town.directory, MessageType.HELLO, HOME, GATEWAY, Hello(nonce=challenge.nonce, received=0))
    await line.say(FrameKind.HELLO, envelope=said.envelope.decode().replace('"sig":"', '"sig":"AAAA'))


async def garbage(line: Line) -> None:
    await line.socket.send_str("GET / HTTP/1.1")


async def a_binary_frame(line: Line) -> None:
    await line.socket.send_bytes(b"\x00\x01")


async def a_frame_without_envelope(line: Line) -> None:
    await line.say(FrameKind.HELLO)


async def a_frame_with_no_envelope_in_it(line: Line) -> None:
    await line.say(FrameKind.HELLO, envelope="{}")


async def half_a_character(line: Line) -> None:
    await line.socket.send_str('{"kind":"hello","envelope":"\\ud800"}')


@pytest.mark.parametrize("greets", [
    another_nonce, no_nonce, another_librarys_key, a_key_nobody_has, another_message, a_hello_to_another,
    an_expired_hello, a_hello_from_tomorrow, the_gateways_own_hello, a_wrong_signature, garbage, a_binary_frame,
    a_frame_without_envelope, a_frame_with_no_envelope_in_it, half_a_character], ids=lambda greets: greets.__name__)
async def test_who_does_not_prove_which_library_it_is_stays_outside(front: Front, greets: Dishonest) -> None:
    async with front.line() as line:
        await greets(line)
        assert await line.ended() == NOT_ADMITTED
    assert front.links.connected() == frozenset()


async def test_a_hello_that_was_listened_to_opens_no_other_connection(front: Front) -> None:
    async with front.line() as line:
        envelope = await line.greet(HOME)
    async with front.line() as line:
        await line.hello()
        await line.say(FrameKind.HELLO, envelope=envelope)
        assert await line.ended() == NOT_ADMITTED


async def test_who_says_nothing_is_not_waited_for(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "HELLO_SECONDS_MAX", 0.1)
    async with front.line() as line:
        assert await line.ended() == NOT_ADMITTED


async def test_every_connection_has_a_challenge_of_its_own(front: Front) -> None:
    async with front.line() as one, front.line() as other:
        assert (await one.hello()).nonce != (await other.hello()).nonce


# Mail

async def test_mail_comes_in_its_order_with_its_place_in_the_log(front: Front) -> None:
    await mail(front)
    async with front.connected(HOME) as line:
        order, statement = await line.hear(), await line.hear()
        assert (order.number, statement.number) == (1, 2)
        assert read(order.envelope.encode()).type == MessageType.ORDER
        accepted = body_of(order.accepted.encode())
        assert isinstance(accepted, Accepted)
        assert accepted.message == hash_signed(decode_envelope(order.envelope.encode()).signed)


async def test_one_librarys_key_never_opens_anothers_mailbox(front: Front) -> None:
    await mail(front)
    async with front.connected(PICKUP) as line:
        assert read((await line.hear()).envelope.encode()).dst == PICKUP
        assert await line.is_silent()


async def test_mail_that_comes_later_is_brought_at_once(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "LOOK_AGAIN_SECONDS", 60.0)
    async with front.connected(HOME) as line:
        await asyncio.sleep(0.05)
        await front.town.order()
        assert (await line.hear(2.0)).number == 1


async def test_mail_is_found_even_where_the_wake_up_was_lost(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "LOOK_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(front.links, "wake", lambda agency: None)
    async with front.connected(HOME) as line:
        await asyncio.sleep(0.05)
        await front.town.order()
        assert (await line.hear(2.0)).number == 1


async def test_what_was_not_acknowledged_comes_again_and_what_was_is_forgotten(front: Front) -> None:
    for _ in range(3):
        await front.town.order()
    async with front.connected(HOME) as line:
        assert await numbers(line, 3) == [1, 2, 3]
    async with front.connected(HOME) as line:
        assert await numbers(line, 3) == [1, 2, 3]
        await line.say(FrameKind.RECEIVED, number=2)
    async with front.connected(HOME, received=2) as line:
        assert await numbers(line, 1) == [3]
        await front.town.order()
        assert await numbers(line, 1) == [4]
    kept = await front.town.database.run(lambda unit: unit.mailboxes.after(HOME, 0, 10, 10**9))
    assert [entry.number for entry in kept] == [3, 4]


async def test_only_so_much_mail_is_on_its_way_at_once(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "UNACKNOWLEDGED_MAX", 3)
    monkeypatch.setattr(link, "BATCH", 2)
    for _ in range(8):
        await front.town.order()
    async with front.connected(HOME) as line:
        assert await numbers(line, 4) == [1, 2, 3, 4]
        assert await line.is_silent()
        await line.say(FrameKind.RECEIVED, number=4)
        assert (await line.hear()).number == 5


async def test_an_older_acknowledgement_takes_nothing_back(front: Front) -> None:
    for _ in range(3):
        await front.town.order()
    async with front.connected(HOME) as line:
        assert await numbers(line, 3) == [1, 2, 3]
        for number in (3, 1):
            await line.say(FrameKind.RECEIVED, number=number)
        assert await line.is_silent()
    async with front.connected(HOME) as line:
        assert await line.is_silent()


async def test_what_was_never_sent_is_not_acknowledged(front: Front) -> None:
    await front.town.order()
    async with front.connected(HOME) as line:
        assert await numbers(line, 1) == [1]
        await line.say(FrameKind.RECEIVED, number=2)
        await line.ended()
    async with front.connected(HOME) as line:
        assert await numbers(line, 1) == [1]


async def test_a_library_that_has_received_more_than_this_database_knows_is_sent_all_that_waits(
        front: Front, caplog: pytest.LogCaptureFixture) -> None:
    """The database was restored from a copy, and numbers again."""
    await front.town.order()
    async with front.connected(HOME, received=500) as line:
        assert await numbers(line, 1) == [1]
        await front.town.order()
        assert await numbers(line, 1) == [2]
        await line.say(FrameKind.RECEIVED, number=2)
    assert "restored from a copy" in caplog.text
    async with front.connected(HOME, received=500) as line:
        assert await line.is_silent()


async def test_the_challenge_tells_the_gateways_time(front: Front) -> None:
    async with front.line() as line:
        assert (await line.hello()).at == NOW


async def test_no_more_questions_wait_at_one_library_than_it_may_be_asked(front: Front,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "QUESTIONS_MAX", 2)
    async with front.connected(HOME) as line:
        asked = [ask(front) for _ in range(2)]
        waiting = [await line.hear() for _ in range(2)]
        with pytest.raises(LibraryUnreachable, match="2 questions to answer first"):
            await ask(front)
        assert {question.kind for question in waiting} == {FrameKind.QUESTION}
    for one in asked:
        with pytest.raises(LibraryUnreachable):
            await one


async def test_the_newest_link_of_a_library_is_the_one_in_use(front: Front) -> None:
    async with front.connected(HOME) as old:
        ended = asyncio.create_task(old.ended())
        async with front.line() as new:
            await new.greet(HOME)
            await ended
            await front.town.order()
            assert (await new.hear()).number == 1
            assert front.links.connected() == {HOME}


async def test_a_link_that_was_replaced_does_not_take_the_new_one_with_it(front: Front) -> None:
    async with front.line() as new:
        async with front.connected(HOME) as old:
            ended = asyncio.create_task(old.ended())
            await new.greet(HOME)
            await ended
        await asyncio.sleep(0.05)
        await front.town.order()
        assert (await new.hear()).number == 1


async def test_a_link_whose_mailbox_cannot_be_read_ends_so_that_the_connector_comes_back(
        front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_arguments: object) -> None:
        raise RuntimeError("gateway.db: disk I/O error")

    monkeypatch.setattr(type(front.gateway), "mail", fails)
    async with front.line() as line:
        await line.greet(HOME)
        await line.ended()
    await until(lambda: not front.links.connected())


# Messages and questions of the library

async def said_at_home(front: Front, line: Line) -> list[str]:
    """Let the home library take in an order; return what it says because of it."""
    await front.town.order()
    order = await line.hear()
    member = front.town[HOME]
    await member.office.deliver(order.number, order.envelope.encode(), order.accepted.encode())
    return [envelope.decode() for _, envelope in await member.journal.run(lambda unit: unit.outbox(9))]


async def test_a_message_has_its_answer_under_its_own_number(front: Front) -> None:
    async with front.connected(HOME) as line:
        for number, envelope in enumerate(await said_at_home(front, line), 7):
            await line.say(FrameKind.MESSAGE, number=number, envelope=envelope)
            reply = await line.hear()
            assert (reply.kind, reply.number) == (FrameKind.REPLY, number)
            assert isinstance(body_of(reply.envelope.encode()), Accepted)


async def test_the_same_message_again_has_the_same_answer_on_its_own_link_only(front: Front) -> None:
    async with front.connected(HOME) as line:
        said, *_ = await said_at_home(front, line)
        await line.say(FrameKind.RECEIVED, number=1)
    replies = []
    for agency in (HOME, HOME, PICKUP):
        async with front.connected(agency, received=1) as line:
            await line.say(FrameKind.MESSAGE, number=1, envelope=said)
            replies.append((await line.hear()).envelope)
    assert replies[0] == replies[1]
    refused = body_of(replies[2].encode())
    assert isinstance(refused, Refusal)
    assert refused.code is ProblemCode.REPLAYED


async def test_a_message_that_cannot_be_kept_ends_the_link_without_an_answer(
        front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_arguments: object, **_link: object) -> None:
        raise RuntimeError("gateway.db: disk I/O error")

    monkeypatch.setattr(type(front.gateway), "receive", fails)
    async with front.connected(HOME) as line:
        await line.say(FrameKind.MESSAGE, number=1, envelope="{}")
        assert (await line.socket.receive(timeout=5)).type is not WSMsgType.TEXT
    await until(lambda: not front.links.connected())


async def test_a_message_that_is_none_is_refused_and_the_link_goes_on(front: Front) -> None:
    async with front.connected(HOME) as line:
        for envelope in (None, "", "{}", "红楼梦"):
            await line.say(FrameKind.MESSAGE, number=1, envelope=envelope)
            assert isinstance(body_of((await line.hear()).envelope.encode()), Refusal)


async def test_a_librarys_question_is_answered(front: Front) -> None:
    asked = sealed(front.town.directory, MessageType.LOAN_QUESTION, HOME, GATEWAY, LoanQuestion(barcode=BARCODE))
    async with front.connected(HOME) as line:
        await line.say(FrameKind.QUESTION, number=9, envelope=asked.envelope.decode())
        reply = await line.hear()
    assert (reply.kind, reply.number) == (FrameKind.ANSWER, 9)
    assert body_of(reply.envelope.encode()) == LoanAnswer(loans=())


@pytest.mark.parametrize("text", ["nonsense", '{"kind":"deliver"}', '{"kind":"hello"}', '{"kind":"reply"}'])
async def test_who_breaks_the_links_rules_is_cut_off_and_nobody_else(front: Front, text: str) -> None:
    async with front.connected(PICKUP), front.connected(HOME) as line:
        await line.socket.send_str(text)
        await line.ended()
        await until(lambda: front.links.connected() == {PICKUP})


async def test_a_binary_frame_ends_the_link(front: Front) -> None:
    async with front.connected(HOME) as line:
        await line.socket.send_bytes(b"\x00")
        await line.ended()


# Questions of the gateway

def ask(front: Front, seconds: float = 5.0) -> "asyncio.Task[Any]":
    return asyncio.create_task(front.links.ask(HOME, MessageType.AVAILABILITY_QUESTION, QUESTION, seconds))


async def answer(front: Front, line: Line, body: Any = ANSWER, kind: MessageType = MessageType.AVAILABILITY_ANSWER,
                 **changes: Any) -> None:
    question = await line.hear()
    assert question.kind is FrameKind.QUESTION
    asked = hash_signed(decode_envelope(question.envelope.encode()).signed)
    said = {"src": HOME, "dst": GATEWAY, "reply_to": asked, "number": question.number} | changes
    number = said.pop("number")
    envelope = sealed(front.town.directory, kind, said.pop("src"), said.pop("dst"), body, **said).envelope.decode()
    await line.say(FrameKind.ANSWER, number=number, envelope=envelope)


async def test_a_question_is_answered_by_the_library_it_was_put_to(front: Front) -> None:
    async with front.connected(HOME) as line:
        asked = ask(front)
        await answer(front, line)
        assert (await asked).body == ANSWER


async def test_two_questions_at_once_have_their_own_answers(front: Front) -> None:
    async with front.connected(HOME) as line:
        one, other = ask(front), ask(front)
        first, second = await line.hear(), await line.hear()
        for question in (second, first):
            body = AvailabilityAnswer(items=() if question is first else ANSWER.items)
            hash_ = hash_signed(decode_envelope(question.envelope.encode()).signed)
            envelope = sealed(front.town.directory, MessageType.AVAILABILITY_ANSWER, HOME, GATEWAY, body,
                              reply_to=hash_).envelope.decode()
            await line.say(FrameKind.ANSWER, number=question.number, envelope=envelope)
        assert [(await asked).body.items for asked in (one, other)] == [(), ANSWER.items]


async def test_a_library_that_is_away_is_unreachable_at_once(front: Front) -> None:
    with pytest.raises(LibraryUnreachable, match=f"{HOME} is not connected"):
        await ask(front)


async def test_a_library_that_does_not_answer_in_time_is_unreachable_and_stays_connected(front: Front) -> None:
    async with front.connected(HOME) as line:
        with pytest.raises(LibraryUnreachable, match="did not answer within"):
            await ask(front, 0.05)
        await answer(front, line)
        asked = ask(front)
        await answer(front, line)
        assert (await asked).body == ANSWER


@pytest.mark.parametrize(("changes", "why"), [
    ({"reply_to": a_hash("another question")}, "another question"),
    ({"reply_to": None}, "another question"),
    ({"src": PICKUP}, "another question"),
    ({"key": key_of(PICKUP)}, "is refused"),
    ({"dst": PICKUP}, "is refused"),
    ({"expires": NOW}, "is refused"),
    ({"kind": MessageType.SIGN_IN_ANSWER, "body": SignInAnswer(signed_in=True)}, "another question"),
], ids=lambda value: str(value)[:30])
async def test_an_answer_that_is_none_is_no_answer(front: Front, changes: dict[str, Any], why: str) -> None:
    async with front.connected(HOME) as line:
        asked = ask(front)
        await answer(front, line, **changes)
        with pytest.raises(LibraryUnreachable, match=why):
            await asked


async def test_an_answer_that_nobody_waits_for_is_let_go(front: Front) -> None:
    async with front.connected(HOME) as line:
        asked = ask(front)
        await line.say(FrameKind.ANSWER, number=99, envelope="{}")
        await answer(front, line)
        assert (await asked).body == ANSWER


async def test_a_question_ends_with_its_link(front: Front) -> None:
    async with front.connected(HOME) as line:
        asked = ask(front)
        await line.hear()
    with pytest.raises(LibraryUnreachable):
        await asyncio.wait_for(asked, 2)


async def test_closing_lets_every_library_go(front: Front) -> None:
    async with front.connected(HOME) as one, front.connected(PICKUP) as other:
        closing = asyncio.create_task(front.links.close())
        await asyncio.gather(one.ended(), other.ended())
        await closing
    await until(lambda: not front.links.connected())
