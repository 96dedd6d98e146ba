"""A library's own catalogue, asked live: its target's state, its records, and what there is where it has no target."""

import pytest

from connectors.agent import own_catalogue
from connectors.agent.own_catalogue import OwnCatalogue, query_of
from connectors.broker import Broker
from connectors.z3950.pqf import to_pqf
from schemas.catalogue import Index, Operator, Sought
from schemas.live import LiveQuestion, LiveState
from tests.connectors.broker.targets import Catalogue, broker_of, mute_after_init, record

SANTI = Sought(text="三体", index=Index.TITLE)
QUESTION = LiveQuestion(query=(SANTI,), limit=5, milliseconds=300)
BOOK = record("三体", "978-7-5366-9293-0")


async def test_it_answers_with_the_records_and_their_state():
    async with broker_of({"own": Catalogue(BOOK)}) as broker:
        answer = await OwnCatalogue(broker).answer(QUESTION)
    assert (answer.state, answer.hits, [bib.title for bib in answer.bibs]) == (LiveState.OK, 1, ["三体"])


async def test_it_tells_what_was_asked_in_other_words():
    async with broker_of({"own": Catalogue(BOOK, uses=(1016,))}) as broker:
        assert (await OwnCatalogue(broker).answer(QUESTION)).changes == ("1=4>1=1016",)


async def test_a_mute_target_is_told_as_such_in_time():
    async with broker_of({"own": mute_after_init}) as broker:
        assert (await OwnCatalogue(broker).answer(QUESTION)).state is LiveState.TIMED_OUT


@pytest.mark.parametrize("catalogue", [OwnCatalogue(), OwnCatalogue(Broker((), lambda: 0.5))])
async def test_a_library_without_a_target_says_so(catalogue: OwnCatalogue):
    assert (await catalogue.answer(QUESTION)).state is LiveState.NO_TARGET


@pytest.mark.parametrize("steps", [(), (SANTI, SANTI), (Operator.AND,), (SANTI, Operator.OR)])
async def test_steps_that_are_no_query_are_refused(steps: tuple[Sought | Operator, ...]):
    async with broker_of({"own": Catalogue(BOOK)}) as broker:
        answer = await OwnCatalogue(broker).answer(QUESTION.model_copy(update={"query": steps}))
    assert answer.state is LiveState.REFUSED


async def test_records_that_no_answer_has_room_for_stay_at_home(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(own_catalogue, "ANSWER_BYTES_MAX", 30_000)
    large = [record("三体" + "长" * 3000, number=str(number)) for number in range(15)]
    async with broker_of({"own": Catalogue(*large)}) as broker:
        answer = await OwnCatalogue(broker).answer(QUESTION.model_copy(update={"limit": 50, "milliseconds": 3000}))
    assert (answer.hits, len(answer.bibs)) == (15, 3)


def test_every_index_and_operator_has_its_place():
    steps = [Sought(text="a", is_start=True), Sought(text="b", index=Index.AUTHOR), Operator.NOT]
    query = query_of(steps)
    assert query is not None
    assert to_pqf(query) == "@not @attr 1=1016 @attr 5=1 a @attr 1=1003 b"
