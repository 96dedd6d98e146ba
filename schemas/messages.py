"""The message: a signed header around one body, and how both become bytes and come back.

``encode_message`` runs once, when a message is sealed. ``decode_message`` reads verified bytes: it refuses duplicate
keys, floats, unknown fields and unknown types, each by its own name.
"""

import json
from enum import StrEnum
from typing import Annotated, Any, Generic, NoReturn, TypeVar

from pydantic import Field, ValidationError, field_serializer

from schemas import catalogue, lending, live, questions
from schemas.bib import Bib
from schemas.envelope import Channel, StreamPosition
from schemas.identifiers import (
    AgencyId,
    ConversationId,
    Count,
    Integer,
    MessageHash,
    ShortText,
    Timestamp,
    Wire,
)
from schemas.problems import ProblemCode


class StatementLine(Wire):
    """One posted transfer of a party, with the message that caused it."""

    transfer: ShortText
    evidence: MessageHash
    index: Count
    code: ShortText
    conv: ShortText
    amount_fen: Integer


class StatementProposal(Wire):
    """Gateway → library: what the window holds for it. Positive amounts are owed to the library."""

    window: Count
    after_index: Integer
    upto_index: Count
    lines: tuple[StatementLine, ...]
    net_fen: Integer
    digest: MessageHash


class StatementAcceptance(Wire):
    """Library → gateway: recomputed alone, and equal."""

    window: Count
    digest: MessageHash


class StatementDispute(Wire):
    """Library → gateway: these lines are not what the library's own messages say."""

    window: Count
    digest: MessageHash
    lines: tuple[ShortText, ...]
    reason: ShortText


class HarvestBatch(Wire):
    """Library → gateway: records of its catalogue; ``last`` closes the run."""

    run: ShortText
    number: Count
    bibs: tuple[Bib, ...]
    deleted: tuple[ShortText, ...] = ()
    last: bool = False

    @field_serializer("bibs", when_used="json")
    def _without_defaults(self, bibs: tuple[Bib, ...]) -> list[dict[str, Any]]:
        """A record has many fields and uses few: on the wire those that say nothing are left out."""
        return [bib.model_dump(mode="json", exclude_defaults=True) for bib in bibs]


class Accepted(Wire):
    """Gateway → sender (copied to those who receive the message): durable, at this place of the log."""

    message: MessageHash
    index: Count
    arrived: Timestamp


class Confirmation(Wire):
    """Receiver → sender: durable here."""

    message: MessageHash


class Refusal(Wire):
    """Whoever refuses → sender: by name, with what happened and what to do.

    ``stream`` is the place of a numbered message that broke the protocol: its receiver steps over that number.
    """

    message: MessageHash
    code: ProblemCode
    detail: ShortText
    stream: StreamPosition | None = None


class Resend(Wire):
    """Receiver → sender: a gap; send the exact bytes of these numbers again, both ends included."""

    channel: Channel
    epoch: Count
    from_seq: Count
    upto_seq: Count


class StreamReset(Wire):
    """Sender → receiver: the stream goes on in a new epoch; what followed ``seq`` in the old one is given up.

    Signed after a restore from a backup, or where a message can't be sent again. ``seq`` and ``hash`` are the last
    message the sender stands by; an epoch that is not above the known one is a replay.
    """

    channel: Channel
    epoch: Annotated[int, Field(ge=1, lt=2**31)]
    seq: Annotated[int, Field(ge=0, lt=2**53)]
    hash: MessageHash
    reason: ShortText


class KnownHead(Wire):
    """Up to where a stream is known."""

    src: AgencyId
    dst: AgencyId
    channel: Channel
    epoch: Count
    seq: Count


class Restored(Wire):
    """Gateway → library: its database was restored from a copy, and this is all that it knows of these streams.

    The library sends again what follows in its own streams, and what the gateway has said to it; then it confirms.
    """

    heads: tuple[KnownHead, ...]


class Hello(Wire):
    """Library → gateway: this connection speaks for the library; answers the gateway's nonce."""

    nonce: ShortText
    received: Count


class MessageType(StrEnum):
    """The name of a message on the wire."""

    ORDER = "Order"
    ORDER_REFUSED = "OrderRefused"
    ORDER_AMENDMENT = "OrderAmendment"
    RESERVATION_ASKED = "ReservationAsked"
    RESERVATION_GRANTED = "ReservationGranted"
    RESERVATION_REFUSED = "ReservationRefused"
    RESERVATION_RELEASED = "ReservationReleased"
    REQUEST = "Request"
    SUPPLYING_AGENCY_MESSAGE = "SupplyingAgencyMessage"
    REQUESTING_AGENCY_MESSAGE = "RequestingAgencyMessage"
    CUSTODY_RECEIPT = "CustodyReceipt"
    STATEMENT_PROPOSAL = "StatementProposal"
    STATEMENT_ACCEPTANCE = "StatementAcceptance"
    STATEMENT_DISPUTE = "StatementDispute"
    HARVEST_BATCH = "HarvestBatch"
    ACCEPTED = "Accepted"
    CONFIRMATION = "Confirmation"
    REFUSAL = "Refusal"
    RESEND = "Resend"
    STREAM_RESET = "StreamReset"
    RESTORED = "Restored"
    HELLO = "Hello"
    AVAILABILITY_QUESTION = "AvailabilityQuestion"
    AVAILABILITY_ANSWER = "AvailabilityAnswer"
    CHALLENGE_QUESTION = "ChallengeQuestion"
    CHALLENGE_ANSWER = "ChallengeAnswer"
    SIGN_IN_QUESTION = "SignInQuestion"
    SIGN_IN_ANSWER = "SignInAnswer"
    LOAN_QUESTION = "LoanQuestion"
    LOAN_ANSWER = "LoanAnswer"
    CATALOGUE_QUESTION = "CatalogueQuestion"
    CATALOGUE_ANSWER = "CatalogueAnswer"
    INDEX_QUESTION = "IndexQuestion"
    INDEX_ANSWER = "IndexAnswer"
    LIVE_QUESTION = "LiveQuestion"
    LIVE_ANSWER = "LiveAnswer"


