"""The gateway's end of a link: whose mail it carries, and what becomes of a library's messages and questions."""

import asyncio

import pytest
from aiohttp import WSMsgType

from federation.web import link
from federation.web.operator import close_window
from schemas.frames import FrameKind
from schemas.identifiers import ItemBarcode
from schemas.messages import Accepted, MessageType, Refusal
from schemas.problems import ProblemCode
from schemas.questions import (
    LoanAnswer,
    LoanQuestion,
)
from tests.alliance import GATEWAY, HOME, NOW, PICKUP, body_of, read, sealed
from tests.federation.web.front import Front, Line, until
from trust.dsse import decode_envelope, hash_signed

BARCODE = ItemBarcode("30000001")


async def mail(front: Front) -> None:
    """Put one statement into every library's mailbox."""
    await front.town.order()
    await close_window(front.gateway)


async def numbers(line: Line, count: int) -> list[int]:
    frames = [await line.hear() for _ in range(count)]
    assert {frame.kind for frame in frames} <= {FrameKind.DELIVER}
    return [frame.number for frame in frames]


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
    """The database was restored from a copy: the order that waits, what it asks for, and two streams begun anew."""
    await front.town.order()
    async with front.connected(HOME, received=500) as line:
        assert await numbers(line, 4) == [501, 502, 503, 504]
        await line.say(FrameKind.RECEIVED, number=504)
        await front.town.order()
        assert await numbers(line, 1) == [505]
        await line.say(FrameKind.RECEIVED, number=505)
    assert "restored from a copy" in caplog.text
    async with front.connected(HOME, received=505) as line:
        assert await line.is_silent()


async def test_the_challenge_tells_the_gateways_time(front: Front) -> None:
    async with front.line() as line:
        assert (await line.hello()).at == NOW


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
        async with front.connected(agency, received=int(agency == HOME)) as line:
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
