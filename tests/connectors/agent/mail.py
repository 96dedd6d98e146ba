"""Mail for the agent's tests: a loan under way, and what its parties would sign next."""

from typing import Any

from connectors.agent.watch import watch_once
from schemas.envelope import StreamPosition
from schemas.identifiers import AgencyId, MessageHash
from schemas.lending import (
    Action,
    ReasonForMessage,
    RequestingAgencyMessage,
    SupplierStatus,
    SupplyingAgencyMessage,
)
from schemas.lifecycle import LoanStatus
from schemas.messages import MessageType, Refusal
from schemas.problems import ProblemCode
from tests.alliance import BARCODES, FIRST, GATEWAY, HOME, PICKUP, SECOND, Alliance, Member, sealed
from trust.envelope import Sealed
from trust.stream import advance, next_position

M, P = MessageType, ProblemCode
TABLES = ("message", "stream", "sent", "outbox", "early", "gap", "asked", "postponed", "loan", "attention", "task",
          "slot", "session", "fact")


async def everything(member: Member) -> list[Any]:
    """Return every row of the journal but the alarms."""
    return await member.journal.run(lambda unit: [
        unit._db.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES])


async def requested(town: Alliance) -> str:
    """A loan whose Request the first supplier has in its hands, and has not answered."""
    conv = await town.order(FIRST, SECOND, pickup=PICKUP)
    await town.rest(working=False)
    await town[HOME].work()
    await town.rest(working=False)
    assert (await town[FIRST].loan(conv)).status is LoanStatus.REQUEST_RECEIVED
    return conv


async def promise(town: Alliance, conv: str, **header: Any) -> Sealed:
    """The first supplier's WillSupply, as its office would sign it."""
    body = SupplyingAgencyMessage(reason_for_message=ReasonForMessage.REQUEST_RESPONSE,
                                  status=SupplierStatus.WILL_SUPPLY, barcode=BARCODES[FIRST])
    loan = await town[HOME].loan(conv)
    return await town[HOME].next_from(FIRST, M.SUPPLYING_AGENCY_MESSAGE, body, **{
        "conv": conv, "copies": (PICKUP,), "reply_to": loan.last, **header})


def refusal_of(town: Alliance, member: Member, sender: AgencyId, place: StreamPosition, hash_: Any,
               src: AgencyId = GATEWAY) -> Sealed:
    body = Refusal(message=hash_, code=P.OUT_OF_TURN, detail="", stream=place)
    return sealed(town.directory, M.REFUSAL, src, sender, body, copies=(member.me,), reply_to=hash_)


async def notes(town: Alliance, member: Member, src: AgencyId, conv: str, count: int) -> list[Sealed]:
    """What ``src`` would say next to a member, one after another: messages that change nothing in the loan."""
    loan, head = await member.loan(conv), await member.head(src)
    said = []
    for number in range(count):
        body = RequestingAgencyMessage(action=Action.NOTIFICATION, note=f"{number}")
        said.append(await member.next_from(src, M.REQUESTING_AGENCY_MESSAGE, body, conv=conv, reply_to=loan.last,
                                           copies=(PICKUP,), stream=next_position(head, "loan")))
        head = advance(head, said[-1].hash)
    return said


async def watched(member: Member, times: int = 1) -> None:
    """Let a second pass at the library, so to speak."""
    for _ in range(times):
        await watch_once(member.office, member.journal)


async def asked_again(member: Member) -> list[tuple[AgencyId, int, int]]:
    """Whom the library asks for which numbers again, in its outbox."""
    return [(m.dst, m.body.from_seq, m.body.upto_seq) for m in await member.outbox() if m.type is M.RESEND]


async def confirmed(member: Member) -> list[MessageHash]:
    """What the library confirms, in its outbox."""
    return [m.body.message for m in await member.outbox() if m.type is M.CONFIRMATION]
