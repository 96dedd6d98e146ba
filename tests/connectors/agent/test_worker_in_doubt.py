"""A write whose outcome is unknown is settled by asking the ILS: nothing is written twice and nothing left out."""


import pytest

from connectors.agent.effects import WRITES, Verb
from connectors.agent.worker import Worker
from connectors.ils.cards import InstitutionalCards
from connectors.ils.port import CardItems, IlsFailed, IlsInDoubt, ItemState
from connectors.ils.sip2 import Sip2Ils
from connectors.sip2.client import Sip2Client
from connectors.sip2.verbs import Verbs
from examples.ils.model import ALLIANCE_CARD
from schemas.bib import CirculationStatus
from tests.alliance import FIRST, Alliance
from tests.connectors.agent.writing import COPY, WRITING, assert_done_once, requested
from tests.systems import LibrarySystem


def test_every_write_is_tried() -> None:
    assert set(WRITING) == WRITES


@pytest.mark.parametrize("verb", WRITING)
@pytest.mark.parametrize("happened", [True, False], ids=["happened", "did not happen"])
async def test_a_write_whose_answer_was_lost_is_settled_by_asking(town: Alliance, system: LibrarySystem, verb: Verb,
                                                                  happened: bool) -> None:
    arrange, request, _, event, _ = WRITING[verb]
    conv = await arrange(town)
    before = (await system.events()).count((event, COPY))
    system.wire.lose, system.wire.answered = request, happened
    with pytest.raises(IlsInDoubt):
        await system.worker.work_once()
    assert (await system.events()).count((event, COPY)) == before + happened
    (task,) = await town[FIRST].tasks()
    assert (task.do.verb, task.sent) == (verb, True)
    await assert_done_once(town, system, verb, conv, before)


@pytest.mark.parametrize("verb", WRITING)
@pytest.mark.parametrize("happened", [True, False], ids=["after the write", "before the write"])
async def test_a_connector_that_died_at_a_write_settles_it_when_it_is_back(town: Alliance, system: LibrarySystem,
                                                                           verb: Verb, happened: bool) -> None:
    arrange, _, directly, event, _ = WRITING[verb]
    conv = await arrange(town)
    before = (await system.events()).count((event, COPY))
    (task,) = await town[FIRST].tasks()
    await town[FIRST].journal.run(lambda unit: unit.mark_sent(task.id, COPY, ALLIANCE_CARD))
    if happened:
        await system.running.database.write(*directly)
    await assert_done_once(town, system, verb, conv, before)


@pytest.mark.parametrize("verb", WRITING)
async def test_a_connector_that_died_before_it_noted_the_answer_does_not_write_again(town: Alliance,
                                                                                    system: LibrarySystem,
                                                                                    verb: Verb) -> None:
    """As after the crash test's kill between the ILS's commit and the journal's: the task is open and marked."""
    conv = await WRITING[verb][0](town)
    before = (await system.events()).count((WRITING[verb][3], COPY))
    (task,) = await town[FIRST].tasks()
    journal = town[FIRST].journal
    await journal.run(lambda unit: unit._db.execute(
        "CREATE TRIGGER full BEFORE UPDATE OF done ON task BEGIN SELECT RAISE(ABORT, 'power cut'); END"))
    with pytest.raises(IlsFailed):
        await system.worker.work_once()
    await journal.run(lambda unit: unit._db.execute("DROP TRIGGER full"))
    assert [(left.id, left.sent) for left in await town[FIRST].tasks()] == [(task.id, True)]
    await assert_done_once(town, system, verb, conv, before)


class Reticent(Sip2Ils):
    """A real ILS seen through lists without barcodes."""

    async def items_of(self, card: str) -> CardItems:
        return CardItems(frozenset(), frozenset(), is_whole=False)


@pytest.mark.parametrize("verb", WRITING)
@pytest.mark.parametrize("happened", [True, False], ids=["happened", "did not happen"])
async def test_where_the_card_shows_nothing_the_copy_itself_settles_the_doubt(town: Alliance, system: LibrarySystem,
                                                                             verb: Verb, happened: bool) -> None:
    arrange, request, _, event, status = WRITING[verb]
    conv = await arrange(town)
    before = (await system.events()).count((event, COPY))
    system.wire.lose, system.wire.answered = request, happened
    with pytest.raises(IlsInDoubt):
        await system.worker.work_once()
    async with Sip2Client("127.0.0.1", system.wire.port, town[FIRST].library.sip2,
                          town[FIRST].library.credentials) as client:
        member = town[FIRST]
        member.worker = Worker(member.journal, member.office, Reticent(Verbs(client, town.clock)),
                               InstitutionalCards((ALLIANCE_CARD,)))
        await town.rest()
    assert (await system.events()).count((event, COPY)) == before + 1
    assert (await town.loan(conv)).status is status


async def test_a_hold_that_was_placed_on_a_copy_that_still_seems_to_stand_there_is_found_when_placed_again(
        town: Alliance, system: LibrarySystem) -> None:
    """Some systems show a copy as available until it is fetched: the ILS itself says that the hold is there."""
    conv = await requested(town)
    system.wire.lose, system.wire.answered = b"15+", True
    with pytest.raises(IlsInDoubt):
        await system.worker.work_once()

    class Forgetful(Reticent):
        async def item(self, barcode: str) -> ItemState:
            return ItemState(True, CirculationStatus.AVAILABLE, None)

    async with Sip2Client("127.0.0.1", system.wire.port, town[FIRST].library.sip2,
                          town[FIRST].library.credentials) as client:
        member = town[FIRST]
        member.worker = Worker(member.journal, member.office, Forgetful(Verbs(client, town.clock)),
                               InstitutionalCards((ALLIANCE_CARD,)))
        await town.rest()
    assert await system.events() == [("hold", COPY)]
    assert ((await town.loan(conv)).supplier, (await town.loan(conv)).barcode) == (FIRST, COPY)
