"""A message and its bytes: every type comes back as it was said, and nothing else passes for one."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.bib import Bib
from schemas.envelope import GENESIS, StreamPosition
from schemas.identifiers import AgencyId, ConversationId, MessageHash
from schemas.messages import (
    BODIES,
    MODELS,
    Confirmation,
    HarvestBatch,
    MalformedMessage,
    Message,
    MessageType,
    decode_message,
    encode_message,
)
from schemas.problems import ProblemCode
from tests.schemas.loan_story import HOME, NOW, SUPPLIER
from tests.schemas.wire_strategies import bodies

SOME_HASH = MessageHash("ab" * 32)
CODES = {ProblemCode.MALFORMED_PAYLOAD, ProblemCode.DUPLICATE_KEY, ProblemCode.FLOAT_NUMBER, ProblemCode.UNKNOWN_TYPE}


def say(kind: MessageType, body: Any, **header: Any) -> Message[Any]:
    return MODELS[kind](**{"type": kind, "src": HOME, "dst": SUPPLIER, "created": NOW,
                           "expires": NOW + timedelta(days=60), "dir": (1, SOME_HASH), "body": body, **header})


def confirmation(**header: Any) -> Message[Any]:
    return say(MessageType.CONFIRMATION, Confirmation(message=SOME_HASH), **header)


def document(**changes: Any) -> dict[str, Any]:
    return json.loads(encode_message(confirmation())) | changes


def code_of(payload: bytes) -> ProblemCode | None:
    try:
        decode_message(payload)
    except MalformedMessage as error:
        return error.code
    return None


def refused(payload: bytes) -> MalformedMessage:
    for _ in range(2):
        with pytest.raises(MalformedMessage) as caught:
            decode_message(payload)
    return caught.value


def test_every_type_has_a_body() -> None:
    assert set(BODIES) == set(MessageType)
    assert set(MODELS) == set(map(str, MessageType))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
@pytest.mark.parametrize("kind", MessageType)
def test_what_is_said_comes_back_as_it_was_said(kind: MessageType, data: st.DataObject) -> None:
    message = say(kind, data.draw(bodies(BODIES[kind])))
    assert decode_message(encode_message(message)) == message


@settings(max_examples=50, deadline=None)
@given(header=st.fixed_dictionaries({}, optional={
    "copies": st.just((SUPPLIER, AgencyId("CN-AH-HEFEI"))), "conv": st.just(ConversationId("loan-0001")),
    "reply_to": st.just(SOME_HASH), "cp": st.just((7, SOME_HASH)), "nonce": st.just("0123"),
    "stream": st.just(StreamPosition(channel="loan", epoch=0, seq=1, prev=GENESIS))}))
def test_a_header_comes_back_with_the_fields_it_had(header: dict[str, Any]) -> None:
    message = confirmation(**header)
    assert decode_message(encode_message(message)) == message
    assert {"copies", *header} <= set(json.loads(encode_message(message)))


def test_fields_that_say_nothing_are_not_sent() -> None:
    assert b"null" not in encode_message(confirmation())
    batch = HarvestBatch(run="r", number=1, bibs=(Bib(record_id="1", source="CNMARC", title="红楼梦"),))
    sent = json.loads(encode_message(say(MessageType.HARVEST_BATCH, batch)))
    assert sent["body"]["bibs"] == [{"record_id": "1", "source": "CNMARC", "title": "红楼梦"}]


def text(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload).encode()


CASES: dict[str, tuple[bytes, ProblemCode, str]] = {
    "nothing": (b"", ProblemCode.MALFORMED_PAYLOAD, "not JSON"),
    "not JSON": (b"{", ProblemCode.MALFORMED_PAYLOAD, "not JSON"),
    "not UTF-8": (b'{"type":"\xff"}', ProblemCode.MALFORMED_PAYLOAD, "not JSON"),
    "a byte order mark": ("\ufeff{}".encode(), ProblemCode.MALFORMED_PAYLOAD, "not JSON"),
    "too deep": (b"[" * 100_000, ProblemCode.MALFORMED_PAYLOAD, "not JSON"),
    "a number without end": (b'{"v":' + b"9" * 5000 + b"}", ProblemCode.MALFORMED_PAYLOAD, "not JSON"),
    "a list": (b"[]", ProblemCode.UNKNOWN_TYPE, "no message type"),
    "no type": (text({"v": 1}), ProblemCode.UNKNOWN_TYPE, "no message type"),
    "an unknown type": (text(document(type="Order66")), ProblemCode.UNKNOWN_TYPE, "no message type"),
    "a type that is no text": (text(document(type=["Order"])), ProblemCode.UNKNOWN_TYPE, "no message type"),
    "a key twice": (b'{"v":1,"v":1}', ProblemCode.DUPLICATE_KEY, "twice"),
    "a key twice inside": (text(document()).replace(b'"body": {', b'"body": {"message": "", '),
                           ProblemCode.DUPLICATE_KEY, "twice"),
    "a float": (text(document(v=1.0)), ProblemCode.FLOAT_NUMBER, "integers"),
    "an exponent": (text(document()).replace(b'"v": 1', b'"v": 1e0'), ProblemCode.FLOAT_NUMBER, "integers"),
    "not a number": (text(document()).replace(b'"v": 1', b'"v": NaN'), ProblemCode.FLOAT_NUMBER, "integers"),
    "an unknown field": (text(document(vip=True)), ProblemCode.MALFORMED_PAYLOAD, "message: extra_forbidden"),
    "an unknown field inside": (text(document(body={"message": SOME_HASH, "also": 1})),
                                ProblemCode.MALFORMED_PAYLOAD, "body: extra_forbidden"),
    "a missing field": (text({k: v for k, v in document().items() if k != "dst"}), ProblemCode.MALFORMED_PAYLOAD,
                        "dst: missing"),
    "another version": (text(document(v=2)), ProblemCode.MALFORMED_PAYLOAD, "v: less_than_equal"),
    "a number as text": (text(document(v="1")), ProblemCode.MALFORMED_PAYLOAD, "v: int_type"),
    "local time": (text(document(created="2026-12-01T16:00:00+08:00")), ProblemCode.MALFORMED_PAYLOAD, "created: "),
    "time without a zone": (text(document(created="2026-12-01T08:00:00")), ProblemCode.MALFORMED_PAYLOAD, "created: "),
    "seconds since the epoch": (text(document(created=1796112000)), ProblemCode.MALFORMED_PAYLOAD, "created: "),
    "a lower-case agency": (text(document(src="cn-sh-yangpu")), ProblemCode.MALFORMED_PAYLOAD, "src: "),
    "an agency with a line end": (text(document(src="CN-SH-YANGPU\n")), ProblemCode.MALFORMED_PAYLOAD, "src: "),
    "an upper-case hash": (text(document(body={"message": "AB" * 32})), ProblemCode.MALFORMED_PAYLOAD, "body.message"),
    "half a character": (text(document(nonce="\ud800")), ProblemCode.MALFORMED_PAYLOAD, ""),
    "another channel": (text(document(stream={"channel": "mail", "epoch": 0, "seq": 1, "prev": GENESIS})),
                        ProblemCode.MALFORMED_PAYLOAD, "stream.channel"),
    "a number too large for a database": (text(document(stream={"channel": "loan", "epoch": 0, "seq": 2**53,
                                                                "prev": GENESIS})),
                                          ProblemCode.MALFORMED_PAYLOAD, "stream.seq"),
    "a place before the log's first": (text(document(type="Accepted", body={
        "message": SOME_HASH, "index": -1, "arrived": "2026-12-01T08:00:00Z"})),
        ProblemCode.MALFORMED_PAYLOAD, "body.index"),
    "a place after every log's last": (text(document(type="Accepted", body={
        "message": SOME_HASH, "index": 2**63, "arrived": "2026-12-01T08:00:00Z"})),
        ProblemCode.MALFORMED_PAYLOAD, "body.index"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_message_is_refused_by_name(name: str) -> None:
    payload, code, detail = CASES[name]
    error = refused(payload)
    assert error.code is code
    assert detail in str(error)


def test_a_refusal_never_quotes_what_it_refuses() -> None:
    secret = "6217-0042-pin"
    for wrong in (document(src=secret), document(**{secret: 1}), document(body={"message": secret}),
                  document(created=secret)):
        assert secret not in str(refused(text(wrong)))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_garbage_is_refused_by_name_and_nothing_else_happens(payload: bytes) -> None:
    assert refused(payload).code in CODES


def put(place: tuple[str | int, ...], value: Any) -> Callable[[Any], Any]:
    def change(node: Any) -> Any:
        *path, last = place
        for step in path:
            node = node[step]
        node[last] = value
        return node

    return change


@settings(max_examples=100, deadline=None)
@given(place=st.sampled_from([("v",), ("type",), ("src",), ("dst",), ("copies",), ("conv",), ("created",), ("dir",),
                              ("dir", 0), ("body",), ("body", "message"), ("stream",), ("nonce",)]),
       value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                          lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner,
                                                                                      max_size=2), max_leaves=4))
def test_a_field_of_any_other_kind_is_refused_by_name_or_is_a_message(place: tuple[str | int, ...],
                                                                      value: Any) -> None:
    changed = document()
    put(place, value)(changed)
    assert code_of(text(changed)) in {None, *CODES}


def test_a_moment_of_another_zone_is_not_sent_either() -> None:
    with pytest.raises(ValueError, match="UTC"):
        confirmation(created=datetime(2026, 12, 1, 16, tzinfo=timezone(timedelta(hours=8))))
