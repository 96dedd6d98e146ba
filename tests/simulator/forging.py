"""Attacks by messages: forged, altered, replayed, readdressed, made up, or shown without their log entry."""

import json
from base64 import b64decode, b64encode

from schemas.envelope import StreamPosition
from schemas.identifiers import AgencyId
from schemas.lending import Order, Quote
from schemas.messages import MessageType, Refusal, Restored, StreamReset
from schemas.problems import ProblemCode
from tests.alliance import FIRST, GATEWAY, HOME, QUOTE, SECOND, TARIFF, a_hash, key_of, rota
from tests.simulator.hub import Hostile, Mail, is_relayed
from tests.trust.samples import random_bytes, signing_key
from trust.envelope import Sealed
from trust.keys import SigningKey
from trust.sealing import SessionKey
from trust.stream import next_position


async def _next_like(hub: Hostile, mail: Mail, src: AgencyId, key: SigningKey) -> Sealed:
    """Say what a library has said, once more, as the next message of its stream or of one's own."""
    said = mail.message
    return await hub.town[said.dst].next_from(src, said.type, said.body, key=key, conv=said.conv, copies=said.copies,
                                              reply_to=mail.hash, now=hub.town.clock())


async def forge_under_its_own_key(hub: Hostile) -> None:
    mail = await hub.any_known()
    lie = await _next_like(hub, mail, mail.message.src, key_of(GATEWAY))
    await hub.show_in_vain(mail.message.dst, lie.envelope)


async def forge_under_a_strange_key(hub: Hostile) -> None:
    mail = await hub.any_known()
    lie = await _next_like(hub, mail, mail.message.src, signing_key("nobody's"))
    await hub.show_in_vain(mail.message.dst, lie.envelope)


async def speak_for_libraries_in_its_own_name(hub: Hostile) -> None:
    mail = await hub.any_known()
    lie = await _next_like(hub, mail, GATEWAY, key_of(GATEWAY))
    await hub.show_in_vain(mail.message.dst, lie.envelope)


async def alter(hub: Hostile) -> None:
    mail = await hub.any_known()
    document = json.loads(mail.envelope)
    payload = bytearray(b64decode(document["payload"]))
    payload[hub.random.randrange(len(payload))] ^= 1 << hub.random.randrange(8)
    document["payload"] = b64encode(payload).decode()
    await hub.show_in_vain(mail.message.dst, json.dumps(document, separators=(",", ":")).encode())


async def _is_at(hub: Hostile, me: AgencyId, mail: Mail) -> bool:
    return await hub.town[me].journal.run(lambda unit: unit.has_message(mail.hash))


async def replay(hub: Hostile) -> None:
    arrived = [mail for mail in await hub.known() if await _is_at(hub, mail.message.dst, mail)]
    mail = hub.random.choice(arrived)
    await hub.show_in_vain(mail.message.dst, mail.envelope, mail.accepted)


async def readdress(hub: Hostile) -> None:
    mail = await hub.any_known()
    stranger = hub.another(mail.message.src, mail.message.dst, *mail.message.copies)
    await hub.show_in_vain(stranger, mail.envelope)


async def hand_one_request_to_a_second_supplier(hub: Hostile) -> None:
    mail = await hub.any_known(lambda mail: mail.message.type is MessageType.REQUEST)
    await hub.show_in_vain(hub.another(HOME, mail.message.dst, *mail.message.copies), mail.envelope)


async def order_for_a_reader(hub: Hostile) -> None:
    """The reader has signed nothing: another key, or another order of the same reader."""
    conv = f"loan-{hub.town.orders + 1:04}"
    made_up = SessionKey.generate(random_bytes("the hub's")).sign(b"{}")
    order = hub.random.choice(await hub.known(lambda mail: mail.message.type is MessageType.ORDER)).message.body
    await hub.town.order(altered={"signed_order": hub.random.choice((made_up, order.signed_order))})
    hub.strike(HOME)
    await hub.world.settle()
    assert await hub.town[HOME].journal.run(lambda unit: unit.slot(conv)) is None


