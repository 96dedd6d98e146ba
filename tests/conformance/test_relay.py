"""The vectors of the gateway's door, said to a real gateway."""

import pytest

from federation.ports import StoredMessage
from schemas.identifiers import MessageHash
from schemas.messages import Accepted, Refusal, Resend
from tests.alliance import Alliance, body_of
from tests.conformance.door import accepted_directory
from tests.conformance.vectors import cases, name_of, raw_envelope
from tests.trust.samples import HANGZHOU
from trust.stream import StreamHead


@pytest.mark.parametrize("case", cases("relay"), ids=name_of)
async def test_relay(case, tmp_path):
    town = Alliance(tmp_path)
    town.directory = accepted_directory(case)

    def prepare(unit):
        for number, one in enumerate(case["known"], 1000):
            unit.messages.add(StoredMessage(one["hash"], one["type"], one["src"], one["dst"], one["conv"] or "",
                                            number, b"", b""))
        for head in case["heads"]:
            unit.streams.set_head(head["src"], head["dst"], head["channel"],
                                  StreamHead(head["epoch"], head["seq"], MessageHash(head["hash"])))

    await town.database.run(prepare)
    body = body_of(await town.gateway.receive(raw_envelope(case), HANGZHOU))
    if isinstance(body, Accepted):
        assert case["expected"] == {"accepted": body.message}
    elif isinstance(body, Resend):
        assert case["expected"] == {"resend": body.model_dump()}
    else:
        assert isinstance(body, Refusal)
        assert case["expected"] == {"code": body.code, "uses_number": body.stream is not None}
    town.close()
