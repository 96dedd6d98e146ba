"""A harvest: batches in order, only what is new, deletions with care, and the same union wherever it was cut."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.agent.harvest import files, pending
from connectors.agent.harvest.files import Files
from connectors.agent.harvest.report import Withheld
from connectors.agent.harvest.run import Limits, Wish
from connectors.agent.tables import Unit
from connectors.marc.items import ItemMapping
from schemas.bib import Note
from schemas.identifiers import MessageHash
from schemas.messages import Accepted, MessageType, Refusal
from schemas.problems import ProblemCode
from tests.alliance import FIRST, GATEWAY, HOME, Alliance, Member, alliance, read, sealed
from tests.connectors.agent.harvest.shelf import (
    BAD,
    Cut,
    batches,
    bib,
    harvest,
    ids,
    known,
    marc,
    power_for,
    sent,
    union,
    write,
)

BATCH = 4


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "BATCH_RECORDS", BATCH)
    monkeypatch.setattr(files, "SLICE_RECORDS", BATCH)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "export.mrc"


# Whole

@pytest.mark.parametrize("count", [1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH + 1])
async def test_a_file_is_sent_whole_in_its_order_and_a_last_batch_closes_the_run(town: Alliance, path: Path,
                                                                                count: int) -> None:
    run = await harvest(town[HOME], Files(write(path, *map(bib, range(count))), "utf-8"))
    assert (run.tally.read, run.tally.sent, run.tally.bad, run.whole) == (count, count, 0, True)
    assert await sent(town[HOME]) == ids(count)
    told = await batches(town[HOME])
    assert [batch.number for batch in told] == list(range(1, len(told) + 1))
    assert [batch.last for batch in told] == [False] * (len(told) - 1) + [True]
    assert {batch.run for batch in told} == {f"{run.number} full"}


async def test_an_empty_file_sends_nothing(town: Alliance, path: Path) -> None:
    run = await harvest(town[HOME], Files(write(path), "utf-8"))
    assert (run.tally.read, await batches(town[HOME])) == (0, [])


@pytest.mark.parametrize("place", [0, 1, BATCH, 2 * BATCH])
async def test_bad_records_are_counted_by_reason_and_stop_nothing(town: Alliance, path: Path, place: int) -> None:
    records = marc(map(bib, range(2 * BATCH)))
    path.write_bytes(b"".join([*records[:place], BAD, BAD, *records[place:]]))
    tally = (await harvest(town[HOME], Files(path, "utf-8"))).tally
    assert (tally.read, tally.sent, tally.bad) == (2 * BATCH + 2, 2 * BATCH, 2)
    assert tally.problems["bad_directory"] == 2
    assert [bad["at"] for bad in tally.first_bad] == [
        f"export.mrc byte {len(b''.join(records[:place])) + n * len(BAD)}" for n in (0, 1)]
    assert await sent(town[HOME]) == ids(2 * BATCH)


async def test_the_report_counts_charsets_and_fields_that_are_kept_as_they_are(town: Alliance, path: Path) -> None:
    tally = (await harvest(town[HOME], Files(write(path, *map(bib, range(3))), "utf-8"),
                           mapping=ItemMapping("999", "b"))).tally
    assert tally.charsets == {"utf-8": 3}
    assert tally.unmapped["905"] == 3


async def test_the_copies_stay_in_the_journal_with_their_prices_as_long_as_they_are_catalogued(town: Alliance,
                                                                                            path: Path) -> None:
    member, source = town[HOME], Files(path, "utf-8")
    write(path, *map(bib, range(6)))
    await harvest(member, source)
    assert await member.journal.run(lambda unit: unit.items_of("r0002")) == [("B0002", 102)]
    write(path, *map(bib, range(5)))
    await harvest(member, source)
    assert not await member.journal.run(lambda unit: unit.owns("B0005"))
    assert await member.journal.run(lambda unit: unit.owns("B0004"))


async def test_long_records_are_sent_in_batches_that_fit_an_envelope(town: Alliance, path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "BATCH_RECORDS", 100)
    notes = tuple(Note(texts=("内容提要 " * 700,)) for _ in range(3))
    write(path, *(bib(number).model_copy(update={"notes": notes}) for number in range(90)))
    run = await harvest(town[HOME], Files(path, "utf-8"))
    assert (run.tally.sent, await sent(town[HOME])) == (90, ids(90))
    assert {type(body) for body in await town[HOME].send()} == {Accepted}


async def test_the_longest_records_marc_allows_fit(town: Alliance, path: Path) -> None:
    notes = tuple(Note(texts=("长" * 3000,)) for _ in range(10))
    write(path, *(bib(number).model_copy(update={"notes": notes}) for number in range(9)))
    assert path.stat().st_size > 9 * 90_000
    await harvest(town[HOME], Files(path, "utf-8"))
    assert {type(body) for body in await town[HOME].send()} == {Accepted}


async def test_a_record_that_fits_no_message_is_bad(town: Alliance, path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "BATCH_BYTES", 900)
    long = bib(1).model_copy(update={"notes": (Note(texts=("长" * 300,)),)})
    tally = (await harvest(town[HOME], Files(write(path, bib(0), long, bib(2)), "utf-8"))).tally
    assert (tally.sent, dict(tally.problems)) == (2, {"bad_too_large": 1})


async def test_what_is_harvested_is_found_in_the_union_catalogue_and_what_is_deleted_is_not(town: Alliance,
                                                                                         path: Path) -> None:
    for count in (BATCH + 2, BATCH + 1):
        await harvest(town[HOME], Files(write(path, *map(bib, range(count))), "utf-8"))
        await town[HOME].send()
        page = await town.database.run(lambda unit: unit.catalogue.search("红楼梦研究"))
        assert page.total == count


# Only what is new

async def test_an_unchanged_record_is_not_sent_again_and_a_changed_one_is(town: Alliance, path: Path) -> None:
    member, source = town[HOME], Files(path, "utf-8")
    write(path, *map(bib, range(10)))
    await harvest(member, source)
    write(path, *map(bib, range(3)), bib(3, edition=2), *map(bib, range(4, 11)))
    tally = (await harvest(member, source)).tally
    assert (tally.read, tally.sent, tally.unchanged, tally.deleted) == (11, 2, 9, 0)
    assert (await sent(member))[10:] == ["r0003", "r0010"]


async def test_another_mapping_of_the_copies_reads_everything_again(town: Alliance, path: Path) -> None:
    member, source = town[HOME], Files(write(path, *map(bib, range(5))), "utf-8")
    await harvest(member, source)
    assert (await harvest(member, source)).tally.read == 0
    tally = (await harvest(member, source, mapping=ItemMapping("905", "b", branch="a"))).tally
    assert (tally.read, tally.sent) == (5, 5)


async def test_after_another_source_the_first_one_is_read_again(town: Alliance, tmp_path: Path) -> None:
    member = town[HOME]
    first, second = (Files(write(tmp_path / name, bib(0), bib(1, edition)), "utf-8")
                     for name, edition in (("a.mrc", 1), ("b.mrc", 2)))
    for source, sent_then in ((first, 2), (second, 1), (first, 1), (first, 0)):
        assert (await harvest(member, source)).tally.sent == sent_then
    assert (await union(member))["r0001"] == bib(1).title


async def test_of_records_with_one_number_the_last_holds_and_they_are_counted(town: Alliance, path: Path) -> None:
    many = [bib(number) for number in range(2 * BATCH)]
    write(path, bib(1), bib(1, edition=2), *many, bib(1, edition=3), bib(1, edition=3))
    tally = (await harvest(town[HOME], Files(path, "utf-8"))).tally
    assert (tally.read, tally.sent, tally.repeated) == (2 * BATCH + 4, 2 * BATCH, 4)
    assert (await union(town[HOME]))["r0001"] == bib(1, edition=3).title


async def test_anew_sends_everything_once_more(town: Alliance, path: Path) -> None:
    member, source = town[HOME], Files(write(path, *map(bib, range(5))), "utf-8")
    await harvest(member, source)
    assert (await harvest(member, source, Wish(full=True))).tally.unchanged == 5
    assert (await harvest(member, source, Wish(anew=True))).tally.sent == 5


async def test_after_a_reset_of_the_streams_everything_is_sent_again(town: Alliance, path: Path) -> None:
    member, source = town[HOME], Files(write(path, *map(bib, range(5))), "utf-8")
    await harvest(member, source)
    await member.office.reset_streams("restored")
    assert (await harvest(member, source)).tally.sent == 5


async def test_what_the_gateway_refused_for_good_is_sent_again(town: Alliance, path: Path) -> None:
    member, source = town[HOME], Files(write(path, *map(bib, range(BATCH + 2))), "utf-8")
    await harvest(member, source)
    await refuse_first(town, member)
    tally = (await harvest(member, source)).tally
    assert (tally.sent, tally.unchanged) == (BATCH, 2)


async def refuse_first(town: Alliance, member: Member) -> None:
    """Let the gateway refuse the first message of the outbox, for good: its number is used up."""
    ((hash_, envelope),) = await member.journal.run(lambda unit: unit.outbox(1))
    refusal = Refusal(message=MessageHash(hash_), code=ProblemCode.WRONG_ROLE, detail="", stream=read(envelope).stream)
    answer = sealed(town.directory, MessageType.REFUSAL, GATEWAY, member.me, refusal)
    assert await member.office.answered(hash_, answer.envelope)


# Deletions

async def test_what_a_whole_run_does_not_find_is_deleted(town: Alliance, path: Path) -> None:
    member, source = town[HOME], Files(path, "utf-8")
    write(path, *map(bib, range(10)))
    await harvest(member, source)
    write(path, *map(bib, range(1, 9)))
    tally = (await harvest(member, source)).tally
    assert (tally.deleted, tally.vanished, tally.withheld) == (2, 2, Withheld.NO)
    assert (sorted(await union(member)), await known(member)) == (ids(9)[1:], 8)


async def test_half_an_export_deletes_nothing_and_staff_are_told(town: Alliance, path: Path) -> None:
    member, source = town[HOME], Files(path, "utf-8")
    write(path, *map(bib, range(10)))
    await harvest(member, source)
    write(path, *map(bib, range(5)))
    tally = (await harvest(member, source)).tally
    assert (tally.deleted, tally.vanished, tally.withheld) == (0, 5, Withheld.TOO_MANY)
    assert await member.alarms() == ["deletions_withheld"]
    assert len(await union(member)) == 10
    allowed = (await harvest(member, source, Wish(allow_deletions=True))).tally
    assert (allowed.deleted, allowed.withheld, sorted(await union(member))) == (5, Withheld.NO, ids(5))


@pytest.mark.parametrize(("share", "deleted"), [(0.1, 0), (0.2, 2)])
async def test_a_library_sets_how_much_may_vanish_at_once(town: Alliance, path: Path, share: float,
                                                         deleted: int) -> None:
    member, source, limits = town[HOME], Files(path, "utf-8"), Limits(lost_share_max=share)
    for count in (10, 8):
        run = await harvest(member, source=Files(write(path, *map(bib, range(count))), "utf-8"), limits=limits)
    assert (run.tally.deleted, source.name) == (deleted, "export.mrc")


async def test_where_a_record_was_damaged_nothing_is_deleted_and_damage_that_was_confirmed_is_no_bar(
        town: Alliance, path: Path) -> None:
    member, source = town[HOME], Files(path, "utf-8")
    write(path, *map(bib, range(10)))
    await harvest(member, source)
    path.write_bytes(b"".join([*marc(map(bib, range(9))), BAD]))
    assert (await harvest(member, source)).tally.withheld is Withheld.UNREADABLE
    assert (await harvest(member, source, Wish(allow_deletions=True))).tally.deleted == 1
    path.write_bytes(b"".join([*marc(map(bib, range(8))), BAD]))
    assert (await harvest(member, source)).tally.deleted == 1


async def test_many_deletions_are_said_in_messages_of_some_hundred(town: Alliance, path: Path,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.agent.harvest.run.DELETED_AT_ONCE", 3)
    member, source = town[HOME], Files(path, "utf-8")
    write(path, *map(bib, range(20)))
    await harvest(member, source)
    write(path, *map(bib, range(10)))
    await harvest(member, source, Wish(allow_deletions=True))
    assert [len(batch.deleted) for batch in (await batches(member))[-5:]] == [3, 3, 3, 1, 0]
    assert sorted(await union(member)) == ids(10)


# Cut

async def test_a_batch_and_its_progress_are_one_transaction(town: Alliance, path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    source, put_items, runs = Files(write(path, *map(bib, range(2 * BATCH))), "utf-8"), Unit.put_items, []

    def fails_once(unit: Unit, rows: Any) -> None:
        put_items(unit, rows)
        runs.append(rows)
        if len(runs) == 2:
            raise Cut

    monkeypatch.setattr(Unit, "put_items", fails_once)
    with pytest.raises(Cut):
        await harvest(town[HOME], source)
    assert await sent(town[HOME]) == ids(BATCH)
    assert await town[HOME].journal.run(lambda unit: unit.owns("B0005")) is False
    await harvest(town[HOME], source)
    assert await sent(town[HOME]) == ids(2 * BATCH)


async def test_a_run_goes_on_behind_its_last_batch_and_its_report_is_that_of_an_uncut_one(town: Alliance,
                                                                                     path: Path) -> None:
    records = marc(map(bib, range(3 * BATCH + 1)))
    path.write_bytes(b"".join([*records[:5], BAD, *records[5:]]))
    member, other, source = town[HOME], town[FIRST], Files(path, "utf-8")
    with pytest.raises(Cut), power_for(member, 6, "before commit"):
        await harvest(member, source)
    assert 0 < len(await sent(member)) < 3 * BATCH
    cut, uncut = await harvest(member, source), await harvest(other, source)
    assert cut.tally == uncut.tally
    assert await batches(member) == await batches(other)


async def test_after_a_cut_bad_records_are_kept_behind_those_that_were(town: Alliance, path: Path,
                                                                     tmp_path: Path) -> None:
    bad = [BAD.replace(b"bad", b"b%02d" % number) for number in range(3 * BATCH)]
    path.write_bytes(b"".join(one + two for one, two in zip(bad, marc(map(bib, range(3 * BATCH))), strict=True)))
    member, wish = town[HOME], Wish(bad=tmp_path / "bad.mrc")
    with pytest.raises(Cut), power_for(member, 8, "before commit"):
        await harvest(member, Files(path, "utf-8"), wish)
    assert (await harvest(member, Files(path, "utf-8"), wish)).tally.bad == len(bad)
    kept = (tmp_path / "bad.mrc").read_bytes().split(b"\x1d")[:-1]
    assert list(dict.fromkeys(one + b"\x1d" for one in kept)) == bad


Plan = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["before commit", "after commit"])), max_size=5)
Catalogue = st.dictionaries(st.integers(0, 15), st.integers(1, 2), max_size=16)


@settings(max_examples=25, deadline=None)
@given(Catalogue, Catalogue, Plan)
def test_wherever_it_is_cut_the_union_is_that_of_an_uncut_harvest(before: dict[int, int], after: dict[int, int],
                                                                  plan: list[tuple[int, str]]) -> None:
    async def go(folder: Path) -> None:
        async with alliance(folder) as town:
            member, path = town[HOME], folder / "export.mrc"
            for catalogue in (before, after):
                write(path, *(bib(number, edition) for number, edition in catalogue.items()))
                await cut_and_done(member, Files(path, "utf-8"), plan)
                assert await union(member) == {f"r{number:04}": bib(number, edition).title
                                               for number, edition in catalogue.items()}

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(go(Path(folder)))


async def cut_and_done(member: Member, source: Files, plan: list[tuple[int, str]]) -> None:
    """Harvest until it is done, with the power cut as planned before."""
    for commits, point in plan:
        try:
            with power_for(member, commits, point):
                await harvest(member, source, Wish(allow_deletions=True))
        except Cut:
            continue
    await harvest(member, source, Wish(allow_deletions=True))