_M = MessageType
BODIES: dict[MessageType, type[Wire]] = {
    _M.ORDER: lending.Order,
    _M.ORDER_REFUSED: lending.OrderRefused,
    _M.ORDER_AMENDMENT: lending.OrderAmendment,
    _M.RESERVATION_ASKED: lending.ReservationAsked,
    _M.RESERVATION_GRANTED: lending.ReservationGranted,
    _M.RESERVATION_REFUSED: lending.ReservationRefused,
    _M.RESERVATION_RELEASED: lending.ReservationReleased,
    _M.REQUEST: lending.Request,
    _M.SUPPLYING_AGENCY_MESSAGE: lending.SupplyingAgencyMessage,
    _M.REQUESTING_AGENCY_MESSAGE: lending.RequestingAgencyMessage,
    _M.CUSTODY_RECEIPT: lending.CustodyReceipt,
    _M.STATEMENT_PROPOSAL: StatementProposal,
    _M.STATEMENT_ACCEPTANCE: StatementAcceptance,
    _M.STATEMENT_DISPUTE: StatementDispute,
    _M.HARVEST_BATCH: HarvestBatch,
    _M.ACCEPTED: Accepted,
    _M.CONFIRMATION: Confirmation,
    _M.REFUSAL: Refusal,
    _M.RESEND: Resend,
    _M.STREAM_RESET: StreamReset,
    _M.RESTORED: Restored,
    _M.HELLO: Hello,
    _M.AVAILABILITY_QUESTION: questions.AvailabilityQuestion,
    _M.AVAILABILITY_ANSWER: questions.AvailabilityAnswer,
    _M.CHALLENGE_QUESTION: questions.ChallengeQuestion,
    _M.CHALLENGE_ANSWER: questions.ChallengeAnswer,
    _M.SIGN_IN_QUESTION: questions.SignInQuestion,
    _M.SIGN_IN_ANSWER: questions.SignInAnswer,
    _M.LOAN_QUESTION: questions.LoanQuestion,
    _M.LOAN_ANSWER: questions.LoanAnswer,
    _M.CATALOGUE_QUESTION: catalogue.CatalogueQuestion,
    _M.CATALOGUE_ANSWER: catalogue.CatalogueAnswer,
    _M.INDEX_QUESTION: catalogue.IndexQuestion,
    _M.INDEX_ANSWER: catalogue.IndexAnswer,
    _M.LIVE_QUESTION: live.LiveQuestion,
    _M.LIVE_ANSWER: live.LiveAnswer,
}

B = TypeVar("B", bound=Wire)


class Message(Wire, Generic[B]):
    """A header and a body: what one agency says to another, in one signed document.

    ``conv`` is the loan; ``reply_to`` the hash of what this answers; ``dir`` the directory (version, hash) the sender
    knew; ``cp`` the last evidence checkpoint (size, root) it had seen; ``stream`` stands on durable messages,
    ``nonce`` on questions.
    """

    v: Annotated[int, Field(ge=1, le=1)] = 1
    type: MessageType
    src: AgencyId
    dst: AgencyId
    copies: tuple[AgencyId, ...] = ()
    conv: ConversationId | None = None
    reply_to: MessageHash | None = None
    created: Timestamp
    expires: Timestamp
    dir: tuple[Count, MessageHash]
    cp: tuple[Count, MessageHash] | None = None
    stream: StreamPosition | None = None
    nonce: Annotated[str, Field(max_length=64)] | None = None
    body: B


AnyMessage = Message[Any]
MODELS: dict[str, type[AnyMessage]] = {str(kind): Message[body] for kind, body in BODIES.items()}  # type: ignore[valid-type]


class MalformedMessage(ValueError):
    """Verified bytes that are not a message; ``code`` says in which way."""

    def __init__(self, code: ProblemCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def encode_message(message: AnyMessage) -> bytes:
    """Return the bytes to sign: compact JSON without the fields that are not set."""
    return message.model_dump_json(exclude_none=True).encode()


def decode_message(payload: bytes) -> AnyMessage:
    """Read verified bytes.

    Raises:
        MalformedMessage: with the code of what is wrong. The text never quotes the message's contents.
    """
    try:
        document = _STRICT_JSON.decode(payload.decode())
    except MalformedMessage:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(ProblemCode.MALFORMED_PAYLOAD, f"not JSON: {type(error).__name__}") from None
    kind = document.get("type") if isinstance(document, dict) else None
    model = MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise MalformedMessage(ProblemCode.UNKNOWN_TYPE, "the payload names no message type of this protocol")
    try:
        return model.model_validate_json(payload, strict=True)
    except ValidationError as error:
        raise MalformedMessage(ProblemCode.MALFORMED_PAYLOAD, _where(error)) from None


def _where(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    names = first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
    return f"{'.'.join(map(str, names)) or 'message'}: {first['type']}"


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise MalformedMessage(ProblemCode.DUPLICATE_KEY, "an object names one key twice")
    return document


def _refuse_float(_text: str) -> NoReturn:
    raise MalformedMessage(ProblemCode.FLOAT_NUMBER, "numbers are integers in this protocol")


_STRICT_JSON = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_float=_refuse_float,
                                parse_constant=_refuse_float)
