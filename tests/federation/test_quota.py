"""Limits per member: one library's loop is told to wait, and nobody else is."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from federation.quota import WINDOW_SECONDS, Quota
from federation.storage.cache import MemoryCache
from schemas.frames import FrameKind
from schemas.messages import Confirmation, MessageType
from schemas.problems import PROBLEMS, ProblemCode
from schemas.questions import LoanQuestion
from tests.alliance import FIRST, GATEWAY, HOME, Alliance, a_hash, body_of, sealed
from tests.federation.telling import everything
from tests.federation.web.front import front_of

P = ProblemCode


class Watch:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class CountedCache(MemoryCache):
    calls = 0

    async def allow(self, name: str, limit: int, seconds: float) -> bool:
        self.calls += 1
        return await super().allow(name, limit, seconds)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def cache(watch: Watch) -> AsyncIterator[CountedCache]:
    opened = CountedCache(watch)
    yield opened
    await opened.close()


async def allowed(quota: Quota, times: int, kind: str = "messages", member: str = HOME) -> int:
    return sum([await quota.allow(kind, member) for _ in range(times)])


@pytest.mark.parametrize("limit", [1, 7, 50, 6000])
async def test_so_many_pass_in_a_minute_and_as_many_in_the_next(cache: CountedCache, watch: Watch,
                                                                limit: int) -> None:
    quota = Quota(cache, {"messages": limit})
    assert await allowed(quota, 3 * limit) == limit
    watch.seconds += WINDOW_SECONDS
    assert await allowed(quota, 3 * limit) == limit


async def test_each_member_and_each_kind_counts_for_itself(cache: CountedCache) -> None:
    quota = Quota(cache, {"messages": 5, "questions": 2})
    assert await allowed(quota, 9) == 5
    assert await allowed(quota, 9, "questions") == 2
    assert await allowed(quota, 9, member=FIRST) == 5


async def test_the_cache_is_asked_for_shares_and_replicas_share_one_allowance(cache: CountedCache) -> None:
    replicas = [Quota(cache, {"messages": 6000}) for _ in range(2)]
    assert sum([await allowed(quota, 3000) for quota in replicas]) == 6000
    assert cache.calls == 50
    assert [await allowed(quota, 1) for quota in replicas] == [0, 0]


def limited(town: Alliance, **per_minute: int) -> None:
    """Give the town's gateway these limits."""
    quota = Quota(MemoryCache(Watch()), {"messages": 100, "questions": 100, **per_minute})
    town.gateway = replace(town.gateway, allow=quota.allow)


def confirmation(town: Alliance, number: int, src: str = HOME) -> bytes:
    return sealed(town.directory, MessageType.CONFIRMATION, src, FIRST if src == HOME else HOME,
                  Confirmation(message=a_hash(str(number)))).envelope


@pytest.mark.parametrize("link", [None, HOME])
async def test_what_is_beyond_the_limit_is_refused_for_now_and_leaves_no_trace(town: Alliance,
                                                                               link: str | None) -> None:
    limited(town, messages=2)
    before = await everything(town)
    codes = [body_of(await town.gateway.receive(confirmation(town, n), link)).code for n in range(4)]
    assert codes == [P.REPLY_MISMATCH] * 2 + [P.TOO_MANY_REQUESTS] * 2
    assert PROBLEMS[P.TOO_MANY_REQUESTS].may_retry
    assert body_of(await town.gateway.receive(confirmation(town, 9, FIRST), link and FIRST)).code is P.REPLY_MISMATCH
    assert await everything(town) == before


async def test_nobody_spends_anothers_allowance_with_what_is_not_that_members(town: Alliance) -> None:
    limited(town, messages=1)
    broken = confirmation(town, 1).replace(b'"sig":"', b'"sig":"AAAA')
    for _ in range(5):
        assert body_of(await town.gateway.receive(broken)).code is not P.TOO_MANY_REQUESTS
    assert body_of(await town.gateway.receive(confirmation(town, 2))).code is P.REPLY_MISMATCH


async def test_questions_on_a_link_are_limited_and_the_link_goes_on(town: Alliance) -> None:
    limited(town, questions=1)
    asked = sealed(town.directory, MessageType.LOAN_QUESTION, HOME, GATEWAY, LoanQuestion(barcode="1")).envelope
    async with front_of(town) as front, front.connected(HOME) as line:
        answers = []
        for number in range(2):
            await line.say(FrameKind.QUESTION, number=number, envelope=asked.decode())
            answers.append(body_of((await line.hear()).envelope.encode()))
    assert answers[0].loans == ()
    assert answers[1].code is P.TOO_MANY_REQUESTS
