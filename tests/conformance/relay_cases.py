"""Vectors for the gateway's door: may this be said to whom, what does it answer, and is it the next number?

Each case begins with the same known messages and empty streams unless it says otherwise. No loan is known, so that
only what the table of the dialogue says is looked at.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from schemas.envelope import GENESIS
from schemas.identifiers import AgencyId, ConversationId, MessageHash, Wire
from schemas.lending import Custody, CustodyReceipt
from schemas.messages import (
    Confirmation,
    Message,
    MessageType,
    Resend,
    StatementAcceptance,
    StatementProposal,
    StreamReset,
)
from schemas.questions import LoanQuestion
from tests.conformance.door import DIRECTORY, KEY, position, receiver
from tests.trust.samples import GATEWAY, HANGZHOU, LOAN, NOW, SOME_HASH, YANGPU
from trust.envelope import seal

PROPOSAL, OTHERS_PROPOSAL, BATCH, RECEIPT = (MessageHash(pair * 32) for pair in ("a1", "a2", "a3", "a4"))
KNOWN = (
    (PROPOSAL, "StatementProposal", GATEWAY, HANGZHOU, None),
    (OTHERS_PROPOSAL, "StatementProposal", GATEWAY, YANGPU, None),
    (BATCH, "HarvestBatch", HANGZHOU, GATEWAY, None),
    (RECEIPT, "CustodyReceipt", YANGPU, HANGZHOU, LOAN),
)
AT_TWO = {"epoch": 0, "seq": 2, "hash": "22" * 32}
AFTER_RESET = {"epoch": 1, "seq": 0, "hash": GENESIS}
ACCEPTANCE = StatementAcceptance(window=1, digest=SOME_HASH)
PROPOSED = StatementProposal(window=1, after_index=-1, upto_index=0, lines=(), net_fen=0, digest=SOME_HASH)
TAKEN = CustodyReceipt(barcode="31000001", holder=Custody.READER, place="Wushan Square", happened_at=NOW)


@dataclass(frozen=True)
class Case:
    """What Hangzhou sends to the gateway; without a ``code`` it is accepted, or ``resend`` is asked for.

    ``head``: where its stream to ``dst`` stands on the channel of the message, or on that of a reset's body.
    """

    name: str
    about: str
    kind: MessageType
    body: Wire
    code: str = ""
    uses_number: bool = False
    resend: dict[str, Any] | None = None
    head: dict[str, Any] | None = None
    header: dict[str, Any] = field(default_factory=dict)

    def render(self) -> dict[str, Any]:
        header = {"type": self.kind, "src": HANGZHOU, "dst": GATEWAY, "created": NOW, "dir": DIRECTORY.reference,
                  "expires": NOW + timedelta(days=60), **self.header}
        sealed = seal(Message[type(self.body)](**header, body=self.body), KEY)
        channel = getattr(header.get("stream") or self.body, "channel", None)
        heads = [{"src": HANGZHOU, "dst": header["dst"], "channel": channel, **self.head}] if self.head else []
        return {"name": self.name, "about": self.about, "heads": heads,
                "envelope_base64": b64encode(sealed.envelope).decode(), "expected": self._expected(sealed.hash)}

    def _expected(self, hash_: MessageHash) -> dict[str, Any]:
        if self.resend:
            return {"resend": self.resend}
        return {"code": self.code, "uses_number": self.uses_number} if self.code else {"accepted": hash_}


def files() -> dict[str, Any]:
    known = [{"hash": hash_, "type": kind, "src": src, "dst": dst, "conv": conv}
             for hash_, kind, src, dst, conv in KNOWN]
    return {"relay": {"about": "what the gateway says to envelopes of one library",
                      **receiver(), "me": GATEWAY, "known": known,
                      "cases": [case.render() for case in (*_replies(), *_hearers(), *_places())]}}


def _accept(name: str, about: str, code: str = "", *, uses_number: bool = False, resend: dict[str, Any] | None = None,
            head: dict[str, Any] | None = None, **header: Any) -> Case:
    header = {"reply_to": PROPOSAL, "stream": position(channel="money")} | header
    return Case(name, about, MessageType.STATEMENT_ACCEPTANCE, ACCEPTANCE, code, uses_number, resend, head, header)


def _replies() -> Iterator[Case]:
    wrong = {"code": "reply_mismatch", "uses_number": True}
    yield _accept("good", "answers the proposal that was made to this library")
    yield _accept("reply_to_nothing", "does not say what it answers", **wrong, reply_to=None)
    yield _accept("reply_to_unknown", "answers what nobody said", **wrong, reply_to=SOME_HASH)
    yield _accept("reply_to_another_type", "answers a message that needs no such answer", **wrong, reply_to=BATCH)
    yield _accept("reply_to_anothers", "answers what was said to another library", **wrong, reply_to=OTHERS_PROPOSAL)
    yield _accept("reply_in_another_loan", "answers in a loan what was said in none", **wrong, conv=LOAN)
    yield _confirm("good_confirmation", "confirms a message of the other one", "", RECEIPT)
    yield _confirm("confirmation_of_nothing", "confirms what nobody said", "reply_mismatch", SOME_HASH)
    yield _confirm("confirmation_of_anothers", "confirms what passed between others", "reply_mismatch", OTHERS_PROPOSAL)
    yield _confirm("confirmation_in_no_loan", "leaves out the loan", "reply_mismatch", RECEIPT, conv=None)


def _confirm(name: str, about: str, code: str, hash_: MessageHash, conv: ConversationId | None = LOAN) -> Case:
    return Case(name, about, MessageType.CONFIRMATION, Confirmation(message=hash_), code,
                header={"dst": YANGPU, "conv": conv, "reply_to": hash_})


def _hearers() -> Iterator[Case]:
    yield _accept("to_another_library", "meant for the gateway, addressed to a library", "wrong_destination",
                  uses_number=True, dst=YANGPU)
    yield _accept("to_a_stranger", "addressed to nobody in the directory", "wrong_destination", uses_number=True,
                  dst=AgencyId("CN-XX-NOBODY"))
    yield _accept("to_itself", "addressed to its own sender", "wrong_destination", uses_number=True, dst=HANGZHOU)
    yield _accept("copied", "copied to a library that it does not concern", "wrong_role", uses_number=True,
                  copies=(YANGPU,))
    yield Case("in_the_gateways_part", "says what only the gateway says", MessageType.STATEMENT_PROPOSAL, PROPOSED,
               "wrong_role", header={"dst": YANGPU, "stream": position(channel="money")})
    yield Case("question", "a question is asked on the link, never sent as mail", MessageType.LOAN_QUESTION,
               LoanQuestion(barcode="31000001"), "wrong_role", header={"nonce": "00"})
    yield Case("no_loan_named", "numbered on loan and about none", MessageType.CUSTODY_RECEIPT, TAKEN, "reply_mismatch",
               True, header={"dst": YANGPU, "stream": position(), "reply_to": RECEIPT})
    yield Case("loan_not_known", "a loan that the gateway did not begin", MessageType.CUSTODY_RECEIPT, TAKEN,
               "out_of_turn", True, header={"dst": YANGPU, "stream": position(), "reply_to": RECEIPT, "conv": LOAN})


def _places() -> Iterator[Case]:
    def at(seq: int, prev: str, **place: Any) -> Any:
        return position(channel="money", seq=seq, prev=MessageHash(prev), **place)

    yield _accept("good_next", "the next number", head=AT_TWO, stream=at(3, AT_TWO["hash"]))
    yield _accept("gap", "a number left out: it is asked for, nothing is refused", head=AT_TWO,
                  stream=at(4, AT_TWO["hash"]), resend=_missing(3, 3))
    yield _accept("wide_gap", "many numbers left out: so many are asked for at once", head=AT_TWO,
                  stream=at(999, AT_TWO["hash"]), resend=_missing(3, 258))
    yield _accept("number_used", "a number used before", "replayed", head=AT_TWO, stream=at(1, GENESIS))
    yield _accept("place_taken", "another message holds the place", "stream_broken", head=AT_TWO,
                  stream=at(2, "11" * 32))
    yield _accept("another_past", "follows another message", "stream_broken", head=AT_TWO, stream=at(3, "11" * 32))
    yield _accept("epoch_not_begun", "an epoch that no reset has begun", "stream_broken", head=AT_TWO,
                  stream=at(1, GENESIS, epoch=1))
    yield _accept("good_after_a_reset", "the first of a new epoch", head=AFTER_RESET, stream=at(1, GENESIS, epoch=1))
    yield from _about_streams()


def _about_streams() -> Iterator[Case]:
    def reset(name: str, about: str, code: str, epoch: int, head: dict[str, Any]) -> Case:
        body = StreamReset(channel="loan", epoch=epoch, seq=2, hash=MessageHash(AT_TWO["hash"]), reason="restored")
        return Case(name, about, MessageType.STREAM_RESET, body, code, head=head, header={"dst": YANGPU})

    def resend(name: str, about: str, code: str, from_seq: int, upto_seq: int, **header: Any) -> Case:
        body = Resend(channel="loan", epoch=0, from_seq=from_seq, upto_seq=upto_seq)
        return Case(name, about, MessageType.RESEND, body, code, header={"dst": YANGPU} | header)

    yield reset("good_reset", "the stream goes on in the next epoch", "", 1, AT_TWO)
    yield reset("good_reset_ahead", "an epoch may be left out", "", 3, AT_TWO)
    yield reset("reset_again", "the stream is in that epoch already", "replayed", 1, AFTER_RESET)
    yield resend("good_resend", "asks for two numbers", "", 3, 4)
    yield resend("resend_in_a_loan", "a stream belongs to no loan", "reply_mismatch", 3, 4, conv=LOAN)
    yield resend("resend_too_many", "asks for 257 numbers", "bad_request", 1, 257)
    yield resend("resend_backwards", "the last number before the first", "bad_request", 4, 3)
    yield resend("resend_nothing", "numbers begin at 1", "bad_request", 0, 0)


def _missing(from_seq: int, upto_seq: int) -> dict[str, Any]:
    return {"channel": "money", "epoch": 0, "from_seq": from_seq, "upto_seq": upto_seq}
