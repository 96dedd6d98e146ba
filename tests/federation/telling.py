"""What the tests of the road share: loans that stand somewhere, and messages that are true or not."""

from typing import Any

from connectors.agent.custody import Step
from connectors.agent.effects import Say
from schemas.dialogue import rule_of
from schemas.identifiers import AgencyId
from schemas.lending import (
    ReasonForMessage,
    SupplierStatus,
    SupplyingAgencyMessage,
)
from schemas.lifecycle import LoanStatus
from schemas.messages import (
    MessageType,
)
from schemas.problems import ProblemCode
from tests.alliance import (
    FIRST,
    HOME,
    PICKUP,
    SECOND,
    Alliance,
    sealed,
)
from trust.envelope import Sealed
from trust.stream import next_position

M, P = MessageType, ProblemCode


async def said(town: Alliance, kind: MessageType, src: AgencyId, dst: AgencyId, body: Any, **header: Any) -> Sealed:
    """Sign what ``src`` would say next to ``dst``, whether it may or not."""
    if channel := rule_of(kind).channel:
        head = await town.database.run(lambda unit: unit.streams.head(src, dst, channel))
        header.setdefault("stream", next_position(head, channel))
    return sealed(town.directory, kind, src, dst, body, **header)


async def everything(town: Alliance) -> list[Any]:
    """Return every row the gateway keeps."""
    tables = ("message", "message_count", "awaited", "stream", "mailbox", "loan", "leaf", "ledger_transfer",
              "ledger_account")
    return await town.database.run(lambda unit: [
        unit.messages._db.execute(f"SELECT * FROM {table}").fetchall() for table in tables])


async def promised(town: Alliance) -> str:
    """A loan that the first supplier has promised and nobody has confirmed."""
    conv = await town.order(FIRST, SECOND, pickup=PICKUP)
    await town[HOME].fetch()
    await town[HOME].work()
    for member in (HOME, HOME):
        await town[member].send()
        await town[member].fetch()
    await town[HOME].send()
    await town[FIRST].fetch()
    await town[FIRST].work()
    await town[FIRST].send()
    assert (await town.loan(conv)).status is LoanStatus.WILL_SUPPLY
    return conv


async def lent(town: Alliance, supplier: AgencyId = FIRST, pickup: AgencyId = PICKUP) -> str:
    """A loan whose copy the reader has."""
    conv = await town.order(supplier, pickup=pickup)
    await town.rest()
    for library, step in ((supplier, Step.DISPATCH), (pickup, Step.ARRIVED), (pickup, Step.HAND_OVER)):
        barcode = (await town.loan(conv)).barcode
        assert await town[library].scan(barcode, conv) is step
        await town.rest()
    return conv


def note(reply_to: Any) -> Say:
    body = SupplyingAgencyMessage(reason_for_message=ReasonForMessage.NOTIFICATION, status=SupplierStatus.WILL_SUPPLY)
    return Say(M.SUPPLYING_AGENCY_MESSAGE, HOME, body, reply_to)


async def of_the_loan(town: Alliance, about: str, kind: MessageType, src: AgencyId, dst: AgencyId, body: Any,
                      **header: Any) -> Sealed:
    copies = tuple(agency for agency in (HOME, PICKUP) if agency not in (src, dst)) if rule_of(kind).relayed else ()
    loan = await town.loan(about)
    return await said(town, kind, src, dst, body, **{"conv": about, "reply_to": loan.last, "copies": copies, **header})
