"""Many targets asked at once: answers as they come, an end that is declared, and nobody who spoils it for others."""

import asyncio
import time
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest

from connectors.broker import Broker, Ended, Part, Target
from connectors.broker.broker import is_complete
from connectors.broker.guard import CALLS_MAX, TargetBusy, TargetPaused
from connectors.z3950.answer import State
from connectors.z3950.pqf import parse
from connectors.z3950.profile import Profile
from connectors.z3950.query import look_for
from tests.connectors.z3950.peers import Script
from tests.connectors.z3950.programs import running_zebra, running_ztest

from .targets import Catalogue, bomb, broker_of, liar, mute, mute_after_init, record, reset

A = parse("@attr 1=4 三体")
BOOK = record("三体", "978-7-5366-9293-0")


async def states(broker: Broker, seconds: float = 0.5, wanted: int = 1) -> dict[str, State]:
    return {each.target: each.answer.state for each in await broker.gather(A, wanted, seconds)}


async def test_answers_stream_as_they_come_and_the_last_is_no_later_than_the_deadline():
    async with broker_of({"quick": Catalogue(BOOK), "mute": mute_after_init}) as broker:
        begun = time.monotonic()
        told = [(type(event), event.target, time.monotonic() - begun) async for event in broker.search(A, 1, 0.6)]
    assert [each[:2] for each in told] == [(Part, "quick"), (Part, "quick"), (Ended, "quick"), (Ended, "mute")]
    assert told[2][2] < 0.3
    assert 0.5 < told[3][2] < 1.0


async def test_parts_bring_each_record_once():
    async with broker_of({"a": Catalogue(*[record("三体", number=str(n)) for n in range(25)])},
                         chunk_records=5, chunk_records_max=5) as broker:
        parts = [event async for event in broker.search(A, 20) if isinstance(event, Part)]
    assert sum(len(part.records) for part in parts) == 20
    assert len(parts) > 3
    assert {part.hits for part in parts} == {25}


@pytest.mark.parametrize(("peer", "state"), [
    (mute, State.TIMED_OUT), (mute_after_init, State.TIMED_OUT), (reset, State.FAILED), (liar, State.FAILED),
    (bomb, State.FAILED), (Profile(host="127.0.0.1", port=1), State.FAILED),
])
async def test_what_one_target_does_is_no_other_s_affair(peer: Script, state: State):
    async with broker_of({"bad": peer, "good": Catalogue(BOOK)}) as broker:
        ended = await broker.gather(A, 1, 0.5)
    assert {each.target: each.answer.state for each in ended} == {"good": State.OK, "bad": state}
    assert not is_complete(ended)


async def test_nothing_found_is_unconfirmed_until_the_charset_is_proved():
    async with broker_of({"a": Catalogue(record("红楼梦"))}) as broker:
        assert await states(broker) == {"a": State.UNCONFIRMED}


async def test_an_attribute_that_a_target_lacks_is_replaced_once_and_told():
    poor, rich = Catalogue(record("刘慈欣"), uses=(1016,)), Catalogue(record("刘慈欣"))
    async with broker_of({"poor": poor, "rich": rich}) as broker:
        for _ in range(2):
            reports = {each.target: each.report for each in await broker.gather(parse("@attr 1=1003 刘慈欣"), 1)}
            assert {name: report.state for name, report in reports.items()} == {"poor": State.OK, "rich": State.OK}
            assert reports["poor"].changes == ("1=1003>1=1016",)
            assert reports["rich"].changes == ()
    assert poor.asked == ["@attr 1=1003 刘慈欣", "@attr 1=1016 刘慈欣"]  # learned, and then the result set is held


@pytest.mark.parametrize(("kind", "code"), [(2, 117), (4, 118), (3, 119), (5, 120), (5, 113)])
async def test_other_attributes_are_dropped(kind: int, code: int):
    async with broker_of({"a": Catalogue(BOOK, lacks={kind: code})}) as broker:
        (ended,) = await broker.gather(parse(f"@attr 1=4 @attr {kind}=1 三体"), 1)
    assert ended.answer.state is State.OK
    assert ended.report.changes[-1] == f"{kind}=1>"


async def test_a_target_that_lacks_everything_says_so_and_is_asked_twice_at_most():
    poor = Catalogue(BOOK, uses=())
    async with broker_of({"poor": poor, "good": Catalogue(BOOK)}) as broker:
        ended = {each.target: each.report for each in await broker.gather(parse("@attr 1=1003 三体"), 1)}
    assert (ended["poor"].state, ended["poor"].diagnostics) == (State.FAILED, ((114, "1016"),))
    assert len(poor.asked) == 2


async def test_a_target_that_stays_mute_is_left_alone_and_then_not_waited_for():
    async with broker_of({"mute": mute, "good": Catalogue(BOOK)}, random=lambda: 0.0) as broker:
        for _ in range(3):
            assert (await states(broker, 0.1))["mute"] is State.TIMED_OUT
        paused = {each.target: each.answer for each in await broker.gather(A, 1, 0.5)}
        assert isinstance(paused["mute"].error, TargetPaused)
        await asyncio.sleep(0.15)
        begun = time.monotonic()
        probed = {each.target: each.answer for each in await broker.gather(A, 1, 2.0)}
        assert time.monotonic() - begun < 0.5
    assert isinstance(probed["mute"].error, TargetPaused)
    assert probed["good"].state is State.OK


async def test_a_target_that_has_recovered_is_asked_again():
    answers = [mute, mute, mute]
    catalogue = Catalogue(BOOK)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers.pop()(reader, writer) if answers else writer.close()

    async with broker_of({"a": script}, random=lambda: 0.0) as broker, broker_of({"b": catalogue}) as other:
        for _ in range(3):
            await states(broker, 0.05)
        await asyncio.sleep(0.15)
        assert (await states(broker, 0.3)) == {"a": State.FAILED}  # it was asked: it hung up
        assert (await states(other)) == {"b": State.OK}


async def test_a_bulkhead_lets_only_so_many_searches_wait():
    async with broker_of({"mute": mute}) as broker:
        searches = [asyncio.create_task(broker.gather(A, 1, 0.3)) for _ in range(CALLS_MAX + 4)]
        errors = [(await search)[0].answer.error for search in searches]
    assert sum(isinstance(error, TargetBusy) for error in errors) == 4


async def test_who_leaves_early_leaves_nothing_running():
    async with broker_of({"good": Catalogue(BOOK), "mute": mute_after_init}) as broker:
        before = len(asyncio.all_tasks())
        async with aclosing(broker.search(A, 1, 5.0)) as events:
            await anext(events)
        await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks()) <= before + 1  # the server's conversation
        assert (await states(broker, 0.2))["good"] is State.OK


async def test_no_targets_are_no_answer():
    async with Broker([], lambda: 0.5) as broker:
        assert await broker.gather(A) == []


async def test_yaz_and_zebra_answer_together(tmp_path: Path):
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(running_ztest(tmp_path)) for _ in range(3)]
        ports.append(await stack.enter_async_context(running_zebra(tmp_path)))
        targets = [Target(f"t{port}", Profile(host="127.0.0.1", port=port, syntaxes=("usmarc",))) for port in ports]
        broker = await stack.enter_async_context(Broker(targets, lambda: 0.5))
        ended = await broker.gather(look_for("computer", 4), 3)
    assert {each.answer.state for each in ended} == {State.OK}
    assert all(len(each.answer.records) == min(3, each.answer.hits or 0) for each in ended)
