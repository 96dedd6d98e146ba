"""The signed envelope's limits and the stream position a durable message carries.

The envelope is DSSE v1 with exactly one signature; its payload is one UTF-8 JSON document, and exactly those bytes
are signed, sent, stored and archived. Sealing and opening live in ``trust.envelope``.
"""

from typing import Annotated

from pydantic import Field

from schemas.identifiers import MessageHash, Wire

PAYLOAD_TYPE = "application/vnd.delta-lending.message+json"
ENVELOPE_BYTES_MAX = 2_097_152
"""Two MiB: a harvest batch of 100 long records fits; checked before anything is decoded."""

CONTROL_DAYS = 3650
"""How long an Accepted, a Confirmation or a Refusal holds: as long as what it speaks about may wait in a mailbox."""

GENESIS = MessageHash("0" * 64)
"""``prev`` of the first message in a stream."""


Channel = Annotated[str, Field(pattern=r"^(loan|money|catalogue)$")]
"""What a stream is about; each is numbered by itself, so that a harvest never delays a loan."""


class StreamPosition(Wire):
    """Where a durable message stands in its stream ``src → dst`` on one channel."""

    channel: Channel
    epoch: Annotated[int, Field(ge=0, lt=2**31)]
    seq: Annotated[int, Field(ge=1, lt=2**53)]
    prev: MessageHash
