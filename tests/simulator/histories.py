"""Attacks on the evidence log: entries that are not there, two histories, a log that goes back."""

from dataclasses import replace
from pathlib import Path

from federation.gateway import Gateway
from federation.storage.unit import open_database
from schemas.messages import MessageType
from tests.alliance import FIRST, HOME, a_hash
from tests.simulator.hub import Hostile


def _copied(hub: Hostile) -> Gateway:
    """Return the gateway with a history of its own: as it stands now, and from here on another one."""
    hub.town.back_up_gateway()
    path = hub.town.folder / "gateway.backup"
    store = open_database(str(path.replace(Path(path).with_name(f"other {len(hub.copies)}.db"))))
    hub.copies.append(store)
    return replace(hub.town.gateway, store=store)


async def leave_a_message_out(hub: Hostile) -> None:
    """Deliver a message and sign a place in the log at which another one stands: often one of the same library."""
    mail = await hub.catch()
    me = mail.message.dst
    places = await hub.town[me].journal.run(lambda unit: unit._db.execute("SELECT idx FROM place").fetchall())
    own = [index for (index,) in places]
    index = hub.random.choice(own) if own and hub.random.random() < 0.5 else hub.random.randrange(
        await hub.town.log_size() - 2)
    assert await hub.show(me, mail.envelope, await hub.accepted(mail.hash, me, index))
    hub.shown = {me: hub.town.gateway}


async def never_cover_a_message(hub: Hostile) -> None:
    """Deliver a message and sign a place in the log that the log never grows to."""
    mail = await hub.catch()
    me = mail.message.dst
    assert await hub.show(me, mail.envelope, await hub.accepted(mail.hash, me, 10**6))
    hub.shown = {me: hub.town.gateway}


async def show_two_histories(hub: Hostile) -> None:
    """One library is shown an entry that the others never see; then the two speak to each other."""
    other = _copied(hub)
    await other.store.run(lambda unit: unit.log.append(a_hash("never said"), hub.town.clock(), MessageType.REQUEST))
    hub.shown = {FIRST: other}
    await hub.look()
    shown = hub.town[FIRST].office.seen.last
    hub.shown = {HOME: hub.town.gateway}
    seen = await hub.town.log_size()

    def is_told() -> bool:
        return hub.struck_at is not None

    def withholds(me: object, mail: object) -> bool:
        message = mail.message  # type: ignore[attr-defined]
        if me == HOME and message.src == FIRST and message.cp == shown:
            hub.strike(HOME)
        return False

    hub.withholds = withholds
    await hub.until(is_told)
    assert await hub.town.log_size() >= seen


async def turn_the_log_back(hub: Hostile) -> None:
    """Show a library the log as it was before what has been said since."""
    me = hub.random.choice((HOME, FIRST))
    other = _copied(hub)
    await hub.town.order()
    hub.shown = {me: hub.town.gateway}
    await hub.look()
    hub.shown = {me: other}
    hub.strike(me)