async def pass_on_one_order_twice(hub: Hostile) -> None:
    """As a new message about the same loan, with the suppliers in another order."""
    mail = hub.random.choice([mail for mail in await hub.known(lambda mail: mail.message.type is MessageType.ORDER)
                              if await _is_at(hub, HOME, mail)])
    order: Order = mail.message.body
    again = order.model_copy(update={"rota": tuple(reversed(order.rota))})
    message = await hub.town[HOME].next_from(GATEWAY, MessageType.ORDER, again, conv=mail.message.conv,
                                             now=hub.town.clock())
    before = await hub.town[HOME].loan(mail.message.conv or "")
    await hub.show_as_logged(HOME, message.envelope)
    assert await hub.town[HOME].loan(mail.message.conv or "") == before


async def propose_a_supplier_that_is_none(hub: Hostile) -> None:
    nobody = hub.random.choice((HOME, GATEWAY, AgencyId("CN-000000-1-NOBODY")))
    await hub.town.order(altered={"rota": rota(FIRST, nobody)})
    hub.strike(HOME)
    await hub.world.settle()


async def quote_by_an_old_tariff(hub: Hostile) -> None:
    old = {"fee_fen": TARIFF.loan_fee_fen + hub.random.choice((-100, 100)), "carriage_out_fen": 700,
           "carriage_back_fen": 700}
    name = hub.random.choice(sorted(old))
    await hub.town.order(quote=Quote.model_validate({**QUOTE.model_dump(), name: old[name]}))
    hub.strike(HOME)
    await hub.world.settle()


async def show_no_log_entry(hub: Hostile) -> None:
    """Deliver a true message with the log entry of another one, or with none that holds."""
    mail = await hub.catch()
    other = await hub.accepted(a_hash("another"), mail.message.dst)
    await hub.show_in_vain(mail.message.dst, mail.envelope, other)


async def burn_a_number(hub: Hostile) -> None:
    """Tell the receiver of a refused message that was never sent, so that the next true one finds its place taken."""
    src, dst = HOME, hub.random.choice((FIRST, SECOND))
    place: StreamPosition = next_position(await hub.town[dst].head(src), "loan")
    body = Refusal(message=a_hash("never sent"), code=ProblemCode.OUT_OF_TURN, detail="", stream=place)
    refusal = hub.signed(MessageType.REFUSAL, src, body, copies=(dst,), reply_to=body.message)
    await hub.town[dst].deliver(refusal, b"")
    await hub.catch(lambda mail: is_relayed(mail) and mail.stream[:2] == (src, dst), skip=0)
    hub.strike(dst)
    await hub.release()


async def begin_its_own_stream_anew(hub: Hostile) -> None:
    """Give up what it has said itself, to say something else in its place."""
    me = hub.random.choice(sorted(hub.town.members))
    epoch = (await hub.town[me].head(GATEWAY)).epoch + 1
    body = StreamReset(channel="loan", epoch=epoch, seq=0, hash=a_hash("none"), reason="restored")
    before = [loan async for loan in _loans(hub)]
    await hub.show(me, hub.signed(MessageType.STREAM_RESET, me, body).envelope)
    assert [loan async for loan in _loans(hub)] == before


async def _loans(hub: Hostile):  # type: ignore[no-untyped-def]
    for member in hub.town.members.values():
        yield await member.journal.run(lambda unit: unit.loans(unfinished=False))


async def say_that_it_was_restored(hub: Hostile) -> None:
    """The library sends everything again; what it has heard before it hears again to no effect."""
    mail = await hub.any_known(lambda mail: is_relayed(mail) and mail.message.dst in hub.town.members)
    me = mail.message.dst
    await hub.show(me, hub.signed(MessageType.RESTORED, me, Restored(heads=())).envelope)
    before = await hub.town[me].loan(mail.message.conv or "")
    await hub.show(me, mail.envelope, mail.accepted)
    assert await hub.town[me].loan(mail.message.conv or "") == before
