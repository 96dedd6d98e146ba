"""Answering the gateway: sign-in with a sealed card and PIN that opens once, and availability as the ILS has it now."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.agent.home import patron_token
from connectors.agent.reception import Credentials, Reception
from examples.alliance.readers import Reader, readers_of
from schemas.bib import CirculationStatus
from schemas.lending import ReservationGranted
from schemas.messages import AnyMessage, MessageType
from schemas.questions import (
    AvailabilityAnswer,
    AvailabilityQuestion,
    ChallengeQuestion,
    LoanQuestion,
    SignInAnswer,
    SignInQuestion,
)
from tests.alliance import FIRST, GATEWAY, HOME, SEED, Alliance, body_of, read, sealed
from tests.systems import LibrarySystem, library_system
from tests.trust import samples
from trust.sealing import SessionKey, open_sealed, seal_to, to_jwk

SESSION = "session-A"


@pytest.fixture
async def system(town: Alliance) -> AsyncIterator[LibrarySystem]:
    async with library_system(town, town[HOME]) as opened:
        yield opened


@pytest.fixture
def reception(town: Alliance, system: LibrarySystem) -> Reception:
    tokens = iter(f"challenge-{number}" for number in range(100))
    home = town[HOME]
    return Reception(home.office, home.journal, system.ils, lambda: next(tokens))


@pytest.fixture
def reader(town: Alliance) -> Reader:
    return next(reader for reader in readers_of(town[HOME].library, SEED) if not reader.block)


def question(town: Alliance, kind: MessageType, body: Any) -> tuple[AnyMessage, str]:
    asked = sealed(town.directory, kind, GATEWAY, HOME, body, now=town.clock(), nonce="n-1")
    return asked.message, asked.hash


async def ask(town: Alliance, reception: Reception, kind: MessageType, body: Any) -> Any:
    answer = await reception.answer(*question(town, kind, body))
    return None if answer is None else body_of(answer)


async def challenge(town: Alliance, reception: Reception, session: str = SESSION) -> str:
    answer = await ask(town, reception, MessageType.CHALLENGE_QUESTION, ChallengeQuestion(session=session))
    return answer.challenge


def seal(town: Alliance, reader: Reader, challenge: str, **changes: Any) -> str:
    _, key = town.directory.sealing_key(HOME, town.clock())
    secret = {"card": reader.card, "pin": reader.pin, "challenge": challenge,
              "public_key": dict(town.session_key.public_jwk), **changes}
    return seal_to(to_jwk(key), json.dumps(secret).encode())


async def sign_in(town: Alliance, reception: Reception, jwe: str, session: str = SESSION) -> SignInAnswer:
    return await ask(town, reception, MessageType.SIGN_IN_QUESTION, SignInQuestion(session=session, sealed=jwe))


# signing in


async def test_a_reader_signs_in_and_the_gateway_learns_a_pseudonym(town: Alliance, reception: Reception,
                                                                    reader: Reader) -> None:
    answer = await sign_in(town, reception, seal(town, reader, await challenge(town, reception)))
    assert answer.signed_in
    assert answer.patron == patron_token(town[HOME].office.token_key, reader.card, GATEWAY)
    assert (answer.items_open, answer.items_max) == (0, town.directory.policies.tiers["standard"].items_max)
    kept = await town[HOME].journal.run(lambda unit: unit.session(SESSION))
    assert (kept.card, json.loads(kept.public_key)) == (reader.card, dict(town.session_key.public_jwk))


async def test_an_answer_is_signed_by_the_library_for_this_very_question(town: Alliance, reception: Reception) -> None:
    message, hash_ = question(town, MessageType.CHALLENGE_QUESTION, ChallengeQuestion(session=SESSION))
    answer = read(await reception.answer(message, hash_))
    assert (answer.src, answer.dst, answer.reply_to, answer.nonce) == (HOME, GATEWAY, hash_, "n-1")


async def test_a_captured_sign_in_opens_nothing_a_second_time(town: Alliance, reception: Reception,
                                                              reader: Reader) -> None:
    jwe = seal(town, reader, await challenge(town, reception))
    assert (await sign_in(town, reception, jwe)).signed_in
    for session in (SESSION, SESSION, "session-B"):
        answer = await sign_in(town, reception, jwe, session)
        assert (answer.signed_in, answer.patron) == (False, None)
    await challenge(town, reception, "session-B")
    assert not (await sign_in(town, reception, jwe, "session-B")).signed_in


async def test_two_copies_that_come_at_the_same_moment_open_once(town: Alliance, reception: Reception,
                                                                 reader: Reader) -> None:
    jwe = seal(town, reader, await challenge(town, reception))
    answers = await asyncio.gather(*(sign_in(town, reception, jwe) for _ in range(5)))
    assert sorted(answer.signed_in for answer in answers) == [False] * 4 + [True]


async def test_a_challenge_is_used_up_by_a_wrong_pin_too(town: Alliance, reception: Reception, reader: Reader) -> None:
    given = await challenge(town, reception)
    wrong = await sign_in(town, reception, seal(town, reader, given, pin="000000"))
    assert (wrong.signed_in, wrong.patron, wrong.reason) == (False, None, "读者证号或密码不正确")
    assert not (await sign_in(town, reception, seal(town, reader, given))).signed_in
    assert (await sign_in(town, reception, seal(town, reader, await challenge(town, reception)))).signed_in


async def test_an_unknown_card_and_a_wrong_pin_are_not_told_apart(town: Alliance, reception: Reception,
                                                                  reader: Reader) -> None:
    answers = [await sign_in(town, reception, seal(town, reader, await challenge(town, reception), **wrong))
               for wrong in ({"pin": "000000"}, {"card": "000000000000"}, {"pin": ""})]
    assert len({answer.model_dump_json() for answer in answers}) == 1
    assert not answers[0].signed_in


async def test_an_expired_challenge_opens_nothing(town: Alliance, reception: Reception, reader: Reader) -> None:
    jwe = seal(town, reader, await challenge(town, reception))
    town.clock.forward(minutes=5, seconds=1)
    assert not (await sign_in(town, reception, jwe)).signed_in


async def test_a_challenge_opens_in_its_last_moment(town: Alliance, reception: Reception, reader: Reader) -> None:
    jwe = seal(town, reader, await challenge(town, reception))
    town.clock.forward(minutes=5)
    assert (await sign_in(town, reception, jwe)).signed_in


async def test_a_challenge_opens_only_the_session_it_was_given_for(town: Alliance, reception: Reception,
                                                                   reader: Reader) -> None:
    mine, other = await challenge(town, reception), await challenge(town, reception, "session-B")
    assert not (await sign_in(town, reception, seal(town, reader, other))).signed_in
    assert not (await sign_in(town, reception, seal(town, reader, mine), "session-B")).signed_in
    assert not (await sign_in(town, reception, seal(town, reader, mine), "session-C")).signed_in
    assert (await sign_in(town, reception, seal(town, reader, mine))).signed_in


async def test_asking_twice_for_a_challenge_gets_the_same_one(town: Alliance, reception: Reception) -> None:
    assert await challenge(town, reception) == await challenge(town, reception)


async def test_a_signed_in_session_is_not_taken_over_by_another_key(town: Alliance, reception: Reception,
                                                                    reader: Reader) -> None:
    await sign_in(town, reception, seal(town, reader, await challenge(town, reception)))
    before = await town[HOME].journal.run(lambda unit: unit.session(SESSION))
    stranger = SessionKey.generate(samples.random_bytes("stranger"))
    again = seal(town, reader, await challenge(town, reception), public_key=dict(stranger.public_jwk))
    assert not (await sign_in(town, reception, again)).signed_in
    assert await town[HOME].journal.run(lambda unit: unit.session(SESSION)) == before


@pytest.mark.parametrize("jwe", ["", "a.b.c.d.e", "{}", "\u4e2d"])
async def test_what_does_not_open_signs_nobody_in_and_uses_up_nothing(town: Alliance, reception: Reception,
                                                                      reader: Reader, jwe: str) -> None:
    given = await challenge(town, reception)
    assert not (await sign_in(town, reception, jwe)).signed_in
    assert (await sign_in(town, reception, seal(town, reader, given))).signed_in


@pytest.mark.parametrize("secret", [b"", b"[]", b'{"card":1}', b'{"card":"1","pin":"2","challenge":"challenge-0"}',
                                    b'{"conv":"loan-0001","address":"1490 Pingliang Road"}'])
async def test_a_sealed_text_that_is_no_sign_in_signs_nobody_in(town: Alliance, reception: Reception,
                                                                secret: bytes) -> None:
    await challenge(town, reception)
    _, key = town.directory.sealing_key(HOME, town.clock())
    assert not (await sign_in(town, reception, seal_to(to_jwk(key), secret))).signed_in


async def test_what_is_sealed_to_another_library_does_not_open_here(town: Alliance, reception: Reception,
                                                                    reader: Reader) -> None:
    _, key = town.directory.sealing_key(FIRST, town.clock())
    secret = {"card": reader.card, "pin": reader.pin, "challenge": await challenge(town, reception),
              "public_key": dict(town.session_key.public_jwk)}
    jwe = seal_to(to_jwk(key), json.dumps(secret).encode())
    assert not (await sign_in(town, reception, jwe)).signed_in
    assert reader.pin.encode() in open_sealed(samples.sealing_key(FIRST), jwe)


async def test_the_credit_that_is_shown_counts_what_is_charged_and_what_is_on_its_way(
        town: Alliance, reception: Reception, system: LibrarySystem, reader: Reader) -> None:
    await system.ils.check_out("00000001", reader.card)
    await town.sign_in("session-1", reader.card)
    await town.order(FIRST)
    await town.rest()
    answer = await sign_in(town, reception, seal(town, reader, await challenge(town, reception)))
    assert answer.items_open == 2


# secrets


async def test_neither_card_nor_pin_reaches_a_log_a_repr_or_an_answer(
        town: Alliance, reception: Reception, system: LibrarySystem, reader: Reader,
        caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    planted = {"pin": "pin-271828", "card": reader.card}
    answers = []
    for secrets in (planted, {**planted, "pin": reader.pin}):
        jwe = seal(town, reader, await challenge(town, reception), **secrets)
        answers.append(await sign_in(town, reception, jwe))
    system.wire.lose = b"63"
    answers.append(await sign_in(town, reception, seal(town, reader, await challenge(town, reception, "s2")), "s2"))
    credentials = Credentials(card=reader.card, pin=reader.pin, challenge="c", public_key={})
    session = await town[HOME].journal.run(lambda unit: unit.session(SESSION))
    shown = "\n".join([
        caplog.text, *(str(record.args) for record in caplog.records), repr(credentials), str(credentials),
        f"{credentials}", repr(session), repr(reception), *(answer.model_dump_json() for answer in answers)])
    for secret in (reader.pin, "pin-271828", reader.name, reader.card):
        assert secret not in shown


# availability


async def test_availability_is_what_the_ils_says_now(town: Alliance, reception: Reception, system: LibrarySystem,
                                                     reader: Reader) -> None:
    await system.ils.check_out("00000001", reader.card)
    body = AvailabilityQuestion(barcodes=("00000001", "00000002", "99999999"))
    answer = await ask(town, reception, MessageType.AVAILABILITY_QUESTION, body)
    assert isinstance(answer, AvailabilityAnswer)
    assert [(item.barcode, item.status, item.due_date is not None) for item in answer.items] == [
        ("00000001", CirculationStatus.CHARGED, True), ("00000002", CirculationStatus.AVAILABLE, False)]


@pytest.mark.parametrize(("kind", "body"), [
    (MessageType.AVAILABILITY_QUESTION, AvailabilityQuestion(barcodes=("00000001",))),
])
async def test_an_ils_that_is_away_leaves_a_question_without_an_answer(town: Alliance, reception: Reception,
                                                                       system: LibrarySystem, kind: MessageType,
                                                                       body: Any) -> None:
    system.wire.target = 1
    assert await ask(town, reception, kind, body) is None


async def test_an_ils_that_is_away_signs_nobody_in(town: Alliance, reception: Reception, system: LibrarySystem,
                                                   reader: Reader) -> None:
    jwe = seal(town, reader, await challenge(town, reception))
    system.wire.target = 1
    assert await sign_in(town, reception, jwe) is None
    kept = await town[HOME].journal.run(lambda unit: unit.session(SESSION))
    assert kept.card is None


@pytest.mark.parametrize(("kind", "body"), [
    (MessageType.LOAN_QUESTION, LoanQuestion(barcode="1")),
    (MessageType.RESERVATION_GRANTED, ReservationGranted(total_fen=1)),
])
async def test_what_is_no_question_to_a_library_is_not_answered(town: Alliance, reception: Reception,
                                                                kind: MessageType, body: Any) -> None:
    assert await ask(town, reception, kind, body) is None
