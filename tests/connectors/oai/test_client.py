"""The harvester's side over HTTP: what it asks, how it waits for a busy repository, and when it gives up."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from connectors.oai import client as module
from connectors.oai.client import TRIES, OaiClient
from connectors.oai.errors import OaiMalformed, OaiUnreachable
from tests.connectors.oai.repositories import Entry, Scripted, independent, listening, page

MARC = b'<record xmlns="http://www.loc.gov/MARC21/slim"><leader>00000nam</leader></record>'


class Sleeper:
    """Sleeps at once, and remembers for how long."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def busy(status: int = 503, **headers: str) -> Callable[[Any], web.Response]:
    return lambda _query: web.Response(status=status, headers={name.replace("_", "-"): value
                                                               for name, value in headers.items()})


async def test_an_independent_repository_is_read_page_by_page() -> None:
    entries = [Entry(f"oai:x:{number}", MARC) for number in range(23)]
    entries[4].deleted = True
    async with independent(entries) as url, OaiClient(url) as client:
        told = await client.identify()
        assert (told.keeps_days_only, told.tells_all_deletions) == (False, True)
        prefix = await client.marc_prefix()
        answer, found = await client.list_records(prefix), []
        found += answer.records
        while answer.token:
            answer = await client.list_records(prefix, token=answer.token)
            found += answer.records
    assert [(each.identifier, each.is_deleted) for each in found] == [
        (entry.identifier, entry.deleted) for entry in entries]


async def test_a_token_stands_alone_and_what_is_not_wished_is_not_asked() -> None:
    script = Scripted([page([]), page([]), page([])])
    async with listening(script) as url, OaiClient(f"{url}?context=main") as client:
        await client.list_records("marc21")
        await client.list_records("marc21", since="2026-01-01", set_="books")
        await client.list_records("marc21", since="2026-01-01", token="a b/c+d")
    listed = {"context": "main", "verb": "ListRecords"}
    assert script.asked == [{**listed, "metadataPrefix": "marc21"},
                            {**listed, "metadataPrefix": "marc21", "from": "2026-01-01", "set": "books"},
                            {**listed, "resumptionToken": "a b/c+d"}]


@pytest.mark.parametrize(("headers", "seconds"), [({"Retry_After": "7"}, 7.0), ({}, 2.0),
                                                  ({"Retry_After": "soon"}, 2.0)])
@pytest.mark.parametrize("status", [503, 429])
async def test_a_busy_repository_says_how_long_to_wait(status: int, headers: dict[str, str], seconds: float) -> None:
    sleeper = Sleeper()
    script = Scripted([busy(status, **headers), page([Entry("1", MARC)])])
    async with listening(script) as url, OaiClient(url, sleep=sleeper) as client:
        assert len((await client.list_records("marc21")).records) == 1
    assert sleeper.slept == [seconds]


async def test_it_may_name_a_time_to_wait_for() -> None:
    sleeper, now = Sleeper(), datetime(2026, 12, 1, 8, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    script = Scripted([busy(Retry_After=later), page([])])
    async with listening(script) as url, OaiClient(url, sleep=sleeper, clock=lambda: now) as client:
        await client.list_records("marc21")
    assert sleeper.slept == [90.0]


async def test_nobody_waits_for_a_day() -> None:
    async with listening(Scripted([busy(Retry_After="86400")])) as url, OaiClient(url, sleep=Sleeper()) as client:
        with pytest.raises(OaiUnreachable, match="busy for 86400 s"):
            await client.list_records("marc21")


async def test_a_repository_that_fails_is_tried_again_with_growing_pauses_and_then_given_up() -> None:
    sleeper, script = Sleeper(), Scripted([busy(500) for _ in range(TRIES)])
    async with listening(script) as url, OaiClient(url, sleep=sleeper) as client:
        with pytest.raises(OaiUnreachable, match="answered 500"):
            await client.list_records("marc21")
    assert (sleeper.slept, len(script.asked)) == ([2.0, 4.0, 8.0, 16.0], TRIES)


async def test_one_that_is_away_is_named_without_its_secrets(unused_tcp_port: int) -> None:
    async with OaiClient(f"http://me:4711@127.0.0.1:{unused_tcp_port}/oai?key=4711", sleep=Sleeper()) as client:
        with pytest.raises(OaiUnreachable) as caught:
            await client.identify()
    assert "4711" not in str(caught.value)
    assert f"127.0.0.1:{unused_tcp_port}/oai" in str(caught.value)


async def test_a_wrong_address_is_not_tried_again() -> None:
    sleeper = Sleeper()
    async with listening(Scripted([])) as url, OaiClient(url + "/not", sleep=sleeper) as client:
        with pytest.raises(OaiUnreachable, match="404"):
            await client.identify()
    assert sleeper.slept == []


async def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 10_000)
    script = Scripted([page([Entry(str(n), MARC) for n in range(1000)])])
    async with listening(script) as url, OaiClient(url, sleep=Sleeper()) as client:
        with pytest.raises(OaiMalformed, match="10000 bytes"):
            await client.list_records("marc21")
