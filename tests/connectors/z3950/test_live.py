"""Searches over a pool: one Init for many, result sets used again, and an answer whatever the target does."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from connectors.z3950 import codec, oid
from connectors.z3950.answer import MEANINGS, SERVED, Answer, State
from connectors.z3950.apdu import (
    Apdu,
    Close,
    CloseReason,
    IdPass,
    InitRequest,
    InitResponse,
    Option,
    PresentRequest,
    PresentResponse,
    SearchRequest,
    SearchResponse,
)
from connectors.z3950.ber import Limits
from connectors.z3950.errors import InitRefused, TargetClosed, TargetDiagnostic, TargetSilent
from connectors.z3950.live import CONTROL, ask_target
from connectors.z3950.pool import Pool
from connectors.z3950.pqf import parse
from connectors.z3950.profile import Profile
from connectors.z3950.query import decode_query
from connectors.z3950.record import NamePlusRecord, bib1, to_external
from connectors.z3950.reply import Record
from connectors.z3950.server import ServerOptions, ServiceOptions, serve
from connectors.z3950.session import TargetSession

from .peers import Shelf, scripted_target

A = parse("a")


class Target:
    """A target that finds ``hits`` records, and counts what it is asked."""

    def __init__(self, hits: int = 30, **refusals: object) -> None:
        self.hits = hits
        self.refusals = refusals
        self.asked: list[str] = []

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = TargetSession(Limits())
        while data := await reader.read(65536):
            session.feed(data)
            while (request := session.next()) is not None and not isinstance(request, Close):
                self.asked.append(type(request).__name__.removesuffix("Request"))
                if (answer := self.answer(request)) is not None:
                    writer.write(session.answer(request, answer))

    def answer(self, request: Apdu) -> Apdu | None:
        if isinstance(request, InitRequest):
            return InitResponse(
                protocol_version=request.protocol_version, options=request.options & {0, 1, Option.NAMED_RESULT_SETS},
                preferred_message_size=1 << 20, exceptional_record_size=1 << 20, result=True,
            )  # fmt: skip
        if isinstance(request, SearchRequest):
            return SearchResponse(result_count=self.hits, number_of_records_returned=0, next_result_set_position=1,
                                  search_status=True)  # fmt: skip
        assert isinstance(request, PresentRequest)
        return self.present(request)

    def present(self, request: PresentRequest) -> PresentResponse | None:
        count = request.number_of_records_requested
        record = NamePlusRecord(record=to_external(request.preferred_record_syntax or oid.USMARC, b"marc"))
        return PresentResponse(number_of_records_returned=count, present_status=0, records=(record,) * count,
                               next_result_set_position=request.result_set_start_point + count)  # fmt: skip


@asynccontextmanager
async def playing(target: Target, **fields: object) -> AsyncIterator[tuple[Pool, Profile]]:
    async with scripted_target(target.play) as port, Pool() as pool:
        yield pool, Profile.from_table({"host": "127.0.0.1", "port": port, **fields})


async def ask(pool: Pool, profile: Profile, query: str = "a", wanted: int = 3, seconds: float = 2.0) -> Answer:
    return await ask_target(pool, profile, parse(query), wanted, seconds=seconds)


async def test_one_init_serves_many_searches():
    target = Target()
    async with playing(target) as (pool, profile):
        for query in ("a", "b", "c"):
            assert (await ask(pool, profile, query)).state is State.OK
    assert target.asked == ["Init", *["Search", "Present"] * 3]


async def test_a_search_asked_again_is_only_presented():
    target = Target()
    async with playing(target) as (pool, profile):
        for query in ("a", "b", "a", "b", "a"):
            assert len((await ask(pool, profile, query)).records) == 3
    assert target.asked.count("Search") == 2


async def test_without_named_result_sets_only_the_last_search_is_held():
    target = Target()
    async with playing(target, broken=["named_sets"]) as (pool, profile):
        for query in ("a", "a", "b", "a"):
            await ask(pool, profile, query)
    assert target.asked.count("Search") == 3


async def test_result_sets_are_trusted_for_a_time_only():
    target = Target()
    async with playing(target, result_set_seconds=0.05) as (pool, profile):
        await ask(pool, profile)
        await asyncio.sleep(0.1)
        await ask(pool, profile)
    assert target.asked.count("Search") == 2


async def test_a_result_set_that_the_target_dropped_is_made_again():
    class Forgetful(Target):
        def present(self, request: PresentRequest) -> PresentResponse | None:
            if self.asked.count("Present") == 2:
                return PresentResponse(number_of_records_returned=0, next_result_set_position=0, present_status=5,
                                       non_surrogate_diagnostic=bib1(30, "default"))  # fmt: skip
            return super().present(request)

    target = Forgetful()
    async with playing(target, chunk_records=3) as (pool, profile):
        await ask(pool, profile, wanted=1)
        answer = await ask(pool, profile, wanted=1)
    assert answer.state is State.OK
    assert target.asked == ["Init", "Search", "Present", "Present", "Search", "Present"]


async def test_no_more_sessions_than_allowed_and_each_credentials_their_own():
    target = Target()
    async with playing(target, sessions_max=2) as (pool, profile):
        await asyncio.gather(*(ask(pool, profile, f"q{number}") for number in range(10)))
        assert target.asked.count("Init") == 2
        await ask_target(pool, profile, A, 1, credentials=IdPass(user_id="u", password="s3cret"), seconds=2)
        assert target.asked.count("Init") == 3
        assert "s3cret" not in repr(pool)


async def test_an_idle_association_is_closed_after_its_time():
    target = Target()
    async with playing(target, idle_seconds=0.05) as (pool, profile):
        await ask(pool, profile)
        assert repr(pool) == "Pool(1 at rest)"
        await asyncio.sleep(0.15)
        assert repr(pool) == "Pool(0 at rest)"
        assert (await ask(pool, profile)).state is State.OK
    assert target.asked.count("Init") == 2


async def test_an_association_that_went_stale_at_rest_is_replaced_unseen():
    class Tired(Target):
        async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            play = asyncio.ensure_future(super().play(reader, writer))
            while self.asked.count("Search") != 1 or self.asked[-1] != "Search":
                await asyncio.sleep(0.01)
            if self.asked.count("Init") == 1:
                self.asked.append("gone")
                writer.write(codec.encode(Close(close_reason=CloseReason.LACK_OF_ACTIVITY)))
            await play

    target = Tired()
    async with playing(target) as (pool, profile):
        await ask(pool, profile, wanted=0)
        await asyncio.sleep(0.05)
        answer = await ask(pool, profile, "b")
    assert answer.state is State.OK


async def test_the_next_syntax_is_tried_and_the_good_one_remembered():
    class Choosy(Target):
        def present(self, request: PresentRequest) -> PresentResponse | None:
            if request.preferred_record_syntax == oid.UNIMARC:
                return super().present(request)
            return PresentResponse(number_of_records_returned=0, next_result_set_position=0, present_status=5,
                                   non_surrogate_diagnostic=bib1(239))  # fmt: skip

    target = Choosy()
    async with playing(target, chunk_records=1) as (pool, profile):
        first, second = await ask(pool, profile, wanted=1), await ask(pool, profile, "b", wanted=1)
    assert {record.syntax for record in (*first.records, *second.records)} == {oid.UNIMARC}
    assert target.asked == ["Init", "Search", "Present", "Present", "Search", "Present"]


async def test_an_answer_is_told_as_it_grows():
    heard: list[tuple[int | None, int]] = []
    async with playing(Target(), chunk_records=2, chunk_records_max=2) as (pool, profile):
        await ask_target(pool, profile, A, 5, seconds=2,
                         heard=lambda answer: heard.append((answer.hits, len(answer.records))))  # fmt: skip
    assert heard == [(30, 0), (30, 2), (30, 4), (30, 5)]


@pytest.mark.parametrize(
    ("canary", "state"), [("", State.UNCONFIRMED), ("三体", State.EMPTY), ("无", State.UNCONFIRMED)]
)
async def test_nothing_beyond_ascii_is_empty_only_when_a_canary_was_found(canary: str, state: State):
    shelf = Shelf("三体", "流浪地球")
    async with await serve("127.0.0.1", 0, shelf) as server, Pool() as pool:
        profile = Profile(host="127.0.0.1", port=server.port, canary=canary)
        assert (await ask(pool, profile, "没有")).state is state
        assert pool.is_charset_proved(profile) == (state is State.EMPTY)
        asked = len(shelf.asked)
        assert (await ask(pool, profile, "也没有")).state is state
        if state is State.EMPTY:
            assert len(shelf.asked) == asked + 1


async def test_a_target_that_finds_anything_proves_nothing():
    class Agreeable(Target):
        def answer(self, request: Apdu) -> Apdu | None:
            self.hits = 0
            if isinstance(request, SearchRequest):
                self.hits = int("没有" not in str(decode_query(request.query, "utf-8")))
            return super().answer(request)

    async with playing(Agreeable(), canary="三体") as (pool, profile):
        assert (await ask(pool, profile, "没有")).state is State.UNCONFIRMED
    assert not CONTROL.isascii()


async def test_the_wrong_charset_is_unconfirmed_and_the_right_one_finds():
    options = ServerOptions(service=ServiceOptions(query_charset="gb18030"))
    async with await serve("127.0.0.1", 0, Shelf("三体", charset="gb18030"), options) as server, Pool() as pool:
        right = Profile(host="127.0.0.1", port=server.port, query_charset="gb18030")
        wrong = Profile(host="127.0.0.1", port=server.port, canary="三体")
        assert (await ask(pool, right, "三体")).state is State.OK
        assert (await ask(pool, wrong, "三体")).state in (State.UNCONFIRMED, State.FAILED)


async def test_a_mute_target_has_timed_out_and_gives_its_place_back():
    class Mute(Target):
        def present(self, request: PresentRequest) -> PresentResponse | None:
            return super().present(request) if self.asked.count("Present") == 1 else None

    async with playing(Mute(), sessions_max=1, chunk_records=2, chunk_records_max=2) as (pool, profile):
        started = time.monotonic()
        answer = await ask(pool, profile, wanted=10, seconds=0.2)
        assert (answer.state, len(answer.records)) == (State.PARTIAL, 2)
        assert (await ask(pool, profile, "b", wanted=0, seconds=1)).state is State.OK
        assert time.monotonic() - started < 1


async def test_what_the_profile_changed_is_said():
    async with playing(Target(), attributes={"1=7": "1=1016"}) as (pool, profile):
        assert (await ask(pool, profile, "@attr 1=7 978")).changes == ("1=7>1=1016",)


RECORD = Record(oid.SUTRS, b"text")
MISSING = Record("", b"", diagnostic=TargetDiagnostic(14, "lost"))


@pytest.mark.parametrize(("hits", "brought", "end", "state"), [
    (2, [RECORD, RECORD], None, State.OK),
    (9, [RECORD, RECORD], None, State.OK),
    (2, [RECORD, MISSING], None, State.PARTIAL),
    (2, [RECORD], TargetSilent(), State.PARTIAL),
    (2, [RECORD], TargetClosed(), State.PARTIAL),
    (2, [MISSING, MISSING], None, State.FAILED),
    (2, [], TargetSilent(), State.TIMED_OUT),
    (2, [], TargetDiagnostic(236), State.REFUSED),
    (0, [], None, State.EMPTY),
    (None, [], TargetSilent(), State.TIMED_OUT),
    (None, [], InitRefused(), State.REFUSED),
    (None, [], TargetDiagnostic(1011, "Bad Userid and/or Password"), State.REFUSED),
    (None, [], TargetDiagnostic(114), State.FAILED),
    (None, [], TargetClosed(), State.FAILED),
])  # fmt: skip
def test_states(hits, brought, end, state):
    answer = Answer(2, is_plain=True, hits=hits)
    answer.take(brought)
    if end is not None:
        answer.end(end)
    assert answer.state is state


def test_every_state_has_a_meaning():
    assert set(MEANINGS) == set(State)
    assert State.UNCONFIRMED not in SERVED
    assert Answer(10, is_plain=False, hits=0).state is State.UNCONFIRMED
