"""At the door: what is no genuine message of its time leaves no trace."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from schemas.envelope import ENVELOPE_BYTES_MAX
from schemas.messages import (
    Accepted,
    Confirmation,
    MessageType,
)
from schemas.problems import ProblemCode
from tests.alliance import (
    FIRST,
    HOME,
    NOW,
    Alliance,
    a_hash,
    body_of,
    directory_of,
    read,
    sealed,
)
from tests.federation.telling import everything, note, promised
from tests.trust import samples

M, P = MessageType, ProblemCode


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
