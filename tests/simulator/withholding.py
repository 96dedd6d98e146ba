"""Attacks by silence: what is dropped, held back, brought late or in another order, and what is said in its place."""

from dataclasses import replace
from datetime import datetime, timedelta

from connectors.agent.entry import Refused
from schemas.dialogue import rule_of
from schemas.identifiers import AgencyId
from schemas.lending import Custody, CustodyReceipt
from schemas.messages import Accepted, MessageType, Refusal
from schemas.problems import ProblemCode
from schemas.questions import LoanQuestion
from tests.alliance import FIRST, GATEWAY, HOME, PICKUP, Member, a_hash, key_of, read
from tests.simulator.hub import Hostile, Mail, is_relayed
from trust.dsse import decode_envelope, hash_signed


async def drop_in_the_middle(hub: Hostile) -> None:
    """Later messages of the stream are delivered, this one never: however often it is asked for again."""
    mail = await hub.catch()

    def later() -> list[datetime]:
        return [at for at, me, other in hub.passed if me == mail.message.dst and is_relayed(other)
                and other.stream == mail.stream and other.number > mail.number]

    await hub.until(lambda: bool(later()))
    hub.struck_at, hub.victim = later()[0], mail.message.dst


async def drop_the_tail(hub: Hostile) -> None:
    """This message and all that follow it in its stream."""
    mail = await hub.catch()
    hub.withholds = lambda me, other: (me == mail.message.dst and is_relayed(other) and other.stream == mail.stream)
    hub.struck_at, hub.victim = hub.caught_at, mail.message.src


async def drop_copies(hub: Hostile) -> None:
    """The home library never hears that its reader's copy has come to the pickup library; the supplier does."""
    missed: list[Mail] = []

    def withholds(me: AgencyId, mail: Mail) -> bool:
        body = mail.message.body
        if me != HOME or not isinstance(body, CustodyReceipt) or mail.message.src != PICKUP:
            return False
        if body.holder is Custody.PICKUP_POINT and not missed:
            missed.append(mail)
        if missed and mail.message.conv == missed[0].message.conv and body.holder is Custody.READER:
            hub.strike(HOME)
        return bool(missed) and mail.hash == missed[0].hash

    hub.withholds = withholds
    await hub.until(lambda: hub.struck_at is not None)


async def drop_confirmations(hub: Hostile) -> None:
    def withholds(me: AgencyId, mail: Mail) -> bool:
        if mail.message.type is not MessageType.CONFIRMATION:
            return False
        hub.strike(me)
        return True

    hub.withholds = withholds
    await hub.until(lambda: hub.struck_at is not None)


async def answer_nothing(hub: Hostile) -> None:
    """One library's messages, to other libraries or to the hub itself, are taken and never answered for."""
    silent_to = hub.random.choice((HOME, FIRST))

    async def answers(me: AgencyId, envelope: bytes) -> bytes | None:
        if me != silent_to or rule_of(read(envelope).type).channel == "":
            return await hub.town.gateway.receive(envelope, me)
        hub.strike(me)
        return None

    hub.answers = answers
    await hub.until(lambda: hub.struck_at is not None)


async def delay_beyond_the_deadline(hub: Hostile) -> None:
    mail = await hub.catch()
    hub.struck_at, hub.victim = hub.caught_at, mail.message.src


async def deliver_what_was_held(hub: Hostile) -> None:
    """Once the alarm is out: all comes late, and counts or does not, as the libraries see fit."""
    await hub.release()
    for _ in range(4):
        await hub.world.settle()
        await hub.world.wait(timedelta(days=1))


async def keep_the_cancel_from_the_first_supplier(hub: Hostile) -> None:
    """The Request is held until the home library has turned to the next one; of that the first one hears nothing."""
    def of(mail: Mail) -> bool:
        return mail.message.type is MessageType.REQUEST and mail.message.body.position == 0

    request = await hub.catch(of, skip=0)
    hub.struck_at, hub.victim = hub.caught_at, HOME
    hub.withholds = lambda me, mail: me == request.message.dst and mail.message.conv == request.message.conv


