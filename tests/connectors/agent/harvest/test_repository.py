"""An OAI-PMH repository as a source: changes by its own clock, deletions, tokens, and cuts on any page."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.agent.harvest import pending
from connectors.agent.harvest.report import Withheld
from connectors.agent.harvest.repository import Repository
from connectors.agent.harvest.run import Limits, Wish
from connectors.marc.items import CNMARC_905
from connectors.marc.mapping import record_from_bib
from connectors.marc.writer import write_marcxml
from connectors.oai.errors import NoMarcFormat, OaiMalformed, OaiRefused
from schemas.bib import MarcFormat
from tests.alliance import HOME, Alliance, alliance
from tests.connectors.agent.harvest.shelf import Cut, batches, bib, harvest, ids, known, power_for, sent, union
from tests.connectors.oai.repositories import (
    NOW,
    Entry,
    Scripted,
    envelope,
    error,
    formats,
    independent,
    listening,
    page,
)


def entry(number: int, edition: int = 1, **facts: Any) -> Entry:
    marcxml = write_marcxml(record_from_bib(bib(number, edition), MarcFormat.CNMARC, CNMARC_905))
    return Entry(f"oai:library:{number}", marcxml, **facts)


@asynccontextmanager
async def scripted(*script: Any, **facts: Any) -> AsyncIterator[tuple[Repository, Scripted]]:
    played = Scripted(list(script), **facts)
    async with listening(played) as url:
        yield Repository(url), played


async def test_an_independent_repository_is_harvested_whole_and_then_only_what_has_changed(town: Alliance) -> None:
    entries = [entry(number, changed=NOW - timedelta(days=400)) for number in range(25)]
    async with independent(entries) as url:
        source, member = Repository(url), town[HOME]
        run = await harvest(member, source)
        assert (run.whole, run.tally.sent, await sent(member)) == (True, 25, ids(25))
        later = datetime.now(UTC) + timedelta(minutes=1)
        entries[3], entries[7], new = entry(3, 2, changed=later), entry(7, changed=later, deleted=True), entry(
            25, changed=later)
        entries.append(new)
        run = await harvest(member, source)
    assert (run.whole, run.tally.read, run.tally.sent, run.tally.deleted) == (False, 2, 2, 1)
    held = await union(member)
    assert (held["r0003"], "r0007" in held, len(held)) == (bib(3, 2).title, False, 25)


@pytest.mark.parametrize(("granularity", "since"), [("YYYY-MM-DD", "2026-12-01"),
                                                    ("YYYY-MM-DDThh:mm:ssZ", "2026-12-01T07:00:00Z")])
async def test_changes_are_asked_for_since_an_hour_before_the_last_harvest_by_its_own_clock(
        town: Alliance, granularity: str, since: str) -> None:
    async with scripted(page([entry(1)]), error("noRecordsMatch"), granularity=granularity) as (source, played):
        await harvest(town[HOME], source)
        run = await harvest(town[HOME], source)
    assert (run.tally.read, [query.get("from") for query in played.asked]) == (0, [None, since])


async def test_where_deletions_are_not_kept_everything_is_read_once_a_week(town: Alliance) -> None:
    script = [page([entry(1), entry(2), entry(3)]), error("noRecordsMatch"), page([entry(1), entry(3)])]
    member, limits = town[HOME], Limits(lost_share_max=0.5)
    async with scripted(*script, deleted_record="transient") as (source, _):
        runs = [await harvest(member, source, limits=limits)]
        town.clock.forward(days=6)
        runs.append(await harvest(member, source, limits=limits))
        town.clock.forward(days=1)
        runs.append(await harvest(member, source, limits=limits))
    assert [run.whole for run in runs] == [True, False, True]
    assert (runs[-1].tally.deleted, sorted(await union(member))) == (1, ["r0001", "r0003"])


async def test_a_record_that_gets_another_number_loses_the_old_one(town: Alliance) -> None:
    renumbered = entry(5)
    renumbered.identifier = "oai:library:1"
    async with scripted(page([entry(1), entry(2)]), page([renumbered])) as (source, _):
        await harvest(town[HOME], source)
        await harvest(town[HOME], source)
    assert sorted(await union(town[HOME])) == ["r0002", "r0005"]


async def test_what_was_never_sent_need_not_be_deleted(town: Alliance) -> None:
    async with scripted(page([entry(1), entry(2, deleted=True)])) as (source, _):
        run = await harvest(town[HOME], source)
    assert (run.tally.deleted, [batch.deleted for batch in await batches(town[HOME])]) == (0, [(), ()])


async def test_a_record_and_its_deletion_in_one_list_leave_nothing(town: Alliance) -> None:
    async with scripted(page([entry(1), entry(2)], "2"), page([entry(1, deleted=True)])) as (source, _):
        await harvest(town[HOME], source)
    assert (sorted(await union(town[HOME])), await known(town[HOME])) == (["r0002"], 1)


async def test_metadata_without_marc_and_forbidden_characters_are_counted(town: Alliance) -> None:
    broken = entry(2)
    broken.marcxml = broken.marcxml.replace("研究".encode(), "研\x1f究".encode())
    async with scripted(page([Entry("oai:library:9", b"<dc/>"), broken])) as (source, _):
        tally = (await harvest(town[HOME], source)).tally
    assert (tally.read, tally.sent, tally.bad, dict(tally.problems)) == (
        2, 1, 1, {"bad_no_marc": 1, "page_repaired": 1})
    assert (await union(town[HOME]))["r0002"] == "红楼梦研\ufffd究 2 之 1"


# Cut

async def test_a_cut_harvest_asks_again_for_the_page_it_had_not_finished(tmp_path: Path,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(pending, "BATCH_RECORDS", 2)
    pages = {None: page([entry(0), entry(1)], "t1"), "t1": page([entry(2), entry(3)], "t2"),
             "t2": page([entry(4)])}
    serve = [lambda query: pages[query.get("resumptionToken")]] * 99
    async with alliances(tmp_path, len(CUTS)) as towns:
        for commits, town in zip(CUTS, towns, strict=True):
            member = town[HOME]
            async with scripted(*serve) as (source, played):
                with pytest.raises(Cut), power_for(member, commits, "before commit"):
                    await harvest(member, source)
                done = len(played.asked)
                run = await harvest(member, source)
            assert (run.tally.read, run.tally.repeated, await sent(member)) == (5, 0, ids(5))
            again = [query.get("resumptionToken") for query in played.asked[done:]]
            assert again in ([None, "t1", "t2"], ["t1", "t2"], ["t2"], [])
            asked.append(len(again))
    assert (asked, set(asked)) == (sorted(asked, reverse=True), {3, 2, 1, 0})


CUTS = (0, 2, 5, 7, 8, 10, 12)
"""Before which commit of a harvest of three pages the power fails; 13 there are."""


@asynccontextmanager
async def alliances(folder: Path, count: int) -> AsyncIterator[list[Alliance]]:
    async with AsyncExitStack() as stack:
        towns = []
        for number in range(count):
            (folder / str(number)).mkdir()
            towns.append(await stack.enter_async_context(alliance(folder / str(number))))
        yield towns


async def test_a_token_that_has_expired_begins_the_list_anew_and_nothing_is_sent_twice(
        town: Alliance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "BATCH_RECORDS", 2)
    script = [page([entry(0), entry(1)], "old"), error("badResumptionToken"), page([entry(0), entry(1)], "new"),
              page([entry(2)])]
    async with scripted(*script) as (source, _):
        run = await harvest(town[HOME], source)
    assert (run.tally.sent, run.tally.repeated, await sent(town[HOME])) == (3, 2, ids(3))


async def test_a_token_that_is_refused_again_ends_the_run(town: Alliance) -> None:
    script = [page([entry(0)], "a"), error("badResumptionToken"), page([entry(0)], "b"), error("badResumptionToken")]
    async with scripted(*script) as (source, _):
        with pytest.raises(OaiRefused, match="badResumptionToken"):
            await harvest(town[HOME], source)


@pytest.mark.parametrize("tokens", [["a"], ["a", "b"], ["a", "b", "c", "d", "e"]])
async def test_a_list_that_goes_round_in_circles_ends_by_name(town: Alliance, tokens: list[str]) -> None:
    circle = [page([entry(number)], token) for number, token in enumerate(tokens)] * 9
    async with scripted(*circle) as (source, _):
        with pytest.raises(OaiMalformed, match="again and again"):
            await harvest(town[HOME], source)


async def test_an_empty_page_with_a_token_is_not_the_end(town: Alliance) -> None:
    async with scripted(page([entry(0)], "a"), page([], "b"), page([entry(1)], "")) as (source, _):
        await harvest(town[HOME], source)
    assert await sent(town[HOME]) == ids(2)


async def test_a_page_that_was_cut_off_ends_the_run_and_deletes_nothing(town: Alliance) -> None:
    whole = [entry(number) for number in range(4)]
    async with scripted(page(whole), page(whole)[:-30], page(whole)) as (source, _):
        await harvest(town[HOME], source)
        with pytest.raises(OaiMalformed):
            await harvest(town[HOME], source, Wish(full=True))
        run = await harvest(town[HOME], source)
    assert (run.tally.unchanged, run.tally.withheld, len(await union(town[HOME]))) == (4, Withheld.NO, 4)


async def test_a_repository_without_marc_says_what_it_has_and_a_named_prefix_is_believed(town: Alliance) -> None:
    def answer(request: Any) -> bytes:
        verbs = {"Identify": envelope("<Identify/>"), "ListMetadataFormats": formats(("oai_dc", "x")),
                 "ListRecords": page([entry(0)])}
        return verbs[request.query["verb"]]

    async with listening(answer) as url:
        with pytest.raises(NoMarcFormat, match="oai_dc"):
            await harvest(town[HOME], Repository(url))
        assert (await harvest(town[HOME], Repository(url, "own"))).tally.sent == 1
    assert Repository("https://me:secret@example.org/oai?key=secret").name == "https://example.org/oai"
