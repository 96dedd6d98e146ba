"""Who is let in at the gateway's end of a link: a library that signs this connection's challenge, nobody else."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from federation.web import link
from schemas.frames import FrameKind
from schemas.messages import Confirmation, Hello, MessageType
from tests.alliance import GATEWAY, HOME, NOW, PICKUP, a_hash, key_of, sealed
from tests.federation.web.front import Front, Line, until
from tests.trust.samples import GATEWAY_KEY, signing_key

NOT_ADMITTED = 4403
Dishonest = Callable[[Line], Awaitable[Any]]


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
