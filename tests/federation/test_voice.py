"""What the gateway signs: an Accepted written as text is the message that the model would write."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.voice import CONTROL_LIFE, Voice
from schemas.identifiers import AgencyId, ConversationId
from schemas.messages import Accepted, Confirmation, Message, MessageType, encode_message
from tests.alliance import FIRST, GATEWAY, HOME, NOW, PICKUP, THIRD, a_hash, directory_of, read, signer_of
from tests.trust import samples
from trust.dsse import decode_envelope
from trust.envelope import open_envelope, seal

DIRECTORY = directory_of()
VOICE = Voice(GATEWAY, signer_of(GATEWAY), lambda: DIRECTORY)


def about(src: AgencyId, dst: AgencyId, copies: tuple[AgencyId, ...], conv: str | None) -> Message[Any]:
    return Message[Confirmation](
        type=MessageType.CONFIRMATION, src=src, dst=dst, copies=copies, conv=ConversationId(conv) if conv else None,
        created=NOW, expires=NOW, dir=DIRECTORY.reference, body=Confirmation(message=a_hash("any")))


@given(src=st.sampled_from((GATEWAY, HOME)), dst=st.sampled_from((GATEWAY, FIRST)),
       copies=st.sets(st.sampled_from((PICKUP, THIRD, HOME)), max_size=3).map(tuple),
       conv=st.none() | st.from_regex(ConversationId.pattern, fullmatch=True).filter(str.isascii),
       index=st.integers(0, 2**53 - 1), microseconds=st.sampled_from((0, 1, 500_000, 999_999)))
def test_an_accepted_is_what_the_model_would_write(src: AgencyId, dst: AgencyId, copies: tuple[AgencyId, ...],
                                                   conv: str | None, index: int, microseconds: int) -> None:
    now, hash_ = NOW + timedelta(microseconds=microseconds), a_hash("a message")
    message = about(src, dst, copies, conv)
    envelope = VOICE.accept(message, hash_, index, now)
    receiver = dst if src == GATEWAY else src
    model = Message[Accepted](
        type=MessageType.ACCEPTED, src=GATEWAY, dst=receiver, created=now, expires=now + CONTROL_LIFE,
        copies=tuple(a for a in (dst, *copies) if a not in (GATEWAY, receiver)), dir=DIRECTORY.reference,
        conv=message.conv, reply_to=hash_, body=Accepted(message=hash_, index=index, arrived=now))
    assert decode_envelope(envelope).payload == encode_message(model)
    assert (envelope, read(envelope)) == (seal(model, samples.GATEWAY_KEY).envelope, model)


@pytest.mark.parametrize("me", [HOME, FIRST, PICKUP])
def test_whoever_has_a_part_in_the_message_may_open_its_accepted(me: AgencyId) -> None:
    envelope = VOICE.accept(about(HOME, FIRST, (PICKUP,), "loan-0001"), a_hash("a message"), 3, NOW)
    assert open_envelope(envelope, DIRECTORY, now=NOW, me=me).signer == GATEWAY
