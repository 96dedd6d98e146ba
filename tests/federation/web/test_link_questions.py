"""The gateway's questions to libraries over their links: answered by whom they were put to, in time, or not at all."""

import asyncio
from typing import Any

import pytest

from federation.web import link
from federation.web.link import LibraryUnreachable
from schemas.bib import CirculationStatus
from schemas.frames import FrameKind
from schemas.identifiers import ItemBarcode
from schemas.messages import MessageType
from schemas.questions import (
    AvailabilityAnswer,
    AvailabilityQuestion,
    ItemStatus,
    SignInAnswer,
)
from tests.alliance import GATEWAY, HOME, NOW, PICKUP, a_hash, key_of, sealed
from tests.federation.web.front import Front, Line, until
from trust.dsse import decode_envelope, hash_signed

BARCODE = ItemBarcode("30000001")
QUESTION = AvailabilityQuestion(barcodes=(BARCODE,))
ANSWER = AvailabilityAnswer(items=(ItemStatus(barcode=BARCODE, status=CirculationStatus.AVAILABLE),))


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
