"""What travels on the link between a connector and the gateway: small frames around envelopes.

A frame is one WebSocket text message, a JSON object. Frames are not signed: they only say what the receiver should
do with the signed envelope inside, and which of them have arrived. Every kind is either asked for by ``k`` (and
answered with the same ``k``) or delivered under the mailbox number ``n`` (and acknowledged by it).
"""

from enum import StrEnum

from pydantic import ValidationError

from schemas.identifiers import Count, Timestamp, Wire

FRAME_BYTES_MAX = 4_718_592
"""4.5 MiB: an envelope and its Accepted as JSON strings, with room for escapes."""


class FrameKind(StrEnum):
    """What to do with a frame."""

    HELLO = "hello"
    MESSAGE = "message"
    REPLY = "reply"
    QUESTION = "question"
    ANSWER = "answer"
    DELIVER = "deliver"
    RECEIVED = "received"


class Frame(Wire):
    """One frame; ``envelope`` and ``accepted`` hold envelope texts, ``number`` is ``k`` or ``n``.

    ``nonce`` and ``at``, the gateway's time, stand on its first frame.
    """

    kind: FrameKind
    number: Count = 0
    envelope: str | None = None
    accepted: str | None = None
    nonce: str | None = None
    at: Timestamp | None = None

    def encode(self) -> str:
        """Return the text to send."""
        return self.model_dump_json(exclude_none=True)


class MalformedFrame(ValueError):
    """The other end of the link sent something that is no frame."""


def decode_frame(text: str) -> Frame:
    """Read one frame.

    Raises:
        MalformedFrame: without quoting the contents.
    """
    if len(text) > FRAME_BYTES_MAX:
        raise MalformedFrame(f"a frame of {len(text)} characters; the limit is {FRAME_BYTES_MAX}")
    try:
        return Frame.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise MalformedFrame(f"not a frame of the link: {error.error_count()} fields do not fit") from None