async def have_both_promise(hub: Hostile) -> None:
    """Now two libraries hold a Request for one loan; only one of them is ever confirmed."""
    await hub.world.settle()
    held = [(me, entry) for me, entry in hub.held if read(entry.envelope).type is MessageType.REQUEST]
    for me, entry in dict.fromkeys(held):
        await hub.deliver(me, entry)
    for _ in range(2):
        await hub.world.settle()
        await hub.world.wait(timedelta(hours=25))
    asked = [(me, read(entry.envelope).conv or "") for me, entry in held]
    assert asked, "the first supplier has its Request in the end"
    assert [(await hub.town[me].loan(conv)).supplier for me, conv in asked] == [me for me, _ in asked]


async def reorder(hub: Hostile) -> None:
    """Every mailbox backwards."""
    hub.backwards = True
    hub.strike(HOME)
    for _ in range(3):
        await hub.until(lambda: True)
        await hub.world.wait(timedelta(days=1))
    await hub.world.settle()


# what is said in place of the truth


async def answer_for_another_message(hub: Hostile) -> None:
    async def answers(me: AgencyId, envelope: bytes) -> bytes | None:
        hub.answers = None
        hub.strike(me)
        body = Accepted(message=a_hash("another"), index=0, arrived=hub.town.clock())
        return hub.signed(MessageType.ACCEPTED, me, body).envelope

    hub.answers = answers
    await hub.until(lambda: hub.struck_at is not None)


async def refuse_to_the_sender(hub: Hostile) -> None:
    """Refuse, by a code of the hub's choice, what the loan allows."""
    refused: list[str] = []

    async def answers(me: AgencyId, envelope: bytes) -> bytes | None:
        said = read(envelope)
        if not rule_of(said.type).relayed:
            return await hub.town.gateway.receive(envelope, me)
        hub.answers = None
        hub.strike(me)
        refused.append(said.conv or "")
        hash_ = hash_signed(decode_envelope(envelope).signed)
        body = Refusal(message=hash_, code=ProblemCode.OUT_OF_TURN, detail="no", stream=said.stream)
        return hub.signed(MessageType.REFUSAL, me, body, reply_to=hash_, conv=said.conv).envelope

    hub.answers = answers
    await hub.until(lambda: hub.struck_at is not None)
    assert hub.victim is not None
    assert refused[0] in await hub.town[hub.victim].journal.run(lambda unit: unit.marks()), "staff see which loan"


async def refuse_to_the_receiver(hub: Hostile) -> None:
    """Tell the sender that its message was taken over, and the receiver that it was refused."""
    mail = await hub.catch()
    hub.struck_at, hub.victim = hub.caught_at, mail.message.src
    body = Refusal(message=mail.hash, code=ProblemCode.OUT_OF_TURN, detail="", stream=mail.message.stream)
    refusal = hub.signed(MessageType.REFUSAL, mail.message.src, body, copies=(mail.message.dst,), reply_to=mail.hash,
                         conv=mail.message.conv)
    await hub.town[mail.message.dst].deliver(refusal, b"")


class _Mixed:
    """A link that brings the answer to another question."""

    def __init__(self, hub: Hostile, member: Member) -> None:
        self._hub = hub
        self._member = member

    async def ask(self, _envelope: bytes) -> bytes:
        office = self._member.office
        other = self._hub.signed(MessageType.LOAN_QUESTION, GATEWAY, LoanQuestion.model_validate({"barcode": "999"}),
                                 src=office.me, key=key_of(office.me))
        return await self._hub.town.gateway.answer(other.envelope)


async def answer_another_question(hub: Hostile) -> None:
    """Staff ask whose loan a copy is, and are given the answer to something else."""
    member = hub.town[hub.random.choice(sorted(hub.town.members))]
    before = await hub.kept()
    hub.strike(member.me)
    try:
        await replace(member.counter, link=_Mixed(hub, member)).open_loans("30000001")  # type: ignore[arg-type]
    except Refused as refused:
        hub.told.append((hub.town.clock(), refused.code))
    assert await hub.kept() == before


async def lie_about_the_time(hub: Hostile) -> None:
    """Greet with a clock that is an hour off, to make a library sign wrong times or let deadlines pass."""
    member = hub.town[hub.random.choice(sorted(hub.town.members))]
    before = await hub.kept()
    hub.strike(member.me)
    await member.office.greeted(hub.town.clock() + hub.random.choice((-1, 1)) * timedelta(hours=1))
    assert member.office.clock_is_wrong
    assert await hub.kept() == before


